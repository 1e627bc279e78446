"""The text of a table: its lines, its separator, its header."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import operator
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from typing import BinaryIO, NamedTuple, TextIO

from clearprop.data.files import cannot_open, likely_format, place, size_of_file
from clearprop.data.gzip_stream import MAGIC as GZIP_MAGIC
from clearprop.errors import DataError, OptionError

LONGEST = 1 << 24  # characters of a line: what unfolds into one endless line is no table
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?", "-"))
_START = 6  # bytes, which tell what a file is
_STARTING = 100  # further lines, in which a header and a row with quotes end
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
        The number of the column that is to be predicted; -1 where there is none.
    first : tuple of str
        The cells of the first row.
    unused : set of int
        The numbers of columns in which anything may stand.
    may_leave_out : bool
        Whether the caller can leave further columns out.
    """

    path: str
    caller: str
    separator: str
    names: tuple[str, ...]
    header: bool
    target: int
    first: tuple[str, ...]
    unused: frozenset[int] = frozenset()
    may_leave_out: bool = False

    @property
    def given(self) -> list[int]:
        """The numbers of the columns that are neither the target nor left out."""
        left_out = {self.target, *self.unused}
        return [number for number in range(len(self.names)) if number not in left_out]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of these columns."""
        return tuple(self.names[number] for number in self.given)

    @property
    def without(self) -> tuple[str, ...]:
        """The names of the columns that are left out."""
        return tuple(self.names[number] for number in sorted(self.unused))


class Start(NamedTuple):
    """The beginning of a table.

    Attributes
    ----------
    separator : str
    first, second : list of str
        The cells of its first two rows; of the second none, where there is one row.
    """

    separator: str
    first: list[str]
    second: list[str]


def look_at_start(path: str, caller: str) -> Start:
    """Read the first two rows of a table; see `look`."""
    with open_lines(path, caller) as lines:
        start = list(islice(lines, 2))
        if any('"' in line for line in start):  # then a row may take more lines than one
            start += islice(lines, _STARTING)
    if not start:
        raise _no_rows(path, caller, "the file is empty")
    try:
        separator = separator_of(start)
        first, *others = _first_rows(start, separator)
    except csv.Error as error:
        raise DataError(
            f"{caller}: the first lines cannot be taken apart: {error}.",
            where=f"{place(path)}, line 1 or 2",
            why="a table has cells, separated by a comma, a semicolon or a tab.",
            write=f"{caller}(path) with such a file.",
        ) from error
    return Start(separator, first, others[0] if others else [])


def look(
    path: str,
    target: str | int | None,
    header: bool | None,
    caller: str,
    without: tuple[str | int, ...] = (),
) -> Layout:
    """Find out how a table is written, from its first two lines; see `load` for the rules."""
    separator, first, second = look_at_start(path, caller)
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
    names = names_of(first) if header else tuple(f"x{number}" for number in range(len(first)))
    unused = frozenset(_column("without", given, names, path, caller) for given in without)
    left = [number for number in range(len(names)) if number not in unused]
    if len(left) < 2:
        raise OptionError(
            f"{caller}: without leaves {len(left)} column{'s' * (len(left) != 1)}.",
            where=place(path),
            why="at least one column is given and one is to be predicted.",
            write=f"{caller}(path, without=({names[0]!r},))",
        )
    number = left[-1] if target is None else _column("target", target, names, path, caller)
    if number in unused:
        raise OptionError(
            f"{caller}: the target {names[number]!r} is left out.",
            where=place(path),
            why="it is named by target and by without.",
            write=f"{caller}(path, target={names[left[-1]]!r})",
        )
    refuse_twice(names, [names[number] for number in left], path, caller)
    cells = tuple(second if header else first)
    return Layout(path, caller, separator, names, header, number, cells, unused, True)


def is_number(text: str) -> bool:
    """Whether a cell is a number, which may be NaN or infinite."""
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text  # float takes more than NumPy's reader does


def names_of(cells: Iterable[str]) -> tuple[str, ...]:
    r"""Give the names in a header: what stands on several lines in one cell, on one.

    Examples
    --------
    >>> names_of([" price", "size\n(m²)"])
    ('price', 'size (m²)')
    """
    return tuple(" ".join(map(str.strip, cell.strip().splitlines())) for cell in cells)


def refuse_twice(names: Sequence[str], used: Iterable[str], path: str, caller: str) -> None:
    """Refuse a header in which a column that is used has the name of another.

    Raises
    ------
    DataError
    """
    counts = Counter(names)
    name = next((name for name in used if counts[name] > 1), None)
    if name is None:
        return
    numbers = [str(number) for number, each in enumerate(names) if each == name]
    count = "two" if len(numbers) == 2 else len(numbers)
    raise DataError(
        f"{caller}: {count} columns are called {name!r}: numbers {', '.join(numbers[:8])}"
        f"{', …' * (len(numbers) > 8)}.",
        where=f"{place(path)}, line 1",
        why="columns are found by their names, when new rows are read too.",
        write="a name of its own for each column",
    )


def _first_rows(lines: Iterable[str], separator: str) -> list[list[str]]:
    """Take the first two rows apart: a cell in quotes may go on over several lines."""
    return list(islice(csv.reader(lines, delimiter=separator), 2))


def separator_of(start: list[str]) -> str:
    """Find what stands between cells, from the first lines."""
    for separator in _SEPARATORS:
        with suppress(csv.Error):  # a long line is one cell, longer than they may be
            counts = {len(cells) for cells in _first_rows(start, separator)}
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


def _column(option: str, given: str | int, names: tuple[str, ...], path: str, caller: str) -> int:
    """Find the column that an option names or counts."""
    if isinstance(given, str) and names.count(given.strip()) == 1:
        return names.index(given.strip())
    number = None
    with suppress(TypeError, ValueError):
        if not isinstance(given, str):
            number = None if isinstance(given, bool) else operator.index(given)
        elif given.strip() not in names:
            number = int(given)  # as a command line gives it
    if number is not None and -len(names) <= number < len(names):
        return number % len(names)
    shown = ", ".join(repr(name) for name in names[:8]) + (", …" if len(names) > 8 else "")
    by_case = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(given).strip().lower(), by_case, 1)
    proposed = by_case[near[0]] if near else names[-1 if option == "target" else 0]
    value = repr(proposed) if option == "target" else f"({proposed!r},)"
    raise OptionError(
        f"{caller}: {option} is {given!r}.",
        where=place(path),
        why=f"it is the name of one column, or its number from 0 to {len(names) - 1}, -1 being the "
        f"last; the columns are {shown}.",
        write=f"{caller}(path, {option}={value})",
    )


def _no_rows(path: str, caller: str, what: str) -> DataError:
    return DataError(
        f"{caller}: {what}.",
        where=place(path),
        why="a table has at least two rows: one to train with, and one to test with.",
        write=f"{caller}(path) with more rows.",
    )
