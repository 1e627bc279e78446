"""What forward keeps for backward: the lines that keep it, and those that are missing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from clearprop.check.handwritten.edits.model import Lines, World
from clearprop.check.handwritten.edits.scope import Scope
from clearprop.check.handwritten.edits.trees import dotted, make, names_in, twin


def cached(forward: ast.FunctionDef, scope: Scope) -> set[int]:
    """Find the statements of forward that keep something: ``self.x = x``, ``cache = (x, W)``."""
    found = set()
    owner = scope.owner or "self"
    tuples = {
        node.value.elts[-1].id
        for node in ast.walk(forward)
        if isinstance(node, ast.Return)
        and isinstance(node.value, ast.Tuple)
        and isinstance(node.value.elts[-1], ast.Name)
    }
    for node in ast.walk(forward):
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            of_self = isinstance(target, ast.Attribute) and ast.unparse(target.value) == owner
            of_cache = isinstance(target, ast.Name) and target.id in tuples
            if of_self or of_cache or isinstance(target, ast.Subscript):
                found.add(id(node))
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            found.add(id(node))
    return found


def unpacked(backward: ast.FunctionDef) -> tuple[tuple[str, ...], ...]:
    """Give the names that backward gives to the parts of what is kept: ``x, w, b = cache``."""
    return tuple(
        tuple(map(dotted, node.targets[0].elts))
        for node in ast.walk(backward)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and dotted(node.value)
    )


def meant(forward: ast.FunctionDef, scope: Scope, kept: set[int]) -> dict[int, tuple[str, int]]:
    """Find what is kept under the name of another value that forward has: ``self.x = w``.

    Returns
    -------
    dict
        Identity of the expression that is kept → the name that it ought to be, its line.
    """
    found = {}
    for statement in ast.walk(forward):
        if id(statement) not in kept or not isinstance(statement, ast.Assign | ast.Return):
            continue
        for node, name in _names_of_kept(statement, scope):
            known = scope.locals.get(name, statement.lineno) < statement.lineno
            if known and dotted(node) != name and isinstance(node, ast.Name | ast.Attribute):
                found[id(node)] = name, statement.lineno
    return found


def _names_of_kept(
    statement: ast.Assign | ast.Return, scope: Scope
) -> Iterator[tuple[ast.expr, str]]:
    """Give what is kept, and under which name: by an attribute, a key, or its place."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Attribute):
                yield statement.value, target.attr.lstrip("_")
            key = target.slice if isinstance(target, ast.Subscript) else None
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield statement.value, key.value
    for node in ast.walk(statement.value) if statement.value is not None else ():
        if isinstance(node, ast.Dict):
            for one, value in zip(node.keys, node.values, strict=True):
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield value, one.value
        if isinstance(node, ast.Tuple | ast.List):
            for names in scope.unpacked:
                if len(names) == len(node.elts):
                    yield from zip(node.elts, names, strict=True)


def keeping(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """Keep a copy; keep it earlier, or later; keep what is not kept."""
    mine = id(statement) in world.wanted
    if mine and isinstance(statement, ast.Assign):
        value = statement.value
        if isinstance(value, ast.Name | ast.Attribute):
            method = make(ast.Attribute, value, value=value, attr="copy", ctx=ast.Load())
            new = make(ast.Call, value, func=method, args=[], keywords=[])
            yield Lines((twin(statement, value=new),), 1, "stale-cache", 1.2, "a copy")
        for distance, other in enumerate(rest):
            if isinstance(other, ast.Return):
                break
            moved = (*rest[: distance + 1], statement)
            what = f"after line {other.lineno}"
            yield Lines(moved, distance + 2, "stale-cache", 1.4 + 0.1 * distance, what)
    if isinstance(statement, ast.Return):
        return
    for distance, other in enumerate(rest):
        if id(other) in world.wanted and isinstance(other, ast.Assign):
            moved = (other, statement, *rest[:distance])
            what = f"line {other.lineno} before it"
            yield Lines(moved, distance + 2, "stale-cache", 1.4 + 0.1 * distance, what)
    if world.scope.owner and isinstance(statement, ast.Assign):
        for name in names_in(statement.targets[0]):
            if "." not in name and f"{world.scope.owner}.{name}" not in world.set_at:
                own = ast.parse(f"{world.scope.owner}.{name} = {name}").body[0]
                for node in ast.walk(own):
                    if hasattr(node, "lineno"):
                        ast.copy_location(node, statement)
                lines = (statement, own)
                yield Lines(lines, 1, "stale-cache", 1.8, f"keep `{name}`")
