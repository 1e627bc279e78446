"""What only shows when something is called twice: kept values that are stale, or overwritten."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver, Run
from clearprop.check.handwritten.model import Array
from clearprop.check.handwritten.probing import Comparison, Shot, play, quiet
from clearprop.check.handwritten.state import arrays_in, attributes_of, copied
from clearprop.check.handwritten.symptoms import Symptom, close


def of_order(driver: Driver, shot: Shot, c: Comparison, label: str) -> Symptom | None:
    """Tell a gradient that was added to the last one from one of values that are stale."""
    if shot.plan == "fb" or c.found is None:
        return None
    if shot.plan == "fbb" and close(c.found, 2 * c.expected):
        return Symptom("accumulated", f"{label} is added to what the first call left there.")
    if shot.plan == "FBfb":
        first = _gradient_of(driver, replace(shot, plan="FB"), c)
        if first is not None and close(c.found - c.expected, first):
            return Symptom("accumulated", f"{label} is added to that of the last batch.")
    if shot.before:
        stale = stale_attribute(driver, shot)
        if stale:
            return Symptom(
                "stale-cache", f"{label} is computed with self.{stale} of an earlier forward pass."
            )
    return None


def _gradient_of(driver: Driver, shot: Shot, c: Comparison) -> Array | None:
    try:
        with quiet():
            run = play(driver, shot)
    except Exception:
        return None
    for g in driver.gradients(run, shot.leaves):
        if g.leaf == c.gradient.leaf and g.value is not None:
            return np.array(g.value)
    return None


def stale_attribute(driver: Driver, shot: Shot) -> str:
    """Name what a second forward should have renewed, and left as the first one made it."""
    try:
        with quiet():
            first = _attributes(play(driver, replace(shot, plan="F")))
            second = _attributes(play(driver, replace(shot, plan="Ff")))
            fresh = _attributes(play(driver, replace(shot, plan="f")))
    except Exception:
        return ""
    for name, value in fresh.items():
        both = name in first and name in second
        if both and not _equal(value, second[name]) and _equal(first[name], second[name]):
            return name
    return ""


def _attributes(run: Run) -> dict[str, Any]:
    if run.layer is None:
        return {}
    return {k: copied(v) for k, v in attributes_of(run.layer).items() if not callable(v)}


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return isinstance(a, int | float | tuple) and a == b


def overwritten_cache(driver: Driver, shot: Shot) -> str:
    """Name an array that forward kept and backward writes into; "" for none."""
    try:
        with quiet():
            kept = play(driver, replace(shot, plan="f"))
            before = (
                {k: np.array(v) for k, v in arrays_in(kept.layer).items()} if kept.layer else {}
            )
            after = play(driver, replace(shot, plan="fb"))
    except Exception:
        return ""
    if after.layer is None:
        return _overwritten_in_cache(kept.cache, after.cache)
    gradients = {g.label for g in driver.gradients(after, shot.leaves)}
    now = arrays_in(after.layer)
    for name, value in before.items():
        new = now.get(name)
        if new is None or new.shape != value.shape or name in shot.leaves:
            continue
        same = np.array_equal(new, value, equal_nan=value.dtype.kind == "f")
        if not same and name not in gradients:
            return name
    return ""


def _overwritten_in_cache(before: Any, after: Any) -> str:
    if not isinstance(before, tuple | list) or not isinstance(after, tuple | list):
        return ""
    for i, (a, b) in enumerate(zip(before, after, strict=False)):
        if isinstance(a, np.ndarray) and not np.array_equal(a, b):
            return f"cache[{i}]"
    return ""


def line_that_sets(tree: ast.FunctionDef | None, name: str) -> int:
    """Give the line of a function that sets ``self.name``; 0 for none."""
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Attribute) and (node.attr, type(node.ctx)) == (name, ast.Store):
            return int(node.lineno)
    return 0


def line_that_changes(tree: ast.FunctionDef | None, name: str) -> int:
    """Give the line of a function that writes into ``self.name``; 0 for none."""
    for node in ast.walk(tree) if tree is not None else ():
        targets: list[ast.expr] = []
        if isinstance(node, ast.AugAssign):
            targets = [node.target]
        elif isinstance(node, ast.Assign):
            targets = [t for t in node.targets if isinstance(t, ast.Subscript)] or node.targets
        for target in targets:
            inner = target.value if isinstance(target, ast.Subscript) else target
            if isinstance(inner, ast.Attribute) and inner.attr == name:
                return int(target.lineno)
    return 0
