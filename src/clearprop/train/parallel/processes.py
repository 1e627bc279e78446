"""The processes that train together: who they are, and what they say to each other by MPI."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.errors import OptionError
from clearprop.train.parallel.shards import Shard, check_shards, shards_of
from clearprop.train.parallel.sums import branch, over_processes

SHARDS = 8
SILENCE = 10.0  # seconds
_PATIENCE, _NAP = 0.002, 0.0005  # seconds: of waiting awake, and of a nap after that


class Guarding(Protocol):
    """What looks after the others."""

    def together(self) -> AbstractContextManager[object]:
        """Inside, an exception on one process ends all."""


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
        self.guard: Guarding | None = None
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
        self.meet()
        return self.comm.bcast(value, 0)

    def collect(self, value: Any) -> list[Any]:
        """Give what every process says, in their order."""
        if self.size == 1:
            return [value]
        self.meet()
        return list(self.comm.allgather(value))

    def meet(self) -> None:
        """Wait until all are here, without taking a core from those that are not."""
        until = time.monotonic() + _PATIENCE
        here = self.comm.Ibarrier()
        while not here.Test():
            if time.monotonic() < until:
                give_way()
            else:
                time.sleep(_NAP)

    def together(self) -> AbstractContextManager[object]:
        """Inside, an exception on one process ends all, if the others do not have it as well."""
        return nullcontext() if self.guard is None else self.guard.together()

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
