"""What a statement is: an import of one name, a print, a guard, and which names it binds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from clearprop.check.handwritten.harmless import Harmless

#: Statements that are calls, and register a derivative.
_REGISTERS = {"defvjp", "defjvp", "defgrad", "defgrads", "defvjp_argnum", "defvjp_argnums"}


def single_imports(node: ast.Import | ast.ImportFrom) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give an import of several names as several."""
    for alias in node.names:
        found: ast.Import | ast.ImportFrom = ast.Import([alias])
        if isinstance(node, ast.ImportFrom):
            found = ast.ImportFrom(node.module, [alias], node.level)
        yield ast.copy_location(found, node)


def levels_of(trees: list[ast.Module]) -> int:
    """Give how many folders up the relative imports go; 0 where there are none."""
    every = (node for tree in trees for node in ast.walk(tree))
    return max((node.level for node in every if isinstance(node, ast.ImportFrom)), default=0)


def what_runs_in(node: ast.Try | ast.If, harmless: Harmless) -> str:
    """Why a ``try`` or ``if`` may not run; "" where all that stands in it may."""
    for item in _branches(node):
        reason = _what_runs(item, harmless)
        if reason:
            return reason
    return harmless.reason(node.test) if isinstance(node, ast.If) else ""


def _what_runs(item: ast.stmt, harmless: Harmless) -> str:
    value = getattr(item, "value", None)
    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
        return harmless.reason_of_definition(item)
    if isinstance(item, ast.ClassDef):
        inner = (_what_runs(each, harmless) for each in item.body)
        return harmless.reason_of_definition(item) or next(filter(None, inner), "")
    if isinstance(item, ast.Import | ast.ImportFrom | ast.Pass | ast.Raise):
        return ""
    if isinstance(item, ast.Expr) and (prints(value) or isinstance(value, ast.Constant)):
        return ""
    if isinstance(item, ast.Assign | ast.AnnAssign):
        targets = item.targets if isinstance(item, ast.Assign) else [item.target]
        reasons = (harmless.reason_of_target(each) for each in targets)
        return harmless.reason(value) or next(filter(None, reasons), "")
    return f"line {item.lineno} in it runs code"


def _branches(node: ast.Try | ast.If) -> Iterator[ast.stmt]:
    """Give the statements of all branches, those of nested ones included."""
    branches = [*node.body, *node.orelse]
    if isinstance(node, ast.Try):
        branches += [*node.finalbody, *(item for each in node.handlers for item in each.body)]
    for item in branches:
        if isinstance(item, ast.Try | ast.If):
            yield from _branches(item)
        else:
            yield item


def bound_by(node: ast.stmt) -> list[str]:
    """Give the names of the module that a statement binds."""
    found = []
    waiting: list[ast.AST] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            found.append(each.name)
            continue
        if isinstance(each, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp):
            continue
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            found.append(each.id)
        waiting += ast.iter_child_nodes(each)
    return found


def is_main(node: ast.If) -> bool:
    """Whether it asks for ``__name__``."""
    return "__name__" in {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}


def is_idle(node: ast.stmt) -> bool:
    """Whether nothing is lost where a statement is left out: a text, a print, a bare name."""
    if isinstance(node, ast.If):
        return True
    value = getattr(node, "value", None)
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and (not isinstance(value, ast.Call) or prints(value))
    )


def prints(node: Any) -> bool:
    """Whether it is a call of ``print``."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"


def registers(node: ast.expr) -> bool:
    """Whether it is a call such as ``defvjp(f, …)``."""
    name = getattr(node, "func", None)
    return getattr(name, "id", getattr(name, "attr", "")) in _REGISTERS
