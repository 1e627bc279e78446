"""Backward as it runs: which of the values that it names is the first wrong.

A name such as ``dvar`` says what it ought to be: the gradient of ``var``, which forward computes
and whose gradient is known exactly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import last_of, stems
from clearprop.check.handwritten.model import Array
from clearprop.check.handwritten.probing import Shot, watch
from clearprop.check.handwritten.state import arrays_in, is_array
from clearprop.check.handwritten.truth import Cotangents


@dataclass(frozen=True)
class Stage:
    """A value that a statement gave to a name."""

    line: int
    name: str
    value: Array


@dataclass(frozen=True)
class Blame:
    """The first named value of backward that is not the gradient which its name says."""

    stage: Stage
    expected: Array
    before: tuple[Stage, ...]


def stages_of(driver: Driver, shot: Shot, codes: Iterable[CodeType]) -> list[Stage]:
    """Run once, and give every value that the functions named, in order."""
    watched = set(codes)
    stages: list[Stage] = []
    known: dict[int, dict[str, Array]] = {}
    lines: dict[int, int] = {}

    def look(frame: Any) -> None:
        before = known.setdefault(id(frame), {})
        for name, value in _values(driver, frame.f_locals):
            old = before.get(name)
            if old is None or not _same(old, value):
                before[name] = np.array(value)
                if id(frame) in lines:
                    stages.append(Stage(lines[id(frame)], name, before[name]))

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code not in watched:
            return None
        if event == "call":
            known[id(frame)] = {name: np.array(v) for name, v in _values(driver, frame.f_locals)}
            lines.pop(id(frame), None)
        elif event in ("line", "return"):
            look(frame)
            lines[id(frame)] = frame.f_lineno
        return trace

    watch(driver, shot, trace)
    return stages


def first_wrong(
    stages: list[Stage], truths: Cotangents, adding: set[int], sure: Collection[str] = ()
) -> Blame | None:
    """Give the earliest name none of whose values is the gradient that it says it is.

    ``adding`` are the lines that add to a value: of a sum the last value counts. ``sure`` are
    names that other gradients, right ones, are made of.
    """
    places: dict[str, list[int]] = {}
    for i, stage in enumerate(stages):
        places.setdefault(stage.name, []).append(i)
    wrong: list[tuple[int, Array]] = []
    for name, at in places.items():
        if name in sure:
            continue
        expected = _expected(name, stages[at[-1]].value, truths)
        if not expected or any(_close(stages[i].value, g) for i in at for g in expected):
            continue
        if truths.scaled and any(truths.same(stages[i].value, g) for i in at for g in expected):
            continue
        filled = next((i for i in at if np.any(stages[i].value)), at[0])  # np.zeros comes first
        chosen = at[-1] if any(stages[i].line in adding for i in at[1:]) else filled
        alike = [g for g in expected if g.shape == stages[chosen].value.shape]
        wrong.append((chosen, (alike or expected)[-1]))
    if not wrong:
        return None
    chosen, expected_there = min(wrong, key=lambda each: each[0])
    return Blame(stages[chosen], expected_there, tuple(stages[:chosen]))


def lines_cleared(stages: list[Stage], truths: Cotangents) -> frozenset[int]:
    """Give the lines of which every value is a true gradient of something."""
    right: dict[int, bool] = {}
    for stage in stages:
        right[stage.line] = (
            right.get(stage.line, True) and truths.likeness(stage.value, stage.name) == 1.0
        )
    return frozenset(line for line, is_right in right.items() if is_right)


def _expected(name: str, value: Array, truths: Cotangents) -> list[Array]:
    named = list(stems(last_of(name)))
    return [
        g
        for label, g in truths.values
        if label and last_of(label) in named and g.size == value.size and g.size > 0
    ]


def _values(driver: Driver, names: dict[str, Any]) -> list[tuple[str, Array]]:
    plain = ((k, driver.plain(v)) for k, v in names.items())
    found = [(k, v) for k, v in plain if is_array(v) and v.dtype.kind in "fi"]
    owner = names.get("self")
    if owner is not None:
        held = arrays_in(owner).items()
        found += [(f"self.{k}", v) for k, v in held if v.dtype.kind == "f"]
    return found


def _same(old: Array, new: Any) -> bool:
    return old.shape == new.shape and bool(np.array_equal(old, new, equal_nan=True))


def _close(a: Array, b: Array) -> bool:
    if a.size != b.size:
        return False
    if a.shape != b.shape:
        a, b = np.sort(a, axis=None), np.sort(b, axis=None)
    scale = float(np.max(np.abs(b), initial=0.0))
    return bool(np.max(np.abs(a - b), initial=0.0) <= 1e-6 * scale + 1e-13)
