"""Numbers and arrays as data of a page, within a budget."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

_WHOLE = 64  # an array of more elements is written as what is known of it, with a corner
_CORNER = 4
_BINS = 24
_HEAT, _ALL_HEATS = 4096, 40_960  # the elements that are coloured: of one array, and of all


class Table:
    """The arrays of a page, each once.

    Up to 64 elements are written to the last digit. Of a larger array the page gets its extremes,
    mean, spread and histogram, the numbers in one corner to the last digit, and float32 for its
    heat map: all elements, or every so-many-th row and column.
    """

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._places: dict[Any, int] = {}
        self._left = _ALL_HEATS

    def add(self, value: Any) -> int:
        """Write down an array, and give its number."""
        array = np.asarray(value)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._places:
            self._places[key] = len(self.entries)
            self.entries.append(self._entry(array))
        return self._places[key]

    def _entry(self, array: Any) -> Any:
        entry = whole(array)
        if array.size <= _WHOLE:
            return entry
        rows = rows_of(array)
        entry["n"] = _statistics(array)
        entry["c"] = [plain(row) for row in rows[:_CORNER, :_CORNER]]
        step = _step(rows.shape, min(_HEAT, self._left))
        if step is not None:
            part = rows[:: step[0], :: step[1]]
            self._left -= part.size
            entry["h"] = {"b": packed(part, "<f4"), "s": list(part.shape), "e": step}
        return entry


def whole(array: Any) -> Any:
    """Write a number, or shape and dtype of an array, and its elements where they are few."""
    if array.dtype == np.float64 and not array.shape:
        return plain(array)
    entry: dict[str, Any] = {"s": list(array.shape)}
    if array.dtype != np.float64:
        entry["d"] = array.dtype.name
    if array.size <= _WHOLE:
        entry["v"] = plain(array.ravel())
    return entry


def plain(array: Any) -> Any:
    """Give an array as JSON can hold it: numbers to the last digit, what is not finite as text."""
    array = np.asarray(array)
    if array.dtype.kind == "b":
        return array.astype(int).tolist()
    values = array.tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return _named(values)
    return values


def _named(values: Any) -> Any:
    if isinstance(values, list):
        return [_named(value) for value in values]
    return values if math.isfinite(values) else str(values)


def packed(array: Any, dtype: str) -> str:
    """Write numbers as the bytes of one dtype, in base64."""
    with np.errstate(over="ignore"):
        return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode()


def rows_of(array: Any) -> Any:
    """See an array as rows: its last axis is level, all others go down."""
    return array.reshape((-1, array.shape[-1]) if array.ndim and array.shape[-1] else (1, -1))


def _step(shape: tuple[int, int], most: int) -> list[int] | None:
    """Say every how-many-th row and column is kept, so that no more than ``most`` elements are."""
    if most < 64:
        return None
    rows = columns = 1
    while -(-shape[0] // rows) * -(-shape[1] // columns) > most:
        if shape[0] / rows >= shape[1] / columns:
            rows += 1
        else:
            columns += 1
    return [rows, columns]


def _statistics(array: Any) -> dict[str, Any]:
    """Sum up an array: what a heat map's legend, its histogram and its summary need."""
    kind = array.dtype.kind
    flat = array.ravel()
    if kind in "biu":
        return {
            "min": plain(flat.min()),
            "max": plain(flat.max()),
            "at": [int(flat.argmin()), int(flat.argmax())],
            "zeros": int(flat.size - np.count_nonzero(flat)),
            "odd": 0,
            "hist": np.histogram(flat.astype(float), _BINS)[0].tolist(),
        }
    finite = flat[np.isfinite(flat)]
    found: dict[str, Any] = {
        "zeros": int(flat.size - np.count_nonzero(flat)),
        "odd": int(flat.size - finite.size),
    }
    if not finite.size:
        return found
    where = np.flatnonzero(np.isfinite(flat))
    if array.ndim > 1:
        found["dead"] = int(np.count_nonzero(~rows_of(array).any(axis=0)))
    wide = finite.astype(np.float64)
    largest = float(np.abs(wide).max())
    scaled = wide / largest if largest else wide  # squares of the values might overflow
    low, high = float(wide.min()), float(wide.max())
    with np.errstate(over="ignore"):
        bins = np.histogram(scaled, _BINS)[0] if low < high else np.array([finite.size])
    return found | {
        "min": low,
        "max": high,
        "at": [int(where[finite.argmin()]), int(where[finite.argmax()])],
        "mean": float(scaled.mean() * largest) if largest else 0.0,
        "spread": float(scaled.std() * largest) if largest else 0.0,
        "hist": bins.tolist(),
    }
