"""Arrays that are no arguments have the names that they have in the user's code."""

from __future__ import annotations

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.draw.views import make_views

W = np.ones((3, 2))
NET = {"W1": np.ones((3, 2)), "b": [np.ones(2), np.ones(2)]}


class Mine:
    def __init__(self) -> None:
        self.W = np.ones((3, 2))

    def forward(self, x):
        return x @ self.W


class Scale(nn.Layer):
    parameters = ("k",)

    def __init__(self, k) -> None:
        self.k = k

    def compute(self, x, k):
        return x * np.reshape(k, x.shape[-1:])


def constants(f, x=None):
    graph = cp.trace(f, np.ones((4, 3)) if x is None else x)
    return [box.text for box in make_views(graph)[0].model.boxes if box.kind == "constant"]


def in_place(x):
    x = x + 0.5
    x *= W[:, 0]
    return x


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x @ W, ["W (3, 2)"]),
        (lambda x: np.matmul(x, W), ["W (3, 2)"]),
        (lambda x: np.dot(x, W), ["W (3, 2)"]),
        (lambda x: x @ NET["W1"] + NET["b"][1], ["NET['W1'] (3, 2)", "NET['b'][1] (2,)"]),
        (Mine().forward, ["self.W (3, 2)"]),
        (lambda x: np.add(W[0, 0] * 2, x), ["2"]),  # a number is no name
        (lambda x: x @ (W + 1), ["(3, 2)"]),
        (lambda x: x @ np.ones((3, 2)), ["(3, 2)"]),
        (lambda x: x.dot(W), ["(3, 2)"]),  # the operands of a method stand elsewhere
        (in_place, ["0.5", "(3,)"]),
    ],
)
def test_the_users_own_names(f, expected):
    assert constants(f) == expected


def test_the_parameters_of_layers():
    affine = nn.Affine.initial(3, 2, seed=0)
    assert constants(affine.forward) == ["W (3, 2)", "b (2,)"]
    assert constants(Scale(np.ones((3, 1))).forward) == ["k (3,)"]


def test_the_parameters_of_a_network_have_its_names():
    net = nn.Sequential(
        nn.Affine.initial(3, 4, seed=0),
        nn.BatchNorm.initial(4),
        nn.ReLU(),
        Scale(np.ones(4)),
        nn.Affine.initial(4, 2, seed=0),
    )
    found = [text.partition(" ")[0] for text in constants(net.predict)]
    named = [text for text in found if not text.startswith("(")]
    assert named == ["W1", "b1", "BatchNorm1.running_mean", "gamma2", "beta2", "k3", "W4", "b4"]
    assert set(net.params) <= set(named)


def test_a_network_of_images():
    net = nn.Sequential(nn.Conv2d.initial(1, 2, 3, seed=0), nn.ReLU(), nn.MaxPool2d(2))
    assert constants(net.predict, np.ones((1, 1, 6, 6))) == ["W1 (2, 1, 3, 3)", "b1 (2, 1, 1)"]


def test_the_steps_as_text_have_the_names_too():
    from clearprop.explain.steps import steps

    told = steps(cp.trace(nn.TwoLayerNet(3, 4, 2).predict, np.ones((1, 3))).backward([[1, 1]]))
    assert [step.text for step in told.steps][:2] == ["x @ W1", "(1) + b1"]


def test_only_the_result_of_a_layer_has_the_name_that_it_is_given():
    conv, norm, pool = nn.Conv2d.initial(1, 2, 3, seed=0), nn.BatchNorm.initial(2), nn.MaxPool2d(2)

    def net(x):
        h = conv.forward(x)
        h = norm.forward(h, train=False)
        h = np.maximum(h, 0)
        return pool.forward(h)

    graph = cp.trace(net, np.ones((1, 1, 6, 6)))
    named = [(node.operation, graph.name_of(node)) for node in graph.nodes if graph.name_of(node)]
    assert named == [("argument", "x"), ("add", "h"), ("add", "h"), ("maximum", "h")]
    assert np.array_equal(graph["h"], np.maximum(norm.forward(conv.forward(graph["x"]), False), 0))


def test_only_the_result_of_a_network_has_the_name_that_it_is_given():
    net = nn.TwoLayerNet(3, 4, 2)

    def score(x):
        y = net.predict(x)
        return np.sum(y)

    graph = cp.trace(score, np.ones((1, 3)))
    assert [node.operation for node in graph.names["y"]] == ["add"]
    assert graph["y"].shape == (1, 2)
