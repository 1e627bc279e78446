"""What a function gives besides its loss, and values that count as constants."""

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors
from clearprop.tensor import Tensor

# ---- has_aux ------------------------------------------------------------------------------------


def with_steps(x):
    h = np.tanh(x)
    return np.sum(h * h), {"h": h, "steps": [h + 1.0, 3, "done"], "none": None}


def test_aux_comes_back_as_plain_values():
    x = np.array([0.5, -1.0])
    g, aux = cp.grad(with_steps, has_aux=True)(x)
    (y, again), same = cp.value_and_grad(with_steps, has_aux=True)(x)
    h = np.tanh(x)
    np.testing.assert_allclose(g, 2 * h * (1 - h * h))
    np.testing.assert_array_equal(g, same)
    assert y == np.sum(h * h)
    for found in (aux, again):
        assert type(found["h"]) is type(found["steps"][0]) is np.ndarray
        np.testing.assert_array_equal(found["h"], h)
        assert found["steps"][1:] == [3, "done"]
        assert found["none"] is None


def test_aux_of_a_constant_function():
    assert cp.value_and_grad(lambda x: (3.0, x * 2.0), has_aux=True)(1.0) == ((3.0, 2.0), 0.0)
    assert cp.grad(lambda x: (x, None), has_aux=True)(1.0) == (1.0, None)


def test_aux_stays_on_an_outer_record():
    def outer(x):
        g, aux = cp.grad(lambda y: (y * y * x, x * (y * y)), has_aux=True)(3.0)
        assert isinstance(aux, Tensor)
        return g * aux  # 6x · 9x

    assert cp.grad(outer)(2.0) == pytest.approx(216.0)
    assert cp.grad(cp.grad(outer))(2.0) == pytest.approx(108.0)


def test_aux_may_need_what_the_loss_was_computed_from():
    def outer(x):
        def inner(y):
            h = y * y
            return h * h, x * h  # the loss does not see x, aux does, and both see h

        _, aux = cp.grad(inner, has_aux=True)(3.0)
        return aux

    assert cp.grad(outer)(2.0) == 9.0


def test_aux_with_several_arguments():
    (y, aux), g = cp.value_and_grad(lambda a, b: (a * b, a), ("b", 0), has_aux=True)(2.0, b=3.0)
    assert (y, aux, g) == (6.0, 2.0, (2.0, 3.0))


@pytest.mark.parametrize("result", [lambda x: x, lambda x: (x, x, x), lambda x: [x, x]])
def test_a_function_without_aux(result):
    with pytest.raises(errors.ShapeError, match=r"returns two.*return loss, aux"):
        cp.grad(result, has_aux=True)(1.0)


# ---- stop_gradient ------------------------------------------------------------------------------


def test_a_stopped_value_is_a_constant():
    x = np.array([1.0, 2.0])
    g = cp.grad(lambda x: np.sum(x * cp.stop_gradient(np.exp(x))))(x)
    np.testing.assert_array_equal(g, np.exp(x))
    np.testing.assert_array_equal(cp.grad(lambda x: np.sum(cp.stop_gradient(x)))(x), [0.0, 0.0])


def test_plain_values_are_given_back_as_they_are():
    x = np.ones(2)
    assert cp.stop_gradient(x) is x
    assert cp.stop_gradient({"a": x, "b": "text"}) == {"a": x, "b": "text"}


def test_stopping_a_tree():
    def f(p):
        stopped = cp.stop_gradient(p)
        return np.sum(p["W"] * stopped["W"]) + stopped["b"][0]

    g = cp.grad(f)({"W": np.array([2.0, 3.0]), "b": [1.0]})
    np.testing.assert_array_equal(g["W"], [2.0, 3.0])
    assert g["b"] == [0.0]


def test_it_stops_every_order():
    def f(x):
        return x * x * cp.stop_gradient(x)

    assert cp.grad(cp.grad(f))(3.0) == 6.0
    # a constant for the outer derivative too, whichever is taken
    assert cp.grad(lambda x: cp.grad(lambda y: y * cp.stop_gradient(x))(1.0) * x)(5.0) == 5.0


def test_writing_to_a_stopped_value_leaves_the_original():
    def f(x):
        s = cp.stop_gradient(x)
        s[0] = x[1] * 7.0
        return np.sum(s * x)

    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(cp.grad(f)(x), [21.0, 3.0 + 14.0])
    np.testing.assert_array_equal(x, [2.0, 3.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_trace_picture_source_and_loops_have_the_step(dtype):
    def f(x):
        y = np.exp(x)
        fixed = cp.stop_gradient(y)
        return np.sum(y * fixed)

    x = np.array([0.5, 1.0], dtype)
    graph = cp.trace(f, x)
    node = graph.find("fixed")
    assert node.operation == "stop_gradient"
    assert not node.active
    d = graph.backward()
    np.testing.assert_array_equal(d["fixed"], np.zeros(2))
    assert "stop" in d.to_svg()
    expected = cp.grad(f)(x)
    assert expected.dtype == dtype
    np.testing.assert_allclose(d["x"], expected, rtol=1e-3)
    module = {}
    exec(cp.source(f, x), module)
    np.testing.assert_allclose(module["gradients"](x)[1], expected, rtol=1e-3)
    compiled = cp.compile(cp.value_and_grad(f))
    np.testing.assert_allclose(compiled(x)[1], expected, rtol=1e-3)
    assert compiled(x)[1].dtype == dtype


def test_a_result_that_is_stopped_is_compiled_and_the_callers_own():
    x = np.array([1.0, 2.0])
    y = cp.compile(lambda x: cp.stop_gradient(x))(x)
    y[0] = 9.0
    assert x[0] == 1.0
