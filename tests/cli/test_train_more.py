"""`clearprop train` beyond the documents: other models, data, rules; ends, and runs that go on."""

from __future__ import annotations

import json
import random
import re
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from cli.test_train import COMMAND, ENVIRONMENT, posix_only, refusal, run
from commands import write_table

from clearprop.cli.train import train as _train  # noqa: F401 - loaded before the folder changes
from clearprop.train import read_run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def houses(here: Path) -> Path:
    rng = random.Random(0)
    lines = []
    for _ in range(120):
        rooms, area = rng.randint(1, 7), rng.uniform(30, 200)
        lines.append(f"{rooms},{area:.1f},{3 * area + 20 * rooms + rng.gauss(0, 5):.2f}")
    return write_table(here / "houses.csv", "rooms,area,price", *lines)


@pytest.fixture
def rings(here: Path) -> Path:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 2))
    kinds = np.where(np.sum(points**2, axis=1) < 1, "in", "out")
    lines = [f"{a:.3f};{b:.3f};{kind}" for (a, b), kind in zip(points, kinds, strict=True)]
    return write_table(here / "rings.csv", "a;b;kind", *lines)


RINGS = ("--model", "affine 8, tanh, affine 2", "--optimizer", "adam", "--batch", 20, "--shuffle")


def table(folder: Path) -> np.ndarray:
    return np.genfromtxt(folder / "accuracy.csv", delimiter=",", names=True)


def test_a_regression_of_a_table(houses: Path, here: Path) -> None:
    model = ("--model", "affine 16, relu, affine 1", "--optimizer", "adam", "--lr", 0.01)
    code, output = run("--data", houses, *model, "--epochs", 4, "--batch", 16, "--out", "run")
    assert code == 0
    assert "epoch  iteration  squared error  test squared error" in output
    found = table(here / "run")
    assert set(found.dtype.names or ()) == {"iteration", "epoch", "mean_loss", "test_loss"}
    assert found["test_loss"][-1] < found["test_loss"][0]
    page = (here / "run/report.html").read_text()
    assert "On the 24 test rows the predicted &#x27;price&#x27; is off by" in page
    assert "nats" not in page


def test_classes_of_a_table_have_names(rings: Path, here: Path) -> None:
    code, _ = run("--data", rings, *RINGS, "--lr", 0.05, "--epochs", 30, "--out", "run")
    assert code == 0
    assert table(here / "run")["test_accuracy"][-1] > 0.8
    page = (here / "run/report.html").read_text()
    assert '<th scope="row">in</th>' in page
    kept = json.loads((here / "run/config.json").read_text())["data"]
    assert (kept["classes"], kept["shape"], kept["columns"]) == (["in", "out"], [2], ["a", "b"])


def test_an_early_end_has_the_weights_of_the_best_epoch(rings: Path, here: Path) -> None:
    words = ("--validation", 0.2, "--patience", 2, "--epochs", 400, "--lr", 0.5, "--out", "run")
    code, output = run("--data", rings, *RINGS, *words)
    assert code == 0
    assert re.search(r"Ended after [\d,]+ of 2,560 iterations, .* no better any more; the", output)
    assert "validation accuracy" in output
    result = json.loads((here / "run/result.json").read_text())
    assert result["ended"] == "no better"


@pytest.mark.usefixtures("without_pictures")
def test_a_run_is_made_longer_as_if_it_had_been_so_long(rings: Path, here: Path) -> None:
    words = ("--data", rings, *RINGS)
    run(*words, "--iterations", 30, "--out", "whole")
    run(*words, "--iterations", 12, "--out", "run")
    code, output = run("--resume", "run", "--iterations", 30)
    assert code == 0
    for name in ("loss.csv", "accuracy.csv", "weights.safetensors"):
        assert (here / "run" / name).read_bytes() == (here / "whole" / name).read_bytes()
    assert output.count("epoch  iteration") == 1
    assert json.loads((here / "run/config.json").read_text())["settings"]["iterations"] == 30


@posix_only
@pytest.mark.usefixtures("without_pictures")
def test_a_run_that_was_killed_goes_on(rings: Path, here: Path) -> None:
    words = ["--data", str(rings), *map(str, RINGS), "--iterations", "60000", "--plain"]
    process = subprocess.Popen(
        [*COMMAND, *words, "--checkpoint", "500", "--out", "run"],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
    )
    with process:
        for _ in range(2400):
            if len(list((here / "run/checkpoints").glob("step-*"))) > 1:
                break
            time.sleep(0.05)
        process.kill()
    assert process.returncode < 0
    assert not (here / "run/result.json").exists()
    last = max((here / "run/checkpoints").glob("step-*")).stem.partition("-")[2]
    plan = (here / "run/config.json").read_bytes()
    code, said = run("--resume", "run", "--iterations", "1")
    assert (code, "and is to end after 1. Why:" in said) == (2, True), said
    assert (here / "run/config.json").read_bytes() == plan
    end = str(int(last) + 700)
    assert run("--resume", "run", "--iterations", end)[0] == 0
    assert run(*words[:-3], "--iterations", end, "--out", "whole")[0] == 0
    for name in ("loss.csv", "weights.safetensors"):
        assert (here / "run" / name).read_bytes() == (here / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--resume", "nowhere"), "there is no run 'nowhere'"),
        (("--resume", "run", "--lr", 0.2), "--lr stands beside --resume"),
        (("--resume", "run", "--out", "other"), "--out stands beside --resume"),
        (("--model", "affine 5"), "the layers end with outputs of shape (5,)"),
        (("--model", "conv 4 3, relu"), "the layer 'conv 4 3' cannot be made"),
        (("--model", "simple-conv"), "the model simple-conv is for classes of images"),
        (("--optimizer", "sdg"), "the update rules are sgd, momentum"),
        (("--schedule", "fast"), "the schedules are constant, cosine"),
        (("--patience", 3), "no samples are set aside"),
        (("--shards", 8, "--batch", 4), "Write instead: train.mpi(shards=4), --shards 4"),
        (("--validation", 1), "between 0 and 1"),
        (("--epochs", 1, "--iterations", 5), "--iterations is 5 and --epochs is 1. Why: each"),
        (("--target", "height"), "height"),
        (("--checkpoint", 0), "every is 0"),
    ],
)
def test_what_cannot_be(rings: Path, here: Path, words: tuple[object, ...], says: str) -> None:
    data = () if "--resume" in words else ("--data", rings)
    if "run" in words:
        run("--data", rings, *RINGS, "--iterations", 3, "--out", "run")
    assert says in refusal(*data, *words)


# ---- what is told of a run ------------------------------------------------------------------


@pytest.mark.usefixtures("without_pictures")
def test_every_command_of_a_run_is_kept(rings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ["--data", str(rings), "--plain", "--out", "runs/r", "--iterations", "20"]
    further = [["--resume", "r", "--iterations", end] for end in ("30", "40")]  # a name in runs
    for words in (first, *further):
        monkeypatch.setattr("sys.argv", ["clearprop", "train", *words])
        code, output = run(*words)
        assert code == 0
        assert "\n  checkpoints/         where --resume goes on\n" in output
    of = read_run("r")
    assert of.command == f"clearprop train {' '.join(first)}"
    assert of.resumed == tuple(f"clearprop train {' '.join(words)}" for words in further)
    report = Path("runs/r/report.html").read_text()
    for each in (of.command, *of.resumed):
        assert each in report


def test_the_digits_of_scikit_learn_by_their_name(here: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    code, output = run("--data", "digits", "--iterations", 10, "--out", "run")
    assert code == 0
    assert "images" in output
    kept = json.loads(Path("run/config.json").read_text())
    assert kept["settings"]["data"] == "digits"
    assert kept["data"]["shape"] == [1, 8, 8]
    assert kept["data"]["fill"] == 1.0
