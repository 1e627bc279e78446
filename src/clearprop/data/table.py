"""Tables as CSV: read in pieces by NumPy's reader, the target apart from the other columns."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from clearprop.data.dataset import DataSet
from clearprop.data.files import place
from clearprop.data.mnist import Split
from clearprop.data.moments import Moments, standardized_target
from clearprop.data.preparing import Dtype
from clearprop.data.splitting import are_classes, check_several, draw_rows, number_names
from clearprop.data.table_faults import (
    LARGEST_WHOLE,
    TargetFault,
    first_fault,
    loses_digits,
    missing,
    too_exact,
)
from clearprop.data.table_text import Layout, is_number, look, open_lines
from clearprop.errors import DataError, OptionError

Task = Literal["classes", "regression"]
Floats = npt.NDArray[np.float64]
_NUMBERS = 1 << 20  # in one piece


class Options(NamedTuple):
    """What may be said about a table; see `load`."""

    target: str | int | None = None
    task: Task | None = None
    header: bool | None = None
    without: tuple[str | int, ...] = ()


class Target(NamedTuple):
    """The column that is to be predicted: numbers of classes (N,), or values (N, 1)."""

    t: npt.NDArray[Any]
    classes: tuple[str, ...] | None


def columns_without(given: Iterable[str | int], caller: str) -> tuple[str | int, ...]:
    """Check what is said of columns that are left out."""
    if isinstance(given, Iterable) and not isinstance(given, str):
        names = tuple(given)
        if all(isinstance(n, str | Integral) and not isinstance(n, bool) for n in names):
            return names
    example = given if isinstance(given, str) else "id"
    raise OptionError(
        f"{caller}: without is {given!r}.",
        why="it is a sequence of the names of columns, or their numbers.",
        write=f"{caller}(path, without=({example!r},))",
    )


def load_csv(path: str, seed: int, dtype: Dtype, test: float | None, options: Options) -> DataSet:
    """Read a table into memory; see `load`."""
    pieces: list[Floats] = []
    layout, target = read(path, options, "load", pieces.append)
    drawn = draw_rows(len(target.t), test, seed)
    width = len(layout.columns)
    x_test = np.empty((int(drawn.sum()), width))
    x_train = np.empty((len(drawn) - len(x_test), width))
    moments = Moments(width)
    pieces.reverse()  # so that each is let go once it has been copied
    trained = tested = 0
    for train, held_back in parted((pieces.pop() for _ in range(len(pieces))), drawn):
        x_train[trained : trained + len(train)] = train
        x_test[tested : tested + len(held_back)] = held_back
        trained, tested = trained + len(train), tested + len(held_back)
        moments.add(train)
    t_train, name = target.t[~drawn], layout.names[layout.target]
    return DataSet(
        os.path.basename(path),
        Split(x_train, t_train),
        Split(x_test, target.t[drawn]),
        moments.standardized(layout.columns, dtype, path, "load"),
        target.classes,
        layout.columns,
        name,
        standardized_target(t_train, name, dtype, path, "load"),
        layout.without,
    )


def parted(pieces: Iterable[Floats], drawn: npt.NDArray[np.bool_]) -> Iterator[tuple[Any, Any]]:
    """Take each piece apart into rows to train with and rows to test with."""
    start = 0
    for piece in pieces:
        here = drawn[start : start + len(piece)]
        start += len(piece)
        yield piece[~here], piece[here]


def read(
    path: str, options: Options, caller: str, keep: Callable[[Floats], object]
) -> tuple[Layout, Target]:
    """Read a table piece by piece.

    Parameters
    ----------
    path : str
    options : Options
    caller : str
        The function that a message names.
    keep : callable
        Called with the columns that are given of each piece, in the order of the file.

    Returns
    -------
    Layout, Target
    """
    if options.task not in (None, "classes", "regression"):
        raise OptionError(
            f"{caller}: task is {options.task!r}.",
            why="a target is 'classes' or a 'regression'; without task= its values decide.",
            write=f"{caller}(path, task='regression')",
        )
    layout = look(path, options.target, options.header, caller, options.without)
    first = layout.first[layout.target] if layout.target < len(layout.first) else ""
    as_text = options.task == "classes" or not (options.task or is_number(first))
    codes: dict[str, int] = {}

    def code(text: str) -> int:
        return codes.setdefault(text.strip(), len(codes))

    values = []
    for piece in pieces_of(layout, code if as_text else None):
        values.append(piece[:, layout.target].copy())
        keep(piece[:, layout.given])
    column = np.concatenate(values) if values else np.empty(0)
    if len(column) < 2:
        raise DataError(
            f"{caller}: the table has {len(column)} row{'s' * (len(column) != 1)}.",
            where=place(path),
            why="at least one row is to train with and one to test with.",
            write=f"{caller}(path) with more rows.",
        )
    if as_text:
        target = _from_texts(column, list(codes), options.task, layout)
    else:
        target = _from_numbers(column, options.task)
    if target.classes is not None:
        check_several(target.classes, path, caller)
    return layout, target


def pieces_of(
    layout: Layout, code: Callable[[str], int] | None, kept: Mapping[int, list[str]] | None = None
) -> Iterator[Floats]:
    """Read the rows of a table, all columns, a piece at a time.

    ``code`` numbers the texts of the target; of columns that are not used, those in ``kept`` have
    their texts appended to its lists.
    """
    width = len(layout.names)
    rows = max(1, _NUMBERS // width)
    of_target = None if code is None else _absence
    converters: dict[int | str, Callable[[str], Any]] = dict.fromkeys(layout.unused, _nothing)
    converters |= {number: _keeping(texts) for number, texts in (kept or {}).items()}
    if code is not None:
        converters[layout.target] = code
    looked_at = False
    with open_lines(layout.path, layout.caller) as lines:
        source = iter(lines)
        if layout.header:
            next(csv.reader(source, delimiter=layout.separator))  # which may be several lines
        for line in source:  # where one is left, there is another piece
            try:
                piece = np.loadtxt(
                    chain([line], source),
                    delimiter=layout.separator,
                    quotechar='"',
                    comments=None,
                    converters=converters or None,
                    encoding=None,
                    max_rows=rows,
                    ndmin=2,
                )
            except DataError:  # of `lines`
                raise
            except ValueError as error:
                raise fault(layout, of_target, str(error)) from error
            if piece.shape[1] != width or not np.isfinite(piece).all():
                raise fault(layout, of_target, f"{piece.shape[1]} columns, or a NaN")
            if not looked_at and (np.abs(piece) > LARGEST_WHOLE).any():
                looked_at = True  # at the text of the whole table
                if found := first_fault(layout, of_target):
                    raise found
            yield piece


def _nothing(cell: str) -> float:
    return 0.0


def _keeping(texts: list[str]) -> Callable[[str], float]:
    def keep(cell: str) -> float:
        texts.append(cell)
        return 0.0

    return keep


def fault(layout: Layout, of_target: TargetFault | None, otherwise: str) -> DataError:
    """Give the error of a table that NumPy's reader, or `of_target`, finds fault with."""
    return first_fault(layout, of_target) or DataError(
        f"{layout.caller}: the table cannot be read: {otherwise}.",
        where=place(layout.path),
        why="NumPy's reader refuses it.",
        write=f"{layout.caller}(path) with numbers in all columns but the target.",
    )


def is_absent(name: str) -> bool:
    """Whether a class has no name; "NA" is one, of Namibia."""
    return name.strip().lower() in ("", "nan")


def _absence(cell: str) -> tuple[str, str, str] | None:
    return missing(cell) if is_absent(cell) else None


def _from_texts(codes: Floats, names: list[str], task: Task | None, layout: Layout) -> Target:
    if any(is_absent(name) for name in names):
        raise fault(layout, _absence, "no target")
    numbers = [name for name in names if is_number(name)]
    if task is None and numbers:
        raise fault(
            layout,
            lambda cell: (
                (
                    f"{cell!r} is a number, and the rows before it have texts there.",
                    "a target is either all numbers or all texts.",
                    "task='classes', if its values are the names of classes",
                )
                if is_number(cell)
                else None
            ),
            "numbers and texts",
        )
    order = codes.astype(np.int64)
    if len(numbers) == len(names):  # 1 and 1.0 are one class, and 10 comes after 9
        if any(map(loses_digits, names)):
            raise fault(
                layout,
                lambda cell: too_exact(cell) if loses_digits(cell) else None,
                "classes that become equal",
            )
        floats = np.array([float(name) for name in names])
        if not np.isfinite(floats).all():
            raise fault(layout, None, "an infinite target")
        known, ranks = np.unique(floats, return_inverse=True)
        return Target(ranks.astype(np.int64)[order], number_names(known))
    by_name = sorted(range(len(names)), key=names.__getitem__)
    ranks = np.empty(len(names), np.int64)
    ranks[by_name] = np.arange(len(names))
    return Target(ranks[order], tuple(names[number] for number in by_name))


def _from_numbers(values: Floats, task: Task | None) -> Target:
    if task is None and are_classes(values):
        known, t = np.unique(values, return_inverse=True)
        return Target(t.astype(np.int64), number_names(known))
    return Target(values[:, None], None)
