"""What people type who trained elsewhere: each is an error that names the line to write."""

from __future__ import annotations

import copy
import inspect
import pickle
from abc import ABC
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import data, errors, nn, optim, train
from clearprop.idioms import is_called
from clearprop.idioms_of_training import KEYWORDS, MODULES

X, T = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 3
DATA = (X, T), None
NAMES = {"cp": cp, "nn": nn, "optim": optim, "train": train, "data": data, "np": np}


def network() -> nn.TwoLayerNet:
    return nn.TwoLayerNet(4, 5, 3)


CALLS = [
    ("optim.Adam(net.parameters(), lr=1e-3)", AttributeError, "optim.Adam(0.001), then train.fit("),
    ("nn.ReLU().parameters and 0 or nn.Affine.parameters()", AttributeError, "optim.Adam(0.001)"),
    ("optim.Adam(net.params, lr=1e-3)", ValueError, "rule = Adam(0.001), then rule.update("),
    ("optim.Adam(net.params.values())", ValueError, "rule = Adam(0.01), then rule.update("),
    ("optim.Adam(learning_rate=0.1)", TypeError, "lr=0.1"),
    ("optim.SGD(0.1, momentun=0.9)", TypeError, "momentum=…"),
    ("optim.StepDecay(0.1, step_size=30)", TypeError, "every=30"),
    ("optim.StepDecay(0.1, every=30, gama=0.5)", TypeError, "gamma=…"),
    ("optim.StepDecay(gamma=0.5)", TypeError, "optim.StepDecay(lr, every, …)"),
    ("optim.Cosine(0.1, T_max=100)", TypeError, "total=100"),
    ("optim.WarmUp(0.1, 5, 0.1, 2)", TypeError, "optim.WarmUp(after, updates, …)"),
    ("nn.LSTM(4, 8)", TypeError, "nn.LSTM.initial(4, 8, seed=0)"),
    ("nn.BatchNorm(4)", TypeError, "nn.BatchNorm.initial(4)"),
    ("nn.Embedding(10, 4)", TypeError, "nn.Embedding.initial(10, 4, seed=0)"),
    ("nn.Conv2d(1, 16, 3)", TypeError, "nn.Conv2d.initial(1, 30, 5, seed=0)"),
    ("nn.MultiHeadAttention(8, 2)", TypeError, "nn.MultiHeadAttention.initial(features, heads=…"),
    ("nn.Conv2d.initial(1, 16, 3)", TypeError, "nn.Conv2d.initial(1, 16, 3, seed=0)"),
    ("nn.Affine.initial(1, 2, seed=0, bias=False)", TypeError, "the line without it"),
    ("nn.Dropout(p=0.5)", TypeError, "nn.Dropout(0.5)"),
    ("nn.ReLU(inplace=True)", TypeError, "the layer without it"),
    ("nn.ReLU(3)", TypeError, "nn.ReLU()"),
    ("nn.Sequential([nn.ReLU()])", ValueError, "nn.Sequential(nn.Affine(W1, b1)"),
    ("nn.Sequential(nn.ReLU)", ValueError, "nn.Sequential(nn.Affine(W1, b1)"),
    ("fit(net, DATA, optimizer='adam')", ValueError, "optimizer=optim.Adam(lr=0.001)"),
    ("fit(net, DATA, optimizer='RMSprop', lr=0.1)", ValueError, "optimizer=optim.RMSprop(lr=0.1)"),
    ("fit(net, DATA, optimizer=optim.AdamW)", ValueError, "optimizer=optim.AdamW(lr=0.001)"),
    ("fit(net, DATA, batch_size=10)", TypeError, "batch=10"),
    ("fit(net, DATA, verbose=1)", TypeError, "watch=train.PlainProgress()"),
    ("fit(net, DATA, epochs_=1)", TypeError, "epochs=…"),
    ("fit(net, X, T)", TypeError, "train.fit(net, ((x, t), None), …)"),
    ("fit(X, T)", ValueError, "fit(net, ((x, t), None))"),
    ("fit(nn.TwoLayerNet, DATA)", ValueError, "fit(net, ((x, t), None))"),
    ("fit(net, DATA, checkpoints=4)", ValueError, 'checkpoints="folder"'),
    ("fit(net, DATA, seed=-1)", ValueError, "seed=0"),
    ("fit(net, DATA, seed='a')", ValueError, "seed=0"),
    ("fit(net, DATA, watch=None)", ValueError, "watch=train.PlainProgress()"),
    ("fit(net, DATA, watch=[train.Clock(), 3])", ValueError, "watch=train.PlainProgress()"),
    ("fit(net, DATA, prepare=3)", ValueError, "prepare=lambda x: "),
    ("fit(nn.Sequential(nn.Affine.initial(4, 3, seed=0)), DATA)", RuntimeError, "nn.Sequential(…"),
    ("train.EarlyStopping()", ValueError, "early = train.EarlyStopping(net)"),
    ("train.EarlyStopping(net, monitor='val_loss')", TypeError, 'by="validation_loss"'),
    ("net(X)", TypeError, "net.predict(x)"),
    ("nn.ReLU()(X)", TypeError, "layer.forward(x)"),
    ("nn.SoftmaxWithLoss()(X, T)", TypeError, "layer.forward(x, t)"),
    ("cp.trace(net, X)", TypeError, "net.predict(x)"),
    ("net.summary()", TypeError, "net.summary((784,))"),
    ("net.forward(X) is net.backward()", TypeError, "net.gradient(x, t)"),
]


@pytest.mark.parametrize(("text", "kind", "write"), CALLS, ids=[text for text, *_ in CALLS])
def test_a_call_from_elsewhere_says_what_to_write(
    text: str, kind: type[Exception], write: str
) -> None:
    names = {**NAMES, "net": network(), "fit": train.fit, "X": X, "T": T, "DATA": DATA}
    with pytest.raises(kind) as caught:
        eval(compile(text, "typed.py", "eval"), names)
    assert isinstance(caught.value, errors.ClearpropError)
    assert str(caught.value.write).startswith(write)
    assert "typed.py" in str(caught.value.where)


ROWS = [(module, name) for module, names in MODULES.items() for name in names]


@pytest.mark.parametrize(("module", "name"), ROWS)
def test_a_name_of_a_module_from_elsewhere(module: str, name: str) -> None:
    owner = cp if module == "clearprop" else NAMES[module]
    assert not hasattr(owner, name)
    with pytest.raises(errors.MissingMethodError) as caught:
        getattr(owner, name)
    assert caught.value.write == MODULES[module][name]


def test_no_argument_here_is_called_wrong() -> None:
    for owner, thing in (("train.fit", train.fit), ("train.EarlyStopping", train.EarlyStopping)):
        assert not set(KEYWORDS[owner]) & set(inspect.signature(thing).parameters)
    for module in ("nn", "optim"):
        for kind in vars(NAMES[module]).values():
            if isinstance(kind, type) and issubclass(kind, nn.Layer | optim.Optimizer):
                assert not set(KEYWORDS[module]) & set(inspect.signature(kind).parameters), kind


def test_signatures_names_copies_and_subclasses_stay() -> None:
    assert list(inspect.signature(nn.Affine).parameters) == ["W", "b", "last_axis"]
    assert next(iter(inspect.signature(optim.SGD).parameters)) == "lr"
    assert list(inspect.signature(train.fit).parameters)[:2] == ["model", "data"]
    assert "seed" in inspect.signature(nn.Affine.initial).parameters
    assert (network().parameters, type(nn.Affine.parameters).__mro__[1]) == (
        ("W1", "b1", "W2", "b2"),
        tuple,
    )
    assert not hasattr(nn, "nothing")
    for layer in (network(), nn.ReLU()):
        assert not is_called(layer)
        with pytest.raises(errors.DTypeError, match="The function to differentiate is a "):
            cp.grad(layer)

    class Called(nn.ReLU):
        def __call__(self, x: Any) -> Any:
            return self.forward(x)

    assert is_called(Called())
    assert Called()(-1.0) == 0

    class Mine(nn.ReLU, ABC):
        def __init__(self, slope: float, **more: Any) -> None:
            self.slope, self.more = slope, more

    @dataclass(frozen=True, repr=False)
    class Rule(optim.Optimizer):
        lr: float = 0.5

    assert (Mine(2.0, p=1).more, Rule(lr=0.25).lr) == ({"p": 1}, 0.25)
    with pytest.raises(TypeError, match=r"Rule has no keyword learning_rate\."):
        Rule(learning_rate=0.1)  # type: ignore[call-arg]
    early = train.EarlyStopping(network(), patience=3)
    for thing in (network(), optim.Adam(0.2), early, nn.Affine.parameters):
        for other in (copy.copy(thing), copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
            assert repr(other) == repr(thing)
            assert type(other) is type(thing)


def test_checkpoints_may_be_a_path(tmp_path: Path) -> None:
    pytest.importorskip("safetensors", reason="the extra `train` brings it")
    for folder in (str(tmp_path / "one"), tmp_path / "two"):
        train.fit(network(), DATA, iterations=3, checkpoints=folder)
        assert train.Checkpoints(folder).latest().required().step == 3
