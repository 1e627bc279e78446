"""Run the checker on one file and say what it said, in one flat record."""

from __future__ import annotations

import importlib
import time
import tomllib
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.mutation.limits import TooSlow, limited
from benchmarks.mutation.store import Decided

CORPUS = Path(__file__).parent / "corpus"
EXPECTED = Path(__file__).parent / "expected_causes.toml"
SECONDS = 120

#: Ends that are no verdict.
CRASHED, NOT_FOUND, TIMEOUT = "crashed", "not found", "too slow"


@dataclass(frozen=True)
class Judged:
    """One judgement. ``cause`` to ``sentence`` are of its first finding."""

    name: str
    verdict: str
    seconds: float
    cause: str = ""
    gradient: str = ""
    line: int = 0
    sentence: str = ""
    remedy: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """A mutant and what the checker said of it."""

    mutant: Decided
    judged: Judged

    @property
    def caught(self) -> bool:
        return self.judged.verdict == "fault"

    @property
    def line_right(self) -> bool:
        return self.caught and self.judged.line in self.mutant.right

    @property
    def cause_right(self) -> bool:
        return self.caught and self.judged.cause in expected(self.mutant)


@cache
def _expected() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(EXPECTED.read_text())


def expected(mutant: Decided) -> set[str]:
    """The causes that may be named for a mutant: those of its kind and of its behaviour."""
    table = _expected()
    kinds, behaviours = table["kinds"], table["behaviours"]
    return {*kinds[mutant.kind], *behaviours.get(mutant.behaviour.replace(" ", "-"), [])}


def check(path: Path, names: list[str] | None, seed: int) -> list[Judged]:
    """What the checker says of a file's candidates."""
    judging = importlib.import_module("clearprop.check.handwritten.judging")
    options = importlib.import_module("clearprop.check.handwritten.options")
    begun = time.perf_counter()
    try:
        with limited(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = judging.check_file(path, names=names, options=options.Options(seed=seed))
    except TooSlow:
        return [Judged("", TIMEOUT, time.perf_counter() - begun)]
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        return [Judged("", CRASHED, time.perf_counter() - begun, reason=reason)]
    return [_flat(judgement) for judgement in report.judgements]


def _flat(judgement: Any) -> Judged:
    kept = (judgement.name, judgement.verdict, judgement.seconds)
    if not judgement.findings:
        return Judged(*kept, reason=judgement.reason)
    first = judgement.findings[0]
    return Judged(
        *kept,
        cause=first.cause,
        gradient=first.gradient,
        line=first.place.line if first.place else 0,
        sentence=first.sentence,
        remedy=first.remedy,
        reason=judgement.reason,
    )


def judge(mutant: Decided, folder: Path, seed: int) -> Outcome:
    """Write the mutated file, check its one candidate, and take the wall-clock time."""
    # a path of its own: nothing that was remembered of another mutant can be taken for this one
    path = folder / mutant.id / f"{mutant.file}.py"
    path.parent.mkdir(parents=True)
    path.write_text(mutant.source((CORPUS / path.name).read_text()))
    begun = time.perf_counter()
    all_judged = check(path, [mutant.entry], seed)
    seconds = time.perf_counter() - begun
    judged = all_judged[0] if all_judged else Judged(mutant.entry, NOT_FOUND, seconds)
    return Outcome(mutant, Judged(**{**vars(judged), "seconds": seconds}))
