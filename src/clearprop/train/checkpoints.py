"""The checkpoints of a run: the last few in one folder, each there in whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from numbers import Integral
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from clearprop.errors import OptionError, RunError
from clearprop.extras import require
from clearprop.train.checkpoint_file import copied, file_content, record_text
from clearprop.train.checkpoint_search import NAME, Latest, file_name, newest, steps_in
from clearprop.train.environment import describe_environment
from clearprop.train.files import sync_folder, write_whole
from clearprop.train.folder_lock import FolderLock, TakenError

_LEFTOVER = re.compile(rf"\.{NAME.pattern}\.\d+")  # as passing_name has it
_MOST = 10**18 - 1  # what the name of a file has digits for


class Checkpoints:
    r"""The last checkpoints of a run, in a folder of their own.

    Parameters
    ----------
    folder : path
        It is made where it is first written to, with those above it.
    keep : int, default 3
        How many are kept. An older one is removed once the newer one is whole on disk.
    every : int, optional
        `fit` writes one after so many updates each.
    seconds : float, optional
        And after so many seconds each; by default 60, unless `every` is given.
    model : Any, optional
        What tells the model from others, of what JSON has: `latest` takes a checkpoint of no
        other.
    plan : mapping, optional
        What the run is made from, of what JSON has. It is kept, and changes are reported.
    made_with : mapping, optional
        Versions and processor; by default `describe_environment` with ``machine_code=True``.

    Raises
    ------
    OptionError
        `keep` is not at least 1.
    DTypeError
        `model`, `plan` or `made_with` hold what JSON has not.

    Notes
    -----
    `write` copies the arrays and returns; a thread of its own hashes and writes the copies and
    waits for the disk, all outside Python's lock. The memory of the copies is kept for the next.

    One process, and in it one object, writes into a folder at a time. Any number may read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Checkpoints(Path(folder), keep=2) as checkpoints:
    ...         for step in (100, 200, 300):
    ...             checkpoints.write(step, {"W": np.full(2, step)}, {"epoch": step / 200})
    ...     names = sorted(path.name for path in Path(folder).glob("*.safetensors"))
    ...     last = Checkpoints(Path(folder)).latest().required()
    >>> names
    ['step-0000000200.safetensors', 'step-0000000300.safetensors']
    >>> last.step, last.arrays, last.facts
    (300, {'W': array([300, 300])}, {'epoch': 1.5})
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep: int = 3,
        every: int | None = None,
        seconds: float | None = None,
        model: Any = None,
        plan: Mapping[str, Any] | None = None,
        made_with: Mapping[str, Any] | None = None,
    ) -> None:
        if not _is_whole(keep, 1):
            raise OptionError(
                f"checkpoint: keep is {keep!r}.",
                why="it is how many checkpoints are kept, at least 1.",
                write="keep=3",
            )
        for name, value in (("every", every), ("seconds", seconds)):
            if value is not None and not value > 0:
                raise OptionError(
                    f"checkpoint: {name} is {value!r}.",
                    why="it is how often one is written, a positive number.",
                    write=f"{name}=60",
                )
        self.folder = Path(folder)
        self.keep = int(keep)
        self.every = sys.maxsize if every is None else int(every)
        self.seconds = seconds or (60.0 if every is None else math.inf)
        # as they come back from a file, or an error now: with lists for tuples
        given = json.loads(record_text({"model": model, "plan": plan or {}, "made": made_with}))
        self._model, self._plan = given["model"], given["plan"]
        self._made_with: dict[str, Any] | None = given["made"]
        self._lock: FolderLock | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None
        self._copies: dict[str, npt.NDArray[Any]] = {}
        self._seen: set[int] = set()  # the steps that were there when `latest` looked
        self._broken: set[int] = set()
        self._last = 0
        self._begun = False

    def open(self) -> Self:
        """Make the folder, keep other writers out of it, and clear what a killed one left.

        The first `write` does it, too; done before a run, it says at once what is wrong.

        Raises
        ------
        RunError
            The folder cannot be made or written to, or another process writes into it.
        """
        if self._lock is not None:
            return self
        require("safetensors.numpy", "train", "writes the arrays", "checkpoint")
        try:
            _make(self.folder)
            lock = FolderLock(self.folder)
            if not os.access(self.folder, os.W_OK | os.X_OK):  # the lock's file was there before
                lock.release()
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except TakenError as error:
            process = f"process {error}" if str(error) else "another process"
            raise RunError(
                f"checkpoint: {process} writes into the folder.",
                where=repr(str(self.folder)),
                why="each of two runs would remove the checkpoints of the other.",
                write="another folder, or wait until the other run has ended",
            ) from error
        except OSError as error:
            raise self._cannot("the folder", error) from error
        self._lock = lock
        if lock.held:  # else it could be of one who is writing
            with contextlib.suppress(OSError):  # it takes room, and is never read
                for path in [*self.folder.iterdir()]:
                    if _LEFTOVER.fullmatch(path.name):
                        path.unlink()
        return self

    def write(
        self,
        step: int,
        arrays: Mapping[str, npt.NDArray[Any]],
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin to write a checkpoint; the one before is finished first.

        Parameters
        ----------
        step : int
            Updates made; not less than that of the one before.
        arrays : mapping of ndarray
            They are copied: what happens to them afterwards is not written.
        facts : mapping, optional
            Everything else, of what JSON has; `generator_facts` describes a generator.

        Raises
        ------
        RunError
            The checkpoint before could not be written, and this one is not begun; those on disk
            are there still. Or the folder holds checkpoints that `latest` has not looked at.
        OptionError
            `step` is no number of updates, or less than before.
        DTypeError
            An array or a fact is of a type that would not come back as it was.
        """
        if not _is_whole(step, 0):
            raise OptionError(
                f"checkpoint: step is {step!r}.",
                why="it is the number of updates made, a whole number, at least 0.",
                write="step=100",
            )
        self.open()
        self.wait()
        step = int(step)
        self._check_order(step)
        record = {
            "step": step,
            "facts": dict(facts or {}),
            "model": self._model,
            "plan": self._plan,
            "made_with": self._now(),
        }
        text = record_text(record)
        self._copies = copied(arrays, self._copies)  # those of the one before are written by now
        self._begun, self._last = True, step
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "clearprop-checkpoints")
        self._pending = self._thread.submit(self._store, step, self._copies, text)

    def wait(self) -> None:
        """Wait until the checkpoint that was begun last is whole on disk.

        Raises
        ------
        RunError
            It could not be written; those before it are there still.
        """
        pending = self._pending
        if pending is not None:
            wait_for([pending])  # Ctrl-C here leaves it to the next call
            self._pending = None
            pending.result()

    def close(self) -> None:
        """`wait`, and let others write into the folder.

        Raises
        ------
        RunError
            The last checkpoint could not be written.
        """
        try:
            self.wait()
        finally:
            if self._pending is None:
                if self._thread is not None:
                    self._thread.shutdown()
                    self._thread = None
                if self._lock is not None:
                    self._lock.release()
                    self._lock = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except RunError as unsaved:
            if error is None:
                raise
            error.add_note(str(unsaved))  # what ended the run says more

    def latest(self) -> Latest:
        """Find the newest checkpoint that is whole.

        What is cut off, damaged or something else is passed over, and said. What is whole and
        cannot be used is an error: going on from an older one would lose it.

        Returns
        -------
        Latest
            Its ``checkpoint`` is None where no file is there, or none is whole.

        Raises
        ------
        RunError
            The folder is not there, or cannot be read; or an earlier `write` failed.
        DataError
            The newest whole checkpoint is of another model, or of a newer format.
        """
        self.wait()
        require("safetensors.numpy", "train", "reads the arrays", "checkpoint")
        found, self._seen, self._broken = newest(self.folder, self._model, self._plan, self._now())
        if found.checkpoint is not None:
            self._last = max(self._last, found.checkpoint.step)
        return found

    def _check_order(self, step: int) -> None:
        if not self._begun:
            unseen = [s for s in steps_in(self.folder) if s not in self._seen]
            if unseen:
                raise RunError(
                    f"checkpoint: the folder holds step {unseen[-1]:,} already.",
                    where=repr(str(self.folder)),
                    why="it is of another run, whose checkpoints would be removed one by one.",
                    write="checkpoints.latest() first, to go on from it, or another folder",
                )
        if step < self._last:
            raise OptionError(
                f"checkpoint: step {step:,} comes after step {self._last:,}.",
                why="a run is resumed from the largest step.",
                write=f"step={self._last + 1}",
            )

    def _store(self, step: int, arrays: Mapping[str, npt.NDArray[Any]], text: str) -> None:
        try:
            write_whole(self.folder / file_name(step), file_content(arrays, text))
            sync_folder(self.folder)
        except OSError as error:
            raise self._cannot(f"step {step:,}", error) from error
        self._broken.discard(step)
        sound = [s for s in steps_in(self.folder) if s <= step and s not in self._broken]
        if len(sound) > self.keep:
            for old in (s for s in steps_in(self.folder) if s < sound[-self.keep]):
                with contextlib.suppress(OSError):  # the next write tries again
                    (self.folder / file_name(old)).unlink()

    def _now(self) -> dict[str, Any]:
        if self._made_with is None:
            require("threadpoolctl", "train", "tells which BLAS computes", "checkpoint")
            self._made_with = describe_environment(machine_code=True)
        return self._made_with

    def _cannot(self, what: str, error: OSError) -> RunError:
        return RunError(
            f"checkpoint: {what} cannot be written: {error.strerror}.",
            where=repr(str(self.folder)),
            why="the disk or the folder refuses it; the checkpoints before are there still.",
            write="a folder on a disk with room, where you may write",
        )


def _is_whole(value: Any, least: int) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and bool(least <= value <= _MOST)


def _make(folder: Path) -> None:
    """Make a folder, and put its name, and those of the new ones above it, on the disk."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)
