"""The network of the documents: 784-50-10, sigmoid, a batch of 100, plain gradient descent."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.side import Params, Problem, Run, Side, affine

TITLE = "784-50-10, batch 100, SGD"
BATCH, CHUNK, LR = 100, 500, 0.1
FLOOR = {"PyTorch": 3.0, "JAX": 1.7}
AIM = {"PyTorch": 5.0, "JAX": 2.8}


def initial() -> Params:
    rng = np.random.default_rng(0)
    return affine(rng, 1, 784, 50) | affine(rng, 2, 50, 10)


def _torch_model():
    from torch import nn

    from benchmarks.suite import with_torch

    model = nn.Sequential(nn.Linear(784, 50), nn.Sigmoid(), nn.Linear(50, 10))
    return with_torch.load(model, initial())


def _torch(compiled: bool, by_hand: bool):
    def start(problem: Problem) -> Run:
        from benchmarks.suite import with_torch

        if by_hand:
            return with_torch.training_by_hand(problem, _torch_model(), LR, compiled=compiled)
        sgd = with_torch.sgd(LR)
        return with_torch.training(problem, _torch_model(), sgd, compiled=compiled)

    return start


def _jax(scanned: bool):
    def start(problem: Problem) -> Run:
        import jax

        from benchmarks.suite import with_jax

        def loss(p, x, t):
            hidden = jax.nn.sigmoid(x @ p["W1"] + p["b1"])
            return with_jax.cross_entropy(hidden @ p["W2"] + p["b2"], t)

        return with_jax.training(problem, initial(), loss, with_jax.sgd(LR), scanned=scanned)

    return start


def _numpy(problem: Problem) -> Run:
    W1, b1, W2, b2 = initial().values()
    rows = np.arange(BATCH)
    x, t = problem.x, problem.t
    lr = np.float32(LR)

    def step(indices):
        X, T = x[indices], t[indices]
        z1 = X @ W1
        z1 += b1
        np.negative(z1, out=z1)
        np.exp(z1, out=z1)
        z1 += 1
        np.reciprocal(z1, out=z1)
        y = z1 @ W2
        y += b2
        y -= y.max(axis=1, keepdims=True)
        picked = y[rows, T]
        np.exp(y, out=y)
        total = y.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - picked)
        y /= total
        y[rows, T] -= 1
        y *= lr / BATCH  # the rate goes into the smallest array
        da1 = y @ W2.T
        da1 *= z1
        da1 *= 1 - z1
        np.subtract(W2, z1.T @ y, out=W2)
        np.subtract(b2, y.sum(axis=0), out=b2)
        np.subtract(W1, X.T @ da1, out=W1)
        np.subtract(b1, da1.sum(axis=0), out=b1)
        return loss

    def steps(order):
        return np.array([step(indices) for indices in order])

    return Run(lambda order: order, steps)


SIDES = (
    Side("PyTorch", "eager", _torch(compiled=False, by_hand=False)),
    Side("PyTorch", "eager, autograd.grad", _torch(compiled=False, by_hand=True)),
    Side("PyTorch", "compile", _torch(compiled=True, by_hand=False)),
    Side("PyTorch", "compile, whole step", _torch(compiled=True, by_hand=True)),
    Side("JAX", "jit", _jax(scanned=False)),
    Side("JAX", "scan", _jax(scanned=True), whole=True),
    Side("NumPy", "by hand", _numpy),
)
