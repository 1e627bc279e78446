"""Labels as class numbers and as one-hot rows, checked against the scores they belong to."""

from __future__ import annotations

import operator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from clearprop.data.fitting import fitted, whole_samples
from clearprop.errors import ClearpropError, DTypeError, LabelError, ShapeError

# How far the sum of a row of probabilities may be from 1: rows computed in float16 pass, a row
# that lacks a class does not.
SUM_TOLERANCE = 1e-3


def one_hot(
    labels: npt.ArrayLike, classes: int, *, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    """``y[..., c] = 1`` where ``labels[...] == c``, else 0.

    Parameters
    ----------
    labels : array_like of whole numbers from 0 to classes - 1, shape (N,), () or any other
        Integers, booleans, or floats that are whole numbers.
    classes : int
        The number of classes, C.
    dtype : dtype, default float64
        A float dtype; with an unsigned one ``-y`` would be 255, not -1.

    Returns
    -------
    ndarray, shape labels.shape + (C,)

    Raises
    ------
    LabelError
        A label is fractional, not finite, negative or beyond the last class, or is no number.
    DTypeError
        `dtype` is not a float.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.1.3: the 1-of-K
    coding scheme.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    float_type = _float_type(dtype, "one_hot")
    width = _class_count(classes, "one_hot")
    indices = _indices(_numbers(labels, "labels", "one_hot"), width, "labels", "one_hot")
    return _spread(indices, width, float_type)


def as_class_indices(
    t: npt.ArrayLike, shape: int | tuple[int, ...], *, caller: str = "as_class_indices"
) -> npt.NDArray[np.int64]:
    """Class numbers ``c`` of the labels `t`, given as class numbers or as one-hot rows.

    Parameters
    ----------
    t : array_like, shape (N,) or (N, C), or for a single sample () or (C,)
        Whole numbers from 0 to C - 1, or one-hot rows.
    shape : tuple of int, (N, C) or (C,)
        The shape of the scores that `t` labels. It decides what `t` is: ``[0, 1, 0]`` are three
        class numbers beside scores of shape (3, 3), and one one-hot row beside scores of shape
        (3,). An int C stands for scores (N, C) of as many samples as `t` has.
    caller : str
        The operation that an error message names.

    Returns
    -------
    ndarray of int64, shape (N,) or ()
        A new array.

    Raises
    ------
    LabelError
        The shape of `t` does not fit; a label is fractional, not finite, negative or beyond the
        last class; a row is not one-hot, such as a row of probabilities.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.1.3: the 1-of-K
    coding scheme, read backwards.

    Examples
    --------
    >>> as_class_indices([[0, 0, 1], [1, 0, 0]], (2, 3))
    array([2, 0])
    >>> as_class_indices([2.0, 0.0], (2, 3))
    array([2, 0])
    >>> as_class_indices(2, (3,))
    array(2)
    """
    numbers = _numbers(t, "t", caller)
    if not isinstance(shape, tuple):
        shape = (*numbers.shape[:1], _class_count(shape, caller))
    if _form(numbers, shape, caller) == "indices":
        return _indices(numbers, shape[-1], "t", caller)
    return _hot_positions(numbers, caller)


def as_one_hot(
    t: npt.ArrayLike,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike = np.float64,
    *,
    caller: str = "as_one_hot",
) -> npt.NDArray[Any]:
    """Rows of `t` in the shape of the scores, each non-negative and with the sum 1.

    Parameters
    ----------
    t : array_like, shape (N,) or (N, C), or for a single sample () or (C,)
        Whole numbers from 0 to C - 1, or one-hot rows, or rows of probabilities.
    shape : tuple of int, (N, C) or (C,)
        The shape of the scores that `t` labels; it decides what `t` is, as in `as_class_indices`.
    dtype : dtype, default float64
        A float dtype, usually that of the scores.
    caller : str
        The operation that an error message names.

    Returns
    -------
    ndarray, shape `shape`
        A new array, also where `t` had this shape and dtype already: a batch that is filled
        anew between forward and backward then changes nothing.

    Raises
    ------
    LabelError
        The shape of `t` does not fit; a label is fractional, not finite, negative or beyond the
        last class; a row has a value that is negative or not finite, or a sum that differs from
        1 by more than 0.001.
    DTypeError
        `dtype` is not a float.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.1.3: the 1-of-K
    coding scheme.

    Examples
    --------
    >>> as_one_hot([2, 0], (2, 3))
    array([[0., 0., 1.],
           [1., 0., 0.]])
    >>> as_one_hot([0.9, 0.1, 0.0], (3,))
    array([0.9, 0.1, 0. ])
    """
    float_type = _float_type(dtype, caller)
    numbers = _numbers(t, "t", caller)
    if _form(numbers, shape, caller) == "indices":
        return _spread(_indices(numbers, shape[-1], "t", caller), shape[-1], float_type)
    _check_probabilities(numbers, caller)
    return numbers.astype(float_type)


def _spread(indices: npt.NDArray[np.int64], classes: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    rows = np.zeros((indices.size, classes), dtype)
    rows[np.arange(indices.size), indices.ravel()] = 1
    return rows.reshape((*indices.shape, classes))


def _float_type(dtype: npt.DTypeLike, caller: str) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.kind != "f":
        raise DTypeError(
            f"{caller}: dtype is {dtype!r}.",
            why="one-hot rows take part in calculus, so they are floats.",
            write=f"{caller}(..., dtype=np.float32)",
        )
    return found


def _class_count(classes: Any, caller: str) -> int:
    try:
        count = operator.index(classes)
    except TypeError:
        count = 0
    if count < 1:
        raise LabelError(
            f"{caller}: the number of classes is {classes!r}.",
            why="it is a whole number, at least 1.",
            write=f"{caller}(labels, 10)",
        )
    return count


def _numbers(t: npt.ArrayLike, name: str, caller: str) -> npt.NDArray[Any]:
    try:
        numbers = np.asarray(t)
    except ClearpropError:  # a traced value has its own explanation
        raise
    except ValueError as error:
        raise LabelError(
            f"{caller}: {name} is a list whose rows have different lengths.",
            why="labels are whole numbers of shape (N,), or rows of equal length, (N, C).",
            write=f"{name} = np.array([2, 0, 1])",
        ) from error
    if numbers.dtype.kind not in "buif":
        raise LabelError(
            f"{caller}: {name} has shape {numbers.shape} and dtype {numbers.dtype}, "
            "which are not real numbers.",
            why="labels are whole numbers from 0 on, or rows of C numbers.",
            write=f"names, {name} = np.unique({name}, return_inverse=True)",
        )
    return numbers


def _form(
    numbers: npt.NDArray[Any], scores: tuple[int, ...], caller: str
) -> Literal["indices", "rows"]:
    if not scores or scores[-1] < 1:
        raise ShapeError(
            f"{caller}: the scores have shape {scores}.",
            why="their last axis holds one score a class: (C,), or (N, C) for N samples.",
            write="scores.reshape((N, C))",
        )
    t, lead = numbers.shape, scores[:-1]
    if t == lead:
        return "indices"
    if t == scores:
        return "rows"
    write = fitted("t", t, lead) or fitted("t", t, scores)
    moved = [axis for axis in range(len(scores)) if scores[:axis] + scores[axis + 1 :] == t]
    if write is None and moved:
        write = f"np.moveaxis(x, {moved[0]}, -1), scores (…, {scores[moved[0]]}) of so many classes"
    elif write is None and t[:-1] == lead and len(t) == len(scores):
        write = f"a last layer of {t[-1]} outputs, or labels of {scores[-1]} classes"
        if not _are_rows(numbers):
            write += f"; or, if t has a class for each step, scores {(*t, scores[-1])}, as of an "
            write += "LSTM without last=True"
    elif write is None:
        write = "x[i:j] with t[i:j], as many labels as samples"
    raise LabelError(
        f"{caller}: t has shape {t}, the scores have shape {scores}.",
        why=f"t is either class numbers of shape {lead} or rows of shape {scores}.",
        write=write,
    )


def _indices(
    numbers: npt.NDArray[Any], classes: int, name: str, caller: str
) -> npt.NDArray[np.int64]:
    if numbers.dtype.kind == "f":
        numbers = numbers.astype(np.float64)  # compares with any class count; float16 would not
        _refuse_first(
            ~np.isfinite(numbers),
            numbers,
            f"{caller}: {name}",
            why="a label that is missing has no class.",
            write=f"{name} = np.where(np.isfinite({name}), {name}, -1), and {_ignoring(caller)}"
            if numbers.ndim > 1
            else f"keep = np.isfinite({name}); x, {name} = x[keep], {name}[keep]",
        )
        _refuse_first(
            np.trunc(numbers) != numbers,
            numbers,
            f"{caller}: {name}",
            why=f"a class number is a whole number from 0 to {classes - 1}, not a fraction.",
            write=f"np.rint({name}).astype(np.int64), if rounding is meant",
        )
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < classes):
        low, high = numbers.min().item(), numbers.max().item()
        _refuse_first(
            numbers < 0,
            numbers,
            f"{caller}: {name}",
            why=f"it is negative, and the {classes} classes count from 0 to {classes - 1}.",
            write=_ignoring(caller, low)
            if numbers.ndim > 1
            else f"keep = {name} >= 0; x, {name} = x[keep], {name}[keep]",
        )
        _refuse_first(
            numbers >= classes,
            numbers,
            f"{caller}: {name}",
            why=f"it is out of range: the {classes} classes count from 0 to {classes - 1}.",
            write=f"{name} - 1, if these labels count from 1"
            if low >= 1 and high == classes
            else f"{high + 1:g} classes, or labels below {classes}",
        )
    return numbers.astype(np.int64)


def _ignoring(caller: str, label: float = -1) -> str:
    """Write the loss that passes labels over: to leave steps out would tear sequences apart."""
    loss = caller if caller == "NLL" else "SoftmaxWithLoss"
    return f"nn.{loss}(ignore={label:g}), which leaves these places out"


def _are_rows(numbers: npt.NDArray[Any]) -> bool:
    """Whether each row may be one of probabilities, and not of class numbers."""
    with np.errstate(all="ignore"):
        sums = numbers.sum(axis=-1, dtype=np.float64)
    return bool((np.abs(sums - 1) <= SUM_TOLERANCE).all() and (numbers >= 0).all())


def _hot_positions(rows: npt.NDArray[Any], caller: str) -> npt.NDArray[np.int64]:
    hot = rows == 1
    wrong = (hot.sum(axis=-1) != 1) | ((rows != 0) & ~hot).any(axis=-1)
    if wrong.any():
        where = np.argwhere(wrong)[0]
        row = np.array2string(
            rows[tuple(where)], separator=", ", threshold=12, max_line_width=10_000
        )
        raise LabelError(
            f"{caller}: t{_subscript(where)} is {row}, which is not one-hot.",
            why="a one-hot row has a single 1 and otherwise 0, so that it names one class.",
            write="np.argmax(t, axis=-1), if the most probable class is meant",
        )
    return np.asarray(hot.argmax(axis=-1), np.int64)


def _check_probabilities(rows: npt.NDArray[Any], caller: str) -> None:
    with np.errstate(all="ignore"):  # what overflows or is not finite is reported below
        sums = np.asarray(rows.sum(axis=-1, dtype=np.float64))
        near_one = np.abs(sums - 1) <= SUM_TOLERANCE
    if near_one.all() and (rows >= 0).all():
        return
    _refuse_first(
        ~np.isfinite(rows),
        rows,
        f"{caller}: t",
        why="each row of t is one-hot or holds probabilities, which are finite.",
        write=whole_samples("np.isfinite(t)", rows.ndim),
    )
    _refuse_first(
        rows < 0,
        rows,
        f"{caller}: t",
        why="it is negative, and each row of t is one-hot or holds probabilities.",
        write="a squared loss, if these targets are no probabilities",
    )
    _refuse_first(
        ~near_one,
        sums.round(6),
        f"{caller}: the sum of the row t",
        why="each row of t is one-hot or holds probabilities, whose sum is 1 within "
        f"{SUM_TOLERANCE}.",
        write="t / t.sum(axis=-1, keepdims=True)",
    )


def _refuse_first(
    wrong: npt.NDArray[np.bool_], numbers: npt.NDArray[Any], what: str, *, why: str, write: str
) -> None:
    if wrong.any():
        where = np.argwhere(wrong)[0]
        value = numbers[tuple(where)].item()
        raise LabelError(f"{what}{_subscript(where)} is {value!r}.", why=why, write=write)


def _subscript(where: npt.NDArray[np.intp]) -> str:
    return f"[{', '.join(map(str, where))}]" if len(where) else ""
