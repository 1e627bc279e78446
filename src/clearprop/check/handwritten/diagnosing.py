"""From a probe that failed to findings: the cause, the line, what to write instead."""

from __future__ import annotations

import ast
import re
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import last_of
from clearprop.check.handwritten.model import FAULT, Array, Evidence, Finding, Place
from clearprop.check.handwritten.probing import (
    Comparison,
    Shot,
    line_of_error,
    play,
    quiet,
    shoot,
)
from clearprop.check.handwritten.repair import Repair, parts_of, repair, replaced
from clearprop.check.handwritten.state import arrays_in, is_real
from clearprop.check.handwritten.symptoms import Case, Symptom, close, symptom_of
from clearprop.check.handwritten.truth import Cotangents, cotangents_of

#: At most so many faults are mended one after another in one candidate.
_MOST = 6


@dataclass
class Diagnosis:
    """What is known while a candidate is judged."""

    driver: Driver
    files: set[str]
    tolerance: float
    seconds: float
    findings: list[Finding] = field(default_factory=list)
    mended: ExitStack = field(default_factory=ExitStack)
    unmended: set[str] = field(default_factory=set)

    def explain(self, shot: Shot, others: list[Shot]) -> None:
        """Add findings for a probe that failed; ``others`` are like it, at other inputs.

        A fault that an edit mends stays mended until the judgement is done, so that the next one
        is seen alone.
        """
        first = len(self.findings)
        with quiet():
            truths = cotangents_of(self.driver, shot.given, shot.leaves, shot.upstream, shot.seed)
            while not shot.right and len(self.findings) - first < _MOST:
                parts = parts_of(self.driver, shot, self.files)
                fixed = repair(
                    self.driver, shot, others, parts, truths, self.tolerance, self.seconds
                )
                if shot.error is not None:
                    self._raised(shot, fixed)
                elif fixed is not None:
                    chosen = [c for c in shot.wrong if c.gradient.leaf in fixed.mended]
                    self._found(shot, chosen, fixed, truths)
                if fixed is None:
                    break
                self.driver.source.learn(fixed.code, fixed.edit.build())
                self.mended.enter_context(replaced(fixed.function, fixed.code))
                shot = shoot(self.driver, replace(shot), self.tolerance)
            for c in shot.wrong if shot.error is None else []:
                self._found(shot, [c], None, truths)
                self.unmended.add(c.gradient.leaf)

    def _raised(self, shot: Shot, fixed: Repair | None) -> None:
        error = shot.error
        assert error is not None
        line = line_of_error(error, self.files)
        place = self._place(fixed.edit.line if fixed else line)
        text = str(error).split("\n")[0]
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
        cause = "raises"
        sentence = f"backward raises {said}"
        if shot.title:
            sentence = f"{shot.title}: {sentence}"
        unset = _unset(error, text)
        if unset:
            cause = "unset"
            sentence += f". {unset}"
        elif fixed is not None:
            cause = fixed.cause
            sentence += f". {fixed.edit.what[:1].upper()}{fixed.edit.what[1:]}"
        self.findings.append(
            Finding(
                FAULT, cause, sentence + ".", remedy=fixed.edit.after if fixed else "", place=place
            )
        )

    def _found(
        self, shot: Shot, wrong: list[Comparison], fixed: Repair | None, truths: Cotangents
    ) -> None:
        c = wrong[0]
        symptom = self._symptom(shot, c, truths)
        labels = ", ".join(dict.fromkeys(shown(w.gradient.label) for w in wrong))
        if fixed is not None:
            cause, place = fixed.cause, self._place(fixed.edit.line, fixed.function)
            remedy = fixed.edit.after
            sentence = self._sentence(c, symptom, fixed, labels)
        else:
            cause = symptom.cause if symptom else "unknown"
            place = self._place(self._line_of(c.gradient.label), None)
            remedy = ""
            sentence = symptom.sentence if symptom else _unknown(c)
        if shot.title:
            sentence = f"After {shot.title}: {sentence}"
        self.findings.append(
            Finding(FAULT, cause, sentence, labels, remedy, place, evidence_of(shot, c))
        )

    def _sentence(self, c: Comparison, symptom: Symptom | None, fixed: Repair, labels: str) -> str:
        how = fixed.edit.what
        if symptom is not None:
            return f"{symptom.sentence} What mends it: {how}."
        several = "is" if "," not in labels else "are"
        return f"{labels} {several} wrong. What mends it: {how}."

    def _symptom(self, shot: Shot, c: Comparison, truths: Cotangents) -> Symptom | None:
        label = shown(c.gradient.label)
        if c.kind == "none":
            return Symptom(
                "none",
                f"{label} is {c.gradient.value}: no gradient is given for {c.gradient.leaf}.",
            )
        assert c.found is not None
        other = self._found_under(shot, c, _other)
        double = self._found_under(shot, c, _double)
        values = list(truths.forwards)
        if shot.run is not None and shot.run.layer is not None:
            held = arrays_in(shot.run.layer)
            values = [(f"self.{k}", v) for k, v in held.items() if is_real(v)] + values
        case = Case(
            label,
            c.gradient.leaf,
            np.asarray(c.expected),
            np.asarray(c.found),
            np.asarray(shot.upstream[0]) if shot.upstream else np.ones(()),
            other,
            double,
            {shown(o.gradient.label): o.expected for o in shot.comparisons if o is not c},
            values,
            _batch(shot),
        )
        found = _of_order(shot, c) or symptom_of(case)
        if found is None and c.kind == "shape":
            return Symptom(
                "shape",
                f"{label} has shape {c.found.shape}, {c.gradient.leaf} has {c.expected.shape}.",
            )
        return found

    def _found_under(self, shot: Shot, c: Comparison, change: Any) -> Array | None:
        if self.driver.upstream not in ("upstream", "input") or shot.plan != "fb":
            return None
        try:
            with quiet():
                run = play(self.driver, replace(shot, upstream=tuple(map(change, shot.upstream))))
        except Exception:
            return None
        for g in self.driver.gradients(run, shot.leaves):
            if g.leaf == c.gradient.leaf and g.value is not None:
                return np.asarray(g.value)
        return None

    def _place(self, line: int, function: Any = None) -> Place | None:
        function = function or self.driver.backward_function
        return self.driver.source.place(function, line) if line else None

    def _line_of(self, label: str) -> int:
        """Give the line that last assigns a gradient; else the last return."""
        tree = self.driver.source.tree(self.driver.backward_function)
        return line_that_gives(tree, label) if tree is not None else 0


def line_that_gives(tree: ast.FunctionDef, label: str) -> int:
    """Give the line of a function that last assigns a gradient; else that of its last return."""
    name = last_of(label)
    best = 0
    returned = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Return):
            returned = max(returned, node.lineno)
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            for part in ast.walk(target):
                own = getattr(part, "attr", getattr(part, "id", None))
                if own == name:
                    best = max(best, node.lineno)
    return best or returned


def shown(label: str) -> str:
    """Give a gradient's name as a person writes it: ``dW1`` of ``['W1']``."""
    match = re.fullmatch(r"\['?([^\]']+)'?\]", label)
    return f"grads[{match[1]!r}]" if match else label


def evidence_of(shot: Shot, c: Comparison) -> Evidence:
    """Put expected beside found."""
    values = {k: v for k, v in shot.given.items() if isinstance(v, np.ndarray) and v.size <= 30}
    return Evidence(shown(c.gradient.label), c.expected, c.found, c.wrong, values, shot.title)


def _unset(error: BaseException, text: str) -> str:
    match = re.search(r"object has no attribute '(\w+)'", text)
    if not isinstance(error, AttributeError) or not match:
        if isinstance(error, TypeError) and "NoneType" in text:
            return "An attribute that is still None is computed with"
        return ""
    if "NoneType" in text:
        return f"An attribute whose .{match[1]} is taken is still None: it is read before it is set"
    return f"self.{match[1]} is read before it is set"


def _unknown(c: Comparison) -> str:
    if c.kind == "shape":
        assert c.found is not None
        return f"{shown(c.gradient.label)} has shape {c.found.shape}, {c.gradient.leaf} has {c.expected.shape}."
    count = int(np.sum(c.wrong)) if c.wrong is not None else 0
    return (
        f"{shown(c.gradient.label)} is wrong at {count} of {c.expected.size} entries; "
        "the cause is not known."
    )


def _batch(shot: Shot) -> int:
    for value in shot.given.values():
        if isinstance(value, np.ndarray) and value.ndim > 1:
            return int(value.shape[0])
    return 0


def _of_order(shot: Shot, c: Comparison) -> Symptom | None:
    """Tell what only shows when something is called twice."""
    if shot.plan == "fb" or c.found is None or c.found.shape != c.expected.shape:
        return None
    label = shown(c.gradient.label)
    if shot.plan == "fbb" and close(c.found, 2 * c.expected):
        return Symptom("accumulated", f"{label} is added to what the first call left there.")
    return None


def _double(w: Any) -> Any:
    return 2.0 * w


def _other(w: Any) -> Any:
    rng = np.random.default_rng(99)
    return rng.normal(size=np.shape(w)) if np.shape(w) else 0.37 * w
