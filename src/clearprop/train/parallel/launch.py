"""The processes that ``mpiexec`` or ``srun`` has started."""

from __future__ import annotations

import atexit
import os
import sys
import time
from contextlib import suppress

from clearprop.errors import OptionError
from clearprop.extras import require
from clearprop.train.parallel.guard import Guard
from clearprop.train.parallel.processes import SHARDS, SILENCE, Processes, ProcessLostError
from clearprop.train.parallel.shards import check_shards

# what MPICH, Intel MPI, Open MPI and PMIx leave in the environment of what they start
_STARTED = "PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"
_SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"
_TURN = 2.0  # seconds that the others leave to the first one, to say what is wrong
_READ = 0.5  # seconds that mpiexec has to hand on what was said


def is_launched() -> bool:
    """Whether this process was started as one of several, or may have been."""
    if os.environ.get("SLURM_STEP_NUM_TASKS") == "1":
        return False  # a shell in a job is a step of its own
    return any(name in os.environ for name in _STARTED) or _said() > 1


def _said() -> int:
    """Give how many processes there are, as far as those who started them say."""
    return max((int(v) for name in _SIZES if (v := os.environ.get(name, "")).isdigit()), default=1)


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


def _end(processes: Processes, guard: Guard) -> None:
    """End with the others; all of them, if this one ends with an exception that nobody caught."""
    if getattr(sys, "last_value", None) is not None:
        # what was said is read first; mostly all have the same error, and the first one's is enough
        time.sleep(_READ if processes.is_first else _TURN)
        processes.end(1)
    try:
        processes.meet(ending=True)  # still guarded: MPI's own end waits for ever
    except ProcessLostError as error:
        print(error, file=sys.stderr, flush=True)
        time.sleep(_READ)
        processes.end(1)
    guard.close()


def mpi(*, shards: int = SHARDS, fast_sum: bool = False, silence: float = SILENCE) -> Processes:
    """Train on the processes that ``mpiexec`` or Slurm's ``srun`` has started.

    Every process runs the same program; the first one shows progress and has the run folder. A
    batch is cut into shards, which depend on the batch alone; each process computes with some of
    them, all gradients are added in one fixed order, and each process makes the update. So one,
    two, four or eight processes, with any number of threads each, give the same bits.

    Parameters
    ----------
    shards : int, default 8
        Into how many a batch is cut: a power of two, at least the number of processes.
    fast_sum : bool, default False
        Whether each process computes its part of the batch at once, and MPI adds in an order of its
        own: faster where a shard has few samples. The curve is the same to rounding.
    silence : float, default 10
        Seconds: a process that gives no sign of life for so long ends the run, on all.

    Returns
    -------
    Processes
        For ``train.fit(…, parallel=…)``.

    Raises
    ------
    MissingExtraError
        mpi4py is not installed.
    OptionError
        A number is out of its limits, or there is no MPI.

    Examples
    --------
    In a file ``run.py``, started with ``mpiexec -n 4 python run.py``::

        train.fit(net, data, batch=256, parallel=train.mpi())
    """
    require("mpi4py", "mpi", "trains on several processes")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise OptionError(
            "train: mpi4py finds no MPI.",
            why=f"it says: {str(error).strip().partition(chr(10))[0]}",
            write="pip install mpich; on a cluster, its own: module load …",
        ) from None

    if not isinstance(silence, int | float) or not silence > 0:
        raise OptionError(
            f"train: silence is {silence!r}.",
            why="it is a number of seconds, more than 0.",
            write="train.mpi(silence=10)",
        )
    if MPI.COMM_WORLD.Get_size() == 1 < _said():
        raise OptionError(
            f"train: {_said()} processes were started, and MPI knows of one.",
            why="mpi4py uses another MPI than that which has started them: each would train alone.",
            write="the mpiexec of mpi4py's own MPI; or srun --mpi=pmix, --mpi=pmi2",
        )
    made = Processes(MPI.COMM_WORLD.Dup(), shards, fast_sum, float(silence))
    if not fast_sum:
        check_shards(shards, shards, made.size)
    if made.size > 1:
        made.guard = guard = Guard(made)
        atexit.register(_end, made, guard)  # which comes before MPI's own end
    return made


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
