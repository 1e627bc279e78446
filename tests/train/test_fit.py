"""`fit` with what people expect around it: rules, epochs, streams, validation, early ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import nn, optim, train
from clearprop.errors import DataError, LabelError, NonFiniteError, OptionError


def blobs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(count) % 3
    x = np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(3, 4)[t]
    return x.astype(np.float32), t


DATA = blobs(60), blobs(20, 1)


def network(dtype: str = "float32") -> nn.TwoLayerNet:
    return nn.TwoLayerNet(4, 8, 3, 0.3, seed=1, dtype=dtype)


def with_state() -> nn.Sequential:
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.Affine.initial(4, 8, seed=rng, dtype="float32"),
        nn.BatchNorm.initial(8, dtype="float32"),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Affine.initial(8, 3, seed=rng, dtype="float32"),
        loss=nn.SoftmaxWithLoss(),
    )


def same(a: nn.Sequential, b: nn.Sequential, **tolerance: float) -> None:
    for name, value in a.params.items():
        np.testing.assert_allclose(value, b.params[name], **(tolerance or {"rtol": 0}))


# ---- rules -----------------------------------------------------------------------------------

RULES = {
    "momentum": optim.SGD(0.05, momentum=0.9),
    "nesterov": optim.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adagrad": optim.AdaGrad(0.05),
    "rmsprop": optim.RMSprop(0.01),
    "adam": optim.Adam(0.01, clip_norm=1.0),
    "adamw on a schedule": optim.AdamW(optim.Cosine(0.02, 40)),
}


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_that_of_single_updates(name: str, interpret: bool) -> None:
    rule = RULES[name]
    net, ours = network("float64"), network("float64")
    metrics = train.fit(
        net, DATA, optimizer=rule, batch=10, iterations=25, seed=3, interpret=interpret
    )
    (x, t), _ = DATA
    rng, state, losses = np.random.default_rng(3), rule.init(dict(ours.params)), []
    for _ in range(25):
        drawn = rng.integers(60, size=10)
        loss, grads = ours.loss_and_gradient(x[drawn], t[drawn])
        ours.params, state = rule.update(dict(ours.params), grads, state)
        losses.append(float(loss))
    np.testing.assert_allclose(metrics.loss, losses, rtol=1e-9)
    same(net, ours, rtol=1e-8, atol=1e-11)


def test_a_rule_keeps_its_state_from_call_to_call() -> None:
    """How many updates a call of machine code makes changes no bit."""
    one, other = with_state(), with_state()
    rule = optim.Adam(0.01)
    ours = train.fit(one, DATA, optimizer=rule, batch=10, iterations=40)
    theirs = train.fit(other, DATA, optimizer=rule, batch=10, iterations=40, watch=lambda _: False)
    assert ours.loss == theirs.loss
    same(one, other)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"optimizer": optim.SGD(0.1), "lr": 0.2}, "beside an optimizer"),
        ({"iterations": 3, "epochs": 2}, "how long the run is"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": math.nan}, "epochs is nan"),
        ({"validation": 1.0}, "validation is 1.0"),
        ({"lr": -1.0}, "lr is -1.0"),
        ({"optimizer": optim.Adam}, "optimizer is the class Adam"),
    ],
)
def test_what_is_no_option(options: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        train.fit(network(), DATA, **options)


# ---- samples -----------------------------------------------------------------------------------


class Noting:
    """A model of one number that notes which samples it is given."""

    def __init__(self) -> None:
        self.params = {"w": np.zeros(1)}
        self.seen: list[int] = []

    def loss_and_gradient(self, x: Any, t: Any) -> Any:
        self.seen += x[:, 0].tolist()
        return 1.0, {"w": np.zeros(1)}

    def accuracy(self, x: Any, t: Any) -> float:
        return 0.5


def noted(count: int, **options: Any) -> tuple[list[int], train.Metrics]:
    model = Noting()
    data = np.arange(count)[:, None], np.zeros(count)
    metrics = train.fit(model, (data, None), interpret=True, **options)
    return model.seen, metrics


def test_an_epoch_without_replacement_is_every_sample_once() -> None:
    seen, metrics = noted(10, batch=4, epochs=2, replace=False)
    assert sorted(seen) == sorted([*range(10)] * 2)
    assert seen[:10] != [*range(10)]
    assert [row.iteration for row in metrics.rows] == [0, 3, 5]
    assert metrics.rows[-1].epoch == 2.0
    assert math.isnan(metrics.rows[-1].test_accuracy)


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize("epochs", [0.25, 0.5, 1, 2.1])
def test_a_part_of_an_epoch(epochs: float, interpret: bool) -> None:
    metrics = train.fit(network(), DATA, batch=7, epochs=epochs, interpret=interpret)
    assert metrics.iterations == math.ceil(epochs * 60 / 7)
    assert len(metrics.loss) == metrics.iterations


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (None, {}, "data is a NoneType"),
        ((*DATA, None), {}, "data is 3 things"),
        (((DATA[0][0], DATA[0][1]), DATA[1][0]), {}, "the test samples are a ndarray"),
        (DATA, {"validation": DATA[0][0]}, "the validation samples are a ndarray"),
        (DATA, {"validation": "0.1"}, "the validation samples are a str"),
    ],
)
def test_what_is_no_pair(data: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        train.fit(network(), data, iterations=1, **options)


def test_a_part_to_set_aside_is_any_number() -> None:
    found = train.fit(network(), DATA, iterations=2, validation=np.float32(0.25))
    assert not math.isnan(found.rows[-1].validation_accuracy)
    with pytest.raises(OptionError, match=r"validation is 1\.0"):
        train.fit(network(), DATA, iterations=1, validation=1)


def test_samples_set_aside_are_not_trained_with() -> None:
    seen, metrics = noted(50, batch=5, epochs=3, validation=0.2, replace=False)
    assert len(set(seen)) == 40
    assert len(seen) == 120
    assert metrics.rows[-1].validation_accuracy == 0.5
    again, _ = noted(50, batch=5, epochs=3, validation=0.2, replace=False)
    assert again == seen


def test_validation_is_measured_on_its_own_samples() -> None:
    net = network()
    metrics = train.fit(net, (DATA[0], None), iterations=12, batch=10, validation=DATA[1])
    x, t = DATA[1]
    assert metrics.rows[-1].validation_accuracy == net.accuracy(x, t)
    assert metrics.rows[-1].validation_loss == pytest.approx(float(net.loss(x, t)), rel=1e-5)


def test_samples_may_stay_on_the_disk(tmp_path: Path) -> None:
    (x, t), test = DATA
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    one, other = network(), network()
    ours = train.fit(one, ((mapped, t), test), iterations=20, batch=10)
    theirs = train.fit(other, DATA, iterations=20, batch=10)
    assert ours.loss == theirs.loss
    same(one, other)


@pytest.mark.parametrize(
    "data", [((np.zeros((3, 4)), np.zeros(2)), None), ((np.zeros((3, 4)), np.zeros(3)), (1, 2))]
)
def test_labels_that_are_missing(data: Any) -> None:
    with pytest.raises(DataError, match="the first axis of both"):
        train.fit(network(), data)


# ---- streams -------------------------------------------------------------------------------------


def stream(sizes: tuple[int, ...] = (10, 10, 10, 4)) -> Any:
    x, t = DATA[0]

    def make() -> Iterator[tuple[Any, Any]]:
        start = 0
        for size in sizes:
            yield x[start : start + size], t[start : start + size]
            start += size

    return make


@pytest.mark.parametrize("make", [network, with_state])
def test_a_stream_is_trained_with_batch_by_batch(make: Any) -> None:
    nets = [make() for _ in range(3)]
    runs = [
        train.fit(net, (stream(), DATA[1]), epochs=6, **options)
        for net, options in zip(
            nets, ({}, {"interpret": True}, {"watch": lambda _: False}), strict=True
        )
    ]
    assert [row.iteration for row in runs[0].rows] == [0, 4, 8, 12, 16, 20, 24]
    assert runs[0].rows[-1].epoch == 6.0
    np.testing.assert_allclose(runs[0].loss, runs[1].loss, rtol=1e-3)
    assert runs[0].loss == runs[2].loss
    same(nets[0], nets[2])


def test_a_label_that_is_none_is_found_in_any_batch() -> None:
    x, t = blobs(30)
    wrong = t.copy()
    wrong[25] = 7
    batches = [(x[i : i + 10], wrong[i : i + 10]) for i in (0, 10, 20)]
    with pytest.raises(LabelError):
        train.fit(network(), (batches, None), epochs=2)


def test_a_stream_has_no_samples_to_set_aside() -> None:
    with pytest.raises(OptionError, match=r"validation=\(x, t\)"):
        train.fit(network(), (stream(), None), validation=0.1)


# ---- ends ------------------------------------------------------------------------------------


def noise() -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(size=(80, 4)).astype(np.float32), rng.integers(3, size=80)


def test_a_run_ends_when_it_gets_no_better_and_keeps_the_best_weights() -> None:
    net = nn.TwoLayerNet(4, 60, 3, 0.5, seed=1, dtype="float32")
    early = train.EarlyStopping(net, patience=4)
    metrics = train.fit(
        net, (noise(), None), lr=0.5, batch=20, epochs=500, validation=0.25, watch=early
    )
    losses = [row.validation_loss for row in metrics.rows]
    best = int(np.argmin(losses))
    assert len(losses) == best + 5
    assert early.best == metrics.rows[best]
    again = nn.TwoLayerNet(4, 60, 3, 0.5, seed=1, dtype="float32")
    iterations = metrics.rows[best].iteration
    if iterations:
        train.fit(again, (noise(), None), lr=0.5, batch=20, iterations=iterations, validation=0.25)
    same(net, again)


def test_running_means_are_those_of_the_best_epoch() -> None:
    net = with_state()
    early = train.EarlyStopping(net, patience=3, by="validation_accuracy")
    train.fit(net, (noise(), None), lr=0.5, batch=20, epochs=300, validation=DATA[1], watch=early)
    x, t = DATA[1]
    assert net.accuracy(x, t) == early.best.validation_accuracy


@pytest.mark.parametrize(
    "options", [{"by": "accuracy"}, {"patience": 0}, {"by": "validation_loss"}]
)
def test_early_stopping_of_what_is_not_measured(options: dict[str, Any]) -> None:
    net = network()

    def run() -> None:
        train.fit(net, DATA, epochs=3, watch=train.EarlyStopping(net, **options))

    with pytest.raises(OptionError):
        run()


def test_several_may_watch_and_each_is_called() -> None:
    net, calls = network(), []
    early = train.EarlyStopping(net, patience=100)
    watchers = [early, lambda metrics: calls.append(metrics.iterations)]
    train.fit(net, DATA, batch=10, epochs=2, validation=0.2, watch=watchers)
    assert calls == [*range(11)]


@pytest.mark.parametrize("interpret", [False, True])
def test_a_loss_that_is_not_finite_names_the_operation(interpret: bool) -> None:
    class Log(nn.Layer):
        def compute(self, x: Any) -> Any:
            return np.log(x)

    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Affine.initial(4, 3, seed=rng), Log(), loss=nn.SoftmaxWithLoss())
    net.params["b1"] += 10
    before = {name: value.copy() for name, value in net.params.items()}
    x, t = blobs(30)
    x[7] = -100 * np.abs(net.params["W1"][:, 0]) * np.sign(net.params["W1"][:, 0])
    with pytest.raises(NonFiniteError, match=r"(?s)np\.log|log made") as caught:
        train.fit(net, ((x[7:8], t[7:8]), None), lr=0.1, batch=1, interpret=interpret)
    assert "iteration 1" in str(caught.value)
    for name, value in net.params.items():
        assert np.array_equal(value, before[name])
