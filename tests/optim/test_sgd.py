"""`sgd`: one step, in the nesting, shapes and dtypes of the parameters."""

from __future__ import annotations

import numpy as np
import pytest

import clearprop as cp
from clearprop.errors import ShapeError
from clearprop.optim import sgd


def test_one_step_down_the_gradient_leaves_its_inputs_alone() -> None:
    params = {"W": np.array([[1.0, 2.0]]), "more": [np.array(3.0), (np.array([4.0]),)]}
    grads = {"W": np.array([[10.0, -10.0]]), "more": [np.array(1.0), (np.array([0.0]),)]}
    new = sgd(params, grads, 0.1)
    assert new["W"].tolist() == [[0.0, 3.0]]
    assert new["more"][0] == pytest.approx(2.9)
    assert new["more"][1][0].tolist() == [4.0]
    assert params["W"].tolist() == [[1.0, 2.0]]
    assert grads["W"].tolist() == [[10.0, -10.0]]


@pytest.mark.parametrize("lr", [0.1, np.float64(0.1), np.array(0.1), np.float32(0.1), 1])
def test_float32_stays_float32(lr: object) -> None:
    params = {"W": np.ones(3, np.float32)}
    assert sgd(params, params, lr)["W"].dtype == np.float32


def test_a_step_has_a_derivative_with_respect_to_the_learning_rate() -> None:
    def loss(lr: float) -> float:
        return np.sum(sgd({"x": np.array([3.0])}, {"x": np.array([6.0])}, lr)["x"] ** 2)

    assert cp.grad(loss)(0.1) == pytest.approx(-2 * 6 * (3 - 0.6))


def test_names_and_shapes_that_differ_are_refused() -> None:
    W = np.ones((2, 3))
    with pytest.raises(ShapeError) as caught:
        sgd({"W1": W, "b1": W}, {"W1": W, "b2": W}, 0.1)
    text = str(caught.value)
    assert text.startswith(
        "sgd: there is no gradient for params['b1']; a gradient for params['b2'], which is not "
        "there. Where: test_sgd.py:"
    )
    assert text.endswith(
        "Why: params and grads are nested alike, one gradient for each parameter. Write "
        "instead: optim.sgd(params, {name: grads[name] for name in params}, lr)"
    )
    with pytest.raises(ShapeError) as caught:
        sgd({"b": np.ones((1, 3))}, {"b": np.ones(3)}, 0.1)
    text = str(caught.value)
    assert text.startswith("sgd: params['b'] has shape (1, 3), its gradient (3,). Where: ")
    assert text.endswith(
        "Why: broadcasting would change the shape of the parameter. Write instead: grads['b'] in "
        "the shape (1, 3)"
    )
