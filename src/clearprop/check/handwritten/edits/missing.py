"""Lines that are missing: a copy, zeros, a mask, an attribute, a ``return``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from clearprop.check.handwritten.edits.model import Lines, World
from clearprop.check.handwritten.edits.scope import CACHED, GRADIENT, PARAMETER, is_gradient
from clearprop.check.handwritten.edits.sites import called
from clearprop.check.handwritten.edits.trees import dotted, make, names_in, twin
from clearprop.check.handwritten.meaning import is_target

_EMPTY = ("zeros", "zeros_like", "empty", "empty_like")


def inserted(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """A copy, zeros, a mask or an attribute that is missing."""
    first = statement is _first(world.function)
    line = statement.lineno
    if first:
        for name in world.scope.upstream:
            yield from _before(statement, f"{name} = {name}.copy()", "overwritten", 1.5, world)
        for source in _unset(world):
            yield from _before(statement, source, "none", 1.6, world, world.function.lineno)
    if isinstance(statement, ast.For) or first:
        for name in _accumulated(world):
            base = name.rpartition(".")[2]
            owner = name[: len(name) - len(base)]
            forms = [f"{name} = 0"]
            likely = base[1:] if base.startswith("d") else base
            every = [owner + likely, likely]
            if world.scope.owner:
                every.append(f"{world.scope.owner}.{likely}")
            forms += [f"{name} = np.zeros_like({n})" for n in dict.fromkeys(every) if n]
            for form in forms:
                yield from _before(statement, form, "accumulated", 1.7, world)
    if isinstance(statement, ast.Assign) and not isinstance(statement.targets[0], ast.Tuple):
        target = dotted(statement.targets[0])
        if target and (is_gradient(target) or target in world.scope.upstream):
            yield from _after(statement, target, line, world)
        if target and len(world.scope.value(target).shape or ()) == 2:
            yield from _answered(statement, target, line, world)
    del rest


def _unset(world: World) -> Iterator[str]:
    """Find gradients that nothing sets, and what they usually are."""
    owner = world.scope.owner
    for name, value in world.scope.attributes.items():
        target = f"{owner}.{name}"
        if value.kind != GRADIENT or target in world.set_at:
            continue
        for dy in world.scope.upstream:
            yield f"{target} = np.sum({dy}, axis=0)"
            yield f"{target} = {dy}"
            for x, kept in world.scope.attributes.items():
                if kept.kind == CACHED and kept.shape:
                    yield f"{target} = np.dot({owner}.{x}.T, {dy})"
                    yield f"{target} = np.sum({dy} * {owner}.{x}, axis=0)"
                elif kept.kind == PARAMETER:
                    yield f"{target} = np.dot({dy}, {owner}.{x}.T)"


def unfilled(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``db = np.sum(dout, axis=…)`` where ``db`` is made of zeros that nothing is added to."""
    del rest
    if not isinstance(statement, ast.Assign) or called(statement.value)[0] not in _EMPTY:
        return
    names = list(names_in(statement.targets[0]))
    if not any(is_gradient(n) and n not in world.written for n in names):
        return
    for dy in world.scope.upstream:
        for axes in ("0", "(0, 2, 3)", "(0, 1)", "(0, 1, 2)"):
            value = world.read(f"np.sum({dy}, axis={axes})", statement.lineno)
            if value is not None:
                new = twin(statement, value=value)
                yield Lines((new,), 1, "none", 1.6, f"sum over axis {axes}")


def _before(
    statement: ast.stmt, source: str, cause: str, rank: float, world: World, line: int = 0
) -> Iterator[Lines]:
    new = _parsed(source, statement, world, statement.lineno)
    if new is not None:
        yield Lines((new, statement), 1, cause, rank, f"`{source}` before it", line)


def _after(statement: ast.Assign, target: str, line: int, world: World) -> Iterator[Lines]:
    for name in world.scope.reads(line + 1):
        value = world.scope.value(name)
        if value.mask or "mask" in name:
            conditions = [name, f"~{name}"]
        elif value.kind == "cached" and value.shape:
            conditions = [f"{name} <= 0", f"{name} < 0"]
        else:
            continue
        for condition in conditions:
            source = f"{target}[{condition}] = 0"
            new = _parsed(source, statement, world, line + 1)
            if new is not None:
                yield Lines((statement, new), 1, "mask", 1.9, f"`{source}` after it")
    for name in world.scope.reads(line + 1):
        last = name.rpartition(".")[2]
        of_rows = len(world.scope.value(name).shape or ()) == 1
        labels = of_rows and (is_target(last) or last == "y")
        if labels:
            source = f"{target}[np.arange(len({name})), {name}] -= 1"
            taken = _parsed(source, statement, world, line + 1)
            if taken is not None:
                rank = 1.3 if name not in world.used else 1.9
                yield Lines((statement, taken), 1, "missing-term", rank, f"`{source}` after it")
    owner = world.scope.owner
    if owner and "." not in target and f"{owner}.{target}" not in world.set_at:
        known = world.scope.attributes.get(target)
        source = f"{owner}.{target} = {target}"
        new = _parsed(source, statement, world, line + 1)
        if new is not None:
            expected = known is not None and known.kind == GRADIENT
            # a function that returns its gradients is not meant to leave one on the object
            rank = 1.3 if expected else 2.9 if _returns(world.function) else 2.2
            yield Lines((statement, new), 1, "none", rank, f"`{source}` after it")


def _answered(statement: ast.Assign, target: str, line: int, world: World) -> Iterator[Lines]:
    """``B[np.arange(len(y)), y] = -B.sum(axis=1)``: a row's own class answers for the others."""
    known = world.scope.value(target)
    if not (known.mask or known.binary):
        return
    for name in world.scope.reads(line + 1):
        last = name.rpartition(".")[2]
        if len(world.scope.value(name).shape or ()) != 1 or not (is_target(last) or last == "y"):
            continue
        source = f"{target}[np.arange(len({name})), {name}] = -np.sum({target}, axis=1)"
        new = _parsed(source, statement, world, line + 1)
        if new is not None:
            yield Lines((statement, new), 1, "missing-term", 1.6, f"`{source}` after it")


def _returns(function: ast.FunctionDef) -> bool:
    return any(isinstance(n, ast.Return) and n.value is not None for n in ast.walk(function))


def _parsed(source: str, like: ast.stmt, world: World, line: int) -> ast.stmt | None:
    """Parse a statement to stand beside another; None where it reads a name that does not exist."""
    new = ast.parse(world.scope.spelled(source)).body[0]
    assert isinstance(new, ast.Assign | ast.AugAssign)
    if world.read(ast.unparse(new.value), line) is None or not _exist(new.value, world):
        return None
    for node in ast.walk(new):
        if hasattr(node, "lineno"):
            ast.copy_location(node, like)
    return new


def _exist(node: ast.AST, world: World) -> bool:
    owner = world.scope.owner
    known = {f"{owner}.{name}" for name in world.scope.attributes} | set(world.set_at)
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id not in (
            world.scope.numpy,
            "len",
            *world.scope.locals,
        ):
            return False
        own = isinstance(part, ast.Attribute) and dotted(part.value) == owner
        if own and dotted(part) not in known:
            return False
    return True


def _first(function: ast.FunctionDef) -> ast.stmt:
    if len(function.body) > 1 and ast.get_docstring(function, clean=False) is not None:
        return function.body[1]
    return function.body[0]


def _accumulated(world: World) -> list[str]:
    found: dict[str, None] = {}
    for node in ast.walk(world.function):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
            found.update(dict.fromkeys(names_in(node.target)))
        elif isinstance(node, ast.Call) and dotted(node.func).endswith(".at") and node.args:
            found.update(dict.fromkeys(names_in(node.args[0])))
    return [n for n in found if is_gradient(n)]


def returned(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``return dx`` where nothing, or something else, is returned."""
    if isinstance(statement, ast.Return) and statement.value is not None:
        yield from _longer(statement, world)
    last = statement is world.function.body[-1]
    bare = isinstance(statement, ast.Return) and statement.value is None
    if not bare and (not last or isinstance(statement, ast.Return) or rest):
        return
    names = [n for n in world.set_at if is_gradient(n) and "." not in n]
    names.sort(key=lambda n: world.used.get(n, 0) > 0)
    groups = [[n] for n in names] + ([names] if len(names) > 1 else [])
    groups += [list(pair) for pair in pairwise(names)]
    groups += [[n] for n in world.set_at if is_gradient(n) and "." in n]
    for i, group in enumerate(groups):
        source = ", ".join(group)
        value = world.read(source, (statement.end_lineno or statement.lineno) + 1)
        if value is None:
            continue
        new = make(ast.Return, statement, value=value)
        what = f"return `{source}`"
        lines = (new,) if bare else (statement, new)
        yield Lines(lines, 1, "none", 1.0 + 0.05 * i, what)


def _longer(statement: ast.Return, world: World) -> Iterator[Lines]:
    """``return dx, dW`` for ``return dx``, where ``dW`` is computed and never read."""
    value = statement.value
    given = value.elts if isinstance(value, ast.Tuple) else [value]
    if value is not None and dotted(value) in world.scope.upstream:
        return  # that gradient is meant in its place, not beside it
    named = [dotted(one) for one in given if one is not None and dotted(one)]
    if len(set(named)) < len(named):
        return  # it is meant in the place of what is given twice
    for name in world.set_at:
        if not is_gradient(name) or "." in name or world.used.get(name, 0):
            continue
        extra = world.read(name, statement.lineno)
        for place in range(len(given), -1, -1) if extra is not None else ():
            elements = [*given[:place], extra, *given[place:]]
            whole = make(ast.Tuple, statement, elts=elements, ctx=ast.Load())
            rank = 1.3 if place == len(given) else 1.6
            new = twin(statement, value=whole)
            yield Lines((new,), 1, "none", rank, f"return `{name}` too")


FAMILIES = (inserted, unfilled, returned)
