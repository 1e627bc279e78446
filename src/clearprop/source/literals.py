"""Values as text that reads back as themselves, bit for bit."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np


def literal(value: Any) -> str:
    """Write a value so that reading it gives the same bits, and the same dtype."""
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({literal(value.item())})"
    if isinstance(value, np.dtype):
        return f"np.{value.name}" if value.isnative else f"np.dtype({value.str!r})"
    if isinstance(value, type):
        return f"np.{value.__name__}" if issubclass(value, np.generic) else value.__name__
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    if isinstance(value, complex):
        if np.isfinite(value) and not _loses_a_sign(value):
            return repr(value)
        return f"complex({literal(value.real)}, {literal(value.imag)})"
    if isinstance(value, slice):
        return f"slice({', '.join(literal(v) for v in (value.start, value.stop, value.step))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)


def _loses_a_sign(value: complex) -> bool:
    """Whether ``x + yj``, read as a sum, is another number: where a part is -0.0."""
    return any(part == 0 and np.signbit(part) for part in (value.real, value.imag))


def written(value: Any) -> ast.expr:
    """Give a value as the syntax tree of its `literal`."""
    return ast.parse(literal(value), mode="eval").body


def zeros(shape: tuple[int, ...], dtype: Any) -> str:
    """Write an array of zeros."""
    return f"np.zeros({_form(shape)}{_kind(dtype)})"


def is_uniform(value: Any) -> bool:
    """Whether all elements of an array are the same, bit for bit."""
    first = value.flat[:1].tobytes()
    return bool(value.size) and value.tobytes() == first * value.size


def progression(value: Any) -> tuple[int, int, int] | None:
    """Give the ``range`` that an array of integers is, along one axis; None if it is none.

    Examples
    --------
    >>> progression(np.array([[2], [4], [6]])), progression(np.array([0, 1, 1]))
    ((2, 8, 2), None)
    """
    is_line = value.size == max(value.shape, default=0)
    if not is_line or value.size < 3 or value.dtype.kind not in "iu":
        return None
    row = value.reshape(-1)
    first, second = int(row[0]), int(row[1])
    step = second - first
    if not step or not np.array_equal(row, first + step * np.arange(row.size)):
        return None
    return first, first + step * value.size, step


def _array(value: Any) -> str:
    found = progression(value)
    if found is not None:
        start, stop, step = found
        bounds = [start, stop, step] if step != 1 else [start, stop] if start else [stop]
        kind = "" if value.dtype == np.int64 else f", dtype={str(value.dtype)!r}"
        text = f"np.arange({', '.join(map(str, bounds))}{kind})"
        return text if value.ndim == 1 else f"{text}.reshape{value.shape}"
    if not value.size or (value.size > 3 and is_uniform(value)):
        if not any(value.tobytes()):  # no -0.0 either
            return zeros(value.shape, value.dtype)
        number = literal(value.flat[0].item())
        return f"np.full({_form(value.shape)}, {number}, dtype={str(value.dtype)!r})"
    listed = value.tolist()
    plain = np.array(listed).dtype == value.dtype
    kind = "" if plain else f", dtype={str(value.dtype)!r}"
    return f"np.array({literal(listed)}{kind})"


def _form(shape: tuple[int, ...]) -> str:
    return str(shape[0]) if len(shape) == 1 else str(shape)


def _kind(dtype: Any) -> str:
    return "" if dtype == np.float64 else f", dtype={str(np.dtype(dtype))!r}"
