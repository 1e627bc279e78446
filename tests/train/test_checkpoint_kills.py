"""``kill -9`` at any moment, and several processes at one folder: no whole step is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from checkpoint_folders import made

from clearprop.errors import RunError
from clearprop.train import Checkpoints
from clearprop.train.folder_lock import FolderLock

pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="forks, signals and limits of POSIX; Windows has no kill -9"
)
PROGRAM = Path(__file__).parent.parent / "checkpoint_kills.py"


def rounds(way: str, folder: Path, count: int) -> dict[str, int]:
    command = [sys.executable, str(PROGRAM), way, str(folder), str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert ended.returncode == 0, ended.stderr
    result: dict[str, int] = json.loads(ended.stdout)
    return result


@pytest.mark.parametrize(
    "count", [40, pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(1600)])]
)
def test_killed_at_any_moment(tmp_path: Path, count: int) -> None:
    result = rounds("at_any_moment", tmp_path / "run", count)
    assert result["newest"] >= 1
    assert result["rounds"] == count


def test_killed_before_and_after_every_call(tmp_path: Path) -> None:
    result = rounds("at_a_call", tmp_path / "run", 90)
    assert result["newest"] > 90  # the later ones die after several checkpoints
    assert result["leftovers"] > 20  # it was in the middle of one


@pytest.mark.parametrize("count", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_killed_in_the_middle_of_a_file(tmp_path: Path, count: int) -> None:
    result = rounds("after_some_bytes", tmp_path / "run", count)
    assert result["leftovers"] == count
    assert result["newest"] >= count / 2


# ---- several processes --------------------------------------------------------------------------


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes into a folder, from when it has written something."""
    command = [sys.executable, str(PROGRAM), "run", str(folder), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            while int(process.stdout.readline()) < 1:
                pass
            yield process
        finally:
            process.kill()


def test_a_second_process_is_kept_out_until_the_first_has_ended(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        with pytest.raises(RunError) as caught:
            Checkpoints(tmp_path).open()
        assert str(caught.value) == (
            f"checkpoint: process {process.pid} writes into the folder. Where: '{tmp_path}'. "
            "Why: each of two runs would remove the checkpoints of the other. "
            "Write instead: another folder, or wait until the other run has ended"
        )
        process.send_signal(signal.SIGSTOP)  # a run that waits is still a run
        with pytest.raises(RunError, match="writes into the folder"):
            Checkpoints(tmp_path).write(10**9, {})
        process.kill()
        process.wait()
        with Checkpoints(tmp_path) as checkpoints:
            assert checkpoints.latest().required().step >= 1
            checkpoints.write(10**9, {})
    assert Checkpoints(tmp_path).latest().required().step == 10**9


def test_a_reader_beside_a_writer_sees_whole_ones_in_order(tmp_path: Path) -> None:
    steps = []
    with running(tmp_path):
        for _ in range(100):
            latest = Checkpoints(tmp_path, made_with={}).latest()
            assert not latest.refused
            checkpoint = latest.required()
            assert checkpoint.arrays["step"] == checkpoint.step
            steps.append(checkpoint.step)
    assert steps == sorted(steps)


def test_two_objects_of_one_process(tmp_path: Path) -> None:
    with Checkpoints(tmp_path), pytest.raises(RunError, match=f"process {os.getpid()} writes"):
        Checkpoints(tmp_path).open()
    Checkpoints(tmp_path).open().close()
    Checkpoints(tmp_path).open()  # and forgotten: then it is let go
    made(tmp_path, 1)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_outlives_its_parent_does_not_hold_the_folder(tmp_path: Path) -> None:
    first = Checkpoints(tmp_path).open()
    told, telling = os.pipe()
    child = os.fork()
    if not child:
        os.write(telling, b"x")
        signal.pause()
    try:
        assert os.read(told, 1) == b"x"
        with pytest.raises(RunError, match="writes into the folder"):  # the parent has it still
            Checkpoints(tmp_path).open()
        first.close()
        made(tmp_path, 1)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(told)
        os.close(telling)


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints are written; what looks like a leftover may be another's, and stays."""
    import errno
    import fcntl

    def refusing(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refusing)
    other = tmp_path / ".step-0000000001.safetensors.123"
    other.write_bytes(b"begun")
    assert not FolderLock(tmp_path).held
    made(tmp_path, 1)
    assert other.read_bytes() == b"begun"
    monkeypatch.undo()
    Checkpoints(tmp_path).open().close()
    assert not other.exists()
    np.testing.assert_array_equal(
        Checkpoints(tmp_path).latest().required().arrays["W"], np.ones(50)
    )


def test_a_lock_whose_file_cannot_be_locked_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refusing(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refusing)
    with pytest.raises(RunError, match="the folder cannot be written: Input/output error"):
        Checkpoints(tmp_path).open()
