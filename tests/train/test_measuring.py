"""What a network is measured with: in pieces, of rows that stay where they are."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.train import EarlyStopping, fit, measuring
from clearprop.train.measuring import Measuring
from clearprop.train.parallel.processes import Processes
from clearprop.train.splits import Subset, sources_of

RNG = np.random.default_rng(4)
X, T = RNG.normal(size=(47, 5)), RNG.integers(0, 3, 47)
WEIGHTS = [0.2, 1.0, 3.0]


def network(loss: nn.Layer, outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Affine.initial(5, outputs, seed=1), loss=loss)


CASES: dict[str, tuple[Any, Any]] = {
    "scores": (nn.SoftmaxWithLoss(), T),
    "scores, weighted": (nn.SoftmaxWithLoss(class_weights=WEIGHTS), T),
    "scores, smoothed": (nn.SoftmaxWithLoss(label_smoothing=0.1, class_weights=WEIGHTS), T),
    "scores, some ignored": (nn.SoftmaxWithLoss(ignore=2), np.sort(T)),  # whole pieces are
    "outputs of 0 and 1": (nn.SigmoidWithLoss(), RNG.integers(0, 2, (47, 3))),
    "numbers": (nn.MSE(), RNG.normal(size=(47, 3))),
    "numbers, Huber": (nn.Huber(), RNG.normal(size=(47, 3))),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_pieces_are_measured_as_the_whole(
    name: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled:
        pytest.importorskip("llvmlite", reason="the extra `train` brings it")
    loss, t = CASES[name]
    net = network(loss)
    monkeypatch.setattr(measuring, "_PIECE", 10)
    found = Measuring(net, None, compiled=compiled)(Subset(X, t))
    assert found.loss == pytest.approx(net.loss(X, t), rel=1e-12)
    if loss.classifies:
        assert found.accuracy == net.accuracy(X, t)


def test_a_loss_beyond_all_numbers_is_infinite_and_no_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "_PIECE", 24)
    net = network(nn.MAE(), outputs=1)
    with np.errstate(over="ignore"):
        found = Measuring(net, None, compiled=False)(Subset(X, np.full(47, 1e307)))
    assert found.loss == np.inf


def test_rows_are_those_that_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_PIECE", 4)
    net, rows = network(nn.SoftmaxWithLoss()), np.array([1, 2, 3, 10, 11, 30, 46])
    found = Measuring(net, None, compiled=False)(Subset(X, T, rows))
    assert found.loss == pytest.approx(net.loss(X[rows], T[rows]), rel=1e-12)
    assert found.accuracy == net.accuracy(X[rows], T[rows])


def test_the_samples_set_aside_are_not_among_those_trained_with() -> None:
    source, splits = sources_of(((X, T), None), 8, 0.25, False, np.random.default_rng(0))
    trained, aside = splits["train"], splits["validation"]
    assert trained.rows is not None
    assert aside.rows is not None
    both = np.concatenate([trained.rows, aside.rows])
    assert sorted(both.tolist()) == list(range(47))
    drawn = np.concatenate([source.take(1).ravel() for _ in range(20)])
    assert set(drawn.tolist()) == set(trained.rows.tolist())
    for part in (trained, aside):  # in the order of the file, and as views of it
        assert (np.diff(part.rows) > 0).all()
        assert part.x is X


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize("shards", [None, 4])
def test_no_part_of_a_map_is_copied_whole(
    tmp_path: Path, interpret: bool, shards: int | None
) -> None:
    """With a validation split, early stopping and measuring, memory stays below any part."""
    if not interpret:
        pytest.importorskip("llvmlite", reason="the extra `train` brings it")
    rows, columns = 100_000, 40  # 32 MB
    shape = (rows, columns)
    file = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype="f8", shape=shape)
    file[:] = np.random.default_rng(0).normal(size=shape)
    file.flush()
    x: Any = np.load(tmp_path / "x.npy", mmap_mode="r")
    t = (x[:, 0] > 0).astype(np.int64)
    net = nn.Sequential(nn.Affine.initial(columns, 2, seed=0), loss=nn.SoftmaxWithLoss())
    early = EarlyStopping(net, patience=2)
    options: dict[str, Any] = {"lr": 1.0, "batch": 500, "validation": 0.5, "replace": False}
    options |= {"watch": early, "interpret": interpret, "train_accuracy": False}
    options["parallel"] = shards and Processes(None, shards, fast_sum=False)  # digests, and shards
    fit(net, ((x, t), None), iterations=2, **options)  # compiles
    tracemalloc.start()
    try:
        metrics = fit(net, ((x, t), (x, t)), epochs=2, **options)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert metrics.rows[-1].validation_accuracy > 0.8
    assert most < x.nbytes / 2  # what is set aside alone is half
