"""A table as a folder: the same as in memory, read where it lies; damaged files are refused."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.data import csv_to_npy, load
from clearprop.errors import DataError, DTypeError, OptionError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = (
        f"{a!r};{b!r};{'up' if a > b else 'down'}" for a, b in rng.normal(size=(50, 2)).tolist()
    )
    path = tmp_path / "points.csv"
    path.write_text("\n".join(["a;b;kind", *rows]))
    return path


def refusal(*arguments: Any, error: type[Exception] = DataError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        (csv_to_npy if len(arguments) == 2 else load)(*arguments, **options)
    text = str(caught.value)
    assert "\n" not in text
    for part in ("Where: ", "Why: ", "Write instead: "):
        assert text.count(part) == 1
    return text


@pytest.mark.parametrize("target", [-1, "a"])
@pytest.mark.parametrize("numbers", [1 << 20, 7])
def test_it_is_what_memory_holds(
    table: Path, monkeypatch: pytest.MonkeyPatch, numbers: int, target: Any
) -> None:
    monkeypatch.setattr("clearprop.data.table_folder._NUMBERS", numbers)
    monkeypatch.setattr("clearprop.data.table._NUMBERS", numbers)
    folder = table.with_name("points")
    options = {"target": target, "seed": 3, "test": 0.3}
    if target == "a":
        table.write_text(table.read_text().replace("up", "1").replace("down", "0"))
    expected = load(table, **options)
    for found in (csv_to_npy(table, folder, **options), load(folder)):
        assert found.name == "points"
        assert (found.columns, found.classes) == (expected.columns, expected.classes)
        for part, known in ((found.train, expected.train), (found.test, expected.test)):
            np.testing.assert_array_equal(part.x, known.x)
            np.testing.assert_array_equal(part.t, known.t)
            assert part.t.dtype == known.t.dtype
        np.testing.assert_allclose(found.prepare.mean, expected.prepare.mean, rtol=1e-12)
        np.testing.assert_allclose(found.prepare.std, expected.prepare.std, rtol=1e-12)
    assert sorted(path.name for path in folder.iterdir()) == [
        "t_test.npy",
        "t_train.npy",
        "table.json",
        "x_test.npy",
        "x_train.npy",
    ]


def test_the_numbers_stay_on_the_disk(table: Path) -> None:
    data = csv_to_npy(table, table.with_name("points"))
    for array in (*data.train, *data.test):
        assert type(array) is np.ndarray
        assert isinstance(array.base, np.memmap)
        assert not array.flags.writeable


def test_half_the_room(table: Path) -> None:
    data = csv_to_npy(table, table.with_name("points"), dtype="float32")
    assert data.train.x.dtype == np.float32
    np.testing.assert_array_equal(data.train.x, load(table).train.x.astype(np.float32))
    assert load(table.with_name("points"), dtype="float64").prepare(data.test.x).dtype == np.float64


def test_memory_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("table", "table_folder"):
        monkeypatch.setattr(f"clearprop.data.{module}._NUMBERS", 1 << 12)
    numbers = np.random.default_rng(0).integers(0, 100, (6000, 40))
    path = tmp_path / "long.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in numbers.tolist()))
    tracemalloc.start()
    try:
        data = csv_to_npy(path, tmp_path / "long")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < data.train.x.nbytes / 2


def test_an_empty_folder_is_taken_and_a_full_one_is_not(table: Path) -> None:
    folder = table.with_name("points")
    folder.mkdir()
    csv_to_npy(table, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert "the folder exists and is not empty" in refusal(table, folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_link_to_an_empty_folder(table: Path) -> None:
    (table.parent / "real").mkdir()
    (table.parent / "link").symlink_to("real", target_is_directory=True)
    csv_to_npy(table, table.parent / "link")
    assert (table.parent / "link").is_symlink()
    assert load(table.parent / "real").classes == ("down", "up")


def test_folders_above_are_made(table: Path) -> None:
    assert csv_to_npy(table, table.with_name("a") / "b" / "c").name == "c"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_of_what_failed(
    table: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    if isinstance(error, OSError):
        text = refusal(table, table.with_name("points"))
        assert "the folder cannot be written: No space left on device." in text
    else:
        with pytest.raises(KeyboardInterrupt):
            csv_to_npy(table, table.with_name("points"))
    assert [path.name for path in table.parent.iterdir()] == ["points.csv"]


def test_a_wrong_cell_leaves_nothing_either(table: Path) -> None:
    table.write_text(table.read_text() + "\n1;;up")
    text = refusal(table, table.with_name("points"))
    assert text.startswith("csv_to_npy: the value is missing. Where: ")
    assert "line 52, column 2 ('b')" in text
    assert [path.name for path in table.parent.iterdir()] == ["points.csv"]


def test_a_place_that_is_none(table: Path) -> None:
    assert "the folder cannot be written" in refusal(table, table)
    assert "the folder cannot be written" in refusal(table, table / "inside")


def test_numbers_beyond_float32(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("1e39,1.5\n2,3\n3,4\n")
    text = refusal(path, tmp_path / "large", dtype="float32")
    assert "the number 1e+39 is not one of float32" in text
    assert csv_to_npy(path, tmp_path / "large").columns == ("x0",)


def test_options_without_meaning(table: Path) -> None:
    folder = table.with_name("points")
    with pytest.raises(OptionError, match="csv_to_npy: dtype is 'int8'"):
        csv_to_npy(table, folder, dtype="int8")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="test is 2"):
        csv_to_npy(table, folder, test=2)
    with pytest.raises(DTypeError, match="csv_to_npy: the path is of type int"):
        csv_to_npy(table, 3)  # type: ignore[arg-type]
    csv_to_npy(table, folder)
    assert "divided already" in refusal(folder, error=OptionError, test=0.3)
    assert "this is no CSV file" in refusal(folder, error=OptionError, target="a")


# Damage --------------------------------------------------------------------------------------


@pytest.fixture
def folder(table: Path) -> Path:
    csv_to_npy(table, table.with_name("points"))
    return table.with_name("points")


@pytest.mark.parametrize("name", ["x_train", "t_train", "x_test", "t_test"])
def test_arrays_that_are_missing_or_damaged(folder: Path, name: str) -> None:
    path = folder / f"{name}.npy"
    content = path.read_bytes()
    huge = content.replace(b"'shape': (", b"'shape': (9999999999999, ")[: len(content)]
    for damaged in (b"", content[:50], content[:-8], b"PK\x03\x04" + content, b"text", huge):
        path.write_bytes(damaged)
        assert f"{name}.npy is not what csv_to_npy wrote" in refusal(folder)
    path.unlink()
    assert f"{name}.npy is not what csv_to_npy wrote" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("x_train", np.zeros((40, 3))),
        ("x_train", np.zeros((39, 2))),
        ("x_train", np.zeros((40, 2), np.int64)),
        ("x_train", np.zeros(40)),
        ("x_test", np.zeros((9, 2))),
        ("t_train", np.zeros(39, np.int64)),
        ("t_train", np.full(40, 2)),
        ("t_train", np.full(40, -1)),
        ("t_test", np.zeros(10)),
        ("t_test", np.zeros((10, 1), np.int64)),
    ],
)
def test_arrays_of_another_table(folder: Path, name: str, array: np.ndarray) -> None:
    np.save(folder / f"{name}.npy", array)
    text = refusal(folder)
    assert ".npy is not what csv_to_npy wrote: it holds" in text


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    np.save(folder / "t_train.npy", np.array([print], object), allow_pickle=True)
    assert "t_train.npy is not what csv_to_npy wrote" in refusal(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "clearprop table 2"},
        {"columns": ["a"]},
        {"columns": 3},
        {"columns": None},
        {"classes": 3},
        {"classes": []},
        {"prepare": None},
        {"prepare": {}},
        {"prepare": {"kind": "scaled", "dtype": "float32"}},
        {"prepare": {"kind": "standardized", "mean": [1], "std": [1], "dtype": "float32"}},
        {"prepare": {"kind": "standardized", "mean": [1, 1], "std": [1, 0], "dtype": "float32"}},
    ],
)
def test_descriptions_of_something_else(folder: Path, change: dict[str, Any]) -> None:
    path = folder / "table.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | change))
    refusal(folder)
    for key in change:
        del described[key]
    path.write_text(json.dumps(described))
    refusal(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"{", b"\xff\xfe", b"[" * 100_000])
def test_descriptions_that_are_none(folder: Path, content: bytes) -> None:
    (folder / "table.json").write_bytes(content)
    assert "table.json is not what csv_to_npy wrote" in refusal(folder)
