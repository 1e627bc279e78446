"""The judge: candidates of a file in order, each with everything that is known of it."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.check.handwritten.asked import unknown
from clearprop.check.handwritten.attempts import NoSetupError
from clearprop.check.handwritten.bodies import parameters
from clearprop.check.handwritten.choosing import choose
from clearprop.check.handwritten.classes import methods_of
from clearprop.check.handwritten.conventions import (
    accumulates,
    averages_its_losses,
    conventional,
    conventions_of,
    empty_without_padding,
    tiny_literal,
    widened,
)
from clearprop.check.handwritten.diagnosing import Diagnosis
from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.finding import find, select
from clearprop.check.handwritten.in_reach import functions_of, text_in_reach
from clearprop.check.handwritten.kinks import at_kinks
from clearprop.check.handwritten.loading import load
from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    NOT_JUDGED,
    Candidate,
    FileReport,
    Finding,
    Judgement,
)
from clearprop.check.handwritten.options import Drawn, Options
from clearprop.check.handwritten.probing import (
    Shot,
    line_of_error,
    shoot,
)
from clearprop.check.handwritten.randomness import frozen, kept
from clearprop.check.handwritten.reaching import Reach
from clearprop.check.handwritten.reading import read
from clearprop.check.handwritten.references import reference
from clearprop.check.handwritten.referring import (
    ReferenceDriver,
    broken_constructor,
    reference_driver,
)
from clearprop.check.handwritten.setups import Setup
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import place_of
from clearprop.check.handwritten.specs import Spec, array, value
from clearprop.check.handwritten.styles import driver_for
from clearprop.check.handwritten.texts import read_texts
from clearprop.check.handwritten.varying import TRANSPOSED, other_probes
from clearprop.check.handwritten.writing import find_writes

#: What one candidate may take for the search of its cause, in seconds.
SECONDS = 1.5


def check_file(
    path: str | Path, names: Sequence[str] = (), options: Options | None = None
) -> FileReport:
    """Judge what a file holds, in this process.

    Parameters
    ----------
    path : path
        The file; its definitions are executed.
    names : sequence of str
        Only these; all where there are none.
    options : Options, optional
        Shapes, values, a reference, a seed.

    Raises
    ------
    UnknownNameError
        A name is not in the file.
    """
    first, *judged = judge_candidates(path, tuple(names or ()), options or Options())
    assert isinstance(first, FileReport)
    return replace(first, judgements=tuple(j for j in judged if isinstance(j, Judgement)))


def judge_candidates(
    path: str | Path, names: Sequence[str], options: Options
) -> Iterator[FileReport | Judgement]:
    """Give what is to be judged, then each judgement as soon as it is there."""
    if options.reference:
        reference(options.reference)  # a name that there is not is refused at once
    blocks = read(path)
    with kept():
        loaded = load(blocks)
    candidates, bystanders = find(blocks, loaded)
    refused = unknown(candidates, options, str(path))
    if refused is not None and not options.several:
        raise refused
    if names:
        chosen = [c for name in names for c in select(candidates, name)]
        candidates = [c for c in candidates if any(c is other for other in chosen)]
    problems = (f"{b.file}:{b.line}: {b.problem}" for b in blocks if b.problem)
    notes = (*problems, *loaded.notes, *([refused.what] if refused is not None else []))
    pending = tuple(
        Judgement(c.name, c.style, c.place, NOT_JUDGED, reason="it is not judged yet")
        for c in candidates
    )
    yield FileReport(str(path), pending, {} if names else bystanders, notes)
    for candidate in candidates:
        if (candidate.name, candidate.place.line) not in options.skip:
            yield judge(candidate, options.of(candidate.name))


def judge(candidate: Candidate, options: Options | None = None) -> Judgement:
    """Judge one candidate; whatever its code does to an exception, it gets a judgement."""
    start, options = time.monotonic(), options or Options()
    if candidate.problem.endswith("is a stub") and _is_left_empty(candidate):
        return _empty(candidate, start)
    if candidate.problem.endswith("not returned") and candidate.backward is not None:
        return _kept_to_itself(candidate, start)
    if candidate.problem:
        return _not_judged(candidate, candidate.problem, start)
    with frozen(options.seed):
        try:
            return _judge(candidate, options, start)
        except NoSetupError as error:
            if error.line:
                return _raising(candidate, error, start)
            return _not_judged(candidate, str(error), start)


def _raising(candidate: Candidate, error: NoSetupError, start: float) -> Judgement:
    """Judge a function whose part that computes the gradients raises."""
    place = Source().place(candidate.backward, error.line)
    finding = Finding(FAULT, "raises", f"what computes the gradients raises {error}.", place=place)
    return Judgement(
        candidate.name,
        candidate.style,
        candidate.place,
        FAULT,
        (finding,),
        seconds=time.monotonic() - start,
    )


def _judge(candidate: Candidate, options: Options, start: float) -> Judgement:
    source = Source()
    given = specs_given(options)
    name = options.reference or ("" if candidate.forward is not None else candidate.reference)
    if candidate.forward is None and not name:
        reason = "it has no forward, and no reference goes by its name; name one with --as"
        return _not_judged(candidate, reason, start)
    names = [name, *reference(name).alternatives] if name else [""]
    best: tuple[Driver, Setup, str, float] | None = None
    for each in names:
        driver = (
            reference_driver(candidate, source, reference(each))
            if each
            else driver_for(candidate, source)
        )
        texts = read_texts(driver, functions_of(driver))
        reach = text_in_reach(driver)
        driver.single = bool(re.search(r"float32|np\.single|float16|'f4'|dtype='f'", reach))
        tolerance = 2e-4 if driver.single else 1e-7
        if driver.ways() == ["none"] or driver.starts:
            tolerance = max(tolerance, 2e-6)  # 1 - y of a unit that is saturated has lost digits
        if tiny_literal(reach):
            tolerance = max(tolerance, 300 * float(tiny_literal(reach)))
        driver.averages = averages_its_losses(driver)
        setup = choose(driver, texts, given, options.seed, tolerance)
        if best is None or setup.shot.right:
            best = driver, setup, reach, tolerance
        if setup.shot.right:
            break
    assert best is not None
    driver, setup, reach, tolerance = best
    judged = _judged(candidate, driver, setup, reach, tolerance, options.seed, start, given)
    return _with_constructor(judged, driver) if isinstance(driver, ReferenceDriver) else judged


def _meant(error: BaseException, driver: Driver) -> tuple[str, str] | None:
    """Give a name that is not there, and one of the same words that is."""
    name = error.name if isinstance(error, NameError) else ""
    words = sorted(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name or ""))
    for other, thing in driver.candidate.namespace.items():
        same = words and sorted(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", other)) == words
        if same and isinstance(thing, type):
            return str(name), other
    return None


def _is_left_empty(candidate: Candidate) -> bool:
    """Whether a class has a backward of its own that takes a gradient and does nothing with it."""
    name = methods_of(candidate.backward)[1] if isinstance(candidate.backward, type) else ""
    own = vars(candidate.backward).get(name) if name else candidate.backward
    return candidate.forward is not None and own is not None and bool(parameters(own))


def _empty(candidate: Candidate, start: float) -> Judgement:
    """Judge a backward that does nothing though forward does something."""
    sentence = "backward is empty: no gradient is given."
    name = "" if not isinstance(candidate.backward, type) else methods_of(candidate.backward)[1]
    place = place_of(getattr(candidate.backward, name)) if name else candidate.place
    finding = Finding(FAULT, "none", sentence, place=place)
    seconds = time.monotonic() - start
    return Judgement(
        candidate.name,
        candidate.style,
        candidate.place,
        FAULT,
        (finding,),
        seconds=seconds,
    )


def _kept_to_itself(candidate: Candidate, start: float) -> Judgement:
    """Judge a function that computes a gradient and gives it to nobody."""
    tree = Source().tree(candidate.backward)
    returns = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Return)] if tree else []
    last = tree.body[-1].lineno if tree else candidate.place.line
    place = Source().place(candidate.backward, max(returns, default=last))
    lost = candidate.problem.partition(" is ")[0]
    finding = Finding(FAULT, "none", f"{candidate.problem}.", lost, place=place)
    seconds = time.monotonic() - start
    return Judgement(
        candidate.name, candidate.style, candidate.place, FAULT, (finding,), seconds=seconds
    )


def _with_constructor(judgement: Judgement, driver: ReferenceDriver) -> Judgement:
    """Add what is wrong with a constructor that a judgement by reference could do without."""
    error = broken_constructor(driver.candidate)
    if error is None:
        return judgement
    files = {driver.backward_function.__code__.co_filename}
    line = line_of_error(error, files)
    place = driver.source.place(driver.backward_function, line) if line else judgement.place
    sentence = f"the constructor raises {type(error).__name__}: {error}."
    meant = _meant(error, driver)
    remedy = place.text.replace(*meant) if meant else ""
    if meant:
        sentence += f" The file has {meant[1]}."
    finding = Finding(FAULT, "raises", sentence, remedy=remedy, place=place)
    return replace(judgement, verdict=FAULT, findings=(finding, *judgement.findings))


def specs_given(options: Options) -> dict[str, Spec]:
    """Give what was said beforehand as specs."""
    specs = {name: array(*shape) for name, shape in options.shapes.items()}
    for name, given in options.values.items():
        specs[name] = Spec("drawn", value=given) if isinstance(given, Drawn) else value(given)
    return specs


def _judged(
    candidate: Candidate,
    driver: Driver,
    setup: Setup,
    text: str,
    tolerance: float,
    seed: int,
    start: float,
    given: dict[str, Spec],
) -> Judgement:
    base = setup.shot
    quiet_words, base = conventions_of(driver, setup, base, text, tolerance)
    surrogate = any(finding.cause == "surrogate" for finding in quiet_words)
    if base.error is None and not base.comparisons and not surrogate:
        doubts = "; ".join(f"{k}: {v}" for k, v in base.truth.doubts.items())
        reason = doubts or "backward gives no gradient of any of its inputs or parameters"
        return _not_judged(candidate, reason, start)
    files = {driver.backward_function.__code__.co_filename}
    diagnosis = Diagnosis(driver, files, tolerance, SECONDS, base=base, proposal=setup.proposal)
    reach = Reach(driver, setup, given)
    shoot(driver, replace(base), tolerance, reach.ran)
    ran = reach.ran if reach.missing() else None
    shots = [base, *other_probes(driver, setup, base, text, seed, tolerance, ran)]
    ended = all(shot.error is None for shot in shots)
    if ended and ran is not None:
        asked = reach.probes(
            base, lambda: read_texts(driver, functions_of(driver)), seed, tolerance
        )
        shots += asked
    writes = find_writes(driver, shots, files)
    alike = [
        s
        for s in shots[1:]
        if s.plan == "fb"
        and not (driver.chained and _fails_else(base, s))
        and (s.right or not s.setting)
        and not (s.error is not None and base.error is None and _one_form(driver, base, s))
    ]
    with diagnosis.mended:
        for shot in shots:
            again = shoot(driver, replace(shot), tolerance) if diagnosis.findings else shot
            again = conventional(again)
            failed = {c.gradient.leaf for c in again.wrong}
            if again.right or (failed and failed <= diagnosis.unmended):
                continue
            if again.error is not None and diagnosis.findings:
                continue
            unpadded = empty_without_padding(again)
            if unpadded is not None:
                quiet_words += (unpadded,)
                continue
            if again.error is not None and again.given.keys() and _one_form(driver, base, again):
                quiet_words += (_ONE_FORM,)
                continue
            rest = [s for s in shots if s is not shot and (s.right or not s.setting)]
            others = alike if shot is base else rest
            on_purpose = accumulates(driver, again)
            if on_purpose is not None:
                quiet_words += () if on_purpose in quiet_words else (on_purpose,)
                continue
            known = len(diagnosis.findings)
            diagnosis.explain(again, others)
            if shot.setting == TRANSPOSED:
                new = diagnosis.findings[known:]
                diagnosis.findings[known:] = [replace(f, cause="layout") for f in new]
        writes = _still_written(driver, diagnosis, shots, writes, tolerance)
    findings = [driver.completed(f) for f in writes + diagnosis.findings]
    if not findings:
        findings = driver.examined(base, tolerance)
    quiet_words += widened(driver, setup.proposal, base, seed)
    if not findings and not surrogate:
        kinks = at_kinks(driver, setup.proposal, seed, tolerance, files)
        findings = [f for f in kinks if f.verdict == FAULT]
        quiet_words += tuple(f for f in kinks if f.verdict == CONVENTION)
    missing = _doubts(base)
    verdict = (
        FAULT if findings else NOT_JUDGED if missing else CONVENTION if quiet_words else CORRECT
    )
    return Judgement(
        candidate.name,
        candidate.style,
        candidate.place,
        verdict,
        (*findings, *missing, *quiet_words),
        tuple(c.gradient.shown for c in base.comparisons),
        (*(shot.title or "forward, backward" for shot in shots), *_numbers_alone(base)),
        {k: np.shape(v) for k, v in base.given.items() if isinstance(v, np.ndarray)},
        "; ".join(f.sentence for f in missing),
        time.monotonic() - start,
        reach.unjudged() if ended and ran is not None else (),
    )


#: Causes that say that an array was overwritten, each in its way.
_OF_WRITING = ("overwritten", "stale-cache", "updated-parameter", "accumulated", "raises")


def _still_written(
    driver: Driver, diagnosis: Diagnosis, shots: list[Shot], writes: list[Finding], tolerance: float
) -> list[Finding]:
    """Leave out what is no longer written to once the values are mended.

    ``dx = dout`` for ``dx = y * dout`` makes of ``dx -= …`` a line that writes into ``dout``; its
    fault is the factor that is lost.
    """
    told = [f.cause for f in diagnosis.findings]
    if not writes or not told or diagnosis.unmended or any(c in _OF_WRITING for c in told):
        return writes
    again = [shoot(driver, replace(shot, written=[]), tolerance) for shot in shots]
    left = {f.gradient for f in find_writes(driver, again, diagnosis.files)}
    return [f for f in writes if f.gradient in left]


def _numbers_alone(base: Shot) -> tuple[str, ...]:
    """Say that one side of the truth is not there, and why."""
    if base.truth.exact:
        return ()
    reason = base.truth.untraced.splitlines()[0].partition(": ")
    return (f"numerical derivatives alone: {reason[2] or reason[0]}",)


def _fails_else(base: Shot, shot: Shot) -> bool:
    """Whether a probe fails for a reason of its own, as broadcasting is: its fault is another."""
    kinds = {c.gradient.leaf: c.kind for c in base.comparisons}
    shapes = (c for c in shot.comparisons if c.kind == "shape")
    own = any(kinds.get(c.gradient.leaf) != "shape" for c in shapes)
    return own or (shot.error is not None and base.error is None)


_ONE_FORM = Finding(
    CONVENTION, "labels", "backward takes labels in one form only, of the two that forward takes."
)


def _one_form(driver: Driver, base: Shot, shot: Shot) -> bool:
    """Whether a probe differs in the form of its labels, which backward never asks about."""
    for name, before in base.given.items():
        other: Any = shot.given.get(name, before)
        if driver.is_label(name) and np.ndim(before) != np.ndim(other):
            text = driver.source.text(driver.backward_function)
            return not re.search(r"\.ndim|\.size\b|len\(\w+\.shape\)|\.dtype", text)
    return False


def _doubts(base: Shot) -> tuple[Finding, ...]:
    return tuple(
        Finding(NOT_JUDGED, "unknown", f"{leaf} is not judged: {why}.", leaf)
        for leaf, why in base.truth.doubts.items()
    )


def _not_judged(candidate: Candidate, reason: str, start: float) -> Judgement:
    return Judgement(
        candidate.name,
        candidate.style,
        candidate.place,
        NOT_JUDGED,
        reason=reason,
        seconds=time.monotonic() - start,
    )
