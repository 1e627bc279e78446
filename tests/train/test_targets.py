"""Targets of any unit: learned about 0, predicted and reported in their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run

from clearprop import data, nn, train
from clearprop.data import DataSet, Standardized
from clearprop.errors import DataError, OptionError, RunError

LOSSES = {"MSE": nn.MSE(), "MAE": nn.MAE(), "Huber": nn.Huber(0.5)}


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Prices of about a million, which two columns of three decide."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)) * [1.0, 100.0, 1e-3] + [0.0, 1000.0, 0.0]
    price = 1e6 + 1e5 * np.tanh(x[:, 0] + (x[:, 1] - 1000) / 100) + rng.normal(size=400) * 100
    table = np.column_stack([x, price]).round(6).tolist()
    path = tmp_path / "prices.csv"
    path.write_text("a,b,c,price\n" + "".join(",".join(map(repr, r)) + "\n" for r in table))
    return path


@pytest.fixture
def prices(csv: Path) -> DataSet:
    return data.load(csv)


def network(loss: Any, seed: int = 0) -> nn.Sequential:
    layers = nn.layers_of("affine 16, tanh, affine 1", (3,), seed=seed, dtype="float32")
    return nn.Sequential(*layers, loss=loss)


def errors(table: DataSet, net: nn.Sequential) -> Any:
    return table.predict(net, table.test.x) - table.test.t


def own_loss(name: str, d: Any, std: float) -> float:
    """The loss of errors in the unit of the targets."""
    if name == "Huber":  # δ counts in standard deviations
        delta = 0.5 * std
        return float(np.mean(np.where(abs(d) < delta, d**2 / 2, delta * (abs(d) - delta / 2))))
    return float(np.mean(d**2) if name == "MSE" else np.mean(abs(d)))


def test_a_data_set_knows_the_unit_of_what_is_trained_with(prices: DataSet) -> None:
    unit = prices.prepare_target
    assert unit is not None
    assert unit.mean[0] == pytest.approx(prices.train.t.mean(), rel=1e-12)
    assert unit.std[0] == pytest.approx(prices.train.t.std(), rel=1e-10)
    np.testing.assert_allclose(unit.undo(unit(prices.test.t)), prices.test.t, rtol=1e-6)


def test_classes_have_no_unit(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("a,b\n1,u\n2,v\n3,u\n4,v\n5,u\n")
    assert data.load(tmp_path / "c.csv").prepare_target is None
    assert data.load("mnist").prepare_target is None


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_a_million_is_learned_with_the_default_learning_rate(
    name: str, interpret: bool, prices: DataSet
) -> None:
    if not interpret:
        pytest.importorskip("llvmlite", reason="the extra `train` brings it")
    net = network(LOSSES[name])
    start = errors(prices, net)
    metrics = train.fit(net, prices, batch=40, iterations=1500, interpret=interpret)
    end = errors(prices, net)
    assert 1 - np.mean(end**2) / np.var(prices.test.t) > 0.97  # R²
    assert prices.prepare_target is not None
    std = prices.prepare_target.std[0]
    for row, found in ((metrics.rows[0], start), (metrics.rows[-1], end)):
        assert row.test_loss == pytest.approx(own_loss(name, found, std), rel=1e-4)
    assert metrics.rows[-1].loss == pytest.approx(np.mean(metrics.loss[-38:]), rel=0.5)


def test_the_losses_of_batches_are_in_the_unit_too(prices: DataSet) -> None:
    net = network(nn.MSE())
    wanted = np.mean((prices.predict(net, prices.train.x) - prices.train.t) ** 2)
    count = len(prices.train.x)
    for interpret in (False, True):
        options: dict[str, Any] = {"batch": count, "replace": False, "iterations": 1}
        metrics = train.fit(network(nn.MSE()), prices, interpret=interpret, **options)
        assert metrics.loss[0] == pytest.approx(wanted, rel=1e-5)


def test_arrays_and_streams_have_it_on_request(prices: DataSet) -> None:
    (x, t), unit = prices.train, prices.prepare_target

    def batches() -> Iterator[Any]:
        for start in range(0, len(x), 40):
            yield x[start : start + 40], t[start : start + 40, 0]

    options: dict[str, Any] = {"prepare": prices.prepare, "prepare_target": unit}
    for samples in ((x, t[:, 0]), batches):  # labels (N,) beside outputs (N, 1)
        net = network(nn.MSE())
        test = prices.test.x, prices.test.t
        metrics = train.fit(net, (samples, test), batch=40, epochs=150, **options)
        assert metrics.rows[-1].test_loss < 0.05 * np.var(prices.test.t)


@pytest.mark.parametrize("value", [0.0, -7.5, 123456.0])
def test_a_constant_target_is_predicted(value: float, tmp_path: Path) -> None:
    lines = "".join(f"{i},{i % 3},{value!r}\n" for i in range(30))
    (tmp_path / "c.csv").write_text("a,b,y\n" + lines)
    table = data.load(tmp_path / "c.csv", task="regression")
    assert table.prepare_target == Standardized((value,), (1.0,))
    layers = nn.layers_of("affine 4, tanh, affine 1", (2,), dtype="float32")
    net = nn.Sequential(*layers, loss=nn.MSE())
    metrics = train.fit(net, table, batch=8, iterations=500)
    np.testing.assert_allclose(table.predict(net, table.test.x), value, atol=0.05)
    assert metrics.rows[-1].test_loss < 1e-3


def test_a_run_saved_half_way_goes_on_to_the_bit(prices: DataSet, tmp_path: Path) -> None:
    whole = train.fit(network(nn.MSE()), prices, batch=40, iterations=40)
    kept = train.Checkpoints(tmp_path / "kept")
    train.fit(network(nn.MSE()), prices, batch=40, iterations=15, checkpoints=kept)
    again = train.Checkpoints(tmp_path / "kept")
    options: dict[str, Any] = {"checkpoints": again, "resume": True}
    rest = train.fit(network(nn.MSE()), prices, batch=40, iterations=40, **options)
    assert rest.loss == whole.loss
    assert rest.rows[-1] == whole.rows[-1]


def without_unit(folder: Path) -> train.Checkpoints:
    """Write the checkpoint of a folder as earlier versions did."""
    found = train.Checkpoints(folder).latest().required()
    facts = {name: fact for name, fact in found.facts.items() if name != "prepare_target"}
    found.path.unlink()
    with train.Checkpoints(folder) as earlier:
        earlier.write(found.step, found.arrays, facts)
    return train.Checkpoints(folder)


def test_a_checkpoint_in_another_unit_is_refused(prices: DataSet, tmp_path: Path) -> None:
    def go_on(table: DataSet, checkpoints: Any, loss: Any = None) -> Any:
        options: dict[str, Any] = {"checkpoints": checkpoints, "resume": True, "iterations": 9}
        return train.fit(network(loss or nn.MSE()), table, **options)

    go_on(prices, tmp_path)
    dearer = replace(prices, prepare_target=Standardized((1e7,), (1e5,)))
    with pytest.raises(DataError, match=r"is of targets prepared with mean 99\d{4}.* 10000000\.0,"):
        go_on(dearer, train.Checkpoints(tmp_path))
    with pytest.raises(DataError, match="now it is nothing"):
        go_on(replace(prices, prepare_target=None), train.Checkpoints(tmp_path))
    with pytest.raises(DataError, match="does not say in which unit targets were"):
        go_on(prices, without_unit(tmp_path))
    go_on(replace(prices, prepare_target=None), without_unit(tmp_path))


def test_a_loss_that_knows_no_unit_gets_targets_as_they_are(prices: DataSet) -> None:
    shares = replace(prices, train=prices.train._replace(t=prices.train.t / 2e6))
    shares = replace(shares, test=prices.test._replace(t=prices.test.t / 2e6))
    net = network(nn.SigmoidWithLoss())  # of probabilities: brought to mean 0 they are none
    metrics = train.fit(net, shares, batch=40, iterations=5)
    x, t = shares.test
    np.testing.assert_array_equal(shares.predict(net, x), net.predict(shares.prepare(x)))
    assert metrics.rows[-1].test_loss == pytest.approx(
        net.loss(shares.prepare(shares.test.x), t), rel=1e-5
    )


def test_what_cannot_be_prepared_is_refused(prices: DataSet) -> None:
    x, t = prices.train.x, prices.train.t
    unit = Standardized((0.0,), (1.0,))
    with pytest.raises(OptionError, match="SoftmaxWithLoss is not one of numbers"):
        train.fit(network(nn.SoftmaxWithLoss()), ((x, t), None), prepare_target=unit)
    two = Standardized((0.0, 0.0), (1.0, 1.0))
    with pytest.raises(OptionError, match="of one column"):
        train.fit(network(nn.MSE()), ((x, t), None), prepare_target=two)


# ---- on disk -----------------------------------------------------------------------------------


def test_a_converted_table_keeps_it(csv: Path, prices: DataSet, tmp_path: Path) -> None:
    converted = data.csv_to_npy(csv, tmp_path / "npy")
    assert converted.prepare_target == prices.prepare_target
    assert data.load(tmp_path / "npy", dtype="float64").prepare_target == replace(
        prices.prepare_target, dtype="float64"
    )


def test_a_folder_that_was_converted_before_there_was_one(csv: Path, tmp_path: Path) -> None:
    converted = data.csv_to_npy(csv, tmp_path / "npy")
    path = tmp_path / "npy" / "table.json"
    described = json.loads(path.read_text())
    del described["prepare_target"]
    path.write_text(json.dumps(described))
    assert data.load(tmp_path / "npy").prepare_target == converted.prepare_target
    for wrong in ({"kind": "scaled", "dtype": "float32"}, {"kind": "standardized"}, [3]):
        path.write_text(json.dumps({**described, "prepare_target": wrong}))
        with pytest.raises(DataError, match=r"table\.json is not what csv_to_npy wrote"):
            data.load(tmp_path / "npy")


def test_a_run_predicts_numbers_that_float32_does_not_have(tmp_path: Path) -> None:
    """As dates in seconds, of which float32 has one in 128."""
    lines = "".join(f"{size},{1_700_000_000 + size}\n" for size in range(200))
    (tmp_path / "t.csv").write_text("size,when\n" + lines)
    words = ["train", "--data", tmp_path / "t.csv", "--model", "affine 1", "--out", tmp_path / "r"]
    options = ["--optimizer", "adam", "--lr", 0.05, "--iterations", 600, "--batch", 20, "--plain"]
    code, output, _ = run(*words, *options)
    assert code == 0, output
    found = train.read_run(tmp_path / "r")
    y = found.predictor()(np.array([[10.0], [11.5]])).scores - 1_700_000_000
    np.testing.assert_allclose(y, [[10.0], [11.5]], atol=0.1)


def test_a_run_from_the_command_line_predicts_prices(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["train", "--data", csv, "--model", "affine 16, tanh, affine 1", "--out", out]
    code, output, _ = run(*words, "--iterations", 1500, "--batch", 40, "--plain")
    assert code == 0, output
    found = train.read_run(out)
    rows = data.read_rows(csv, found)
    net = found.network()
    y = found.predictor()(rows.x).scores
    assert rows.t is not None
    assert 1 - np.mean((y - rows.t) ** 2) / np.var(rows.t) > 0.97
    assert list(net.layers)[-1] == "Rescaling1"
    assert net.params.keys() == found.untrained().params.keys()
    table = data.load(csv)
    test = np.mean((net.predict(table.prepare(table.test.x)) - table.test.t) ** 2)
    assert found.rows[-1].test_loss == pytest.approx(test, rel=1e-3)
    without_unit(out / "checkpoints")
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    code, _, told = run("train", "--resume", out, "--iterations", 1600, "--plain")
    assert (code, "does not say in which unit targets were" in told) == (2, True)
    assert before == {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    config = json.loads((out / "config.json").read_text())
    config["data"]["prepare_target"] = {"kind": "none"}
    (out / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="prepare_target"):
        train.read_run(out).network()


def test_numbers_that_differ_by_less_than_float32_has(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    seconds = 1.7e9 + 10 * (x @ [1.0, 2.0])  # float32 goes in steps of 128 there
    path = tmp_path / "times.csv"
    rows = np.column_stack([x, seconds]).tolist()
    path.write_text("a,b,t\n" + "".join(",".join(map(repr, r)) + "\n" for r in rows))
    out = tmp_path / "run"
    code, _, _ = run(
        "train", "--data", path, "--model", "affine 1", "--out", out, "--iterations", 300, "--plain"
    )
    assert code == 0
    found = train.read_run(out)
    predicted = {
        "network": found.network().predict(found.predictor().prepare(x)),
        "predictor": found.predictor()(x).scores,
    }
    code, _, _ = run("predict", out, path, "--out", tmp_path / "out.csv")
    assert code == 0
    predicted["command"] = np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1)[:, 1:]
    for name, y in predicted.items():
        assert np.abs(y[:, 0] - seconds).max() < 1, name
