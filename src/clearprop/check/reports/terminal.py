"""A report on a terminal: legible at any width, without colour, in any encoding."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    NOT_JUDGED,
    Evidence,
    FileReport,
    Finding,
    Judgement,
)
from clearprop.check.reports import words
from clearprop.check.reports.grading import Grade, as_lines, unused_patterns
from clearprop.check.reports.matrices import draw_evidence, draw_values
from clearprop.legible import legible

_STYLES = {FAULT: "bold red", NOT_JUDGED: "yellow", CONVENTION: "cyan", CORRECT: "green"}
_STEP = "  "
_LINES = 3  # groups of lines that did not run
_FOLDS = 5  # rows of one line of code


def print_report(
    report: FileReport | Sequence[FileReport], console: Console, *, verbose: bool = False
) -> None:
    """Print a report, or several and one summary.

    Parameters
    ----------
    report : FileReport or sequence of FileReport
        What was found.
    console : rich.console.Console
        Where to; its width, colours and encoding are kept to.
    verbose : bool
        Also the sentences of conventions, what was tried, and what has no backward.

    Examples
    --------
    >>> import sys
    >>> print_report(FileReport("layers.py"), Console(file=sys.stdout))
    layers.py
      No backward pass was found in layers.py.
    """
    reports = [report] if isinstance(report, FileReport) else list(report)
    printer = _Printer(console, verbose)
    for number, one in enumerate(reports):
        if number:
            printer.line()
        printer.file(one)
    if len(reports) > 1 or words.counts(reports)["total"]:
        printer.line()
        printer.line(words.summary(reports), style=_worst(reports))


def print_points(grades: Sequence[Grade], console: Console) -> None:
    """Print what a rubric made of the submissions, and which of its patterns fit nothing."""
    printer = _Printer(console, verbose=False)
    for grade in grades:
        printer.line()
        printer.line(words.one_line(grade.file), style="bold")
        for line in as_lines(grade):
            printer.line(line, 1)
    for pattern in unused_patterns(grades):
        printer.line()
        name = words.one_line(pattern)
        printer.line(f"The rubric's {name!r} fits nothing in any file: is the name right?")


def as_text(report: FileReport | Sequence[FileReport], width: int = 100) -> str:
    """Write what `print_report` prints as plain text.

    Examples
    --------
    >>> print(as_text(FileReport("layers.py")))
    layers.py
      No backward pass was found in layers.py.
    """
    buffer = io.StringIO()
    # in a notebook, rich would show the text beside the cell instead of writing it into the buffer
    plain = Console(file=buffer, width=width, no_color=True, color_system=None, force_jupyter=False)
    print_report(report, plain)
    return buffer.getvalue().rstrip()


def _worst(reports: Sequence[FileReport]) -> str:
    number = words.counts(reports)
    return "bold" if number["total"] == 0 else f"bold {_STYLES[_first(number)].split()[-1]}"


def _first(number: dict[str, int]) -> str:
    verdict = next(verdict for verdict in words.VERDICTS if number[verdict])
    return CORRECT if verdict == CONVENTION else verdict


class _Printer:
    """Lines that a console can show: no control characters, nothing it cannot encode."""

    def __init__(self, console: Console, verbose: bool) -> None:
        self.console = console
        self.verbose = verbose
        self.width = max(20, console.width)
        self.blank = True  # the last line was, or there is none yet

    def line(self, text: str | Text = "", indent: int = 0, style: str = "") -> None:
        """Print a paragraph, folded behind its indent."""
        whole = text if isinstance(text, Text) else Text(legible(text), style)
        start = _STEP * indent
        if not whole.plain:
            self.raw(Text())
        for row in whole.wrap(self.console, self.width - len(start), overflow="fold"):
            row.rstrip()
            self.raw(Text(start) + row)

    def raw(self, text: Text, *, cut: bool = True) -> None:
        """Print one line, cut unless it is to be pasted; of two blank lines, only one."""
        if self.blank and not text.plain:
            return
        self.blank = not text.plain
        text = _encodable(text, self.console.encoding)
        if cut and cell_len(text.plain) > self.width:
            text.truncate(self.width - 3)
            text.append("...")
        self.console.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def file(self, report: FileReport) -> None:
        if report.file:  # an object of a running program has none
            self.line(Text(words.one_line(report.file), "bold underline"))
        if not report.judgements:
            self.line(words.summary([report]), 1)
        for judgement in words.ordered(report.judgements):
            if judgement.verdict == FAULT:
                self.fault(judgement)
            else:
                self.quiet(judgement)
        for note in report.notes:
            self.line(f"note: {words.one_line(note)}", 1, "dim")
        if self.verbose and report.bystanders:
            names = ", ".join(map(words.one_line, report.bystanders))
            self.line(f"without a backward pass: {names}", 1, "dim")

    def heading(self, judgement: Judgement) -> Text:
        text = Text()
        text.append(f"{words.MARKS[judgement.verdict]} ", _STYLES[judgement.verdict])
        text.append(words.one_line(judgement.name) or "(no name)", "bold")
        text.append(f"  {judgement.verdict}", _STYLES[judgement.verdict])
        return text

    def quiet(self, judgement: Judgement) -> None:
        """Write what is not at fault on a line each."""
        text = self.heading(judgement)
        if judgement.verdict == NOT_JUDGED:
            text.append(f" because {words.one_line(words.why_not(judgement))}")
            self.line(text, 1)
        else:
            if judgement.verdict == CORRECT and judgement.gradients:
                text.append(f"  {', '.join(map(words.one_line, judgement.gradients))}", "dim")
            if judgement.verdict == CONVENTION and not self.verbose:
                causes = [f for f in judgement.findings if f.verdict == CONVENTION]
                text.append(f": {'; '.join(map(_briefly, causes))}", "dim")
            self.line(text, 1)
            if self.verbose:
                self.conventions(judgement)
        self.not_run(judgement)
        self.details(judgement)

    def not_run(self, judgement: Judgement) -> None:
        """Write which lines no probe came to."""
        shown = len(judgement.unjudged) if self.verbose else _LINES
        for lines in judgement.unjudged[:shown]:
            self.line(f"not judged: {words.one_line(words.not_run(lines))}", 2, "yellow")
        if len(judgement.unjudged) > shown:
            more = len(judgement.unjudged) - shown
            self.line(f"and {more} more (--verbose)", 2, "yellow")
        how = words.how_to_judge(judgement)
        if how:
            self.line(f"to have it judged, {how}", 3, "dim")

    def conventions(self, judgement: Judgement) -> None:
        for finding in judgement.findings:
            if finding.verdict == CONVENTION:
                text = _briefly(finding)
                if self.verbose:
                    text += f". {words.one_line(finding.sentence)}"
                self.line(f"{words.MARKS[CONVENTION]} convention: {text}", 2, "dim")

    def details(self, judgement: Judgement) -> None:
        if not self.verbose:
            return
        if judgement.shapes:
            shapes = ", ".join(f"{name} {shape}" for name, shape in judgement.shapes.items())
            self.line(f"inputs: {words.one_line(shapes)}", 3, "dim")
        if judgement.probes:
            self.line(f"tried: {words.one_line('; '.join(words.tried(judgement)))}", 3, "dim")

    def fault(self, judgement: Judgement) -> None:
        self.line()
        self.line(self.heading(judgement), 1)
        before: Evidence | None = None
        for finding in judgement.findings:
            if finding.verdict == FAULT:
                self.finding(finding, judgement, before)
                before = finding.evidence
        for finding in judgement.findings:
            if finding.verdict == NOT_JUDGED:
                name = words.one_line(finding.gradient) or "the rest"
                self.line(f"? {name} not judged: {words.one_line(finding.sentence)}", 2, "yellow")
        self.not_run(judgement)
        self.conventions(judgement)
        self.details(judgement)
        self.line()

    def finding(self, finding: Finding, judgement: Judgement, before: Evidence | None) -> None:
        head = Text()
        if finding.gradient:
            head.append(words.one_line(finding.gradient), "bold")
            head.append(": ")
        head.append(words.title(finding))
        place = finding.place or judgement.place
        head.append(f"  {words.where(place)}", "dim")
        self.line()
        self.line(head, 2)
        self.line(words.one_line(finding.sentence), 3)
        self.source(finding, judgement)
        if finding.evidence is not None:
            for row in draw_evidence(finding.evidence, self.width - 6):
                self.raw(Text(_STEP * 3) + row)
            if finding.evidence.values and _same_inputs(finding.evidence, before):
                self.line("with the same inputs", 3, "dim")
            else:
                for row in draw_values(finding.evidence, self.width - 6):
                    self.raw(Text(_STEP * 3) + row)
        if finding.remedy:
            self.line("write instead:", 3)
            for line in legible(finding.remedy).splitlines():
                self.raw(Text(_STEP * 4) + Text(line, "bold green"), cut=False)

    def source(self, finding: Finding, judgement: Judgement) -> None:
        place = finding.place or judgement.place
        lines = words.source_lines(place)
        if not any(text for _, text in lines):  # typed at a prompt: there is none
            return
        digits = len(str(lines[-1][0]))
        for number, text in lines:
            here = number == place.line
            start = Text(f"{_STEP * 3}{'>' if here else ' '} ")
            start.append(f"{number:>{digits}} │ ", "dim")
            if not here:
                self.raw(start + Text(text, "dim"))
                continue
            # the fault may be at the end of a long line, so this one is folded and not cut
            room = max(10, self.width - cell_len(start.plain))
            rows = _folded(text, room)
            for number_of_row, row in enumerate(rows[:_FOLDS]):
                self.raw((start if number_of_row == 0 else _below(start)) + Text(row, "bold"))
            if len(rows) > _FOLDS:
                self.raw(_below(start) + Text("...", "dim"))


def _folded(text: str, room: int) -> list[str]:
    """Cut a line of code into rows, wherever that is."""
    rows, width = [""], 0
    for c in text:
        width += cell_len(c)
        if width > room:
            rows.append("")
            width = cell_len(c)
        rows[-1] += c
    return rows


def _below(start: Text) -> Text:
    return Text(" " * (cell_len(start.plain) - 2) + "│ ", "dim")


def _briefly(finding: Finding) -> str:
    gradient = f" ({words.one_line(finding.gradient)})" if finding.gradient else ""
    return words.title(finding) + gradient


def _same_inputs(one: Evidence | None, other: Evidence | None) -> bool:
    if one is None or other is None or one.values.keys() != other.values.keys():
        return False
    return all(np.array_equal(value, other.values[name]) for name, value in one.values.items())


def _encodable(text: Text, encoding: str) -> Text:
    """Replace what the terminal cannot show, with plain letters where there are some."""
    try:
        text.plain.encode(encoding)
    except UnicodeEncodeError:
        pieces = Text()
        for c in text.divide(range(1, len(text))):
            style = c.spans[0].style if c.spans else c.style
            pieces.append(_letter(c.plain, encoding), style)
        return pieces
    return text


def _letter(c: str, encoding: str) -> str:
    try:
        c.encode(encoding)
    except UnicodeEncodeError:
        return words.ASCII.get(c) or c.encode(encoding, "backslashreplace").decode(encoding)
    return c
