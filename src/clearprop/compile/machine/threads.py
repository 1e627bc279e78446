"""Calls of a compiled function on several threads.

Thread 0 is the caller's; the others are Python threads that never come back to Python: they wait
in machine code (`clearprop.compile.machine.pool`). They start when a call first needs them, and
last as long as the process. A process that forks has none of them.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import time
from typing import Any

from clearprop.compile.machine.barrier import LINE
from clearprop.compile.machine.cache import load_or_make
from clearprop.compile.machine.engine import Library, machine_code
from clearprop.compile.machine.pool import LOCK, SERVED, WORKERS, pool_text
from clearprop.compile.thread_count import MOST, get_threads, usable

_BARRIER_SECONDS = 5e-6  # a thread at a barrier pauses so long before it yields its core


def call(function: int, arrays: int, threads: int | None = None) -> None:
    """Run a compiled function on several threads.

    Parameters
    ----------
    function : int
        The address of ``void run(ptr arrays, i64 thread, i64 threads, ptr shared)``. It is called
        once by every thread, with its number and with what `barrier` needs.
    arrays : int
        An address for it.
    threads : int, optional
        At most so many; by default `clearprop.get_threads`. It is one while another Python thread's
        call runs, and inside one; fewer where the system starts no more.
    """
    count = get_threads() if threads is None else threads
    if count > 1:
        pool = _the_pool(count)
        count = min(count, pool.started)
        pauses = pool.pauses if count <= pool.cores else 0  # who has no core cannot be waited for
        if count > 1 and not _code()[0](pool.at, function, arrays, count, pauses):
            return
    _code()[1](function, arrays)


class _Pool:
    """The memory of the threads, and the threads that have been started.

    The memory is never given back: at the end of a process threads may still look at it.
    """

    def __init__(self) -> None:
        self.at = _never_freed(WORKERS + MOST * LINE)
        self.started = 1  # the caller's
        self.growing = threading.Lock()
        self.cores = usable()
        self.pauses = int(_BARRIER_SECONDS * _pauses_per_second())

    def grow(self, count: int) -> None:
        """Start threads until there are so many, if the system lets us."""
        with self.growing:
            while self.started < count:
                line = WORKERS + self.started * LINE
                if not self._read(line + LOCK):
                    self._write(line + LOCK, _locked())
                try:
                    # should this be interrupted after the start, the next one finds its place taken
                    self._start(self.started)
                except RuntimeError:  # too many threads, or the interpreter is ending
                    return
                while not self._read(line + SERVED):
                    time.sleep(0)
                self.started += 1

    def _start(self, index: int) -> None:
        """Start the thread of a number."""
        serve, name = _code()[2], f"clearprop-{index}"
        threading.Thread(target=serve, args=(self.at, index), name=name, daemon=True).start()

    def _read(self, offset: int) -> int:
        return ctypes.c_int64.from_address(self.at + offset).value

    def _write(self, offset: int, value: int) -> None:
        ctypes.c_int64.from_address(self.at + offset).value = value


def _the_pool(count: int) -> _Pool:
    """Give the pool, with so many threads if the system lets us."""
    global _pool  # noqa: PLW0603 - one for the process
    if _pool is None:
        with _making:
            _pool = _pool or _Pool()
    if _pool.started < count:
        _pool.grow(min(count, MOST))
    return _pool


def _forget() -> None:
    """After a fork: the threads are the parent's, and so may be whoever held a lock."""
    global _pool, _making
    _pool, _making = None, threading.Lock()


@functools.cache
def _code() -> tuple[Any, Any, Any, Any]:
    """Give ``dispatch``, ``alone``, ``serve`` and ``pauses``; the code stays for good."""
    text = pool_text()
    library = Library(load_or_make(text, lambda: machine_code(text)))
    i64, pointer = ctypes.c_int64, ctypes.c_void_p
    dispatch = ctypes.CFUNCTYPE(i64, pointer, pointer, pointer, i64, i64)(
        library.address("dispatch")
    )
    alone = library.function("alone", pointer, pointer)
    serve = library.function("serve", pointer, i64)
    return dispatch, alone, serve, library.function("pauses", i64)


def _pauses_per_second() -> float:
    """Measure the processor's pause; it takes 10 to 150 cycles."""
    pauses, count, best = _code()[3], 1000, float("inf")
    for _ in range(5):  # the best: others may compute on this core
        start = time.perf_counter()
        pauses(count)
        best = min(best, time.perf_counter() - start)
    return count / max(best, 1e-9)


def _locked() -> int:
    """Make a lock of Python's own kind, locked, whose waiters need no interpreter."""
    make, take = ctypes.pythonapi.PyThread_allocate_lock, ctypes.pythonapi.PyThread_acquire_lock
    make.restype, take.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)
    lock = make()
    take(lock, 0)
    return int(lock)


def _never_freed(size: int) -> int:
    """Give memory of zeros that begins with a cache line."""
    take = ctypes.pythonapi.PyMem_RawCalloc
    take.restype, take.argtypes = ctypes.c_void_p, (ctypes.c_size_t, ctypes.c_size_t)
    at = take(1, size + LINE)
    if not at:
        raise MemoryError(size)
    return -(-int(at) // LINE) * LINE


_pool: _Pool | None = None
_making = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
