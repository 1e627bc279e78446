"""Where a table is wrong: its text read again, slowly, cell by cell, to the first cell at fault."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

from clearprop.data.files import place
from clearprop.data.table_text import MISSING, Layout, is_number, open_lines
from clearprop.errors import DataError

_COUNTED = 1_000_000  # rows after the first that is wrong, in which such cells are counted
_ELSE = "the file without this"  # of a remedy
LARGEST_WHOLE = 2**53  # up to which every whole number is a float64
_WHOLE = re.compile(r"([-+]?\d{16,300})(\.0*)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")

TargetFault = Callable[[str], tuple[str, str, str] | None]


def first_fault(layout: Layout, of_target: TargetFault | None = None) -> DataError | None:
    """Find the first cell that is wrong.

    Parameters
    ----------
    layout : Layout
    of_target : callable, optional
        What is wrong with a cell of the target column, in three sentences for "what", "why" and
        "write", or None; by default it has to be a number.

    Returns
    -------
    DataError or None
        To be raised, with line and column.
    """
    width = len(layout.names)
    with open_lines(layout.path, layout.caller) as lines:
        reader = csv.reader(lines, delimiter=layout.separator)
        try:
            for cells in islice(reader, int(layout.header), None):
                where = f"{place(layout.path)}, line {lines.number}"
                if found := list(_wrong_cells(cells, layout, of_target)):
                    with suppress(csv.Error, DataError):  # the first fault is told all the same
                        for more in islice(reader, _COUNTED):
                            found += _wrong_cells(more, layout, of_target)
                    return _of_cells(found, where, layout)
                if len(cells) != width:
                    return DataError(
                        f"{layout.caller}: the line has {len(cells)} cells, the first line "
                        f"{width}.",
                        where=where,
                        why="each row has a cell for each column; a cell that holds the separator "
                        f"{layout.separator!r} stands in quotes.",
                        write=f"{width} cells in this line",
                    )
        except csv.Error as error:
            return DataError(
                f"{layout.caller}: the line cannot be taken apart: {error}.",
                where=f"{place(layout.path)}, line {lines.number}",
                why="a quote may have been opened and not closed.",
                write='"a ""quoted"" text", with quotes around a cell and doubled inside it',
            )
    return None


def _wrong_cells(
    cells: list[str], layout: Layout, of_target: TargetFault | None
) -> Iterator[tuple[int, tuple[str, str, str]]]:
    for number, cell in enumerate(cells[: len(layout.names)]):
        if number in layout.unused:
            continue
        is_target = number == layout.target
        found = of_target(cell) if is_target and of_target else _number_fault(cell, is_target)
        if found:
            yield number, found


def _of_cells(
    found: list[tuple[int, tuple[str, str, str]]], where: str, layout: Layout
) -> DataError:
    """Tell of the first cell, and how many have the same fault: those with the same "why"."""
    number, (what, why, write) = found[0]
    alike = [column for column, (_, reason, _) in found if reason == why]
    columns = sorted(set(alike))
    count = ""
    if len(alike) > 1:
        of = "" if len(columns) == 1 else f" of {len(columns)} columns"
        count = f", the first of {len(alike):,} such cells{of}"
    if layout.may_leave_out and layout.target not in columns and _ELSE in write:
        names = [layout.names[column] for column in columns]
        left_out = [
            name if layout.names.count(name) == 1 else column
            for name, column in zip(names, columns, strict=True)
        ]
        them = "it" if len(columns) == 1 else "them"
        option = f"without={tuple(left_out)!r}"
        write += f"; {layout.caller}(path, {option}) leaves {them} out"
    return DataError(
        f"{layout.caller}: {what}",
        where=f"{where}, column {number + 1} ({layout.names[number]!r}){count}",
        why=why,
        write=write,
    )


def _number_fault(cell: str, is_target: bool) -> tuple[str, str, str] | None:
    if is_number(cell):
        value = float(cell)
        if loses_digits(cell):
            return too_exact(cell)
        if math.isfinite(value):
            return None
        if not math.isnan(value):
            return f"{cell!r} is not finite.", "a network computes with it.", "a finite number"
    if cell.strip().lower() in MISSING:
        return missing(cell)
    shown = repr(cell[:40])
    if _DECIMAL_COMMA.fullmatch(cell.strip()):
        return (
            f"{shown} is no number.",
            "it has a decimal comma.",
            cell.strip().replace(",", ".") + ", with a point",
        )
    if is_target:
        return (
            f"{shown} is no number.",
            "a target is either all numbers or all texts, and a regression has numbers.",
            "task='classes', if its values are the names of classes",
        )
    return (
        f"{shown} is no number.",
        "the columns that a network is given are numbers.",
        "one column of 0 and 1 for each text that occurs, or the file without this column",
    )


def loses_digits(text: str) -> bool:
    """Whether this is a whole number that no float64 is, so that it would become another one."""
    found = _WHOLE.fullmatch(text.strip())
    return found is not None and int(found[1]) != float(text)


def too_exact(cell: str) -> tuple[str, str, str]:
    """Give the three sentences about a whole number that loses digits."""
    return (
        f"{cell.strip()} would become {float(cell):.0f}.",
        f"above {LARGEST_WHOLE:,} neighbouring whole numbers are one and the same to a network.",
        "the number without what all rows have in common; or, where it only names the row, "
        f"{_ELSE} column",
    )


def missing(cell: str) -> tuple[str, str, str]:
    """Give the three sentences about a value that is missing."""
    what = f"the value is missing: {cell!r}." if cell.strip() else "the value is missing."
    return (
        what,
        "there is nothing to compute with, and no value is invented.",
        "the file without this row or column, or with a value of your choice, such as the mean",
    )
