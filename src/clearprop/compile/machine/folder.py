"""A folder that only this user can write to, and the files in it.

Whoever can write what we load can run code as us. So the folder and each file are checked before
they are used, and what is checked is what has been opened, not what a path leads to: between a
check and a use a path can be made to lead elsewhere. On Windows, where files have no such owner and
mode, this rests on the rights of the folder of the user's own programs.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

VARIABLE = "CLEARPROP_CACHE"

_POSIX = os.name == "posix"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FLAGS = _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class UntrustedError(Exception):
    """Something that others may have written.

    Parameters
    ----------
    path : Path
    why : str
    write : str
        The command that helps.
    """

    def __init__(self, path: Path, why: str, write: str) -> None:
        self.path, self.why, self.write = path, why, write
        super().__init__(path, why, write)


def cache_path() -> Path | None:
    """Give where this user's machine code is kept; None if it is to be kept nowhere.

    Returns
    -------
    Path or None
        ``CLEARPROP_CACHE``, or the place for it on this system. ``CLEARPROP_CACHE=off`` is None.
    """
    chosen = os.environ.get(VARIABLE, "").strip()
    if chosen:
        return None if chosen.lower() == "off" else Path(chosen).expanduser().absolute()
    return _users_caches() / "clearprop" / "machine-code"


def _users_caches() -> Path:
    """Give the folder of the caches of all programs of this user."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return chosen if chosen.is_absolute() else Path.home() / ".cache"  # as XDG has it


class Folder:
    """A folder that belongs to this user, open; it is made if it is not there.

    Parameters
    ----------
    path : Path

    Raises
    ------
    UntrustedError
        If others may write to it, or it is a symbolic link.
    OSError
        If it cannot be made or opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at: int | None = None  # without descriptors of folders (Windows): by path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        if path.is_symlink():
            raise UntrustedError(path, "it is a symbolic link.", f"{VARIABLE}={path.resolve()}")
        if _POSIX:
            self._at = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK)
            try:
                _check(path, os.fstat(self._at))
            except UntrustedError:
                os.close(self._at)
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._at is not None:
            os.close(self._at)

    def read(self, name: str, most: int) -> bytes:
        """Give what a file holds, if it is ours; it counts as used.

        Raises
        ------
        UntrustedError
            If others may have written it, or it is no file.
        OSError
            If it cannot be read.
        """
        path = self.path / name
        try:
            descriptor = self._open(name, os.O_RDONLY)
        except OSError:
            if path.is_symlink():
                raise UntrustedError(path, "it is a symbolic link.", f"rm {path}") from None
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise UntrustedError(path, "it is no file.", f"rm -r {path}")
            if _POSIX:
                _check(path, found)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(min(most, found.st_size))  # it takes the room before it reads
            self._touch(descriptor, path)
        finally:
            os.close(descriptor)
        return content

    def write(self, name: str, temporary: str, *parts: bytes) -> None:
        """Write a file, all of it or nothing: whoever opens it finds the old one or the new one.

        Raises
        ------
        OSError
            If it cannot be written; what was there remains.
        """
        try:
            descriptor = self._open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                for part in parts:
                    rest = memoryview(part)
                    while rest:
                        rest = rest[os.write(descriptor, rest) :]
                os.fsync(descriptor)  # before the name: a crash must not leave a name without data
            finally:
                os.close(descriptor)
            if self._at is None:
                (self.path / temporary).replace(self.path / name)
            else:
                os.replace(temporary, name, src_dir_fd=self._at, dst_dir_fd=self._at)
        except BaseException:
            self.remove(temporary)
            raise

    def remove(self, name: str) -> None:
        """Remove a file, if that is possible."""
        with contextlib.suppress(OSError):
            if self._at is None:
                (self.path / name).unlink()
            else:
                os.unlink(name, dir_fd=self._at)

    def files(self) -> list[tuple[float, int, str]]:
        """List the files: when each was last used, its bytes, its name."""
        found = []
        with os.scandir(self.path if self._at is None else self._at) as entries:
            for entry in entries:
                try:
                    about = entry.stat(follow_symlinks=False)
                except OSError:  # another process has removed it
                    continue
                if stat.S_ISREG(about.st_mode):
                    found.append((about.st_mtime, about.st_size, entry.name))
        return found

    def _open(self, name: str, flags: int) -> int:
        if self._at is None:
            return os.open(self.path / name, flags | _FLAGS, 0o600)
        return os.open(name, flags | _FLAGS, 0o600, dir_fd=self._at)

    @staticmethod
    def _touch(descriptor: int, path: Path) -> None:
        """Note that a file was used; a system that keeps the time of reading itself is rare."""
        with contextlib.suppress(OSError):  # read-only
            os.utime(descriptor if os.utime in os.supports_fd else path)


def _check(path: Path, found: os.stat_result) -> None:
    """Raise unless what was opened belongs to this user, and nobody else may write to it."""
    if found.st_uid != os.geteuid():
        why = f"it belongs to user {found.st_uid}, and this process runs as {os.geteuid()}."
        raise UntrustedError(path, why, f"{VARIABLE}=FOLDER")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        why = f"others may write to it: its mode is {stat.S_IMODE(found.st_mode):o}."
        raise UntrustedError(path, why, f"chmod go-w {path}")
