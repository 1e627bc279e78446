"""Networks written in a line, the textbook's convolutional ones, and the summary of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import OptionError

IMAGE = (1, 12, 12)

#: A line, the shape of a sample, and that of what comes out.
LINES = {
    "conv 6 3x3, relu, pool 2, affine 10": (IMAGE, (10,)),
    "CONV 4 3 pad same stride 2,ReLU": (IMAGE, (4, 6, 6)),
    "conv 4 5x3 pad same": (IMAGE, (4, 12, 12)),
    "conv 4 3 dilation 2, avgpool 2 stride 1, globalpool": (IMAGE, (4,)),
    "flatten, affine 7, batchnorm, sigmoid, dropout 0.5, tanh": (IMAGE, (7,)),
    "conv 4 3, batchnorm, gelu, pool 3x2 stride 2 pad 1": (IMAGE, (4, 5, 6)),
    "layernorm, silu, leakyrelu, softplus": ((5,), (5,)),
    "embedding 20 8, lstm 6, attention 2 causal, lstm 3 last": ((9,), (3,)),
    "conv1d 4 3 pad same, relu, globalpool": ((2, 15), (4,)),
    "affine 6 each, layernorm, globalpool": ((7, 5), (7,)),
    "shift 2, flip, noise 0.1, crop 8 pad 1, affine 2": (IMAGE, (2,)),
    "conv 4 3 pad 1, residual(conv 4 3 pad 1, relu, residual(batchnorm, tanh)), pool 2": (
        IMAGE,
        (4, 6, 6),
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_a_network(line: str) -> None:
    shape, out = LINES[line]
    net = nn.Sequential(*nn.layers_of(line, shape, dtype="float32"))
    x: Any = np.random.default_rng(0).random((3, *shape), dtype=np.float32)
    x = np.floor(20 * x).astype(int) if "embedding" in line else x
    y = net.predict(x)
    assert y.shape == (3, *out)
    assert y.dtype == np.float32
    assert np.isfinite(y).all()


def test_the_seed_decides_weights_and_masks() -> None:
    line = "affine 5, dropout 0.5, affine 3"
    ours, same, other = (nn.Sequential(*nn.layers_of(line, (4,), seed=seed)) for seed in (1, 1, 2))
    for name in {**ours.params, **ours.state}:
        arrays = [{**net.params, **net.state}[name] for net in (ours, same, other)]
        assert np.array_equal(arrays[0], arrays[1])
        assert np.array_equal(arrays[0], arrays[2]) == (name[0] == "b")


def test_buffers_and_keys_are_as_new() -> None:
    net = nn.Sequential(*nn.layers_of("affine 4, batchnorm, dropout 0.5", (3,)))
    assert not net.state["BatchNorm1.running_mean"].any()
    assert int(net.state["Dropout1.key"][1]) % 2**40 == 0


@pytest.mark.parametrize(
    ("line", "says", "write"),
    [
        ("conv", "not complete", "conv FILTERS SIZE [stride S] [pad P] [dilation D]"),
        ("conv 3 4x4 pad", "not complete", "conv FILTERS SIZE"),
        ("conv 3 4x4 pad 1 pad 2", "too much", "conv FILTERS SIZE"),
        ("conv 3 1e3", "not complete", "conv FILTERS SIZE"),
        ("conv 3 40", "40×40", "conv FILTERS SIZE"),
        ("conv 0 3", "0 is no number of outputs", "conv FILTERS SIZE"),
        ("conv 2x2 3", "no number of outputs", "conv FILTERS SIZE"),
        ("afine 10", "'afine' is no layer", "affine 10"),
        ("affine 10 3", "too much", "affine UNITS [each]"),
        ("affine 3.5", "3.5 is no number", "affine UNITS"),
        ("relu,,", "missing between two commas", "relu"),
        ("", "missing", "relu"),
        ("dropout 2", "ratio is 2", "dropout RATIO"),
        ("affine 3, conv 2 3", "shape (3,)", "conv FILTERS SIZE"),
        ("conv 4 3, residual(conv 5 3)", "residual(conv 5 3)", ""),
        ("residual(relu", "is no layer", ""),
        ("lstm 4 causal", "too much", "lstm STATE [last]"),
    ],
)
def test_what_is_no_line(line: str, says: str, write: str) -> None:
    with pytest.raises(OptionError) as caught:
        nn.layers_of(line, IMAGE)
    assert says in str(caught.value)
    assert write in (caught.value.write or "")


# ---- the textbook's ------------------------------------------------------------------------------


def test_the_small_convolutional_network() -> None:
    net = nn.SimpleConvNet(seed=3)
    shapes = {name: value.shape for name, value in net.params.items()}
    assert shapes == {
        "W1": (30, 1, 5, 5),
        "b1": (30,),
        "W2": (4320, 100),
        "b2": (100,),
        "W3": (100, 10),
        "b3": (10,),
    }
    assert net.params["W2"].std() == pytest.approx(0.01, rel=0.05)
    x, t = np.random.default_rng(0).random((2, 1, 28, 28)), np.array([3, 7])
    assert net.loss(x, t) == pytest.approx(np.log(10), rel=0.01)


def test_the_gradients_of_a_small_one() -> None:
    net = nn.SimpleConvNet((2, 8, 8), filters=3, kernel=3, hidden=5, classes=4, weight_init_std=0.3)
    rng = np.random.default_rng(0)
    x, t = rng.random((3, 2, 8, 8)), np.array([0, 3, 1])
    numerical, ours = net.numerical_gradient(x, t), net.gradient(x, t)
    for name in net.params:
        np.testing.assert_allclose(ours[name], numerical[name], rtol=1e-5, atol=1e-8)


def test_the_deep_convolutional_network() -> None:
    net = nn.DeepConvNet(dtype="float32")
    kinds = [type(layer).__name__ for layer in net.layers.values()]
    block = ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d"]
    assert kinds == [*block * 3, "Affine", "ReLU", "Dropout", "Affine"]
    assert net.params["W7"].shape == (64 * 4 * 4, 50)
    assert net.predict(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 10)
    with pytest.raises(OptionError, match=r"pool 2.*1×1"):
        nn.DeepConvNet((1, 2, 2))


# ---- summary ---------------------------------------------------------------------------------


def test_the_summary_of_the_textbooks_network() -> None:
    found = nn.TwoLayerNet(784, 50, 10, dtype="float32").summary((784,))
    assert [layer.shape for layer in found.layers] == [(50,), (50,), (10,)]
    assert [layer.parameters for layer in found.layers] == [39250, 0, 510]
    assert [layer.operations for layer in found.layers] == [2 * 784 * 50 + 50, 50, 2 * 50 * 10 + 10]
    assert (found.parameters, found.memory) == (39760, 4 * 39760)


def test_the_operations_of_a_convolution() -> None:
    found = nn.SimpleConvNet().summary((1, 28, 28))
    assert found.layers[0].operations == 2 * 30 * 24 * 24 * 25 + 30 * 24 * 24
    assert found.layers[0].memory == 8 * 30 * 24 * 24


@pytest.mark.parametrize("line", LINES)
def test_every_layer_has_a_summary(line: str) -> None:
    shape, out = LINES[line]
    net = nn.Sequential(*nn.layers_of(line, shape))
    found = net.summary(shape)
    assert found.layers[-1].shape == out
    assert found.parameters == sum(value.size for value in net.params.values())
    lines = str(found).splitlines()
    assert [text.split()[0] for text in lines[3 : 3 + len(net.layers)]] == [*net.layers]
