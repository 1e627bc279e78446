"""Shapes and values that somebody gives: what is understood, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clearprop.check.handwritten.judging import check_file
from clearprop.check.handwritten.options import (
    Drawn,
    Options,
    parse_shape,
    parse_shapes,
    read_inputs,
)
from clearprop.errors import OptionError


@pytest.mark.parametrize(
    ("text", "shape"),
    [("x=4,3", (4, 3)), ("x = (4, 3)", (4, 3)), ("x=5", (5,)), ("x=(5,)", (5,)), ("x=()", ())],
)
def test_shapes(text: str, shape: tuple[int, ...]) -> None:
    assert parse_shape(text) == ("x", shape)


@pytest.mark.parametrize(
    "text", ["x", "=3", "x=", "x=a", "x=-1", "x=0", "x=1.5", "x=4,,3", "4,3", "x y=3", "x=٣"]
)
def test_what_is_no_shape(text: str) -> None:
    with pytest.raises(OptionError) as error:
        parse_shape(text)
    assert "Write instead: --shape x=4,3" in str(error.value)


def test_one_name_has_one_shape() -> None:
    assert parse_shapes(["x=3", "x=3", "A.x=4"]) == {"x": (3,), "A.x": (4,)}
    with pytest.raises(OptionError, match="x has a shape already"):
        parse_shapes(["x=3", "x=4"])


def test_values_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "inputs.toml"
    path.write_text(
        "x = [[1.0, 2.0], [3.0, 4.0]]\nlr = 0.5\nmode = 'train'\n"
        't = {shape = [4], high = 3, kind = "labels"}\n'
        "[Affine]\nW = [[1], [2]]\nx = {shape = [3, 2]}\n"
    )
    values = read_inputs(path)
    np.testing.assert_array_equal(values["x"], [[1.0, 2.0], [3.0, 4.0]])
    assert values["lr"] == 0.5
    assert values["mode"] == "train"
    assert values["t"] == Drawn((4,), 0, 3, "labels")
    own = Options(values=values).of("Affine").values
    assert own["x"] == Drawn((3, 2))
    assert own["lr"] == 0.5
    assert "W" not in Options(values=values).of("Mul").values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [[1], [2, 3]]", "this list is no array"),
        ("x = ['a']", "this list is no array"),
        ("x = 2020-01-01", "is no input"),
        ("x = {shape = [0]}", "is no shape"),
        ("x = {shape = 4}", "is no shape"),
        ("x = {shape = [4], kind = 'odd'}", "kind = 'odd' is not known"),
        ("x = {shape = [4], low = 2}", "nothing lies between its bounds"),
        ("x = {shape = [4], high = inf}", "high = inf is no number"),
        ("x = {shape = [4], high = 2.5, kind = 'labels'}", "labels lie between whole numbers"),
        ("x = {shape = [], kind = 'one-hot'}", "one-hot rows need an axis"),
        ("x = {shape = [4], hi = 3}", "'hi' is not known"),
        ("x = ", "the file cannot be read"),
    ],
)
def test_what_is_no_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "inputs.toml"
    path.write_text(text)
    with pytest.raises(OptionError) as error:
        read_inputs(path)
    assert message in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="the file cannot be read"):
        read_inputs(tmp_path / "none.toml")


@pytest.mark.parametrize("kind", ["uniform", "normal", "labels", "one-hot"])
def test_what_is_drawn(kind: str) -> None:
    drawn = Drawn((50, 4), 0, 3, kind)
    one, again = (drawn.draw(np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (50, 4)
    if kind == "labels":
        assert set(one.ravel().tolist()) == {0, 1, 2}
    if kind == "one-hot":
        assert one.sum(axis=1).tolist() == [1.0] * 50
    if kind == "uniform":
        assert one.min() >= 0
        assert one.max() <= 3


LAYERS = """
import numpy as np
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
class Exp:
    def forward(self, inp):
        self.y = np.exp(inp)
        return self.y
    def backward(self, dout):
        return dout * self.y
"""


@pytest.mark.parametrize(
    ("name", "says", "write"),
    [
        ("imp", "nothing in .* takes imp", "inp=4,3"),
        ("Affine.w", "Affine takes no w", "Affine."),
        ("Afine.x", "nothing .* is called Afine", "Affine.x=4,3"),
        ("Affine.inp", "Affine takes no inp", "Affine."),
    ],
)
def test_a_name_that_nothing_takes_is_refused(
    tmp_path: Path, name: str, says: str, write: str
) -> None:
    path = tmp_path / "layers.py"
    path.write_text(LAYERS, encoding="utf-8")
    with pytest.raises(OptionError, match=f"--shape .*{says}") as caught:
        check_file(path, options=Options({name: (4, 3)}))
    assert str(caught.value.write).startswith(f"--shape {write}")
    with pytest.raises(OptionError, match=f"--inputs .*{says}"):
        check_file(path, options=Options(values={name: 1.0}))
    report = check_file(path, options=Options({name: (4, 3)}, several=True))
    assert report.ok
    assert [note for note in report.notes if name in note]


def test_names_of_any_backward_in_the_file_are_known(tmp_path: Path) -> None:
    path = tmp_path / "layers.py"
    path.write_text(LAYERS, encoding="utf-8")
    shapes = {"inp": (2, 5), "Affine.x": (6, 3), "dout": (6, 3)}
    affine, _ = check_file(path, options=Options(shapes)).judgements
    assert affine.shapes["x"] == (6, 3)
    assert check_file(path, ["Exp"], Options(shapes)).judgements[0].shapes["inp"] == (2, 5)


def test_of_two_that_share_a_name_both_are_meant(tmp_path: Path) -> None:
    path = tmp_path / "layers.py"
    path.write_text(LAYERS + LAYERS, encoding="utf-8")
    report = check_file(path, ["Exp"], Options({"Exp.inp": (2, 5)}))
    assert [judgement.shapes["inp"] for judgement in report.judgements] == [(2, 5)] * 2
