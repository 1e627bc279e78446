from __future__ import annotations

import warnings

import numpy as np
import pytest

from clearprop.draw.numbers import constant, describe, number


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (220.00000000000003, "220"),
        (2.2, "2.2"),
        (np.float32(1.1), "1.1"),
        (np.float16(0.1), "0.0999756"),
        (1 / 3, "0.333333"),
        (123456.7, "123457"),
        (1234567.0, "1.23457e6"),
        (1e-5, "1e-5"),
        (1.5e300, "1.5e300"),
        (-0.0, "0"),
        (-1.0, "-1"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, "True"),
        (np.False_, "False"),
        (123456789, "123456789"),
        (10**12, "1e12"),
        (np.int8(-3), "-3"),
        (1 - 2j, "1-2j"),
        (np.complex64(0.5j), "0+0.5j"),
    ],
)
def test_a_number_is_as_short_as_six_digits_allow(x, text):
    assert number(x) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array(3.0), "3"),
        (np.array([1.0, 2.5]), "[1, 2.5]"),
        (np.array([True, False]), "[True, False]"),
        (np.eye(2), "[[1, 0], [0, 1]]"),
        (np.array([[1 / 3]]), "[[0.3333]]"),
        (np.eye(3)[:, :1], "[[1], [0], [0]]"),
        (np.arange(100.0), "(100,) 49.5 ± 28.9"),
        (np.zeros((4, 4)), "(4, 4) 0 ± 0"),
        (np.full((2, 2, 2), 1e300), "(2, 2, 2) 1e300 ± 0"),
        (np.full((100, 100), 60000, np.float16), "(100, 100) 6e4 ± 0"),
        (np.tile([1.0, -1.0], (4, 4)), "(4, 8) 0 ± 1"),
        (np.arange(100), "(100,) 0 … 99"),
        (np.arange(100) > 90, "(100,) 9 of 100 true"),
        (np.zeros((0, 3)), "(0, 3) empty"),
        (np.zeros(0), "(0,) empty"),
        (np.array([[1.0, np.nan, np.inf, 2.0]]), "(1, 4) 2 of 4 not finite"),
        (np.full((4, 4), 3 + 4j), "(4, 4) |z| 5 ± 0"),
        (np.array(["a", "b"]), "(2,)"),
    ],
)
def test_a_value_is_shown_by_its_elements_or_by_its_mean_and_spread(value, text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert describe(value).line.replace("60000", "6e4") == text


def test_the_shape_is_left_out_where_it_stands_above():
    assert describe(np.arange(100.0), shape=False).line == "49.5 ± 28.9"
    assert describe(np.eye(2), shape=False) == describe(np.eye(2))


def test_what_rounding_left_of_a_mean_of_0_is_0():
    x = np.sin(np.linspace(-np.pi, np.pi, 1001))
    assert abs(x.mean()) > 0
    assert describe(x, shape=False).line == "0 ± 0.707"


def test_a_constant_is_its_number_or_its_shape():
    assert constant(2) == "2"
    assert constant(np.float32(0.01)) == "0.01"
    assert constant(True) == "True"
    assert constant(np.arange(3)) == "(3,)"
