"""Convolution and pooling against plain loops, and the refusals of what does not fit."""

import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import DTypeError, ShapeError

rng = np.random.default_rng(11)
X = rng.normal(size=(2, 4, 7, 6))


def looped_convolution(x, W, b, stride, padding, dilation, groups):
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    N, _, H, Wd = x.shape
    F, C, kh, kw = W.shape
    oh, ow = (H - dh * (kh - 1) - 1) // sh + 1, (Wd - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((N, F, oh, ow))
    for n, f, i, j in np.ndindex(y.shape):
        group = f // (F // groups)
        for c, u, v in np.ndindex(C, kh, kw):
            y[n, f, i, j] += x[n, group * C + c, i * sh + u * dh, j * sw + v * dw] * W[f, c, u, v]
        y[n, f, i, j] += b[f]
    return y


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups", "kernel"),
    [
        (1, 0, 1, 1, (3, 3)),
        (2, 1, 1, 1, (3, 2)),
        ((1, 3), (2, 0), 1, 2, (2, 3)),
        (1, (1, 2), (2, 3), 1, (3, 2)),
        (2, 3, (3, 1), 4, (2, 3)),
        (1, 0, 1, 1, (7, 6)),
        (5, 0, 1, 1, (1, 1)),
    ],
)
def test_convolution_is_the_loop(stride, padding, dilation, groups, kernel):
    W, b = rng.normal(size=(4, 4 // groups, *kernel)), rng.normal(size=4)
    layer = nn.Conv2d(W, b, stride, padding, dilation, groups)
    wanted = looped_convolution(X, W, b, layer.stride, layer.padding, layer.dilation, groups)
    np.testing.assert_allclose(layer.forward(X), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
def test_the_backward_of_convolution_is_its_transpose(groups):
    layer = nn.Conv2d.initial(4, 6, 3, seed=0, stride=2, padding=1, dilation=2, groups=groups)
    y = layer.forward(X)
    dy = rng.normal(size=y.shape)
    dx = layer.backward(dy)
    inner = np.sum(dy * y)  # the layer is linear in x, and in W
    np.testing.assert_allclose(np.sum(dx * X), inner, rtol=1e-12)
    np.testing.assert_allclose(np.sum(layer.dW * layer.W), inner, rtol=1e-12)
    np.testing.assert_allclose(layer.db, dy.sum(axis=(0, 2, 3)), rtol=1e-12)


def looped_pool(reduce, x, size, stride, padding, fill):
    (kh, kw), (sh, sw), (ph, pw) = size, stride, padding
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    y = np.zeros((*x.shape[:2], oh, ow))
    for i, j in np.ndindex(oh, ow):
        y[:, :, i, j] = reduce(x[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw], axis=(2, 3))
    return y


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [(2, None, 0), (3, 2, 1), ((3, 2), (1, 3), (2, 0)), (2, 3, 0), ((7, 6), None, 0)],
)
def test_pooling_is_the_loop(size, stride, padding):
    largest, mean = nn.MaxPool2d(size, stride, padding), nn.AvgPool2d(size, stride, padding)
    how = largest.size, largest.stride, largest.padding
    np.testing.assert_array_equal(largest.forward(X), looped_pool(np.max, X, *how, -np.inf))
    np.testing.assert_allclose(mean.forward(X), looped_pool(np.mean, X, *how, 0), rtol=1e-12)


def test_the_first_of_equal_maxima_gets_the_gradient():
    layer = nn.MaxPool2d(2)
    layer.forward(np.zeros((1, 1, 2, 4)))
    dx = layer.backward(np.array([[[[3.0, 5.0]]]]))
    np.testing.assert_array_equal(dx[0, 0], [[3, 0, 5, 0], [0, 0, 0, 0]])


def test_overlapping_windows_add_their_gradients():
    layer = nn.MaxPool2d(3, 1)
    x = np.zeros((1, 1, 3, 4))
    x[0, 0, 1, 1] = 1
    layer.forward(x)
    dx = layer.backward(np.array([[[[3.0, 5.0]]]]))
    np.testing.assert_array_equal(np.argwhere(dx), [[0, 0, 1, 1]])
    assert dx.sum() == 8


def test_padding_never_wins_beside_larger_numbers_elsewhere():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, :2, :2] = -np.inf
    y = nn.MaxPool2d(3, 2, 1).forward(x)
    np.testing.assert_array_equal(y[0, 0], [[-np.inf, 0], [0, 0]])


@pytest.mark.parametrize("value", [-1.0, -1e300, -np.inf])
def test_padding_never_wins(value):
    layer = nn.MaxPool2d(3, 2, 1)
    y = layer.forward(np.full((1, 1, 4, 4), value))
    np.testing.assert_array_equal(y, np.full((1, 1, 2, 2), value))
    dx = layer.backward(np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(
        dx[0, 0], [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    )


def test_the_mean_counts_padding_as_zeros():
    y = nn.AvgPool2d(2, 2, 1).forward(np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(y[0, 0], [[0.25, 0.25], [0.25, 0.25]])


def test_flatten_gives_the_images_back():
    layer = nn.Flatten()
    np.testing.assert_array_equal(layer.forward(X), X.reshape(2, -1))
    np.testing.assert_array_equal(layer.backward(X.reshape(2, -1)), X)
    assert layer.forward(np.zeros((0, 4, 2, 2))).shape == (0, 16)
    assert layer.forward(np.zeros(5)).shape == (5,)


def conv(**options):
    return nn.Conv2d(np.ones((4, 2, 3, 3)), np.zeros(4), **options)


@pytest.mark.parametrize(
    ("act", "error", "what", "write"),
    [
        (
            lambda: conv().forward(np.ones((2, 5, 5))),
            ShapeError,
            "Conv2d: x has shape (2, 5, 5).",
            "x[np.newaxis], a batch of one image (C, H, W).",
        ),
        (
            lambda: conv().forward(np.ones((1, 3, 5, 5))),
            ShapeError,
            "Conv2d: x has shape (1, 3, 5, 5), W has shape (4, 2, 3, 3), groups is 1.",
            "W of shape (4, 3, …)",
        ),
        (
            lambda: conv().forward(np.ones((1, 5, 5, 2))),
            ShapeError,
            "Conv2d: x has shape (1, 5, 5, 2), W has shape (4, 2, 3, 3), groups is 1.",
            "x.transpose(0, 3, 1, 2), if the channels are the last axis of x.",
        ),
        (
            lambda: conv(dilation=2).forward(np.ones((1, 2, 4, 5))),
            ShapeError,
            "Conv2d: the kernel spans 5×5 pixels, the image with its padding has 4×5;",
            "padding=1, or a smaller one.",
        ),
        (
            lambda: conv(stride=0),
            ShapeError,
            "Conv2d: stride is 0.",
            "stride=1, or stride=(1, 1).",
        ),
        (
            lambda: conv(padding=(1, 2, 3)),
            ShapeError,
            "Conv2d: padding is (1, 2, 3).",
            "padding=1, or padding=(1, 0).",
        ),
        (
            lambda: conv(stride=1.5),
            DTypeError,
            "Conv2d: stride is 1.5.",
            "stride=2, or stride=(2, 1) for rows and columns.",
        ),
        (lambda: conv(groups="2"), DTypeError, "Conv2d: groups is '2'.", "groups=1"),
        (lambda: conv(groups=0), ShapeError, "Conv2d: groups is 0.", "groups=1"),
        (
            lambda: conv(groups=3),
            ShapeError,
            "Conv2d: W has shape (4, 2, 3, 3), groups is 3.",
            "groups=1, or a number of filters that is a multiple of groups.",
        ),
        (
            lambda: nn.Conv2d(np.ones((4, 9)), np.zeros(4)),
            ShapeError,
            "Conv2d: W has shape (4, 9).",
            "W.reshape(F, C, height, width)",
        ),
        (
            lambda: nn.Conv2d(np.ones((4, 1, 3, 3)), np.zeros((4, 1))),
            ShapeError,
            "Conv2d: b has shape (4, 1); it needs (4,) or (1, 4).",
            "b.reshape(4)",
        ),
        (
            lambda: nn.MaxPool2d(8).forward(X),
            ShapeError,
            "MaxPool2d: the window spans 8×8 pixels, the image with its padding has 7×6;",
            "padding=1, or a smaller one.",
        ),
        (
            lambda: nn.AvgPool2d(2, padding=2),
            ShapeError,
            "AvgPool2d: padding is 2, size is 2.",
            "padding=1",
        ),
        (
            lambda: nn.MaxPool2d(2).forward(np.ones((4, 4))),
            ShapeError,
            "MaxPool2d: x has shape (4, 4).",
            "x.reshape(N, C, H, W)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_corrected(act, error, what, write):
    with pytest.raises(error) as caught:
        act()
    text = str(caught.value)
    assert text.startswith(what)
    assert "Where: test_images.py:" in text
    assert text.endswith(f"Write instead: {write}")


def test_reprs_say_what_is_not_the_default():
    assert repr(conv(padding=1, stride=(2, 1))) == (
        "Conv2d(2 → 4, kernel 3×3, stride 2×1, padding 1×1, float64)"
    )
    assert repr(nn.MaxPool2d(3, 2, 1)) == "MaxPool2d(3×3, stride 2×2, padding 1×1)"
