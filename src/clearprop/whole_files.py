"""A file that somebody names: written in whole or not at all; a device stays one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open what becomes the file when all is written.

    It is written under another name and renamed at the end. What is there and is no regular file,
    such as ``/dev/null`` or a pipe, is written into: a rename would put a file in its place. Of a
    link the file that it leads to is written, and the link stays.

    Raises
    ------
    OSError
        It cannot be written; a regular file that was there is there still.
    """
    if is_special(path):
        with path.open("wb") as stream:
            yield stream
        return
    path = Path(os.path.realpath(path))
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with passing.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        passing.replace(path)
    finally:
        passing.unlink(missing_ok=True)


def is_special(path: Path) -> bool:
    """Whether there is a device, a pipe or a socket."""
    return path.exists() and not path.is_file() and not path.is_dir()
