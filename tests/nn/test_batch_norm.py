"""Batch normalisation: training, inference, running statistics, channels and activations."""

import numpy as np
import pytest

from clearprop import errors, nn
from clearprop.errors import ShapeError

rng = np.random.default_rng(5)
X = rng.normal(2.0, 3.0, size=(6, 4))
IMAGES = rng.normal(2.0, 3.0, size=(5, 2, 3, 4))


def test_training_gives_mean_beta_and_deviation_gamma():
    y = nn.BatchNorm([2.0] * 4, [5.0] * 4).forward(X)
    np.testing.assert_allclose(y.mean(axis=0), 5.0)
    np.testing.assert_allclose(y.std(axis=0), 2.0, rtol=1e-5)


def test_running_statistics_move_by_the_momentum_in_training_only():
    layer = nn.BatchNorm.initial(4, momentum=0.75)
    layer.forward(X)
    mean, var = 0.25 * X.mean(axis=0), 0.75 + 0.25 * X.var(axis=0)
    np.testing.assert_allclose(layer.running_mean, mean)
    np.testing.assert_allclose(layer.running_var, var)
    layer.forward(X, train=False)
    np.testing.assert_allclose(layer.running_mean, mean)


def test_running_statistics_are_replaced_and_not_written_into():
    start = np.zeros(4)
    layer = nn.BatchNorm(np.ones(4), np.zeros(4), running_mean=start, running_var=start)
    before = layer.running_mean
    layer.forward(X)
    assert not start.any()
    assert not before.any()
    np.testing.assert_allclose(layer.running_var, 0.1 * X.var(axis=0))


def test_running_statistics_keep_their_dtype():
    layer = nn.BatchNorm.initial(4, dtype=np.float32)
    layer.forward(X)
    assert layer.running_mean.dtype == np.float32


def test_inference_uses_the_running_statistics():
    layer = nn.BatchNorm([2.0] * 4, [5.0] * 4, running_mean=[1.0] * 4, running_var=[4.0] * 4)
    wanted = 2 * (X - 1) / np.sqrt(4 + 10e-7) + 5
    np.testing.assert_allclose(layer.forward(X, train=False), wanted)
    np.testing.assert_allclose(layer.forward(X[0], train=False), wanted[0])
    np.testing.assert_allclose(layer.backward(np.ones(4)), 2 / np.sqrt(4 + 10e-7))


def test_images_are_normalised_by_channel():
    layer = nn.BatchNorm.initial(2)
    y = layer.forward(IMAGES)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(layer.running_mean, 0.1 * IMAGES.mean(axis=(0, 2, 3)))


def test_images_may_be_normalised_by_activation():
    layer = nn.BatchNorm.initial(24, per_activation=True)
    rows = nn.BatchNorm.initial(24)
    np.testing.assert_array_equal(
        layer.forward(IMAGES).reshape(5, 24), rows.forward(IMAGES.reshape(5, 24))
    )
    assert layer.backward(np.ones_like(IMAGES)).shape == IMAGES.shape
    np.testing.assert_array_equal(layer.running_var, rows.running_var)


def test_a_constant_feature_is_finite():
    layer = nn.BatchNorm.initial(2)
    y = layer.forward(np.full((3, 2), 1e4))
    assert not y.any()
    assert np.isfinite(layer.backward(np.arange(6.0).reshape(3, 2))).all()


@pytest.mark.parametrize(
    ("x", "train", "why"),
    [
        (np.ones((3, 5)), True, "gamma has 4 features, so x is (N, 4) or (N, 4, H, W)."),
        (np.ones((3, 4, 2)), True, "gamma has 4 features, so x is (N, 4) or (N, 4, H, W)."),
        (np.ones((3, 2, 4, 4)), True, "gamma has 4 features, so x is (N, 4) or (N, 4, H, W)."),
        (np.ones(4), True, "One sample has no mean and variance to train with."),
        (np.ones((0, 4)), True, "A batch of no samples has no mean and variance."),
        (np.ones(5), False, "gamma has 4 features, so x is (N, 4) or (N, 4, H, W)."),
    ],
)
def test_inputs_that_do_not_fit_are_named(x, train, why):
    with pytest.raises(ShapeError) as caught:
        nn.BatchNorm.initial(4).forward(x, train=train)
    text = str(caught.value)
    assert text.startswith(
        f"BatchNorm: x has shape {x.shape}, gamma has shape (4,), train={train}. Where: "
    )
    assert f"Why: {why} Write instead: " in text


def test_parameters_that_do_not_fit_are_named():
    with pytest.raises(ShapeError) as caught:
        nn.BatchNorm(np.ones(4), np.zeros(3))
    assert str(caught.value).startswith(
        "BatchNorm: beta has shape (3,); it needs (4,) or (1, 4). Where: test_batch_norm.py:"
    )


def test_momentum_out_of_range_is_named():
    with pytest.raises(errors.OptionError, match=r"BatchNorm: momentum is 1\.5\. Where: "):
        nn.BatchNorm.initial(4, momentum=1.5)
