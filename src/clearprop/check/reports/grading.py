"""Points from findings, by a rubric in TOML.

::

    not_judged = 0.0         # share of the points for what was not judged; a human looks at it
    in_part = 1.0            # share for what is right, with lines that no probe ran; likewise
    partial = "causes"       # or "gradients": a fault costs the share of gradients it concerns
                             # or "none": any fault costs all

    [points]                 # an exercise each: names of candidates, * and ? allowed
    Affine = 4
    "Softmax*" = 3           # several that fit share the points

    [deductions]             # share of the points that a cause costs, once each
    sign = 0.25
    batch-factor = 0.5
    other = 1.0              # every cause that is not named

    [conventions]            # free, unless they are named here
    mean-of-losses = 0.1
"""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from clearprop.check.handwritten.catalogue import CONVENTIONS, FAULTS
from clearprop.check.handwritten.model import CONVENTION, FAULT, NOT_JUDGED, FileReport, Judgement
from clearprop.check.handwritten.options import read_toml
from clearprop.check.reports import words
from clearprop.errors import OptionError
from clearprop.legible import legible

_PARTIAL = ("causes", "gradients", "none")
_KEYS = ("points", "deductions", "conventions", "not_judged", "in_part", "partial")


@dataclass(frozen=True)
class Rubric:
    """How many points there are, and what costs some.

    Attributes
    ----------
    points : dict
        Pattern of names → points. A candidate belongs to the first pattern that fits.
    deductions : dict
        Cause of a fault → share of the points that it costs; ``other`` for the rest.
    conventions : dict
        Cause of a convention → share; those not named are free.
    not_judged : float
        Share of the points for what was not judged.
    partial : str
        ``causes``, ``gradients`` or ``none``.
    in_part : float
        Share of the points for what is right in every probe, where no probe came to some of its
        lines. Somebody is told to look at them, also where the share is 1.
    """

    points: dict[str, float]
    deductions: dict[str, float] = field(default_factory=dict)
    conventions: dict[str, float] = field(default_factory=dict)
    not_judged: float = 0.0
    partial: str = "causes"
    in_part: float = 1.0


@dataclass(frozen=True)
class Exercise:
    """The points of one pattern.

    ``why`` says what cost points; ``human`` says what somebody should look at.
    """

    pattern: str
    points: float
    of: float
    names: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    human: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grade:
    """The points of one submission.

    Attributes
    ----------
    file : str
        The submission.
    exercises : tuple of Exercise
        One for each pattern of the rubric.
    ungraded : tuple of str
        Candidates that no pattern fits: they count nothing.
    """

    file: str
    exercises: tuple[Exercise, ...]
    ungraded: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        """The sum of its points."""
        return math.fsum(exercise.points for exercise in self.exercises)

    @property
    def of(self) -> float:
        """The points there are."""
        return math.fsum(exercise.of for exercise in self.exercises)

    @property
    def human(self) -> tuple[str, ...]:
        """What somebody should look at."""
        return tuple(line for exercise in self.exercises for line in exercise.human)

    def as_table(self) -> dict[str, Any]:
        """Give all as what JSON can hold."""
        exercises = [
            {
                "pattern": e.pattern,
                "points": round(e.points, 6),
                "of": e.of,
                "names": list(e.names),
                "why": list(e.why),
                "for_a_human": list(e.human),
            }
            for e in self.exercises
        ]
        return {
            "file": self.file,
            "points": round(self.points, 6),
            "of": self.of,
            "exercises": exercises,
            "ungraded": list(self.ungraded),
        }


def read_rubric(path: str | Path) -> Rubric:
    """Read a rubric from a TOML file.

    Raises
    ------
    OptionError
        It cannot be read, names a cause that is not in the catalogue, or has a number that means
        nothing.
    """
    table = read_toml(path, "--grade")
    for key in table:
        if key not in _KEYS:
            _refuse(path, f"{key!r} is not known{_like(key, _KEYS)}", f"one of {_list(_KEYS)}.")
    points = _numbers(path, table, "points", None, 1e9)
    if not points:
        _refuse(path, "there are no points", "a rubric says what each exercise is worth.")
    for pattern, number in points.items():
        if not number > 0:
            _refuse(path, f"points: {pattern} = {number!r}", "points are above 0.")
    partial = table.get("partial", "causes")
    if partial not in _PARTIAL:
        _refuse(path, f"partial = {partial!r} is not known", f"one of {_list(_PARTIAL)}.")
    share = _number(path, "not_judged", table.get("not_judged", 0.0), 1.0)
    faults = _numbers(path, table, "deductions", [*FAULTS, "other"], 1.0)
    quiet = _numbers(path, table, "conventions", list(CONVENTIONS), 1.0)
    in_part = _number(path, "in_part", table.get("in_part", 1.0), 1.0)
    return Rubric(points, faults, quiet, share, partial, in_part)


def grade(report: FileReport, rubric: Rubric) -> Grade:
    """Turn the findings of one submission into points.

    Parameters
    ----------
    report : FileReport
        What was found in it.
    rubric : Rubric
        What it is worth.

    Returns
    -------
    Grade
        The points of an exercise are shared evenly by the candidates that its pattern fits; where
        there is none, it has 0 points and is listed for a human.

    Examples
    --------
    >>> grade(FileReport("a.py"), Rubric({"Affine": 4.0})).points
    0.0
    """
    members: dict[str, list[Judgement]] = {pattern: [] for pattern in rubric.points}
    ungraded = []
    for judgement in report.judgements:
        pattern = next((p for p in members if fnmatchcase(judgement.name, p)), None)
        if pattern is None:
            ungraded.append(judgement.name)
        else:
            members[pattern].append(judgement)
    exercises = tuple(_exercise(p, members[p], rubric) for p in rubric.points)
    return Grade(report.file, exercises, tuple(ungraded))


def unused_patterns(grades: Sequence[Grade]) -> list[str]:
    """Name the patterns that fit nothing in any submission: probably a name is misspelt."""
    if not grades:
        return []
    columns = zip(*(one.exercises for one in grades), strict=True)
    return [column[0].pattern for column in columns if not any(e.names for e in column)]


def to_csv(grades: Sequence[Grade]) -> str:
    """Write a line for each submission: its points, those of every exercise, what to look at."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    patterns = [e.pattern for e in grades[0].exercises] if grades else []
    writer.writerow(["file", "points", "of", *map(_cell, patterns), "for a human"])
    for one in grades:
        each = [_points(e.points) for e in one.exercises]
        human = _cell(words.one_line("; ".join(one.human)))
        writer.writerow([_cell(one.file), _points(one.points), _points(one.of), *each, human])
    return buffer.getvalue()


def as_lines(one: Grade) -> list[str]:
    """Write the points of a submission for a terminal."""
    width = max((len(e.pattern) for e in one.exercises), default=0)
    lines = []
    for e in one.exercises:
        why = "; ".join((*e.why, *e.human))
        line = f"{e.pattern:<{width}}  {_points(e.points):>5} of {_points(e.of):<5}  {why}"
        lines.append(words.one_line(line) if not line.strip() else legible(line).rstrip())
    lines.append(f"{'total':<{width}}  {_points(one.points):>5} of {_points(one.of)}")
    if one.ungraded:
        names = ", ".join(map(words.one_line, one.ungraded))
        lines.append(f"not in the rubric: {names}")
    if one.human:
        lines.append(f"for a human to look at: {len(one.human)}")
    return lines


def _exercise(pattern: str, judgements: list[Judgement], rubric: Rubric) -> Exercise:
    of = rubric.points[pattern]
    if not judgements:
        return Exercise(pattern, 0.0, of, human=("nothing of this name was found",))
    shares, why, human = [], [], []
    for judgement in judgements:
        share, reasons = _share(judgement, rubric)
        shares.append(share)
        start = f"{judgement.name}: " if len(judgements) > 1 else ""
        why += [start + reason for reason in reasons]
        if judgement.verdict == NOT_JUDGED:
            human.append(f"{judgement.name}: not judged because {words.why_not(judgement)}")
        elif judgement.unjudged:
            told = "; ".join(map(words.not_run, judgement.unjudged))
            human.append(f"{judgement.name}: not judged: {told}")
    names = tuple(judgement.name for judgement in judgements)
    points = of * math.fsum(shares) / len(shares)
    return Exercise(pattern, points, of, names, tuple(why), tuple(human))


def _share(judgement: Judgement, rubric: Rubric) -> tuple[float, list[str]]:
    """Which share of its points a candidate gets, and what cost the rest."""
    if judgement.verdict == NOT_JUDGED:
        return rubric.not_judged, []
    if judgement.verdict == FAULT and rubric.partial == "none":
        causes = dict.fromkeys(f.cause for f in judgement.findings if f.verdict == FAULT)
        return 0.0, [f"{', '.join(causes) or 'a fault'} −100 %"]
    costs: dict[str, float] = {}
    reached: dict[str, set[str]] = {}
    for finding in judgement.findings:
        if finding.verdict == FAULT:
            cost = rubric.deductions.get(finding.cause, rubric.deductions.get("other", 1.0))
        elif finding.verdict == CONVENTION:
            cost = rubric.conventions.get(finding.cause, 0.0)
        else:
            continue
        costs[finding.cause] = cost
        reached.setdefault(finding.cause, set()).add(finding.gradient)
    if rubric.partial == "gradients" and judgement.gradients:
        for cause, gradients in reached.items():
            if "" not in gradients:  # about all of it
                costs[cause] *= min(1.0, len(gradients) / len(judgement.gradients))
    if judgement.verdict == FAULT and not costs:
        return 0.0, ["a fault −100 %"]
    why = [f"{cause} −{100 * cost:.3g} %" for cause, cost in costs.items() if cost]
    share = max(0.0, 1.0 - math.fsum(costs.values()))
    if judgement.in_part and rubric.in_part < 1.0:
        share *= rubric.in_part
        why.append(f"judged in part −{100 * (1 - rubric.in_part):.3g} %")
    return share, why


def _numbers(
    path: str | Path,
    table: Mapping[str, Any],
    key: str,
    known: Sequence[str] | None,
    most: float,
) -> dict[str, float]:
    entries = table.get(key, {})
    if not isinstance(entries, dict):
        _refuse(path, f"{key} = {entries!r} is no table", f"[{key}] has lines NAME = NUMBER.")
    for name in entries:
        if known is not None and name not in known:
            what = f"{key}: {name!r} is no cause of the catalogue{_like(name, known)}"
            _refuse(path, what, f"the causes are {_list(known)}.")
    return {name: _number(path, f"{key}: {name}", v, most) for name, v in entries.items()}


def _number(path: str | Path, what: str, value: Any, most: float) -> float:
    if type(value) not in (int, float) or not 0 <= value <= most:  # NaN is neither
        limits = "a share between 0 and 1" if most == 1 else "a number of points above 0"
        _refuse(path, f"{what} = {value!r}", f"this is {limits}.")
    return float(value)


def _refuse(path: str | Path, what: str, why: str) -> None:
    write = "[points] with lines such as Affine = 4, and [deductions] with lines such as sign = 0.5"
    raise OptionError(f"--grade {path}: {what}.", why=why, write=write)


def _like(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f" (is {close[0]} meant?)" if close else ""


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _points(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    clean = words.one_line(text)
    return f"'{clean}" if clean[:1] in ("=", "+", "-", "@") else clean
