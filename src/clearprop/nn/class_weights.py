"""How much each class counts in a loss, and which does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import OptionError, ShapeError
from clearprop.places import current_line


def checked_weights(value: Any, loss: str) -> npt.NDArray[np.float64] | None:
    """Give the weights of classes as an array of its own that nobody writes to; None stays None.

    Raises
    ------
    OptionError
        If they are no row of numbers from 0 on, or all are 0.
    """
    if value is None:
        return None
    try:
        weights = np.array(value, np.float64)
    except (TypeError, ValueError):
        weights = np.empty(0)
    fits = weights.ndim == 1 and weights.size > 0
    if not (fits and (weights >= 0).all() and np.isfinite(weights).all() and weights.any()):
        raise OptionError(
            f"{loss}: class_weights is {value!r}.",
            where=current_line(1),
            why="It is a row of finite numbers from 0 on, one for each class, and not all are 0.",
            write="class_weights=len(t) / (C * np.bincount(t, minlength=C))",
        )
    weights.flags.writeable = False
    return weights


def weights_like(weights: Any, x: Any, loss: str) -> Any:
    """Give the weights in the dtype of the scores; None stays None.

    Raises
    ------
    ShapeError
        If the scores are of another number of classes.
    """
    if weights is None:
        return None
    if x.shape[-1:] != weights.shape:
        raise ShapeError(
            f"{loss}: x has shape {x.shape}, class_weights has {len(weights)} numbers.",
            where=current_line(1),
            why="Each class has one weight, and the last axis of x holds the classes.",
            write=f"class_weights=np.ones({x.shape[-1] if x.ndim else 1})",
        )
    return weights.astype(x.dtype)


def shown_weights(weights: Any) -> str:
    """Describe the weights, for the repr of a loss."""
    return "" if weights is None else f"class_weights={weights.tolist()}"


def checked_ignore(value: Any, loss: str) -> int | None:
    """Give the class number that does not count; None stays None.

    Raises
    ------
    OptionError
        If it is no whole number.
    """
    if value is None or (isinstance(value, int | np.integer) and not isinstance(value, bool)):
        return None if value is None else int(value)
    raise OptionError(
        f"{loss}: ignore is {value!r}.",
        where=current_line(1),
        why="It is the class number that stands where nothing is to be predicted.",
        write="ignore=-1",
    )


def weight_of(loss: Any, t: Any) -> Any:
    """Give what a loss divides by: the weights of the labels, or the number of those that count."""
    if loss.class_weights is None and loss.ignore is None:
        return float(len(t))
    weights = 1.0 if loss.class_weights is None else loss.class_weights
    return np.sum(weights * t, dtype=np.float64)
