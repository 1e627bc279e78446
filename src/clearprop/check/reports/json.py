"""A report for programs. The schema is stable: what is added later leaves what is here as it is.

::

    {"schema": 1, "clearprop": "0.1.0", "ok": false,
     "summary": {"total": 6, "fault": 2, "not judged": 1, "convention": 1, "correct": 2,
                 "in part": 1},
     "files": [{
       "file": "layers.py", "ok": false, "notes": ["…"],
       "bystanders": [{"name": "load", "file": "layers.py", "line": 1, "text": "…"}],
       "judgements": [{
         "name": "Affine", "style": "layer", "verdict": "fault", "reason": "",
         "place": {"file": "layers.py", "line": 12, "text": "def backward(self, dout):"},
         "not_judged_lines": [{"function": "backward", "file": "layers.py", "line": 15, "last": 16,
           "text": "…", "branch": "the branch `if …`", "reason": "", "sentence": "…"}],
         "gradients": ["dx", "dW"], "probes": ["…"], "shapes": {"x": [2, 3]}, "seconds": 0.1,
         "findings": [{
           "verdict": "fault", "cause": "factor", "title": "a constant factor",
           "gradient": "dW", "sentence": "…", "remedy": "…", "place": {…} or null,
           "evidence": null or {
             "gradient": "dW", "probe": "…", "expected": ARRAY, "found": ARRAY or null,
             "wrong_count": 1 or null,
             "wrong": [{"index": [0, 1], "expected": 1.0, "found": 2.0}],
             "values": {"x": ARRAY or a number, a text, a list, a table}}}]}]}],
     "grades": [{…}]}

ARRAY is ``{"shape": [2], "dtype": "float64", "truncated": false, "data": [1.0, "NaN"]}``. ``data``
is nested lists; above 2,000 elements ``truncated`` is true and ``data`` a flat list of the first
2,000. NaN and infinities are the texts ``"NaN"``, ``"Infinity"``, ``"-Infinity"``; a complex number
is a text. ``wrong`` has at most 200 entries. ``grades`` is there where a rubric was given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import clearprop
from clearprop.check.handwritten.model import (
    Evidence,
    FileReport,
    Finding,
    Judgement,
    Place,
    Unjudged,
)
from clearprop.check.reports import words
from clearprop.check.reports.windows import wrong_entries

SCHEMA = 1

_MOST_ELEMENTS = 2000
_MOST_WRONG = 200


def to_json(report: FileReport | Sequence[FileReport], grades: Sequence[Any] = ()) -> str:
    """Write reports as JSON.

    Parameters
    ----------
    report : FileReport or sequence of FileReport
        What was found.
    grades : sequence of Grade
        What a rubric made of it.

    Returns
    -------
    str
        In the schema above.

    Examples
    --------
    >>> json.loads(to_json(FileReport("layers.py")))["summary"]["total"]
    0
    """
    reports = [report] if isinstance(report, FileReport) else list(report)
    document = {
        "schema": SCHEMA,
        "clearprop": clearprop.__version__,
        "ok": bool(reports) and all(one.ok for one in reports),
        "summary": words.counts(reports) | {"in part": words.in_part(reports)},
        "files": [_file(one) for one in reports],
    }
    if grades:
        document["grades"] = [grade.as_table() for grade in grades]
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)


def _file(report: FileReport) -> dict[str, Any]:
    bystanders = report.bystanders.items()
    return {
        "file": report.file,
        "ok": report.ok,
        "notes": list(report.notes),
        "bystanders": [{"name": name, **_place(place)} for name, place in bystanders],
        "judgements": [_judgement(judgement) for judgement in report.judgements],
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "name": judgement.name,
        "style": judgement.style,
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "place": _place(judgement.place),
        "gradients": list(judgement.gradients),
        "probes": list(judgement.probes),
        "shapes": {name: list(shape) for name, shape in judgement.shapes.items()},
        "seconds": _plain(judgement.seconds),
        "not_judged_lines": [_lines(lines) for lines in judgement.unjudged],
        "findings": [_finding(finding) for finding in judgement.findings],
    }


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "text": place.text}


def _lines(lines: Unjudged) -> dict[str, Any]:
    return {
        "function": lines.function,
        **_place(lines.place),
        "last": lines.last,
        "branch": lines.branch,
        "reason": lines.reason,
        "sentence": words.not_run(lines),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "verdict": finding.verdict,
        "cause": finding.cause,
        "title": words.title(finding),
        "gradient": finding.gradient,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
        "place": None if finding.place is None else _place(finding.place),
        "evidence": None if finding.evidence is None else _evidence(finding.evidence),
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    wrong = wrong_entries(evidence)
    expected, found = np.asarray(evidence.expected), np.asarray(evidence.found)
    entries = []
    if wrong is not None:
        for index in np.argwhere(wrong)[:_MOST_WRONG].tolist():
            place = tuple(index)
            pair = {"expected": _plain(expected[place]), "found": _plain(found[place])}
            entries.append({"index": index, **pair})
    return {
        "gradient": evidence.gradient,
        "probe": evidence.probe,
        "expected": _plain(expected),
        "found": None if evidence.found is None else _plain(found),
        "wrong_count": None if wrong is None else int(wrong.sum()),
        "wrong": entries,
        "values": {str(name): _plain(value) for name, value in evidence.values.items()},
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


def _array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    truncated = array.size > _MOST_ELEMENTS
    data = array.ravel()[:_MOST_ELEMENTS] if truncated else array
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "truncated": truncated,
        "data": _plain(data.tolist()),
    }
