"""Whether this process was started beside others, by ``mpiexec`` or ``srun``."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from clearprop.errors import OptionError
from clearprop.train.parallel.processes import SHARDS, Processes, mpi

# what MPICH, Intel MPI, Open MPI and PMIx leave in the environment of what they start
_STARTED = "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"
_TURN = 2.0  # seconds that the others leave to the first one, to say what is wrong


def is_launched() -> bool:
    """Whether this process was started as one of several, or may have been."""
    if any(name in os.environ for name in _STARTED):
        return True
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "")
    return tasks.isdigit() and int(tasks) > 1


def processes_of(shards: int | None, fast_sum: bool) -> Processes | None:
    """Give the processes of a run; None where it is one and its batches are not cut.

    Parameters
    ----------
    shards : int or None
        Into how many a batch is cut; by default not at all, and among several processes into 8.
    fast_sum : bool
        As in `mpi`.

    Raises
    ------
    OptionError
        The number of shards does not fit.
    MissingExtraError
        There are several processes, and mpi4py is not installed.
    """
    if is_launched():
        return mpi(shards=SHARDS if shards is None else shards, fast_sum=fast_sum)
    if shards is None and not fast_sum:
        return None
    return Processes(None, SHARDS if shards is None else shards, fast_sum)


def refuse_other_start(shards: int | None, fast_sum: bool) -> None:
    """Refuse to go on, on several processes, with a run whose batches were not cut.

    Raises
    ------
    OptionError
    """
    if shards is None and not fast_sum:
        raise OptionError(
            "train: the run was begun on one process, with whole batches.",
            why="its numbers would be others, in the last bits, with batches that are cut.",
            write="--resume without mpiexec; a run that is begun with --shards 8 goes on anywhere",
        )


def wait_for_turn() -> None:
    """Leave it to the first process to say what is wrong, if it is the same for all.

    It then ends the others, so that whoever comes back from here has an error of its own.
    """
    if is_launched() and _rank():
        time.sleep(_TURN)


def end_all(code: int) -> None:
    """End all processes that were started beside this one: MPI would wait for it."""
    if is_launched():
        with suppress(ImportError):
            from mpi4py import MPI

            if MPI.COMM_WORLD.Get_size() > 1:
                MPI.COMM_WORLD.Abort(code)


def _rank() -> int:
    names = *_STARTED, "SLURM_PROCID"
    found = (os.environ[name] for name in names if os.environ.get(name, "").isdigit())
    return int(next(found, 0))
