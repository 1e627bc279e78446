"""What every layer promises, alone."""

import copy
import pickle

import numpy as np
import pytest

import clearprop as cp
from clearprop.errors import DTypeError, OrderError, ShapeError


def weights(y):
    return np.cos(np.arange(np.size(y))).reshape(np.shape(y)).astype(np.result_type(y))


def places(layer):
    """Say where each parameter is: its layer, and its attribute there."""
    return dict(zip(layer.parameters, layer.places(layer.parameters), strict=True))


def gradients(example):
    y = example.forward()
    dxs = example.layer.backward(weights(y))
    found = {key: getattr(at, f"d{name}") for key, (at, name) in places(example.layer).items()}
    return each(dxs), found


def each(dxs):
    """Give the gradients of the inputs; whole numbers have none."""
    return dxs if isinstance(dxs, tuple) else () if dxs is None else (dxs,)


def test_the_gradient_of_each_input_is_the_numerical_one(of_floats, slope):
    dxs, _ = gradients(of_floats)
    for i, (x, dx) in enumerate(zip(of_floats.inputs, dxs, strict=True)):

        def loss(value, i=i):
            y = of_floats.forward(*of_floats.inputs[:i], value, *of_floats.inputs[i + 1 :])
            return np.sum(weights(y) * y)

        assert dx.shape == x.shape
        np.testing.assert_allclose(dx, slope(loss, x), rtol=1e-8, atol=1e-9)


def test_the_gradient_of_each_parameter_is_the_numerical_one(trained, slope):
    _, found = gradients(trained)
    for key, (layer, attribute) in places(trained.layer).items():
        kept = getattr(layer, attribute)

        def loss(value, layer=layer, attribute=attribute):
            setattr(layer, attribute, value)
            y = trained.forward()
            return np.sum(weights(y) * y)

        numerical = slope(loss, kept)
        setattr(layer, attribute, kept)
        assert found[key].shape == kept.shape
        np.testing.assert_allclose(found[key], numerical, rtol=1e-8, atol=1e-9)


def test_backward_again_gives_the_same_answer(example):
    dy = weights(example.forward())
    first = copy.deepcopy((example.layer.backward(dy), vars(example.layer).get("dW")))
    second = (example.layer.backward(dy), vars(example.layer).get("dW"))
    np.testing.assert_equal(second, first)


def test_nothing_that_was_given_is_written_into(example):
    given = [*example.inputs, *example.labels, *example.layer.arrays(example.layer.parameters)]
    before = copy.deepcopy(given)
    y = example.forward()
    dy = weights(y)
    dxs = example.layer.backward(dy)
    for dx in each(dxs):
        np.add(dx, 1000.0, out=dx)  # the gradients belong to the caller
    np.testing.assert_equal(given, before)
    np.testing.assert_equal(dy, weights(y))


def test_single_precision_stays_single_forward_and_backward(single_precision):
    y = single_precision.forward()
    dxs, dparams = gradients(single_precision)
    assert {np.result_type(a) for a in (y, *dxs, *dparams.values())} == {np.dtype("float32")}
    buffers = single_precision.layer.arrays(single_precision.layer.buffers)
    assert {b.dtype.kind for b in buffers} <= {"f", "u"}
    assert all(b.dtype == np.float32 for b in buffers if b.dtype.kind == "f")


def test_single_precision_agrees_with_double(example, single_precision):
    for wide, narrow in zip(gradients(example)[0], gradients(single_precision)[0], strict=True):
        np.testing.assert_allclose(narrow, wide, rtol=2e-4, atol=2e-5)


def test_the_layer_inside_cp_grad_gives_the_same_gradients(of_floats):
    y, given = of_floats.forward(), of_floats.inputs
    dxs, _ = gradients(of_floats)
    inside = cp.grad(lambda *xs: np.sum(weights(y) * of_floats.forward(*xs)), range(len(given)))(
        *given
    )
    for dx, other in zip(dxs, inside, strict=True):
        np.testing.assert_allclose(other, dx, rtol=1e-12, atol=1e-15)


def test_parameters_may_be_recorded_values(trained):
    y = trained.forward()
    _, found = gradients(trained)
    kept = {key: getattr(*place) for key, place in places(trained.layer).items()}

    def loss(params):
        for key, (layer, attribute) in places(trained.layer).items():
            setattr(layer, attribute, params[key])
        return np.sum(weights(y) * trained.forward())

    inside = cp.grad(loss)(kept)
    for key in kept:
        np.testing.assert_allclose(inside[key], found[key], rtol=1e-12, atol=1e-15)


def test_nan_passes_through(of_floats):
    x = np.full_like(of_floats.inputs[0], np.nan)
    y = of_floats.forward(x, *of_floats.inputs[1:])
    assert np.isnan(y).any()
    of_floats.layer.backward(weights(y))


def test_nan_in_a_parameter_passes_through(trained):
    (layer, attribute), *_ = places(trained.layer).values()
    setattr(layer, attribute, np.full_like(getattr(layer, attribute), np.nan))
    y = trained.forward()
    assert np.isnan(y).any()
    trained.layer.backward(weights(y))


def test_backward_before_forward_is_an_error_that_says_so(example):
    with pytest.raises(OrderError) as caught:
        example.layer.backward(1.0)
    name = type(example.layer).__name__
    assert str(caught.value).startswith(f"{name}.backward was called before {name}.forward. Where:")
    assert "Write instead: y = layer.forward(x); dx = layer.backward(dy)" in str(caught.value)


def test_dy_of_another_shape_is_an_error_that_names_both_shapes(example):
    y = example.forward()
    with pytest.raises(ShapeError) as caught:
        example.layer.backward(np.zeros((7, *np.shape(y))))
    name, shape = type(example.layer).__name__, np.shape(y)
    assert str(caught.value).startswith(
        f"{name}.backward: dy has shape {(7, *shape)}, y has shape {shape}. Where:"
    )


def test_after_a_forward_that_fails_backward_does_not_answer_for_the_one_before(example):
    example.forward()
    with pytest.raises(DTypeError):
        example.forward(*("text" for _ in example.inputs))
    with pytest.raises(OrderError):
        example.layer.backward(1.0)


def test_after_a_forward_inside_cp_grad_the_gradient_is_there_and_not_here(of_floats):
    of_floats.forward()
    cp.grad(lambda x: np.sum(of_floats.forward(x, *of_floats.inputs[1:])))(of_floats.inputs[0])
    with pytest.raises(OrderError, match=r"inside cp\.grad or cp\.trace belongs to theirs"):
        of_floats.layer.backward(1.0)


def test_copies_and_pickles_have_the_parameters_and_a_forward_of_their_own(example):
    example.forward()
    for other in (copy.deepcopy(example.layer), pickle.loads(pickle.dumps(example.layer))):
        with pytest.raises(OrderError):
            other.backward(1.0)
        y = other.forward(*example.inputs, *example.labels)
        assert np.shape(y) == np.shape(example.forward())


def test_the_repr_begins_with_the_name_and_is_short(example):
    text = repr(example.layer)
    assert text.startswith(type(example.layer).__name__ + "(")
    assert "object at" not in text
    assert max(map(len, text.splitlines())) <= 100
