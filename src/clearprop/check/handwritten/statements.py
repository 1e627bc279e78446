"""What a statement is: an import of one name, a print, a guard, and which names it binds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

#: Statements that are calls, and register a derivative.
_REGISTERS = {"defvjp", "defjvp", "defgrad", "defgrads", "defvjp_argnum", "defvjp_argnums"}


def single_imports(node: ast.Import | ast.ImportFrom) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give an import of several names as several; what is relative, from the folder itself."""
    for alias in node.names:
        found: ast.Import | ast.ImportFrom
        if isinstance(node, ast.Import) or (node.level and not node.module):
            found = ast.Import([alias])
        else:
            found = ast.ImportFrom(node.module, [alias], 0)
        yield ast.copy_location(found, node)


def what_runs_in(node: ast.Try | ast.If, reason: Callable[[ast.AST | None], str]) -> str:
    """Why a ``try`` or ``if`` may not run; "" where all that stands in it may."""
    plain = ast.Import | ast.ImportFrom | ast.Pass | ast.FunctionDef | ast.ClassDef | ast.Raise
    for item in _branches(node):
        value = getattr(item, "value", None)
        if isinstance(item, plain) or (isinstance(item, ast.Expr) and prints(value)):
            continue
        if not isinstance(item, ast.Assign | ast.AnnAssign) or reason(value):
            return f"line {item.lineno} in it runs code"
    return reason(node.test) if isinstance(node, ast.If) else ""


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
