"""The product of a vector with the Hessian of the 1,000-dimensional Rosenbrock function."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy
import numpy as np
from peers.measure import Row, agree, compared

import clearprop as cp

TITLE = "Hessian-vector product of the 1,000-dimensional Rosenbrock function, float64"
N = 1_000

rng = np.random.default_rng(0)
X, V = rng.standard_normal((2, N))
X.flags.writeable = V.flags.writeable = False


def rosenbrock(np: Any) -> Any:
    """Give the function for the NumPy of a library."""

    def f(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    return f


def by_hand() -> Any:
    y = np.zeros(N)
    y[:-1] = (1200 * X[:-1] ** 2 - 400 * X[1:] + 2) * V[:-1] - 400 * X[:-1] * V[1:]
    y[1:] += 200 * V[1:] - 400 * X[:-1] * V[:-1]
    return y


def measure(rounds: int) -> list[Row]:
    f = rosenbrock(np)
    first = cp.grad(f)
    second = cp.grad(lambda x: np.vdot(first(x), V))
    hips = autograd.hessian_vector_product(rosenbrock(autograd.numpy))
    steps: dict[str, Any] = {"clearprop, grad of grad": lambda: second(X)}
    if hasattr(cp, "hvp"):
        ours = cp.hvp(f)
        steps["clearprop, hvp"] = lambda: ours(X, V)
    steps["HIPS autograd"] = lambda: hips(X, V)
    steps["NumPy by hand"] = by_hand
    agree({name: [step()] for name, step in steps.items()}, rtol=1e-9, atol=1e-9)
    return compared(steps, rounds, {"HIPS autograd": 2.0})
