"""`clearprop compare`: what differs, which is better, and runs that are not of one kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import change, refusal, run
from matplotlib.figure import Figure
from matplotlib.image import imread

from clearprop.errors import OptionError
from clearprop.train import compare_runs, read_run


@pytest.fixture(scope="module")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of 45 and of 30 iterations, in a folder ``runs``."""
    folder = tmp_path_factory.mktemp("compared")
    for name, words in (("first", ()), ("second", ("--lr", 0.5, "--iterations", 30))):
        given = ("--data", digits, "--iterations", 45, "--batch", 10, *words)
        assert run("train", *given, "--out", folder / "runs" / name)[0] == 0
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(name: str, **values: Any) -> None:
    change(Path("runs", name, "result.json"), "", **values)


def table(name: str, *rows: str) -> None:
    head = "iteration,epoch,mean_loss,train_accuracy,test_accuracy"
    Path("runs", name, "accuracy.csv").write_text("\n".join([head, *rows]) + "\n")


@pytest.fixture
def simple(here: Path) -> Path:
    """The same runs with numbers that a test can tell by heart."""
    table("first", "0,0,,0.1,0.1", "20,5,0.5,0.6,0.5", "45,11.2,0.2,0.9,0.8")
    table("second", "0,0,,0.1,0.1", "20,5,0.4,0.7,0.4", "30,7.5,0.3,0.8,0.8")
    result("first", seconds=9.0)
    result("second", seconds=2.0)
    return here


def test_the_screen(simple: Path) -> None:
    code, output, errors = run("compare", "first", "second")
    assert (code, errors) == (0, "")
    assert output.partition("\nThe same in all: ")[0] == (
        "Settings that differ       first     second\n"
        "  lr                         0.1        0.5\n"
        "  iterations                  45         30"
    )
    assert (
        "\nVersions and processor are the same.\n"
        "\n"
        "Results, * the best        first     second\n"
        "  ended                 as asked   as asked\n"
        "  iterations                  45         30\n"
        "  train accuracy          0.9000*    0.8000\n"
        "  train accuracy at 20    0.6000     0.7000*\n"
        "  test accuracy           0.8000     0.8000\n"
        "  test accuracy at 20     0.5000*    0.4000\n"
        "  mean loss               0.2000*    0.3000\n"
        "  mean loss at 20         0.5000     0.4000*\n"
        "  seconds                    9.0        2.0\n"
        "  iterations/s                 5         15*\n"
        "\n"
        "To keep in mind\n"
        "  The runs are of different length, 45 and 30 iterations: the rows 'at 20' are\n"
        "  after as many of them.\n"
        "\n"
        "Next\n"
        "  their curves  clearprop compare first second --curves curves.png\n"
    ) in output
    assert "model=two-layer, hidden=50, optimizer=sgd, schedule=constant" in output


def test_runs_of_the_same_length_have_the_better_time_marked(simple: Path) -> None:
    for name in ("first", "second"):
        result(name, iterations=30)
    table("first", "30,7.5,0.3,0.8,0.7")
    _, output, _ = run("compare", "first", "second")
    assert "seconds 9.0 2.0*" in " ".join(output.split())
    assert " at " not in output.partition("Results")[2]
    assert "To keep in mind" not in output


def test_json_is_what_is_on_the_screen(simple: Path) -> None:
    code, output, _ = run("compare", "first", "second", "--json")
    facts = json.loads(output)
    assert code == 0
    assert facts["settings"] == {"lr": [0.1, 0.5], "iterations": [45, 30]}
    assert facts["same"]["hidden"] == 50
    assert facts["made_with"] == {}
    assert facts["results"]["test accuracy at 20"] == [0.5, 0.4]
    assert facts["results"]["iterations/s"] == [5, 15]
    assert facts["common_iteration"] == 20
    assert facts["best"]["mean loss"] == [0]
    assert facts["best"]["mean loss at 20"] == [1]
    assert "test accuracy" not in facts["best"]  # as good
    assert len(facts["notes"]) == 1
    assert facts["curves"] is None


def test_other_data_is_said_and_nothing_of_it_marked(simple: Path) -> None:
    change(Path("runs/second/config.json"), "made_with", data_sha256="0" * 64)
    _, output, _ = run("compare", "first", "second")
    assert "The runs are on different data: their losses and accuracies are not of" in output
    lines = output.splitlines()
    marked = [line.split("  ")[1] for line in lines if line.startswith("  ") and "*" in line]
    assert marked == ["iterations/s"]
    # the same data from elsewhere
    first = json.loads(Path("runs/first/config.json").read_text())["made_with"]["data_sha256"]
    change(Path("runs/second/config.json"), "made_with", data_sha256=first)
    change(Path("runs/second/config.json"), "settings", data="/elsewhere")
    _, output, _ = run("compare", "first", "second")
    assert "different data" not in output
    assert "  data\n    first   /" in output
    shutil.copytree("runs/first", "runs/third")
    shutil.copytree("runs/first", "runs/fourth")
    _, output, _ = run("compare", "first", "second", "third", "fourth")
    assert "  data\n    second      /elsewhere\n    the others  /" in output


def test_another_machine_is_said(simple: Path) -> None:
    change(Path("runs/second/config.json"), "made_with", system="Plan 9", numpy="2.0.0")
    _, output, _ = run("compare", "first", "second")
    assert "The times were not taken on the same machine: see system." in output
    assert "Versions that differ" in output
    numpy = json.loads(Path("runs/first/config.json").read_text())["made_with"]["numpy"]
    assert f"numpy {numpy} 2.0.0" in " ".join(output.split())


def test_runs_that_have_not_ended_or_failed(simple: Path) -> None:
    for name in ("going", "failed"):
        shutil.copytree("runs/first", Path("runs", name))
    for path in Path("runs/going").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "config.json":
            path.unlink()
    result("failed", ended="train: the loss is nan at iteration 46.")
    code, output, errors = run("compare", "first", "second", "going", "failed")
    assert (code, errors) == (0, "")
    assert "going has not ended: it is still going, or was killed." in output
    assert "failed ended by an error: train: the loss is nan at iteration 46." in output
    lines = [line.split() for line in output.splitlines()]
    assert ["ended", "as", "asked", "as", "asked", "not", "yet", "error"] in lines
    assert ["test", "accuracy", "at", "20", "0.5000*", "0.4000", "-", "0.5000*"] in lines
    assert max(map(len, output.splitlines())) <= 80


def test_many_runs_and_long_names_stand_in_blocks_of_80_columns(simple: Path) -> None:
    names = [f"2026-05-04_10-20-{second}" for second in range(30, 39)]
    for number, name in enumerate(names):
        shutil.copytree("runs/first", Path("runs", name))
        change(Path("runs", name, "config.json"), "settings", seed=number)
    _, output, _ = run("compare", *names)
    lines = output.splitlines()
    assert lines[:9] == [f"({k})  {name}" for k, name in enumerate(names, start=1)]
    assert max(map(len, lines[:-1])) <= 80  # the last is a command
    seeds = [line.split()[1:] for line in lines if line.startswith("  seed ")]
    assert len(seeds) > 1
    assert [seed for block in seeds for seed in block] == list(map(str, range(9)))
    assert "*" not in output  # all are as good


def test_names_that_are_the_same_are_paths(simple: Path) -> None:
    shutil.copytree("runs/first", "other/first")
    _, output, _ = run("compare", "first", "other/first")
    assert "  runs/first   other/first\n" in output
    assert "Settings that differ" not in output
    assert "The same in all: model=two-layer" in output


def test_a_setting_that_one_version_had_not(simple: Path) -> None:
    config = Path("runs/second/config.json")
    change(config, "settings", momentum=0.9)
    settings = json.loads(config.read_text())
    del settings["settings"]["seed"], settings["settings"]["lr"]
    config.write_text(json.dumps(settings))
    comparison = compare_runs([read_run("first"), read_run("second")])
    assert comparison.settings == {"iterations": (45, 30), "momentum": (None, 0.9)}
    assert comparison.same["lr"] == 0.1  # what was left out is default
    assert comparison.same["seed"] == 0


# ---- curves --------------------------------------------------------------------------------------


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved."""
    saved = []
    save = Figure.savefig

    def remember(self: Figure, *args: object, **kwargs: object) -> None:
        saved.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)
    return saved


def words(legend: Any) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def test_the_curves(simple: Path, figures: list[Figure]) -> None:
    code, output, _ = run("compare", "first", "second", "--curves", "both.png")
    assert code == 0
    assert output.endswith("\n  their curves  both.png\n")
    assert imread("both.png").shape[1:] == (1600, 4)
    (figure,) = figures
    above, below = figure.axes
    assert [len(line.get_xdata()) for line in above.get_lines()] == [45, 30]
    assert [list(line.get_ydata()) for line in below.get_lines()] == [
        pytest.approx(of) for of in ([10, 60, 90], [10, 50, 80], [10, 70, 80], [10, 40, 80])
    ]
    (legend,) = figure.legends
    assert words(legend) == ["first: test 80.00 %", "second: test 80.00 %"]
    colours = [line.get_color() for line in legend.get_lines()]
    assert [line.get_color() for line in above.get_lines()] == colours
    assert [line.get_color() for line in below.get_lines()] == [c for c in colours for _ in "ab"]
    assert words(below.get_legend()) == ["train", "test"]


def test_the_curves_as_svg_are_the_same_each_time(simple: Path) -> None:
    for name in ("one.svg", "two.SVG"):
        assert run("compare", "first", "second", "--curves", name)[0] == 0
    assert Path("one.svg").read_bytes() == Path("two.SVG").read_bytes()
    assert b"<svg" in Path("one.svg").read_bytes()


def test_curves_of_runs_without_numbers_and_with_strange_names(
    simple: Path, figures: list[Figure]
) -> None:
    name = r"_$\frac{$"
    shutil.copytree("runs/first", Path("runs", name))
    shutil.copytree("runs/first", "runs/going")
    for path in Path("runs/going").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "config.json":
            path.unlink()
    code, _, _ = run("compare", "going", name, "--curves", "c.png")
    assert code == 0
    (figure,) = figures
    assert words(figure.legends[0]) == [
        "going: no numbers yet",
        r"\$\frac{\$: test 80.00 %",  # no formula; one that begins with _ would be left out
    ]


def test_a_legend_of_many_runs_hides_no_curve(simple: Path, figures: list[Figure]) -> None:
    names = [f"{'long' * 30}_{number}" for number in range(9)]
    for name in names:
        shutil.copytree("runs/first", Path("runs", name))
    assert run("compare", *names, "--curves", "c.png")[0] == 0
    (figure,) = figures
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert box.y0 >= 0
    assert box.y1 < figure.axes[1].xaxis.get_tightbbox().y0  # below the numbers of the axis
    assert len(words(figure.legends[0])) == 9


# ---- wrong requests ----------------------------------------------------------------------------


def test_requests_that_make_no_comparison(simple: Path) -> None:
    assert "compare: only runs/first is given. Why: it takes two" in refusal("compare", "first")
    text = refusal("compare", "first", "runs/first/config.json")
    assert "compare: runs/first is given twice." in text
    assert "there is no run 'third'." in refusal("compare", "first", "third")
    assert run("compare")[0] == 2
    with pytest.raises(OptionError, match="no run is given"):
        compare_runs([])


def test_a_damaged_file_ends_it(simple: Path) -> None:
    Path("runs/second/accuracy.csv").write_text("")
    assert "accuracy.csv is damaged: it is empty. Where: 'runs/second/acc" in refusal(
        "compare", "first", "second"
    )


@pytest.mark.parametrize("name", ["curves", "curves.pdf", "nowhere/curves.png", "runs.png"])
def test_a_picture_that_cannot_be_drawn(simple: Path, name: str) -> None:
    Path("runs.png").mkdir()
    text = refusal("compare", "first", "second", "--curves", name)
    assert ("it cannot be written" in text) == name.endswith("png")
    assert ("Write instead: --curves curves.png" in text) == name.startswith("curves")


def test_help_can_be_worked_from() -> None:
    code, text, _ = run("compare", "--help")
    assert code == 0
    for words in ("Exit codes: 0", "--json", "--curves", "marked *", "./runs", "Two or more"):
        assert words in text
