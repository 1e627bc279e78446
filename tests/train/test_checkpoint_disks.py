"""Disks that refuse, the order in which they are told, and the thread that tells them."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_folders import made, names, step_of

from clearprop.errors import RunError
from clearprop.train import Checkpoints, files
from clearprop.train.checkpoint_search import file_name
from clearprop.train.folder_lock import FolderLock

posix = pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB, where root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount(folder, "size=256k")
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("only root may mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def mount(folder: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def test_a_disk_that_is_truly_full(small_disk: Path) -> None:
    made(small_disk, 1, 2)
    with Checkpoints(small_disk) as checkpoints:
        checkpoints.latest()
        checkpoints.write(3, {"W": np.zeros(100_000)})
        with pytest.raises(RunError) as caught:
            checkpoints.write(4, {"W": np.zeros(50)})
        assert str(caught.value) == (
            "checkpoint: step 3 cannot be written: No space left on device. "
            f"Where: '{small_disk}'. Why: the disk or the folder refuses it; "
            "the checkpoints before are there still. "
            "Write instead: a folder on a disk with room, where you may write"
        )
        assert names(small_disk) == [1, 2]
        assert step_of(small_disk) == 2
        assert not list(small_disk.glob(".step*"))
        checkpoints.write(4, {"W": np.full(50, 4.0)}, {"epoch": 4})  # one that has room
    assert step_of(small_disk) == 4


def test_a_disk_that_is_truly_read_only(small_disk: Path) -> None:
    made(small_disk, 1, 2)
    mount(small_disk, "remount,ro")
    assert step_of(small_disk) == 2
    with pytest.raises(RunError, match="the folder cannot be written: Read-only file system"):
        Checkpoints(small_disk).open()


def test_a_disk_that_becomes_read_only(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock's file, for a disk with a file open for writing stays as it is."""
    monkeypatch.setattr(FolderLock, "__init__", lambda self, folder: setattr(self, "held", False))
    monkeypatch.setattr(FolderLock, "release", lambda self: None)
    with Checkpoints(small_disk) as checkpoints:
        checkpoints.write(1, {"W": np.full(50, 1.0)}, {"epoch": 1})
        checkpoints.wait()
        mount(small_disk, "remount,ro")
        checkpoints.write(2, {})
        with pytest.raises(RunError, match="step 2 cannot be written: Read-only file system"):
            checkpoints.wait()
        assert step_of(small_disk) == 1


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    made(tmp_path, 1)
    tmp_path.chmod(0o555)
    try:
        assert step_of(tmp_path) == 1
        for folder in (tmp_path, tmp_path / "inside"):
            with pytest.raises(RunError, match="cannot be written: Permission denied"):
                Checkpoints(folder).open()
    finally:
        tmp_path.chmod(0o755)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(RunError, match="the folder cannot be written: "):
            Checkpoints(folder).open()
        with pytest.raises(RunError, match="the folder cannot be read: Not a directory"):
            Checkpoints(folder).latest()


def test_a_folder_that_disappears(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Checkpoints(folder) as checkpoints:
        checkpoints.write(1, {})
        checkpoints.wait()
        shutil.rmtree(folder)
        checkpoints.write(2, {})
        with pytest.raises(RunError, match="step 2 cannot be written: No such file or directory"):
            checkpoints.wait()


def refuse(number: int) -> Any:
    def refusing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refusing


@pytest.mark.parametrize(("module", "function"), [(os, "fsync"), (Path, "replace"), (Path, "open")])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_what_is_there_survives_any_failing_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, function: str, number: int
) -> None:
    made(tmp_path, 1, 2, keep=1)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.latest()
        with monkeypatch.context() as patch:
            patch.setattr(module, function, refuse(number))
            checkpoints.write(3, {"W": np.full(50, 3.0)}, {"epoch": 3})
            with pytest.raises(RunError, match=f"step 3 cannot be written: {os.strerror(number)}"):
                checkpoints.wait()
        assert {path.name for path in tmp_path.iterdir()} == {".lock", file_name(2)}
        assert step_of(tmp_path) == 2
        checkpoints.write(3, {"W": np.full(50, 3.0)}, {"epoch": 3})
    assert step_of(tmp_path) == 3


def test_a_folder_that_does_not_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one is not removed, as the name of the newer one might be lost."""
    made(tmp_path, 1, keep=1)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.latest()
        fsync = os.fsync

        def refusing(descriptor: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
                raise OSError(errno.EIO, "Input/output error")
            fsync(descriptor)

        if not Path("/proc/self/fd").exists():
            pytest.skip("there is no /proc here to tell folders by")
        monkeypatch.setattr(os, "fsync", refusing)
        checkpoints.write(2, {"W": np.full(50, 2.0)}, {"epoch": 2})
        with pytest.raises(RunError, match="step 2 cannot be written: Input/output error"):
            checkpoints.wait()
        assert names(tmp_path) == [1, 2]


def test_a_file_system_whose_folders_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL))
    files.sync_folder(tmp_path)
    monkeypatch.setattr(os, "open", refuse(errno.EACCES))
    files.sync_folder(tmp_path)


def test_the_order_in_which_the_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, its name, and only then is an older one removed."""
    made(tmp_path, 1, keep=1)
    told: list[str] = []
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.latest()
        fsync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda d: (told.append("fsync"), fsync(d))[1])
        for name in ("replace", "unlink"):
            call = getattr(Path, name)

            def telling(*args: Any, name: str = name, call: Any = call, **options: Any) -> Any:
                told.append(name)
                return call(*args, **options)

            monkeypatch.setattr(Path, name, telling)
        checkpoints.write(2, {})
        checkpoints.wait()
        monkeypatch.undo()
    assert told == ["fsync", "replace", "fsync", "unlink"]
    assert names(tmp_path) == [2]


def test_an_older_one_that_cannot_be_removed_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.write(1, {})
        checkpoints.wait()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse(errno.EACCES))
            checkpoints.write(2, {})
            checkpoints.wait()
        assert names(tmp_path) == [1, 2]
        checkpoints.write(3, {})
    assert names(tmp_path) == [3]


# ---- the thread ---------------------------------------------------------------------------------


def test_an_error_is_said_once_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(tmp_path).open()
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    checkpoints.write(1, {})
    with pytest.raises(RunError, match="step 1 cannot be written"):
        checkpoints.close()
    checkpoints.close()
    monkeypatch.undo()
    made(tmp_path, 1)  # others may write there now


def test_what_ended_the_run_is_not_hidden_by_what_the_disk_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))

    def run() -> None:
        with Checkpoints(tmp_path) as checkpoints:
            checkpoints.write(1, {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        run()
    assert "step 1 cannot be written: No space left" in caught.value.__notes__[0]


def test_one_is_written_at_a_time_and_the_caller_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun, most = threading.Event(), threading.Event(), []
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        most.append(sum(t.name.startswith("clearprop-checkpoints") for t in threading.enumerate()))
        begun.set()
        assert go.wait(200)
        fsync(descriptor)

    with Checkpoints(tmp_path) as checkpoints:
        monkeypatch.setattr(os, "fsync", slow)
        checkpoints.write(1, {})  # comes back though the disk does not
        assert begun.wait(200)
        assert names(tmp_path) == []
        go.set()
        checkpoints.write(2, {})
        assert 1 in names(tmp_path)
    assert names(tmp_path) == [1, 2]
    assert set(most) == {1}
    assert not any(t.name.startswith("clearprop-checkpoints") for t in threading.enumerate())


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from clearprop.train import Checkpoints
Checkpoints(Path(sys.argv[1])).write(7, {"W": np.full(50, 7.0)}, {"epoch": 7})
"""


def test_a_program_that_ends_without_closing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, timeout=250)
    assert step_of(tmp_path) == 7
