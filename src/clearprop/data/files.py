"""Files of data: whether they can be read, and the words for those that cannot."""

from __future__ import annotations

import os
import stat
from typing import Any

from clearprop.errors import DataError, DTypeError

# What a failed download or a mix-up of files usually leaves in the place of a data file.
OTHER_FORMATS = {
    b"<": "It looks like a web page: the download answered with a page instead of the file.",
    b"PK": "It looks like a zip archive: unpack it first.",
    b"\x93NUMPY": "It looks like a NumPy file: np.load reads it.",
    b"BZh": "It looks like a bzip2 file: unpack it first.",
    b"\xfd7zXZ": "It looks like an xz file: unpack it first.",
}


_NEAR = 0.7  # so much of two names is alike, where one may be meant for the other


def as_path(path: str | os.PathLike[str], caller: str) -> str:
    """Return `path` as a string; a DTypeError says what else it was."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise DTypeError(
            f"{caller}: the path is of type {type(path).__name__}.",
            why="a path is a str or a pathlib.Path.",
            write=f"{caller}('path/to/the/data')",
        ) from None


def place(path: str) -> str:
    """Return the absolute path, quoted, for the "Where" of a message."""
    try:
        return repr(os.path.abspath(path))
    except OSError:  # the current folder has been deleted
        return repr(path)


def count_bytes(size: int) -> str:
    """Return "1 byte" or "1,000 bytes"."""
    return f"{size:,} byte" + "s" * (size != 1)


def size_of_file(path: str, caller: str, example: str) -> int:
    """Size in bytes of a regular file.

    Parameters
    ----------
    path : str
    caller : str
        The function that a message names.
    example : str
        The name of a file that it reads, for the message about a folder.

    Raises
    ------
    DataError
        It is a folder, or a device, a pipe or a socket, or the path cannot be looked up.
    OSError
        There is no such file, or it may not be looked at; see `cannot_open`.
    """
    try:
        status = os.stat(path)  # before open, which would wait forever on a named pipe
    except ValueError as error:  # a null character, or one the file system cannot encode
        raise cannot_open(path, error, caller) from error
    if stat.S_ISDIR(status.st_mode):
        raise DataError(
            f"{caller}: this is a folder, not a file.",
            where=place(path),
            why=_folder_holds(path),
            write=f"{caller}({os.path.join(path, example)!r}), or the file you mean.",
        )
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            f"{caller}: this is not a regular file but a device, a pipe or a socket.",
            where=place(path),
            why="its size cannot be known before reading.",
            write=f"{caller}(path) with a copy of the data in a file.",
        )
    return status.st_size


def cannot_open(path: str, error: Exception, caller: str) -> DataError:
    """Give the error for a file that the operating system does not open."""
    if isinstance(error, FileNotFoundError):
        return DataError(
            f"{caller}: there is no such file.",
            where=place(path),
            why=_why_missing(path),
            write=f"{caller}(path) with the path of a file that is there.",
        )
    if isinstance(error, PermissionError):
        return DataError(
            f"{caller}: this file may not be read: permission denied.",
            where=place(path),
            why="the file, or a folder above it, is closed to the user who runs this program.",
            write=f"{caller}(path) after `chmod u+r {path!r}` in a shell, by the file's owner.",
        )
    reason = getattr(error, "strerror", None) or str(error)
    return DataError(
        f"{caller}: this file cannot be read: {reason}.",
        where=place(path),
        why="the operating system refused it.",
        write=f"{caller}(path) with the path of a file that can be opened.",
    )


def _why_missing(path: str) -> str:
    if os.path.islink(path):
        return f"it is a link to {os.readlink(path)!r}, where nothing is."
    folder, name = os.path.split(path)
    folder = folder or os.curdir
    if not os.path.isdir(folder):
        return f"the folder {place(folder)} does not exist."
    import difflib  # only here: most programs never need it

    try:
        names = os.listdir(folder)[:1000]
        likeness = {found: _likeness(difflib.SequenceMatcher, name, found) for found in names}
        near = sorted((n for n in names if likeness[n] >= _NEAR), key=lambda n: -likeness[n])
    except OSError:  # a folder that may be entered and not listed
        near = []
    if near:
        return f"its folder holds {near[0]!r}: is that the one?"
    return _folder_holds(folder)


def _likeness(matcher: Any, one: str, other: str) -> float:
    """How alike two names are; two tables are not so for ending with .csv."""
    ending = os.path.splitext(one)[1]
    if os.path.splitext(other)[1] == ending:
        one, other = one.removesuffix(ending), other.removesuffix(ending)
    ratio: float = matcher(None, one, other).ratio()
    return ratio


def _folder_holds(folder: str) -> str:
    return f"the folder holds {name_contents(folder)}."


def name_contents(folder: str) -> str:
    """Return the names in a folder, at most eight, for a message."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        return f"names that may not be listed ({error.strerror})"
    if not names:
        return "nothing"
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more


def likely_format(start: bytes) -> str:
    """Say what a file is likely to be that begins with these bytes, or nothing."""
    hints = (hint for sign, hint in OTHER_FORMATS.items() if start.startswith(sign[:4]))
    return next(hints, "")
