"""Tables: every number comes back however it is written, and no wrong cell gets through."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop import nn, train
from clearprop.data import DataSet, csv_to_npy, load, read_rows
from clearprop.data.splitting import draw_rows
from clearprop.errors import DataError, DTypeError, OptionError

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def together(data: DataSet, seed: int = 0, test: float | None = None) -> tuple[Any, Any]:
    """All rows in the order of the file."""
    drawn = draw_rows(len(data.train.x) + len(data.test.x), test, seed)
    x = np.empty((len(drawn), *data.shape))
    t = np.empty((len(drawn), *data.train.t.shape[1:]), data.train.t.dtype)
    x[drawn], x[~drawn] = data.test.x, data.train.x
    t[drawn], t[~drawn] = data.test.t, data.train.t
    return x, t


def refusal(path: Any, error: type[Exception] = DataError, **options: Any) -> str:
    """The text of the error: one paragraph that says where, why and what to write."""
    with pytest.raises(error) as caught:
        load(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("load: ")
    for part in ("Why: ", "Write instead: "):
        assert text.count(part) == 1
    return text


# What is right -------------------------------------------------------------------------------


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    numbers=hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 12), st.integers(2, 5)),
        elements=st.floats(-1e100, 1e100).filter(lambda v: v == 0 or abs(v) > 1e-100),
    ),
    separator=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ends=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    packed=st.booleans(),
    last_end=st.booleans(),
    data=st.data(),
)
def test_every_number_comes_back(
    tmp_path: Path,
    numbers: np.ndarray,
    separator: str,
    quoting: Any,
    ends: str,
    encoding: str,
    packed: bool,
    last_end: bool,
    data: st.DataObject,
) -> None:
    text = io.StringIO()
    names = [f"größe {number}" for number in range(numbers.shape[1])]
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=ends)
    writer.writerows([names, *numbers.tolist()])
    content = text.getvalue().removesuffix("" if last_end else ends).encode(encoding)
    path = tmp_path / "any.csv"
    path.write_bytes(gzip.compress(content) if packed else content)
    target = data.draw(st.integers(-len(names), len(names) - 1))

    found = load(path, target=target, task="regression", seed=5, test=0.4)
    x, t = together(found, 5, 0.4)
    np.testing.assert_array_equal(x, np.delete(numbers, target, axis=1))
    np.testing.assert_array_equal(t, numbers[:, [target]])
    assert found.classes is None
    del names[target]
    assert found.columns == tuple(names)


def test_the_sizes_and_the_preparation(write: Write) -> None:
    rng = np.random.default_rng(0)
    lines = [f"{a},{b},{'up' if a > b else 'down'}" for a, b in rng.normal(5, 3, (50, 2))]
    data = load(write("\n".join(lines)))
    assert repr(data) == "DataSet 'table.csv': 40 + 10 samples of shape (2,), 2 classes"
    assert data.columns == ("x0", "x1")
    prepared = data.prepare(data.train.x)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(prepared.std(axis=0), 1, rtol=1e-6)
    assert load(write("\n".join(lines)), dtype="float64").prepare(data.test.x).dtype == np.float64


def test_a_table_of_several_pieces(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(0).normal(size=(101, 3))
    path = write("\n".join(",".join(map(repr, row)) for row in numbers.tolist()))
    whole = load(path)
    monkeypatch.setattr("clearprop.data.table._NUMBERS", 30)
    pieces = load(path)
    np.testing.assert_array_equal(pieces.train.x, whole.train.x)
    np.testing.assert_array_equal(together(pieces)[0], numbers[:, :2])
    np.testing.assert_allclose(pieces.prepare.mean, whole.prepare.mean, rtol=1e-12)  # type: ignore[union-attr]


def test_the_seed_draws_the_rows(write: Write) -> None:
    path = write("\n".join(f"{i},{i}.5" for i in range(30)))
    assert load(path).test.x.tolist() == load(path, seed=0).test.x.tolist()
    assert load(path).test.x.tolist() != load(path, seed=1).test.x.tolist()
    assert [len(load(path, test=part).test.x) for part in (0.001, 0.5, 0.999)] == [1, 15, 29]


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        (["b", "a", "b", "c"], ("a", "b", "c")),
        (["0", "1", "1", "0"], ("0", "1")),
        (["-1.0", "1", "1e0", "-1"], ("-1", "1")),
        (["0", "1", "2", "1"], None),  # 3 values need 9 rows
        (["0", "1", "2"] * 3, ("0", "1", "2")),
        (["0.5", "1", "1", "0.5"], None),
        ([str(i) for i in range(20)] * 20, tuple(map(str, range(20)))),
        ([str(i) for i in range(21)] * 21, None),
    ],
)
def test_which_targets_are_classes(
    write: Write, column: list[str], classes: tuple[str, ...] | None
) -> None:
    data = load(write("x,y\n" + "".join(f"1,{cell}\n" for cell in column)))
    assert data.classes == classes
    _, t = together(data)
    if classes is None:
        assert t.dtype == np.float64
        assert t.tolist() == [[float(cell)] for cell in column]
    else:
        assert t.dtype == np.int64
        assert all(
            classes[number] == cell or float(classes[number]) == float(cell)
            for number, cell in zip(t, column, strict=True)
        )


def test_a_task_that_is_forced(write: Write) -> None:
    path = write("x,y\n1,10\n2,9\n3,10.0\n4,2.5\n")
    data = load(path, task="classes")
    assert data.classes == ("2.5", "9", "10")
    assert together(data)[1].tolist() == [2, 1, 2, 0]
    path = write("x,y\n1,0\n2,1\n3,0\n4,1\n")
    assert load(path, task="regression").classes is None
    assert load(write("x,y\n1,a\n2,7\n3,a\n"), task="classes").classes == ("7", "a")
    assert load(write("x,y\n1,NA\n2,DE\n3,NA\n")).classes == ("DE", "NA")  # Namibia


@pytest.mark.parametrize("target", ["kind", " kind ", 1, -2, "1", "-2", np.int64(1)])
def test_the_target_by_name_and_by_number(write: Write, target: Any) -> None:
    data = load(write("a,kind,b\n1,x,3\n4,y,6\n"), target=target)
    assert data.classes == ("x", "y")
    assert data.columns == ("a", "b")
    assert together(data)[0].tolist() == [[1, 3], [4, 6]]


def test_a_name_that_is_a_number_goes_before_the_number(write: Write) -> None:
    path = write("1,0\n5,0.5\n6,1.5\n")
    assert load(path, target="1", header=True).columns == ("0",)
    assert load(path, target=1, header=True).columns == ("1",)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,2\n3,4\n", ("a",)),
        ("1,2\n3,4\n", ("x0",)),
        ("1.5,red\n2,blue\n", ("x0",)),
        ("size,colour\n1.5,red\n2,blue\n", ("size",)),
        (" 1 , 2 \n 3 , 4 \n", ("x0",)),
    ],
)
def test_headers(write: Write, text: str, columns: tuple[str, ...]) -> None:
    assert load(write(text)).columns == columns


@pytest.mark.parametrize(
    "text",
    ["label,0,1\n5,6,7\n5,6,8\n", "0,1,2,label\n5,6,7,a\n1,2,3,b\n", "1,x,3\n1,2,3\n4,5,6\n"],
)
def test_what_may_be_a_header_is_asked_for(write: Write, text: str) -> None:
    path = write(text)
    said = refusal(path)
    assert "the first line may be a header or a row" in said
    assert "header=True), or header=False" in said
    data = load(path, header=True)
    assert len(data.train.x) + len(data.test.x) == text.count("\n") - 1


def test_a_table_is_trained_on_in_machine_code_as_in_numpy(write: Write) -> None:
    pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    rng = np.random.default_rng(0)
    points = rng.normal([1e6, 1e-6], [1e3, 1e-7], (200, 2))
    lines = (f"{a!r},{b!r},{int((a - 1e6) / 1e3 > (b - 1e-6) / 1e-7)}" for a, b in points.tolist())
    data = load(write("\n".join(lines)), dtype="float64")

    def trained(interpret: bool) -> train.Metrics:
        net = nn.Sequential(nn.Affine.initial(2, 2, seed=0), loss=nn.SoftmaxWithLoss())
        halves = (tuple(data.train), tuple(data.test))
        return train.fit(
            net, halves, lr=1.0, batch=50, iterations=60, prepare=data.prepare, interpret=interpret
        )

    compiled, interpreted = trained(False), trained(True)
    np.testing.assert_allclose(compiled.loss, interpreted.loss, rtol=1e-9)
    assert compiled.rows[-1].test_accuracy > 0.9


# What is wrong: cells --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what", "line", "column"),
    [
        ("a,b,y\n1,2,3\n4,,6\n", "the value is missing.", 3, 2),
        ("a,b,y\n1,2,3\n4,5,\n", "the value is missing.", 3, 3),
        ("a,b,y\n1,2,3\n4, ,6\n", "the value is missing.", 3, 2),
        ("a,b,y\n1,2,3\nNA,5,6\n", "the value is missing: 'NA'.", 3, 1),
        ("a,b,y\n1,nan,3\n4,5,6\n", "the value is missing: 'nan'.", 2, 2),
        ("a,b,y\n1,2,3\n4,?,6\n", "the value is missing: '?'.", 3, 2),
        ("a,b,y\n1,2,x\n4,5,\n", "the value is missing.", 3, 3),
        ("a,b,y\n1,2,x\n4,5,nan\n", "the value is missing: 'nan'.", 3, 3),
        ("a,b,y\n1,inf,3\n4,5,6\n", "'inf' is not finite.", 2, 2),
        ("a,b,y\n1,2,3\n4,1e999,6\n", "'1e999' is not finite.", 3, 2),
        ("a,b,y\n1,2,3\n4,red,6\n", "'red' is no number.", 3, 2),
        ("a,b,y\n1,2,3\n4,1_0,6\n", "'1_0' is no number.", 3, 2),
        ("a,b,y\n1,2,3\n4,\u0661,6\n", "'\u0661' is no number.", 3, 2),
        ("a,b,y\n1,2,3\n\n\n4,0x1F,6\n", "'0x1F' is no number.", 5, 2),
        ("a;b;y\n1;2;3\n4;1,5;6\n", "'1,5' is no number. Where", 3, 2),
        ("a,b,y\n1,2,3\n4,5,many\n", "'many' is no number.", 3, 3),
        ("a,b,y\n1,2,few\n4,5,6\n", "'6' is a number, and the rows before it have texts", 3, 3),
    ],
)
@pytest.mark.parametrize("numbers", [1 << 20, 3])
def test_a_wrong_cell_is_named(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    what: str,
    line: int,
    column: int,
    numbers: int,
) -> None:
    monkeypatch.setattr("clearprop.data.table._NUMBERS", numbers)
    path = write(text)
    said = refusal(path)
    assert what in said
    assert f"Where: {str(path)!r}, line {line}, column {column} ({'aby'[column - 1]!r})." in said


def test_a_decimal_comma_is_explained(write: Write) -> None:
    said = refusal(write("a;y\n1;2\n4;1,5\n"))
    assert "it has a decimal comma. Write instead: 1.5, with a point" in said


@pytest.mark.parametrize("numbers", [1 << 20, 3])
@pytest.mark.parametrize(("text", "cells"), [("4,5\n", 2), ("4,5,6,7\n", 4)])
def test_rows_of_another_length(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str, cells: int, numbers: int
) -> None:
    monkeypatch.setattr("clearprop.data.table._NUMBERS", numbers)
    said = refusal(write(f"a,b,y\n1,2,3\n{text}7,8,9\n"))
    assert f"the line has {cells} cells, the first line 3" in said
    assert "line 3." in said


@pytest.mark.parametrize("text", ["a,b,y\n1,2\n7,8,9\n", "1,2,3\n1,2\n7,8,9\n", "1,2\n1,2,3\n"])
def test_the_second_line_is_of_another_length(write: Write, text: str) -> None:
    said = refusal(write(text))
    assert f"cells, the first line {len(text.partition(chr(10))[0].split(','))}." in said
    assert "line 2." in said


def test_a_quote_that_is_never_closed(write: Write) -> None:
    rows = "1,2\n" * 100_000
    assert "line" in refusal(write(f'a,y\n1,2\n1,"2\n{rows}'))


def test_a_regression_of_texts(write: Write) -> None:
    assert "'x' is no number." in refusal(write("a,y\n1,x\n2,z\n"), task="regression")


def test_classes_that_are_infinite(write: Write) -> None:
    assert "'inf' is not finite" in refusal(write("a,y\n1,2\n2,inf\n"), task="classes")


# What is wrong: the file -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "the file is empty"),
        (b"\n\n \n", "the file is empty"),
        (b"a,b\n", "there is a header and no row"),
        (b"a,b\n1,2\n", "the table has 1 row."),
        (b"a\n1\n2\n", "the table has one column"),
        (b"a b\n1 2\n2 3\n", "the table has one column"),
        (b"a,y\n1,5\n2,5\n3,5\n", "all samples are of one class, '5'"),
        (b"a,y\n1,x\n2,x\n3,x\n", "all samples are of one class, 'x'"),
        (b"a,y\n1,\xe4\n2,x\n", "byte 0xe4"),
        (b"a,y\n1,2\n\x00\x00\x00", "a character of number 0"),
        (b"a,y\n1,1e308\n2,5\n3,-1e308\n", "goes from"),
        (b"a,y\n1,1e-308\n2,0\n3,2e-308\n", "goes from"),
        (b"PK\x03\x04", "zip archive"),
        (b"PAR1....", "Parquet"),
        (b"\x89PNG\r\n\x1a\n", "data.read_image"),
        (b"\0\0\x08\x03\0\0\0\0", "IDX"),
        (b"\x93NUMPY\x01\0", "np.load"),
        (b"<!DOCTYPE html>", "web page"),
        (b"a" * 200_000, "cannot be taken apart"),
        (b"1" * 200_000 + b",2\n1,2\n1,2\n", "cannot be taken apart"),
    ],
)
def test_files_that_are_no_tables(write: Write, content: bytes, what: str) -> None:
    assert what in refusal(write(content), target=0 if b"308" in content else None)


def test_a_packed_table_that_is_cut_short_or_damaged(write: Write) -> None:
    rng = np.random.default_rng(0)
    packed = gzip.compress("".join(f"{a},{b}\n" for a, b in rng.random((5000, 2))).encode())
    assert "truncated or damaged" in refusal(write(packed[:-100]))
    refusal(write(packed[:40_000] + b"\0\1" + packed[40_002:]))  # garbage, or seen to be damaged
    assert "truncated or damaged" in refusal(write(packed[:-8] + bytes(8)))
    assert "truncated or damaged" in refusal(write(packed + b"more"))


def test_a_line_without_end_costs_no_memory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.data.table_text.LONGEST", 1000)
    said = refusal(write(gzip.compress(b"1,2\n" + b"7" * 10_000_000)))
    assert "a line is longer than 1,000 characters" in said
    assert "line 2" in said


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "tables.csv").touch()
    assert "its folder holds 'tables.csv'" in refusal(tmp_path / "table.csv")
    assert "cannot be read: embedded null" in refusal("a\0b")
    assert "not a regular file" in refusal("/dev/zero") or sys.platform == "win32"
    with pytest.raises(DTypeError, match="load: the path is of type int"):
        load(3)  # type: ignore[arg-type]


# What is wrong: options ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"target": "c"}, "target is 'c'"),
        ({"target": 2}, "from 0 to 1"),
        ({"target": -3}, "target is -3"),
        ({"target": True}, "target is True"),
        ({"target": 0.5}, "target is 0.5"),
        ({"task": "guess"}, "task is 'guess'"),
        ({"test": 0}, "test is 0"),
        ({"test": 1.0}, "test is 1.0"),
        ({"test": float("nan")}, "test is nan"),
        ({"test": "a"}, "test is 'a'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
    ],
)
def test_options_without_meaning(write: Write, options: dict[str, Any], what: str) -> None:
    assert what in refusal(write("a,b\n1,2\n3,4\n"), OptionError, **options)


def test_a_name_that_two_columns_have(write: Write) -> None:
    assert "it is the name of one column" in refusal(
        write("a,a,b\n1,2,3\n3,4,4\n"), OptionError, target="a"
    )


def test_columns_that_are_left_out(write: Write, tmp_path: Path) -> None:
    path = write("id,name,a,kind\n7,one,1,x\n8,,2,y\n9,three,3,x\n")
    found = load(path, without=("name", 0))
    assert (found.columns, found.target, found.without) == (("a",), "kind", ("id", "name"))
    assert sorted([*found.train.x[:, 0], *found.test.x[:, 0]]) == [1, 2, 3]
    kept = csv_to_npy(path, tmp_path / "kept", without=("name", 0))
    assert (kept.columns, kept.without) == (found.columns, found.without)
    np.testing.assert_array_equal(kept.train.x, found.train.x)
    assert load(path, without=("name", "kind")).target == "a"


def test_wrong_cells_are_counted_and_their_columns_named(write: Write) -> None:
    path = write("a,b,c,t\n1,2,3,0.5\n1,NA,3,0.5\n1,,,0.5\nx,2,,0.5\n")
    with pytest.raises(DataError) as raised:
        load(path)
    assert "line 3, column 2 ('b'), the first of 4 such cells of 2 columns" in str(raised.value)
    assert "load(path, without=('b', 'c')) leaves" in str(raised.value)


@pytest.mark.parametrize("without", ["id", 3, [None], [True]])
def test_without_is_a_sequence_of_columns(write: Write, without: Any) -> None:
    with pytest.raises(OptionError, match="the names of columns, or their numbers"):
        load(write("id,a,t\n1,2,3\n2,3,4\n"), without=without)


def test_two_columns_of_one_name_are_refused_as_in_new_rows(write: Write) -> None:
    path = write("a,b, a,y\n" + "1,2,3,0.5\n" * 3)
    assert "load: two columns are called 'a': numbers 0, 2." in refusal(path)
    refusal(path, without=(2,))  # of new rows nobody could say which is which
    found = load(path, without=(0, 2))
    assert (found.columns, found.without) == (("b",), ("a", "a"))
    assert read_rows(path, found).x.tolist() == [[2.0]] * 3
    refusal(write("a,y,y\n" + "1,2,3\n" * 3))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_and_cells_on_several_lines(write: Write, end: str) -> None:
    header = f'"price{end}in €",b,"on{end}{end} three",kind{end}'
    path = write(f'{header}1,2,3,no{end}4,5,6,"ye{end}s"{end}7,8,9,no{end}')
    found = load(path)
    assert found.columns == ("price in €", "b", "on three")
    x, t = together(found)
    np.testing.assert_array_equal(x, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert t.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(read_rows(path, found).x, x)


LARGE = 2**53


@pytest.mark.parametrize("of", ["{0},{1}", "{1},{0}"], ids=["column", "target"])
def test_whole_numbers_that_would_become_others(write: Write, of: str) -> None:
    def table(number: int) -> Path:
        return write("id,y\n" + "".join(of.format(number + k, k) + "\n" for k in (0, 0, 2, 4)))

    load(table(LARGE - 4))
    x, t = together(load(table(LARGE), task="regression"))
    assert {0.0 + LARGE, 2.0 + LARGE, 4.0 + LARGE} in (set(x.ravel()), set(t.ravel()))
    for task in ("regression", "classes"):
        if (task, of) != ("classes", "{0},{1}"):
            said = refusal(table(LARGE + 1), task=task)
            assert "9007199254740993 would become 9007199254740992. Where: " in said
            assert "line 2, column" in said
    load(write("id,y\n" + "1e100,1\n123456789012345678901234567890.5,2\n2,3\n"))
