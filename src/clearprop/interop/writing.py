"""Files that are written in whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from clearprop.errors import OptionError
from clearprop.places import current_line
from clearprop.whole_files import whole_file


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file under another name, and give it its own when it is complete.

    Raises
    ------
    OptionError
        It cannot be written.
    """
    try:
        with whole_file(path) as stream:
            write(stream)
    except OSError as error:
        raise OptionError(
            f"{path} cannot be written: {error.strerror or error}.",
            where=current_line(2),
            why="What was there before is still there.",
            write="a path in a folder that exists and where you may write.",
        ) from error
