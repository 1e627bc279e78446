"""`fit`: the loop of the document, its numbers, and its ends."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import threadpoolctl

from clearprop import nn, train
from clearprop.data import scaled
from clearprop.errors import DataError, NonFiniteError, OptionError
from clearprop.train import Metrics, Settings, build_model, fit


def blobs(count: int) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(count) % 3
    x = np.random.default_rng(0).normal(size=(count, 4)) + 3 * np.eye(3, 4)[t]
    return x.astype(np.float32), t


DATA = blobs(30), blobs(12)


def network() -> nn.TwoLayerNet:
    return nn.TwoLayerNet(4, 5, 3, seed=1, dtype="float32")


def test_it_is_the_loop_of_the_document() -> None:
    net = network()
    metrics = fit(net, DATA, lr=0.1, batch=10, iterations=40, seed=7, interpret=True)

    ours = network()
    (x_train, t_train), test = DATA
    rng, losses, accuracies = np.random.default_rng(7), [], []
    for i in range(40):
        if i % 3 == 0:  # 30 / 10 iterations are an epoch
            accuracies.append((ours.accuracy(x_train, t_train), ours.accuracy(*test)))
        mask = rng.integers(30, size=10)
        losses.append(float(ours.loss(x_train[mask], t_train[mask])))
        grad = ours.gradient(x_train[mask], t_train[mask])
        for key in ("W1", "b1", "W2", "b2"):
            ours.params[key] -= 0.1 * grad[key]
    accuracies.append((ours.accuracy(x_train, t_train), ours.accuracy(*test)))

    assert all(np.array_equal(net.params[key], ours.params[key]) for key in ours.params)
    assert net.params["W1"].dtype == np.float32
    assert metrics.loss.tolist() == losses
    assert metrics.iterations == 40
    assert [row[3:5] for row in metrics.rows] == accuracies
    assert [row.iteration for row in metrics.rows] == [*range(0, 40, 3), 40]
    assert metrics.rows[-1].epoch == pytest.approx(40 / 3)
    assert math.isnan(metrics.rows[0].loss)
    assert metrics.rows[2].loss == pytest.approx(np.mean(losses[3:6]))


def test_epochs_where_the_batch_does_not_divide_the_data_or_exceeds_it() -> None:
    def borders(batch: int, iterations: int) -> list[int]:
        return [
            row.iteration
            for row in fit(network(), DATA, batch=batch, iterations=iterations, interpret=True).rows
        ]

    assert borders(7, 13) == [0, 5, 9, 13]  # 35, 63 and 91 of 30 samples drawn
    assert borders(12, 7) == [0, 3, 5, 7]
    assert borders(70, 3) == [0, 1, 2, 3]
    assert borders(30, 1) == [0, 1]


def test_accuracies_are_exact_on_data_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.train.measuring._PIECE", 7)
    net = network()
    row = fit(net, DATA, iterations=3, batch=10).rows[-1]
    assert (row.train_accuracy, row.test_accuracy) == tuple(net.accuracy(*part) for part in DATA)


@pytest.mark.parametrize("interpret", [False, True])
def test_a_watcher_sees_every_iteration_and_may_end_the_run(interpret: bool) -> None:
    seen = []

    def watch(metrics: Metrics) -> bool:
        seen.append((metrics.iterations, len(metrics.loss), len(metrics.rows)))
        return metrics.iterations == 4

    metrics = fit(network(), DATA, batch=10, iterations=100, watch=watch, interpret=interpret)
    assert seen == [(0, 0, 1), (1, 1, 1), (2, 2, 1), (3, 3, 2), (4, 4, 2), (4, 4, 3)]
    assert metrics.rows[-1].iteration == 4


@pytest.mark.parametrize("interpret", [False, True])
def test_an_exception_leaves_the_numbers_and_the_weights(interpret: bool) -> None:
    def interrupt(metrics: Metrics) -> None:
        if metrics.iterations == 4:
            raise KeyboardInterrupt

    metrics, net, ours = Metrics(), network(), network()
    with pytest.raises(KeyboardInterrupt):
        fit(net, DATA, batch=10, seed=3, metrics=metrics, watch=interrupt, interpret=interpret)
    fit(ours, DATA, batch=10, seed=3, iterations=4, interpret=interpret)
    assert metrics.iterations == len(metrics.loss) == 4
    assert all(np.array_equal(net.params[key], ours.params[key]) for key in ours.params)


@pytest.mark.parametrize("interpret", [False, True])
def test_a_loss_that_is_not_finite(interpret: bool) -> None:
    metrics = Metrics()
    with pytest.raises(NonFiniteError) as caught:
        fit(network(), DATA, lr=1e30, batch=10, metrics=metrics, interpret=interpret)
    text = str(caught.value)
    assert text.startswith("train: the loss is nan at iteration 2. Why: In Affine2, matmul made ")
    assert text.endswith(
        "The updates have grown beyond what a float holds, as they do when the learning rate is "
        "too large for the model and the batches. Write instead: lr=0.1"
    )
    assert metrics.iterations == 1
    assert math.isnan(metrics.loss[1])
    with pytest.raises(NonFiniteError, match=r"lr=0\.05$"):
        fit(Faulty(), DATA, lr=0.5, iterations=1, interpret=True)


class Faulty(nn.TwoLayerNet):
    """The last update breaks it, so that no loss will tell."""

    def __init__(self) -> None:
        super().__init__(4, 5, 3)

    def loss_and_gradient(self, x: Any, t: Any) -> Any:
        loss, gradient = super().loss_and_gradient(x, t)
        return loss, {**gradient, "b2": np.full(3, np.inf)}


def test_parameters_that_are_not_finite_at_the_end() -> None:
    with pytest.raises(NonFiniteError, match="train: b2 holds NaN or infinity at iteration 1"):
        fit(Faulty(), DATA, iterations=1, interpret=True)


def test_what_fit_refuses() -> None:
    for wrong, text in (
        ({"lr": 0}, "train: lr is 0. Why: the learning rate is a positive, finite number. "),
        ({"batch": 2.5}, "train: batch is 2.5. "),
        ({"iterations": True}, "train: iterations is True. "),
    ):
        with pytest.raises(OptionError) as caught:
            fit(network(), DATA, **wrong)  # type: ignore[arg-type]
        assert str(caught.value).startswith(text)
    assert str(caught.value).endswith("Write instead: iterations=10000")
    with pytest.raises(DataError, match="there are no test samples"):
        fit(network(), (DATA[0], blobs(0)))


def test_numbers_of_numpy_are_numbers() -> None:
    net = network()
    fit(net, DATA, lr=np.float64(0.1), batch=np.int64(10), iterations=np.int32(2))
    assert net.params["W1"].dtype == np.float32


def test_the_streams_of_a_seed_are_its_own() -> None:
    weights, batches = Settings(seed=3).streams()
    again = Settings(seed=3).streams()
    others = Settings(seed=4).streams()
    first = weights.integers(2**62)
    assert first == again[0].integers(2**62)
    assert len({first, *(rng.integers(2**62) for rng in (batches, *others))}) == 4


def test_models_have_the_document_s_initial_weights() -> None:
    for settings in (Settings(), Settings(model="linear", dtype="float64")):
        params = build_model(settings, np.random.default_rng(0)).params
        assert {array.dtype.name for array in params.values()} == {settings.dtype}
        assert np.std(params["W1"]) == pytest.approx(0.01, rel=0.03)
        assert not params["b1"].any()


def byte_data() -> Any:
    rng = np.random.default_rng(5)
    return [(rng.integers(0, 256, (n, 4), np.uint8), np.arange(n) % 3) for n in (1_030, 517)]


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_that_are_prepared_batch_by_batch_are_floats(dtype: str, interpret: bool) -> None:
    def run(data: Any, **options: Any) -> tuple[list[bytes], Metrics, train.Diary]:
        net = nn.TwoLayerNet(4, 5, 3, seed=1, dtype=dtype)
        diary = train.Diary(net, data[0][0], 60, **options)
        numbers = fit(
            net, data, batch=20, iterations=60, watch=diary, interpret=interpret, **options
        )
        return [value.tobytes() for value in net.params.values()], numbers, diary

    prepare = partial(scaled, dtype=dtype)
    stored = byte_data()
    weights, metrics, diary = run(stored, prepare=prepare)
    floats = run([(prepare(x), t) for x, t in stored])
    assert weights == floats[0]
    assert metrics.loss == floats[1].loss
    assert metrics.rows[1:] == floats[1].rows[1:]
    assert (diary.norms, diary.dead) == (floats[2].norms, floats[2].dead)


def test_numpy_keeps_off_the_cores_of_machine_code() -> None:
    """Whoever watches may compute: afterwards the threads of OpenBLAS would wait on a core."""
    seen: dict[bool, set[int]] = {}

    def threads() -> set[int]:
        pools = threadpoolctl.threadpool_info()
        return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, "blas"):
        if threads() != {2}:
            pytest.skip("this BLAS does not say how many threads it has")
        for interpret in (False, True):
            seen[interpret] = set()
            fit(
                network(),
                DATA,
                batch=10,
                iterations=3,
                watch=lambda _, seen=seen[interpret]: seen.update(threads()),
                interpret=interpret,
            )
        assert threads() == {2}
    assert seen == {False: {1}, True: {2}}
