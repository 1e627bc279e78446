"""Where arrays lie in one piece of memory: those that are not needed at the same time share it."""

from __future__ import annotations

import ctypes
import functools
import gc
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from clearprop.compile.scalars import Array

LINE = 64  # bytes; every array starts at a line of the cache


def size_of(array: Array) -> int:
    """Give the bytes of an array, in whole lines."""
    return -(-max(array.size, 1) * int(array.dtype.itemsize) // LINE) * LINE


def placed(needs: Iterable[tuple[Array, int, int, int]]) -> tuple[dict[Array, int], int]:
    """Give each array an offset, and the size of it all.

    Parameters
    ----------
    needs : iterable of (Array, bytes, first, last)
        When each array is needed: from moment ``first`` to moment ``last``, both included.
    """
    offsets: dict[Array, int] = {}
    taken: list[tuple[int, int, int, int]] = []  # start, stop, first, last
    total = 0
    for array, size, first, last in sorted(needs, key=lambda need: -need[1]):
        start = 0
        for begin, end, one, other in sorted(taken):
            if one <= last and first <= other and begin < start + size and start < end:
                start = end
        offsets[array] = start
        taken.append((start, start + size, first, last))
        total = max(total, start + size)
    return offsets, total


def give_back() -> None:
    """Let the system have what tracing and compiling took and set free, as far as it can be told.

    The C library keeps memory that was freed, for the next time; but this was needed once.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@contextmanager
def collected_after() -> Iterator[None]:
    """Write a module: its parts refer to each other, and are there until it is a text.

    A collector that looks at them meanwhile finds nothing, which takes a quarter of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
    gc.collect(0)  # nothing that was made meanwhile is older
    give_back()


_YOUNG = 100_000  # objects made before the collector looks at them
_OLDER = 50, 50  # looks at the young ones before it looks at others
_collecting = threading.Lock()
_seldom: list[tuple[int, int, int]] = []  # what was set before, for each who is inside


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let the collector look seldom while a record grows, all of which stays: a third of the time.

    It still looks, for what the user's function leaves in circles may be large.
    """
    with _collecting:
        _seldom.append(gc.get_threshold())
        if 0 < _seldom[0][0] < _YOUNG:
            gc.set_threshold(_YOUNG, *_OLDER)
    try:
        yield
    finally:
        with _collecting:
            before = _seldom.pop()
            if not _seldom and gc.get_threshold()[0] == _YOUNG:
                gc.set_threshold(*before)


@functools.cache
def _trim() -> Callable[[int], object] | None:
    try:
        return ctypes.CDLL(None).malloc_trim  # of glibc
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no such library
        return None
