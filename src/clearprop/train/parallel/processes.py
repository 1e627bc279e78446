"""The processes that train together: who they are, and what they say to each other by MPI."""

from __future__ import annotations

import atexit
import os
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import OptionError
from clearprop.extras import require
from clearprop.train.parallel.shards import Shard, check_shards, shards_of
from clearprop.train.parallel.sums import branch, over_processes

SHARDS = 8
SILENCE = 10.0  # seconds
_PATIENCE, _NAP = 0.002, 0.0005  # seconds: of waiting awake, and of a nap after that


class Processes:
    """The processes of one run, each of which has some of the shards of every batch.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm or None
        None is one process, without MPI.
    shards : int
        Into how many a batch is cut, a power of two.
    fast_sum : bool
        Whether MPI adds in an order of its own, and each process has one shard.
    silence : float
        After so many seconds without a sign of life a process counts as lost.
    """

    def __init__(self, comm: Any, shards: int, fast_sum: bool, silence: float = SILENCE) -> None:
        self.comm = comm
        self.rank: int = 0 if comm is None else comm.Get_rank()
        self.size: int = 1 if comm is None else comm.Get_size()
        self.host = socket.gethostname()
        self.fast_sum, self.silence = fast_sum, silence
        self.shards = self.size if fast_sum else shards
        self.is_first = self.rank == 0

    def mine(self, batch: int) -> list[Shard]:
        """Give the shards of this process."""
        if not self.fast_sum:
            check_shards(self.shards, batch, self.size)
        elif batch < self.size:
            raise OptionError(
                f"train: a batch of {batch} samples is cut into {self.size} parts.",
                why="each process has at least one sample.",
                write=f"mpiexec -n {batch}; or a larger batch",
            )
        each = self.shards // self.size
        return shards_of(batch, self.shards)[self.rank * each : (self.rank + 1) * each]

    # ---- numbers ---------------------------------------------------------------------------

    def total(self, parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Give the sum over all shards; see `Summing`."""
        own = branch(parts)
        if self.size == 1:
            return own
        if self.fast_sum:
            own = np.asarray(own, order="C")
            result = np.empty_like(own)
            self.comm.Allreduce(own, result)
            return result
        return over_processes(own, self)

    def swap(self, given: npt.NDArray[Any], partner: int, taken: npt.NDArray[Any]) -> None:
        """Exchange arrays with another process; see `Exchange`."""
        from mpi4py.MPI import Request

        both = [self.comm.Isend(given, partner), self.comm.Irecv(taken, partner)]
        while not Request.Testall(both):
            give_way()

    # ---- words -------------------------------------------------------------------------------

    def agree(self, value: Any) -> Any:
        """Give what the first process says."""
        if self.size == 1:
            return value
        self._meet()
        return self.comm.bcast(value, 0)

    def collect(self, value: Any) -> list[Any]:
        """Give what every process says, in their order."""
        if self.size == 1:
            return [value]
        self._meet()
        return list(self.comm.allgather(value))

    def _meet(self) -> None:
        """Wait until all are here, without taking a core from those that are not."""
        until = time.monotonic() + _PATIENCE
        here = self.comm.Ibarrier()
        while not here.Test():
            if time.monotonic() < until:
                give_way()
            else:
                time.sleep(_NAP)

    def end(self, code: int) -> None:
        """End all processes, wherever they are."""
        if self.comm is not None:
            self.comm.Abort(code)

    def names(self) -> list[str]:
        """Say where each process is: ``0 on node1 (process id 4711)``."""
        every = self.collect((self.host, os.getpid()))
        return [f"{rank} on {host} (pid {pid})" for rank, (host, pid) in enumerate(every)]

    def __repr__(self) -> str:
        how = "fast_sum=True" if self.fast_sum else f"shards={self.shards}"
        return f"train.mpi({how}), process {self.rank} of {self.size}"


def give_way() -> None:
    """Let who is waited for have the core: MPI itself waits in a loop that keeps it."""
    if hasattr(os, "sched_yield"):
        os.sched_yield()
    else:
        time.sleep(0)


def _end_after_error(processes: Processes) -> None:
    """End all processes if this one ends with an exception that nobody caught."""
    if processes.size > 1 and getattr(sys, "last_value", None) is not None:
        processes.end(1)


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
        A number is out of its limits.

    Examples
    --------
    In a file ``run.py``, started with ``mpiexec -n 4 python run.py``::

        train.fit(net, data, batch=256, parallel=train.mpi())
    """
    require("mpi4py", "mpi", "trains on several processes")
    from mpi4py import MPI

    if not isinstance(silence, int | float) or not silence > 0:
        raise OptionError(
            f"train: silence is {silence!r}.",
            why="it is a number of seconds, more than 0.",
            write="train.mpi(silence=10)",
        )
    made = Processes(MPI.COMM_WORLD, shards, fast_sum, float(silence))
    atexit.register(_end_after_error, made)  # before MPI's own end, which would wait for the others
    if not fast_sum:
        check_shards(shards, shards, made.size)
    return made
