"""Reading a run from Python: its numbers as they were, and its network as it was trained."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from clearprop.errors import RunError
from clearprop.train import (
    Metrics,
    Outcome,
    Row,
    RunFolder,
    Settings,
    build_model,
    compare_runs,
    config_text,
    read_run,
    run_files,
)

LOSS = [2.3, 1.1, math.nan]
ROWS = [
    Row(0, 0.0, math.nan, 0.1, 0.11, 2.4),
    Row(2, 0.5, 1.7, 0.6, 0.5, 1.2),
]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return saved(tmp_path / "run", Settings(hidden=5, seed=3), LOSS, ROWS)


def saved(path: Path, settings: Settings, loss: list[float], rows: list[Row]) -> RunFolder:
    """Write a run as `clearprop train` does, its weights one larger than at first."""
    from array import array

    folder = RunFolder(path)
    folder.write("config.json", config_text(settings, {"clearprop": "0.1.0"}, "clearprop train"))
    network = build_model(settings, settings.streams()[0])
    network.params = {name: value + 1 for name, value in network.params.items()}
    outcome = Outcome(Metrics(array("d", loss), rows, 2), 1.5, "as asked")
    files = run_files(settings, network, (784,), outcome)
    del files["curves.png"]  # which takes longer than all that is read here
    folder.write_all(files, "")
    return folder


def test_it_reads_what_was_written(folder: RunFolder) -> None:
    run = read_run(folder.path)
    assert run.name == "run"
    assert run.settings == asdict(Settings(hidden=5, seed=3))
    assert run.made_with == {"clearprop": "0.1.0"}
    assert run.command == "clearprop train"
    assert (run.ended, run.iterations) == ("as asked", 2)
    assert run.result is not None
    assert run.result["seconds"] == 1.5
    np.testing.assert_array_equal(run.loss, LOSS)
    assert [row[:2] for row in run.rows] == [(0, 0.0), (2, 0.5)]
    np.testing.assert_array_equal(run.rows, ROWS)
    assert set(run.files) == set(folder.files)


@pytest.mark.parametrize(
    "settings", [Settings(hidden=5), Settings(model="linear", dtype="float64")]
)
def test_the_network_is_the_one_that_was_trained(tmp_path: Path, settings: Settings) -> None:
    run = read_run(saved(tmp_path / "run", settings, LOSS, ROWS).path)
    before = build_model(settings, settings.streams()[0])
    x = np.random.default_rng(0).random((3, 784)).astype(settings.dtype)
    np.testing.assert_array_equal(run.untrained().predict(x), before.predict(x))
    before.params = {name: value + 1 for name, value in before.params.items()}
    network = run.network()
    np.testing.assert_array_equal(network.predict(x), before.predict(x))
    assert network.params["b1"].dtype == settings.dtype
    assert run.input_shape == (784,)


def test_weights_of_another_network_are_not_taken(folder: RunFolder, tmp_path: Path) -> None:
    linear = saved(tmp_path / "linear", Settings(model="linear"), LOSS, ROWS)
    wide = saved(tmp_path / "wide", Settings(hidden=5, dtype="float64"), LOSS, ROWS)
    for other, text in ((linear, r"W1 is \(784, 10\), and \(784, 5\)"), (wide, "W1 is of float64")):
        weights = (other.path / "weights.safetensors").read_bytes()
        (folder.path / "weights.safetensors").write_bytes(weights)
        with pytest.raises(RunError, match=text):
            read_run(folder.path).network()


@pytest.mark.parametrize("name", ["W2", "extra"])
def test_arrays_that_are_missing_or_too_many(folder: RunFolder, name: str) -> None:
    from safetensors.numpy import load_file, save_file

    path = folder.path / "weights.safetensors"
    arrays = load_file(path)
    if arrays.pop(name, None) is None:
        arrays[name] = np.zeros(3, np.float32)
    save_file(arrays, path)
    with pytest.raises(RunError, match=f"there is no {name}|the model has no {name}"):
        read_run(folder.path).network()


def test_without_its_end_it_is_read_as_far_as_it_goes(folder: RunFolder) -> None:
    (folder.path / "result.json").unlink()
    run = read_run(folder.path)
    assert (run.ended, run.result, run.iterations) == (None, None, 3)
    for name in ("loss.csv", "accuracy.csv", "weights.safetensors"):
        (folder.path / name).unlink()
    run = read_run(folder.path)
    assert (run.iterations, run.loss.size, run.rows, run.table) == (0, 0, [], {})
    with pytest.raises(RunError, match=r"weights\.safetensors is not there.*the run has not ended"):
        run.network()


def test_a_setting_out_of_its_limits_is_shown_and_builds_no_network(folder: RunFolder) -> None:
    path = folder.path / "config.json"
    config = json.loads(path.read_text())
    config["settings"]["hidden"] = "many"
    path.write_text(json.dumps(config))
    run = read_run(folder.path)
    assert run.settings["hidden"] == "many"
    with pytest.raises(RunError, match=r"cannot be built: hidden is 'many'\. Where: '.*json'"):
        run.untrained()
    config["made_with"]["clearprop"] = "12.0"
    path.write_text(json.dumps(config))
    with pytest.raises(RunError, match=r"newer than this one.*pip install 'clearprop>=12\.0'"):
        read_run(folder.path).network()


@limits(max_examples=30, deadline=None)
@given(
    loss=st.lists(st.floats(width=64), max_size=30),
    accuracies=st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_numbers_come_back_to_the_bit(
    loss: list[float], accuracies: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [Row(i, i / 7, math.nan, of, math.nan) for i, of in enumerate(accuracies)]
    path = tmp_path_factory.mktemp("bits") / "run"
    run = read_run(saved(path, Settings(model="linear"), [1.0, 2.0, *loss], rows).path)
    np.testing.assert_array_equal(run.loss[2:], loss)
    np.testing.assert_array_equal(run.rows, rows)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 50, -4])
def test_a_part_of_the_weights_is_never_taken_for_all(folder: RunFolder, size: int) -> None:
    path = folder.path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RunError, match=r"weights\.safetensors is damaged: .* Write instead: clear"):
        read_run(folder.path).network()


def test_one_bit_of_the_weights(folder: RunFolder, tmp_path: Path) -> None:
    other = read_run(saved(tmp_path / "other", Settings(model="linear"), LOSS, ROWS).path)
    path = folder.path / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    run = read_run(folder.path)
    readers = [
        run.network,
        run.predictor,
        lambda: run.weights,
        lambda: compare_runs([other, run]),
    ]
    for read in readers:
        with pytest.raises(RunError, match=r"weights\.safetensors is damaged: its SHA-256 is not"):
            read()
    result = json.loads((folder.path / "result.json").read_text())
    del result["weights_sha256"]  # as earlier versions left it
    (folder.path / "result.json").write_text(json.dumps(result))
    assert read_run(folder.path).network().params["b2"][-1] != 1.0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"shape": [[1]]}, r"the shape is \[\[1\]\]"),
        ({"shape": [-1]}, "the shape is"),
        ({"outputs": 2.5}, r"the outputs are 2\.5"),
        ({"classes": 3}, "the classes are 3"),
        ({"classes": "ab", "outputs": 2}, "the classes are ab"),
        ({"classes": ["a"], "outputs": 2}, "there are 1 classes for 2"),
        ({"columns": True}, "the columns are True"),
        ({"columns": ["a", None], "shape": [2]}, "the columns are"),
        ({"columns": ["a"], "shape": [2]}, "there are 1 columns for 2"),
    ],
)
def test_what_makes_no_sense_about_the_samples(
    folder: RunFolder, data: dict[str, object], says: str
) -> None:
    path = folder.path / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "data": data}))
    with pytest.raises(RunError, match=says):
        read_run(folder.path)
