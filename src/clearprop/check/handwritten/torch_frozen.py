"""A `torch.autograd.Function` of which one argument alone needs a gradient: others are frozen."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from clearprop.check.handwritten.model import FAULT, Finding
from clearprop.check.handwritten.probing import Comparison, Shot, compare, play, quiet

if TYPE_CHECKING:
    from clearprop.check.handwritten.torch_functions import TorchDriver

_ASKS = "needs_input_grad"


def frozen_beside(driver: TorchDriver, shot: Shot, tolerance: float) -> list[Finding]:
    """Give a finding where a gradient is wrong as soon as the other arguments need none.

    ``ctx.needs_input_grad`` has an entry for each argument of forward, in their order; an index
    that is off by one shows only when an argument is frozen.
    """
    tree = driver.source.tree(driver.backward_function)
    if tree is None or shot.error is not None or len(shot.leaves) < 2:
        return []
    if _ASKS not in ast.unparse(tree):
        return []
    for c in shot.comparisons:
        leaf = c.gradient.leaf
        driver.frozen = set(shot.leaves) - {leaf}
        try:
            with quiet():
                run = play(driver, replace(shot))
            alone = [g for g in driver.gradients(run, [leaf]) if g.leaf == leaf]
            found = compare(alone[0], c.expected, tolerance) if alone else None
        except Exception as error:
            said = f"backward raises {type(error).__name__}: {error}"
            return [_finding(driver, tree, c, said)]
        finally:
            driver.frozen = set()
        if found is None or found.kind == "none":
            return [_finding(driver, tree, c, f"{c.gradient.shown} is None")]
        if found.kind and not c.kind:
            return [_finding(driver, tree, c, f"{c.gradient.shown} is wrong")]
    return []


def _finding(driver: TorchDriver, tree: ast.FunctionDef, c: Comparison, what: str) -> Finding:
    names = [p.name for p in driver.every]
    at = names.index(c.gradient.leaf)
    sentence = (
        f"Where {c.gradient.leaf} alone needs a gradient, {what}. {driver.ctx}.{_ASKS} has an "
        f"entry for each argument of forward, in their order: {', '.join(names)}."
    )
    line, old = _guard(tree, c.gradient.label)
    new = f"{driver.ctx}.{_ASKS}[{at}]"
    place = driver.source.place(driver.backward_function, line) if line else None
    remedy = place.text.replace(old, new) if place and old and old != new else ""
    cause = "wrong-value" if remedy else "none" if what.endswith("None") else "raises"
    cause = "unset" if "UnboundLocalError" in what else cause
    return Finding(FAULT, cause, sentence, c.gradient.shown, remedy, place)


def _guard(tree: ast.FunctionDef, label: str) -> tuple[int, str]:
    """Give the line that asks whether a gradient is needed, and how it asks; else the first."""
    first = 0
    for node in ast.walk(tree):
        if not isinstance(node, ast.If | ast.IfExp) or _ASKS not in ast.unparse(node.test):
            continue
        first = first or node.lineno
        body = node.body if isinstance(node, ast.If) else []
        stored = {ast.unparse(t) for s in body if isinstance(s, ast.Assign) for t in s.targets}
        if label in stored:
            asked = [n for n in ast.walk(node.test) if isinstance(n, ast.Subscript)]
            texts = [ast.unparse(n) for n in asked if _ASKS in ast.unparse(n.value)]
            return node.lineno, texts[0] if len(texts) == len(stored) == 1 else ""
    return first, ""
