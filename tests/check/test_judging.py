"""The whole judge, on files of every style: right, wrong, by convention, and not to be judged."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest
from check.conventions_as_written import CONVENTIONS, NOT_JUDGED
from check.examples import EXAMPLES, Example, Mistake
from check.writing import judged, line_with, write

from clearprop.check import wire
from clearprop.check.handwritten import catalogue, model
from clearprop.check.handwritten.judging import check_file

MISTAKES = [
    pytest.param(example, mistake, id=f"{mistake.name}: {mistake.wrong}")
    for example in EXAMPLES
    for mistake in example.mistakes
]


def same_code(one: str, other: str) -> bool:
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.style)
def test_what_is_right(tmp_path: Path, example: Example) -> None:
    report = check_file(write(tmp_path, "layers.py", example.source))
    assert {j.name: j.verdict for j in report.judgements} == example.verdicts
    assert report.ok
    for judgement in report.judgements:
        assert judgement.gradients
        assert len(judgement.probes) > 2


@pytest.mark.parametrize(("example", "mistake"), MISTAKES)
def test_what_is_wrong(tmp_path: Path, example: Example, mistake: Mistake) -> None:
    text = example.with_mistake(mistake)
    judgement = judged(tmp_path, text, mistake.name)
    assert judgement.verdict == model.FAULT
    assert not judgement.ok
    finding = judgement.findings[0]
    assert (finding.cause, finding.gradient) == (mistake.cause, mistake.gradient)
    assert finding.place is not None
    assert finding.place.line == line_with(text, mistake.wrong)
    right = example.source.splitlines()[finding.place.line - 1].strip()
    assert same_code(finding.remedy, mistake.remedy or right)
    assert finding.sentence.endswith(".")


@pytest.mark.parametrize("cause", CONVENTIONS)
def test_a_convention_is_said_and_passes(tmp_path: Path, cause: str) -> None:
    report = check_file(write(tmp_path, "layers.py", CONVENTIONS[cause]))
    (judgement,) = report.judgements
    assert judgement.verdict == model.CONVENTION
    assert [finding.cause for finding in judgement.findings] == [cause]
    assert report.ok
    assert wire.decode_report(wire.encode_report(report)).ok  # as from a process of its own


def test_every_convention_that_is_said_has_its_file() -> None:
    assert {*CONVENTIONS, "surrogate"} == set(catalogue.CONVENTIONS)  # that one needs torch


@pytest.mark.parametrize("reason", NOT_JUDGED)
def test_what_is_not_judged_never_passes(tmp_path: Path, reason: str) -> None:
    report = check_file(write(tmp_path, "layers.py", NOT_JUDGED[reason]))
    (judgement,) = report.judgements
    assert judgement.verdict == model.NOT_JUDGED
    assert reason in judgement.reason
    assert not judgement.ok
    assert not report.ok
    assert report.count(model.CORRECT) == 0


def test_a_file_without_a_backward_pass_does_not_pass(tmp_path: Path) -> None:
    assert not check_file(write(tmp_path, "layers.py", "def f(x): return x\n")).ok


def test_one_fault_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    layers = EXAMPLES[0]
    report = check_file(write(tmp_path, "layers.py", layers.with_mistake(layers.mistakes[0])))
    verdicts = {j.name: j.verdict for j in report.judgements}
    assert verdicts == {**layers.verdicts, layers.mistakes[0].name: "fault"}
    assert not report.ok


def test_an_empty_backward_is_a_fault(tmp_path: Path) -> None:
    text = """
        class Double:
            def forward(self, x):
                return 2 * x
            def backward(self, dout):
                pass
        """
    judgement = judged(tmp_path, text, "Double")
    assert judgement.verdict == model.FAULT
    assert judgement.findings[0].cause == "none"


def test_a_page_counts_its_own_lines(tmp_path: Path) -> None:
    code = EXAMPLES[0].with_mistake(EXAMPLES[0].mistakes[0])
    page = f"# Layers\n\nSome words.\n\n```python\n{textwrap.dedent(code)}```\n"
    report = check_file(write(tmp_path, "page.md", page), ["Affine"])
    (finding,) = report.judgements[0].findings
    assert finding.place is not None
    assert finding.place.line == line_with(page, EXAMPLES[0].mistakes[0].wrong)


def test_every_cause_that_is_written_in_the_source_is_in_the_catalogue() -> None:
    """A process that judges sends findings by their cause: another one is refused."""
    known = {"", *catalogue.FAULTS, *catalogue.CONVENTIONS}
    place = {"Finding": 1, "Symptom": 0, "Change": 1}
    for path in Path(catalogue.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            at = place.get(getattr(node.func, "id", "")) if isinstance(node, ast.Call) else None
            cause = node.args[at] if at is not None and len(node.args) > at else None
            if isinstance(cause, ast.Constant):
                assert cause.value in known, f"{path.name}:{node.lineno}"
