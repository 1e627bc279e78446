"""FILE:FUNCTION and NAME=VALUE: what is found, what is proposed, and requests that are wrong."""

from __future__ import annotations

import inspect
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from clearprop import trace
from clearprop.cli.functions import Shape, find_call, parse_given
from clearprop.draw.views import make_views
from clearprop.errors import ClearpropError

NET = """
import numpy as np
print("loaded")

def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)

def loss(x, W1, b1, W2, b2, t):
    h = np.maximum(x @ W1 + b1, 0)
    y = softmax(h @ W2 + b2)
    return -np.mean(np.log(y[np.arange(len(t)), t]))

def keyed(x, params):
    return np.sum(np.tanh(x @ params["W"] + params["b"]))

def power(x, scale=2.0, n=2):
    return scale * x ** n

def named(x, *, axis):
    return np.sum(x, axis=axis)

class Affine:
    pass

trained = train(loss)
"""


@pytest.fixture
def net(tmp_path: Path) -> str:
    path = tmp_path / "net.py"
    path.write_text(NET)
    return str(path)


def shapes(call):
    return {n: np.shape(a) for n, a in zip(call.names, call.arguments, strict=True)}


def refusal(*words) -> str:
    with pytest.raises(ClearpropError) as caught:
        find_call(*words, command="source")
    text = str(caught.value)
    assert " Why: " in text
    assert " Write instead: " in text
    return text


def test_what_is_not_given_is_proposed(net, capsys):
    call = find_call(f"{net}:loss", ["x=8,3"], "source")
    found = shapes(call)
    assert found["x"] == (8, 3)
    assert found["t"] == (8,)
    assert (found["W1"][0], found["W1"][1:]) == (3, found["b1"])
    assert call.proposed == ("W1", "b1", "W2", "b2", "t")
    assert np.isfinite(call.function(*call.arguments))
    assert capsys.readouterr() == ("", "")  # what the file prints at its top is not run


def test_the_proposal_can_be_typed(net):
    for function in "loss", "keyed":
        call = find_call(f"{net}:{function}", [], "source")
        again = find_call(f"{net}:{function}", call.described().split(), "source")
        assert str(shapes(again)) == str(shapes(call))
        assert again.proposed == ()


def test_numbers_defaults_and_what_stands_behind_them(net):
    call = find_call(f"{net}:power", ["x=3.5"], "source")
    assert (call.arguments, call.names) == ((3.5,), ("x",))  # scale and n are constants
    call = find_call(f"{net}:power", ["x=2,", "n=3"], "source")
    assert call.names == ("x", "scale", "n")
    assert call.arguments[1:] == (2.0, 3)


def test_entries_of_a_dict(net):
    call = find_call(f"{net}:keyed", ["params.W=3,4", "x=[[1.0, 2.0, 3.0]]", "params.b=4,"], "s")
    x, params = call.arguments
    assert (x.tolist(), params["W"].shape, params["b"].shape) == ([[1.0, 2.0, 3.0]], (3, 4), (4,))
    call = find_call(f"{net}:keyed", ["params.W=3,7"], "source")  # b is proposed, or refused
    assert call.arguments[1]["W"].shape == (3, 7)


def test_the_same_seed_draws_the_same(net):
    one, same = (find_call(f"{net}:loss", [], "source") for _ in range(2))
    other = find_call(f"{net}:loss", [], "source", seed=1)
    np.testing.assert_array_equal(one.arguments[0], same.arguments[0])
    assert not np.array_equal(one.arguments[0], other.arguments[0])


def test_notebooks_and_pages(tmp_path):
    text = "import numpy as np\ndef f(x):\n    return np.tanh(x)\n"
    cells = [{"cell_type": "code", "source": text}, {"cell_type": "code", "source": "f(plot)"}]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "p.md").write_text(f"# Page\n```python\n{text}```\n")
    for file in "n.ipynb", "p.md":
        call = find_call(str(tmp_path / file), ["x=4,3"], "source")  # its only function
        assert shapes(call) == {"x": (4, 3)}


def test_what_the_function_prints_goes_elsewhere(tmp_path, capsys):
    path = tmp_path / "f.py"
    path.write_text("def f(x):\n    print('inside')\n    return x * 2\n")
    find_call(str(path), ["x=1.0"], "source")
    assert capsys.readouterr() == ("", "inside\n")


def test_values():
    values = parse_given(["x=4,3", "y=4,", "z=()", "a=-1e-3", "b=[[1, 2]]", "c='same'", "d=None"])
    assert values.pop("b").tolist() == [[1, 2]]
    assert values == {"x": (4, 3), "y": (4,), "z": (), "a": -1e-3, "c": "same", "d": None}
    assert [type(values[name]) for name in "xyz"] == [Shape] * 3


@pytest.mark.parametrize(
    "text", ["x", "=3", "x=", "x y=3", "x=q", "x=4,3,", "x=4,,3", "x=0,3", "x=__import__('os')"]
)
def test_what_is_no_value_is_refused(text):
    if text == "x=4,3,":  # the comma of a tuple
        assert parse_given([text])["x"] == (4, 3)
        return
    with pytest.raises(ClearpropError, match="Write instead"):
        parse_given([text])
    with pytest.raises(ClearpropError, match="given twice"):
        parse_given(["x=1", "x=2"])
    with pytest.raises(ClearpropError, match="given twice"):
        parse_given(["x=1", "x.W=2"])


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("nope", [], ["there is no function nope", "softmax, loss, keyed, power"]),
        ("", [], ["which function is meant?", "there are 5"]),
        ("Affine", [], ["is a class", "Affine(…).forward(x)"]),
        ("trained", [], ["could not be loaded", "it calls train"]),
        ("power", ["y=3"], ["power has no parameter y", "x, scale, n"]),
        ("power", ["x='a'"], ["raised TypeError", "line 18"]),
        ("named", [], ["takes axis by name only"]),
        ("loss", ["x=8,3", "W1=4,4"], ["no b1 and W2 and b2 and t was found"]),
    ],
)
def test_refusals_say_what_is_there(net, name, given, words):
    text = refusal(f"{net}:{name}" if name else net, given)
    for word in words:
        assert word in text


def test_a_file_that_is_not_there(tmp_path):
    assert "clearprop source FILE" in refusal(str(tmp_path / "none.py"), [])


NETWORKS = """
import numpy as np
from clearprop import nn
from clearprop.nn import Affine, ReLU, Sequential

rng = np.random.default_rng(0)
plain = Sequential(Affine.initial(3, 4, seed=rng), nn.BatchNorm.initial(4), ReLU(), nn.Dropout(0.5))
images = nn.Sequential(
    nn.Conv2d.initial(1, 2, 3, seed=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Affine.initial(18, 3, seed=rng), loss=nn.SoftmaxWithLoss(),
)
layer = nn.Affine.initial(2, 3, seed=1)
words = nn.Sequential(
    nn.Embedding.initial(7, 4, seed=rng),
    nn.Residual(nn.LayerNorm.initial(4), nn.MultiHeadAttention.initial(4, heads=2, seed=rng)),
    nn.LSTM.initial(4, 3, seed=rng, last=True), loss=nn.SoftmaxWithLoss(),
)
block = nn.Residual(nn.Affine.initial(4, 4, seed=rng), nn.BatchNorm.initial(4))
sequences = nn.Sequential(nn.Conv1d.initial(2, 3, 3, seed=rng), nn.GlobalAvgPool())
lstm = nn.LSTM.initial(4, 3, seed=rng)
table = nn.Embedding.initial(5, 2, seed=rng)
sized = nn.Sequential(nn.Embedding.initial(5, 2, seed=rng), nn.Affine.initial(16, 3, seed=rng))
loss = nn.SoftmaxWithLoss()

class Scale:
    def __init__(self, k):
        self.k = k
    def __call__(self, x):
        return x * self.k

class Mine:
    def __init__(self):
        self.W = np.ones((3, 2))
    def forward(self, x):
        return np.tanh(x @ self.W)

scale, mine = Scale(2.0), Mine()
data = [1, 2]
"""


@pytest.fixture
def networks(tmp_path: Path) -> str:
    path = tmp_path / "networks.py"
    path.write_text(NETWORKS)
    return str(path)


@pytest.mark.parametrize(
    ("name", "names", "x"),
    [
        ("plain", ("x", "W1", "b1", "gamma2", "beta2"), (4, 3)),
        ("images", ("x", "t", "W1", "b1", "W2", "b2"), (2, 1, 8, 8)),
        ("layer", ("x", "W", "b"), (4, 2)),
        (
            "words",
            (
                *("x", "t", "W1", "Residual1_gamma1", "Residual1_beta1"),
                *(f"Residual1_{kind}{of}2" for kind in "Wb" for of in "qkvo"),
                *("Wx2", "Wh2", "b2"),
            ),
            (4, 5),
        ),
        ("block", ("x", "W1", "b1", "gamma2", "beta2"), (4, 4)),
        ("sequences", ("x", "W1", "b1"), (2, 2, 4)),
        ("lstm", ("x", "Wx", "Wh", "b"), (2, 5, 4)),
        ("table", ("x", "W"), (4, 5)),
        ("sized", ("x", "W1", "W2", "b2"), (4, 8)),
        ("loss", ("x", "t"), (4, 3)),
        ("scale", ("x",), (4, 3)),
        ("mine", ("x",), (4, 3)),
        ("mine.forward", ("x",), (4, 3)),
        ("images.predict", ("x",), None),
    ],
)
def test_networks_layers_and_objects(networks, name, names, x):
    given = ["x=2,1,8,8"] if x is None else []
    call = find_call(f"{networks}:{name}", given, "explain")
    assert call.names == names
    assert shapes(call)["x"] == (x or (2, 1, 8, 8))
    graph = trace(call.function, *call.arguments)
    assert list(graph.inputs) == list(names)
    derivatives = graph.backward(np.ones(np.shape(graph.output))[()])
    for parameter in set(names) - {"t"} - ({"x"} if call.arguments[0].dtype.kind == "i" else set()):
        assert derivatives.reached(graph.inputs[parameter]), parameter


def test_what_is_given_is_an_input_of_the_network(networks):
    call = find_call(f"{networks}:images", ["x=3,1,8,8", "b2=[0.0, 1.0, 2.0]"], "explain")
    assert call.proposed == ("t",)
    assert shapes(call)["t"] == (3,)
    assert list(call.arguments[call.names.index("b2")]) == [0, 1, 2]


def test_a_name_that_cannot_be_called(networks):
    assert "data is list, which cannot be called" in refusal(f"{networks}:data", [])
    assert "no function data.x" in refusal(f"{networks}:data.x", [])


def test_each_layer_of_a_network_is_a_group_of_its_own(networks):
    call = find_call(f"{networks}:images", [], "explain")
    graph = trace(call.function, *call.arguments)
    frames = [group.title for group in make_views(graph)[0].facts.groups[1:]]
    assert frames[:3] == ["Conv2d", "MaxPool2d", "Affine"]
    page = graph.backward().to_html()
    assert "def images(x, t, W1, b1, W2, b2):" in page


def test_a_module_that_has_lost_its_file_hides_no_listing(networks, monkeypatch):
    """As a package does that became a namespace: `inspect` then raises, whatever it is asked."""
    lost = types.ModuleType("a_namespace")
    lost.__file__ = None
    monkeypatch.setitem(sys.modules, "a_namespace", lost)
    monkeypatch.setitem(inspect._filesbymodname, "a_namespace", "/where/it/was.py")
    call = find_call(f"{networks}:images", [], "explain")
    page = trace(call.function, *call.arguments).backward().to_html()
    assert "def images(x, t, W1, b1, W2, b2):" in page
