"""Whole statements: their kind, their order, those that are missing or too many."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from clearprop.check.handwritten.edits.model import Lines, World
from clearprop.check.handwritten.edits.scope import GRADIENT, PARAMETER, is_gradient
from clearprop.check.handwritten.edits.sites import called
from clearprop.check.handwritten.edits.trees import (
    call,
    dotted,
    loads,
    make,
    names_in,
    stores,
    text,
    twin,
)
from clearprop.check.handwritten.meaning import is_gradient_of

#: What a sum begins with.
_STARTS = ("zeros", "zeros_like", "empty", "empty_like", "ones", "ones_like")
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
        if ast.unparse(statement.target) != ast.unparse(statement.value):
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


def scattered(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``np.add.at(dW, i, e)`` for ``dW[i] += e``, which adds once where i has a number twice."""
    del rest
    target = statement.target if isinstance(statement, ast.AugAssign) else None
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]  # type: ignore[assignment]  # any target
    if not isinstance(target, ast.Subscript):
        return
    function = world.read("np.add.at", statement.lineno)
    if function is None or isinstance(target.slice, ast.Slice | ast.Tuple | ast.Compare):
        return
    value = statement.value  # type: ignore[attr-defined]  # both kinds have one
    whole = call(function, target.value, target.slice, value, like=statement)
    new = make(ast.Expr, statement, value=whole)
    yield Lines((new,), 1, "not-accumulated", 1.5, "add every one, also where an index is twice")


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
        for i, part in enumerate(target.elts):
            for order in _orders(part) if isinstance(part, ast.Tuple) else ():
                whole = twin(target, elts=[*target.elts[:i], order, *target.elts[i + 1 :]])
                new = twin(statement, targets=[whole])
                yield Lines((new,), 1, "exchanged", 1.5, "the other order")
        return
    for distance, other in enumerate(rest[:4]):
        if not isinstance(other, ast.Assign) or isinstance(other.targets[0], ast.Tuple):
            continue
        here, there = ast.unparse(target), ast.unparse(other.targets[0])
        if here == there:
            continue
        gradients = is_gradient(here) and is_gradient(there)
        first = twin(statement, value=other.value)
        second = twin(other, value=statement.value)
        new_lines = (first, *rest[:distance], second)
        rank = 1.8 if gradients else 2.6
        what = f"`{here}` and `{there}` exchanged"
        yield Lines(new_lines, distance + 2, "exchanged", rank, what)
        if any(ast.unparse(n) == there for n in ast.walk(other.value)):  # and not set before it
            first = twin(statement, targets=other.targets)
            second = twin(other, targets=statement.targets)
            new_lines = (first, *rest[:distance], second)
            yield Lines(new_lines, distance + 2, "exchanged", 1.5, what)
    del world


def _ordered_as_arguments(node: ast.Tuple, world: World) -> bool:
    """Whether ``dx, dW`` are given out in the order in which forward takes ``x, W``."""
    function = world.scope.forward or world.function
    taken = [a.arg for a in function.args.args if a.arg != world.scope.owner]
    given = [dotted(one).rpartition(".")[2] for one in node.elts]
    places = [i for name in given for i, arg in enumerate(taken) if is_gradient_of(name, arg)]
    return len(places) > 1 and places == sorted(places)


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
    yield from _returned_first(statement, rest)
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


def _returned_first(statement: ast.stmt, rest: list[ast.stmt]) -> Iterator[Lines]:
    """What is returned computed before an update of what it reads."""
    last = rest[-1]
    if not isinstance(statement, ast.AugAssign) or not isinstance(last, ast.Return):
        return
    updated = set(names_in(statement.target))
    if last.value is None or not updated & {dotted(n) for n in ast.walk(last.value)}:
        return
    kept = make(ast.Name, statement, id="result", ctx=ast.Store())
    before = make(ast.Assign, statement, targets=[kept], value=last.value, type_comment=None)
    returned = twin(last, value=make(ast.Name, last, id="result", ctx=ast.Load()))
    lines = (before, statement, *rest[:-1], returned)
    yield Lines(lines, len(rest) + 1, "updated-parameter", 1.1, "what is returned before it")


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
    if any(isinstance(node, ast.Break | ast.Continue) for one in body for node in ast.walk(one)):
        return  # means nothing outside
    early = len(body) > 1 and isinstance(body[-1], ast.Return)
    if len(body) > 1:
        shorter = twin(statement, body=body[:-1])
        cause, rank = ("not-accumulated", 1.0) if early else ("accumulated", 1.9)
        what = "the last line after the loop"
        yield Lines((shorter, body[-1]), 1, cause, rank, what, body[-1].lineno)
        for count in range(2, min(4, len(body)) if early else 0):
            shorter = twin(statement, body=body[:-count])
            lines = (shorter, *body[-count:])
            what = "the last lines after the loop"
            yield Lines(lines, 1, cause, rank + 0.1, what, body[-count].lineno)
    for k, one in enumerate(body if 1 < len(body) < 8 else ()):
        if isinstance(one, ast.Assign):
            shorter = twin(statement, body=[*body[:k], *body[k + 1 :]])
            starts = called(one.value)[0] in _STARTS or isinstance(one.value, ast.Constant)
            cause = "not-accumulated" if starts else "accumulated"
            rank = 1.2 if starts else 2.1 + 0.1 * k
            what = f"line {one.lineno} before the loop"
            yield Lines((one, shorter), 1, cause, rank, what, one.lineno)
    inner = _without_return(statement)
    if inner is not None and not early:
        what = "the return after the loop"
        yield Lines(inner, 1, "not-accumulated", 1.1, what, inner[-1].lineno)
    if rest and not isinstance(rest[0], ast.Return):
        following = _reads(rest[0]) & _sets(statement)
        rank = 1.5 if following else 2.1
        for i, (loop, longer) in enumerate(_with_last(statement, rest[0])):
            what = f"line {rest[0].lineno} inside the loop of line {loop}"
            where = rest[0].lineno
            yield Lines((longer,), 2, "not-accumulated", rank + 0.1 * i, what, where)


def _without_return(statement: ast.stmt) -> tuple[ast.stmt, ...] | None:
    """Take the ``return`` at the end of nested loops out of all of them."""
    body = getattr(statement, "body", None)
    if not body or not isinstance(statement, ast.For | ast.While):
        return None
    if isinstance(body[-1], ast.Return) and len(body) > 1:
        return twin(statement, body=body[:-1]), body[-1]
    inner = _without_return(body[-1])
    return None if inner is None else (twin(statement, body=[*body[:-1], inner[0]]), inner[1])


def _with_last(statement: ast.stmt, line: ast.stmt) -> Iterator[tuple[int, ast.stmt]]:
    """Put a line at the end of a loop, or of the loop at the end of it; say of which."""
    body: list[ast.stmt] = statement.body  # type: ignore[attr-defined]  # a loop
    yield statement.lineno, twin(statement, body=[*body, line])
    if isinstance(body[-1], ast.For | ast.While):
        for loop, inner in _with_last(body[-1], line):
            yield loop, twin(statement, body=[*body[:-1], inner])


def _reads(statement: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}


def _sets(statement: ast.stmt) -> set[str]:
    """Give the names that a loop sets anew each time."""
    return {
        n.id
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


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
            zeros = world.read(f"np.zeros_like({name})", statement.lineno)
            written = any(n in world.written for t in statement.targets for n in names_in(t))
            if zeros is not None and written:
                what = "an array of its own"
                yield Lines((twin(statement, value=zeros),), 1, "overwritten", 1.1, what)
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


def scaled(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``dx /= N`` after the last line that makes ``dx``."""
    del rest
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for name in {n for target in targets for n in names_in(target)}:
        if world.scope.value(name).kind != GRADIENT or name in world.scope.upstream:
            continue
        for batch in world.scope.batch[:2]:
            line = ast.parse(f"{name} = {name} / {batch}").body[0]
            for node in ast.walk(line):
                if hasattr(node, "lineno"):
                    ast.copy_location(node, statement)
            world.kept(line)
            yield Lines((statement, line), 1, "batch-factor", 1.45, f"divide by {batch} after it")


def folded(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``return dout * self.mask`` for ``self.mask *= dout`` and ``return self.mask``."""
    if not isinstance(statement, ast.AugAssign) or not rest:
        return
    target, following = ast.unparse(statement.target), rest[0]
    if not isinstance(following, ast.Return | ast.Assign) or following.value is None:
        return
    kept = isinstance(statement.target, ast.Attribute | ast.Name)
    if kept and target in map(ast.unparse, _expressions(following.value)):
        whole = make(
            ast.BinOp,
            statement,
            left=loads(statement.target),
            op=statement.op,
            right=statement.value,
        )
        value = _Exchanged(target, whole).visit(copy.deepcopy(following.value))
        new = twin(following, value=value)
        rank = 0.6 if isinstance(statement.target, ast.Attribute) else 1.7
        yield Lines((new,), 2, "overwritten", rank, f"`{target}` stays as it is")
    del world


def _expressions(node: ast.AST) -> list[ast.expr]:
    return [n for n in ast.walk(node) if isinstance(n, ast.expr)]


class _Exchanged(ast.NodeTransformer):
    """Puts an expression wherever another stands."""

    def __init__(self, old: str, new: ast.expr) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        """See `ast.NodeTransformer`."""
        if isinstance(node, ast.expr) and ast.unparse(node) == self.old:
            return self.new
        return self.generic_visit(node)


FAMILIES = (folded, scaled, kinds, scattered, exchanged, deleted, ordered, nested, copies)
