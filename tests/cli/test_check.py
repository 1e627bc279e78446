"""`clearprop check`: what it finds, how it ends, what it writes, and requests that are wrong."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

import clearprop
from clearprop.check import worker
from clearprop.cli import app
from clearprop.cli.files import split_name
from clearprop.errors import OptionError

RIGHT = "def Affine(): return 'correct'\n"
WRONG = "def Softmax(): return 'fault'\n"
ODD = "def Dropout(): return 'not judged'\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, and a judge that calls each function of a file and takes its word."""
    paths = [str(Path(__file__).parents[1]), str(Path(clearprop.__file__).parents[1])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setattr(worker, "JUDGE", "standing_judge:judge_candidates")
    monkeypatch.chdir(tmp_path)
    for name, text in (("right", RIGHT), ("wrong", WRONG), ("odd", ODD), ("empty", "x = 1\n")):
        Path(f"{name}.py").write_text(text)
    return tmp_path


def run(*words: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def refusal(*words: Any) -> str:
    code, output = run(*words)
    assert code == 2
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    for part in (" Why: ", " Write instead: "):
        assert output.count(part) == 1
    return output


# ---- how it ends -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["right.py"], 0),
        (["wrong.py"], 1),
        (["odd.py"], 1),
        (["odd.py", "--allow-unjudged"], 0),
        (["right.py", "odd.py"], 1),
        (["wrong.py", "odd.py", "--allow-unjudged"], 1),
        (["empty.py"], 1),
        (["empty.py", "--allow-unjudged"], 1),
        (["right.py", "empty.py"], 1),
    ],
)
def test_exit_codes(words: list[str], code: int) -> None:
    assert run(*words, "--no-isolation")[0] == code


def test_exit_codes_in_processes_of_their_own() -> None:
    assert run("right.py")[0] == 0
    assert run("right.py", "wrong.py", "odd.py", "--jobs", 2)[0] == 1


def test_a_folder_may_hold_files_without_a_backward_pass(here: Path) -> None:
    (here / "wrong.py").unlink()
    (here / "odd.py").unlink()
    (here / ".hidden.py").write_text(WRONG)
    (here / "inner").mkdir()
    (here / "inner" / "more.py").write_text("def More(): return 'correct'\n")
    (here / "data.csv").write_text("1,2\n")
    code, output = run(".")
    assert code == 0
    assert "2 backward passes in 3 files: 2 correct." in output
    assert run(".", "empty.py")[0] == 1  # now it was named


def test_one_that_does_not_end_leaves_the_others(here: Path) -> None:
    (here / "loop.py").write_text("def Loop():\n    while True: pass\n" + RIGHT)
    code, output = run("loop.py", "right.py", "--time-limit", 1, "--jobs", 2)
    assert code == 1
    assert "? Loop  not judged because it did not end within 1 s" in output
    assert output.count("✓ Affine  correct") == 2
    assert "3 backward passes in 2 files: 1 not judged, 2 correct." in output


def test_what_files_print_is_no_part_of_the_answer(here: Path) -> None:
    (here / "loud.py").write_text("print('hello')\n" + RIGHT)
    code, output = run("loud.py", "--json")
    assert code == 0
    assert json.loads(output)["summary"]["correct"] == 1


# ---- what is asked ---------------------------------------------------------------------------


def test_names_of_one_file_are_joined(here: Path) -> None:
    (here / "all.py").write_text(RIGHT + WRONG + ODD)
    _, output = run("all.py:Affine", "all.py:Dropout", "--json")
    (file,) = json.loads(output)["files"]
    assert [j["name"] for j in file["judgements"]] == ["Affine", "Dropout"]
    _, output = run("all.py:Affine", "all.py", "--json")
    assert len(json.loads(output)["files"][0]["judgements"]) == 3


def test_options_arrive(here: Path) -> None:
    (here / "inputs.toml").write_text("lr = 0.5\n")
    (here / "asks.py").write_text(
        "def A():\n"
        "    o = OPTIONS\n"
        "    given = (o.shapes, o.values, o.reference, o.seed, o.samples)\n"
        "    wanted = ({'x': (4, 3), 'A.b': ()}, {'lr': 0.5}, 'softmax', 7, 20)\n"
        "    return 'correct' if given == wanted else 'fault'\n"
    )
    words = ["--shape", "x=4,3", "--shape", "A.b=()", "--as", "softmax", "--seed", 7]
    assert run("asks.py", *words, "--samples", 20, "--inputs", "inputs.toml")[0] == 0


def test_colons_in_paths(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = here / "a:b.py"
    if os.name == "posix":
        odd.write_text(RIGHT)
        assert split_name(str(odd)) == (str(odd), "")
        assert split_name(f"{odd}:Affine") == (str(odd), "Affine")
    drive = "C:\\Users\\me\\layers.py"
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == drive)
    assert split_name(drive) == (drive, "")
    assert split_name(f"{drive}:Affine") == (drive, "Affine")
    with pytest.raises(OptionError, match=re.escape("C:\\none.py: there is no such file")):
        split_name("C:\\none.py:Affine")


# ---- what it writes --------------------------------------------------------------------------


def test_files_are_written(here: Path) -> None:
    (here / "rubric.toml").write_text("[points]\nAffine = 4\nNobody = 1\n")
    words = ["--json", "r.json", "--junit", "r.xml", "--html", "r.html", "--csv", "r.csv"]
    code, output = run("right.py", "wrong.py", *words, "--grade", "rubric.toml")
    assert code == 1
    document = json.loads((here / "r.json").read_text())
    assert [grade["points"] for grade in document["grades"]] == [4.0, 0.0]
    assert ET.parse(here / "r.xml").getroot().attrib["failures"] == "1"
    assert (here / "r.html").read_text().startswith("<!doctype html>")
    assert (here / "r.csv").read_text() == (
        "file,points,of,Affine,Nobody,for a human\n"
        "right.py,4,5,4,0,nothing of this name was found\n"
        "wrong.py,0,5,0,0,nothing of this name was found; nothing of this name was found\n"
    )
    assert "Affine      4 of 4" in output
    assert "The rubric's 'Nobody' fits nothing in any file: is the name right?" in output
    assert not list(here.glob(".*"))  # nothing half-written is left


@pytest.mark.parametrize(
    "words", [["--json", "right.py"], ["right.py", "--json"], ["right.py", "--json", "-"]]
)
def test_json_alone_goes_to_the_screen(words: list[str]) -> None:
    code, output = run(*words)
    assert code == 0
    assert json.loads(output)["schema"] == 1


def test_help_says_what_it_does() -> None:
    code, output = run("--help")
    assert code == 0
    text = " ".join(output.split())
    for part in ("THE FILES ARE EXECUTED", "Exit codes: 0", "clearprop check layers.py:Affine"):
        assert part in text


# ---- requests that are wrong -----------------------------------------------------------------


def test_refusals(here: Path) -> None:
    (here / "bad.toml").write_text("[points]\nA = -1\n")
    (here / "nothing").mkdir()
    assert "nobody.py: there is no such file" in refusal("nobody.py")
    assert "nobody.py: there is no such file" in refusal("nobody.py:Affine")
    assert "right.py:Nobody: it is not there" in refusal("right.py:Nobody")
    assert "nothing: there is nothing to check" in refusal("nothing")
    assert "nothing is a folder" in refusal("nothing:Affine")
    assert "this is not a name" in refusal("right.py", "--shape", "4,3")
    assert "--inputs none.toml" in refusal("right.py", "--inputs", "none.toml")
    assert "points: A = -1" in refusal("right.py", "--grade", "bad.toml")
    assert "there are no points" in refusal("right.py", "--csv", "a.csv")
    assert "it cannot be written" in refusal("right.py", "--html", "no/such/r.html")
    assert "it cannot be written" in refusal("right.py", "--html", "nothing")
    assert "this is no limit" in refusal("right.py", "--time-limit", 0)
    assert "this is no limit" in refusal("right.py", "--time-limit", "nan")
