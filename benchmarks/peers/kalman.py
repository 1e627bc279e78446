"""A Kalman filter of 1,000 steps, four states and two measurements."""

from __future__ import annotations

from typing import Any

import autograd.numpy
import jax
import jax.numpy
import numpy as np
from peers import science
from peers.measure import Row

TITLE = "Kalman filter, 1,000 steps: the likelihood and its gradient, float64"
F, H = np.eye(4) + 0.1 * np.eye(4, 4, 2), np.eye(2, 4)


def one_step(np: Any, x: Any, P: Any, z: Any, Q: Any, R: Any) -> Any:
    x = F @ x
    P = F @ P @ F.T + Q
    e = z - H @ x
    S = H @ P @ H.T + R
    cost = 0.5 * (e @ np.linalg.solve(S, e) + np.linalg.slogdet(S)[1])
    K = np.linalg.solve(S, H @ P).T
    return x + K @ e, P - K @ H @ P, cost


def in_autograd(log_q: Any, log_r: Any, places: Any) -> Any:
    anp = autograd.numpy
    Q, R = anp.diag(anp.exp(log_q)), anp.diag(anp.exp(log_r))
    x, P, total = np.zeros(4), np.eye(4), 0.0
    for z in places:
        x, P, cost = one_step(anp, x, P, z, Q, R)
        total = total + cost
    return total + len(places) * np.log(2 * np.pi)


def scanned(log_q: Any, log_r: Any, places: Any) -> Any:
    jnp = jax.numpy
    Q, R = jnp.diag(jnp.exp(log_q)), jnp.diag(jnp.exp(log_r))

    def step(state: Any, z: Any) -> Any:
        *state, cost = one_step(jnp, *state, z, Q, R)
        return tuple(state), cost

    costs = jax.lax.scan(step, (jnp.zeros(4), jnp.eye(4)), places)[1]
    return jnp.sum(costs) + len(places) * np.log(2 * np.pi)


def measure(rounds: int) -> list[Row]:
    return science.measure("kalman", 2, in_autograd, {"JAX, jit and scan": scanned}, rounds)
