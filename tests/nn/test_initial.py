"""Initial weights: spreads in closed form, orthogonality, choice by name, PyTorch's fans."""

from functools import partial
from math import prod, sqrt

import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import OptionError, ShapeError
from clearprop.nn import initial

SHAPES = [(40, 60), (30, 20, 5), (20, 10, 3, 5)]
FANS = {(40, 60): (40, 60), (30, 20, 5): (100, 150), (20, 10, 3, 5): (150, 300)}
LIMITED = {
    "he_uniform": lambda i, o: sqrt(6 / i),
    "xavier_uniform": lambda i, o: sqrt(6 / (i + o)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", initial.NAMED)
def test_a_seed_is_a_network_in_every_precision(name, shape):
    draw = initial.NAMED[name]
    W = draw(shape, seed=3)
    assert W.shape == shape
    assert W.dtype == np.float64
    np.testing.assert_array_equal(draw(shape, seed=3), W)
    narrow = draw(shape, seed=3, dtype="float32")
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, W, rtol=1e-6, atol=1e-9)
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(draw(shape, seed=rng), W)
    assert not np.array_equal(draw(shape, seed=rng), W)


@pytest.mark.parametrize("shape", SHAPES)
def test_spreads_are_those_of_the_fans(shape):
    inputs, outputs = FANS[shape]
    many = 4 / sqrt(prod(shape))  # four times what the spread of so many numbers is off by
    for name, variance in (
        ("he", 2 / inputs),
        ("he_uniform", 2 / inputs),
        ("xavier", 2 / (inputs + outputs)),
        ("xavier_uniform", 2 / (inputs + outputs)),
    ):
        W = initial.NAMED[name](shape, seed=0)
        assert np.std(W) == pytest.approx(sqrt(variance), rel=many), name
        if name in LIMITED:
            r = LIMITED[name](inputs, outputs)
            assert 0.99 * r < np.abs(W).max() <= r


@pytest.mark.parametrize("shape", [*SHAPES, (5, 5), (1, 4), (4, 1)])
def test_orthogonal_weights_keep_lengths(shape):
    W = initial.orthogonal(shape, gain=3.0, seed=0).reshape(shape[0], -1)
    product = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(product, 9 * np.eye(min(W.shape)), atol=1e-13)


def test_no_orthogonal_matrix_is_preferred():
    corners = [initial.orthogonal((3, 3), seed=seed)[0, 0] for seed in range(300)]
    assert abs(np.mean(corners)) < 4 * sqrt(1 / 3 / 300)  # QR alone has one sign there


@pytest.mark.parametrize("draw", initial.NAMED.values())
def test_a_shape_of_no_layer_is_refused(draw):
    with pytest.raises(ShapeError, match=r"Weights of shape \(3,\) are those of no layer here"):
        draw((3,), seed=0)


@pytest.mark.parametrize("name", initial.NAMED)
def test_layers_draw_by_name(name):
    draw = initial.NAMED[name]
    affine = nn.Affine.initial(4, 3, seed=1, weights=name)
    np.testing.assert_array_equal(affine.W, draw((4, 3), seed=1))
    conv = nn.Conv2d.initial(4, 6, 3, seed=1, weights=name, groups=2, dtype="float32")
    np.testing.assert_array_equal(conv.W, draw((6, 2, 3, 3), seed=1, dtype="float32"))


def test_layers_draw_by_a_function_and_by_a_standard_deviation():
    small = nn.Affine.initial(4, 3, seed=1, weights=partial(initial.gaussian, std=0.01))
    np.testing.assert_array_equal(small.W, nn.Affine.initial(4, 3, seed=1, std=0.01).W)
    np.testing.assert_array_equal(nn.Affine.initial(4, 3, seed=1).W, initial.he((4, 3), seed=1))


@pytest.mark.parametrize("layer", [nn.Affine.initial, partial(nn.Conv2d.initial, size=2)])
def test_a_choice_that_is_none_is_refused(layer):
    with pytest.raises(OptionError) as caught:
        layer(4, 3, seed=0, weights="best")
    assert str(caught.value).startswith("weights is 'best'. Where: test_initial.py:")
    assert "It is one of 'he', 'he_uniform', 'xavier'" in str(caught.value)
    with pytest.raises(OptionError, match=r"weights gave an array of shape \(2,\)"):
        layer(4, 3, seed=0, weights=lambda shape, seed, dtype: np.zeros(2))


def test_names_from_elsewhere_lead_here():
    with pytest.raises(AttributeError, match=r"Here it is initial\.he_uniform"):
        initial.kaiming_uniform_  # noqa: B018
    with pytest.raises(AttributeError, match=r"'zeros'\. Here it is np\.zeros"):
        initial.zeros  # noqa: B018
    assert not hasattr(initial, "nothing")


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_fans_of_convolutions_are_those_of_pytorch(shape):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    fans = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert initial._fans(shape) == fans == FANS[shape]
