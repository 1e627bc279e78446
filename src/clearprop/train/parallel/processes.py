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

from clearprop.errors import ClearpropError, OptionError
from clearprop.train.parallel.shards import Shard, check_shards, shards_of
from clearprop.train.parallel.sums import branch, over_processes

SHARDS = 8
SILENCE = 10.0  # seconds
_TAGS = 1 << 15  # as many as every MPI has
_PATIENCE, _NAP = 0.002, 0.0005  # seconds: of waiting awake, and of a nap after that


class Guarding(Protocol):
    """What looks after the others."""

    def together(self) -> AbstractContextManager[object]:
        """Inside, an exception on one process ends all."""

    def fails(self) -> None:
        """Say that this process has one."""


class ProcessLostError(ClearpropError):
    """A process has ended, and others wait for it."""


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
        self._turn = 0  # of the sums

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
        own = np.array(branch(parts))  # what is given may be read again, and this is written to
        if self.size == 1:
            return own
        self._turn += 1
        if self.fast_sum:
            own = np.asarray(own, order="C")
            result = np.empty_like(own)
            self.comm.Allreduce(own, result)
            return result
        return over_processes(own, self)

    def swap(self, given: npt.NDArray[Any], partner: int, taken: npt.NDArray[Any]) -> None:
        """Exchange arrays with another process; see `Exchange`."""
        from mpi4py.MPI import Request

        turn = self._turn % _TAGS  # who is at another sum waits, and gets no wrong numbers
        both = [self.comm.Isend(given, partner, turn), self.comm.Irecv(taken, partner, turn)]
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

    def meet(self, *, ending: bool = False) -> None:
        """Wait until all are here, without taking a core from those that are not.

        Parameters
        ----------
        ending : bool
            Whether this process ends.

        Raises
        ------
        ProcessLostError
            Some end, and others go on.
        """
        until = time.monotonic() + _PATIENCE
        given, found = np.array([ending, not ending], np.int32), np.empty(2, np.int32)
        here = self.comm.Iallreduce(given, found)
        while not here.Test():
            if time.monotonic() < until:
                give_way()
            else:
                time.sleep(_NAP)
        if found.all():
            raise ProcessLostError(
                f"train: of {self.size} processes {found[0]} end, and the others go on.",
                why="each makes every update: they end together.",
                write="the same program for each; what one catches, all have to catch",
            )

    def fails(self, kind: Any, error: Any, trace: Any) -> None:
        """Tell the others of an exception, before what there is is saved; for an `ExitStack`."""
        if kind is not None and self.guard is not None:
            self.guard.fails()

    def together(self) -> AbstractContextManager[object]:
        """Inside, an exception on one process ends all, if the others do not have it as well."""
        return nullcontext() if self.guard is None else self.guard.together()

    def end(self, code: int) -> None:
        """End all processes, wherever they are."""
        if self.comm is not None:
            from mpi4py import MPI

            MPI.COMM_WORLD.Abort(code)  # which is more than those of our own communicator

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
