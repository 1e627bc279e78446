"""The value and the gradient of a function of 10,000,000 numbers: what its three cases share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.suite import machine_rate
from benchmarks.suite.side import Problem, Run, Side

N, BATCH, CHUNK = 10_000_000, 1, 3


def argument() -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, 2, N).astype(np.float32)


def sides(torch_function: Callable[[], Any], jax_function: Callable[[], Any]) -> tuple[Side, ...]:
    """Make the sides; the functions are made where their library has been imported."""

    def with_torch(compiled: bool) -> Callable[[Problem], Run]:
        def start(problem: Problem) -> Run:
            from benchmarks.suite import with_torch

            return with_torch.function(argument(), torch_function(), compiled)

        return start

    def with_jax(problem: Problem) -> Run:
        from benchmarks.suite import with_jax

        return with_jax.function(argument(), jax_function())

    return (
        Side("PyTorch", "eager", with_torch(compiled=False)),
        Side("PyTorch", "compile", with_torch(compiled=True)),
        Side("JAX", "jit", with_jax),
        Side("machine", "copying the array", machine_rate.copying(N)),
    )
