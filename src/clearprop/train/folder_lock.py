"""A folder that one process at a time writes into."""

from __future__ import annotations

import errno
import os
import sys
import weakref
from contextlib import suppress
from pathlib import Path

NAME = ".lock"

_UNKNOWN = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}  # a file system without locks


class TakenError(Exception):
    """Another has the lock; the argument is the number of its process, as text, or is empty."""


class FolderLock:
    """Hold the lock of a folder until it is let go, or until the process ends, however it ends.

    It is a lock of the system on an open file, and not the file: after ``kill -9`` it is free.

    Parameters
    ----------
    folder : path

    Attributes
    ----------
    held : bool
        False where the file system has no locks.

    Raises
    ------
    TakenError
        Another process has it, or another object of this one.
    OSError
        The file for it cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = FolderLock(Path(folder))
    ...     lock.held, FolderLock(Path(folder))
    Traceback (most recent call last):
    clearprop.train.folder_lock.TakenError: ...
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        # without a reference to self, and not when the process ends: then the system does it
        self._closing = weakref.finalize(self, os.close, self._descriptor)
        self._closing.atexit = False
        try:
            self.held = _lock(self._descriptor)
        except BlockingIOError:
            taken = TakenError(_holder(self._descriptor))
            self.release()
            raise taken from None
        except BaseException:
            self.release()
            raise
        _locks.add(self)
        if self.held:
            _sign(self._descriptor)

    def release(self) -> None:
        """Let it go; a second time does nothing."""
        self._closing()


_locks: weakref.WeakSet[FolderLock] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """After a fork: close the copies, or a child that outlives its parent would keep the locks."""
    for lock in list(_locks):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
        return True

    def _sign(descriptor: int) -> None:
        """What is locked there cannot be read."""

    def _holder(descriptor: int) -> str:
        return ""

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _UNKNOWN:
                return False
            raise
        return True

    def _sign(descriptor: int) -> None:
        with suppress(OSError):  # it is for a message only, and the disk may be full
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d" % os.getpid(), 0)

    def _holder(descriptor: int) -> str:
        with suppress(OSError):
            return os.pread(descriptor, 20, 0).decode("ascii", "replace")
        return ""
