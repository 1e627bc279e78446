"""Rows that come after the training: their columns by name, in the order of the training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clearprop.data.dataset import DataSet
from clearprop.data.files import as_path, place
from clearprop.data.table import Floats, fault, is_absent, pieces_of
from clearprop.data.table_faults import missing
from clearprop.data.table_text import (
    Layout,
    is_number,
    look_at_start,
    names_of,
    refuse_twice,
)
from clearprop.errors import DataError, DTypeError

if TYPE_CHECKING:
    from clearprop.train import Run

_CALLER = "read_rows"


class Rows(NamedTuple):
    """New rows of a table.

    Attributes
    ----------
    x : ndarray of float64, shape (N, D)
        The numbers of the file, the columns in the order in which the network knows them. They are
        as stored: `DataSet.predict` and `train.Predictor` prepare them.
    t : ndarray or None
        The target, where the file has it: int64 of shape (N,), numbers of classes, or float64 of
        shape (N, 1), in its own unit.
    unused : tuple of str
        The names of the other columns of the file.
    texts : tuple of list of str
        What stands in these, where it was asked for.
    """

    x: npt.NDArray[Any]
    t: npt.NDArray[Any] | None
    unused: tuple[str, ...] = ()
    texts: tuple[list[str], ...] = ()


class _Known(NamedTuple):
    """What a network knows of its table."""

    columns: tuple[str, ...]
    target: str | None
    classes: tuple[str, ...] | None
    without: tuple[str, ...] = ()

    @property
    def numbered(self) -> tuple[str, ...]:
        """The names of all columns of the table, if it had none of its own."""
        count = len(self.columns) + len(self.without) + 1
        return tuple(f"x{number}" for number in range(count))


def read_rows(
    path: str | os.PathLike[str],
    like: DataSet | Run | Mapping[str, Any] | Iterable[str],
    *,
    header: bool | None = None,
    texts: bool = False,
) -> Rows:
    r"""Read new rows for a network that was trained on a table.

    Columns are found by their names, in whatever order they stand. The column of the target may be
    there or not, and so may columns that the network does not know: these are not read.

    Parameters
    ----------
    path : str or path
        A CSV file, written as `load` takes it.
    like : DataSet, Run, dict or names
        What the network was trained with: the `DataSet`; its run, as from ``train.read_run``; the
        "data" in the ``config.json`` of a run; or the names of the columns alone, in their order.
    header : bool, optional
        Whether the first line has the names of the columns. By default it has, unless all its cells
        are numbers. A file without names has the columns in the order of the training, and the
        target, if it is there, at its place; this is for tables that had no names then either.
    texts : bool, default False
        Whether what stands in columns that the network does not know is kept, as text.

    Returns
    -------
    Rows
        ``x`` for ``dataset.predict(network, x)``, or for the predictor of a run; and ``t``.

    Raises
    ------
    DataError
        There is no such file or no row in it; a column is missing or stands there twice; a cell is
        missing or no number; a class is unknown. The message names the line and the column.
    DTypeError
        `like` is none of these.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from clearprop import data
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     old, new = pathlib.Path(folder, "old.csv"), pathlib.Path(folder, "new.csv")
    ...     _ = old.write_text("a,b,kind\n0,3,no\n2,3,yes\n2,1,yes\n0,1,no\n")
    ...     trained = data.load(old, test=0.25)
    ...     _ = new.write_text("b,a\n1,0\n3,2\n")
    ...     rows = data.read_rows(new, trained)
    >>> rows.x.tolist(), rows.t
    ([[0.0, 1.0], [2.0, 3.0]], None)
    """
    source, known = as_path(path, _CALLER), _known(like)
    layout, order = _layout(source, known, header)
    codes = {name: number for number, name in enumerate(known.classes or ())}
    values = {float(name): number for name, number in codes.items() if is_number(name)}

    def number_of(text: str) -> int:
        name = text.strip()
        if name not in codes and is_number(name) and len(values) == len(known.classes or ()):
            codes[name] = values.get(float(name), len(codes))  # 1.0 is the class 1
        return codes.setdefault(name, len(codes))

    has_target = layout.target >= 0
    as_text = has_target and known.classes is not None
    parts: list[Floats] = []
    targets: list[Floats] = []
    kept: dict[int, list[str]] = {number: [] for number in sorted(layout.unused) if texts}
    for piece in pieces_of(layout, number_of if as_text else None, kept):
        if as_text and piece[:, layout.target].max() >= len(known.classes or ()):
            raise _unknown_class(layout, known.classes or ())
        parts.append(np.ascontiguousarray(piece[:, order]))
        if has_target:
            targets.append(piece[:, layout.target].copy())
    x = parts[0] if len(parts) == 1 else np.concatenate(parts)
    unused = tuple(layout.names[number] for number in sorted(layout.unused))
    if not has_target:
        return Rows(x, None, unused, tuple(kept.values()))
    t: npt.NDArray[Any] = np.concatenate(targets)
    t = t.astype(np.int64) if as_text else t[:, None]
    return Rows(x, t, unused, tuple(kept.values()))


def _known(like: Any) -> _Known:
    if isinstance(like, DataSet):
        return _checked(_Known(like.columns, like.target, like.classes, like.without))
    kept = like if isinstance(like, Mapping) else getattr(like, "data", None)
    if isinstance(kept, Mapping):
        classes, target = kept.get("classes"), kept.get("target")
        return _checked(
            _Known(
                tuple(map(str, kept.get("columns") or ())),
                None if target is None else str(target),
                None if classes is None else tuple(map(str, classes)),
                tuple(map(str, kept.get("without") or ())),
            )
        )
    names = () if isinstance(like, str) or not isinstance(like, Iterable) else tuple(like)
    if not names or not all(isinstance(name, str) for name in names):
        raise DTypeError(
            f"read_rows: like is {str(like)[:60]!r}, of type {type(like).__name__}.",
            why="it says which columns the network takes, and in which order.",
            write="data.read_rows(path, train.read_run('runs/NAME')), or with the names of the "
            "columns, ['length', 'width']",
        )
    return _Known(names, None, None)


def _checked(known: _Known) -> _Known:
    if known.columns:
        return known
    raise DataError(
        "read_rows: what the network was trained with is no table.",
        why="it has no columns; its samples are images.",
        write="data.read_image(path, shape)",
    )


def _layout(path: str, known: _Known, header: bool | None) -> tuple[Layout, list[int]]:
    """Give how the file is written, and where in it the columns of the network stand."""
    start = look_at_start(path, _CALLER)
    first = names_of(start.first)
    if header is None:
        header = not all(map(is_number, first)) or set(known.columns) <= set(first)
        if _had_no_names(known) and not set(known.columns) & set(first):
            header = not any(map(is_number, first))  # classes may be texts
        if not header and not _had_no_names(known):
            raise _no_names(path, known)
    named = first if header else _names_by_place(path, known, len(first))
    cells = start.second if header else start.first
    if not cells:
        raise DataError(
            "read_rows: there is a header and no row.",
            where=place(path),
            why="a prediction is made for each row.",
            write="read_rows(path, like) with rows under the header",
        )
    order = _order(path, named, known)
    target = named.index(known.target) if known.target in named else -1
    unused = frozenset(range(len(named))) - {target, *order}
    where = path, _CALLER, start.separator
    return Layout(*where, named, header, target, tuple(cells), unused), order


def _had_no_names(known: _Known) -> bool:
    """Whether the table that the network was trained on had none: they are x0, x1, … then."""
    target = () if known.target is None else (known.target,)
    return set(known.columns) | set(target) <= set(known.numbered)


def _names_by_place(path: str, known: _Known, width: int) -> tuple[str, ...]:
    # with the target, and what was left out, at their places
    whole = known.numbered if _had_no_names(known) else known.columns
    for names in (known.columns, whole):
        if len(names) == width:
            return names
    raise DataError(
        f"read_rows: the file has {width} columns and no names for them.",
        where=f"{place(path)}, line 1",
        why=f"the network takes {len(known.columns)}: {_listed(known.columns)}.",
        write="a first line with the names of the columns",
    )


def _no_names(path: str, known: _Known) -> DataError:
    return DataError(
        "read_rows: the first line has numbers, and no names.",
        where=f"{place(path)}, line 1",
        why=f"columns are found by their names, {_listed(known.columns)}.",
        write="a first line with the names; or header=False, where the columns stand in this order",
    )


def _order(path: str, named: tuple[str, ...], known: _Known) -> list[int]:
    where = f"{place(path)}, line 1"
    if named == known.columns:
        return list(range(len(named)))
    wanted = {*known.columns, known.target}
    refuse_twice(named, [name for name in named if name in wanted], path, _CALLER)
    places = {name: number for number, name in enumerate(named)}
    lacking = [name for name in known.columns if name not in places]
    other = [name for name in named if name not in wanted]
    if lacking:
        beside = f" The file has {_listed(other)}, which it does not know." if other else ""
        raise DataError(
            f"read_rows: the column {lacking[0]!r} is missing"
            + (f", and {len(lacking) - 1} more." if len(lacking) > 1 else "."),
            where=where,
            why=f"the network was trained with {_listed(known.columns)}.{beside}",
            write=",".join(known.columns[:8]) + (",…" if len(known.columns) > 8 else ""),
        )
    return [places[name] for name in known.columns]


def _unknown_class(layout: Layout, classes: tuple[str, ...]) -> DataError:
    numbers = {float(name) for name in classes if is_number(name)}

    def wrong(cell: str) -> tuple[str, str, str] | None:
        name = cell.strip()
        if name in classes or (len(numbers) == len(classes) and _is_among(name, numbers)):
            return None
        if is_absent(name):
            return missing(cell)
        return (
            f"{name[:40]!r} is none of the classes.",
            f"the network was trained to tell {_listed(classes)}.",
            "the file without this row, or without the column of the target",
        )

    return fault(layout, wrong, "an unknown class")


def _is_among(name: str, numbers: set[float]) -> bool:
    return is_number(name) and float(name) in numbers


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(map(repr, shown[:8])) + (", …" if len(shown) > 8 else "")
