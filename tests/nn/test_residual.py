"""Residual blocks: what they compute, what their arrays are called, what changes in training."""

import copy
import pickle

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import OptionError

rng = np.random.default_rng(4)
X, T = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)


def block(seed, dtype=np.float64):
    return nn.Residual(
        nn.Affine.initial(4, 4, seed=seed, dtype=dtype),
        nn.BatchNorm.initial(4, dtype=dtype),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Residual(nn.Dropout(0.5), nn.Affine.initial(4, 4, seed=seed, dtype=dtype)),
    )


def network(dtype=np.float64):
    seed = np.random.default_rng(1)
    return nn.Sequential(
        nn.Affine.initial(4, 4, seed=seed, dtype=dtype),
        block(seed, dtype),
        nn.Dropout(0.5),
        block(seed, dtype),
        nn.Affine.initial(4, 3, seed=seed, dtype=dtype),
        loss=nn.SoftmaxWithLoss(),
    )


def test_the_input_is_added():
    W, b = rng.normal(size=(4, 4)), rng.normal(size=4)
    layer = nn.Residual(nn.Affine(W, b), nn.Tanh())
    h = np.tanh(X @ W + b)
    np.testing.assert_allclose(layer.forward(X), X + h, rtol=1e-14)
    dy = rng.normal(size=X.shape)
    np.testing.assert_allclose(layer.backward(dy), dy + (dy * (1 - h * h)) @ W.T, rtol=1e-12)
    np.testing.assert_allclose(layer.layers["Affine1"].dW, X.T @ (dy * (1 - h * h)), rtol=1e-12)


def test_arrays_are_named_by_the_block_that_they_are_in():
    net = network()
    assert list(net.layers) == ["Affine1", "Residual1", "Dropout1", "Residual2", "Affine2"]
    of_block = ["W1", "b1", "gamma2", "beta2", "Residual1.W1", "Residual1.b1"]
    blocks = [f"Residual{i}.{name}" for i in (1, 2) for name in of_block]
    assert list(net.params) == ["W1", "b1", *blocks, "W2", "b2"]
    state = ["BatchNorm1.running_mean", "BatchNorm1.running_var", "Dropout1.key"]
    state += ["Residual1.Dropout1.key"]
    assert list(net.state) == [
        *(f"Residual1.{name}" for name in state),
        "Dropout1.key",
        *(f"Residual2.{name}" for name in state),
    ]
    assert list(net.layers["Residual1"].parameters) == of_block
    inner = net.layers["Residual2"].layers["Residual1"].layers["Affine1"]
    assert net.params["Residual2.Residual1.W1"] is inner.W
    net.params["Residual2.Residual1.W1"] = np.zeros((4, 4))
    assert not inner.W.any()


def test_equal_seeds_draw_other_masks_in_each_place():
    keys = [int(key[1]) for name, key in network().state.items() if name.endswith("key")]
    assert len(set(keys)) == len(keys) == 5


def test_backpropagation_agrees_with_the_numerical_gradient():
    net = network()
    numerical, gradient = net.numerical_gradient(X, T), net.gradient(X, T)
    assert list(gradient) == list(net.params)
    for name, array in gradient.items():
        np.testing.assert_allclose(array, numerical[name], rtol=1e-6, atol=1e-9, err_msg=name)


def test_training_changes_the_state_inside():
    net, twin = network(), network()
    before = copy.deepcopy(dict(net.state))
    net.gradient(X, T)
    assert all((net.state[name] != array).any() for name, array in before.items())
    y = X
    for layer in twin.layers.values():
        y = layer.forward(y, **({"train": True} if layer.buffers else {}))
    for name, array in net.state.items():
        np.testing.assert_array_equal(twin.state[name], array, err_msg=name)


def test_a_run_goes_on_from_params_and_state():
    net, other = network(), network()
    net.gradient(X, T)
    other.params, other.state = copy.deepcopy((net.params, net.state))
    wanted, found = net.gradient(X, T), other.gradient(X, T)
    np.testing.assert_equal(found, wanted)
    np.testing.assert_equal(dict(other.state), dict(net.state))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_trains_on_its_own(copied):
    net = network()
    other = copied(net)
    other.params["Residual1.W1"] += 1.0
    assert not (net.params["Residual1.W1"] == other.params["Residual1.W1"]).any()
    assert other.layers["Residual1"].layers["Affine1"].W is other.params["Residual1.W1"]


def test_single_precision_stays_single():
    net = network(np.float32)
    loss, gradient = net.loss_and_gradient(X.astype(np.float32), T)
    assert {v.dtype for v in (loss, *gradient.values())} == {np.dtype(np.float32)}
    assert {v.dtype.kind for v in net.state.values()} == {"f", "u"}


def test_a_layer_stands_in_one_place_only():
    affine = nn.Affine.initial(4, 4, seed=0)
    for make in (
        lambda: nn.Sequential(affine, nn.Residual(affine)),
        lambda: nn.Sequential(nn.Residual(affine), nn.Residual(nn.Residual(affine))),
    ):
        with pytest.raises(OptionError, match="stands there twice; it can remember one forward"):
            make()


def test_a_network_is_taken_apart_inside_and_a_block_is_not():
    net = nn.Sequential(nn.Sequential(nn.Residual(nn.Sequential(nn.ReLU(), nn.Tanh()))), nn.ReLU())
    assert list(net.layers) == ["Residual1", "ReLU1"]
    assert list(net.layers["Residual1"].layers) == ["ReLU1", "Tanh1"]
    with pytest.raises(OptionError, match="a network with a loss of its own"):
        nn.Residual(nn.TwoLayerNet(2, 2, 2))


def test_a_block_shows_what_is_in_it():
    assert repr(nn.Sequential(nn.Residual(nn.ReLU(), nn.Residual(nn.Tanh())))) == (
        "Sequential(\n"
        "  Residual1: Residual(\n"
        "    ReLU1: ReLU()\n"
        "    Residual1: Residual(\n"
        "      Tanh1: Tanh()\n"
        "    )\n"
        "  )\n"
        ") with 0 parameters"
    )


def test_each_block_is_a_group_of_its_layers_with_its_own_names():
    net = nn.Sequential(nn.Residual(nn.Affine.initial(4, 4, seed=0), nn.Tanh()))
    graph = cp.trace(net.predict, X)
    assert [n.operation for n in graph if n.primitive] == ["matmul", "add", "tanh", "add"]
    assert "Residual1.W1" in graph.to_svg()
