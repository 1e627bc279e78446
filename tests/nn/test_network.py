"""Sequential and TwoLayerNet: names, one pass, training in the textbook's way, state, refusals."""

import copy
import pickle

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors, nn
from clearprop.errors import LabelError, OrderError, ShapeError, UnknownNameError

rng = np.random.default_rng(2)
X, T = rng.normal(size=(12, 6)), rng.integers(0, 3, 12)


def deep(dtype=np.float64):
    seed = np.random.default_rng(1)
    return nn.Sequential(
        nn.Affine.initial(6, 8, seed=seed, dtype=dtype),
        nn.BatchNorm.initial(8, dtype=dtype),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Affine.initial(8, 3, seed=seed, dtype=dtype),
        loss=nn.SoftmaxWithLoss(),
    )


def convolutional():
    seed = np.random.default_rng(1)
    return nn.Sequential(
        nn.Conv2d.initial(2, 4, 3, seed=seed, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Affine.initial(16, 3, seed=seed),
        loss=nn.SoftmaxWithLoss(),
    )


@pytest.fixture
def net():
    return nn.TwoLayerNet(6, 5, 3, weight_init_std=0.5)


def assert_close(found, wanted, rtol=1e-10, atol=1e-9):
    assert list(found) == list(wanted)
    for key in wanted:
        np.testing.assert_allclose(found[key], wanted[key], rtol=rtol, atol=atol, err_msg=key)


def test_parameters_are_named_as_in_the_textbook(net):
    assert {key: value.shape for key, value in net.params.items()} == {
        "W1": (6, 5),
        "b1": (5,),
        "W2": (5, 3),
        "b2": (3,),
    }
    assert list(net.layers) == ["Affine1", "ReLU1", "Affine2"]
    assert list(deep().params) == ["W1", "b1", "gamma2", "beta2", "W3", "b3"]
    assert list(deep().state) == [
        "BatchNorm1.running_mean",
        "BatchNorm1.running_var",
        "Dropout1.key",
    ]


def test_the_same_seed_gives_the_same_network_in_both_precisions():
    a, b = nn.TwoLayerNet(6, 5, 3, seed=4), nn.TwoLayerNet(6, 5, 3, seed=4, dtype=np.float32)
    other = nn.TwoLayerNet(6, 5, 3, seed=5)
    np.testing.assert_array_equal(a.params["W1"].astype(np.float32), b.params["W1"])
    assert (a.params["W1"] != other.params["W1"]).any()
    assert a.params["W2"].std() < 0.02
    assert not a.params["b1"].any()


@pytest.mark.parametrize("make", [lambda: nn.TwoLayerNet(6, 5, 3, 0.5), deep])
def test_backpropagation_agrees_with_the_numerical_gradient(make):
    net = make()
    assert_close(net.numerical_gradient(X, T), net.gradient(X, T), rtol=1e-6)


def test_the_numerical_gradient_is_good_in_single_precision_too():
    net = deep(np.float32)
    numerical = net.numerical_gradient(X.astype(np.float32), T)
    assert_close(numerical, net.gradient(X.astype(np.float32), T), rtol=1e-3, atol=1e-6)
    assert {g.dtype for g in numerical.values()} == {np.dtype(np.float32)}


def test_a_convolutional_network_backpropagates():
    net, images = convolutional(), rng.normal(size=(3, 2, 4, 4))
    assert_close(net.numerical_gradient(images, T[:3]), net.gradient(images, T[:3]), rtol=1e-6)


@pytest.mark.parametrize("make", [deep, lambda: nn.TwoLayerNet(6, 5, 3, 0.5)])
def test_layer_by_layer_one_pass_and_cp_grad_agree(make):
    net, twin, third = make(), make(), make()
    wanted = net.gradient(X, T)
    y = X
    for layer in twin.layers.values():
        stateful = {"train": True} if layer.buffers else {}
        y = layer.forward(y, **stateful)
    twin.last_layer.forward(y, T)
    d = twin.last_layer.backward()
    for layer in reversed(twin.layers.values()):
        d = layer.backward(d)
    assert_close({key: getattr(at, f"d{n}") for key, (at, n) in twin._parameters.items()}, wanted)
    assert_close(cp.grad(lambda p: third.loss(X, T, params=p, train=True))(third.params), wanted)
    for key in net.state:
        np.testing.assert_array_equal(net.state[key], twin.state[key])


def test_forward_and_backward_of_the_whole_network_are_those_of_its_layers(net):
    dy = rng.normal(size=(12, 3))
    y, dx = net.forward(X), net.backward(dy)
    np.testing.assert_array_equal(y, net.predict(X))
    hidden = X @ net.params["W1"] + net.params["b1"]
    np.testing.assert_allclose(dx, dy @ net.params["W2"].T * (hidden > 0) @ net.params["W1"].T)
    np.testing.assert_allclose(net.layers["Affine2"].db, dy.sum(axis=0))


def test_the_textbook_training_loop_learns():
    net = nn.TwoLayerNet(6, 20, 3, weight_init_std=0.1)
    first = net.loss(X, T)
    for _ in range(300):
        grad = net.gradient(X, T)
        for key in ("W1", "b1", "W2", "b2"):
            net.params[key] -= 0.5 * grad[key]
    assert net.loss(X, T) < 0.1 * first
    assert net.accuracy(X, T) == 1.0


def test_one_hot_labels_give_the_same(net):
    assert net.loss(X, np.eye(3)[T]) == net.loss(X, T)
    assert net.accuracy(X, np.eye(3)[T]) == net.accuracy(X, T)
    assert_close(net.gradient(X, np.eye(3)[T]), net.gradient(X, T), rtol=0)


def test_a_single_sample_is_a_batch_of_one(net):
    np.testing.assert_allclose(net.predict(X[0]), net.predict(X[:1])[0], rtol=1e-14)
    assert_close(net.gradient(X[0], T[0]), net.gradient(X[:1], T[:1]))
    assert net.accuracy(X[0], T[0]) in {0.0, 1.0}


def test_params_are_the_arrays_of_the_layers_in_both_directions(net):
    W = net.layers["Affine1"].W
    assert net.params["W1"] is W
    net.params["W1"] -= 1.0
    assert net.layers["Affine1"].W is W
    net.params["W1"] = np.zeros((6, 5))
    assert not net.layers["Affine1"].W.any()
    net.update({"b1": np.ones(5), "b2": np.ones(3)})
    net.params |= {"W2": np.ones((5, 3))}
    np.testing.assert_array_equal(net.predict(X), np.full((12, 3), 6.0))
    net.params = {key: 0 * value for key, value in net.params.items()}
    assert not net.predict(X).any()


def test_a_copy_of_params_is_a_plain_dict_of_its_own(net):
    for copied in (copy.deepcopy(net.params), pickle.loads(pickle.dumps(net.params))):
        assert type(copied) is dict
        copied["W1"] += 1
        assert (copied["W1"] != net.params["W1"]).all()
    assert type(net.params.copy()) is dict


def test_a_copied_network_trains_on_its_own(net):
    other = copy.deepcopy(net)
    other.params["b2"] += 1.0
    assert not net.params["b2"].any()
    assert other.layers["Affine2"].b is other.params["b2"]
    assert_close(pickle.loads(pickle.dumps(net)).gradient(X, T), net.gradient(X, T), rtol=0)


def test_single_precision_stays_single():
    net = deep(np.float32)
    loss, grad = net.loss_and_gradient(X.astype(np.float32), T)
    values = [loss, net.predict(X.astype(np.float32)), *grad.values()]
    assert {v.dtype for v in values} == {np.dtype(np.float32)}
    assert {v.dtype.kind for v in net.state.values()} == {"f", "u"}


def test_bytes_of_an_image_take_the_dtype_of_the_weights():
    net = nn.TwoLayerNet(6, 5, 3, dtype=np.float32)
    pixels = rng.integers(0, 256, (4, 6), dtype=np.uint8)
    assert net.predict(pixels).dtype == np.float32
    assert net.gradient(pixels, [0, 1, 2, 0])["W1"].dtype == np.float32


def test_loss_and_predict_change_no_state_and_gradient_does():
    net = deep()
    before = copy.deepcopy(dict(net.state))
    assert net.loss(X, T, train=True) == net.loss_and_gradient(X, T)[0]
    assert net.state["Dropout1.key"][1] == before["Dropout1.key"][1] + 1
    np.testing.assert_allclose(
        net.state["BatchNorm1.running_mean"],
        0.1 * (X @ net.params["W1"] + net.params["b1"]).mean(axis=0),
    )


def test_a_run_goes_on_from_params_and_state():
    net = deep()
    net.gradient(X, T)
    saved = copy.deepcopy((net.params, net.state))
    wanted = net.gradient(X, T)
    other = deep()
    other.params, other.state = saved
    assert_close(other.gradient(X, T), wanted, rtol=0)


def test_compute_is_pure_and_gives_what_advance_needs():
    net = deep()
    arrays = net.arrays(net.parameters + net.buffers)
    before = copy.deepcopy(arrays)
    _, seen = net.compute(X, *arrays, train=True)
    np.testing.assert_equal(arrays, before)
    after = net.advance(net.arrays(net.buffers), seen)
    net.gradient(X, T)
    np.testing.assert_equal(net.arrays(net.buffers), after)


def test_a_network_may_stand_in_a_network(net):
    outer = nn.Sequential(nn.Tanh(), nn.Sequential(*net.layers.values()), loss=net.last_layer)
    assert list(outer.layers) == ["Tanh1", "Affine1", "ReLU1", "Affine2"]
    np.testing.assert_array_equal(outer.predict(X), net.predict(np.tanh(X)))


def test_binary_networks_count_the_side_of_the_threshold():
    net = nn.Sequential(nn.Affine(np.eye(2), np.zeros(2)), loss=nn.SigmoidWithLoss())
    assert net.accuracy([[0.1, -1.0], [0.1, 1.0]], [[1, 0], [1, 0]]) == 0.75
    net = nn.Sequential(nn.Sigmoid(), loss=nn.BinaryCrossEntropy())
    assert net.accuracy([1.0, -1.0], [1, 1]) == 0.5


def test_the_network_is_traced_as_ordinary_code(net):
    g = cp.trace(lambda x: net.predict(x), X)
    assert [n.operation for n in g if n.primitive] == ["matmul", "add", "relu", "matmul", "add"]


def test_a_failed_gradient_leaves_the_state():
    net = deep()
    before = copy.deepcopy(dict(net.state))
    with pytest.raises(LabelError):
        net.gradient(X, T + 9)
    np.testing.assert_equal(dict(net.state), before)


def refused(error, act):
    with pytest.raises(error) as caught:
        act()
    text = str(caught.value)
    assert "Where: test_network.py:" in text
    assert "Write instead: " in text
    return text


def test_wrong_parameters_are_refused_and_nothing_is_changed(net):
    new = {"W1": np.zeros((6, 5)), "b2": np.zeros(4)}
    text = refused(ShapeError, lambda: net.update(new))
    assert text.startswith("params: b2 has shape (3,), what is assigned to it (4,). Where: ")
    assert net.params["W1"].any()

    def misspell():
        net.params["w1"] = np.zeros((6, 5))

    text = refused(UnknownNameError, misspell)
    assert text.startswith("'w1' is no array of this network. Where: ")
    assert text.endswith("Write instead: one of ['W1', 'b1', 'W2', 'b2']")
    text = refused(UnknownNameError, lambda: net.loss(X, T, params=new))
    assert text.startswith("params has ['W1', 'b2'], the network has ['W1', 'b1', 'W2', 'b2'].")


def test_a_network_without_a_loss_says_what_is_missing(net):
    bare = nn.Sequential(*net.layers.values())
    for act in (bare.loss, bare.gradient, bare.accuracy):
        text = refused(OrderError, lambda act=act: act(X, T))
        assert ": the network has no loss layer. Where: " in text
        assert text.endswith("nn.Sequential(…, loss=nn.SoftmaxWithLoss())")


def test_accuracy_of_nothing_is_refused(net):
    text = refused(ShapeError, lambda: net.accuracy(np.zeros((0, 6)), []))
    assert text.startswith("TwoLayerNet.accuracy: x has shape (0, 6). Where: ")


@pytest.mark.parametrize(
    ("layers", "options", "what"),
    [
        ([], {}, "there is no layer."),
        ([nn.ReLU(), nn.SoftmaxWithLoss()], {}, "SoftmaxWithLoss() stands among the layers."),
        ([nn.Mul()], {}, "Mul() takes two inputs, and the layer before it has one output."),
        ([nn.ReLU], {}, "nn.ReLU is a class, and nn.ReLU(…) a layer."),
        ([nn.ReLU()] * 2, {}, "ReLU() stands there twice; it can remember one forward pass."),
        ([nn.ReLU()], {"loss": nn.ReLU()}, "loss is ReLU(), which is no loss layer."),
        (
            [nn.TwoLayerNet(2, 2, 2)],
            {},
            "a network with a loss of its own stands among the layers.",
        ),
    ],
)
def test_what_makes_no_network_is_refused(layers, options, what):
    text = refused(errors.OptionError, lambda: nn.Sequential(*layers, **options))
    assert text.startswith(f"Sequential: {what} Where: ")
