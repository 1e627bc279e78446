"""A product of tanh and exp, value and gradient on 10,000,000 float32 elements."""

from __future__ import annotations

from benchmarks.suite import elements

TITLE = "sum of tanh(x) exp(-x): value and gradient, 10,000,000 elements"
BATCH, CHUNK = elements.BATCH, elements.CHUNK
FLOOR = {"JAX": 5.0}
AIM: dict[str, float] = {}


def _torch():
    import torch

    return lambda x: torch.sum(torch.tanh(x) * torch.exp(-x))


def _jax():
    import jax.numpy as jnp

    return lambda x: jnp.sum(jnp.tanh(x) * jnp.exp(-x))


SIDES = elements.sides(_torch, _jax)
