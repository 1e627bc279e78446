"""One step of gradient descent of a two-layer network, 784-50-10, a batch of 100, float32."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy
import mygrad as mg
import numpy as np
import torch
from mygrad.nnet.activations import sigmoid as mygrad_sigmoid
from mygrad.nnet.losses import softmax_crossentropy
from peers.measure import Row, Step, agree, compared
from torch.nn import functional

import clearprop as cp
from clearprop import nn
from clearprop.rules.exponential import sigmoid as fused_sigmoid
from clearprop.rules.loss import softmax_cross_entropy

TITLE = "Two-layer network 784-50-10, batch 100, float32: forward, backward, update"
TARGETS = {"PyTorch": 1.0, "HIPS autograd": 2.0, "MyGrad": 1.3}
LR = 0.1

rng = np.random.default_rng(0)
X = rng.random((100, 784), dtype=np.float32)
T = rng.integers(0, 10, 100)
ONE_HOT = np.eye(10, dtype=np.float32)[T]
for constant in (X, T, ONE_HOT):
    constant.flags.writeable = False  # the record then keeps it without a copy


def initial() -> dict[str, Any]:
    own = np.random.default_rng(1)
    draw = lambda *shape: (0.1 * own.standard_normal(shape)).astype(np.float32)  # noqa: E731
    return {"W1": draw(784, 50), "b1": draw(50), "W2": draw(50, 10), "b2": draw(10)}


def textbook_loss(np: Any) -> Any:
    """Give the loss as the textbook writes it, for the NumPy of a library."""

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    def softmax(x: Any) -> Any:
        x = x - np.max(x, axis=-1, keepdims=True)
        return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)

    def cross_entropy_error(y: Any, t: Any) -> Any:
        batch_size = y.shape[0]
        return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size

    def loss(params: dict[str, Any], x: Any, t: Any) -> Any:
        z1 = sigmoid(np.dot(x, params["W1"]) + params["b1"])
        y = softmax(np.dot(z1, params["W2"]) + params["b2"])
        return cross_entropy_error(y, t)

    return loss


def log_softmax_loss(np: Any) -> Any:
    """Give the loss with fewer operations: the logarithm of the softmax, times one-hot rows."""

    def loss(params: dict[str, Any], x: Any, t: Any) -> Any:
        z1 = 1 / (1 + np.exp(-(x @ params["W1"] + params["b1"])))
        a2 = z1 @ params["W2"] + params["b2"]
        shifted = a2 - np.max(a2, axis=-1, keepdims=True)
        log_total = np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
        return np.sum(t * (log_total - shifted)) / len(x)

    return loss


def fused_loss(params: dict[str, Any], x: Any, t: Any) -> Any:
    z1 = 1 / (1 + np.exp(-(x @ params["W1"] + params["b1"])))
    return np.mean(softmax_cross_entropy(z1 @ params["W2"] + params["b2"], t))


def fused_sigmoid_loss(params: dict[str, Any], x: Any, t: Any) -> Any:
    z1 = fused_sigmoid(x @ params["W1"] + params["b1"])
    return np.mean(softmax_cross_entropy(z1 @ params["W2"] + params["b2"], t))


def of_function(value_and_grad: Any, t: Any) -> tuple[Step, Any]:
    """Make the step of a library that differentiates a function of a dict."""
    params = initial()

    def step() -> Any:
        value, gradient = value_and_grad(params, X, t)
        for name, g in gradient.items():
            params[name] -= LR * g
        return value

    return step, params


def of_layers() -> tuple[Step, Any]:
    p = initial()
    layers = (nn.Affine(p["W1"], p["b1"]), nn.Sigmoid(), nn.Affine(p["W2"], p["b2"]))
    net = nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())
    params = net.params

    def step() -> Any:
        value, gradient = net.loss_and_gradient(X, T)
        for name, g in gradient.items():
            params[name] -= LR * g
        return value

    return step, params


def by_hand() -> tuple[Step, Any]:
    params = initial()
    rows = np.arange(len(X))

    def step() -> Any:
        W1, b1, W2, b2 = params.values()
        z1 = 1 / (1 + np.exp(-(X @ W1 + b1)))
        a2 = z1 @ W2 + b2
        e = np.exp(a2 - np.max(a2, axis=1, keepdims=True))
        y = e / np.sum(e, axis=1, keepdims=True)
        value = -np.log(y[rows, T]).mean()
        da2 = y
        da2[rows, T] -= 1
        da2 /= len(X)
        da1 = da2 @ W2.T * z1 * (1 - z1)
        gradient = (X.T @ da1, da1.sum(axis=0), z1.T @ da2, da2.sum(axis=0))
        for name, g in zip(params, gradient, strict=True):
            params[name] -= LR * g
        return value

    return step, params


def of_torch() -> tuple[Step, Any]:
    params = {k: torch.tensor(v, requires_grad=True) for k, v in initial().items()}
    W1, b1, W2, b2 = leaves = list(params.values())
    x, t = torch.tensor(X), torch.tensor(T)

    def step() -> Any:
        z1 = torch.sigmoid(torch.addmm(b1, x, W1))
        loss = functional.cross_entropy(torch.addmm(b2, z1, W2), t)
        gradient = torch.autograd.grad(loss, leaves)  # no accumulation, nothing to reset
        with torch.no_grad():
            for p, g in zip(leaves, gradient, strict=True):
                p.sub_(g, alpha=LR)
        return loss.detach()

    return step, {k: p.detach().numpy() for k, p in params.items()}


def of_mygrad() -> tuple[Step, Any]:
    mg.turn_memory_guarding_off()  # its documentation's advice for speed
    params = {k: mg.tensor(v) for k, v in initial().items()}
    W1, b1, W2, b2 = params.values()

    def step() -> Any:
        z1 = mygrad_sigmoid(mg.matmul(X, W1) + b1)
        loss = softmax_crossentropy(mg.matmul(z1, W2) + b2, T)
        loss.backward()
        for p in params.values():
            p.data -= LR * p.grad
        return loss.item()

    return step, {k: p.data for k, p in params.items()}


def measure(rounds: int) -> list[Row]:
    hips = autograd.value_and_grad
    made = {
        "clearprop, textbook NumPy": of_function(cp.value_and_grad(textbook_loss(np)), T),
        "clearprop, softmax_cross_entropy": of_function(cp.value_and_grad(fused_loss), ONE_HOT),
        "clearprop, sigmoid fused too": of_function(cp.value_and_grad(fused_sigmoid_loss), ONE_HOT),
        "clearprop, nn.Sequential": of_layers(),
        "NumPy by hand": by_hand(),
        "PyTorch eager": of_torch(),
        "HIPS autograd, textbook NumPy": of_function(hips(textbook_loss(autograd.numpy)), T),
        "HIPS autograd, log-softmax": of_function(hips(log_softmax_loss(autograd.numpy)), ONE_HOT),
        "MyGrad": of_mygrad(),
    }
    values = {name: [step() for _ in range(3)] for name, (step, _) in made.items()}
    agree(values, rtol=1e-5)
    agree({k: list(p.values()) for k, (_, p) in made.items()}, rtol=1e-4, atol=1e-6)
    return compared({name: step for name, (step, _) in made.items()}, rounds, TARGETS)
