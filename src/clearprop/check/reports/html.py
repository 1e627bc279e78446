"""A report as one page: no network, no server, light and dark, on paper, by keyboard."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

import clearprop
from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    NOT_JUDGED,
    FileReport,
    Finding,
    Judgement,
)
from clearprop.check.reports import words
from clearprop.check.reports.heatmaps import heat_maps
from clearprop.check.reports.page import SCRIPT, STYLE
from clearprop.legible import legible

_HEADINGS = {
    FAULT: "Faults",
    NOT_JUDGED: "Not judged",
    CONVENTION: "Conventions",
    CORRECT: "Correct",
}
_LONGEST = 20_000  # characters of one text


def to_html(report: FileReport | Sequence[FileReport], grades: Sequence[Any] = ()) -> str:
    """Write reports as one page that needs nothing else.

    Parameters
    ----------
    report : FileReport or sequence of FileReport
        What was found.
    grades : sequence of Grade
        What a rubric made of it.

    Returns
    -------
    str
        HTML. Every text of the report is escaped, and the page forbids all scripts but its own.

    Examples
    --------
    >>> "<script>alert" in to_html(FileReport("<script>alert(1)</script>"))
    False
    """
    reports = [report] if isinstance(report, FileReport) else list(report)
    entries = [
        (f"j{i}-{k}", one, judgement)
        for i, one in enumerate(reports)
        for k, judgement in enumerate(one.judgements)
    ]
    files = words.short_names([one.file for one in reports]) if len(reports) > 1 else {}
    name = reports[0].file if len(reports) == 1 else f"{len(reports)} files"
    sections = [_section(verdict, entries, files) for verdict in words.VERDICTS]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(name)}: {_text(words.summary(reports))}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#report">Skip to the report</a>',
            "<header>",
            '<p class="kind">Hand-written backward passes</p>',
            f"<h1>{_text(name)}</h1>",
            f'<p class="summary">{_text(words.summary(reports))}</p>',
            _index(entries, files),
            "</header>",
            '<main id="report">',
            *filter(None, sections),
            _grades(grades),
            _rest(reports),
            "</main>",
            f"<footer>clearprop {_text(clearprop.__version__)}</footer>",
            f"<script>{SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _policy() -> str:
    """Allow this page's own script and styles, and nothing from anywhere."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _text(text: object) -> str:
    """Escape a text; control characters and those that turn the reading direction are shown."""
    return escape(legible(str(text)[:_LONGEST]), quote=True)


def _mark(verdict: str) -> str:
    return f'<span class="mark" aria-hidden="true">{words.MARKS[verdict]}</span>'


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _index(entries: Sequence[tuple[str, FileReport, Judgement]], files: dict[str, str]) -> str:
    """Link to every judgement, by verdict."""
    if not entries:
        return ""
    groups = []
    for verdict in words.VERDICTS:
        chosen = [entry for entry in entries if entry[2].verdict == verdict]
        if not chosen:
            continue
        links = " ".join(
            f'<li><a href="#{key}">{_text(words.one_line(j.name) or "(no name)")}</a>'
            + (f' <span class="soft">{_text(files[report.file])}</span></li>' if files else "</li>")
            for key, report, j in chosen
        )
        groups.append(
            f'<div class="group {_class(verdict)}"><h2>{_mark(verdict)} '
            f"{_HEADINGS[verdict]} <b>{len(chosen)}</b></h2><ul>{links}</ul></div>"
        )
    return f'<nav aria-label="By verdict">{"".join(groups)}</nav>'


def _section(
    verdict: str, entries: Sequence[tuple[str, FileReport, Judgement]], files: dict[str, str]
) -> str:
    chosen = [entry for entry in entries if entry[2].verdict == verdict]
    if not chosen:
        return ""
    write = _fault if verdict == FAULT else _quiet
    body = "\n".join(write(key, j, files.get(r.file, "")) for key, r, j in chosen)
    if verdict != FAULT:
        body = f'<ul class="quiet">\n{body}\n</ul>'
    return f'<section class="{_class(verdict)}"><h2>{_HEADINGS[verdict]}</h2>\n{body}\n</section>'


def _quiet(key: str, judgement: Judgement, file: str) -> str:
    """Write what is not at fault: a line, and its reasons."""
    name = _text(words.one_line(judgement.name) or "(no name)")
    parts = [f'{_mark(judgement.verdict)} <b class="name">{name}</b>']
    if judgement.gradients:
        parts.append(f'<span class="soft">{_text(", ".join(judgement.gradients))}</span>')
    parts.append(f'<span class="soft">{_place(judgement, file)}</span>')
    if judgement.verdict == NOT_JUDGED:
        parts.append(f"<p>not judged because {_text(words.why_not(judgement))}</p>")
    parts += [_convention(f) for f in judgement.findings if f.verdict == CONVENTION]
    parts += _not_run(judgement)
    return f'<li id="{key}" tabindex="-1">{" ".join(parts)}</li>'


def _not_run(judgement: Judgement) -> list[str]:
    """Write which lines no probe came to."""
    parts = [f"not judged: {_prose(words.not_run(lines))}" for lines in judgement.unjudged]
    how = words.how_to_judge(judgement)
    if how:
        parts.append(f'<span class="soft">To have it judged, {_text(how)}</span>')
    return [f'<p class="unjudged">{"<br>".join(parts)}</p>'] if parts else []


def _place(judgement: Judgement, file: str) -> str:
    where = _text(f"line {judgement.place.line}")
    return f"{_text(file)}, {where}" if file else where


def _convention(finding: Finding) -> str:
    title = _text(words.title(finding))
    gradient = f" ({_text(finding.gradient)})" if finding.gradient else ""
    return f'<p class="convention">{title}{gradient}. {_prose(finding.sentence)}</p>'


def _fault(key: str, judgement: Judgement, file: str) -> str:
    name = _text(words.one_line(judgement.name) or "(no name)")
    faults = [finding for finding in judgement.findings if finding.verdict == FAULT]
    rest = [finding for finding in judgement.findings if finding.verdict != FAULT]
    parts = [f'<h3>{_mark(FAULT)} {name} <span class="soft">{_place(judgement, file)}</span></h3>']
    parts += [_finding(finding, judgement) for finding in faults]
    for finding in rest:
        if finding.verdict == NOT_JUDGED:
            gradient = _text(finding.gradient) or "the rest"
            parts.append(f"<p>? {gradient} not judged: {_prose(finding.sentence)}</p>")
        else:
            parts.append(_convention(finding))
    parts += _not_run(judgement)
    if judgement.shapes or judgement.probes:
        tried = [f"{name} {shape}" for name, shape in judgement.shapes.items()]
        told = _text("; ".join([*tried, *words.tried(judgement)]))
        parts.append(f"<details><summary>What was tried</summary><p>{told}</p></details>")
    return f'<article id="{key}" tabindex="-1">{"".join(parts)}</article>'


def _finding(finding: Finding, judgement: Judgement) -> str:
    gradient = f'<code class="name">{_text(finding.gradient)}</code>: ' if finding.gradient else ""
    parts = [
        f"<h4>{gradient}{_text(words.title(finding))}</h4>",
        f"<p>{_prose(finding.sentence)}</p>",
        _source(finding, judgement),
    ]
    if finding.remedy:
        remedy = _text(finding.remedy)
        label = _text(f"Copy the line to write instead, for {finding.gradient or judgement.name}")
        parts.append(
            '<div class="remedy"><span>Write instead</span>'
            f'<button type="button" class="copy" aria-label="{label}" hidden>Copy</button>'
            f"<pre><code>{remedy}</code></pre></div>"
        )
    if finding.evidence is not None:
        parts.append(heat_maps(finding.evidence, _text))
        values = _values(finding.evidence.values)
        if values:
            parts.append(f"<details><summary>The inputs of this case</summary>{values}</details>")
    return f'<div class="finding">{"".join(parts)}</div>'


def _prose(sentence: str) -> str:
    """Escape a sentence, and set the code in its backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(sentence))


def _source(finding: Finding, judgement: Judgement) -> str:
    place = finding.place or judgement.place
    lines = words.source_lines(place)
    if not any(text for _, text in lines):  # typed at a prompt: there is none
        return ""
    rows = []
    for number, text in lines:
        line = f"<i>{number:>5} </i>{_text(text)}"
        here = number == place.line
        rows.append(
            f'<mark class="here"><span class="arrow">&gt;</span>{line}</mark>'
            if here
            else f'<span class="near"> {line}</span>'
        )
    where = _text(words.where(place))
    code = "\n".join(rows)
    return f'<pre class="source" aria-label="{where}"><code>{code}</code></pre>'


def _values(values: dict[str, Any]) -> str:
    lines = []
    for name, value in values.items():
        with np.printoptions(precision=4, threshold=200, edgeitems=3, suppress=True):
            array = isinstance(value, np.ndarray)
            start = f"{words.one_line(str(name))} = "
            text = np.array2string(value, separator=", ", prefix=start) if array else repr(value)
        lines.append(_text(start + text[:2000]))
    return f"<pre><code>{chr(10).join(lines)}</code></pre>" if lines else ""


def _grades(grades: Sequence[Any]) -> str:
    if not grades:
        return ""
    rows = []
    for grade in grades:
        for e in grade.exercises:
            why = _text("; ".join((*e.why, *e.human)))
            points = f"{e.points:.4g} of {e.of:g}"
            start = f'<th scope="row">{_text(grade.file)}</th><td>{_text(e.pattern)}</td>'
            rows.append(f"<tr>{start}<td>{points}</td><td>{why}</td></tr>")
        total = f"{grade.points:.4g} of {grade.of:g}"
        start = f'<th scope="row">{_text(grade.file)}</th><td><b>total</b></td>'
        rows.append(f"<tr>{start}<td><b>{total}</b></td><td></td></tr>")
    head = "".join(f'<th scope="col">{w}</th>' for w in ("File", "Exercise", "Points", "Why"))
    return (
        f'<section><h2>Points</h2><div class="scroll"><table class="points">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _rest(reports: Sequence[FileReport]) -> str:
    lines = []
    for report in reports:
        start = f"{_text(report.file)}: " if len(reports) > 1 else ""
        if not report.judgements:
            lines.append(f"<li>{_text(words.summary([report]))}</li>")
        lines += [f"<li>{start}{_text(note)}</li>" for note in report.notes]
        if report.bystanders:
            names = _text(", ".join(map(words.one_line, report.bystanders)))
            lines.append(f"<li>{start}without a backward pass: {names}</li>")
    return f"<section><h2>Notes</h2><ul>{''.join(lines)}</ul></section>" if lines else ""
