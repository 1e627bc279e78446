"""The folder of a run: whole files or none, and nothing overwritten."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from clearprop.errors import RunError
from clearprop.train import RunFolder, run_folder


def test_a_file_is_there_in_whole_or_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / "a" / "b")
    folder.write("loss.csv", b"before")

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.write("loss.csv", b"after")
    assert [path.name for path in folder.path.iterdir()] == ["loss.csv"]
    assert (folder.path / "loss.csv").read_bytes() == b"before"


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.rmdir()
    with pytest.raises(RunError) as caught:
        folder.write("loss.csv", b"")
    assert str(caught.value) == (
        "train: loss.csv cannot be written: No such file or directory. "
        f"Where: '{folder.path}'. Why: the disk or the folder refuses it. "
        "Write instead: --out FOLDER, on a disk with room and where you may write"
    )


def test_an_empty_folder_is_taken_and_a_full_one_is_not(tmp_path: Path) -> None:
    RunFolder(tmp_path).write("x", b"")
    with pytest.raises(RunError, match="the run folder exists and is not empty"):
        RunFolder(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        for out in (tmp_path, tmp_path / "run"):
            with pytest.raises(RunError, match="cannot be made: Permission denied"):
                RunFolder(out)
    finally:
        tmp_path.chmod(0o755)


def test_two_runs_in_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2024, 2, 29, 13, 5, 7)

    monkeypatch.setattr(run_folder, "datetime", Clock)
    monkeypatch.chdir(tmp_path)
    names = [RunFolder().path.name for _ in range(3)]
    assert names == ["2024-02-29_13-05-07", "2024-02-29_13-05-07_2", "2024-02-29_13-05-07_3"]
