"""What a shell is told: commands, options, and runs where a run is to be typed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from commands import run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("runs/first", "runs/fine one", "other/third", "first"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    for name in ("runs/figures", "farther", ".fhidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "runs/file").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMAND = """
import sys
from clearprop_command import main
try:
    main()
finally:
    print("numpy" in sys.modules, file=sys.stderr)
"""


def offered(text: str) -> list[str]:
    """What bash gets for the last word of a line; nobody waits for NumPy."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND],
        env={
            **os.environ,
            "_CLEARPROP_COMPLETE": "complete_bash",
            "COMP_WORDS": text,
            "COMP_CWORD": str(len(text.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "False\n"
    return [line for line in done.stdout.splitlines() if line]


def test_runs_are_offered_where_a_run_is_typed(here: Path) -> None:
    assert offered("clearprop predict f") == ["fine one", "first"]
    assert offered("clearprop export runs/fir") == ["runs/first"]
    assert offered("clearprop show o") == ["other/"]  # it holds runs
    assert offered("clearprop compare first other/") == ["other/third"]
    assert offered("clearprop train --resume fir") == ["first"]
    assert offered("clearprop predict farther/") == []
    assert offered("clearprop predict none/x") == []
    assert offered("clearprop predict first on") == []  # the shell offers files


def test_values_of_options_are_offered(here: Path) -> None:
    assert offered("clearprop train --optimizer ada") == ["adagrad", "adam", "adamw"]
    assert offered("clearprop train --schedule c") == ["constant", "cosine"]
    models = ["two-layer", "linear", "simple-conv", "deep-conv"]
    assert offered("clearprop train --model ") == models
    assert offered("clearprop train --dtype float") == ["float32", "float64"]


def test_commands_are_offered(here: Path) -> None:
    assert offered("clearprop pre") == ["predict"]


def test_the_command_is_the_same_where_no_shell_asks() -> None:
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"clearprop": "clearprop_command:main"}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("clearprop ")
    assert done.stderr == "True\n"


def test_completion_is_said_in_one_line_of_the_help() -> None:
    code, output, _ = run("--help")
    assert code == 0
    assert output.count("completion") == 1
    assert "clearprop --install-completion" in " ".join(output.split())
    shown = subprocess.run(
        [sys.executable, "-m", "clearprop", "--show-completion", "bash"],
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "complete -o default -F _clearprop_completion clearprop" in shown.stdout
