"""What is shown of a gradient: a matrix that fits, around the entries that are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.check.handwritten.model import Evidence

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Window:
    """A rectangle of a gradient.

    Attributes
    ----------
    expected, found : ndarray or None
        Two axes each, of one shape; None where there is no array of that shape.
    wrong : ndarray or None
        Which entries differ.
    where : str
        Which part it is: ``dW[2, 1, :, :]``, ``rows 119 to 124 of 200``; "" for all of it.
    rows, columns : int
        The index of its first row and column.
    lead : tuple of int or None
        The indices before them; None on an axis that runs.
    """

    expected: Array | None
    found: Array | None
    wrong: Array | None
    where: str = ""
    rows: int = 0
    columns: int = 0
    lead: tuple[int | None, ...] = ()

    def index(self, row: int, column: int) -> str:
        """Write the index of an entry of the gradient: ``[2, 1, 0, 0]``."""
        running = iter((self.rows + row, self.columns + column)[-self.lead.count(None) :])
        places = [next(running) if n is None else n for n in self.lead]
        return f"[{', '.join(map(str, places))}]" if places else ""


def windows(evidence: Evidence, height: int, width: int) -> list[Window]:
    """Cut what fits out of expected and found.

    Parameters
    ----------
    evidence : Evidence
        Expected and found, of any shapes.
    height, width : int
        At most so many rows and columns.

    Returns
    -------
    list of Window
        One with both where the shapes agree. Otherwise one for each array there is.

    Examples
    --------
    >>> right = np.zeros((200, 300))
    >>> found = right.copy()
    >>> found[120, 250] = 1.0
    >>> window, = windows(Evidence("dW", right, found), 3, 4)
    >>> window.where, window.found[1].tolist()
    ('rows 119 to 121 of 200, columns 248 to 251 of 300', [0.0, 0.0, 1.0, 0.0])
    """
    expected = np.asarray(evidence.expected)
    if evidence.found is None:
        return [_cut(evidence.gradient, expected, None, None, height, width)]
    found = np.asarray(evidence.found)
    if found.shape != expected.shape:
        first = _cut(evidence.gradient, expected, None, None, height, width)
        other = _cut(evidence.gradient, found, None, None, height, width)
        return [first, Window(None, other.expected, None, other.where, *_start(other))]
    wrong = wrong_entries(evidence)
    return [_cut(evidence.gradient, expected, found, wrong, height, width)]


def _start(window: Window) -> tuple[int, int, tuple[int | None, ...]]:
    return window.rows, window.columns, window.lead


def wrong_entries(evidence: Evidence) -> Array | None:
    """Say which entries differ; None where expected and found have not one shape."""
    if evidence.found is None:
        return None
    expected, found = np.asarray(evidence.expected), np.asarray(evidence.found)
    if found.shape != expected.shape:
        return None
    if evidence.wrong is not None and np.shape(evidence.wrong) == expected.shape:
        return np.asarray(evidence.wrong, dtype=bool)
    if not all(array.dtype.kind in "biufc" for array in (expected, found)):
        return np.asarray(expected != found, dtype=bool)
    with np.errstate(all="ignore"):
        close = np.isclose(expected, found, rtol=1e-6, atol=1e-12, equal_nan=True)
    return np.asarray(~close)


def _cut(
    name: str, expected: Array, found: Array | None, wrong: Array | None, height: int, width: int
) -> Window:
    lead = _leading(expected, wrong)
    index = tuple(slice(None) if n is None else n for n in lead)
    marks = np.zeros(expected.shape, bool) if wrong is None else wrong
    sheets = [None if a is None else _as_matrix(a[index]) for a in (expected, found, marks)]
    marked = sheets[2]
    assert marked is not None
    rows, columns = _best(marked, 0, height), _best(marked, 1, width)
    where = _describe(name, expected.shape, lead, rows, columns, marked.shape)
    area = (slice(*rows), slice(*columns))
    pieces = [None if sheet is None else sheet[area] for sheet in sheets]
    return Window(
        pieces[0],
        pieces[1],
        None if wrong is None else pieces[2],
        where,
        rows[0],
        columns[0],
        lead,
    )


def _leading(array: Array, wrong: Array | None) -> tuple[int | None, ...]:
    """Fix all axes but two: those of length 1, and then the first ones, where most is wrong."""
    lead: list[int | None] = [None] * array.ndim
    running = list(range(array.ndim))
    for axis in range(array.ndim):
        if len(running) > 2 and array.shape[axis] == 1:
            lead[axis] = 0
            running.remove(axis)
    first = running[: max(0, len(running) - 2)]
    if first and array.size:
        spread = np.zeros(array.shape, bool) if wrong is None else wrong
        others = tuple(axis for axis in range(array.ndim) if axis not in first)
        totals = spread.sum(axis=others)
        most = np.unravel_index(int(np.argmax(totals)), totals.shape)
        for axis, place in zip(first, most, strict=True):
            lead[axis] = int(place)
    elif first:
        return tuple(0 if axis in first and n else None for axis, n in enumerate(array.shape))
    return tuple(lead)


def _as_matrix(array: Array) -> Array:
    if array.ndim > 2:  # nothing in it
        return array.reshape(0, 0)
    return np.atleast_2d(array)


def _best(marked: Array, axis: int, room: int) -> tuple[int, int]:
    """Where to begin and end so that as many wrong entries as possible are inside."""
    length = marked.shape[axis]
    if length <= room:
        return 0, length
    totals = np.concatenate([[0], np.cumsum(marked.sum(axis=1 - axis))])
    inside = totals[room:] - totals[:-room]
    best = inside == inside.max()
    first = int(np.argmax(best))
    last = first + int(np.argmin(np.append(best[first:], False))) - 1
    start = (first + last) // 2 if inside[first] else 0  # in the middle of the window
    return start, start + room


def _describe(
    name: str,
    shape: tuple[int, ...],
    lead: tuple[int | None, ...],
    rows: tuple[int, int],
    columns: tuple[int, int],
    whole: tuple[int, ...],
) -> str:
    parts = []
    if any(n is not None and shape[axis] > 1 for axis, n in enumerate(lead)):
        parts.append(f"{name}[{', '.join(':' if n is None else str(n) for n in lead)}]")
    words = ("rows", "columns") if len(shape) > 1 else ("", "entries")
    for word, (start, end), length in zip(words, (rows, columns), whole, strict=True):
        if end - start < length and word:
            parts.append(f"{word} {start} to {end - 1} of {length}")
    return ", ".join(parts)
