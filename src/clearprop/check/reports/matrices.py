"""Expected beside found, as matrices of text with the wrong entries marked."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from clearprop.check.handwritten.model import Evidence
from clearprop.check.reports import words
from clearprop.check.reports.numbers import writer
from clearprop.check.reports.windows import Window, windows

Array = np.ndarray[Any, Any]

_MARK = "*"  # seen without colour, and by who cannot tell red from black
_ROWS, _COLUMNS = 8, 12
_GAP = 4


def draw_evidence(evidence: Evidence, width: int) -> list[Text]:
    """Draw expected beside found, or above it where there is no room.

    Parameters
    ----------
    evidence : Evidence
        Two gradients of any shapes, or one.
    width : int
        Of the lines, in cells of the terminal.

    Returns
    -------
    list of rich.text.Text
        Lines; wrong entries are bold and have a ``*``.

    Examples
    --------
    >>> right = np.array([[0.25, -1.0], [2.0, 4.0]])
    >>> for line in draw_evidence(Evidence("dW", right, right / [1, 2]), 60):
    ...     print(line.plain)
    expected dW (2, 2)    found dW (2, 2), 2 of 4 wrong (*)
      0.25  -1.00           0.25   -0.50*
      2.00   4.00           2.00    2.00*
    """
    columns = _columns_that_fit(evidence, width)
    parts = windows(evidence, _ROWS, columns)
    where = ", ".join(dict.fromkeys(part.where for part in parts if part.where))
    lines = [Text(f"shown: {words.one_line(where)}", "dim")] if where else []
    if evidence.probe:
        lines.insert(0, Text(words.one_line(evidence.probe), "dim"))
    sheets = [sheet for part in parts for sheet in _sheets(evidence, part)]
    if evidence.found is None:
        sheets.append([Text(f"found {words.one_line(evidence.gradient)}: none".rstrip())])
    widths = [max(cell_len(line.plain) for line in sheet) for sheet in sheets]
    if sum(widths) + _GAP * (len(sheets) - 1) > width:
        return [*lines, *(line for sheet in sheets for line in sheet)]
    height = max(map(len, sheets))
    for row in range(height):
        line = Text()
        for number, sheet in enumerate(sheets):
            piece = sheet[row] if row < len(sheet) else Text()
            line.append_text(piece)
            if number + 1 < len(sheets):
                line.append(" " * (widths[number] - cell_len(piece.plain) + _GAP))
        line.rstrip()
        lines.append(line)
    return lines


def draw_values(evidence: Evidence, width: int) -> list[Text]:
    """Draw the inputs of the case: their values where they are tiny, or else their shapes."""
    lines = []
    for name, value in evidence.values.items():
        text = f"{words.one_line(str(name))} = {_value(value)}"
        if cell_len(text) + 5 > width or _value(value) is None:
            text = f"{words.one_line(str(name))}: {_outline(value)}"
        lines.append(text)
    starts = ["with ", *["     "] * len(lines)]
    return [Text(start + line, "dim") for start, line in zip(starts, lines, strict=False)]


def _outline(value: Any) -> str:
    array = np.asarray(value) if isinstance(value, np.ndarray) else None
    return type(value).__name__ if array is None else f"{array.dtype} {array.shape}"


def _value(value: Any) -> str | None:
    """Write a number, a text or a small array on one line; None for what is larger."""
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | int | float) else None
    if array is None:
        text = words.one_line(repr(value))
        return text if len(text) <= 60 else None
    if array.size > 12 or array.ndim > 2:
        return None
    write = writer(array)
    if array.ndim == 0:
        return write(array[()])
    rows = ["[" + ", ".join(map(write, row)) + "]" for row in np.atleast_2d(array)]
    return rows[0] if array.ndim == 1 else f"[{', '.join(rows)}]"


def _columns_that_fit(evidence: Evidence, width: int) -> int:
    """All columns, above each other if need be; or else as many as fit side by side."""
    arrays = [np.asarray(a) for a in (evidence.expected, evidence.found) if a is not None]
    axes = [n for array in arrays for n in array.shape[-1:]]
    for columns in range(_COLUMNS, 0, -1):
        parts = windows(evidence, _ROWS, columns)
        sheets = [sheet for part in parts for sheet in _sheets(evidence, part)]
        widths = [max(cell_len(line.plain) for line in sheet[1:] or sheet) for sheet in sheets]
        stacked = columns >= max(axes, default=1) or columns <= 3
        if (max(widths) if stacked else sum(widths) + _GAP * (len(widths) - 1)) <= width:
            return columns
    return 1


def _sheets(evidence: Evidence, window: Window) -> list[list[Text]]:
    """Draw the arrays of a window, a heading and rows each, all numbers in one form."""
    write = _writer(window)
    name = words.one_line(evidence.gradient)
    sheets = []
    if window.expected is not None:
        shape = np.shape(evidence.expected)
        rows = _cells(window.expected, None, write)
        sheets.append([Text(f"expected {name} {shape}"), *rows])
    if window.found is not None:
        found = np.asarray(evidence.found)
        head = Text(f"found {name} {found.shape}")
        if found.dtype.kind not in "fO" or found.dtype != np.asarray(evidence.expected).dtype:
            head.append(f" {found.dtype}")
        if window.wrong is not None:
            head.append(_how_many(evidence))
        sheets.append([head, *_cells(window.found, window.wrong, write)])
    return sheets


def _how_many(evidence: Evidence) -> str:
    from clearprop.check.reports.windows import wrong_entries

    wrong = wrong_entries(evidence)
    if wrong is None or not wrong.any():
        return ""
    number = f"{int(wrong.sum())} of {wrong.size}" if wrong.size > 1 else ""
    return f", {number} wrong ({_MARK})".replace(",  wrong", ", wrong")


def _writer(window: Window) -> Any:
    arrays = [a.ravel() for a in (window.expected, window.found) if a is not None]
    kinds = {a.dtype.kind for a in arrays}
    if not kinds <= set("biufc"):
        arrays = [a.astype(object) for a in arrays]
    both = np.concatenate(arrays) if arrays else np.zeros(0)
    if window.wrong is None or window.expected is None or window.found is None:
        return writer(both)
    wrong = window.wrong
    return writer(both, (window.expected[wrong], window.found[wrong]))


def _cells(matrix: Array, wrong: Array | None, write: Any) -> list[Text]:
    if matrix.size == 0:
        return [Text("  (no entries)")]
    marks = np.zeros(matrix.shape, bool) if wrong is None else wrong
    texts = [[words.one_line(write(x))[:24] for x in row] for row in matrix]
    width = max(cell_len(text) for row in texts for text in row)
    any_wrong = bool(marks.any())
    lines = []
    for row, bad in zip(texts, marks, strict=True):
        line = Text()
        for text, is_wrong in zip(row, bad, strict=True):
            line.append("  ")
            line.append(" " * (width - cell_len(text)))
            line.append(text, "bold red" if is_wrong else "")
            if any_wrong:
                line.append(_MARK if is_wrong else " ", "bold red" if is_wrong else "")
        lines.append(line)
    return lines
