"""What all reports say alike: marks, titles, counts, and the lines around a fault."""

from __future__ import annotations

import linecache
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from clearprop.check.handwritten.catalogue import CONVENTIONS, FAULTS
from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    NOT_JUDGED,
    FileReport,
    Finding,
    Judgement,
    Place,
    Unjudged,
)
from clearprop.legible import legible
from clearprop.places import cell_of

#: In the order in which they are told, with the word for several.
VERDICTS = {
    FAULT: "faults",
    NOT_JUDGED: "not judged",
    CONVENTION: "conventions",
    CORRECT: "correct",
}
MARKS = {FAULT: "✗", NOT_JUDGED: "?", CONVENTION: "≈", CORRECT: "✓"}
ASCII = {
    "✗": "x",
    "≈": "~",
    "✓": "v",
    "│": "|",
    "×": "x",
    "–": "-",
    "…": "...",
    "→": "->",
    "−": "-",
}

#: The style of a judgement that stands for a whole file that could not be loaded.
FILE_STYLE = "file"

_LARGEST = 4_000_000  # characters of a source file; what is larger is not searched for a line


def title(finding: Finding) -> str:
    """Name the cause of a finding in words."""
    if finding.cause == "unknown":
        return "the cause is not known"
    return FAULTS.get(finding.cause) or CONVENTIONS.get(finding.cause) or finding.cause


def why_not(judgement: Judgement) -> str:
    """Say why something was not judged."""
    sentences = [f.sentence for f in judgement.findings if f.verdict == NOT_JUDGED]
    reason = judgement.reason or " ".join(sentences) or "no reason was given"
    return reason.removeprefix("because ")


def not_run(lines: Unjudged) -> str:
    """Say of lines of backward that nothing is known of them, and why.

    Examples
    --------
    >>> not_run(Unjudged("backward", Place("a.py", 41), 43, "the branch `if self.mode == 'test'`"))
    "lines 41–43 of backward did not run in any probe (the branch `if self.mode == 'test'`)"
    """
    first = lines.place.line
    which = f"line {first}" if lines.last == first else f"lines {first}–{lines.last}"
    which += f" of {lines.function}"
    if lines.reason:
        return f"{which} ({lines.branch}): {lines.reason}" if lines.branch else which
    verb = "did not run in any probe"
    return f"{which} {verb} ({lines.branch})" if lines.branch else f"{which} {verb}"


def how_to_judge(judgement: Judgement) -> str:
    """Say how lines that did not run can be judged; "" where there are none."""
    if not any(not lines.reason for lines in judgement.unjudged):
        return ""
    return "give inputs that lead there: --shape, --inputs (shapes=, values= in Python)"


def tried(judgement: Judgement) -> list[str]:
    """Give what was tried, each once: the same calls are made for several inputs.

    Examples
    --------
    >>> place = Place("a.py", 1)
    >>> tried(Judgement("A", "layer", place, CORRECT, probes=("forward, backward",) * 3))
    ['forward, backward (for 3 inputs)']
    """
    number = Counter(judgement.probes)
    return [f"{p} (for {n} inputs)" if n > 1 else p for p, n in number.items()]


def is_broken(judgement: Judgement) -> bool:
    """Whether it stands for a file that could not be loaded."""
    return judgement.style == FILE_STYLE and judgement.verdict == NOT_JUDGED


def ordered(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Faults first; in a verdict as in the file."""
    ranks = {verdict: rank for rank, verdict in enumerate(VERDICTS)}
    return sorted(judgements, key=lambda judgement: ranks[judgement.verdict])


def counts(reports: Sequence[FileReport]) -> dict[str, int]:
    """Count the judgements of every verdict, and all of them."""
    numbers = {verdict: sum(r.count(verdict) for r in reports) for verdict in VERDICTS}
    return {"total": sum(numbers.values()), **numbers}


def in_part(reports: Sequence[FileReport]) -> int:
    """Count the judgements that are right as far as they ran, and did not run to all lines."""
    return sum(judgement.in_part for report in reports for judgement in report.judgements)


def summary(reports: Sequence[FileReport]) -> str:
    """Count by verdict in one line; what was not judged is never counted as passed.

    Examples
    --------
    >>> summary([FileReport("layers.py")])
    'No backward pass was found in layers.py.'
    """
    number = counts(reports)
    if not number["total"]:
        what = reports[0].file if len(reports) == 1 else f"{len(reports)} files"
        return f"No backward pass was found in {what}."
    parts = []
    for verdict, several in VERDICTS.items():
        if number[verdict]:
            part = f"{number[verdict]} {verdict if number[verdict] == 1 else several}"
            held = [j for r in reports for j in r.judgements if j.verdict == verdict]
            if some := sum(j.in_part for j in held):
                part += " in part" if some == len(held) == 1 else f", {some} of them in part"
            parts.append(part)
    passes = "1 backward pass" if number["total"] == 1 else f"{number['total']} backward passes"
    where = f" in {len(reports)} files" if len(reports) > 1 else ""
    return f"{passes}{where}: {', '.join(parts)}."


def short_names(files: Sequence[str]) -> dict[str, str]:
    """Name files without the folder that they have in common.

    Examples
    --------
    >>> short_names(["home/ann/layers.py", "home/bob/layers.py"])["home/bob/layers.py"]
    'bob/layers.py'
    """
    try:
        common = os.path.commonpath([os.path.dirname(file) for file in files])  # noqa: PTH120
    except ValueError:  # some absolute and some not, or on two drives
        common = ""
    return {file: file[len(common) :].lstrip("/\\") if common else file for file in files}


def one_line(text: str) -> str:
    """Join the lines of a text."""
    return " ".join(legible(text).split())


def where(place: Place) -> str:
    """Say where a place is, in one line; a cell of a notebook as the tracebacks beside it do.

    Examples
    --------
    >>> where(Place("layers.py", 7))
    'layers.py:7'
    """
    cell = cell_of(place.file)
    return f"{cell}, line {place.line}" if cell else f"{one_line(place.file)}:{place.line}"


def source_lines(place: Place, around: int = 1) -> list[tuple[int, str]]:
    """Give the line of a place with its neighbours, or alone where the file cannot be read.

    Parameters
    ----------
    place : Place
        Of a fault. Where the file has another text in that line by now, or counts its lines
        otherwise (a notebook), only the text of the place is given.
    around : int, default 1
        So many lines before and after.

    Returns
    -------
    list of (int, str)
        Line numbers and texts.
    """
    lines = _read(place.file)
    index = place.line - 1
    same = 0 <= index < len(lines) and lines[index].split() == place.text.split()
    if not same and not (place.text == "" and 0 <= index < len(lines)):
        return [(place.line, legible(place.text.strip("\n")).replace("\n", " "))]
    first, last = max(0, index - around), min(len(lines), index + around + 1)
    shown = [(i + 1, legible(lines[i].rstrip())) for i in range(first, last)]
    while shown[0][0] < place.line and _no_code(shown[0][1]):
        shown.pop(0)
    while shown[-1][0] > place.line and _no_code(shown[-1][1]):
        shown.pop()
    return _without_indent(shown)


def _read(file: str) -> list[str]:
    path = Path(file)
    try:
        if not path.is_file():
            return [line.rstrip("\n") for line in linecache.getlines(file)]  # a cell of a notebook
        if path.stat().st_size > _LARGEST:
            return []
        return path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except (OSError, ValueError):  # ValueError: a null character in the name
        return []


def _no_code(line: str) -> bool:
    """Whether a line is empty, or the fence of a block of code on a page."""
    return not line or line.lstrip().startswith(("```", "~~~"))


def _without_indent(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    indents = [len(text) - len(text.lstrip()) for _, text in lines if text]
    common = min(indents, default=0)
    return [(number, text[common:]) for number, text in lines]
