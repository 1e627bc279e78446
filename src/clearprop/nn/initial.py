"""Initial weights: random numbers whose spread keeps signals at one size from layer to layer."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import ShapeError
from clearprop.places import current_line

Seed = int | np.random.Generator


def gaussian(
    shape: tuple[int, ...], *, std: float = 0.01, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ N(0, std²)``.

    Parameters
    ----------
    shape : tuple of int
    std : float, default 0.01
    seed : int or numpy.random.Generator
        Drawn in float64 and then rounded to `dtype`, so that one seed gives the same network in
        both precisions.
    dtype : dtype, default float64

    Returns
    -------
    ndarray, shape `shape`

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 4.5.1: weight_init_std.

    Examples
    --------
    >>> from clearprop.nn import initial
    >>> initial.gaussian((2, 2), std=0.01, seed=0, dtype="float32").dtype
    dtype('float32')
    """
    numbers = np.random.default_rng(seed).standard_normal(shape)
    return (std * numbers).astype(dtype)


def he(
    shape: tuple[int, ...], *, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ N(0, 2 / inputs)``, for layers followed by ReLU.

    Parameters
    ----------
    shape : (D, n) for `Affine`, (F, C, kernel height, kernel width) for `Conv2d`
        The inputs of one output are D, or C · kernel height · kernel width.
    seed : int or numpy.random.Generator
    dtype : dtype, default float64

    Returns
    -------
    ndarray, shape `shape`

    Raises
    ------
    ShapeError
        The shape is of neither form.

    Source
    ------
    K. He et al., "Delving deep into rectifiers", 2015, equation (10).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.nn import initial
    >>> print(np.round(np.std(initial.he((200, 100), seed=0)), 2))
    0.1
    """
    return gaussian(shape, std=sqrt(2 / max(_fans(shape)[0], 1)), seed=seed, dtype=dtype)


def xavier(
    shape: tuple[int, ...], *, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ N(0, 2 / (inputs + outputs))``, for layers followed by tanh or sigmoid.

    Parameters and result are as in `he`.

    Source
    ------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation (12).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.nn import initial
    >>> print(np.round(np.std(initial.xavier((100, 100), seed=0)), 2))
    0.1
    """
    return gaussian(shape, std=sqrt(2 / max(sum(_fans(shape)), 1)), seed=seed, dtype=dtype)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) == 2:
        return shape
    if len(shape) == 4:
        return prod(shape[1:]), shape[0] * prod(shape[2:])
    raise ShapeError(
        f"Weights of shape {shape} are those of no layer here.",
        where=current_line(1),
        why="How many inputs an output has is known for (D, n) and for (F, C, height, width).",
        write="initial.gaussian(shape, std=0.01, seed=0)",
    )
