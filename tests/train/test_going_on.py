"""A run goes on from what the optimiser of another one remembers."""

import math

import numpy as np
import pytest

from clearprop import nn, optim, train
from clearprop.errors import OptionError


def problem():
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 3)), rng.integers(0, 2, 20)


def network():
    return nn.TwoLayerNet(3, 5, 2, weight_init_std=0.5, seed=0)


def fit(net, iterations, **options):
    # all samples in each batch: whatever their order, to rounding
    return train.fit(
        net, (problem(), None), batch=20, iterations=iterations, replace=False, **options
    )


@pytest.mark.parametrize("interpret", [True, False])
@pytest.mark.parametrize("rule", [optim.Adam(0.1), optim.Momentum(0.1)], ids=repr)
def test_two_runs_with_a_state_between_are_one(rule, interpret):
    if not interpret:
        pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    options = {"optimizer": rule, "interpret": interpret}
    whole, parts, forgetful = network(), network(), network()
    ended = fit(whole, 10, **options)
    first = fit(parts, 4, **options)
    assert first.optimizer_state["step"] == 4
    second = fit(parts, 6, state=first.optimizer_state, **options)
    fit(forgetful, 4, **options)
    fit(forgetful, 6, **options)
    assert ended.optimizer_state["step"] == second.optimizer_state["step"] == 10
    assert first.optimizer_state["step"] == 4  # nothing was written into
    for name, value in whole.params.items():
        np.testing.assert_allclose(parts.params[name], value, rtol=1e-9)
    assert not np.allclose(forgetful.params["W1"], whole.params["W1"], rtol=1e-3)


def test_the_state_is_there_when_an_exception_ends_the_run():
    metrics = train.Metrics()

    def interrupt(metrics):
        if metrics.iterations == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(network(), 10, optimizer=optim.Adam(), interpret=True, metrics=metrics, watch=interrupt)
    assert metrics.optimizer_state["step"] == 3


@pytest.mark.parametrize(
    "state",
    [
        optim.Momentum(0.1).init(network().params),
        optim.Adam().init(nn.TwoLayerNet(3, 6, 2).params),
        optim.Adam().init(nn.TwoLayerNet(3, 5, 2, dtype="float32").params),
        {},
    ],
    ids=["rule", "shapes", "dtype", "empty"],
)
def test_the_state_of_another_run_is_refused(state):
    with pytest.raises(OptionError, match="the state is none of Adam for this network"):
        fit(network(), 1, optimizer=optim.Adam(), interpret=True, state=state)


@pytest.mark.parametrize("measured", [True, False])
def test_the_samples_to_train_with_need_not_be_measured(measured):
    x, t = problem()
    metrics = train.fit(
        network(), ((x, t), (x, t)), batch=5, epochs=2, interpret=True, train_accuracy=measured
    )
    assert len(metrics.rows) == 3
    assert all(math.isnan(row.train_accuracy) is not measured for row in metrics.rows)
    assert not any(math.isnan(row.test_accuracy) for row in metrics.rows)
