"""Labels beside the scores they belong to: checked, and in the form in which a loss computes.

A label that is itself on a record (an argument of a traced function) stays a function of that
argument: it is checked by its value, and turned into rows on the record.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.data.labels import as_one_hot
from clearprop.errors import LabelError, ShapeError
from clearprop.places import current_line
from clearprop.tensor import Tensor


def class_targets(t: Any, scores: Any, loss: str) -> Any:
    """Give the labels as rows in the shape and dtype of the scores, (N, C) or (C,).

    Raises
    ------
    LabelError
        As `clearprop.data.as_one_hot`.
    ShapeError
        If the scores have no classes or no samples.
    """
    shape, dtype = scores.shape, scores.dtype
    if len(shape) not in (1, 2) or 0 in shape:
        raise ShapeError(
            f"{loss}: the scores have shape {shape}.",
            where=current_line(1),
            why="The loss is the mean over N samples of C classes, (N, C), or that of one, (C,); "
            "there is no mean over none.",
            write="scores.reshape(N, C), with N and C at least 1.",
        )
    rows = as_one_hot(t.value if isinstance(t, Tensor) else t, shape, dtype, caller=loss)
    if not isinstance(t, Tensor):
        return rows
    if t.shape == shape:
        return t if t.dtype == dtype else t.astype(dtype)
    return (np.expand_dims(t, -1) == np.arange(shape[-1])).astype(dtype)


def binary_targets(t: Any, y: Any, loss: str) -> Any:
    """Give the labels, each from 0 to 1, in the shape and dtype of what they belong to.

    Raises
    ------
    LabelError
        If a label is below 0, above 1 or NaN, or the shapes do not fit.
    ShapeError
        If there are no samples.
    """
    plain = t.value if isinstance(t, Tensor) else t
    labels = _numbers(plain, loss)
    if len(y.shape) > 2 or 0 in y.shape:
        raise ShapeError(
            f"{loss}: x has shape {y.shape}.",
            where=current_line(1),
            why="The loss is the mean over N samples, of J outputs each: (N, J) or (N,); "
            "there is no mean over none.",
            write="x.reshape(N, J), with N and J at least 1.",
        )
    if labels.shape not in (y.shape, y.shape[:-1] if y.shape[-1:] == (1,) else y.shape):
        raise LabelError(
            f"{loss}: t has shape {labels.shape}, x has shape {y.shape}.",
            where=current_line(1),
            why="Each output has one label; broadcasting would pair every output with every label.",
            write=f"np.reshape(t, {y.shape})"
            if labels.size == np.prod(y.shape)
            else "x[i:j] with t[i:j], as many labels as outputs.",
        )
    wrong = ~((labels >= 0) & (labels <= 1))
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise LabelError(
            f"{loss}: t{list(where) if where else ''} is {labels[where].item()!r}.",
            where=current_line(1),
            why="A label is 0 or 1, or the probability of 1, between them.",
            write="t == 1, if the labels are 1 and something else."
            if np.isfinite(labels[where])
            else "keep = np.isfinite(t); x, t = x[keep], t[keep]",
        )
    if not isinstance(t, Tensor):
        return labels.reshape(y.shape).astype(y.dtype)  # a copy: t may be filled anew
    shaped = t if t.shape == y.shape else np.reshape(t, y.shape)
    return shaped if shaped.dtype == y.dtype else shaped.astype(y.dtype)


def _numbers(t: Any, loss: str) -> np.ndarray[Any, Any]:
    labels = np.asarray(t)
    if labels.dtype.kind not in "fiub":
        raise LabelError(
            f"{loss}: t has shape {labels.shape} and dtype {labels.dtype}.",
            where=current_line(1),
            why="Labels are the numbers 0 and 1.",
            write="(t == 'yes').astype(float)",
        )
    return labels
