"""`clearprop train`: a run as asked, a run that ends early, and requests that are wrong."""

from __future__ import annotations

import ast
import errno
import inspect
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import clearprop
from clearprop.cli import app
from clearprop.cli.train import train
from clearprop.train import Settings, wants_plain

FILES = {
    "accuracy.csv",
    "config.json",
    "curves.png",
    "report.html",
    "loss.csv",
    "result.json",
    "weights.safetensors",
}
FOLDER = FILES | {"checkpoints"}
COMMAND = [sys.executable, "-m", "clearprop", "train"]
# a process of its own is to run the same clearprop as this one
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(clearprop.__file__).parents[1])}
posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")


def run(*words: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def refusal(*words: Any) -> str:
    """What the command answers to a wrong request: one paragraph, exit code 2, no traceback."""
    code, output = run(*words)
    assert code == 2
    assert "Traceback" not in output
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    for part in (" Why: ", " Write instead: "):
        assert output.count(part) == 1
    return output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("finished") / "run"
    code, output = run("--data", digits, "--iterations", 45, "--batch", 10, "--out", out)
    assert code == 0
    return out, output


# ---- as asked -------------------------------------------------------------------------------


def test_the_screen_of_a_run(finished: tuple[Path, str]) -> None:
    out, output = finished
    lines = output.splitlines()
    assert lines[:5] == [
        "two-layer 784-50-10, 39,760 parameters, float32, seed 0",
        "45 iterations, batches of 10 out of 40 images, learning rate 0.1",
        "",
        "epoch  iteration    loss  train accuracy  test accuracy",
        lines[4],
    ]
    assert re.fullmatch(r"    0          0       -          0\.\d{4}         0\.\d{4}", lines[4])
    rows = [line.split() for line in lines[4 : lines.index("", 4)]]
    assert [row[:2] for row in rows] == [
        *([str(epoch), str(4 * epoch)] for epoch in range(12)),
        ["11.2", "45"],  # the end is no epoch border
    ]
    assert re.search(r"^45 iterations in [\d.]+ s: [\d,]+ iterations/s\.$", output, re.MULTILINE)
    assert str(out) in lines
    for name in FILES:
        assert f"\n  {name} " in output
    assert f"Again: clearprop train --config {out / 'config.json'}" in output


def test_the_folder_of_a_run(finished: tuple[Path, str], digits: Path) -> None:
    from safetensors import safe_open

    out, _ = finished
    assert {path.name for path in out.iterdir()} == FOLDER  # no passing file is left
    with safe_open(out / "weights.safetensors", framework="numpy") as weights:
        shapes = {name: weights.get_tensor(name).shape for name in weights.keys()}  # noqa: SIM118
        assert weights.get_tensor("W1").dtype == np.float32
        made = json.loads(weights.metadata()["clearprop"])
    assert shapes == {"W1": (784, 50), "b1": (50,), "W2": (50, 10), "b2": (10,)}
    assert made["model"] == "two-layer"
    assert made["sizes"] == [784, 50, 10]
    assert made["iterations"] == 45
    losses = np.loadtxt(out / "loss.csv", delimiter=",", skiprows=1)
    assert (out / "loss.csv").read_text().startswith("iteration,loss\n1,2.30")
    assert losses[:, 0].tolist() == list(range(1, 46))
    table = np.genfromtxt(out / "accuracy.csv", delimiter=",", names=True)
    assert table["iteration"].tolist() == [*range(0, 45, 4), 45]
    assert table["mean_loss"][1] == pytest.approx(losses[:4, 1].mean())
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert b"test images are classified right" in (out / "report.html").read_bytes()
    config = json.loads((out / "config.json").read_text())
    assert config["settings"]["data"] == str(digits)
    assert config["settings"]["seed"] == 0
    assert config["made_with"]["numpy"] == np.__version__
    assert len(config["made_with"]["data_sha256"]) == 64
    assert config["command"].startswith("clearprop")
    result = json.loads((out / "result.json").read_text())
    assert result["ended"] == "as asked"
    assert result["iterations"] == 45
    assert result["test_accuracy"] == table["test_accuracy"][-1]


def test_the_configuration_runs_again_bit_for_bit(finished: tuple[Path, str], here: Path) -> None:
    out, _ = finished
    code, output = run("--config", out / "config.json", "--out", "again")
    assert code == 0
    assert "Not quite the run" not in output
    for name in ("weights.safetensors", "loss.csv", "accuracy.csv"):
        assert (here / "again" / name).read_bytes() == (out / name).read_bytes()
    code, _ = run("--config", out / "config.json", "--seed", 1, "--out", "other")
    assert code == 0
    settings = json.loads((here / "other/config.json").read_text())["settings"]
    assert (settings["seed"], settings["batch"]) == (1, 10)
    weights = (here / "other/weights.safetensors").read_bytes()
    assert weights != (out / "weights.safetensors").read_bytes()


def test_interpreted_it_is_the_same_curve(finished: tuple[Path, str], here: Path) -> None:
    out, _ = finished
    code, output = run("--config", out / "config.json", "--interpret", "--out", "other")
    assert code == 0
    assert "warning" not in output
    ours, theirs = (
        np.loadtxt(path / "loss.csv", delimiter=",", skiprows=1) for path in (out, here / "other")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    config = json.loads((here / "other/config.json").read_text())
    assert config["settings"]["interpret"] is True
    assert "machine_code" not in config["made_with"]
    code, output = run("--config", "other/config.json", "--out", "again")
    assert "Not quite the run" not in output
    for name in ("weights.safetensors", "loss.csv", "accuracy.csv"):
        assert (here / "again" / name).read_bytes() == (here / "other" / name).read_bytes()


def test_threads_change_no_bit(finished: tuple[Path, str], here: Path) -> None:
    out, _ = finished
    for threads in (1, 2):
        code, _ = run("--config", out / "config.json", "--threads", threads, "--out", str(threads))
        assert code == 0
        for name in ("weights.safetensors", "loss.csv", "accuracy.csv"):
            assert (here / str(threads) / name).read_bytes() == (out / name).read_bytes()


def test_without_llvmlite_it_is_interpreted_and_says_so_once(
    digits: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _take_away("llvmlite", monkeypatch)
    code, output = run("--data", digits, "--iterations", 9, "--batch", 10, "--out", "run")
    assert code == 0
    assert output.count("warning") == 1
    assert (
        "\nwarning: train: this run is computed in NumPy, not in machine code. fit: llvmlite is "
        "not installed. Why: it writes machine code, and comes with the extra 'train'. Write "
        "instead: pip install 'clearprop[train]'\n"
    ) in output
    assert json.loads(Path("run/config.json").read_text())["made_with"]["machine_code"] == "none"
    code, _ = run("--config", "run/config.json", "--interpret", "--out", "other")
    assert code == 0
    assert Path("run/loss.csv").read_bytes() == Path("other/loss.csv").read_bytes()


def test_a_rerun_says_what_is_not_the_same(finished: tuple[Path, str], here: Path) -> None:
    config = json.loads((finished[0] / "config.json").read_text())
    config["made_with"]["numpy"] = "2.0.0"
    Path("config.json").write_text(json.dumps(config))
    _, output = run("--config", "config.json")
    assert f"Not quite the run of config.json: numpy was 2.0.0 and is {np.__version__}.\n" in output


def test_another_model_dtype_and_the_default_folder(digits: Path, here: Path) -> None:
    words = ("--data", digits, "--iterations", 30, "--model", "linear", "--dtype", "float64")
    code, output = run(*words)
    assert code == 0
    assert output.startswith("linear 784-10, 7,850 parameters, float64, seed 0\n")
    (folder,) = (here / "runs").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(_2)?", folder.name)
    assert json.loads((folder / "config.json").read_text())["settings"]["hidden"] is None
    # a configuration of one model does not hand its hidden layer on to another
    run("--config", folder / "config.json", "--model", "two-layer", "--out", "two")
    assert json.loads((here / "two/config.json").read_text())["settings"]["hidden"] == 50


def test_the_options_have_the_defaults_of_the_settings() -> None:
    parameters = inspect.signature(train).parameters
    settings = {field.name: field.default for field in fields(Settings)}
    assert {name: parameters[name].default for name in settings} == settings


def test_help_is_quick_and_every_option_has_some() -> None:
    code = "import clearprop.cli, sys; print({name.split('.')[0] for name in sys.modules})"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    loaded = ast.literal_eval(shown.stdout)
    assert loaded & {"matplotlib", "safetensors", "scipy", "numba"} == set()
    options = inspect.get_annotations(train, eval_str=True)
    del options["ctx"], options["return"]
    others = {"config", "out", "plain", "checkpoint", "resume"}
    assert options.keys() == {*vars(Settings()), *others}
    for option in options.values():
        assert option.__metadata__[0].help
    code_of_help, text = run("--help")
    assert code_of_help == 0
    assert "Train a network and keep the run." in text


def test_version() -> None:
    command = [sys.executable, "-m", "clearprop", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert shown.stdout == f"clearprop {clearprop.__version__}\n"


# ---- ended early ------------------------------------------------------------------------------


@contextmanager
def started(*words: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*COMMAND, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # where an assertion failed; otherwise it has ended


@posix_only
@pytest.mark.parametrize(
    ("number", "code", "text"),
    [(signal.SIGINT, 130, "Ended by Ctrl-C"), (signal.SIGTERM, 143, "Ended by SIGTERM")],
)
def test_a_signal_ends_the_run_and_keeps_it(
    digits: Path, tmp_path: Path, number: signal.Signals, code: int, text: str
) -> None:
    words = ("--data", digits, "--iterations", 10**9, "--checkpoint", 50)
    with started(*words, "--out", tmp_path / "run") as process:
        for _ in range(1200):
            if [*tmp_path.glob("run/checkpoints/step-*")]:
                break
            time.sleep(0.05)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors == b""
    found = re.search(
        text + r" after ([\d,]+) of 1,000,000,000 iterations, .*; what there is is saved\.",
        output.decode(),
    )
    assert found is not None
    done = int(found[1].replace(",", ""))
    assert {path.name for path in (tmp_path / "run").iterdir()} == FOLDER
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert (result["ended"], result["iterations"]) == (number.name, done)
    assert len((tmp_path / "run/loss.csv").read_text().splitlines()) == 1 + done
    # the first part of the run is the same as one that was asked to be as long
    if done < 5000:
        run("--data", digits, "--iterations", done, "--out", tmp_path / "short")
        weights = [
            (tmp_path / name / "weights.safetensors").read_bytes() for name in ("run", "short")
        ]
        assert weights[0] == weights[1]


@posix_only
def test_a_reader_that_goes_away_does_not_end_the_run(digits: Path, tmp_path: Path) -> None:
    with started("--data", digits, "--iterations", 100, "--out", tmp_path / "run") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == FOLDER


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_it(digits: Path, here: Path) -> None:
    code, output = run("--data", digits, "--lr", 1e30, "--out", "run")
    assert code == 1
    assert "Ended by an error after 1 of 10,000 iterations, " in output
    assert "error: train: the loss is nan at iteration 2. Why: In Affine" in output
    assert output.endswith(
        "The updates have grown beyond what a float holds, as they do when the learning rate is "
        "too large for the model and the batches. Write instead: --lr 0.1\n"
    )
    assert {path.name for path in (here / "run").iterdir()} == FOLDER
    assert (here / "run/loss.csv").read_text().endswith("\n2,nan\n")
    result = json.loads((here / "run/result.json").read_text())
    assert result["ended"] == "train: the loss is nan at iteration 2."


# ---- on a terminal -------------------------------------------------------------------------------


@posix_only
def test_a_terminal_gets_a_bar(digits: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    clean = {k: v for k, v in ENVIRONMENT.items() if k not in {"NO_COLOR", "COLUMNS"}}
    words = ["--iterations=1500", "--batch=4", f"--data={digits}", f"--out={tmp_path / 'run'}"]
    with subprocess.Popen(
        [*COMMAND, *words], stdout=theirs, stderr=theirs, env={**clean, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        screen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's end of file here
                break
            if not piece:
                break
            screen += piece
    os.close(ours)
    assert process.returncode == 0
    text = screen.decode()
    assert "1500 iterations" in text.replace(",", "")
    assert "epoch  iteration" in text
    assert re.search(r"/1,500 .*iterations/s.* left .*loss \d\.\d{4}", text)


@pytest.mark.parametrize(
    ("terminal", "setting", "plain"),
    [
        (True, {"TERM": "xterm"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (True, {"TERM": "dumb"}, True),
        (False, {"TERM": "xterm"}, True),
    ],
)
def test_where_lines_are_plain(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, setting: dict[str, str], plain: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert wants_plain() is plain


# ---- wrong requests ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--lr", "-0.1"],
            "train: lr is -0.1. Why: the learning rate is a positive, finite number. "
            "Write instead: --lr 0.1",
        ),
        (["--lr", "nan"], "train: lr is nan. Why: the learning rate is a positive, finite"),
        (["--lr", "inf"], "train: lr is inf. Why: the learning rate is a positive, finite"),
        (["--lr", "0"], "train: lr is 0.0. "),
        (
            ["--batch", "0"],
            "train: batch is 0. Why: the number of samples in a batch is a whole number from 1 to "
            "1,000,000,000. Write instead: --batch 100",
        ),
        (["--hidden", "0"], "train: hidden is 0. Why: the number of hidden units is a whole"),
        (["--iterations", "-3"], "train: iterations is -3. Why: the number of iterations is a"),
        (["--seed", "-1"], "train: seed is -1. Why: a seed is a whole number, at least 0. Write"),
        (["--threads", "0"], "train: threads is 0. Why: the number of threads is from 1 to 1,024."),
        (
            ["--dtype", "float16"],
            "train: dtype is 'float16'. Why: the dtypes are float32 and float64. Write instead: "
            "--dtype float32",
        ),
        (
            ["--model", "resnet"],
            "train: model is 'resnet'. Why: the models are two-layer (a hidden layer with ReLU), "
            "linear (softmax regression), simple-conv",
        ),
        (
            ["--model", "linear", "--hidden", "50"],
            "train: hidden is 50, for the model linear. Why: linear (softmax regression) has no "
            "hidden layer. Write instead: two-layer as the model, or no hidden",
        ),
    ],
)
def test_a_value_out_of_its_limits(here: Path, words: list[str], text: str) -> None:
    assert text in refusal(*words)
    assert list(here.iterdir()) == []  # a refused request leaves nothing behind


def test_what_is_no_number_or_no_option(here: Path) -> None:
    for words in (["--lr", "fast"], ["--epoch", "3"]):
        code, output = run(*words)
        assert code == 2
        assert "Traceback" not in output


def test_a_data_folder_that_is_not_there_or_not_whole(digits: Path, here: Path) -> None:
    text = refusal("--data", "nowhere")
    assert text.startswith("error: load: there is no such file.")
    assert f"Where: '{here / 'nowhere'}'." in text
    assert "Write instead: --data with a folder of IDX files, a CSV file or digits; or no" in text
    Path("part").mkdir()
    name = "train-images-idx3-ubyte"
    Path("part", name).write_bytes((digits / name).read_bytes()[:1000])
    assert "are missing" in refusal("--data", "part")
    for other in digits.iterdir():
        if other.name != name:
            Path("part", other.name).write_bytes(other.read_bytes())
    assert "Write instead: --data with a folder" in refusal("--data", "part")


def test_a_run_is_never_overwritten(digits: Path, here: Path) -> None:
    Path("run").mkdir()
    Path("run/thesis.txt").write_text("three years")
    assert refusal("--data", digits, "--out", "run") == (
        "error: train: the run folder exists and is not empty. Where: 'run'. Why: a run is never "
        "overwritten. Write instead: --out with another name, or no --out for "
        "runs/<date>_<time>\n"
    )
    assert [path.name for path in Path("run").iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made(digits: Path, here: Path) -> None:
    Path("file").write_text("")
    for out in ("file", "file/run"):
        text = refusal("--data", digits, "--out", out)
        assert text.startswith("error: train: the run folder cannot be made: ")
        assert f"Where: '{Path(out)}'. Why: weights, numbers and curves of the run are" in text
        assert text.endswith("Write instead: --out FOLDER, where you may write\n")
    Path("runs").write_text("")
    assert "the run folder cannot be made" in refusal("--data", digits)


def test_a_disk_that_fills_up_while_saving(
    digits: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, written = os.fsync, []

    def full_after_two(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > 7:  # a file and its folder each; that of the checkpoints before it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_after_two)
    code, output = run("--data", digits, "--iterations", 3, "--out", "run")
    assert code == 2
    assert output.splitlines()[-1] == (
        "error: train: loss.csv, accuracy.csv, result.json, curves.png, "
        "report.html cannot be written: No space "
        "left on device. Where: 'run'. Why: the disk or the folder refuses it; saved are "
        "config.json, weights.safetensors. Write instead: clearprop train --config "
        "run/config.json --out FOLDER makes the same files, on a disk with room"
    )
    whole = {"config.json", "weights.safetensors", "checkpoints"}
    assert {path.name for path in Path("run").iterdir()} == whole


def _take_away(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a package be one that is not installed."""

    class NotInstalled:
        @staticmethod
        def find_spec(name: str, *_: Any) -> None:
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NotInstalled, *sys.meta_path])


@pytest.mark.parametrize("package", ["safetensors", "matplotlib", "threadpoolctl"])
def test_a_missing_extra_is_told_before_training(
    digits: Path, here: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    _take_away(package, monkeypatch)
    text = refusal("--data", digits, "--out", "run")
    assert text.startswith(f"error: train: {package} is not installed. Why: it ")
    assert text.endswith("Write instead: pip install 'clearprop[train]'\n")
    assert list(here.iterdir()) == []


def test_too_little_memory(digits: Path, here: Path) -> None:
    text = refusal("--data", digits, "--hidden", 10**9)
    assert text.startswith("error: train: there is not enough memory. Why: Unable to allocate ")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "train: the configuration is not JSON: Expecting property name"),
        ("[1]", "train: the configuration has no \"settings\". Where: 'config.json'. Why: it is"),
        (
            '{"settings": {"learning_rate": 0.1, "lr": 0.1}}',
            "train: the setting 'learning_rate' is unknown. Where: 'config.json'. Why: the "
            "settings are model, hidden, optimizer, lr,",
        ),
        (
            '{"settings": {"lr": "0.1"}}',
            "train: lr is '0.1'. Where: 'config.json'. Why: the learning rate is a positive, "
            'finite number. Write instead: "lr": 0.1',
        ),
        (
            '{"settings": {}, "made_with": 3}',
            'train: the configuration has a "made_with" that names no versions.',
        ),
        ('{"settings": {"batch": 1.5}}', "train: batch is 1.5. Where: 'config.json'."),
        ('{"settings": {"batch": true}}', "train: batch is True. Where: 'config.json'."),
        ('{"settings": {"lr": 1e999}}', "train: lr is inf. Where: 'config.json'."),
        ('{"settings": {"data": 3}}', "train: data is 3. Where: 'config.json'. Why: data is a"),
    ],
)
def test_a_wrong_configuration(here: Path, content: str, text: str) -> None:
    Path("config.json").write_text(content)
    assert text in refusal("--config", "config.json")


def test_a_configuration_that_cannot_be_read(finished: tuple[Path, str], here: Path) -> None:
    text = refusal("--config", "nowhere.json")
    assert "train: the configuration cannot be read: No such file or directory." in text
    text = refusal("--config", finished[0])
    assert f"Write instead: --config {finished[0] / 'config.json'}\n" in text
    Path("binary").write_bytes(b"\xff\xfe\x00")
    assert "train: the configuration is not JSON: 'utf-8' codec" in refusal("--config", "binary")
