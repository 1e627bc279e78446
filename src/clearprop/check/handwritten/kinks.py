"""At kinks and ties: is what backward gives a subgradient there?

Inputs are rounded, so that zeros and equal values appear. Forward has slopes to all sides there;
what backward gives must lie between them along every direction that is tried.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.model import CONVENTION, FAULT, Array, Finding
from clearprop.check.handwritten.probing import (
    Comparison,
    Shot,
    line_of_error,
    prepared,
    quiet,
    shoot,
)
from clearprop.check.handwritten.specs import Proposal
from clearprop.check.handwritten.state import is_real
from clearprop.check.handwritten.truth import function_of

_STEP = 1e-7
_DIRECTIONS = 12


def at_kinks(
    driver: Driver, proposal: Proposal, seed: int, tolerance: float, files: set[str]
) -> list[Finding]:
    """Give what there is to say about the subgradients of backward."""
    given = proposal.draw(seed + 3)
    name = next((p.name for p in driver.inputs if is_real(given.get(p.name))), None)
    if name is None or proposal.specs.get(name) is None or proposal.specs[name].kind != "array":
        return []
    given[name] = np.round(given[name])
    if not np.any(given[name] == 0):
        given[name].flat[0] = 0.0
    try:
        with quiet():
            shot = prepared(driver, given, seed, doubtful=False)
            shot = replace(shot, upstream=tuple(np.abs(w) for w in shot.upstream))
            shot = prepared_again(driver, shot)
            shot = shoot(driver, shot, tolerance)
    except Exception:
        return []
    if not all(np.isfinite(shot.truth.expected[c.gradient.leaf]).all() for c in shot.comparisons):
        return []
    if shot.error is not None:
        line = line_of_error(shot.error, files)
        place = driver.source.place(driver.backward_function, line) if line else None
        sentence = (
            f"at zeros and equal values backward raises {type(shot.error).__name__}: {shot.error}."
        )
        return [Finding(FAULT, "raises", sentence, place=place)]
    findings = []
    for c in shot.wrong:
        with quiet():
            fits = c.kind == "value" and _is_subgradient(driver, shot, c)
        label = c.gradient.shown
        if fits and not _lets_through(shot, c):
            continue
        if fits:
            sentence = (
                f"where its input is exactly 0, {label} lets the gradient through; 0 is more usual."
            )
            findings.append(Finding(CONVENTION, "kink", sentence, label))
        elif c.kind == "value" and _is_shared(driver, shot, c):
            sentence = f"of equal values each gets the whole of {label}, and not a share of it."
            findings.append(Finding(CONVENTION, "kink", sentence, label))
        elif c.kind == "value":
            sentence = (
                f"{label} is wrong where the input is 0 or two are equal: it lies outside of the "
                "slopes to the two sides."
            )
            tree = driver.source.tree(driver.backward_function)
            place = driver.source.place(driver.backward_function, tree.lineno) if tree else None
            findings.append(Finding(FAULT, "mask", sentence, label, place=place))
    return findings


def _lets_through(shot: Shot, c: Comparison) -> bool:
    """Whether a gradient passes where the input is 0, although none need."""
    assert c.found is not None and c.wrong is not None
    x = np.asarray(shot.leaves[c.gradient.leaf])
    off = float(np.sum(c.found - c.expected))
    if abs(off) <= 1e-9 * float(np.sum(np.abs(c.expected))):
        return False  # equal values share it in another way
    at = c.wrong & (x == 0)
    return bool(np.any(c.found[at] != 0))


def prepared_again(driver: Driver, shot: Shot) -> Shot:
    """Give the truth for the upstream gradient that a probe has now."""
    from clearprop.check.handwritten.truth import find_truth

    truth = find_truth(
        driver, shot.given, shot.leaves, shot.upstream, seed=shot.seed, doubtful=False
    )
    return replace(shot, truth=truth)


def _is_shared(driver: Driver, shot: Shot, c: Comparison) -> bool:
    """Whether each entry alone lies between the slopes to its two sides, as masks of ties give."""
    assert c.found is not None and c.wrong is not None
    x = np.asarray(shot.leaves[c.gradient.leaf])
    return all(
        _is_subgradient(driver, shot, c, [np.eye(1, x.size, k).reshape(x.shape)])
        for k in np.flatnonzero(c.wrong)[:20]
    )


def _is_subgradient(
    driver: Driver, shot: Shot, c: Comparison, along: list[Array] | None = None
) -> bool:
    """Whether the slopes along random directions enclose what was found."""
    assert c.found is not None
    forward = function_of(driver, shot.given, shot.seed)
    rng = np.random.default_rng(2)
    x = shot.leaves[c.gradient.leaf]

    def value(t: float, direction: Any) -> float:
        outputs = forward(shot.leaves | {c.gradient.leaf: x + t * direction})
        return float(sum(np.sum(w * y) for w, y in zip(shot.upstream, outputs, strict=True)))

    here = value(0.0, np.zeros(np.shape(x)))
    random = [rng.normal(size=np.shape(x)) for _ in range(_DIRECTIONS)]
    for direction in along or [np.ones(np.shape(x)), *random]:
        right = (value(_STEP, direction) - here) / _STEP
        left = (here - value(-_STEP, direction)) / _STEP
        slope = float(np.sum(c.found * direction))
        room = 1e-4 * max(1.0, abs(right), abs(left))
        if not min(left, right) - room <= slope <= max(left, right) + room:
            return False
    return True
