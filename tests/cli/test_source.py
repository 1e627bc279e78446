"""`clearprop source`: what it writes, where, and requests that are wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from clearprop.cli import app

NET = """
import numpy as np

def loss(x, W, b):
    print("loud")
    return np.sum(np.tanh(x @ W + b))

def branches(x):
    return x if x > 0 else -x

def pair(x):
    return x, x
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    return tmp_path


def run(*words: str):
    return CliRunner().invoke(app, ["source", *words])


def test_the_module_goes_to_the_screen_and_the_rest_does_not():
    result = run("net.py:loss", "x=4,3", "W=3,5")
    assert result.exit_code == 0
    assert result.stdout.startswith('"""loss and its backward pass, written by clearprop."""\n')
    assert "loud" not in result.stdout
    assert "Proposed, for nothing was given: b=" in result.stderr
    module = {}
    exec(result.stdout, module)
    y, (dx, dW, _) = module["gradients"](np.ones((4, 3)), np.ones((3, 5)), 0.0)
    assert (np.shape(y), dx.shape, dW.shape) == ((), (4, 3), (3, 5))


def test_the_module_goes_into_a_file():
    result = run("net.py:loss", "x=4,3", "-o", "written.py")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "def backward(saved, dy=1.0):" in Path("written.py").read_text()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["net.py:branches", "x=1.5"], "net.py:9"),
        (["net.py:pair", "x=1.5"], "pair returns tuple"),
        (["net.py:none"], "there is no function none"),
        (["none.py:f"], "there is no such file"),
        (["net.py:loss", "x=4,3", "-o", "no/such/folder.py"], "cannot be written"),
    ],
)
def test_refusals_are_one_paragraph(words, text):
    result = run(*words)
    assert result.exit_code == 2
    message = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(message) == 1
    assert text in message[0]
    assert " Write instead: " in message[0]


def test_the_help_says_that_the_file_is_executed():
    help_text = run("--help").stdout
    assert "THE FILE IS EXECUTED" in help_text
