"""`clearprop train` with a table of one's own: its columns, its faults, and what is said of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import refusal, run

from clearprop.data import load
from clearprop.train import read_run

QUICK = ("--plain", "--interpret", "--iterations", 20, "--batch", 10)
PLAIN = ("--without", "id", "--without", "name", "--without", "width")


@pytest.fixture
def here(without_pictures: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plants(tmp_path / "plants.csv")
    homes(tmp_path / "homes.csv")
    return tmp_path


def plants(path: Path) -> None:
    """Three kinds that their length tells; a number and a text for each row, and gaps."""
    lines = ["id,name,length,width,kind of plant"]
    for i in range(60):
        width = "" if i % 10 == 3 else f"{i % 7}.5"
        lines.append(f"{i + 1},n{i},{i % 3 + i / 100:.2f},{width},{'abc'[i % 3]}")
    path.write_text("\n".join(lines) + "\n")


def homes(path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["area,rooms,price"]
    for area, rooms in rng.uniform(1, 5, (60, 2)):
        lines.append(f"{area:.4f},{rooms:.4f},{1e6 + 1e5 * area + 3e4 * rooms:.0f}")
    path.write_text("\n".join(lines) + "\n")


def train(*words: Any) -> str:
    code, output, errors = run("train", *QUICK, *words)
    assert code == 0, errors
    return output


def test_a_wrong_cell_is_answered_with_what_mends_it(here: Path) -> None:
    said = refusal("train", "--data", "plants.csv", "--without", "width")
    assert "line 2, column 2 ('name'), the first of 60 such cells." in said
    remedy = said.partition(" Write instead: ")[2]
    assert remedy.startswith("one column of 0 and 1 for each text that occurs, or the file")
    assert remedy.endswith("--without name leaves it out\n")
    said = refusal("train", "--data", "plants.csv", "--without", "name")
    assert "line 5, column 4 ('width'), the first of 6 such cells." in said
    assert "such as the mean; --without width leaves it out" in said
    (here / "comma.csv").write_text("a;b\n1,5;2\n2,5;3\n")
    assert "Write instead: 1.5, with a point" in refusal("train", "--data", "comma.csv")


def test_columns_that_are_left_out_stay_so(here: Path) -> None:
    train("--data", "plants.csv", *PLAIN, "--out", "first")
    kept = json.loads((here / "first/config.json").read_text())
    assert kept["settings"]["without"] == ["id", "name", "width"]
    assert kept["data"]["columns"] == ["length"]
    train("--config", "first/config.json", "--out", "again")
    weights = [(here / name / "weights.safetensors").read_bytes() for name in ("first", "again")]
    assert weights[0] == weights[1]
    code, _, errors = run("train", "--resume", "first", "--iterations", 30, "--plain")
    assert (code, errors) == (0, "")
    code, output, errors = run("predict", "first", "plants.csv")
    assert code == 0
    assert "Not used: id, name, width." in errors
    assert "kind of plant" in output


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--without", "nam"), "--without name"),
        (("--target", "Kind of Plant"), "--target 'kind of plant'"),
        (("--target", "id", "--without", "id"), "--target 'kind of plant'"),
        ((*PLAIN, "--without", "2"), "--without id"),
    ],
)
def test_columns_that_are_not_there(here: Path, words: tuple[str, ...], remedy: str) -> None:
    said = refusal("train", "--data", "plants.csv", *words)
    assert said.endswith(f" Write instead: {remedy}\n")


def test_no_columns_without_a_table(here: Path) -> None:
    assert "without is ('id',)" in refusal("train", "--without", "id")


def test_what_is_learned_is_said_before(here: Path) -> None:
    output = train("--data", "plants.csv", *PLAIN[2:])
    first, second, *_ = output.splitlines()
    assert first == "2 inputs: id, length; target 'kind of plant', 3 classes"
    assert second == "'id' only counts the rows: --without id leaves it out"
    output = train("--data", "homes.csv")
    assert output.startswith("2 inputs: area, rooms; target 'price', a regression\n")
    assert "counts the rows" not in output


def test_an_index_without_a_name(here: Path) -> None:
    lines = [",a,b", *(f"{n},{n % 5 / 4},{n % 3 / 2 + n}" for n in range(30))]
    (here / "frame.csv").write_text("\n".join(lines))
    assert "'' only counts the rows: --without '' leaves it out" in train("--data", "frame.csv")
    output = train("--data", "frame.csv", "--without", "")
    assert output.startswith("1 input: a; target 'b', a regression\n")


def test_many_columns_are_said_in_one_line(here: Path) -> None:
    names = [f"measurement {n}" for n in range(40)]
    rows = [",".join(str((n * k) % 7) for n in range(41)) for k in range(1, 20)]
    (here / "wide.csv").write_text("\n".join([",".join([*names, "kind"]), *rows]))
    line = train("--data", "wide.csv").splitlines()[0]
    assert line.startswith("40 inputs: measurement 0, measurement 1, ")
    assert ", …; target 'kind', " in line
    assert len(line) < 120


def test_left_out_and_no_names(here: Path) -> None:
    rows = [f"n{n},{n % 5},{'ab'[n % 2]},{n * 0.5}" for n in range(30)]
    (here / "bare.csv").write_text("\n".join(rows).replace("n", ""))
    found = load("bare.csv", header=False, without=(0,), target=2)
    assert (found.columns, found.target, found.without) == (("x1", "x3"), "x2", ("x0",))
    train("--data", "bare.csv", "--without", "0", "--target", "2", "--out", "bare")
    code, output, errors = run("predict", "bare", "bare.csv")
    assert code == 0, errors
    assert len(output.splitlines()) > 10


def test_how_far_a_regression_is_off(here: Path) -> None:
    model = ("--model", "affine 1", "--optimizer", "adam", "--lr", 0.5, "--iterations", 60)
    output = train("--data", "homes.csv", *model, "--out", "homes")
    assert "epoch  iteration  squared error  test squared error" in output
    data = load("homes.csv")
    y = read_run("homes").predictor()(data.test.x).scores
    error, spread = y - data.test.t, data.test.t - data.test.t.mean()
    absolute, r2 = np.abs(error).mean(), 1 - (error**2).sum() / (spread**2).sum()
    assert r2 > 0.5
    said = "On the 12 test rows the predicted 'price' is off by "
    assert f"{said}{absolute:,.0f} on average (mean absolute error); R² {r2:.3f}." in output
    result = json.loads((here / "homes/result.json").read_text(), parse_constant=pytest.fail)
    assert result["train_accuracy"] is None
    assert result["test_mean_absolute_error"] == pytest.approx(absolute, rel=1e-4)
    assert result["test_r2"] == pytest.approx(r2, rel=1e-4)
    assert result["test_loss"] == pytest.approx((error**2).mean(), rel=1e-4)
    page = (here / "homes/report.html").read_text()
    assert f"<strong>{absolute:,.0f}</strong> on average (mean absolute" in page
    assert "mean squared error since" in page
    _, shown, _ = run("show", "homes")
    assert f"test mean absolute error {absolute:,.0f}" in " ".join(shown.split())
    assert "accuracy" not in shown.partition("Settings")[0]
    train("--data", "homes.csv", "--out", "runs/bad", "--lr", 0.001)
    train("--data", "homes.csv", *model, "--out", "runs/good")
    assert f"R² {r2:.3f}" in run("show")[1]
    compared = run("compare", "good", "bad")[1]
    assert re.search(rf"test mean absolute error +{absolute:,.0f}\*", compared)
    assert re.search(rf"test R² +{r2:.3f}\*", compared)


def test_a_constant_target_explains_nothing(here: Path) -> None:
    rows = [f"{n / 7},{n % 3},2.5" for n in range(30)]
    (here / "same.csv").write_text("\n".join(["a,b,c", *rows]))
    output = train("--data", "same.csv", "--out", "same", "--lr", 0.01)
    result = json.loads((here / "same/result.json").read_text())
    assert "(mean absolute error).\n" in output
    assert "R²" not in output
    assert result["test_r2"] is None


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--data", "homes.csv", "--model", "dense 32, relu, affine 1"), "affine 32"),
        (("--data", "homes.csv", "--model", "Linear 8, relu"), "affine 8"),
        (("--data", "homes.csv", "--model", "affine 8, rellu"), "relu"),
        (("--data", "homes.csv", "--model", "xyzzy 8, relu"), "affine 8"),
        (("--data", "homes.csv", "--model", "affine 3"), '--model "affine 1"'),
        (
            ("--data", "homes.csv", "--model", "affine 8, relu, affine 3"),
            '--model "affine 8, relu, affine 1"',
        ),
        (("--data", "homes.csv", "--target", "Price"), "--target price"),
        (("--resume", "nothing"), "clearprop train, which makes a run"),
        (("homes.csv",), "clearprop train --data homes.csv"),
        (("digits",), "clearprop train --data digits"),
        (("linear",), "clearprop train --model linear"),
        (("something",), "clearprop train --help, which lists the options"),
    ],
)
def test_what_to_write_instead(here: Path, words: tuple[str, ...], remedy: str) -> None:
    assert refusal("train", *words).endswith(f" Write instead: {remedy}\n")


def test_a_run_that_is_not_there_and_one_beside(here: Path) -> None:
    train("--data", "homes.csv", "--out", "runs/homes", "--iterations", 2)
    said = refusal("train", "--resume", "home")
    assert said.startswith("error: there is no run 'home'.")
    assert said.endswith(" Write instead: runs/homes\n")
    assert "--resume homes\n" in refusal("train", "homes")


def test_only_a_name_that_is_near_is_proposed(here: Path) -> None:
    assert "its folder holds 'homes.csv': is that the one?" in refusal(
        "train", "--data", "home.csv"
    )
    said = refusal("train", "--data", "nothere.csv")
    assert "is that the one?" not in said
    assert "the folder holds 'homes.csv', 'plants.csv'." in said
