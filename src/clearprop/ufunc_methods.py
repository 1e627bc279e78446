"""The methods of ufuncs: ``reduce``, ``accumulate``, ``reduceat``, ``outer`` and ``at``.

Sums, products, extremes and running ones have primitives of their own. The rest are what NumPy
says they are: the ufunc, applied to one element after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.binding import missing_rule
from clearprop.errors import MissingRuleError
from clearprop.places import current_line
from clearprop.primitive import COMPOSITIONS, primitive_for
from clearprop.rules import comparison, order
from clearprop.rules.reduction import in_lines, kept_shape
from clearprop.rules.selection import write_at
from clearprop.ufunc_options import selected

_REDUCED_BY: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: comparison.whether_all,
    np.logical_or: comparison.whether_any,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
}
_ACCUMULATED_BY: dict[Any, Any] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: order.running_max,
    np.minimum: order.running_min,
}


def reduce(
    ufunc: np.ufunc,
    a: Any,
    *,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Any:
    """``ufunc.reduce``: ``u(u(u(a[0], a[1]), a[2]), …)`` along an axis."""
    _refuse_unless_binary(ufunc, "reduce")
    axis = tuple(axis) if isinstance(axis, list) else axis
    a = a if hasattr(a, "dtype") else np.asarray(a)
    options = {"axis": axis, "keepdims": keepdims}
    if initial is not np._NoValue and initial is not None:
        options["initial"] = initial
    if where is not True:
        options["where"] = where
    if ufunc in _REDUCED_BY:
        return _REDUCED_BY[ufunc](_cast(a, dtype), **options)
    a, options = _checked(ufunc.reduce, a, dtype, options)
    return _fold(ufunc, a, **options)


def _fold(
    ufunc: np.ufunc,
    a: Any,
    axis: Any,
    keepdims: bool,
    initial: Any = None,
    where: Any = True,
) -> Any:
    shape = np.shape(a)
    if not shape:
        return a if initial is None else ufunc(initial, a)
    lines = in_lines(a, axis)
    masks = None if where is True else in_lines(np.broadcast_to(where, shape), axis)
    if initial is None:
        initial = ufunc.identity
    start = 0
    if initial is None:
        y, start = _element(lines, 0), 1
    else:
        y = np.zeros(lines.shape[:-1], a.dtype) + _of_dtype(initial, a.dtype)
    for i in range(start, lines.shape[-1]):
        x = _element(lines, i)
        if masks is None:
            y = ufunc(y, x)
        else:
            y = selected(lambda u, operands: u(*operands), ufunc, (y, x), masks[..., i], (y,))
    return np.reshape(y, kept_shape(shape, axis, keepdims)) if keepdims else y


def _of_dtype(initial: Any, dtype: Any) -> Any:
    return initial.astype(dtype) if hasattr(initial, "dtype") else dtype.type(initial)


def accumulate(ufunc: np.ufunc, a: Any, *, axis: int = 0, dtype: Any = None) -> Any:
    """``ufunc.accumulate``: every intermediate result of ``ufunc.reduce``."""
    _refuse_unless_binary(ufunc, "accumulate")
    a = a if hasattr(a, "dtype") else np.asarray(a)
    if not np.shape(a):
        raise TypeError("cannot accumulate on a scalar")  # as NumPy has it
    if ufunc in _ACCUMULATED_BY:
        return _ACCUMULATED_BY[ufunc](_cast(a, dtype), axis=axis)
    a, _ = _checked(ufunc.accumulate, a, dtype, {"axis": axis})
    lines = np.moveaxis(a, axis, -1)
    if not a.size:
        return np.copy(a)
    parts = [_element(lines, 0)]
    for i in range(1, lines.shape[-1]):
        parts.append(ufunc(parts[-1], _element(lines, i)))
    return np.stack(parts, axis)


def reduceat(ufunc: np.ufunc, a: Any, indices: Any, *, axis: int = 0, dtype: Any = None) -> Any:
    """``ufunc.reduceat``: reduce from every index to the next; one element where that is before."""
    _refuse_unless_binary(ufunc, "reduceat")
    if getattr(indices, "node", None) is not None:
        raise MissingRuleError(
            f"np.{ufunc.__name__}.reduceat at indices computed from an argument has no derivative "
            "here.",
            where=current_line(2),
            why="Which elements belong together would have to be known beforehand.",
            write="indices that depend on no argument, or np.add.at for each group.",
        )
    a = a if hasattr(a, "dtype") else np.asarray(a)
    starts = np.asarray(getattr(indices, "value", indices))
    a, _ = _checked(lambda x, **kw: ufunc.reduceat(x, starts, **kw), a, dtype, {"axis": axis})
    before = (slice(None),) * (axis % np.ndim(a))
    parts = []
    for start, stop in zip(starts, [*starts[1:], np.shape(a)[axis]], strict=True):
        end = int(stop) if stop > start else int(start) + 1
        part = a[(*before, slice(int(start), end))]
        # One element stays as it is: NumPy begins with it, and with no identity.
        one = end - start == 1
        parts.append(part if one else reduce(ufunc, part, axis=axis, keepdims=True))
    if not parts:
        return a[(*before, slice(0, 0))]
    return np.concatenate(parts, axis=axis)


def outer(ufunc: np.ufunc, a: Any, b: Any, **options: Any) -> Any:
    """``ufunc.outer``: every element of ``a`` with every element of ``b``."""
    a, b = (x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b))  # a number is not weak
    return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **options)


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": reduce,
    "accumulate": accumulate,
    "reduceat": reduceat,
    "outer": outer,
    "at": write_at,
}


def _refuse_unless_binary(ufunc: np.ufunc, method: str) -> None:
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise ValueError(f"{method} only supported for binary functions")  # as NumPy has it
    if ufunc not in COMPOSITIONS and primitive_for(ufunc) is None:
        raise missing_rule(ufunc, method)


def _cast(a: Any, dtype: Any) -> Any:
    if dtype is None or a.dtype == dtype:
        return a
    return np.not_equal(a, 0) if np.dtype(dtype) == bool else a.astype(dtype)


def _checked(method: Any, a: Any, dtype: Any, options: Any) -> tuple[Any, dict[str, Any]]:
    """Let NumPy refuse what it refuses, on ones; give ``a`` the type that it computes in."""
    plain = dict(options)
    if "initial" in plain:
        plain["initial"] = 1
    if "where" in plain:
        plain["where"] = getattr(plain["where"], "value", plain["where"])
    result = method(np.ones(np.shape(a), a.dtype), dtype=dtype, **plain)
    return _cast(a, result.dtype), options


def _element(lines: Any, i: int) -> Any:
    return lines[(slice(None),) * (np.ndim(lines) - 1) + (i,)]
