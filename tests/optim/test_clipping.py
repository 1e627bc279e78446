"""Clipping: a bound on the norm or on each number, for gradients of any size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop import optim
from clearprop.trees import tree_leaves, tree_map, tree_values


@given(
    hnp.arrays(np.float64, st.integers(1, 5), elements=st.floats(-1e300, 1e300)),
    hnp.arrays(np.float64, (2, 2), elements=st.floats(-1e300, 1e300)),
    st.floats(1e-3, 1e3),
)
def test_a_clipped_norm_is_a_direction_and_a_bound(a, b, most):
    grads = {"a": a, "b": [b]}
    start = tree_map(np.zeros_like, grads)
    rule = optim.SGD(1.0, clip_norm=most)
    new, _ = rule.update(start, grads, rule.init(start))
    norm = math.hypot(*a, *b.ravel())
    factor = min(1.0, most / (norm + 1e-6))
    for (name, g), moved in zip(tree_leaves(grads), tree_values(new), strict=True):
        np.testing.assert_allclose(moved, -g * factor, rtol=1e-9, atol=1e-300, err_msg=name)


def test_gradients_whose_squares_overflow_are_clipped_to_the_norm():
    for dtype, huge in ((np.float32, 1e30), (np.float64, 1e200)):
        grads = [np.array([3 * huge, -4 * huge], dtype)]
        assert optim.global_norm(grads) == pytest.approx(5 * huge, rel=1e-6)
        rule, start = optim.SGD(1.0, clip_norm=1.0), [np.zeros(2, dtype)]
        np.testing.assert_allclose(
            rule.update(start, grads, rule.init(start))[0], [[-0.6, 0.8]], rtol=1e-6
        )


def test_gradients_of_zero_have_the_norm_zero_and_stay():
    rule, zeros = optim.SGD(1.0, clip_norm=1.0), {"W": np.zeros(3)}
    np.testing.assert_equal(rule.update(zeros, zeros, rule.init(zeros))[0], zeros)
    assert optim.global_norm({}) == 0


def test_what_is_not_finite_is_not_clipped_away():
    start = {"a": np.zeros(2), "b": np.zeros(1)}
    rule = optim.SGD(1.0, clip_norm=1.0)
    for bad in (np.nan, np.inf):
        with np.errstate(invalid="ignore"):
            grads = {"a": np.array([bad, 1.0]), "b": np.ones(1)}
            new, _ = rule.update(start, grads, rule.init(start))
        assert np.isnan(new["a"]).all()
        assert np.isnan(new["b"]).all()


def test_values_are_clipped_before_the_norm_and_before_the_decay():
    rule = optim.SGD(1.0, clip_value=1.0, clip_norm=1.0, weight_decay=0.5)
    new, _ = rule.update(np.array([2.0, 0.0]), np.array([100.0, -100.0]), rule.init(np.zeros(2)))
    np.testing.assert_allclose(new, [2 - np.sqrt(0.5) - 1, np.sqrt(0.5)], rtol=1e-5)
