"""What a run says of samples that are not finite, and of numbers that are too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import data, nn, optim
from clearprop.errors import NonFiniteError
from clearprop.train import Metrics, fit

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(60, 4)), RNG.integers(0, 3, 60)


def network(**options: Any) -> nn.TwoLayerNet:
    return nn.TwoLayerNet(4, 5, 3, seed=1, **options)


def refused(net: Any, samples: Any, **options: Any) -> str:
    with pytest.raises(NonFiniteError) as caught:
        fit(net, (samples, None), **{"batch": 60, "iterations": 5, "replace": False, **options})
    assert "learning rate" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("interpret", [False, True])
def test_samples_that_are_not_finite_are_named(interpret: bool) -> None:
    x = X.copy()
    x[22, 1] = x[22, 2] = x[40] = np.nan
    text = refused(network(), (x, T), interpret=interpret)
    assert "at iteration 1. Why: x has 6 NaN, the first at [22, 1]." in text
    line = "keep = np.isfinite(x).all(axis=-1); x, t = x[keep], t[keep]"
    assert text.endswith(f"Write instead: {line}")
    names: dict[str, Any] = {"np": np, "x": x, "t": T}
    exec(line, names)
    assert fit(network(), ((names["x"], names["t"]), None), iterations=2).iterations == 2
    x[:] = X
    x[3, 0] = -np.inf
    assert "x has 1 infinite, at [3, 0]." in refused(network(), (x, T), interpret=interpret)


def test_it_is_said_later_too_and_of_batches_from_elsewhere() -> None:
    x = X.copy()
    x[59, 3] = np.nan
    batches = [(X[:30], T[:30]), (x[30:], T[30:])]
    text = refused(network(), batches)
    assert "at iteration 2. Why: The batch's own x has 1 NaN, at [29, 3]." in text
    text = refused(network(), (X, T), prepare=lambda x: np.log(x * 0 - 1), interpret=True)
    assert "before prepare it is finite" in text


def test_in_the_first_iteration_nothing_has_grown() -> None:
    net = network(dtype="float32")
    net.params["W1"] *= np.float32(1e4)
    text = refused(net, (np.full((60, 4), 3e38, np.float32), T))
    assert "No update was made before" in text
    assert "Write instead: x = (x - x.mean(axis=0)) / x.std(axis=0)" in text
    net = network()
    net.params["b2"][1] = np.nan
    assert "b2 holds NaN or infinity before the first update" in refused(net, (X, T))


def line_net() -> nn.Sequential:
    return nn.Sequential(nn.Affine.initial(4, 1, seed=0), loss=nn.MSE())


@pytest.mark.parametrize("interpret", [False, True])
def test_a_loss_that_has_grown_is_said_once(interpret: bool) -> None:
    x, t = X * 50, X[:, :1] * 5e6
    with pytest.warns(RuntimeWarning, match="the loss has grown from") as caught:
        fit(line_net(), ((x, t), None), iterations=3, interpret=interpret)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert "x = (x - x.mean(axis=0)) / x.std(axis=0); or fit(…, prepare_target=" in text
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    prepare = data.Standardized((t.mean(),), (t.std(),))
    losses = fit(line_net(), ((x, t), None), iterations=300, prepare_target=prepare).loss
    assert losses[-1] < losses[0] / 1000


def test_a_trained_network_may_do_a_little_worse() -> None:
    net = line_net()
    t = X @ np.ones((4, 1))
    fit(net, ((X, t), None), optimizer=optim.SGD(0.1), iterations=1000)
    metrics = fit(net, ((X, t), None), optimizer=optim.Adam(0.01), iterations=2)
    assert metrics.loss[-1] > 1000 * metrics.loss[0]  # and there is no warning


def test_metrics_are_one_line() -> None:
    metrics = fit(network(), ((X, T), (X, T)), iterations=100)
    assert len(repr(metrics)) < 120
    assert repr(metrics).startswith("Metrics of 100 iterations: loss ")
    assert "test accuracy" in repr(metrics)
    assert repr(Metrics()) == "Metrics of 0 iterations"
