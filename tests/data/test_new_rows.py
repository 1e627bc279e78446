"""New rows for a network that was trained on a table: columns by name, nothing guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearprop import data, train
from clearprop.data import DataSet, load, read_rows
from clearprop.errors import DataError, DTypeError

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str) -> Path:
        path = tmp_path / "new.csv"
        path.write_text(content)
        return path

    return write


@pytest.fixture
def trained(tmp_path: Path) -> DataSet:
    path = tmp_path / "old.csv"
    path.write_text("a,b,kind,c\n0,3,no,5\n2,3,yes,6\n2,1,yes,7\n0,1,no,9\n4,4,no,1\n")
    return load(path, target="kind")


@pytest.fixture
def trained_on_numbers(tmp_path: Path) -> DataSet:
    """A table without names, the target in its middle: x0, x1 and x2."""
    path = tmp_path / "old.csv"
    path.write_text("".join(f"{i},{i % 2 * 10},{i * 0.5}\n" for i in range(20)))
    return load(path, target=1)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(order=st.permutations(["a", "b", "c", "kind"]), with_target=st.booleans())
def test_columns_are_found_by_their_names(
    order: list[str], with_target: bool, write: Write, trained: DataSet
) -> None:
    values = {"a": ["1", "2"], "b": ["3", "4"], "c": ["5", "6"], "kind": ["yes", "no"]}
    names = [name for name in order if with_target or name != "kind"]
    lines = [names, *([values[name][row] for name in names] for row in range(2))]
    rows = read_rows(write("\n".join(map(";".join, lines))), trained)
    np.testing.assert_array_equal(rows.x, [[1, 3, 5], [2, 4, 6]])
    assert rows.x.dtype == np.float64  # as stored: nothing is prepared twice
    if with_target:
        assert rows.t is not None
        assert rows.t.tolist() == [1, 0]
        assert rows.t.dtype == np.int64
    else:
        assert rows.t is None


def test_the_configuration_of_a_run_says_the_same(
    write: Write, trained: DataSet, tmp_path: Path
) -> None:
    folder = train.RunFolder(tmp_path / "run")
    config = train.config_text(train.Settings(), {}, "", trained)
    folder.write("config.json", config)
    path = write("c,a,b\n1,2,3\n")
    for like in (train.read_run(tmp_path / "run"), json.loads(config)["data"]):
        np.testing.assert_array_equal(read_rows(path, like).x, read_rows(path, trained).x)


def test_a_converted_table_says_the_same(write: Write, tmp_path: Path, trained: DataSet) -> None:
    converted = data.csv_to_npy(tmp_path / "old.csv", tmp_path / "npy", target="kind")
    assert converted.target == trained.target == "kind"
    path = write("kind,c,a,b\nyes,1,2,3\n")
    np.testing.assert_array_equal(read_rows(path, converted).x, read_rows(path, trained).x)


def test_names_alone_give_the_numbers_of_the_file(write: Write) -> None:
    rows = read_rows(write("b,a\n1,1e300\n3,4\n"), ["a", "b"])
    np.testing.assert_array_equal(rows.x, [[1e300, 1], [4, 3]])
    assert rows.x.dtype == np.float64
    assert rows.t is None


def test_one_column_is_enough(write: Write) -> None:
    assert read_rows(write("a\n1\n2\n"), ["a"]).x.tolist() == [[1], [2]]


def test_many_pieces_keep_their_order(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.data.table._NUMBERS", 6)
    rows = read_rows(write("b,a\n" + "".join(f"{i},{-i}\n" for i in range(10))), ["a", "b"])
    assert rows.x.tolist() == [[-i, i] for i in range(10)]


def test_a_regression_keeps_the_unit_of_its_target(write: Write, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("a,y\n" + "".join(f"{i},{i * 1000.5}\n" for i in range(30)))
    rows = read_rows(write("y,a\n2000.25,1\n3,2\n"), load(old))
    assert rows.t is not None
    assert rows.t.tolist() == [[2000.25], [3.0]]


def test_classes_that_are_numbers_are_found_by_value(
    write: Write, trained_on_numbers: DataSet
) -> None:
    assert trained_on_numbers.classes == ("0", "10")
    rows = read_rows(write("x1,x0,x2\n10.0,1,2\n0,3,4\n1e1,5,6\n"), trained_on_numbers)
    assert rows.t is not None
    assert rows.t.tolist() == [1, 0, 1]


def test_without_names_columns_stand_in_their_places(
    write: Write, trained_on_numbers: DataSet
) -> None:
    np.testing.assert_array_equal(read_rows(write("7,8\n"), trained_on_numbers).x, [[7, 8]])
    rows = read_rows(write("7,10,8\n"), trained_on_numbers)
    np.testing.assert_array_equal(rows.x, [[7, 8]])
    assert rows.t is not None
    assert rows.t.tolist() == [1]


def test_header_false_trusts_the_order(write: Write, trained: DataSet) -> None:
    rows = read_rows(write("1,2,3\n"), trained, header=False)
    np.testing.assert_array_equal(rows.x, [[1, 2, 3]])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a,b\n1,2\n", "the column 'c' is missing"),
        ("b\n2\n", "the column 'a' is missing, and 1 more"),
        ("a,b,C\n1,2,3\n", "the column 'c' is missing.*has 'C'"),
        ("a,b,c,b\n1,2,3,4\n", "two columns are called 'b'"),
        ("a,b,c\n", "there is a header and no row"),
        ("", "the file is empty"),
        ("1,2,3\n4,5,6\n", "the first line has numbers, and no names"),
        ("a,b,c\n1,2,3\n4,,6\n", "the value is missing.*line 3, column 2"),
        ("a,b,c\n1,2,3\n4,x,6\n", "'x' is no number.*line 3, column 2"),
        ("a,b,c\n1,2,3\n4,5\n", "the line has 2 cells.*line 3"),
        ("kind,a,b,c\nyes,1,2,3\nmaybe,1,2,3\n", "'maybe' is none of the classes.*line 3"),
        ("kind,a,b,c\nyes,1,2,3\n,1,2,3\n", "the value is missing.*line 3, column 1"),
    ],
)
def test_what_does_not_fit_is_said(content: str, what: str, write: Write, trained: DataSet) -> None:
    with pytest.raises(DataError, match=f"read_rows: (?s:.*){what}"):
        read_rows(write(content), trained)


def test_wrong_width_without_names(write: Write, trained_on_numbers: DataSet) -> None:
    with pytest.raises(DataError, match="the file has 4 columns and no names"):
        read_rows(write("1,2,3,4\n"), trained_on_numbers)


def test_images_have_no_columns(write: Write) -> None:
    with pytest.raises(DataError, match="is no table"):
        read_rows(write("a,b\n1,2\n"), load("mnist"))


@pytest.mark.parametrize("like", ["a", 3, [], [1, 2], None])
def test_like_has_to_say_which_columns(like: object, write: Write) -> None:
    with pytest.raises(DTypeError, match="read_rows: like is"):
        read_rows(write("a,b\n1,2\n"), like)  # type: ignore[arg-type]


def test_other_columns_are_not_read(write: Write, trained: DataSet) -> None:
    text = 'note,c,b,a,kind,note\n"x, y; z",3,2,1,no,\n,6,5,4,yes,NaN\n'
    rows = read_rows(write(text), trained)
    np.testing.assert_array_equal(rows.x, [[1, 2, 3], [4, 5, 6]])
    assert rows.t is not None
    assert (rows.t.tolist(), rows.unused) == ([0, 1], ("note", "note"))
    assert read_rows(write(text), ["a"]).unused == ("note", "c", "b", "kind", "note")


@pytest.mark.parametrize("target", [0, 1, -1])
def test_a_target_among_columns_without_names(tmp_path: Path, write: Write, target: int) -> None:
    numbers = np.random.default_rng(0).normal(size=(30, 4))
    np.savetxt(tmp_path / "old.csv", numbers, delimiter=",")
    columns = load(tmp_path / "old.csv", target=target).columns
    path = write("")
    np.savetxt(path, numbers[:5], delimiter=",")
    rows = read_rows(path, columns)
    np.testing.assert_allclose(rows.x, np.delete(numbers[:5], target, axis=1))
    assert rows.unused == (f"x{target % 4}",)


def test_numbers_and_a_text_without_names(write: Write) -> None:
    rows = read_rows(write("1,2,up\n3,4,down\n"), ("x0", "x1"), header=False)
    np.testing.assert_array_equal(rows.x, [[1, 2], [3, 4]])


def test_a_header_longer_than_a_cell_may_be(write: Write) -> None:
    count = 30_000
    names = [f"column{k}" for k in range(count)]
    lines = [",".join(map(str, [*range(row, row + count), row % 2])) for row in range(4)]
    path = write("\n".join([",".join([*names, "t"]), *lines]) + "\n")
    table = load(path, test=0.5)
    assert table.shape == (count,)
    np.testing.assert_array_equal(read_rows(path, table.columns).x[1], np.arange(1, count + 1))
