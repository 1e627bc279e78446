"""Lines of backward that no probe ran: reached where a literal leads there, said otherwise."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from check.writing import write
from handwritten.branches import CUBE, HELPER, PENALTY, REACHED, SILENT
from typer.testing import CliRunner

import clearprop as cp
from clearprop.check.handwritten.judging import check_file
from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    FileReport,
    Judgement,
    Place,
    Unjudged,
)
from clearprop.check.reports import words
from clearprop.check.reports.grading import Rubric, grade
from clearprop.check.reports.html import to_html
from clearprop.check.reports.json import to_json
from clearprop.check.reports.junit import to_junit
from clearprop.check.reports.terminal import as_text
from clearprop.check.wire import WireError, decode_judgement, encode_judgement
from clearprop.cli import app

NAMES = [each[0] for each in REACHED]


def judged(folder: Path, text: str, name: str = "") -> Judgement:
    (judgement,) = check_file(write(folder, "layers.py", text), [name] if name else ()).judgements
    return judgement


def line_with(text: str, part: str) -> int:
    lines = textwrap.dedent(text).lstrip("\n").splitlines()
    return max(n for n, line in enumerate(lines, 1) if part in line)


@pytest.mark.parametrize(("name", "text", "right", "wrong", "cause", "setting"), REACHED, ids=NAMES)
def test_a_branch_that_a_literal_leads_to_is_judged(
    tmp_path: Path, name: str, text: str, right: str, wrong: str, cause: str, setting: str
) -> None:
    judgement = judged(tmp_path, text, name)
    assert judgement.verdict in (CORRECT, CONVENTION)
    assert judgement.unjudged == ()
    assert f"with {setting}" in judgement.probes


@pytest.mark.parametrize(("name", "text", "right", "wrong", "cause", "setting"), REACHED, ids=NAMES)
def test_a_fault_in_it_is_named(
    tmp_path: Path, name: str, text: str, right: str, wrong: str, cause: str, setting: str
) -> None:
    text = text.replace(right, wrong)
    judgement = judged(tmp_path, text, name)
    assert judgement.verdict == FAULT
    (finding,) = [f for f in judgement.findings if f.verdict == FAULT]
    assert (finding.cause, finding.place and finding.place.line) == (cause, line_with(text, wrong))
    assert finding.sentence.startswith(f"With {setting}: ")
    assert finding.evidence is not None
    assert finding.evidence.probe == f"with {setting}"


def test_what_backward_calls_is_watched(tmp_path: Path) -> None:
    right = judged(tmp_path, HELPER, "leaky_backward")
    assert right.ok
    assert right.unjudged == ()
    text = HELPER.replace("x > 0, 1.0, leak", "x > 0, 1.0, -leak")
    wrong = judged(tmp_path, text, "leaky_backward")
    assert wrong.verdict == FAULT
    assert wrong.findings[0].sentence.startswith("With leak = 1.5: ")
    text = HELPER.replace("leak > 0.5", "np.max(x) > 1e5")
    (lines,) = judged(tmp_path, text, "leaky_backward").unjudged
    assert (lines.function, lines.place.line) == ("_slope", line_with(text, "1.0, leak"))


def test_what_nothing_leads_to_is_said(tmp_path: Path) -> None:
    judgement = judged(tmp_path, CUBE)
    assert judgement.verdict == CORRECT
    assert judgement.ok
    assert judgement.in_part
    (lines,) = judgement.unjudged
    first = line_with(CUBE, "np.clip")
    assert (lines.place.line, lines.last, lines.function) == (first, first + 1, "backward")
    assert lines.place.text == "dx = np.clip(dx, -1e6, 1e6)"
    assert lines.branch == "the branch `if np.abs(dx).max() > 1000000.0`"
    assert lines.reason == ""


def test_it_is_judged_with_inputs_that_lead_there(tmp_path: Path) -> None:
    layer: dict[str, type] = {}
    path = write(tmp_path, "cube.py", CUBE)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), layer)
    judgement = cp.check_layer(layer["Cube"], np.full((2, 3), 1e4))
    assert judgement.verdict == FAULT
    assert judgement.unjudged == ()


def test_a_penalty_is_not_in_the_derivative_of_forward(tmp_path: Path) -> None:
    judgement = judged(tmp_path, PENALTY)
    assert judgement.verdict == CORRECT
    (lines,) = judgement.unjudged
    assert lines.place.line == line_with(PENALTY, "+= 2 * self.weight_l2")
    assert "forward does not use weight_l2" in lines.reason


def test_what_gives_no_gradient_is_passed_over(tmp_path: Path) -> None:
    judgement = judged(tmp_path, SILENT)
    assert judgement.verdict == CORRECT
    assert judgement.unjudged == ()


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("for _ in range(len(dx) // 100):", "the loop `for _ in range(len(dx) // 100)` was empty"),
        ("while dx.max() > 1e9:", "the loop `while dx.max() > 1000000000.0` was empty"),
        ("if dx.max() < 1e9:\n            return dx\n        if True:", "which was always so"),
    ],
)
def test_other_ways_not_to_run(tmp_path: Path, head: str, said: str) -> None:
    text = f"""
    class Square:
        def forward(self, x):
            self.x = x
            return x ** 2

        def backward(self, dout):
            dx = 2 * self.x * dout
            {head.replace(chr(10), chr(10) + "    ")}
                dx = dx + 1
            return dx
    """
    judgement = judged(tmp_path, text)
    assert judgement.verdict == CORRECT
    assert said in judgement.unjudged[0].branch


def test_what_the_reader_has_given_stays(tmp_path: Path) -> None:
    name, text, *_ = REACHED[0]
    path = write(tmp_path, "norm.py", text)
    found: dict[str, type] = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), found)
    assert cp.check_layer(found[name]).unjudged == ()
    judgement = cp.check_layer(found[name], values={"mode": "batch"})
    assert judgement.verdict == CORRECT
    assert [lines.place.text for lines in judgement.unjudged] == ["return 1.0 * d"]
    as_it_is = cp.check_layer(found[name](3), np.ones((4, 3)))
    assert [lines.place.text for lines in as_it_is.unjudged] == ["return 1.0 * d"]


# ---- reports ---------------------------------------------------------------------------------


def test_every_report_says_it(tmp_path: Path) -> None:
    judgement = judged(tmp_path, CUBE)
    first = line_with(CUBE, "np.clip")
    sentence = (
        f"lines {first}–{first + 1} of backward did not run in any probe "
        "(the branch `if np.abs(dx).max() > 1000000.0`)"
    )
    report = FileReport("layers.py", (judgement,))
    text = as_text(report)
    assert "✓ Cube  correct  dx" in text
    assert f"not judged: {sentence}" in " ".join(text.split())
    assert "give inputs that lead there" in " ".join(text.split())
    assert text.endswith("1 backward pass: 1 correct in part.")
    document = json.loads(to_json(report))
    assert document["summary"]["in part"] == 1
    (lines,) = document["files"][0]["judgements"][0]["not_judged_lines"]
    assert (lines["line"], lines["last"], lines["sentence"]) == (first, first + 1, sentence)
    case = ET.fromstring(to_junit(report)).find(".//testcase")
    assert case is not None
    assert case.find("failure") is None
    assert sentence in case.findtext("system-out", "")
    assert f"not judged: lines {first}–{first + 1} of backward" in to_html(report)


def test_no_points_without_a_word(tmp_path: Path) -> None:
    report = FileReport("layers.py", (judged(tmp_path, CUBE),))
    whole = grade(report, Rubric({"Cube": 4.0}))
    assert whole.points == 4
    assert "did not run in any probe" in whole.human[0]
    part = grade(report, Rubric({"Cube": 4.0}, in_part=0.5))
    assert part.points == 2
    assert part.exercises[0].why == ("judged in part −50 %",)


def test_the_command_counts_it_as_passed(tmp_path: Path) -> None:
    path = write(tmp_path, "layers.py", CUBE + PENALTY)
    done = CliRunner().invoke(app, ["check", str(path)])
    assert done.exit_code == 0
    assert "2 backward passes: 2 correct, 2 of them in part." in done.output


def test_the_summary_counts_those_in_part() -> None:
    at = Place("a.py", 1)
    lines = (Unjudged("backward", at, 2),)
    several = [Judgement(n, "layer", at, CORRECT) for n in "abc"]
    several += [Judgement(n, "layer", at, CORRECT, unjudged=lines) for n in "de"]
    assert words.summary([FileReport("a.py", tuple(several))]) == (
        "5 backward passes: 5 correct, 2 of them in part."
    )
    assert words.not_run(lines[0]) == "lines 1–2 of backward did not run in any probe"


def test_it_comes_back_from_a_worker(tmp_path: Path) -> None:
    judgement = judged(tmp_path, PENALTY)
    sent = json.loads(json.dumps(encode_judgement(judgement)))
    assert decode_judgement(sent).unjudged == judgement.unjudged
    sent["unjudged"] = [["backward", 3]]
    with pytest.raises(WireError):
        decode_judgement(sent)
