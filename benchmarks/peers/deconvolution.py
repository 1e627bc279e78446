"""Deconvolution by Fourier transforms of 64 × 64."""

from __future__ import annotations

from typing import Any

import autograd.numpy
import jax.numpy
from numpy.fft import fftfreq
from peers import science
from peers.measure import Row

TITLE = "Deconvolution, 64 × 64, by Fourier transforms: the cost and its gradient, float64"


def with_numpy_of(np: Any) -> Any:
    """Give the function for the NumPy of a library."""

    def cost(image: Any, width: Any, seen: Any) -> Any:
        i, j = (np.array(fftfreq(n)) for n in seen.shape)
        filtered = np.exp(-2 * (np.pi * width) ** 2 * (i[:, None] ** 2 + j**2))
        error = np.real(np.fft.ifft2(np.fft.fft2(image) * filtered)) - seen
        steps = np.diff(image, axis=0)[:, :-1] ** 2 + np.diff(image, axis=1)[:-1] ** 2
        return np.sum(error**2) + 1e-3 * np.sum(np.sqrt(steps + 1e-6))

    return cost


def measure(rounds: int) -> list[Row]:
    forms = {"JAX, jit": with_numpy_of(jax.numpy)}
    return science.measure("deconvolution", 2, with_numpy_of(autograd.numpy), forms, rounds)
