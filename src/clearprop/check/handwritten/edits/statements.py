"""Whole statements: their kind, their order, those that are missing or too many."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations, pairwise

from clearprop.check.handwritten.edits.model import Lines, World, names_in
from clearprop.check.handwritten.edits.scope import GRADIENT, PARAMETER, is_gradient
from clearprop.check.handwritten.edits.trees import dotted, loads, make, stores, text, twin

_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.AnnAssign)


def kinds(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``+=`` for ``=``, ``=`` for ``+=``, ``-=`` for ``+=``, ``/=`` for ``*=``."""
    del rest
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Tuple | ast.List):
            return
        first = min((world.set_at.get(name, 0) for name in names_in(target)), default=0)
        again = first < statement.lineno or not isinstance(target, ast.Name)
        if not again:
            return
        choices: tuple[tuple[ast.operator, float], ...]
        choices = ((ast.Add(), 1.4), (ast.Sub(), 1.9), (ast.Mult(), 2.2))
        for sign, rank in choices:
            new = make(ast.AugAssign, statement, target=target, op=sign, value=statement.value)
            cause = "mask" if isinstance(sign, ast.Mult) else "not-accumulated"
            yield Lines((new,), 1, cause, rank, f"`{_sign(sign)}=`")
    elif isinstance(statement, ast.AugAssign):
        plain = make(
            ast.Assign,
            statement,
            targets=[statement.target],
            value=statement.value,
            type_comment=None,
        )
        yield Lines((plain,), 1, "accumulated", 1.3, "`=`")
        others: dict[type[ast.operator], tuple[tuple[ast.operator, str], ...]] = {
            ast.Add: ((ast.Sub(), "sign"), (ast.Mult(), "operator")),
            ast.Sub: ((ast.Add(), "sign"),),
            ast.Mult: ((ast.Div(), "local-factor"), (ast.Add(), "operator")),
            ast.Div: ((ast.Mult(), "local-factor"),),
        }
        counted = ast.unparse(statement.value) in world.scope.batch
        for other, its_cause in others.get(type(statement.op), ()):
            op, cause = other, "batch-factor" if counted else its_cause
            yield Lines((twin(statement, op=op),), 1, cause, 1.2, f"`{_sign(op)}=`")


def _sign(op: ast.operator) -> str:
    return {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}[type(op)]


def exchanged(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """What is returned or assigned in another order; the targets of two statements exchanged."""
    if isinstance(statement, ast.Return | ast.Assign) and isinstance(statement.value, ast.Tuple):
        rank = 2.2 if _ordered_as_arguments(statement.value, world) else 1.2
        for value in _orders(statement.value):
            new = twin(statement, value=value)
            yield Lines((new,), 1, "exchanged", rank, "the other order")
    if not isinstance(statement, ast.Assign):
        return
    target = statement.targets[0]
    if isinstance(target, ast.Tuple):
        for order in _orders(target):
            new = twin(statement, targets=[order])
            yield Lines((new,), 1, "exchanged", 1.8, "the other order")
        return
    for distance, other in enumerate(rest[:4]):
        if not isinstance(other, ast.Assign) or isinstance(other.targets[0], ast.Tuple):
            continue
        here, there = dotted(target), dotted(other.targets[0])
        if not (here and there) or here == there:
            continue
        gradients = is_gradient(here) and is_gradient(there)
        first = twin(statement, value=other.value)
        second = twin(other, value=statement.value)
        new_lines = (first, *rest[:distance], second)
        rank = 1.8 if gradients else 2.6
        what = f"`{here}` and `{there}` exchanged"
        yield Lines(new_lines, distance + 2, "exchanged", rank, what)
    del world


def _ordered_as_arguments(node: ast.Tuple, world: World) -> bool:
    """Whether ``dx, dW`` are given out in the order in which forward takes ``x, W``."""
    if world.scope.forward is None:
        return False
    taken = [a.arg for a in world.scope.forward.args.args if a.arg != world.scope.owner]
    given = [dotted(one).rpartition(".")[2] for one in node.elts]
    return given == [f"d{name}" for name in taken[: len(given)]]


def _orders(node: ast.Tuple) -> Iterator[ast.Tuple]:
    for i, j in combinations(range(min(len(node.elts), 6)), 2):
        several = list(node.elts)
        several[i], several[j] = several[j], several[i]
        yield twin(node, elts=several)


def deleted(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """Leave a statement out."""
    del rest
    if not isinstance(statement, _SIMPLE):
        return
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return
    cause, rank = _cause_of_deleting(statement, world)
    yield Lines((), 1, cause, rank, "without this line")


def _cause_of_deleting(statement: ast.stmt, world: World) -> tuple[str, float]:
    if isinstance(statement, ast.AugAssign):
        names = list(names_in(statement.target))
        if any(world.scope.value(n).kind == PARAMETER for n in names):
            return "updated-parameter", 1.5
        if isinstance(statement.op, ast.Mult | ast.Div):
            source = ast.unparse(statement.value)
            if source in world.scope.batch:
                return "batch-factor", 1.2
            if source in world.scope.upstream:
                return "upstream-twice", 1.2
            constant = isinstance(statement.value, ast.Constant)
            return ("factor", 1.4) if constant else ("local-factor", 1.6)
        return "extra-term", 1.6
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        if isinstance(target, ast.Subscript):
            return "mask", 1.9
        names = list(names_in(target))
        if any(world.scope.value(n).kind == PARAMETER for n in names):
            return "updated-parameter", 1.6
        if any(world.set_at.get(n, statement.lineno) < statement.lineno for n in names):
            return "extra-term", 1.7
        return "wrong-value", 2.3
    return "extra-term", 2.3


def ordered(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """The neighbour first; a statement further down."""
    if isinstance(statement, ast.Return) or not rest:
        return
    for distance in range(min(3, len(rest))):
        between = rest[: distance + 1]
        if isinstance(between[-1], ast.Return):
            break
        both = (statement, between[-1])
        if not all(isinstance(one, (*_SIMPLE, ast.For, ast.If)) for one in both):
            break
        update = any(
            world.scope.value(name).kind == PARAMETER
            for one in (statement, *between)
            for name in _assigned(one)
        )
        cause, rank = ("updated-parameter", 1.6) if update else ("wrong-value", 2.0)
        rank += 0.2 * distance
        moved = (*between, statement)
        what = "below the next line" if distance == 0 else f"{distance + 1} lines further down"
        yield Lines(moved, distance + 2, cause, rank, what)
        if distance:
            moved = (between[-1], statement, *between[:-1])
            yield Lines(moved, distance + 2, cause, rank, f"line {between[-1].lineno} before it")


def _assigned(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from names_in(target)
    elif isinstance(statement, ast.AugAssign):
        yield from names_in(statement.target)


def nested(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """The last statement of a loop after it; the first after a loop into it."""
    del world
    if not isinstance(statement, ast.For | ast.While | ast.If):
        return
    body = statement.body
    if len(body) > 1:
        shorter = twin(statement, body=body[:-1])
        early = isinstance(body[-1], ast.Return)
        cause, rank = ("none", 1.4) if early else ("accumulated", 1.9)
        yield Lines((shorter, body[-1]), 1, cause, rank, "the last line after the loop")
        for count in range(2, min(4, len(body)) if early else 0):
            shorter = twin(statement, body=body[:-count])
            lines = (shorter, *body[-count:])
            yield Lines(lines, 1, cause, rank + 0.1, "the last lines after the loop")
    if len(body) > 2:
        shorter = twin(statement, body=body[1:])
        yield Lines((body[0], shorter), 1, "accumulated", 2.1, "the first line before the loop")
    if rest and not isinstance(rest[0], ast.Return):
        longer = twin(statement, body=[*body, rest[0]])
        yield Lines((longer,), 2, "not-accumulated", 2.1, "the next line inside the loop")


def inserted(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """A copy, zeros, a mask or an attribute that is missing."""
    first = statement is _first(world.function)
    line = statement.lineno
    if first:
        for name in world.scope.upstream:
            yield from _before(statement, f"{name} = {name}.copy()", "overwritten", 1.5, world)
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
    del rest


def _before(
    statement: ast.stmt, source: str, cause: str, rank: float, world: World
) -> Iterator[Lines]:
    new = _parsed(source, statement, world, statement.lineno)
    if new is not None:
        yield Lines((new, statement), 1, cause, rank, f"`{source}` before it")


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
    owner = world.scope.owner
    if owner and "." not in target and f"{owner}.{target}" not in world.set_at:
        known = world.scope.attributes.get(target)
        source = f"{owner}.{target} = {target}"
        new = _parsed(source, statement, world, line + 1)
        if new is not None:
            expected = known is not None and known.kind == GRADIENT
            rank = 1.3 if expected else 2.2
            yield Lines((statement, new), 1, "none", rank, f"`{source}` after it")


def _parsed(source: str, like: ast.stmt, world: World, line: int) -> ast.stmt | None:
    """Parse a statement to stand beside another; None where it reads a name that does not exist."""
    new = ast.parse(world.scope.spelled(source)).body[0]
    assert isinstance(new, ast.Assign)
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
        if isinstance(part, ast.Name) and part.id not in (world.scope.numpy, *world.scope.locals):
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
    last = statement is world.function.body[-1]
    bare = isinstance(statement, ast.Return) and statement.value is None
    if not bare and (not last or isinstance(statement, ast.Return) or rest):
        return
    names = [n for n in world.set_at if is_gradient(n) and "." not in n]
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


def copies(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``dx = dout.copy()`` for ``dx = dout``, and ``dx = dx * m`` for ``dx *= m``."""
    del rest
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name | ast.Attribute):
        name = dotted(statement.value)
        if name and not name.endswith((".T", ".shape", ".size")):
            method = make(
                ast.Attribute, statement.value, value=statement.value, attr="copy", ctx=ast.Load()
            )
            new = make(ast.Call, statement.value, func=method, args=[], keywords=[])
            gradient = world.scope.value(name).kind == GRADIENT
            rank = 1.4 if gradient else 2.2
            if any(n in world.written for t in statement.targets for n in names_in(t)):
                rank = 1.2
            yield Lines((twin(statement, value=new),), 1, "overwritten", rank, "a copy")
    elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        value = make(
            ast.BinOp,
            statement,
            left=loads(statement.target),
            op=statement.op,
            right=statement.value,
        )
        plain = make(
            ast.Assign,
            statement,
            targets=[stores(statement.target)],
            value=value,
            type_comment=None,
        )
        yield Lines((plain,), 1, "overwritten", 1.6, f"`{text(plain)}`, a new array")


FAMILIES = (kinds, exchanged, deleted, ordered, nested, inserted, returned, copies)
