"""What is done to a batch: the formula, its way through JSON and pickle, and into machine code."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clearprop as cp
from clearprop.data import Scaled, Standardized, preparation, scaled
from clearprop.data.moments import Moments
from clearprop.errors import DataError, DTypeError, ShapeError

TABLE = Standardized((1.0, -2.0), (0.5, 4.0), "float64")


def test_bytes() -> None:
    x = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(Scaled()(x), scaled(x))
    assert Scaled("float64")(x).dtype == np.float64


def test_columns() -> None:
    x = np.array([[1.0, 2.0], [2.0, -2.0]])
    np.testing.assert_array_equal(TABLE(x), [[0, 1], [2, 0]])


def test_large_numbers_are_subtracted_before_they_are_rounded() -> None:
    dates = 1.7e9 + np.arange(3.0)[:, None]
    prepare = Standardized((1.7e9 + 1,), (1.0,))
    assert prepare(dates).tolist() == [[-1], [0], [1]]
    assert prepare(dates).dtype == np.float32


@pytest.mark.parametrize("prepare", [Scaled(), Scaled("float64"), TABLE])
def test_it_can_be_kept(prepare: Scaled | Standardized) -> None:
    assert preparation(json.loads(json.dumps(prepare.to_dict()))) == prepare
    assert pickle.loads(pickle.dumps(prepare)) == prepare
    assert hash(prepare) == hash(preparation(prepare.to_dict()))


@pytest.mark.parametrize("prepare", [Scaled("float64"), TABLE])
def test_machine_code_prepares_the_same(prepare: Scaled | Standardized) -> None:
    pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    x = np.random.default_rng(0).integers(0, 256, (5, 2)).astype(np.uint8)
    np.testing.assert_array_equal(cp.compile(prepare)(x), prepare(x))


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"kind": "scaled"},
        {"kind": "other", "dtype": "float32"},
        {"kind": "scaled", "dtype": "int8"},
        {"kind": "standardized", "mean": 3, "std": [1], "dtype": "float32"},
        {"kind": "standardized", "mean": ["x"], "std": [1], "dtype": "float32"},
        {"kind": "standardized", "mean": [1], "std": [0], "dtype": "float32"},
        {"kind": "standardized", "mean": [1], "std": [1, 2], "dtype": "float32"},
        [],
        None,
    ],
)
def test_what_is_none(kept: object) -> None:
    with pytest.raises(DataError, match="Write instead: preparation"):
        preparation(kept)  # type: ignore[arg-type]


def test_wrong_numbers() -> None:
    with pytest.raises(DTypeError, match="'float32' or 'float64'"):
        Scaled("float16")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="2 means and 1 standard deviations"):
        Standardized((1.0, 2.0), (1.0,))
    with pytest.raises(DataError, match="the mean of column 1 is nan"):
        Standardized((1.0, np.nan), (1.0, 1.0))
    with pytest.raises(ShapeError, match=r"x has shape \(3, 5\)"):
        TABLE(np.ones((3, 5)))


@given(
    x=hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 30), st.integers(1, 3)),
        elements=st.floats(-1e6, 1e6),
    ),
    cuts=st.lists(st.integers(0, 30), max_size=4),
)
def test_moments_of_pieces_are_those_of_the_whole(x: np.ndarray, cuts: list[int]) -> None:
    moments = Moments(x.shape[1])
    for piece in np.split(x, sorted(min(cut, len(x)) for cut in cuts)):
        moments.add(piece)
    assert moments.count == len(x)
    np.testing.assert_allclose(moments.mean, x.mean(axis=0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(moments.squares / len(x), x.var(axis=0), rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(moments.low, x.min(axis=0))
    np.testing.assert_array_equal(moments.high, x.max(axis=0))


def test_a_constant_column_becomes_0() -> None:
    moments = Moments(1)
    moments.add(np.full((10, 1), 0.1))
    moments.add(np.full((7, 1), 0.1))
    prepare = moments.standardized(("a",), "float32", "table.csv", "load")
    assert prepare(np.array([[0.1]])).tolist() == [[0.0]]
    assert prepare.std == (1.0,)
