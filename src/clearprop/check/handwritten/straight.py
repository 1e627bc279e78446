"""The lines of a function that run once, in order: what they can read, assign and return."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.edits.trees import Path, blocks, dotted
from clearprop.check.handwritten.probing import Shot, watch
from clearprop.check.handwritten.state import copied, is_array

_BUILT_IN = {"len", "abs", "float", "int", "min", "max", "sum"}
_METHODS = {
    *("sum", "mean", "dot", "reshape", "transpose", "swapaxes", "copy", "astype", "ravel", "max"),
    *("min", "any", "all", "std", "var", "squeeze"),
}


def values_before_lines(driver: Driver, shot: Shot, code: Any) -> dict[int, dict[str, Any]]:
    """Run once, and give what each line of a function can read when it first begins."""
    found: dict[int, dict[str, Any]] = {}

    def note(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line" and frame.f_lineno not in found:
            names = frame.f_locals.items()
            found[frame.f_lineno] = {k: copied(v) if is_array(v) else v for k, v in names}
        return note

    watch(driver, shot, note)
    return found


def straight(tree: ast.FunctionDef) -> Iterator[tuple[Path, int, ast.stmt]]:
    """Give the statements that are in no loop, with the way to them."""
    for path, block in blocks(tree):
        at: Any = tree
        looped = False
        for field, position in path:
            looped = looped or (
                isinstance(at, ast.For | ast.While | ast.FunctionDef) and at is not tree
            )
            at = getattr(at, field) if position is None else getattr(at, field)[position]
        if not looped:
            yield from ((path, i, statement) for i, statement in enumerate(block))


def expressions_of(statement: ast.stmt) -> Iterator[tuple[ast.expr, Path, str]]:
    """Give what a statement assigns or returns, the way to it, and the sign of ``+=``."""
    signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
    if isinstance(statement, ast.Assign):
        yield statement.value, (("value", None),), ""
    elif isinstance(statement, ast.AugAssign) and type(statement.op) in signs:
        yield statement.value, (("value", None),), signs[type(statement.op)]
    elif isinstance(statement, ast.Return) and isinstance(statement.value, ast.Tuple):
        for i, one in enumerate(statement.value.elts):
            yield one, (("value", None), ("elts", i)), ""
    elif isinstance(statement, ast.Return) and statement.value is not None:
        yield statement.value, (("value", None),), ""


def targets_of(statement: ast.stmt) -> list[str]:
    """Give what a statement assigns to, as it is written."""
    if isinstance(statement, ast.Assign):
        return [ast.unparse(target) for target in statement.targets]
    return [ast.unparse(statement.target)] if isinstance(statement, ast.AugAssign) else []


def is_plain(node: ast.expr, functions: tuple[str, ...]) -> bool:
    """Whether evaluating an expression once more does nothing but compute."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            name = dotted(part.func)
            numpy = name.startswith(("np.", "numpy.")) and "random" not in name
            method = isinstance(part.func, ast.Attribute) and part.func.attr in _METHODS
            if not (numpy or method or name in _BUILT_IN or name in functions):
                return False
        elif isinstance(part, ast.Lambda | ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return False
    return True
