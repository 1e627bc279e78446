"""Whether arrays of the caller are written to, and by which line."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver, Run
from clearprop.check.handwritten.meaning import is_gradient_of, is_parameter, last_of
from clearprop.check.handwritten.model import FAULT, Finding, Place
from clearprop.check.handwritten.probing import Shot, line_of_error, play, quiet, watch
from clearprop.check.handwritten.state import arrays_in, is_array

_NUMBER = (
    "backward writes into the gradient that comes in: a plain number is left as it is, an array "
    "that holds one number is overwritten, or has no room for the result."
)


def find_writes(driver: Driver, shots: list[Shot], files: set[str]) -> list[Finding]:
    """Give a finding for each array of the caller that forward or backward changes."""
    findings = []
    done: set[str] = set()
    for shot in shots:
        for name in shot.written:
            if name in done or _updates(driver, name):
                continue
            done.add(name)
            line = _line_that_writes(driver, shot, name, files)
            findings.append(_finding(driver, name, line))
    if not done and shots and shots[0].error is None:
        line = _line_that_fills_a_number(driver, shots[0], files)
        if line:
            findings.append(replace(_finding(driver, "upstream", line), sentence=_NUMBER))
    return findings


def _line_that_fills_a_number(driver: Driver, shot: Shot, files: set[str]) -> int:
    """Give the line that writes into an upstream gradient which is one number; 0 for none.

    ``dout *= dy`` makes a new array of a Python number, and writes into an array without axes.
    """
    numbers = any(isinstance(w, float) for w in shot.upstream)
    if not numbers or driver.upstream not in ("upstream", "first") or driver.rate:
        return 0
    given = replace(shot, upstream=tuple(np.array(w) for w in shot.upstream))
    given.written = []
    try:
        with quiet():
            run = play(driver, given)
    except ValueError as error:  # NumPy's own: what is written does not fit into one number
        return line_of_error(error, files) if "output operand" in str(error) else 0
    except Exception:
        return 0
    pairs = zip(given.upstream, run.upstream, strict=True)
    if all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        return 0
    return _line_that_writes(driver, given, "upstream", files)


def _finding(driver: Driver, name: str, line: int) -> Finding:
    shown = _upstream_name(driver) if name == "upstream" else name
    backward = name == "upstream" or _in_backward(driver, line)
    who = "backward" if backward else "forward"
    place = _place(driver, line)
    remedy = f"{shown} = {shown}.copy()" + (f"\n{place.text}" if place and place.text else "")
    alias = None
    if backward:
        alias = _alias(driver, line, name, shown)
        if alias is not None:
            line, remedy = alias
    given = {p.name for p in [*driver.inputs, *driver.constructor]} | {"upstream"}
    parameter = is_parameter(name) or name in {p.name for p in driver.constructor}
    if (parameter and _subtracts(driver, line)) or name not in given:
        sentence = f"{who} changes the parameter {shown}: that is for the optimiser to do."
        remedy = remedy if alias else ""
        return Finding(FAULT, "updated-parameter", sentence, shown, remedy, _place(driver, line))
    sentence = (
        f"{who} writes into {shown}, an array of its caller: whoever uses it afterwards, "
        "another branch of the graph or a second call, finds other numbers."
    )
    return Finding(FAULT, "overwritten", sentence, shown, remedy, _place(driver, line))


def _place(driver: Driver, line: int) -> Place | None:
    return driver.source.place(driver.backward_function, line) if line else None


def _subtracts(driver: Driver, line: int) -> bool:
    tree = driver.source.tree(driver.backward_function)
    return any(
        isinstance(n, ast.AugAssign) and n.lineno == line and isinstance(n.op, ast.Sub | ast.Add)
        for n in (ast.walk(tree) if tree is not None else ())
    )


def _alias(driver: Driver, line: int, name: str, shown: str) -> tuple[int, str] | None:
    """Give the line where another name was given to an array, if the write goes through it."""
    tree = driver.source.tree(driver.backward_function)
    if tree is None:
        return None
    written = next(
        (ast.unparse(_root(t)) for n in ast.walk(tree) for t in _targets(n) if t.lineno == line), ""
    )
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Name | ast.Attribute):
            continue
        value = ast.unparse(node.value)
        if name != "upstream" and last_of(value) == last_of(name):
            for target in map(ast.unparse, node.targets):
                if target == written != value and is_gradient_of(last_of(target), last_of(name)):
                    return node.lineno, f"{target} = np.zeros_like({value})"
        if value == shown:
            for target in map(ast.unparse, node.targets):
                if target == written and node.lineno < line:
                    return node.lineno, f"{written} = {shown}.copy()"
    return None


def _targets(node: Any) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign) else []


def _root(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Subscript) else node


def _updates(driver: Driver, name: str) -> bool:
    """Whether backward is given a learning rate, and so is meant to change the parameters."""
    if name in {p.name for p in driver.inputs} or name == "upstream":
        return False
    return bool(driver.rate)


def _upstream_name(driver: Driver) -> str:
    takes = getattr(driver, "upstreams", [])
    return takes[0].name if takes else "the incoming gradient"


def _in_backward(driver: Driver, line: int) -> bool:
    tree = driver.source.tree(driver.backward_function)
    return tree is not None and tree.lineno <= line <= (tree.end_lineno or line)


def _line_that_writes(driver: Driver, shot: Shot, name: str, files: set[str]) -> int:
    """Run again, looking at the array before each line; give the line that changed it."""
    runs: list[Run] = []
    found = 0
    last = 0

    def changed() -> bool:
        if not runs:
            return False
        if name == "upstream":
            pairs = zip(shot.upstream, runs[0].upstream, strict=False)
            return any(is_array(a) and not np.array_equal(a, b, equal_nan=True) for a, b in pairs)
        if name not in shot.given:
            return not _equal(shot.leaves[name], arrays_in(runs[0].layer).get(name))
        return not _equal(shot.given[name], runs[0].given.get(name))

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal found, last
        if frame.f_code.co_filename not in files:
            return None
        if not found and last and changed():
            found = last
        last = frame.f_lineno
        return trace

    watch(driver, shot, trace, runs.append)
    return found or (last if changed() else 0)


def _equal(a: Any, b: Any) -> bool:
    a = np.asarray(a)
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
