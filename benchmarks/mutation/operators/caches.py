"""What forward keeps for backward: the wrong thing, an old one, or nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.operators.planting import Edit, delete, on_forward, replace, whole
from benchmarks.mutation.operators.scope import Scope, find, is_attribute, loads, stores


def _kept(scope: Scope) -> Iterator[ast.Assign]:
    """The assignments to attributes of a layer."""
    for stmt in scope.statements:
        if not isinstance(stmt, ast.Assign) or not is_attribute(stmt.targets[0]):
            continue
        if ast.unparse(stmt.targets[0]) != "self.output":
            yield stmt


@on_forward
def stale(scope: Scope) -> Iterator[Edit]:
    """Kept in the first forward only."""
    try:
        init = find(scope.tree, f"{scope.entry.name}.__init__")
    except StopIteration:
        init = None
    for stmt in _kept(scope):
        target = ast.unparse(stmt.targets[0])
        name = target.removeprefix("self.")
        read_in_forward = any(target in loads(s) for s in scope.statements)
        none_at_first = init is not None and f"{target} = None" in ast.unparse(init)
        guard = f"{target} is None" if none_at_first else f"not hasattr(self, {name!r})"
        if not read_in_forward:
            text = f"if {guard}:\n    {whole(stmt)}"
            yield replace("stale-cache", stmt, text, 0, 1)


@on_forward
def not_kept(scope: Scope) -> Iterator[Edit]:
    for stmt in _kept(scope):
        target = ast.unparse(stmt.targets[0])
        if not any(target in loads(s) for s in scope.statements):
            yield delete("not-cached", stmt)


@on_forward
def another_kept(scope: Scope) -> Iterator[Edit]:
    """The output for the input, what came before a step for what came after it."""
    known = [a.arg for a in scope.fn.args.args if a.arg != "self"]
    for stmt in scope.statements:
        if isinstance(stmt, ast.Assign) and is_attribute(stmt.targets[0]):
            target = ast.unparse(stmt.targets[0])
            if isinstance(stmt.value, ast.Name) and not any(
                target in loads(s) for s in scope.statements
            ):
                for other in known:
                    if other != stmt.value.id:
                        yield replace("cached-wrong", stmt, f"{target} = {other}")
        is_cache = isinstance(stmt, ast.Assign) and ast.unparse(stmt.targets[0]) in (
            "cache",
            "self.cache",
        )
        if is_cache or (isinstance(stmt, ast.Return) and scope.entry.style == "pair"):
            yield from _tuples(stmt, known)
        known += [n for n in sorted(stores(stmt)) if n.isidentifier() and n not in known]


def _tuples(stmt: ast.stmt, known: list[str]) -> Iterator[Edit]:
    value = stmt.value
    if isinstance(stmt, ast.Return):
        value = value.elts[-1] if isinstance(value, ast.Tuple) else None
    if not isinstance(value, ast.Tuple):
        return
    for i, element in enumerate(value.elts):
        if not isinstance(element, ast.Name):
            continue
        others = [n for n in known if n != element.id and n not in ("cache", "out")]
        for other in others[-3:]:
            value.elts[i] = ast.Name(other, ast.Load())
            yield replace("cached-wrong", stmt, whole(stmt))
            value.elts[i] = element
