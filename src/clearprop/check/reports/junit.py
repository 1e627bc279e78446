"""A report for build servers: JUnit's XML, a test case for each backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

from clearprop.check.handwritten.model import CONVENTION, FAULT, NOT_JUDGED, FileReport, Judgement
from clearprop.check.reports import words
from clearprop.check.reports.terminal import as_text
from clearprop.legible import legible


def to_junit(report: FileReport | Sequence[FileReport]) -> str:
    """Write reports as JUnit XML.

    Parameters
    ----------
    report : FileReport or sequence of FileReport
        A test suite each. A fault is a failure, what was not judged is skipped with its reason,
        a file that could not be loaded is an error; conventions and lines that no probe
        ran pass and are told in ``system-out``.

    Returns
    -------
    str
        A whole XML document.

    Examples
    --------
    >>> print(to_junit(FileReport("layers.py")).splitlines()[1])
    <testsuites name="clearprop check" tests="1" failures="0" errors="0" skipped="1" time="0.000">
    """
    reports = [report] if isinstance(report, FileReport) else list(report)
    suites = [_suite(one) for one in reports]
    root = ET.Element("testsuites", name="clearprop check")
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in suites):.3f}")
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(report: FileReport) -> ET.Element:
    cases = [_case(report, judgement) for judgement in report.judgements]
    if not cases:
        case = ET.Element("testcase", name="backward passes", classname=_clean(report.file))
        ET.SubElement(case, "skipped", message=_clean(words.summary([report])))
        cases = [case]
    suite = ET.Element("testsuite", name=_clean(report.file), tests=str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{sum(max(0.0, j.seconds) for j in report.judgements):.3f}")
    suite.extend(cases)
    if report.notes:
        ET.SubElement(suite, "system-out").text = _clean("\n".join(report.notes))
    return suite


def _case(report: FileReport, judgement: Judgement) -> ET.Element:
    case = ET.Element(
        "testcase",
        name=_clean(judgement.name),
        classname=_clean(report.file),
        file=_clean(judgement.place.file),
        line=str(judgement.place.line),
        time=f"{max(0.0, judgement.seconds):.3f}",
    )
    faults = [finding for finding in judgement.findings if finding.verdict == FAULT]
    if judgement.verdict == FAULT:
        causes = "; ".join(
            f"{finding.gradient}: {words.title(finding)}".removeprefix(": ") for finding in faults
        )
        failure = ET.SubElement(case, "failure", message=_clean(causes or "fault"), type="fault")
        failure.text = _clean(as_text(replace(report, judgements=(judgement,), notes=())))
    elif judgement.verdict == NOT_JUDGED:
        tag = "error" if words.is_broken(judgement) else "skipped"
        message = _clean(f"not judged because {words.why_not(judgement)}")
        ET.SubElement(case, tag, message=message, type="not judged")
    elif judgement.verdict == CONVENTION or judgement.unjudged:
        sentences = [f"{words.title(f)}: {f.sentence}" for f in judgement.findings]
        sentences += [f"not judged: {words.not_run(lines)}" for lines in judgement.unjudged]
        ET.SubElement(case, "system-out").text = _clean("\n".join(sentences))
    return case


def _clean(text: str) -> str:
    """Write control characters visibly: XML has no way to hold them."""
    return legible(text)
