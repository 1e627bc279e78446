"""Labels beside the scores they belong to: checked, and in the form in which a loss computes.

A label that is itself on a record (an argument of a traced function) stays a function of that
argument: it is checked by its value, and turned into rows on the record.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.data.fitting import fitted, whole_samples
from clearprop.data.labels import as_one_hot
from clearprop.errors import LabelError, ShapeError
from clearprop.places import current_line
from clearprop.tensor import Tensor


def class_targets(t: Any, scores: Any, loss: str, ignore: int | None = None) -> Any:
    """Give the labels as rows in the shape and dtype of the scores, (N, C), (C,) or (N, T, C).

    The row of a class number that is `ignore` is 0.

    Raises
    ------
    LabelError
        As `clearprop.data.as_one_hot`.
    ShapeError
        If the scores have no classes or no samples.
    """
    shape, dtype = scores.shape, scores.dtype
    if not shape or 0 in shape:
        raise ShapeError(
            f"{loss}: the scores have shape {shape}.",
            where=current_line(1),
            why="The loss is the mean over N samples of C classes, (N, C), over all steps of "
            "sequences, (N, T, C), or that of one sample, (C,); there is no mean over none.",
            write="scores.reshape(N, C), with N and C at least 1.",
        )
    values = t.value if isinstance(t, Tensor) else t
    if ignore is not None and np.shape(values) == shape[:-1]:
        labels = t if isinstance(t, Tensor) else np.asarray(t)
        counts = labels != ignore
        rows = class_targets(np.where(counts, labels, 0), scores, loss)
        return rows * np.expand_dims(counts, -1).astype(dtype)
    rows = as_one_hot(values, shape, dtype, caller=loss)
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
    labels = _numbers(t, loss, "Labels are the numbers 0 and 1.", "(t == 'yes').astype(float)")
    if len(y.shape) > 2 or 0 in y.shape:
        raise ShapeError(
            f"{loss}: x has shape {y.shape}.",
            where=current_line(1),
            why="The loss is the mean over N samples, of J outputs each: (N, J) or (N,); "
            "there is no mean over none.",
            write="x.reshape(N, J), with N and J at least 1.",
        )
    _check_shapes(labels, y, loss, "label")
    wrong = ~((labels >= 0) & (labels <= 1))
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise LabelError(
            f"{loss}: t{list(where) if where else ''} is {labels[where].item()!r}.",
            where=current_line(1),
            why="A label is 0 or 1, or the probability of 1, between them.",
            write="t == 1, if the labels are 1 and something else."
            if np.isfinite(labels[where])
            else whole_samples("np.isfinite(t)", labels.ndim),
        )
    return _in_place(t, labels, y)


def number_targets(t: Any, y: Any, loss: str) -> Any:
    """Give the numbers that are to be predicted, in the shape and dtype of the predictions.

    Raises
    ------
    LabelError
        If a number is NaN or infinite (in that dtype), or the shapes do not fit.
    ShapeError
        If there are no samples.
    """
    numbers = _numbers(t, loss, "What is to be predicted are real numbers.", "t.astype(float)")
    if 0 in y.shape:
        raise ShapeError(
            f"{loss}: x has shape {y.shape}.",
            where=current_line(1),
            why="The loss is the mean over all numbers of x; there is no mean over none.",
            write="at least one sample.",
        )
    _check_shapes(numbers, y, loss, "target")
    with np.errstate(over="ignore"):
        wrong = ~np.isfinite(numbers.astype(y.dtype))
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        found = numbers[where].item()
        raise LabelError(
            f"{loss}: t{list(where) if where else ''} is {found!r}.",
            where=current_line(1),
            why=f"It is too large for the {y.dtype} of the predictions."
            if np.isfinite(found)
            else "What is to be predicted is finite.",
            write="t / 1e30, and predictions in that unit."
            if np.isfinite(found)
            else whole_samples("np.isfinite(t)", numbers.ndim),
        )
    return _in_place(t, numbers, y)


def _check_shapes(labels: Any, y: Any, loss: str, what: str) -> None:
    if labels.shape in (y.shape, y.shape[:-1] if y.shape[-1:] == (1,) else y.shape):
        return
    write = fitted("t", labels.shape, y.shape)
    if write is None and labels.ndim > 1 and y.shape in (labels.shape[:1], (len(labels), 1)):
        write = (
            f"a last layer of {labels.shape[-1]} outputs; or, if t has a {what} for each step, an "
            "LSTM without last=True"
        )
    elif write is None:
        write = f"x[i:j] with t[i:j], as many {what}s as outputs."
    raise LabelError(
        f"{loss}: t has shape {labels.shape}, x has shape {y.shape}.",
        where=current_line(1),
        why=f"Each output has one {what}; broadcasting would pair every output with every {what}.",
        write=write,
    )


def _in_place(t: Any, labels: Any, y: Any) -> Any:
    """Give checked labels in the shape and dtype of what they belong to; a record stays one."""
    if not isinstance(t, Tensor):
        return labels.reshape(y.shape).astype(y.dtype)  # a copy: t may be filled anew
    shaped = t if t.shape == y.shape else np.reshape(t, y.shape)
    return shaped if shaped.dtype == y.dtype else shaped.astype(y.dtype)


def _numbers(t: Any, loss: str, why: str, write: str) -> np.ndarray[Any, Any]:
    if isinstance(t, np.ma.MaskedArray):
        raise LabelError(
            f"{loss}: t is a masked array.",
            where=current_line(1),
            why="What is masked would count as if it were not.",
            write=whole_samples("~np.ma.getmaskarray(t)", t.ndim).replace(
                "t[keep]", "t.data[keep]"
            ),
        )
    labels = np.asarray(t.value if isinstance(t, Tensor) else t)
    if labels.dtype.kind not in "fiub":
        raise LabelError(
            f"{loss}: t has shape {labels.shape} and dtype {labels.dtype}.",
            where=current_line(1),
            why=why,
            write=write,
        )
    return labels
