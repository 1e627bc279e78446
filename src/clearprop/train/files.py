"""A file that is there in whole or not at all, whenever the process or the machine stops."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def passing_name(name: str) -> str:
    """Name a file while it is being written; no other process uses the same.

    Examples
    --------
    >>> passing_name("loss.csv") == f".loss.csv.{os.getpid()}"
    True
    """
    return f".{name}.{os.getpid()}"


def write_whole(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write one file: first under a passing name, then to the disk, then by its own name.

    Whoever opens the file finds the one before or this one. That its name, too, is on the disk,
    is for `sync_folder`.

    Parameters
    ----------
    path : path
        Of the file.
    parts : iterable of bytes
        All of it, one part after the other.

    Raises
    ------
    OSError
        It cannot be written; what was there under this name before is there still.
    """
    passing = path.with_name(passing_name(path.name))
    try:
        with passing.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
    except BaseException:
        with suppress(OSError):
            passing.unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    """Put the names in a folder on the disk; where folders cannot be opened, it is the system's.

    Parameters
    ----------
    path : path
        Of the folder.

    Raises
    ------
    OSError
        The disk reports that it failed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # Windows, or a folder that may be written to and not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # a file system without it
            raise
    finally:
        os.close(descriptor)
