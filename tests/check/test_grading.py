"""Points by a rubric: what costs how much, and what is wrong with a rubric."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from sample_reports import small_report

from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    NOT_JUDGED,
    FileReport,
    Finding,
    Judgement,
    Place,
)
from clearprop.check.reports import grading
from clearprop.check.reports.grading import Rubric, grade, read_rubric
from clearprop.errors import OptionError

AT = Place("a.py", 1)


def judgement(name: str, *causes: str, verdict: str = FAULT, gradients: int = 1) -> Judgement:
    findings = tuple(
        Finding(CONVENTION if verdict == CONVENTION else FAULT, cause, "", f"d{i}")
        for i, cause in enumerate(causes)
    )
    return Judgement(name, "layer", AT, verdict, findings, tuple(f"d{i}" for i in range(gradients)))


def points(rubric: Rubric, *judgements: Judgement) -> float:
    return grade(FileReport("a.py", judgements), rubric).points


def test_what_costs_points() -> None:
    rubric = Rubric({"A": 4.0}, {"sign": 0.25, "factor": 0.5}, {"kink": 0.1})
    assert points(rubric, judgement("A", verdict=CORRECT)) == 4
    assert points(rubric, judgement("A", "sign")) == 3
    assert points(rubric, judgement("A", "sign", "sign")) == 3  # once for a cause
    assert points(rubric, judgement("A", "sign", "factor")) == 1
    assert points(rubric, judgement("A", "sign", "factor", "transposed")) == 0  # never below
    assert points(rubric, judgement("A", "transposed")) == 0
    assert points(rubric, judgement("A", "kink", verdict=CONVENTION)) == pytest.approx(3.6)
    assert points(rubric, judgement("A", "wider", verdict=CONVENTION)) == 4  # free


def test_partial_credit() -> None:
    wrong = judgement("A", "sign", gradients=4)
    assert points(Rubric({"A": 4.0}, partial="gradients"), wrong) == 3
    assert points(Rubric({"A": 4.0}, {"sign": 0.5}, partial="gradients"), wrong) == 3.5
    assert points(Rubric({"A": 4.0}, {"sign": 0.5}, partial="none"), wrong) == 0


def test_a_fault_without_findings_costs_all() -> None:
    assert points(Rubric({"A": 4.0}), judgement("A")) == 0


def test_not_judged_is_for_a_human() -> None:
    missing = Judgement("A", "layer", AT, NOT_JUDGED, reason="it loops")
    one = grade(FileReport("a.py", (missing,)), Rubric({"A": 4.0}))
    assert one.points == 0
    assert one.human == ("A: not judged because it loops",)
    assert points(Rubric({"A": 4.0}, not_judged=0.5), missing) == 2


def test_a_missing_exercise_counts_nothing_and_is_said() -> None:
    one = grade(FileReport("a.py", (judgement("B", verdict=CORRECT),)), Rubric({"A": 4.0}))
    assert (one.points, one.of) == (0, 4)
    assert one.human == ("nothing of this name was found",)
    assert one.ungraded == ("B",)


def test_several_that_fit_share_the_points_and_the_first_pattern_wins() -> None:
    rubric = Rubric({"Mul": 1.0, "M*": 4.0})
    right, wrong = judgement("Mean", verdict=CORRECT), judgement("Max", "sign")
    one = grade(FileReport("a.py", (judgement("Mul", verdict=CORRECT), right, wrong)), rubric)
    assert [e.points for e in one.exercises] == [1, 2]
    assert (one.points, one.of) == (3, 5)
    assert one.exercises[1].why == ("Max: sign −100 %",)


def test_patterns_that_fit_nothing_anywhere_are_said() -> None:
    rubric = Rubric({"A": 1.0, "Afine": 1.0})
    grades = [grade(FileReport("a.py", (judgement("A", verdict=CORRECT),)), rubric)]
    assert grading.unused_patterns(grades) == ["Afine"]


def test_csv_has_a_line_for_each_submission_and_no_formulas() -> None:
    rubric = Rubric({"Affine": 4.0, "=cmd": 1.0})
    grades = [grade(small_report(name), rubric) for name in ("=a.py", 'b,"\n.py')]
    rows = list(csv.reader(io.StringIO(grading.to_csv(grades))))
    assert rows[0] == ["file", "points", "of", "Affine", "'=cmd", "for a human"]
    assert rows[1][:5] == ["'=a.py", "0", "5", "0", "0"]
    assert rows[2][0] == 'b,"\n.py'.replace("\n", " ")
    assert len(rows) == 3


def test_lines_for_the_terminal() -> None:
    rubric = Rubric({"Affine": 4.0, "Sigmoid": 1.0}, {"factor": 0.25, "other": 0.25})
    lines = grading.as_lines(grade(small_report(), rubric))
    assert lines[0] == "Affine       1 of 4      factor −25 %; batch-sum −25 %; raises −25 %"
    assert lines[1] == "Sigmoid      1 of 1"
    assert lines[2] == "total        2 of 5"
    assert lines[3].startswith("not in the rubric: Softmax")


def test_a_rubric_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rubric.toml"
    path.write_text(
        'not_judged = 0.5\npartial = "gradients"\n'
        '[points]\nAffine = 4\n"Soft*" = 2.5\n'
        "[deductions]\nsign = 0.25\nother = 0.5\n[conventions]\nkink = 0.1\n"
    )
    assert read_rubric(path) == Rubric(
        {"Affine": 4.0, "Soft*": 2.5},
        {"sign": 0.25, "other": 0.5},
        {"kink": 0.1},
        0.5,
        "gradients",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no points"),
        ("points = 3", "points = 3 is no table"),
        ("[points]\nA = -1", "points: A = -1"),
        ("[points]\nA = 0", "points: A = 0"),
        ("[points]\nA = nan", "points: A = nan"),
        ("[points]\nA = true", "points: A = True"),
        ('[points]\nA = "4"', "points: A = '4'"),
        (
            "[points]\nA = 1\n[deductions]\nsigns = 1",
            "'signs' is no cause of the catalogue (is sign",
        ),
        ("[points]\nA = 1\n[deductions]\nsign = 2", "deductions: sign = 2"),
        ("[points]\nA = 1\n[conventions]\nsign = 1", "conventions: 'sign' is no cause"),
        ("not_judged = 2\n[points]\nA = 1", "not_judged = 2"),
        ('partial = "all"\n[points]\nA = 1', "partial = 'all' is not known"),
        ("[point]\nA = 1", "'point' is not known (is points meant?)"),
        ("[points", "the file cannot be read"),
    ],
)
def test_what_is_wrong_with_a_rubric(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rubric.toml"
    path.write_text(text)
    with pytest.raises(OptionError) as error:
        read_rubric(path)
    assert message in str(error.value)
    assert " Why: " in str(error.value)
    assert " Write instead: " in str(error.value)
