"""Losses of numbers: closed forms, no broadcasting, no accuracy, training in a compiled step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import clearprop as cp
from clearprop import nn
from clearprop.errors import LabelError, OptionError, ShapeError

LOSSES = [nn.MSE(), nn.MAE(), nn.Huber(), nn.Huber(0.3)]
EVERY = pytest.mark.parametrize("loss", LOSSES, ids=repr)
numbers = hnp.arrays(np.float64, (4, 2), elements=st.floats(-1e3, 1e3))


@given(numbers, numbers)
def test_values_and_gradients_in_closed_form(x, t):
    d = x - t
    for loss, terms, slopes in (
        (nn.MSE(), d**2, 2 * d),
        (nn.MAE(), np.abs(d), np.sign(d)),
        (
            nn.Huber(5.0),
            np.where(np.abs(d) <= 5, d**2 / 2, 5 * (np.abs(d) - 2.5)),
            np.clip(d, -5, 5),
        ),
    ):
        np.testing.assert_allclose(loss.forward(x, t), terms.mean(), rtol=1e-13)
        # below 1e-300 numbers have fewer digits than the tolerance asks for
        np.testing.assert_allclose(loss.backward(), slopes / 8, rtol=1e-13, atol=1e-300)


def test_huber_at_its_corner_has_one_slope_and_zero_has_none():
    loss = nn.Huber(0.5)
    assert loss.forward([0.5, -0.5, 0.0], [0, 0, 0]) == 0.25 / 3
    np.testing.assert_allclose(loss.backward(), [0.5 / 3, -0.5 / 3, 0], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huber_of_errors_whose_squares_overflow(dtype):
    huge = np.finfo(dtype).max / 4
    loss = nn.Huber()
    value = loss.forward(np.array([huge, 0], dtype), [0, 0])
    np.testing.assert_allclose(value, huge / 2, rtol=1e-6)
    np.testing.assert_array_equal(loss.backward(), [0.5, 0])


@EVERY
def test_a_flat_target_beside_one_output_is_not_broadcast(loss):
    x, t = np.array([[1.0], [2.0], [4.0]]), np.array([0.0, 2.5, 3.0])
    assert loss.forward(x, t) == loss.forward(x, t[:, np.newaxis]) == loss.forward(x[:, 0], t)
    loss.forward(x, t)
    assert loss.backward().shape == (3, 1)
    net = nn.Sequential(nn.Affine(np.ones((1, 1)), np.zeros(1)), loss=loss)
    assert net.loss(x, t) == loss.forward(x[:, 0], t)


@EVERY
@pytest.mark.parametrize(
    ("x", "t", "text"),
    [
        ((3,), (3, 1), "t has shape (3, 1), x has shape (3,)."),
        ((3, 2), (3,), "t has shape (3,), x has shape (3, 2)."),
        ((3, 2), (2,), "t has shape (2,), x has shape (3, 2)."),
        ((3, 1), (1, 1), "t has shape (1, 1), x has shape (3, 1)."),
        ((3,), (), "t has shape (), x has shape (3,)."),
        ((2, 1, 4, 4), (2, 4, 4), "t has shape (2, 4, 4), x has shape (2, 1, 4, 4)."),
    ],
)
def test_shapes_that_would_broadcast_are_refused(loss, x, t, text):
    with pytest.raises(LabelError) as caught:
        loss.forward(np.zeros(x), np.zeros(t))
    assert str(caught.value).startswith(f"{type(loss).__name__}: {text} Where: ")
    assert "broadcasting would pair every output with every target. Write instead: " in str(
        caught.value
    )


@EVERY
@pytest.mark.parametrize(
    ("t", "text"),
    [
        ([0, np.nan], "t[1] is nan."),
        ([-np.inf, 0], "t[0] is -inf."),
        (["a", "b"], "t has shape (2,) and dtype <U1."),
        ([1j, 0], "t has shape (2,) and dtype complex128."),
        (np.ma.masked_array([0.0, 1.0], [True, False]), "t is a masked array."),
    ],
)
def test_targets_that_are_no_numbers_are_refused(loss, t, text):
    with pytest.raises(LabelError) as caught:
        loss.forward(np.zeros(2), t)
    assert str(caught.value).startswith(f"{type(loss).__name__}: {text} Where: ")
    assert "Write instead: " in str(caught.value)


def test_targets_too_large_for_the_dtype_are_named():
    with pytest.raises(LabelError, match=r"t\[1\] is 1e\+200\. .* too large for the float32"):
        nn.MSE().forward(np.zeros(2, np.float32), [0, 1e200])


@EVERY
def test_an_empty_batch_has_no_mean(loss):
    with pytest.raises(ShapeError, match=r"x has shape \(0, 2\).*there is no mean over none"):
        loss.forward(np.zeros((0, 2)), np.zeros((0, 2)))


@EVERY
def test_accuracy_of_numbers_is_refused_with_what_to_use(loss):
    net = nn.Sequential(nn.Affine(np.ones((2, 1)), np.zeros(1)), loss=loss)
    with pytest.raises(OptionError) as caught:
        net.accuracy(np.zeros((3, 2)), np.zeros(3))
    text = str(caught.value)
    assert text.startswith(
        f"accuracy: the loss is {type(loss).__name__}, which is of numbers, not of classes. "
        "Where: test_regression_losses.py:"
    )
    assert "Write instead: net.loss(x, t), or np.mean(np.abs(net.predict(x) - t))." in text


@pytest.mark.parametrize("delta", [0, -1, np.nan, np.inf, "1", True])
def test_a_delta_without_a_meaning_is_refused(delta):
    with pytest.raises(OptionError, match=r"Huber: delta is .*Write instead: delta=1\.0"):
        nn.Huber(delta)


@EVERY
def test_targets_on_a_record_stay_there(loss):
    x, t = np.array([[1.0], [2.5]]), np.array([0.2, 3.0])
    assert cp.check(lambda t: loss.forward(x, t), t).ok
    trace = cp.trace(lambda x, t: loss.forward(x, t), x, t)
    assert float(trace.output) == float(loss.forward(x, t))


@EVERY
def test_a_compiled_step_trains_as_an_interpreted_one(loss):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    t = (x @ [1.0, -2.0, 0.5]).round(2)
    net = nn.Sequential(nn.Affine.initial(3, 1, seed=0), loss=loss)
    rule, last = cp.optim.Adam(0.05), net.last_layer

    def step(carry, rows, x, t):
        params, state = carry

        def of(params):
            y = net.compute(x[rows], params["W1"], params["b1"])
            return last.compute(y, t=last.targets(t[rows], y))

        value, grads = cp.value_and_grad(of)(params)
        return rule.update(params, grads, state), value

    params = dict(net.params)
    rows = rng.integers(60, size=(150, 20))
    (found, _), losses = cp.compile(step).scan((params, rule.init(params)), rows, x, t)
    carry = (params, rule.init(params))
    for row in rows:
        carry, _ = step(carry, row, x, t)
    np.testing.assert_allclose(found["W1"], carry[0]["W1"], rtol=1e-10)
    assert losses[-10:].mean() < 0.3 * losses[:10].mean()
