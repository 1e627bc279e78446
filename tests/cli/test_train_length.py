"""How long a run is, over all the times that it goes on, and which lines of it are printed."""

from __future__ import annotations

import json
import random
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import change, run, write_table

from clearprop.cli.train_texts import listing
from clearprop.train import Metrics, Outcome, RunFolder, Settings, compare_runs, read_run

MODEL = ("--model", "affine 4, relu, affine 2", "--plain")


@pytest.fixture
def rows(without_pictures: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of 400 rows: 320 to train on."""
    monkeypatch.chdir(tmp_path)
    rng = random.Random(0)
    lines = []
    for _ in range(400):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        lines.append(f"{a:.3f},{b:.3f},{'in' if a * a + b * b + rng.gauss(0, 0.7) < 1 else 'out'}")
    return write_table(tmp_path / "rows.csv", "a,b,kind", *lines)


def train(*words: Any) -> str:
    code, output, errors = run("train", *words)
    assert (code, errors) == (0, "")
    return output


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def settings_of(folder: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(Path(folder, "config.json").read_text())["settings"]
    return settings


# ---- longer --------------------------------------------------------------------------------


def test_a_run_is_made_longer_in_either_unit(rows: Path) -> None:
    train("--data", rows, *MODEL, "--epochs", 6, "--out", "whole")
    output = train("--data", rows, *MODEL, "--epochs", 2, "--out", "run")
    assert output.endswith("\nLonger: clearprop train --resume run --epochs 4\n")
    assert "\nGoes on after 7 iterations.\n" in train("--resume", "run", "--iterations", 10)
    assert (settings_of("run")["iterations"], settings_of("run")["epochs"]) == (10, None)
    output = train("--resume", "run", "--epochs", 6)
    assert "\naffine 4, relu, affine 2, 22 parameters, float32, seed 0\n20 iter" in output
    for name in ("loss.csv", "weights.safetensors"):
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes()
    train("--config", "run/config.json", "--iterations", 3, "--out", "short")
    assert read_run("short").iterations == 3


@pytest.mark.parametrize("words", [(), ("--epochs", 1), ("--iterations", 7), ("--iterations", 2)])
def test_nothing_is_done_and_written_of_a_finished_run(rows: Path, words: tuple[Any, ...]) -> None:
    train("--data", rows, *MODEL, "--epochs", 2, "--out", "run")
    before = contents("run")
    assert train("--resume", "run", *words) == (
        "run is already finished, after 7 iterations: nothing to do.\n"
        "Longer: clearprop train --resume run --epochs 4\n"
    )
    assert contents("run") == before
    Path("run/weights.safetensors").unlink()  # then there is something to do
    assert "nothing to do" not in train("--resume", "run", *words)
    assert contents("run")["weights.safetensors"] == before["weights.safetensors"]
    assert "Goes on after 7" in train("--resume", "run", "--epochs", 3)  # nobody holds the folder


def test_the_times_of_all_sessions_are_one(rows: Path) -> None:
    train("--data", rows, *MODEL, "--iterations", 10, "--out", "runs/old")
    begun = read_run("old").begun
    change(Path("runs/old/result.json"), "", seconds=1000.0)
    train("--data", rows, *MODEL, "--iterations", 10, "--out", "runs/new")
    train("--resume", "old", "--iterations", 20)
    of = read_run("old")
    assert of.result is not None
    assert 1000 < of.result["seconds"] < 2000
    assert abs(of.begun - begun) < timedelta(seconds=1e-3)
    assert [line.split()[0] for line in run("show")[1].splitlines()[1:3]] == ["new", "old"]
    speeds = compare_runs([of, read_run("new")]).results["iterations/s"]
    assert speeds[0] == pytest.approx(20 / of.result["seconds"])
    Path("runs/old/result.json").unlink()  # killed: the time stands in its checkpoint, too
    train("--resume", "old", "--iterations", 30)
    again = read_run("old").result
    assert again is not None
    assert again["seconds"] > of.result["seconds"] - 1


def test_a_run_without_a_time_began_when_its_configuration_was_written(rows: Path) -> None:
    train("--data", rows, *MODEL, "--iterations", 2, "--out", "run")
    for begun in ("yesterday", None, 3, [1]):
        change(Path("run/config.json"), "", begun=begun)
        written = datetime.fromtimestamp(Path("run/config.json").stat().st_mtime)
        assert read_run("run").begun == written


def test_a_run_that_goes_on_has_not_ended(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train("--data", rows, *MODEL, "--iterations", 5, "--out", "run")

    def killed(*_: Any, **__: Any) -> None:
        raise SystemExit(9)

    # the package has a function of the module's name
    monkeypatch.setattr(sys.modules["clearprop.cli.train"], "fit_all", killed)
    assert run("train", "--resume", "run", "--iterations", 9)[0] == 9
    _, output, _ = run("show", "run")
    assert "saved so far are 5 of 9 iterations." in " ".join(output.split())
    assert "  go on with it       clearprop train --resume run\n" in output
    code, _, errors = run("predict", "run", rows)
    assert code == 0
    assert errors.splitlines()[0] == (
        "This run has not ended. It goes on with: clearprop train --resume run"
    )


def test_without_a_checkpoint_it_starts_from_the_beginning(rows: Path) -> None:
    train("--data", rows, *MODEL, "--iterations", 5, "--out", "run")
    for path in Path("run").rglob("*"):
        if path.is_file() and path.name != "config.json":
            path.unlink()
    code, _, errors = run("predict", "run", rows)
    assert code == 2
    assert errors.endswith("Write instead: clearprop train --resume run goes on with it\n")
    assert "\nNo checkpoint yet: starts from the beginning.\n" in train("--resume", "run")


@pytest.mark.parametrize(
    ("ended", "last"),
    [
        ("as asked", "Longer: clearprop train --resume r --epochs 5"),
        ("SIGINT", "Go on: clearprop train --resume r"),
        ("no better", "Longer: clearprop train --config r/config.json --patience 6"),
    ],
)
def test_the_last_line_says_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: str, last: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(epochs=2.5, validation=0.1, patience=3)
    said = listing(RunFolder(Path("r")), settings, Outcome(Metrics(), 1.0, ended))
    assert said.splitlines()[-1] == last


# ---- how long it was to be -----------------------------------------------------------------


def test_the_total_of_a_run_in_epochs(rows: Path) -> None:
    for name, epochs in (("one", 9), ("two", 6)):
        train("--data", rows, *MODEL, "--epochs", epochs, "--out", name)
    change(Path("one/result.json"), "", ended="SIGTERM", iterations=4)
    for _ in range(2):  # as it is written, and as an earlier version left it
        assert "Ended by SIGTERM after 4 of 29 iterations" in run("show", "one")[1]
        config = json.loads(Path("one/config.json").read_text())
        config.pop("total", None)
        Path("one/config.json").write_text(json.dumps(config))
    settings = {line.split()[0] for line in run("show", "one")[1].splitlines() if line[:2] == "  "}
    assert "epochs" in settings
    assert "hidden" not in settings  # the model has none
    assert "10,000" not in run("show", "one")[1]
    _, output, _ = run("compare", "one", "two")
    head = output.partition("\n\n")[0]
    assert "iterations" not in head
    assert "=-" not in head
    page = Path("two/report.html").read_text()
    assert '<th scope="row">iterations</th>' not in page
    assert '<th scope="row">epochs</th><td>6</td>' in page
    assert '<th scope="row">shuffle</th><td>no</td>' in page
    assert ": after 6 epochs, " in page


# ---- what is printed -----------------------------------------------------------------------


def test_a_long_table_is_thinned_out(rows: Path) -> None:
    words = ("--data", rows, *MODEL, "--iterations", 1001, "--validation", 0.1)
    output = train(*words, "--out", "run")
    assert "out of 288 rows (32 more are set aside), " in output
    assert "\nEvery 8th epoch is shown; all are in accuracy.csv.\n" in output
    table = output.partition("epoch  iteration")[2].partition("\n\n")[0].splitlines()[1:]
    assert [line.split()[0] for line in table] == [*map(str, range(0, 347, 8)), "347.6"]
    assert len(Path("run/accuracy.csv").read_text().splitlines()) == 1 + 1 + 347 + 1
    assert output.count("Every") == 1
    assert "Every" not in train("--data", rows, *MODEL, "--epochs", 50, "--out", "short")


def test_one_row_to_train_on_is_said(rows: Path) -> None:
    Path("two.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n")
    output = train("--data", "two.csv", "--model", "affine 2", "--iterations", 2, "--out", "run")
    assert "out of 1 row, " in output
    assert "\nwarning: there is only 1 row to train on: nothing follows from it.\n" in output
    assert "warning" not in train("--data", rows, *MODEL, "--iterations", 2, "--out", "more")


# ---- numbers that are none -----------------------------------------------------------------


def test_after_numbers_that_are_none_smaller_steps_are_proposed(rows: Path) -> None:
    code, output, _ = run("train", "--data", rows, *MODEL, "--lr", 1e30, "--out", "run")
    assert code == 1
    calmer = "clearprop train --config run/config.json --lr 0.1"
    assert f"\nCalmer: {calmer}\n" in output
    assert not re.search("^(Predict|Longer|Go on): ", output, re.MULTILINE)
    assert f"  with smaller steps  {calmer}\n" in run("show", "run")[1]
    _, _, errors = run("predict", "run", rows)
    assert errors.startswith("warning: this run ended as its numbers were no longer finite, after ")
    assert calmer in errors.splitlines()[0]


# ---- the best epoch ------------------------------------------------------------------------


def test_all_numbers_of_an_early_end_are_those_of_its_weights(rows: Path) -> None:
    more = ("--validation", 0.2, "--patience", 2, "--optimizer", "adam", "--lr", 0.5)
    output = train("--data", rows, *MODEL, *more, "--epochs", 400, "--out", "runs/early")
    of = read_run("early")
    assert of.ended == "no better"
    best = min(of.rows, key=lambda row: row.validation_loss)
    assert of.kept == best != of.rows[-1]
    assert f"the weights are those of the best epoch, {best.epoch:.0f}." in output
    result = json.loads(Path("runs/early/result.json").read_text())
    assert result["test_accuracy"] == best.test_accuracy
    assert result["kept_iteration"] == best.iteration
    # as an earlier version left it, the row is found, too
    change(Path("runs/early/result.json"), "", test_accuracy=of.rows[-1].test_accuracy)
    raw = json.loads(Path("runs/early/result.json").read_text())
    del raw["kept_iteration"]
    Path("runs/early/result.json").write_text(json.dumps(raw))
    assert read_run("early").kept == best
    for _ in range(2):
        code, output, errors = run("show", "early")
        assert (code, errors) == (0, "")
        text = " ".join(output.split())
        assert f"Ended early after {of.iterations} of " in text
        assert ": no better any more; the best epoch is kept." in text
        assert f"test accuracy {best.test_accuracy:.4f}, test loss " in text
        assert f", of epoch {best.epoch:.0f}." in text
        assert "error" not in output
        [marked] = [line for line in output.splitlines() if line.endswith("  *")]
        assert marked.split()[1] == f"{best.iteration:,}"
        Path("runs/early/result.json").write_text(json.dumps(result))
    assert run("show")[1].splitlines()[1].endswith("no better")
    train("--data", rows, *MODEL, "--iterations", 20, "--out", "runs/other")
    code, output, _ = run("compare", "early", "other")
    assert "error" not in output
    assert "early ended early, as it became no better: its numbers are those of the" in output
    facts = json.loads(run("compare", "early", "other", "--json")[1])["results"]
    assert facts["test accuracy"][0] == best.test_accuracy
    assert facts["weights after"] == [best.iteration, 20]
    page = Path("runs/early/report.html").read_text()
    assert f"<strong>{100 * best.test_accuracy:.2f} %</strong> of the 80 test rows" in page
    assert f"with the weights of the best epoch, {best.epoch:.0f} of " in page
    assert f'<tr class="best"><td>{best.epoch:.0f}*</td>' in page
    said = train("--resume", "early", "--epochs", 900)
    assert said.startswith(f"runs/early ended after {of.iterations} iterations, as it became no ")


def test_the_hash_of_other_data_is_no_version(rows: Path) -> None:
    for name in ("one", "two"):
        train("--data", rows, *MODEL, "--iterations", 3, "--out", name)
    change(Path("two/config.json"), "made_with", data_sha256="0123456789" * 6 + "0123")
    _, output, _ = run("compare", "one", "two")
    assert "Versions that differ" not in output
    assert "Versions and processor are the same." in output
    [line] = [line for line in output.splitlines() if line.startswith("  SHA-256")]
    assert line.split()[2] == "01234567…"
