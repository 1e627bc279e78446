"""Functions made of the statements of a step, with the lines at which they stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from clearprop.check.handwritten.sources import remember
from clearprop.check.handwritten.steps import sets, uses


def function_from(
    body: list[ast.stmt],
    known: list[str],
    gives: str,
    filename: str,
    globals: dict[str, Any],  # as the third argument of types.FunctionType
    owner: str = "",
    everything: bool = False,
) -> FunctionType:
    """Make a function of statements that are not one, with the lines at which they stand.

    It takes what it reads of ``known``, or all of it, and gives what the source in ``gives`` says.
    """
    read = {n.partition(".")[0] for s in body for n in uses(s) | sets(s)}
    read |= {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)}
    read |= {n.id for n in ast.walk(ast.parse(gives)) if isinstance(n, ast.Name)}
    names = [n for n in known if n in read or everything]
    line = body[0].lineno if body else 1
    last = ast.parse(f"return {gives}").body[0]
    for node in ast.walk(last):
        if "lineno" in getattr(node, "_attributes", ()):
            node.lineno = node.end_lineno = body[-1].end_lineno or line if body else 1  # type: ignore[attr-defined]
            node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]
    tree = ast.parse(f"def step({', '.join(names)}): pass").body[0]
    assert isinstance(tree, ast.FunctionDef)
    for node in ast.walk(tree):
        if "lineno" in getattr(node, "_attributes", ()):
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
    tree.body = [*body, last]
    outer: ast.stmt = tree
    if owner:
        outer = ast.copy_location(ast.ClassDef(owner, [], [], [tree], []), tree)
        if hasattr(ast, "TypeAlias"):
            outer.type_params = []  # type: ignore[attr-defined]
    code = compile(ast.Module([outer], []), filename, "exec", dont_inherit=True)
    for _ in range(2 if owner else 1):
        code = next(c for c in code.co_consts if isinstance(c, CodeType))
    made = FunctionType(code, globals, "step")
    made.__qualname__ = f"{owner}.step" if owner else "step"
    remember(code, tree)
    return made


def loops_in(tree: ast.Module) -> Iterator[ast.stmt]:
    """Give the loops of a module, those under ``if __name__ == "__main__"`` included."""
    for node in tree.body:
        if isinstance(node, ast.For | ast.While):
            yield node
        elif isinstance(node, ast.If | ast.With):
            yield from (each for each in node.body if isinstance(each, ast.For | ast.While))
