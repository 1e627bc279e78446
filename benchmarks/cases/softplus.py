"""Softplus, value and gradient on 10,000,000 float32 elements."""

from __future__ import annotations

from benchmarks.suite import elements

TITLE = "sum of softplus(x): value and gradient, 10,000,000 elements"
BATCH, CHUNK = elements.BATCH, elements.CHUNK
FLOOR = {"JAX": 3.0}
AIM: dict[str, float] = {}


def _torch():
    import torch

    return lambda x: torch.sum(torch.nn.functional.softplus(x))


def _jax():
    import jax
    import jax.numpy as jnp

    return lambda x: jnp.sum(jax.nn.softplus(x))


SIDES = elements.sides(_torch, _jax)
