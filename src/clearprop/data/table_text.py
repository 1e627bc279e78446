"""The text of a table: its lines, its separator, its header."""

from __future__ import annotations

import csv
import gzip
import io
import operator
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from typing import BinaryIO, NamedTuple, TextIO

from clearprop.data.files import cannot_open, likely_format, place, size_of_file
from clearprop.data.gzip_stream import MAGIC as GZIP_MAGIC
from clearprop.errors import DataError, OptionError

LONGEST = 1 << 24  # characters of a line: what unfolds into one endless line is no table
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "-"))
_START = 6  # bytes, which tell what a file is
_SEPARATORS = "\t;,"
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # a byte order mark says so


class Lines:
    """The lines of a table that are not blank, front to back.

    Attributes
    ----------
    number : int
        In the file, of the line that was given last; they count from 1.
    """

    def __init__(self, file: TextIO, path: str, caller: str) -> None:
        self._file, self._path, self._caller = file, path, caller
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._next():
            self.number += 1
            if line.strip(" \n"):
                yield line

    def _next(self) -> str:
        try:
            line = self._file.readline(LONGEST + 1)
        except UnicodeDecodeError as error:
            raise self._refused(
                f"this is no text in UTF-8: byte {error.object[error.start]:#04x} stands there.",
                "a table is text, in UTF-8 or with a byte order mark.",
                f"`iconv -f latin1 -t utf-8 {self._path!r} > new.csv` in a shell, where the file "
                "was written by an older program",
            ) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._refused(
                f"the gzip stream is truncated or damaged: {error}.",
                "a download or a copy was cut short, or the file was changed.",
                f"{self._caller}(path) after fetching the file again.",
            ) from error
        except OSError as error:
            raise cannot_open(self._path, error, self._caller) from error
        if len(line) > LONGEST:
            raise self._refused(
                f"a line is longer than {LONGEST:,} characters.",
                "a line is a row of the table; this file has no ends of lines, or is no table.",
                f"{self._caller}(path) with one row on each line.",
            )
        if "\0" in line:
            raise self._refused(
                "a character of number 0 stands there.",
                "a table is text, and this file is not.",
                f"{self._caller}(path) with a CSV file.",
            )
        return line

    def _refused(self, what: str, why: str, write: str) -> DataError:
        where = f"{place(self._path)}, line {self.number + 1} or soon after"
        return DataError(f"{self._caller}: {what}", where=where, why=why, write=write)


@contextmanager
def open_lines(path: str, caller: str) -> Iterator[Lines]:
    """Open a table, plain or compressed with gzip."""
    with ExitStack() as opened:
        try:
            size_of_file(path, caller, "table.csv")
            raw = opened.enter_context(open(path, "rb"))
        except OSError as error:
            raise cannot_open(path, error, caller) from error
        start = raw.read(_START)
        raw.seek(0)
        file: BinaryIO = raw
        if start[:2] == GZIP_MAGIC:
            start = _unpacked_start(raw)
            file = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
        if hint := likely_format(start) or _likely_format(start):
            raise DataError(
                f"{caller}: this is not a CSV file: it begins with the bytes {start.hex(' ')}.",
                where=place(path),
                why=f"a table is text. {hint}",
                write=f"{caller}(path) with a CSV file, or with a folder of IDX files.",
            )
        encoding = _ENCODINGS.get(start[:2], "utf-8-sig")
        with io.TextIOWrapper(file, encoding=encoding) as text:
            yield Lines(text, path, caller)


def _unpacked_start(raw: BinaryIO) -> bytes:
    try:
        return gzip.GzipFile(fileobj=raw).read(_START)
    except (EOFError, OSError, zlib.error):  # said when it is read in earnest
        return b""
    finally:
        raw.seek(0)


def _likely_format(start: bytes) -> str:
    if start[:3] == b"\0\0\x08":
        return "It looks like an IDX file: name its folder, or read it with data.load_idx."
    if start[:4] == b"PAR1":
        return "It looks like a Parquet file: write it as CSV first."
    if start[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1"):
        return "It looks like a picture: data.read_image reads it."
    return ""


class Layout(NamedTuple):
    """How a table is written.

    Attributes
    ----------
    path : str
    caller : str
        The function that a message names.
    separator : str
    names : tuple of str
        Of all columns: those of the header, or x0, x1, … where there is none.
    header : bool
        Whether the first line is one.
    target : int
        The number of the column that is to be predicted.
    first : tuple of str
        The cells of the first row.
    """

    path: str
    caller: str
    separator: str
    names: tuple[str, ...]
    header: bool
    target: int
    first: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns but the target."""
        return self.names[: self.target] + self.names[self.target + 1 :]


def look(path: str, target: str | int | None, header: bool | None, caller: str) -> Layout:
    """Find out how a table is written, from its first two lines; see `load` for the rules."""
    with open_lines(path, caller) as lines:
        start = list(islice(lines, 2))
    if not start:
        raise _no_rows(path, caller, "the file is empty")
    try:
        separator = _separator(start)
        first, *others = (_cells(line, separator) for line in start)
    except csv.Error as error:
        raise DataError(
            f"{caller}: the first lines cannot be taken apart: {error}.",
            where=f"{place(path)}, line 1 or 2",
            why="a table has cells, separated by a comma, a semicolon or a tab.",
            write=f"{caller}(path) with such a file.",
        ) from error
    second = others[0] if others else []
    if len(first) < 2:
        raise DataError(
            f"{caller}: the table has one column.",
            where=f"{place(path)}, line 1",
            why="at least one column is given and one is to be predicted; columns are separated "
            "by a comma, a semicolon or a tab.",
            write=f"{caller}(path) with such a file.",
        )
    if header is None:
        header = _is_header(first, second, path, caller)
    if header and not second:
        raise _no_rows(path, caller, "there is a header and no row")
    names = (
        tuple(cell.strip() for cell in first)
        if header
        else tuple(f"x{number}" for number in range(len(first)))
    )
    return Layout(
        path,
        caller,
        separator,
        names,
        header,
        _target(target, names, path, caller),
        tuple(second if header else first),
    )


def is_number(text: str) -> bool:
    """Whether a cell is a number, which may be NaN or infinite."""
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text  # float takes more than NumPy's reader does


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _separator(start: list[str]) -> str:
    for separator in _SEPARATORS:
        counts = {len(_cells(line, separator)) for line in start}
        if len(counts) == 1 and counts.pop() > 1:
            return separator
    return max(reversed(_SEPARATORS), key=start[0].count)


def _is_header(first: list[str], second: list[str], path: str, caller: str) -> bool:
    numbers = [cell for cell in first if is_number(cell)]
    if not numbers:
        return True
    over_numbers = any(
        is_number(below) and not is_number(cell) and cell.strip().lower() not in MISSING
        for cell, below in zip(first, second, strict=False)
    )
    counted = len(numbers) > 2 and [float(n) for n in numbers] == list(range(len(numbers)))
    if over_numbers or counted:
        raise DataError(
            f"{caller}: the first line may be a header or a row.",
            where=f"{place(path)}, line 1: {', '.join(map(repr, first[:6]))}",
            why="it has a text above numbers, beside numbers."
            if over_numbers
            else "its numbers are 0, 1, 2, …, as names of columns often are.",
            write=f"{caller}(path, header=True), or header=False",
        )
    return False


def _target(target: str | int | None, names: tuple[str, ...], path: str, caller: str) -> int:
    if target is None:
        return len(names) - 1
    if isinstance(target, str) and names.count(target.strip()) == 1:
        return names.index(target.strip())
    number = None
    with suppress(TypeError, ValueError):
        if not isinstance(target, str):
            number = None if isinstance(target, bool) else operator.index(target)
        elif target.strip() not in names:
            number = int(target)  # as a command line gives it
    if number is not None and -len(names) <= number < len(names):
        return number % len(names)
    shown = ", ".join(repr(name) for name in names[:8]) + (", …" if len(names) > 8 else "")
    raise OptionError(
        f"{caller}: target is {target!r}.",
        where=place(path),
        why=f"it is the name of one column, or its number from 0 to {len(names) - 1}, -1 being the "
        f"last; the columns are {shown}.",
        write=f"{caller}(path, target={names[-1]!r})",
    )


def _no_rows(path: str, caller: str, what: str) -> DataError:
    return DataError(
        f"{caller}: {what}.",
        where=place(path),
        why="a table has at least two rows: one to train with, and one to test with.",
        write=f"{caller}(path) with more rows.",
    )
