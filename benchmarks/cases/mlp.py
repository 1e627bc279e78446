"""784-500-250-100-10 with batch normalisation, ReLU and dropout, trained by Adam."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchmarks.suite.side import Params, Problem, Run, Side, affine

TITLE = "784-500-250-100-10, BatchNorm, ReLU, Dropout, Adam, batch 100"
BATCH, CHUNK, LR, EPS, RATIO = 100, 60, 1e-3, 1e-6, 0.5
SIZES = (784, 500, 250, 100, 10)
FLOOR = {"PyTorch": 2.0, "JAX": 1.5}
AIM = {"PyTorch": 2.5, "JAX": 1.8}


def initial() -> Params:
    """W1, b1, gamma1, beta1, W2, …, in the order of the layers."""
    rng = np.random.default_rng(0)
    params: Params = {}
    for k, (m, n) in enumerate(pairwise(SIZES), 1):
        params |= affine(rng, k, m, n)
        if k < 4:
            params |= {f"gamma{k}": np.ones(n, np.float32), f"beta{k}": np.zeros(n, np.float32)}
    return params


def _torch(compiled: bool):
    def start(problem: Problem) -> Run:
        from torch import nn

        from benchmarks.suite import with_torch

        layers = []
        for m, n in pairwise(SIZES[:-1]):
            norm = nn.BatchNorm1d(n, eps=EPS)
            layers += [nn.Linear(m, n), norm, nn.ReLU(), nn.Dropout(problem.ratio(RATIO))]
        model = with_torch.load(nn.Sequential(*layers, nn.Linear(*SIZES[-2:])), initial())
        return with_torch.training(problem, model, with_torch.adam(LR), compiled=compiled)

    return start


def _jax(scanned: bool):
    def start(problem: Problem) -> Run:
        import jax
        import jax.numpy as jnp

        from benchmarks.suite import with_jax

        ratio = problem.ratio(RATIO)

        def loss(p, state, x, t):
            key, running = state["key"], {}
            for k in (1, 2, 3):
                x = x @ p[f"W{k}"] + p[f"b{k}"]
                mean, var = x.mean(axis=0), x.var(axis=0)
                x = p[f"gamma{k}"] * (x - mean) * jax.lax.rsqrt(var + EPS) + p[f"beta{k}"]
                x = jax.nn.relu(x)
                key, own = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(own, 1 - ratio, x.shape), x / (1 - ratio), 0)
                was_mean, was_var = state[f"running{k}"]
                running[f"running{k}"] = (
                    0.9 * was_mean + 0.1 * mean,
                    0.9 * was_var + 0.1 * var * (len(x) / (len(x) - 1)),
                )
            return with_jax.cross_entropy(x @ p["W4"] + p["b4"], t), {"key": key, **running}

        state = {"key": with_jax.random_key()}
        for k, n in enumerate(SIZES[1:-1], 1):
            state[f"running{k}"] = (jnp.zeros(n), jnp.ones(n))
        adam = with_jax.adam(LR)
        return with_jax.training(problem, initial(), loss, adam, state=state, scanned=scanned)

    return start


SIDES = (
    Side("PyTorch", "eager", _torch(compiled=False)),
    Side("PyTorch", "compile", _torch(compiled=True)),
    Side("JAX", "jit", _jax(scanned=False)),
    Side("JAX", "scan", _jax(scanned=True), whole=True),
)
