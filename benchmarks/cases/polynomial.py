"""A polynomial, value and gradient on 10,000,000 float32 elements."""

from __future__ import annotations

from benchmarks.suite import elements

TITLE = "sum of a polynomial: value and gradient, 10,000,000 elements"
BATCH, CHUNK = elements.BATCH, elements.CHUNK
FLOOR = {"JAX": 2.0}
AIM: dict[str, float] = {}
BEST_RATE = 0.7  # of the copying, in reads and writes


def _torch():
    import torch

    return lambda x: torch.sum(((0.5 * x - 1.5) * x + 2.0) * x)


def _jax():
    import jax.numpy as jnp

    return lambda x: jnp.sum(((0.5 * x - 1.5) * x + 2.0) * x)


SIDES = elements.sides(_torch, _jax)
