"""Functions with calls, layers and loops, whose groups the tests look at."""

from __future__ import annotations

import numpy as np

from clearprop import nn


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def cross_entropy(y, t):
    return -np.sum(t * np.log(y)) / len(y)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        return x @ self.W + self.b


def two_layer_net(x, t, W1, b1, W2, b2):
    z1 = sigmoid(Affine(W1, b1).forward(x))
    y = softmax(Affine(W2, b2).forward(z1))
    return cross_entropy(y, t)


def twice_from_one_line(x):
    for _ in range(2):
        x = softmax(x)
    return np.sum(x)


def nested_loops(x):
    for _ in range(3):
        for _ in range(2):
            x = np.sin(x)
            x = x + 1
        x = x * 2
    return x


def while_loop(x):
    n = 0
    while n < 4:
        x = np.sin(x)
        x = np.cos(x)
        n += 1
    return x


def comprehension(x):
    return np.sum(np.stack([np.sin(x * k) for k in range(3)]))


def one_function_of_several_operations(x):
    v = np.var(x)
    return v * 2


def recursive(x, depth):
    return x if depth == 0 else np.sin(recursive(np.cos(x), depth - 1))


def steps(x, n):
    for _ in range(n):
        x = np.sin(x)
        x = x * 1.01
    return x


def through_layers(x):
    net = nn.Sequential(nn.Affine.initial(4, 5, seed=0), nn.ReLU(), nn.Affine.initial(5, 3, seed=1))
    return softmax(net.forward(x))


def conv_net(x):
    net = nn.Sequential(
        nn.Conv2d.initial(1, 4, 3, seed=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Affine.initial(36, 10, seed=0), nn.ReLU(), nn.Affine.initial(10, 3, seed=1),
    )  # fmt: skip
    return np.sum(net.forward(x) ** 2)


def lstm_cell(x, h, c, W, U, b):
    i, f, o, g = np.split(x @ W + h @ U + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, c


def lstm(xs, W, U, b):
    h = np.zeros((2, 3))
    c = np.zeros((2, 3))
    for t in range(5):
        h, c = lstm_cell(xs[t], h, c, W, U, b)
    return np.sum(h**2)


_RANDOM = np.random.default_rng(0)
NET = (
    _RANDOM.normal(size=(6, 4)),
    np.eye(3)[[0, 2, 1, 0, 1, 2]],
    _RANDOM.normal(size=(4, 5)),
    np.zeros(5),
    _RANDOM.normal(size=(5, 3)),
    np.zeros(3),
)
LSTM = (
    _RANDOM.normal(size=(5, 2, 4)),
    _RANDOM.normal(size=(4, 12)),
    _RANDOM.normal(size=(3, 12)),
    np.zeros(12),
)
CONV = (_RANDOM.normal(size=(2, 1, 8, 8)),)
