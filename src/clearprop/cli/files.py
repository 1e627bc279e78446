"""The files that a command is given, and those that it writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from clearprop.errors import OptionError
from clearprop.whole_files import is_special, whole_file

#: What is checked of a folder.
_ENDINGS = (".py", ".ipynb", ".md", ".txt")
_SKIPPED = ("__pycache__", "node_modules", "site-packages")


def requested_files(texts: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Split FILE and NAME, open folders, and join the names of one file."""
    asked: dict[str, list[str]] = {}
    whole: set[str] = set()
    for text in texts:
        path, name = split_name(text)
        if not Path(path).is_dir():
            found = [path]
        elif name:
            raise OptionError(
                f"{text}: {path} is a folder.",
                why="a name belongs to one file.",
                write=f"{path}/FILE.py:{name}",
            )
        else:
            found = list(_in_folder(Path(path)))
            if not found:
                raise OptionError(
                    f"{path}: there is nothing to check in this folder.",
                    why=f"files that end in {', '.join(_ENDINGS)} are checked.",
                    write="clearprop check FILE",
                )
        for one in found:
            asked.setdefault(one, []).extend([name] if name else [])
            if not name:
                whole.add(one)
    for path, names in asked.items():
        yield path, () if path in whole else tuple(dict.fromkeys(names))


def split_name(text: str, command: str = "check") -> tuple[str, str]:
    r"""Split ``FILE:NAME``; a drive letter, and a colon in a path that exists, are not a name.

    Parameters
    ----------
    text : str
        As it was typed.
    command : str
        Which command it was typed for, for the message.

    Returns
    -------
    tuple of str
        The path, and the name or "".

    Raises
    ------
    OptionError
        There is no such file.
    """
    parts = text.split(":")
    for number in range(len(parts), 0, -1):
        path, name = ":".join(parts[:number]), ":".join(parts[number:])
        if path and Path(path).exists():
            return path, name
    shown = text if len(parts) == 1 or not parts[-1].isidentifier() else text.rpartition(":")[0]
    raise OptionError(
        f"{shown}: there is no such file.",
        why=f"it is looked for from {Path.cwd()}.",
        write=f"clearprop {command} FILE, or FILE:NAME for one layer or function of it",
    )


def _in_folder(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in _SKIPPED for part in inner)
        if path.suffix.lower() in _ENDINGS and not hidden and path.is_file():
            yield str(path)


def must_be_writable(path: Path) -> None:
    """Refuse before the work what would fail after it."""
    if is_special(path):
        if not os.access(path, os.W_OK):
            raise unwritable(path, "it is not yours to write to")
        return
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        reason = "it is a folder" if path.is_dir() else f"{folder} is no folder to write to"
        raise unwritable(path, reason)


def must_be_no_file_of_a_run(path: Path) -> None:
    """Refuse to write over what a run left: ``--json runs/first/config.json`` was meant as RUN."""
    from clearprop.train.finding_runs import is_run

    if is_run(path.parent) and path.exists():
        raise OptionError(
            f"{path}: this is a file of a run.",
            why="a run is never overwritten.",
            write="another path, or RUN before the options",
        )


def must_not_exist(path: Path, again: str) -> None:
    """Refuse to write over a file, unless it is forced; ``again`` is the command that forces it."""
    if path.is_file():
        raise OptionError(
            f"{path}: this file exists.",
            why="nothing is overwritten unless you say so.",
            write=f"another path, or {again} … --force",
        )


def write_whole(path: Path, text: str) -> None:
    """Write a text file in whole or not at all."""
    write_whole_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_whole_bytes(path: Path, content: bytes) -> None:
    """Write a file in whole or not at all."""
    try:
        with whole_file(path) as stream:
            stream.write(content)
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from error


def unwritable(path: Path, reason: str) -> OptionError:
    """Make the error for a file that cannot be written."""
    return OptionError(
        f"{path}: it cannot be written: {reason}.",
        why="what comes out is written there.",
        write="a path in a folder that exists and where you may write",
    )
