"""Functions whose pictures the tests look at; in a file, so that variables have names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import clearprop as cp


def apples(apple, number, tax):
    apple_price = apple * number
    price = apple_price * tax
    return price


def apples_and_oranges(apple, apple_num, orange, orange_num, tax):
    apple_price = apple * apple_num
    orange_price = orange * orange_num
    all_price = apple_price + orange_price
    price = all_price * tax
    return price


def squared_sum(x, y):
    t = x + y
    z = t**2
    return z


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def affine(x, W, b):
    y = x @ W + b
    return np.sum(y)


def softmax_with_loss(x, t):
    shifted = x - np.max(x, axis=1, keepdims=True)
    e = np.exp(shifted)
    p = e / np.sum(e, axis=1, keepdims=True)
    loss = -np.sum(t * np.log(p)) / len(x)
    return loss


def assignment(x):
    y = x * 1.0
    y[1:3] = x[:2] * 2
    y[0] += 5
    return np.sum(y * y)


def square(x):
    return x * x


def diamond(x):
    t = np.exp(x)
    left = 2 * t
    right = np.sin(t)
    return left * right


def relu(x):
    mask = x <= 0
    out = x.copy()
    out[mask] = 0
    return np.sum(out)


def labels(scores, t):
    chosen = scores[np.arange(3), t]
    return -np.mean(chosen)


def several_results(x, y):
    s = x + y
    p = s * y
    return {"sum": s, "product": p}


def dead_ends(x, unused):
    seen = x * 3
    print_me = np.cos(x)  # noqa: F841 - that is the point
    return seen


@cp.primitive(outputs=2)
def polar(u, v):
    return np.hypot(u, v), np.arctan2(v, u)


@polar.vjp("u")
def _(dy, u, v):
    r = np.hypot(u, v)
    return dy[0] * u / r - dy[1] * v / r**2


@polar.vjp("v")
def _(dy, u, v):
    r = np.hypot(u, v)
    return dy[0] * v / r + dy[1] * u / r**2


def two_outputs(x, y):
    radius, angle = polar(x, y)
    return radius * angle


def two_layers(x, params, t):
    hidden = np.tanh(x @ params["W1"] + params["b1"])
    scores = hidden @ params["W2"] + params["b2"]
    error = scores - t
    penalty = 0.01 * (np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2))
    return np.mean(error**2) + penalty


def long_lines(x, y):
    z = x * y
    for _ in range(20):
        z = np.sin(z)
    return z * x + y


_RANDOM = np.random.default_rng(0)
_PARAMS = {
    "W1": _RANDOM.normal(size=(4, 5)),
    "b1": np.zeros(5),
    "W2": _RANDOM.normal(size=(5, 3)),
    "b2": np.zeros(3),
}

#: What is drawn: the function and its arguments.
EXAMPLES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "apples": (apples, (100.0, 2.0, 1.1)),
    "apples_and_oranges": (apples_and_oranges, (100.0, 2.0, 150.0, 3.0, 1.1)),
    "squared_sum": (squared_sum, (1.0, 2.0)),
    "sigmoid": (sigmoid, (0.5,)),
    "affine": (
        affine,
        (
            np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
            np.array([[1.0, 0.5], [-0.5, 2.0]]),
            np.ones(2),
        ),
    ),
    "softmax_with_loss": (
        softmax_with_loss,
        (_RANDOM.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 0]]),
    ),
    "assignment": (assignment, (np.arange(4.0),)),
    "square": (square, (3.0,)),
    "diamond": (diamond, (0.5,)),
    "relu": (relu, (np.array([1.0, -1.0, 2.0]),)),
    "labels": (labels, (_RANDOM.normal(size=(3, 5)), np.array([1, 0, 4]))),
    "several_results": (several_results, (2.0, 3.0)),
    "dead_ends": (dead_ends, (2.0, 3.0)),
    "two_outputs": (two_outputs, (3.0, 4.0)),
    "two_layers": (two_layers, (_RANDOM.normal(size=(6, 4)), _PARAMS, _RANDOM.normal(size=(6, 3)))),
    "long_lines": (long_lines, (0.5, 2.0)),
}
