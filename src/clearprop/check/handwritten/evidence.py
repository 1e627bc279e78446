"""What the numbers of a probe show of a gradient that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.edits.scope import is_gradient
from clearprop.check.handwritten.model import Array, Evidence
from clearprop.check.handwritten.order import of_order
from clearprop.check.handwritten.probing import Comparison, Shot, play, quiet
from clearprop.check.handwritten.stages import Blame
from clearprop.check.handwritten.state import arrays_in, is_real
from clearprop.check.handwritten.symptoms import Case, Symptom, symptom_of
from clearprop.check.handwritten.truth import Cotangents


def symptom_of_gradient(
    driver: Driver,
    stages: list[tuple[str, Array]],
    shot: Shot,
    c: Comparison,
    truths: Cotangents,
) -> Symptom | None:
    """Look for a symptom of a gradient that is wrong."""
    label = c.gradient.shown
    if c.kind == "none":
        return Symptom(
            "none",
            f"{label} is {c.gradient.value}: no gradient is given for {c.gradient.leaf}.",
        )
    assert c.found is not None
    other = _found_under(driver, shot, c, _other)
    double = _found_under(driver, shot, c, _double)
    values = list(truths.forwards)
    if shot.run is not None and shot.run.layer is not None:
        held = arrays_in(shot.run.layer)
        given = {o.gradient.label for o in shot.comparisons}
        kept = {k: v for k, v in held.items() if is_real(v) and k not in given}
        values = [(f"self.{k}", v) for k, v in kept.items()] + values
        if driver.numpy:  # what another library computed is not traced
            values += [(k, v) for k, v in stages if not is_gradient(k)]
    case = Case(
        label,
        c.gradient.leaf,
        np.asarray(c.expected),
        np.asarray(c.found),
        np.asarray(shot.upstream[0]) if shot.upstream else np.ones(()),
        other,
        double,
        {o.gradient.shown: o.expected for o in shot.comparisons if o is not c},
        values,
        _batch(shot),
        stages,
    )
    found = of_order(driver, shot, c, label) or symptom_of(case)
    if found is None and c.kind == "shape":
        return Symptom(
            "shape",
            f"{label} has shape {c.found.shape}, {c.gradient.leaf} has {c.expected.shape}.",
        )
    return found


def symptom_inside(shot: Shot, blame: Blame, truths: Cotangents) -> Symptom | None:
    """Look for a symptom of one value inside of backward."""
    stage = blame.stage
    if stage.value.shape != blame.expected.shape:
        return None
    values = [(s.name, s.value) for s in blame.before] + truths.forwards
    upstream = np.asarray(shot.upstream[0]) if shot.upstream else np.ones(())
    return symptom_of(
        Case(
            stage.name,
            "",
            blame.expected,
            stage.value,
            upstream,
            values=values,
            batch=_batch(shot),
        )
    )


def evidence_of(shot: Shot, c: Comparison) -> Evidence:
    """Put expected beside found."""
    values = {k: v for k, v in shot.given.items() if isinstance(v, np.ndarray) and v.size <= 30}
    return Evidence(c.gradient.shown, c.expected, c.found, c.wrong, values, shot.title)


def words_without_cause(c: Comparison) -> str:
    """Say what is known of a gradient where the cause is not."""
    if c.kind == "shape":
        assert c.found is not None
        label = c.gradient.shown
        return f"{label} has shape {c.found.shape}, {c.gradient.leaf} has {c.expected.shape}."
    count = int(np.sum(c.wrong)) if c.wrong is not None else 0
    return (
        f"{c.gradient.shown} is wrong at {count} of {c.expected.size} entries; "
        "the cause is not known."
    )


def _found_under(driver: Driver, shot: Shot, c: Comparison, change: Any) -> Array | None:
    if driver.upstream not in ("upstream", "input") or shot.plan != "fb":
        return None
    try:
        with quiet():
            run = play(driver, replace(shot, upstream=tuple(map(change, shot.upstream))))
    except Exception:
        return None
    for g in driver.gradients(run, shot.leaves):
        if g.leaf == c.gradient.leaf and g.value is not None:
            return np.asarray(g.value)
    return None


def _batch(shot: Shot) -> int:
    for value in shot.given.values():
        if isinstance(value, np.ndarray) and value.ndim > 1:
            return int(value.shape[0])
    return 0


def _double(w: Any) -> Any:
    return 2.0 * w


def _other(w: Any) -> Any:
    rng = np.random.default_rng(99)
    return rng.normal(size=np.shape(w)) if np.shape(w) else 0.37 * w
