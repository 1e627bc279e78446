"""Four hidden layers of 1024, ReLU, a batch of 256, plain gradient descent: matrix products."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchmarks.suite import machine_rate
from benchmarks.suite.side import Params, Problem, Run, Side, affine

TITLE = "four layers of 1024, ReLU, batch 256, SGD"
BATCH, CHUNK, LR = 256, 6, 0.01
SIZES = (784, 1024, 1024, 1024, 1024, 10)
FLOOR = {"PyTorch": 1.2, "JAX": 1.1}
AIM: dict[str, float] = {}  # 75 % of the matrix-product rate
BEST_RATE = 0.75

# Forward, dW, and dX in all layers but the first.
FLOP = sum(2 * BATCH * m * n * (3 if k else 2) for k, (m, n) in enumerate(pairwise(SIZES)))


def initial() -> Params:
    rng = np.random.default_rng(0)
    params: Params = {}
    for k, (m, n) in enumerate(pairwise(SIZES), 1):
        params |= affine(rng, k, m, n)
    return params


def _torch(compiled: bool, by_hand: bool):
    def start(problem: Problem) -> Run:
        from torch import nn

        from benchmarks.suite import with_torch

        layers = [layer for m, n in pairwise(SIZES) for layer in (nn.Linear(m, n), nn.ReLU())]
        model = with_torch.load(nn.Sequential(*layers[:-1]), initial())
        if by_hand:
            return with_torch.training_by_hand(problem, model, LR, compiled=compiled)
        return with_torch.training(problem, model, with_torch.sgd(LR), compiled=compiled)

    return start


def _jax(scanned: bool):
    def start(problem: Problem) -> Run:
        import jax

        from benchmarks.suite import with_jax

        def loss(p, x, t):
            for k in (1, 2, 3, 4):
                x = jax.nn.relu(x @ p[f"W{k}"] + p[f"b{k}"])
            return with_jax.cross_entropy(x @ p["W5"] + p["b5"], t)

        return with_jax.training(problem, initial(), loss, with_jax.sgd(LR), scanned=scanned)

    return start


SIDES = (
    Side("PyTorch", "eager", _torch(compiled=False, by_hand=False)),
    Side("PyTorch", "eager, autograd.grad", _torch(compiled=False, by_hand=True)),
    Side("PyTorch", "compile", _torch(compiled=True, by_hand=False)),
    Side("PyTorch", "compile, whole step", _torch(compiled=True, by_hand=True)),
    Side("JAX", "jit", _jax(scanned=False)),
    Side("JAX", "scan", _jax(scanned=True), whole=True),
    Side("machine", "the same flops in one product", machine_rate.products(FLOP)),
)
