"""How many threads compiled programs run on; nothing here starts one."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

from clearprop.errors import OptionError

MOST = 1024  # what the pool has room for
_VARIABLE = "CLEARPROP_THREADS"
_HAS_AFFINITY = hasattr(os, "sched_getaffinity")

_chosen: int | None = None  # by set_threads; None: by the environment, or by the machine


def set_threads(n: int | None) -> None:
    """Set the number of threads that compiled programs run on.

    The results do not depend on it: 1, 2 and more threads compute the same bits.

    Parameters
    ----------
    n : int or None
        From 1 to 1024; more than there are cores makes programs slower. None: as at the start.

    Raises
    ------
    OptionError
        If ``n`` is no such number.

    See Also
    --------
    get_threads

    Notes
    -----
    It holds for the whole process, from the next call of a program on. The threads start when a
    program first needs them and stay, without using a processor, until the process ends; after a
    call each waits about 0.2 ms in a loop for the next one before it sleeps, so that calls that
    follow each other find it awake. When two Python threads call programs at the same time, one of
    the calls runs on its own thread alone.

    Examples
    --------
    >>> import clearprop as cp
    >>> cp.set_threads(2)
    >>> cp.get_threads()
    2
    >>> cp.set_threads(None)
    """
    global _chosen  # noqa: PLW0603 - it is a setting of the process
    _chosen = None if n is None else _checked(n, f"set_threads({n!r})", "cp.set_threads(2)")


def get_threads() -> int:
    """Give the number of threads that compiled programs run on.

    Returns
    -------
    int
        What `set_threads` was given; else what the environment variable ``CLEARPROP_THREADS`` says
        when it is first needed; else the number of cores that this process may use. Where
        ``mpiexec`` has started several processes on this machine, they share them.

    Raises
    ------
    OptionError
        If ``CLEARPROP_THREADS`` is not a number from 1 to 1024.

    See Also
    --------
    set_threads

    Notes
    -----
    Cores that share their arithmetic units (hyperthreads) count once where the system says which
    they are, as Linux does; so does Linux' limit of the processor time of a container.

    Examples
    --------
    >>> import clearprop as cp
    >>> cp.get_threads() >= 1
    True
    """
    return _default() if _chosen is None else _chosen


@functools.cache
def _default() -> int:
    """Give the number that holds where nothing was set."""
    text = os.environ.get(_VARIABLE, "").strip()
    if not text:
        return max(1, cores() // _processes_here())
    number = int(text) if text.isascii() and text.isdigit() else text
    return _checked(number, f"{_VARIABLE}={text}", f"export {_VARIABLE}=2")


def _checked(n: object, what: str, write: str) -> int:
    """Give a number of threads, if it is one."""
    try:
        number = 0 if isinstance(n, bool) else n.__index__()  # type: ignore[attr-defined]
    except AttributeError:
        number = 0
    if not 1 <= number <= MOST:
        raise OptionError(
            f"{what}: not a number of threads.", why=f"it is from 1 to {MOST}.", write=write
        )
    return int(number)


def usable() -> int:
    """Give how many threads of this process can run at the same time."""
    return len(os.sched_getaffinity(0)) if _HAS_AFFINITY else os.cpu_count() or 1


def cores() -> int:
    """Give the number of cores that this process may use."""
    if not _HAS_AFFINITY:
        return min(os.cpu_count() or 1, MOST)
    mine = os.sched_getaffinity(0)
    siblings = {
        _text(f"/sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list") for i in mine
    }
    count = len(mine) if "" in siblings else len(siblings)
    limit, _, period = _text("/sys/fs/cgroup/cpu.max").partition(" ")
    if limit.isdigit() and period.isdigit():  # else there is none, and it says "max"
        count = min(count, -(-int(limit) // int(period)))
    return max(1, min(count, MOST))


def _processes_here() -> int:
    """Give how many processes have to share these cores, as far as those who started them say."""
    if _HAS_AFFINITY and len(os.sched_getaffinity(0)) < (os.cpu_count() or 1):
        return 1  # each has cores of its own
    for name in ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_STEP_TASKS_PER_NODE"):
        if found := re.match("[0-9]+", os.environ.get(name, "")):  # Slurm says 4(x2)
            return max(1, int(found[0]))
    return 1


def _text(path: str) -> str:
    """Give what a file of the system says; nothing if it is not there."""
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
