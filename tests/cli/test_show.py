"""`clearprop show`: a run whole, still going, damaged, foreign or of a newer version; the list."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import change, refusal, run
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import clearprop
from clearprop.cli.show import show
from clearprop.train import read_run

FILES = ("accuracy.csv", "config.json", "curves.png", "loss.csv", "report.html", "result.json")

AFFINE = ["Affine1", "50", "39,250", "78.5", "k", "200", "B"]  # a line of the layers


@pytest.fixture(scope="module")
def finished(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "first"
    code, _, _ = run("train", "--data", digits, "--iterations", 45, "--batch", 10, "--out", out)
    assert code == 0
    return out


@pytest.fixture
def first(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may damage, seen as ``runs/first`` from the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished, Path("runs/first")))


# ---- a run as it should be ------------------------------------------------------------------


def test_the_screen_of_a_run(first: Path) -> None:
    code, output, errors = run("show", "first")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].startswith("runs/first, begun 20")
    assert lines[1].startswith("Ended as asked after 45 iterations in ")
    headings = [line for line in lines[1:] if line and line[0] != " "][2:]
    assert headings == ["Settings", "Made with", "Command", "Epochs", "Layers", "Files", "Next"]
    assert "  iterations    45            by default 10,000" in lines
    assert "  lr            0.1" in lines  # as by default
    assert f"  numpy         {np.__version__}" in lines
    assert "  epoch  iteration    loss  train accuracy  test accuracy" in lines
    assert AFFINE in [line.split() for line in lines]
    [weights] = [line for line in lines if line.startswith("  weights.safetensors ")]
    assert weights.split()[2:5] == ["kB", "the", "weights"]
    for name in FILES:
        assert f"\n  {name} " in output
    assert "  the same run again  clearprop train --config runs/first/config.json" in lines
    assert "\x1b" not in output


def test_the_table_is_the_one_of_train(digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    _, trained, _ = run("train", "--data", digits, "--iterations", 9, "--out", out)
    _, shown, _ = run("show", out)
    table = trained[trained.index("epoch  ") :].partition("\n\n")[0].splitlines()
    assert len(table) > 10
    assert "\n".join(f"  {line}" for line in table) in shown


def test_nothing_but_what_is_to_be_copied_is_wider_than_80_columns(first: Path) -> None:
    change(first / "config.json", "settings", data="/a" * 60)
    change(first / "config.json", "", command=f"clearprop train --data {'/a' * 60}")
    for width in (40, 80, 200):
        _, output, _ = run("show", first, columns=width)
        wide = [line for line in output.splitlines() if len(line) > 80]
        assert [line.split()[0] for line in wide] == ["data", "clearprop"]  # a path, a command


def test_the_three_forms_of_a_path(first: Path) -> None:
    shown = {run("show", *words) for words in (["first"], [first], [first / "config.json"])}
    assert len(shown) == 1
    assert run("show", first.absolute())[1].partition(",")[0] == str(first.absolute())
    here = Path.cwd()
    os.chdir(first)
    try:
        assert run("show", ".")[0] == run("show", "config.json")[0] == 0
    finally:
        os.chdir(here)


def test_a_folder_here_is_not_hidden_by_one_in_runs(first: Path) -> None:
    shutil.copytree(first, "first")
    change(Path("first/config.json"), "settings", lr=0.7)
    assert "  lr            0.7" in run("show", "first")[1]


def test_json_holds_all_of_it(first: Path) -> None:
    code, output, _ = run("show", "first", "--json")
    facts = json.loads(output)
    assert code == 0
    assert facts["settings"] == json.loads((first / "config.json").read_text())["settings"]
    assert facts["result"] == json.loads((first / "result.json").read_text())
    assert [row["iteration"] for row in facts["epochs"]] == [*range(0, 45, 4), 45]
    assert facts["epochs"][0]["mean_loss"] is None  # NaN is no JSON
    assert facts["layers"][0]["parameters"] == 39_250
    assert facts["arrays"]["W2"] == {"shape": [50, 10], "dtype": "float32"}
    assert facts["files"]["result.json"] == (first / "result.json").stat().st_size
    assert facts["problems"] == []
    run("show", "first", "--json", "facts.json")
    assert json.loads(Path("facts.json").read_text()) == facts


def test_a_long_table_loses_its_middle(first: Path) -> None:
    rows = [f"{4 * epoch},{float(epoch)},0.5,0.6,0.7\n" for epoch in range(100)]
    head = "iteration,epoch,mean_loss,train_accuracy,test_accuracy\n"
    (first / "accuracy.csv").write_text(head + "".join(rows))
    _, output, _ = run("show", "first")
    table = output[output.index("Epochs") : output.index("Layers")].splitlines()[2:-1]
    assert [line.split()[0] for line in table] == [
        *map(str, range(5)),
        "…",
        *map(str, range(85, 100)),
    ]
    assert table[5] == "      …  80 more with --all"
    assert "more with --all" not in run("show", "first", "--all")[1]


def test_help_can_be_worked_from() -> None:
    code, text, _ = run("show", "--help")
    assert code == 0
    assert "clearprop show [OPTIONS] [RUN]" in text
    for words in ("Exit codes: 0", "--json", "--all", "config.json", "newest first"):
        assert words in text
    assert show.__doc__


# ---- a run that has not ended, or ended early ------------------------------------------------


def test_a_run_that_is_still_going_is_shown_as_far_as_it_is(first: Path) -> None:
    for path in list(first.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "config.json":
            path.unlink()
    code, output, errors = run("show", "first")
    assert (code, errors) == (0, "")
    said = " ".join(output.splitlines()[1:3])
    assert said.startswith("Not ended: it is still going, or was killed. It began ")
    assert said.endswith(" ago; saved so far are 0 of 45 iterations.")
    assert "Epochs\n  None is saved.\n" in output
    assert "Affine1" in output
    facts = json.loads(run("show", "first", "--json")[1])
    assert (facts["ended"], facts["result"], facts["epochs"]) == (None, None, [])


def test_a_run_that_was_killed_while_it_was_saved(first: Path) -> None:
    for name in ("result.json", "accuracy.csv", "curves.png", "report.html"):
        (first / name).unlink()
    code, output, errors = run("show", "first")
    assert (code, errors) == (0, "")
    assert "saved so far are 45 iterations." in " ".join(output.split())
    assert read_run("first").network().params["W1"].any()


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        ("SIGINT", "Ended by Ctrl-C after 7 of 45 iterations"),
        ("SIGTERM", "Ended by SIGTERM after 7 of 45 iterations"),
        ("train: the loss is nan at iteration 8.", "Ended by an error after 7 of 45 iterations"),
    ],
)
def test_how_it_ended(first: Path, ended: str, text: str) -> None:
    change(first / "result.json", "", ended=ended, iterations=7)
    code, output, _ = run("show", "first")
    assert code == 0
    assert text in output
    assert ("the loss is nan at iteration 8." in output) == ended.startswith("train")


# ---- newer -------------------------------------------------------------------------------------


def test_what_a_newer_clearprop_wrote_is_shown(first: Path) -> None:
    change(first / "config.json", "settings", rule={"name": "adam", "beta": 0.9}, noise=[1, 2])
    change(first / "config.json", "made_with", clearprop="99.1")
    change(first / "result.json", "", stars=5)
    (first / "spectrum.npz").write_bytes(b"")
    (first / "more").mkdir()
    text = (first / "accuracy.csv").read_text().splitlines()
    (first / "accuracy.csv").write_text(
        "\n".join([f"{text[0]},mood", *(f"{line},good" for line in text[1:])]) + "\n"
    )
    code, output, errors = run("show", "first")
    assert (code, errors) == (0, "")
    for line in (
        "  rule.name     adam",
        "  rule.beta     0.9",
        "  noise         [1, 2]",
        "  W1  784 × 50  float32",
    ):
        assert line in output.splitlines()
    assert "test accuracy  mood\n" in output
    assert "stars 5." in output
    assert "\n  spectrum.npz " in output
    assert "folder\n" in output
    assert (
        "The network cannot be built: the setting 'rule' is unknown. What it does to the network "
        "is not known here. The run is of clearprop 99.1, which is newer than this one, "
        f"{clearprop.__version__}."
    ) in " ".join(output.split())


def test_a_configuration_of_few_settings_has_the_defaults(first: Path) -> None:
    (first / "config.json").write_text('{"settings": {"batch": 10}}')
    code, output, _ = run("show", "first")
    assert code == 0
    assert ["hidden", "50"] in [line.split() for line in output.splitlines()]
    assert "Made with" not in output


def test_escapes_in_what_others_wrote_do_not_reach_the_terminal(first: Path) -> None:
    change(first / "config.json", "settings", model="\x1b[31mred")
    change(first / "config.json", "", command="clearprop\x1b]0;title\x07")
    _, output, _ = run("show", "first")
    assert "\x1b" not in output
    assert "\\x1b[31mred" in output


# ---- damaged, missing, foreign -----------------------------------------------------------------


def _cut(name: str, size: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:size])

    return damage


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def _delete(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _other_weights(folder: Path) -> None:
    arrays = load_file(folder / "weights.safetensors")
    save_file({**arrays, "b1": np.zeros(51, np.float32)}, folder / "weights.safetensors")


def _one_bit(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_cut("loss.csv", 100), "loss.csv is damaged: its last line has no end."),
        (_write("loss.csv", b""), "loss.csv is damaged: it is empty."),
        (_write("loss.csv", b"iteration,loss\n1,2.3\n"), "it has 1 losses of 45 iterations."),
        (_write("loss.csv", b"iteration,loss\n1,a\n"), "loss.csv is damaged: could not convert"),
        (_write("loss.csv", b"iteration,loss\n2,1.5\n"), "its iterations are not 1, 2, 3, …."),
        (_write("loss.csv", b"step,loss\n"), "its first line is 'step,loss', and not"),
        (_write("loss.csv", b"\xff\xfe\n"), "loss.csv is damaged: it is no text: 'utf-8' codec"),
        (_cut("accuracy.csv", 200), "accuracy.csv is damaged: its last line has no end."),
        (_write("accuracy.csv", b"epoch\n1\n"), "accuracy.csv is damaged: its columns are epoch."),
        (_write("accuracy.csv", b"iteration,epoch\n1\n"), "line 2 has 1 columns instead of 2."),
        (_write("accuracy.csv", b"iteration,epoch\n1,x\n"), "epoch: could not convert string"),
        (_write("accuracy.csv", b"iteration\nnan\n"), "its iterations are no whole numbers."),
        (_cut("result.json", 20), "result.json is damaged: it is not JSON: "),
        (_write("result.json", b"{}"), 'result.json is damaged: it has no text "ended".'),
        (_write("result.json", b'{"ended": "", "seconds": "x"}'), "its seconds are 'x'."),
        (_write("result.json", b'{"ended": "", "iterations": NaN}'), "its iterations are nan."),
        (_write("result.json", b'{"ended": "", "iterations": 1e999}'), "its iterations are inf."),
        (_write("result.json", b'{"ended": "", "iterations": true}'), "its iterations are True."),
        (_write("loss.csv", b"iteration,loss\n\n"), "loss.csv is damaged: it has an empty line."),
        (_write("accuracy.csv", b'iteration\n"1\n'), "accuracy.csv is damaged: unexpected end of"),
        (_cut("weights.safetensors", 1000), "weights.safetensors is damaged: it is no safetensors"),
        (_write("weights.safetensors", b""), "weights.safetensors is damaged: it is no safetensor"),
        (_one_bit, "weights.safetensors is damaged: its SHA-256 is not the one that result.json"),
        (_other_weights, "the weights are not those of the model two-layer: b1 is (51,), and"),
        (_delete("weights.safetensors"), "weights.safetensors is not there. Where: 'runs/first'."),
        (_delete("loss.csv"), "loss.csv is not there. Where: 'runs/first'. Why: the run has ended"),
    ],
)
def test_a_damaged_file_is_said_and_the_rest_is_shown(
    first: Path, damage: Callable[[Path], None], text: str
) -> None:
    damage(first)
    code, output, errors = run("show", "first")
    assert code == 1
    assert text in errors
    assert errors.count("\n") == 1  # once, although several numbers stand in the file
    for part in (" Where: 'runs/first", " Why: ", " Write instead: "):
        assert part in errors
    words = [line.split() for line in output.splitlines()]
    assert ["lr", "0.1"] in words
    assert AFFINE in words
    code, output, _ = run("show", "first", "--json")
    assert code == 1
    assert len(json.loads(output)["problems"]) == 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "config.json is damaged: it is not JSON: Expecting"),
        (b"\xff\xfe", "config.json is damaged: it is not JSON: 'utf-8' codec"),
        (b"[" * 100_000, "config.json is damaged: it is not JSON: "),
        (b"[1]", "config.json is damaged: it does not say what the run was made from."),
        (b'{"name": "npm"}', 'config.json is damaged: it has no "settings".'),
        (b'{"settings": {}, "made_with": 3}', 'it has a "made_with" that names no versions.'),
    ],
)
def test_without_a_configuration_there_is_no_run(first: Path, content: bytes, text: str) -> None:
    (first / "config.json").write_bytes(content)
    assert text in refusal("show", "first")


def test_what_is_no_run(first: Path) -> None:
    Path("other").mkdir()
    Path("file").write_text("")
    text = refusal("show", "frist")
    assert text.startswith("error: there is no run 'frist'. Why: neither frist nor runs/frist is")
    assert text.endswith("Write instead: runs/first\n")
    assert "error: there is no run 'a/b'. Why: it is looked for from" in refusal("show", "a/b")
    text = refusal("show", "other")
    assert text.startswith("error: this folder is no run. Where: 'other'. Why: clearprop train le")
    assert "error: this is a file, and no run. Where: 'file'." in refusal("show", "file")
    text = refusal("show", "runs/first/loss.csv")
    assert text.endswith("Write instead: runs/first\n")
    assert "no run" in refusal("show", "x" * 5000)


def test_a_file_that_may_not_be_read(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "loss.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read what nobody may
    code, _, errors = run("show", "first")
    assert code == 1
    assert "loss.csv cannot be read: Permission denied." in errors


def test_without_safetensors_all_but_the_weights_is_shown(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)  # as if it were not installed
    code, output, errors = run("show", "first")
    assert code == 1
    assert AFFINE[:3] in [line.split()[:3] for line in output.splitlines()]
    assert errors.startswith("error: train: safetensors ")
    assert errors.endswith("Write instead: pip install 'clearprop[train]'\n")


def test_a_json_file_that_cannot_be_written(first: Path) -> None:
    assert "nowhere/facts.json: it cannot be written" in refusal(
        "show", "first", "--json", "nowhere/facts.json"
    )


@pytest.mark.parametrize("name", ["config.json", "result.json"])
def test_a_file_of_a_run_is_not_written_over(first: Path, name: str) -> None:
    before = (first / name).read_bytes()
    for words in (["show", "--json", first / name], ["show", "first", "--json", first / name]):
        assert f"runs/first/{name}: this is a file of a run. Why: a run is never" in refusal(*words)
    assert (first / name).read_bytes() == before


_NUMBERS = st.sampled_from([0, 1, 45, -1, 2.5, 10**30, math.nan, math.inf, -math.inf])
_WORDS = st.sampled_from(["", "as asked", "SIGINT", "two-layer", "99.0", "\x1b[2J", "\ud800"])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2),
    max_leaves=4,
)
_CELLS = st.sampled_from(
    ["0", "4", "1.5", "nan", "inf", "1e400", "-3", "", "x", '"', "\x00", "a,b"]
)
_SETTINGS = ("model", "lr", "batch", "iterations", "threads", "dtype", "data", "new")


def _dicts(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), _VALUES, max_size=2)


@limits(max_examples=15, deadline=None)
@given(
    settings=_dicts(*_SETTINGS),
    made_with=_dicts("clearprop", "numpy", "new"),
    result=_dicts("ended", "iterations", "seconds", "test_accuracy", "new"),
    table=st.lists(st.tuples(_CELLS, _CELLS), max_size=3),
)
def test_whatever_stands_in_the_files_there_is_no_traceback(
    finished: Path,
    tmp_path_factory: pytest.TempPathFactory,
    settings: dict[str, Any],
    made_with: dict[str, Any],
    result: dict[str, Any],
    table: list[tuple[str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in ("config.json", "loss.csv", "weights.safetensors"):
        shutil.copy(finished / name, folder / name)
    change(folder / "config.json", "settings", **settings)
    change(folder / "config.json", "made_with", **made_with)
    (folder / "result.json").write_text(json.dumps({"ended": "as asked", **result}))
    rows = ["iteration,epoch", *map(",".join, table)]
    (folder / "accuracy.csv").write_text("\n".join(rows) + "\n")
    for words in (["show", folder], ["show", folder.parent], ["compare", folder, finished]):
        code, output, errors = run(*words)  # it would raise what is no refusal
        assert code in (0, 1, 2)
        assert bool(errors) == bool(code)
    for words in (["show", folder], ["compare", folder, finished]):
        code, output, _ = run(*words, "--json")
        if code != 2:
            json.loads(output)


# ---- the list --------------------------------------------------------------------------------


def test_the_list_is_newest_first(first: Path) -> None:
    begun = read_run("first").begun
    for name, age in (("second", 100), ("third", 50), ("broken", 20), ("going", 10)):
        shutil.copytree(first, Path("runs", name))
        config = Path("runs", name, "config.json")
        change(config, "", begun=(begun - timedelta(seconds=age)).isoformat())
    Path("runs/broken/config.json").write_text("{")  # then it is when that was written
    os.utime("runs/broken/config.json", (begun.timestamp() - 20,) * 2)
    Path("runs/going/result.json").unlink()
    Path("runs/notes").mkdir()
    code, output, errors = run("show")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].split() == ["run", "begun", "model", "iterations", "accuracy", "ended"]
    names = [line.split()[0] for line in lines[1:6]]
    assert names == ["first", "going", "broken", "third", "second"]
    assert lines[1].endswith("as asked")
    assert lines[2].endswith("not yet")
    assert lines[3].endswith("unreadable")
    assert "No runs: 1 other folder." in lines
    assert "clearprop compare runs/third runs/first" in output
    assert run("show", "runs")[1] == output
    assert max(map(len, lines)) <= 80
    listed = json.loads(run("show", "runs", "--json")[1])
    assert [one["run"] for one in listed] == names
    assert listed[2]["problem"].startswith("config.json is damaged")


@pytest.mark.parametrize(
    ("name", "model", "begun"),
    [("2026-05-04_10-20-30", "two-layer", True), ("a" * 38, "conv 30 5x5, relu, pool 2", False)],
)
def test_the_list_has_80_columns(first: Path, name: str, model: str, begun: bool) -> None:
    first.rename(Path("runs", name))
    change(Path("runs", name, "config.json"), "settings", model=model)
    change(Path("runs", name, "result.json"), "", ended="SIGTERM", iterations=10**6)
    lines = run("show")[1].splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(f"{name}  ")
    assert ("begun" in lines[0]) == begun
    assert lines[1].endswith("SIGTERM")


def test_no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "error: there is no run 'runs'." in refusal("show")
    Path("runs").mkdir()
    assert run("show") == (0, "There is no run in runs; clearprop train makes one.\n", "")
    assert json.loads(run("show", "--json")[1]) == []
