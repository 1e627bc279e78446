"""Clipping: gradients that are too large are made smaller, all by the same rules."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from clearprop.optim.nestings import in_dtype
from clearprop.trees import tree_map, tree_values

_BESIDE = 1e-6  # beside the norm, as torch.nn.utils.clip_grad_norm_ has it


def clipped(grads: Any, norm: float | None, value: float | None) -> Any:
    """Clip each number to [-value, value], then all of them together to a norm.

    Parameters
    ----------
    grads : nested arrays
    norm : float, optional
        The gradients, seen as one vector g, are multiplied by min(1, norm / (|g| + 1e-6)).
    value : float, optional

    Returns
    -------
    nested arrays
    """
    if value is not None:
        grads = tree_map(lambda g: np.clip(g, -value, value), grads)
    if norm is not None:
        factor = np.minimum(norm / (global_norm(grads) + _BESIDE), 1.0)
        grads = tree_map(lambda g: g * in_dtype(factor, g), grads)
    return grads


def global_norm(grads: Any) -> Any:
    """Give the Euclidean norm of all arrays together, in float64.

    Squares are taken of quotients by the largest, so that no gradient that is itself finite gives
    an infinite norm.
    """
    arrays = [g for g in tree_values(grads) if g.size]
    if not arrays:
        return np.float64(0.0)
    largest = reduce(np.maximum, [_wide(np.max(np.abs(g))) for g in arrays])
    unit = np.where(largest > 0, largest, 1.0)
    squares = [_wide(np.sum((g / in_dtype(unit, g)) ** 2)) for g in arrays]
    return unit * np.sqrt(sum(squares[1:], start=squares[0]))


def _wide(number: Any) -> Any:
    return number.astype(np.float64)  # the norm of float32 may be more than a float32
