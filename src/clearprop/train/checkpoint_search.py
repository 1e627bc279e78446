"""Find the newest checkpoint that is whole, and say what was passed over and what differs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clearprop.errors import DataError, RunError
from clearprop.train.checkpoint_file import Checkpoint, parse, read_whole
from clearprop.train.environment import differences

NAME = re.compile(r"step-(\d{10,18})\.safetensors")


def file_name(step: int) -> str:
    """Name the file of a step.

    Examples
    --------
    >>> file_name(1200)
    'step-0000001200.safetensors'
    """
    return f"step-{step:010d}.safetensors"


def steps_in(folder: Path) -> list[int]:
    """Give the steps that a folder has files for, whole or not, in order.

    Raises
    ------
    RunError
        The folder is not there, or cannot be read.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise RunError(
            f"checkpoint: the folder cannot be read: {error.strerror}.",
            where=repr(str(folder)),
            why="the checkpoints of a run are there.",
            write="the folder that the run wrote into",
        ) from error
    steps = (int(found[1]) for found in map(NAME.fullmatch, names) if found)
    return sorted({step for step in steps if file_name(step) in names})


class Latest(NamedTuple):
    """What a folder of checkpoints has to offer.

    Attributes
    ----------
    checkpoint : Checkpoint or None
        The newest that is whole; None where there is none.
    refused : tuple of DataError
        Why each that is newer was refused, newest first.
    differences : tuple of str
        What is not as it was when the checkpoint was written, as words: versions and processor,
        which decide last bits, and the plan.
    """

    checkpoint: Checkpoint | None
    refused: tuple[DataError, ...] = ()
    differences: tuple[str, ...] = ()

    def required(self) -> Checkpoint:
        """Give the checkpoint.

        Raises
        ------
        DataError
            There is none; it says what was refused and why.
        """
        if self.checkpoint is not None:
            return self.checkpoint
        if self.refused:
            raise DataError(
                f"{self.refused[0].what} None of the {len(self.refused)} can be used.",
                where=self.refused[0].where,
                why=" ".join(f"{error.what} {error.why}" for error in self.refused),
                write="a run from the start, in another folder",
            )
        raise DataError(
            "checkpoint: there is none.",
            why="a run is resumed from the last checkpoint that it wrote.",
            write="a run from the start",
        )

    def notes(self) -> list[str]:
        """Say what a user has to know, a sentence each: what was refused, what differs."""
        used = "" if self.checkpoint is None else f" Step {self.checkpoint.step:,} is used."
        lines = [f"{error.what} Why: {error.why}{used}" for error in self.refused]
        return lines + [f"{difference}." for difference in self.differences]


def newest(
    folder: Path, model: Any, plan: Mapping[str, Any], made_with: Mapping[str, Any]
) -> tuple[Latest, set[int], set[int]]:
    """Find the newest checkpoint that is whole, while others may write into the folder.

    Parameters
    ----------
    folder : path
    model : Any
        What tells the model from others, as it comes back from JSON; None takes all.
    plan, made_with : mapping
        What the checkpoint is compared with, likewise.

    Returns
    -------
    Latest
    set of int
        The steps that files are there for.
    set of int
        Those of the refused ones.

    Raises
    ------
    RunError
        The folder is not there, or cannot be read.
    DataError
        The newest whole checkpoint is of another model, or of a newer format.
    """
    steps = steps_in(folder)
    refused: dict[int, DataError] = {}
    for step in reversed(steps):
        path = folder / file_name(step)
        try:
            content = read_whole(path)
        except DataError as error:
            if not os.path.lexists(path):  # its writer has removed it meanwhile, for newer ones
                return newest(folder, model, plan, made_with)
            refused[step] = error
            continue
        checkpoint = parse(content, path)
        if checkpoint.step != step:
            refused[step] = _renamed(checkpoint)
            continue
        _check_model(checkpoint, model)
        changes = differences(checkpoint.made_with, made_with)
        changes += _changes(checkpoint.plan, plan, "plan")
        found = Latest(checkpoint, tuple(refused.values()), tuple(changes))
        return found, set(steps), set(refused)
    return Latest(None, tuple(refused.values())), set(steps), set(refused)


def _check_model(checkpoint: Checkpoint, model: Any) -> None:
    changes = [] if model is None else _changes(checkpoint.model, model, "model")
    if changes:
        raise DataError(
            f"checkpoint: {checkpoint.path.name} is of another model.",
            where=repr(str(checkpoint.path)),
            why=f"{'; '.join(changes)}.",
            write="the model that it was written with, or another folder",
        )


def _renamed(checkpoint: Checkpoint) -> DataError:
    return DataError(
        f"checkpoint: {checkpoint.path.name} holds step {checkpoint.step:,}.",
        where=repr(str(checkpoint.path)),
        why="it was given the name of another step.",
        write=file_name(checkpoint.step),
    )


def _changes(before: Any, now: Any, path: str) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        absent = "not there"
        return [
            change
            for name in {**before, **now}
            for change in _changes(
                before.get(name, absent), now.get(name, absent), f"{path} {name}"
            )
        ]
    same = before == now or (str(before) == str(now) == "nan")
    return [] if same else [f"{path} was {before} and is {now}"]
