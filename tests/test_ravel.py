"""All numbers of a tree as one vector, and the way back, both with a derivative."""

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import minimize, rosen, rosen_der

import clearprop as cp
from clearprop import errors

Pair = namedtuple("Pair", ["W", "b"])


def test_there_and_back():
    tree = {"W": np.arange(6.0).reshape(2, 3), "more": [Pair(np.float64(7.0), None), 8.5, 9]}
    flat, unravel = cp.ravel(tree)
    np.testing.assert_array_equal(flat, [0, 1, 2, 3, 4, 5, 7, 8.5, 9])
    back = unravel(flat)
    np.testing.assert_array_equal(back["W"], tree["W"])
    assert back["more"] == [Pair(7.0, None), 8.5, 9.0]
    assert [type(x) for x in back["more"][1:]] == [float, float]
    assert type(back["more"][0].W) is np.float64
    back["W"][0, 0] = 99.0
    assert flat[0] == tree["W"][0, 0] == 0.0  # nobody shares memory


LEAVES = st.one_of(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        elements=st.floats(-2, 2, width=16),
    ),
    st.floats(-2, 2, width=16),
)


@given(st.lists(LEAVES | st.none(), max_size=5))
def test_shapes_and_dtypes_come_back(leaves):
    flat, unravel = cp.ravel(leaves)
    dtypes = [leaf.dtype for leaf in leaves if isinstance(leaf, np.ndarray)]
    assert flat.dtype == (np.result_type(*dtypes) if dtypes else np.float64)
    back = unravel(flat)
    for leaf, found in zip(leaves, back, strict=True):
        assert type(found) is type(leaf)
        assert getattr(found, "dtype", None) == getattr(leaf, "dtype", None)
        if leaf is not None:
            np.testing.assert_array_equal(found, leaf)

    def energy(parts):
        return sum((np.sum(x * x) for x in parts if x is not None), np.float64(0.0))

    y, g = cp.value_and_grad(lambda v: energy(unravel(v)))(flat)
    assert g.dtype == flat.dtype
    np.testing.assert_allclose(g, 2 * flat, rtol=1e-2, atol=1e-3)
    assert float(y) == pytest.approx(float(energy(leaves)), rel=1e-2, abs=1e-2)
    # the other way: the vector of the arguments of a function
    np.testing.assert_allclose(
        cp.ravel(cp.grad(lambda t: np.sum(cp.ravel(t)[0] ** 2))(leaves))[0],
        2 * flat,
        rtol=1e-2,
        atol=1e-3,
    )


def test_leaves_have_their_dtypes_inside_a_derivative_too():
    tree = {"a": np.ones(2, np.float32), "b": np.ones((1, 2)), "c": np.float16(1.0)}
    flat, unravel = cp.ravel(tree)
    found = {}

    def f(v):
        parts = unravel(v)
        found.update({key: (part.dtype, part.shape) for key, part in parts.items()})
        return sum(np.sum(part) for part in parts.values())

    assert cp.grad(f)(flat).dtype == np.float64
    assert found == {key: (leaf.dtype, leaf.shape) for key, leaf in tree.items()}


def test_inside_a_derivative_both_ways_and_twice():
    tree = {"a": np.array([1.0, 2.0]), "b": 3.0}

    def f(t):
        flat, unravel = cp.ravel(t)
        again = unravel(flat * flat)
        return np.sum(again["a"]) * again["b"]

    assert cp.check(f, tree).ok
    flat, unravel = cp.ravel(tree)
    g = cp.grad(lambda v: np.sum(cp.grad(lambda w: f(unravel(w)))(v) ** 2))
    assert cp.check(lambda v: np.sum(cp.grad(lambda w: f(unravel(w)))(v) ** 2), flat).ok
    assert g(flat).shape == (3,)


def test_writing_to_a_part_leaves_the_vector():
    flat, unravel = cp.ravel([np.ones(2), np.ones(2)])

    def f(v):
        a, b = unravel(v)
        a += 1.0
        return np.sum(v * 10.0) + np.sum(a * b)

    y, g = cp.value_and_grad(f)(flat)
    assert y == f(flat) == 44.0
    np.testing.assert_array_equal(g, [11.0, 11.0, 12.0, 12.0])


def test_traced_compiled_and_written_down():
    flat, unravel = cp.ravel({"W": np.ones((2, 2)), "b": np.ones(2)})

    def f(v):
        p = unravel(v)
        return np.sum(np.tanh(p["W"] @ p["b"]))

    v = flat * np.linspace(0.1, 1.0, 6)
    expected = cp.grad(f)(v)
    np.testing.assert_allclose(cp.compile(cp.grad(f))(v), expected, rtol=1e-12)
    module = {}
    exec(cp.source(f, v), module)
    np.testing.assert_allclose(module["gradients"](v)[1], expected, rtol=1e-12)


def test_empty_trees():
    for tree in ({}, [], [None], np.zeros((0, 3))):
        flat, unravel = cp.ravel(tree)
        assert flat.shape == (0,)
        assert np.shape(unravel(flat)) == np.shape(tree)


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), ()])
def test_a_vector_of_another_length(shape):
    _, unravel = cp.ravel([1.0, np.ones(2)])
    with pytest.raises(errors.ShapeError, match=r"the tree has 3 numbers.*shape \(3,\)"):
        unravel(np.zeros(shape))
    with pytest.raises(errors.ShapeError, match="the tree has 3 numbers"):
        cp.grad(lambda v: unravel(v)[0])(np.zeros(shape))


def test_leaves_and_vectors_that_are_not_real():
    for bad in (np.array([1, 2]), "text", True, 1j, np.ma.array([1.0]), np.array([None])):
        with pytest.raises(errors.DTypeError, match=r"ravel: tree\['n'\] is a"):
            cp.ravel({"n": bad})
    _, unravel = cp.ravel([1.0])
    with pytest.raises(errors.DTypeError, match="complex128"):
        unravel(np.array([1j]))


def test_scipy_minimizes_a_function_of_a_vector():
    def f(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    x0 = np.array([1.3, 0.7, 0.8, 1.9])
    np.testing.assert_allclose(cp.grad(f)(x0), rosen_der(x0))
    assert cp.value_and_grad(f)(x0)[0] == pytest.approx(rosen(x0))
    found = minimize(cp.value_and_grad(f), x0, jac=True)
    assert found.success
    np.testing.assert_allclose(found.x, np.ones(4), atol=1e-4)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG"])
def test_scipy_minimizes_a_function_of_a_tree(method):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    truth = {"W": np.array([1.0, -2.0, 0.5]), "b": 0.25}
    target = x @ truth["W"] + truth["b"]

    def loss(p):
        return np.mean((x @ p["W"] + p["b"] - target) ** 2)

    flat, unravel = cp.ravel({"W": np.zeros(3), "b": 0.0})
    found = minimize(cp.value_and_grad(lambda v: loss(unravel(v))), flat, jac=True, method=method)
    assert found.success
    best = unravel(found.x)
    np.testing.assert_allclose(best["W"], truth["W"], atol=1e-3)
    assert best["b"] == pytest.approx(0.25, abs=1e-3)
