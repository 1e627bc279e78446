"""The folder of a run: made once, never overwritten, every file there in whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from clearprop.errors import RunError
from clearprop.train.files import sync_folder, write_whole


class RunFolder:
    r"""A folder that was empty when the run began, and its files.

    Parameters
    ----------
    out : path, optional
        The folder; it is made, with those above it, and may exist if it is empty. By default
        ``runs/<date>_<time>``, with a number behind it where that exists.

    Attributes
    ----------
    path : path
        The folder.
    files : list of str
        The names of the files written so far.

    Raises
    ------
    RunError
        The folder holds something already, or cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     folder = RunFolder(Path(parent, "first"))
    ...     folder.write("loss.csv", b"iteration,loss\n")
    ...     folder.files, (folder.path / "loss.csv").read_text()
    (['loss.csv'], 'iteration,loss\n')
    """

    def __init__(self, out: Path | None = None) -> None:
        self.path = _make_dated() if out is None else _make(out)
        self.files: list[str] = []

    @classmethod
    def again(cls, path: Path) -> RunFolder:
        """Give the folder of a run that goes on: its files are written anew, each in whole.

        Raises
        ------
        RunError
            There is no such run.
        """
        if not (path / "config.json").is_file():
            raise RunError(
                "train: there is no run to go on with.",
                where=repr(str(path)),
                why="a run folder has a config.json.",
                write="--resume runs/NAME",
            )
        folder = cls.__new__(cls)
        folder.path, folder.files = path, []
        return folder

    def write(self, name: str, content: bytes) -> None:
        """Write one file: first under a passing name, then to the disk, then by its own name.

        Parameters
        ----------
        name : str
            Of the file.
        content : bytes
            All of it.

        Raises
        ------
        RunError
            It cannot be written; what was there under this name before is there still.
        """
        try:
            write_whole(self.path / name, [content])
            with suppress(OSError):  # it is there, and the next write will say what is wrong
                sync_folder(self.path)
        except OSError as error:
            raise RunError(
                f"train: {name} cannot be written: {error.strerror}.",
                where=repr(str(self.path)),
                why="the disk or the folder refuses it.",
                write="--out FOLDER, on a disk with room and where you may write",
            ) from error
        self.files.append(name)

    def remove(self, name: str) -> None:
        """Take a file away, if it is there: what it says holds no longer."""
        with suppress(OSError):
            (self.path / name).unlink()

    def write_all(self, contents: Mapping[str, Callable[[], bytes]], again: str) -> None:
        """Write several files, as many as possible, and only then raise what went wrong.

        Parameters
        ----------
        contents : dict of callable
            The name of each file, and what makes its content.
        again : str
            The command that makes the same files elsewhere.

        Raises
        ------
        RunError
            At least one could not be written; the message names them, and those that were.
        """
        failed: dict[str, RunError] = {}
        for name, make in contents.items():
            try:
                self.write(name, make())
            except RunError as error:
                failed[name] = error
        if failed:
            first = next(iter(failed.values()))
            reason = getattr(first.__cause__, "strerror", None)
            raise RunError(
                f"train: {', '.join(failed)} cannot be written: {reason}.",
                where=repr(str(self.path)),
                why=f"the disk or the folder refuses it; saved are {', '.join(self.files)}.",
                write=again,
            ) from first


def _make_dated() -> Path:
    stem = Path("runs") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    path, number = stem, 1
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except FileExistsError as error:
            if not path.parent.is_dir():  # a file called "runs"
                raise _cannot_make(path, error) from error
            number += 1
            path = stem.with_name(f"{stem.name}_{number}")
        except OSError as error:
            raise _cannot_make(path, error) from error
        else:
            return path


def _make(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
        occupied = any(path.iterdir())
    except OSError as error:
        raise _cannot_make(path, error) from error
    if occupied:
        raise RunError(
            "train: the run folder exists and is not empty.",
            where=repr(str(path)),
            why="a run is never overwritten.",
            write="--out with another name, or no --out for runs/<date>_<time>",
        )
    if not os.access(path, os.W_OK | os.X_OK):
        raise _cannot_make(path, PermissionError(13, "Permission denied"))
    return path


def _cannot_make(path: Path, error: OSError) -> RunError:
    return RunError(
        f"train: the run folder cannot be made: {error.strerror}.",
        where=repr(str(path)),
        why="weights, numbers and curves of the run are written there.",
        write="--out FOLDER, where you may write",
    )
