"""The run that ``clearprop train --resume`` goes on with: whether it can, and from where."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clearprop.errors import OptionError, RunError

if TYPE_CHECKING:
    from clearprop.data import Standardized
    from clearprop.train import Checkpoints


def nothing_to_do(run: Path, total: int) -> str:
    """Say that a run is finished, if so many iterations are no more than it has; else nothing."""
    from clearprop.cli.train_texts import CONTENTS, longer
    from clearprop.train import read_run

    of = read_run(run)
    if not CONTENTS.keys() - {"checkpoints"} <= of.files.keys():
        return ""  # what is missing is made anew
    with suppress(RunError):  # what is damaged is made anew
        if of.ended == "no better":
            had = f"{run} ended after {of.iterations:,} iterations, as it became no better"
        elif of.ended == "as asked" and of.iterations >= total:
            had = f"{run} is already finished, after {of.iterations:,} iterations"
        else:
            return ""
        return f"{had}: nothing to do.\nLonger: {longer(run, of.settings, of.ended)}"
    return ""


def refuse_fewer(run: Path, made: int | None, total: int) -> None:
    """Refuse to make an unfinished run shorter than it is: its plan would be lost for nothing.

    Raises
    ------
    OptionError
    """
    from clearprop.train import read_run

    if made is not None and made > total and read_run(run).ended != "as asked":
        raise OptionError(
            f"{run}: it has made {made:,} iterations, and is to end after {total:,}.",
            why="a run that goes on keeps what it has made.",
            write=f"clearprop train --resume {run}; or with --iterations {made} or more",
        )


class Before(NamedTuple):
    """What a run had done, before it goes on.

    Attributes
    ----------
    step : int or None
        The iterations of its last checkpoint; None where there is none.
    seconds : float
        That it took, as far as its files say without the checkpoint.
    begun : datetime
        When it began, the first time.
    command : str
        What the user typed to begin it.
    resumed : list of str
        And to go on with it, this time included.
    """

    step: int | None
    seconds: float
    begun: datetime
    command: str
    resumed: list[str]

    @classmethod
    def of(
        cls, run: Path, checkpoints: Checkpoints, unit: Standardized | None, command: str
    ) -> Before:
        """Read it; a checkpoint that cannot be used is an error before anything is written."""
        from clearprop.train import read_run
        from clearprop.train.keeping import check_unit

        found = read_run(run)
        seconds = 0.0
        with suppress(RunError):
            seconds = float((found.result or {}).get("seconds", 0.0))
        latest = checkpoints.latest().checkpoint
        if latest is None:
            seconds = 0.0  # all of it is made again
        else:
            check_unit(latest, unit)
        first, further = found.command or command, [*found.resumed, command]
        step = None if latest is None else latest.step
        return cls(step, seconds, found.begun, first, further if found.command else [])

    def told(self) -> str:
        """Say from where it goes on."""
        if self.step is None:
            return "No checkpoint yet: starts from the beginning."
        return f"Goes on after {self.step:,} iteration{'s' * (self.step != 1)}."
