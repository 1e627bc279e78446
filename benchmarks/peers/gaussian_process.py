"""The likelihood of a Gaussian process: a Cholesky decomposition of 500 × 500."""

from __future__ import annotations

from typing import Any

import autograd.numpy
import jax.numpy
import numpy as np
from jax.scipy.linalg import solve_triangular
from peers import science
from peers.measure import Row

TITLE = "Gaussian process, 500 points: the likelihood and its gradient, float64"


def in_autograd(log_length: Any, log_height: Any, log_noise: Any, x: Any, y: Any) -> Any:
    np = autograd.numpy
    length, height, noise = np.exp(log_length), np.exp(log_height), np.exp(log_noise)
    K = height**2 * np.exp(-0.5 * ((x - x.T) / length) ** 2) + noise**2 * np.eye(len(y))
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L, y)
    return 0.5 * alpha @ alpha + np.sum(np.log(np.diag(L))) + 0.5 * len(y) * np.log(2 * np.pi)


def in_jax(log_length: Any, log_height: Any, log_noise: Any, x: Any, y: Any) -> Any:
    jnp = jax.numpy
    length, height, noise = jnp.exp(log_length), jnp.exp(log_height), jnp.exp(log_noise)
    K = height**2 * jnp.exp(-0.5 * ((x - x.T) / length) ** 2) + noise**2 * jnp.eye(len(y))
    L = jnp.linalg.cholesky(K)
    alpha = solve_triangular(L, y, lower=True)
    return 0.5 * alpha @ alpha + jnp.sum(jnp.log(jnp.diag(L))) + 0.5 * len(y) * np.log(2 * np.pi)


def measure(rounds: int) -> list[Row]:
    return science.measure("gaussian_process", 3, in_autograd, {"JAX, jit": in_jax}, rounds)
