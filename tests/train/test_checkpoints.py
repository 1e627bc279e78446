"""The checkpoints of a run: the last few, in whole or not at all, whatever the disk does."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoint_folders import made, names, step_of

from clearprop.errors import DataError, DTypeError, MissingExtraError, OptionError, RunError
from clearprop.train import Checkpoints, checkpoint_search, describe_environment
from clearprop.train.checkpoint_search import file_name

# ---- as it should be ----------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [1, 2, 3, 10])
def test_the_last_ones_are_kept(tmp_path: Path, keep: int) -> None:
    folder = tmp_path / "runs" / "first" / "checkpoints"
    steps = [0, 5, 100, 100, 101, 12_345_678_901]
    with Checkpoints(folder, keep=keep) as checkpoints:
        for number, step in enumerate(steps, 1):
            checkpoints.write(step, {"W": np.full(50, float(step))}, {"epoch": step})
            checkpoints.wait()
            assert names(folder) == sorted(set(steps[:number]))[-keep:]
    assert step_of(folder) == 12_345_678_901
    assert all(path.suffix == ".safetensors" or path.name == ".lock" for path in folder.iterdir())


def test_what_is_written_is_what_there_was_at_the_call(tmp_path: Path) -> None:
    W, inner = np.zeros(1_000_000), [1]
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.write(1, {"W": W}, {"list": inner})
        W += 1
        inner.append(2)
    back = Checkpoints(tmp_path).latest().required()
    assert not back.arrays["W"].any()
    assert back.facts == {"list": [1]}


def test_arrays_that_come_go_and_change_their_form(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"a": np.zeros(5), "b": np.ones((2, 3), np.int64)},
        {"a": np.arange(5.0), "b": np.ones((3, 2), np.int64)},
        {"b": np.arange(6).reshape(2, 3).T},
        {"b": np.arange(6.0).reshape(3, 2), "a": np.array(2, np.uint8)},
        {"a": np.array(3, np.uint8), "b": np.full((3, 2), 5, ">f8")},
    ]
    with Checkpoints(tmp_path) as checkpoints:
        for step, arrays in enumerate(rows):
            checkpoints.write(step, arrays)
            checkpoints.wait()
            found = Checkpoints(tmp_path, made_with={}).latest().required().arrays
            assert set(found) == set(arrays)
            for name, array in arrays.items():
                expected = array.astype(array.dtype.newbyteorder("="))
                np.testing.assert_array_equal(found[name], expected, strict=True)


def test_nothing_there_is_no_error_and_no_folder_is(tmp_path: Path) -> None:
    latest = Checkpoints(tmp_path).latest()
    assert latest == (None, (), ())
    assert latest.notes() == []
    with pytest.raises(DataError, match=r"checkpoint: there is none\. Why: a run is resumed"):
        latest.required()
    with pytest.raises(RunError) as caught:
        Checkpoints(tmp_path / "gone").latest()
    assert str(caught.value) == (
        "checkpoint: the folder cannot be read: No such file or directory. "
        f"Where: '{tmp_path / 'gone'}'. Why: the checkpoints of a run are there. "
        "Write instead: the folder that the run wrote into"
    )


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    others = [
        "notes.txt",
        "step-7.safetensors",
        "step-0000000300.safetensors.bak",
        "best.safetensors",
    ]
    others += ["step-00000000009.safetensors", ".step-x.safetensors.1", ".loss.csv.77"]
    for name in others:
        (tmp_path / name).write_text(name)
    made(tmp_path, 10, 20, 30, keep=1)
    assert step_of(tmp_path) == 30
    assert {path.name for path in tmp_path.iterdir()} == {*others, file_name(30), ".lock"}
    assert all((tmp_path / name).read_text() == name for name in others)


def test_a_run_goes_on_in_its_folder(tmp_path: Path) -> None:
    made(tmp_path, 100, 200, keep=2)
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest().required().step == 200
        with pytest.raises(OptionError, match="step 150 comes after step 200"):
            checkpoints.write(150, {})
        checkpoints.write(200, {"W": np.full(50, 200.0)}, {"epoch": 200})
        checkpoints.write(300, {"W": np.full(50, 300.0)}, {"epoch": 300})
    assert names(tmp_path) == [200, 300]
    assert step_of(tmp_path) == 300


def test_another_run_is_kept_out_of_the_folder(tmp_path: Path) -> None:
    made(tmp_path, 100, 200)
    before = {path: path.read_bytes() for path in tmp_path.glob("step-*")}
    with (
        Checkpoints(tmp_path, keep=1) as checkpoints,
        pytest.raises(
            RunError, match=r"the folder holds step 200 already\. Where: .* Why: it is of"
        ),
    ):
        checkpoints.write(1000, {"W": np.zeros(50)})
    assert {path: path.read_bytes() for path in tmp_path.glob("step-*")} == before


@pytest.mark.parametrize("keep", [0, -1, 1.5, True, "3", None])
def test_keep_is_checked(tmp_path: Path, keep: Any) -> None:
    with pytest.raises(OptionError, match=r"keep is .* Write instead: keep=3"):
        Checkpoints(tmp_path, keep=keep)


@pytest.mark.parametrize("step", [-1, 1.0, True, "1", None, 10**18])
def test_a_step_is_checked(tmp_path: Path, step: Any) -> None:
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(OptionError, match="step is"):
        checkpoints.write(step, {})


def test_what_cannot_be_saved_leaves_what_is_there(tmp_path: Path) -> None:
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.write(np.int64(1), {"W": np.full(50, 1.0)}, {"epoch": 1})
        with pytest.raises(DTypeError, match="x is a str"):
            checkpoints.write(2, {"x": "text"})  # type: ignore[dict-item]
        with pytest.raises(DTypeError, match="facts"):
            checkpoints.write(2, {}, {"x": object()})
    assert step_of(tmp_path) == 1
    with pytest.raises(DTypeError, match="model"):
        Checkpoints(tmp_path, model=object())


@pytest.mark.parametrize("package", ["safetensors", "threadpoolctl"])
def test_a_package_that_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    for use in (Checkpoints.latest, lambda c: c.write(1, {})):
        with pytest.raises(MissingExtraError, match=r"pip install 'clearprop\[train\]'"):
            use(Checkpoints(tmp_path))


# ---- other models, plans and versions -----------------------------------------------------------


def test_a_checkpoint_of_another_model(tmp_path: Path) -> None:
    made(tmp_path, 100, model={"name": "two-layer", "sizes": (784, 50, 10)})
    same = {"sizes": [784, 50, 10], "name": "two-layer"}
    assert Checkpoints(tmp_path, model=same).latest().required().step == 100
    with pytest.raises(DataError) as caught:
        Checkpoints(tmp_path, model={"name": "two-layer", "sizes": [784, 60, 10]}).latest()
    assert str(caught.value) == (
        "checkpoint: step-0000000100.safetensors is of another model. "
        f"Where: '{tmp_path / file_name(100)}'. "
        "Why: model sizes was [784, 50, 10] and is [784, 60, 10]. "
        "Write instead: the model that it was written with, or another folder"
    )


def test_versions_processor_and_plan_are_kept_and_compared(tmp_path: Path) -> None:
    made(tmp_path, 100, plan={"lr": 0.1, "batch": 10, "rate": {"a": float("nan"), "b": 1}})
    now = describe_environment(machine_code=True)
    found = Checkpoints(
        tmp_path, plan={"lr": 0.1, "batch": 10, "rate": {"a": float("nan"), "b": 1}}
    )
    checkpoint, refused, differences = found.latest()
    assert checkpoint is not None
    assert checkpoint.made_with == now
    assert (refused, differences) == ((), ())
    other = Checkpoints(
        tmp_path,
        plan={"lr": 0.2, "batch": 10, "rate": {"b": 2}, "decay": 0.5},
        made_with=now | {"numpy": "1.0", "machine_code": "llvmlite 9 z80", "python": "3.99"},
    ).latest()
    assert other.differences == (
        f"numpy was {np.__version__} and is 1.0",
        f"machine_code was {now['machine_code']} and is llvmlite 9 z80",
        "plan lr was 0.1 and is 0.2",
        "plan rate a was nan and is not there",
        "plan rate b was 1 and is 2",
        "plan decay was not there and is 0.5",
    )
    assert other.notes() == [f"{words}." for words in other.differences]
    assert other.required().plan["lr"] == 0.1


def test_a_newer_format_is_no_reason_to_lose_steps(tmp_path: Path, monkeypatch: Any) -> None:
    made(tmp_path, 100)
    with monkeypatch.context() as patch:
        patch.setattr("clearprop.train.checkpoint_file.FORMAT", 2)
        with Checkpoints(tmp_path) as checkpoints:
            checkpoints.latest()
            checkpoints.write(200, {})
    with pytest.raises(DataError, match=r"step-0000000200\.safetensors has format 2"):
        Checkpoints(tmp_path).latest()


# ---- damage -------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def flip(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[-10] ^= 4
    path.write_bytes(damaged)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 100)


def folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")


def link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def copy_of_another(path: Path) -> None:
    shutil.copy(path.with_name(file_name(100)), path)


DAMAGE = {
    cut: "is cut off after",
    flip: "is damaged",
    empty: "is empty",
    garbage: "is no checkpoint",
    folder_there: "is no file",
    link_to_nowhere: "cannot be read: No such file",
    copy_of_another: "holds step 100",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_one_before_is_taken_and_it_is_said(tmp_path: Path, damage: Any) -> None:
    made(tmp_path, 100, 200, 300)
    path = tmp_path / file_name(300)
    damage(path)
    latest = Checkpoints(tmp_path).latest()
    assert latest.required().step == 200
    [error] = latest.refused
    assert f"checkpoint: step-0000000300.safetensors {DAMAGE[damage]}" in str(error)
    assert error.where == repr(str(path))
    assert latest.notes() == [f"{error.what} Why: {error.why} Step 200 is used."]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_run_goes_on_past_a_damaged_one(tmp_path: Path, damage: Any) -> None:
    made(tmp_path, 100, 200, 300)
    path = tmp_path / file_name(300)
    damage(path)
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest().required().step == 200
        for step in (250, 260):
            checkpoints.write(step, {"W": np.full(50, float(step))}, {"epoch": step})
        checkpoints.wait()
        assert step_of(tmp_path) == 260
        assert names(tmp_path) == [250, 260, 300]  # the damaged one is not one of the two
        if damage is folder_there:
            checkpoints.write(300, {})
            with pytest.raises(RunError, match="step 300 cannot be written: Is a directory"):
                checkpoints.wait()
            assert step_of(tmp_path) == 260
            return
        checkpoints.write(300, {"W": np.full(50, 300.0)}, {"epoch": 300})
    assert step_of(tmp_path) == 300
    assert names(tmp_path) == [260, 300]


def test_damaged_ones_go_with_those_of_their_age(tmp_path: Path) -> None:
    made(tmp_path, 100, 200, 300)
    flip(tmp_path / file_name(300))
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.latest()
        checkpoints.write(400, {})
        checkpoints.wait()
        assert names(tmp_path) == [200, 300, 400]
        checkpoints.write(500, {})
    assert names(tmp_path) == [400, 500]


def test_one_that_its_writer_removes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no damage: there are newer ones by now."""
    made(tmp_path, 100)
    made(tmp_path / "newer", 200)
    newer = tmp_path / "newer" / file_name(200)
    read = checkpoint_search.read_whole

    def reading(path: Path) -> bytes:
        if path.name == file_name(100) and path.exists():
            newer.rename(tmp_path / newer.name)
            path.unlink()
        return read(path)

    monkeypatch.setattr(checkpoint_search, "read_whole", reading)
    latest = Checkpoints(tmp_path).latest()
    assert latest.required().step == 200
    assert latest.refused == ()


def test_none_is_whole(tmp_path: Path) -> None:
    made(tmp_path, 100, 200)
    flip(tmp_path / file_name(100))
    empty(tmp_path / file_name(200))
    latest = Checkpoints(tmp_path).latest()
    assert latest.checkpoint is None
    assert [error.what.split()[1] for error in latest.refused] == [file_name(200), file_name(100)]
    with pytest.raises(DataError) as caught:
        latest.required()
    assert "is empty. None of the 2 can be used. Where: " in str(caught.value)
    assert "step-0000000100.safetensors is damaged. its SHA-256" in str(caught.value)
    assert len(latest.notes()) == 2
