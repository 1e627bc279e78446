"""Whole terms of known formulas: paths through a mean, a count, an entry that is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from clearprop.check.handwritten.edits.model import OPERAND, VALUE, Change, Lines, Site, World
from clearprop.check.handwritten.edits.scope import CACHED, is_gradient
from clearprop.check.handwritten.edits.sites import (
    array,
    called,
    is_product,
    is_sum,
    multiplied,
    sites,
)
from clearprop.check.handwritten.edits.trees import binary, call, dotted, make, number, put, twin

_REDUCERS = ("sum", "mean")


def projections(site: Site) -> Iterator[Change]:
    """``- y * mean(g * y)`` and ``- mean(g)``: what a normalisation takes away of a gradient."""
    node = site.node
    if not site.gradient or site.role not in (VALUE, OPERAND):
        return
    centred = is_sum(node) and isinstance(node, ast.BinOp) and not is_sum(site.parent)
    if centred and isinstance(node, ast.BinOp):
        first = node.left
        while is_sum(first) and isinstance(first, ast.BinOp):
            first = first.left
        yield from _taken_away(site, first)
    elif isinstance(node, ast.Name) and _is_array(site, node.id):
        if not is_product(site.parent) and site.role != VALUE:
            return
        yield from _taken_away(site, node)


def projected(site: Site) -> Iterator[Change]:
    """``- y * mean(g * y)`` for ``- y``."""
    node, parent = site.node, site.parent
    if not site.gradient or not isinstance(node, ast.Name) or not _is_array(site, node.id):
        return
    takes = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Sub)
    if is_gradient(node.id) or not takes or parent.right is not node:  # type: ignore[attr-defined]
        return
    names = dict.fromkeys(dotted(n) for n in ast.walk(parent) if dotted(n))
    shape = site.scope.value(node.id).shape
    for g in (n for n in names if is_gradient(n) and site.scope.value(n).shape == shape):
        for axis in ("-1", "0"):
            source = f"np.mean({g} * {node.id}, axis={axis}, keepdims=True)"
            mean = site.read(source)
            if mean is not None:
                new = binary(node, ast.Mult(), mean)
                yield Change(new, "local-factor", 1.8, f"multiply by `{source}`")


def _taken_away(site: Site, first: ast.expr) -> Iterator[Change]:
    names = [n for n in _factors(first) if _is_array(site, n)]
    if not names:
        return
    g = names[-1]
    reduce = "sum" if isinstance(first, ast.BinOp) else "mean"
    shape = site.scope.value(g).shape
    kept = [
        n
        for n in site.scope.reads(site.statement.lineno)
        if site.scope.value(n).kind == CACHED and site.scope.value(n).shape == shape and n != g
        if not site.scope.value(n).mask
    ]
    sources = [f"np.{reduce}({g}, axis={{0}}, keepdims=True)"]
    sources += [f"{y} * np.{reduce}({g} * {y}, axis={{0}}, keepdims=True)" for y in kept[:5]]
    for i, form in enumerate(sources):
        for axis in ("-1", "0"):
            source = form.format(axis)
            term = site.read(source)
            if term is not None:
                new = binary(site.node, ast.Sub(), term)
                rank = 1.8 + 0.05 * i + (0.02 if axis == "0" else 0.0)
                yield Change(new, "missing-term", rank, f"subtract `{source}`")


def _factors(node: ast.expr) -> list[str]:
    if is_product(node) and isinstance(node, ast.BinOp):
        return _factors(node.left) + _factors(node.right)
    name = dotted(node)
    return [name] if name else []


def _is_array(site: Site, name: str) -> bool:
    return len(site.scope.value(name).shape or ()) >= 2


def counted(site: Site) -> Iterator[Change]:
    """``-m.sum(axis=1)`` for ``-1`` where one entry of each row answers for the others."""
    node, statement = site.node, site.statement
    if site.role != VALUE or not isinstance(statement, ast.Assign | ast.AugAssign):
        return
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    by_row = isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Tuple)
    if not by_row or not isinstance(target, ast.Subscript):
        return
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    inner = node.operand if negated and isinstance(node, ast.UnaryOp) else node
    if not isinstance(inner, ast.Constant) or inner.value not in (1, 1.0):
        return
    name = dotted(target.value)
    for axis in (1, 0) if name else ():
        total = site.read(f"np.sum({name}, axis={axis})")
        if total is None:
            continue
        new = make(ast.UnaryOp, node, op=ast.USub(), operand=total) if negated else total
        what = f"as often as `{name}` says"
        yield Change(new, "batch-sum", 1.4 + 0.2 * (axis == 0), what)


def unpenalised(site: Site) -> Iterator[Change]:
    """``np.append(0, theta[1:])`` for ``theta``, where the penalty is of ``theta[1:]`` only."""
    name = dotted(site.node)
    if not name or site.role not in (VALUE, OPERAND) or not is_product(site.parent):
        return
    text = site.world.text
    text += ast.unparse(site.scope.forward) if site.scope.forward is not None else ""
    if f"{name}[1:]" in text:
        sources = [f"np.concatenate((0 * {name}[:1], {name}[1:]))"]
    elif f"{name}[:, 1:]" in text:
        sources = [f"np.hstack((0 * {name}[:, :1], {name}[:, 1:]))"]
    elif f"{name}[:-1]" in text:
        sources = [f"np.concatenate(({name}[:-1], 0 * {name}[-1:]))"]
    else:
        return
    for source in sources:
        new = site.read(source)
        if new is not None:
            yield Change(new, "extra-term", 1.3, "without the entry that is not penalised")


def branches(site: Site) -> Iterator[Change]:
    """A factor in one branch of ``np.where``, by a number or the incoming gradient."""
    node = site.node
    if not isinstance(node, ast.Call) or called(node)[0] != "where" or len(node.args) != 3:
        return
    numbers = [
        n for n in site.scope.reads(site.statement.lineno) if site.scope.value(n).shape == ()
    ]
    for place in (1, 2):
        for i, name in enumerate([*numbers[:8], *site.scope.upstream[:1]]):
            factor = site.read(name)
            present = {dotted(part) for part in ast.walk(node.args[place])}
            if factor is None or name in present:
                continue
            args = list(node.args)
            args[place] = binary(factor, ast.Mult(), args[place])
            cause = "upstream-ignored" if name in site.scope.upstream else "local-factor"
            what = f"`{name}` in one of the branches"
            yield Change(twin(node, args=args), cause, 1.9 + 0.05 * i, what)
            if cause == "local-factor":
                args = list(node.args)
                args[place] = binary(args[place], ast.Div(), factor)
                what = f"divide by `{name}` in one of the branches"
                yield Change(twin(node, args=args), cause, 2.0 + 0.05 * i, what)
                args = list(node.args)
                args[place] = binary(args[place], ast.Add(), factor)
                what = f"add `{name}` in one of the branches"
                if not isinstance(node.args[place], ast.Constant):
                    yield Change(twin(node, args=args), "missing-term", 2.1 + 0.05 * i, what)


def own_values(site: Site) -> Iterator[Change]:
    """``1 - (e) ** 2`` and ``e * (1 - e)`` where the value is given for the derivative."""
    node = site.node
    if site.role != VALUE or not isinstance(site.statement, ast.Return):
        return
    if not isinstance(node, ast.BinOp | ast.Call | ast.Name) or isinstance(site.parent, ast.Tuple):
        return
    mentioned = {dotted(part) for part in ast.walk(node)}
    if mentioned & set(site.world.set_at) and any(is_gradient(n) for n in mentioned - {""}):
        return
    squared = binary(number(1, node), ast.Sub(), binary(node, ast.Pow(), number(2, node)))
    yield Change(squared, "local-factor", 2.0, "the derivative of tanh, not its value")
    product = binary(node, ast.Mult(), binary(number(1, node), ast.Sub(), node))
    yield Change(product, "local-factor", 2.0, "the derivative of sigmoid, not its value")


def quotients(site: Site) -> Iterator[Change]:
    """A softmax's Jacobian where ``y`` is written ``e / s``: ``e * (s - e) / s ** 2``."""
    if not multiplied(site) or site.role != VALUE or not site.gradient:
        return
    if not is_product(site.node):
        return
    names = list(dict.fromkeys(dotted(n) for n in ast.walk(site.node) if dotted(n)))
    incoming = [n for n in names if n in site.scope.upstream or is_gradient(n)]
    for dy in incoming:
        for e in (n for n in names if n not in incoming):
            for s in (n for n in names if n not in (e, *incoming)):
                y = f"{e} / {s}"
                for axis in ("-1", "0"):
                    source = f"{y} * ({dy} - np.sum({dy} * {y}, axis={axis}, keepdims=True))"
                    new = site.read(source)
                    if new is not None:
                        what = "the whole Jacobian, not its diagonal"
                        yield Change(new, "jacobian", 1.9, what)


def squares(site: Site) -> Iterator[Change]:
    """``np.outer(y, y)`` for ``np.diagflat(y ** 2)``."""
    node = site.node
    diagonal = isinstance(node, ast.Call) and called(node)[0] in ("diag", "diagflat")
    if not diagonal or not isinstance(node, ast.Call) or len(node.args) != 1:
        return
    inside = node.args[0]
    if not isinstance(inside, ast.BinOp) or not is_sum(site.parent):
        return
    power = isinstance(inside.op, ast.Pow) and ast.unparse(inside.right) in ("2", "2.0")
    twice = isinstance(inside.op, ast.Mult) and ast.dump(inside.left) == ast.dump(inside.right)
    outer = site.read("np.outer")
    if (power or twice) and outer is not None:
        new = call(outer, inside.left, inside.left, like=node)
        yield Change(new, "jacobian", 1.2, "the outer product, not its diagonal")


def axes_everywhere(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """Another axis in all sums of a statement, as where a line was copied from another layer."""
    del rest
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return):
        return
    found = [s for s in sites(statement, world) if _reduces(s.node)]
    if len(found) < 2:
        return
    here = {_axis_of(s.node) for s in found}
    for axis in ("0", "1", "-1"):
        for keep in (True, False):
            if here == {axis} and not keep:
                continue
            new = statement
            for site in reversed(found):  # the inner ones first
                new = put(new, site.path, _over(site, axis, keep))
            what = f"over axis {axis}{', kept' if keep else ''}, each time"
            yield Lines((new,), 1, "batch-sum", 1.6 if keep else 1.9, what)


def _reduces(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and called(node)[0] in _REDUCERS and array(node) is not None


def _axis_of(node: ast.expr) -> str:
    found = re.search(r"axis=(-?\d+)\b[^()]*\)$", ast.unparse(node))
    return found[1] if found else ""


def _over(site: Site, axis: str, keep: bool) -> ast.expr:
    node = site.node
    assert isinstance(node, ast.Call)
    inside = array(node)
    assert inside is not None
    number_of = number(abs(int(axis)), node)
    value: ast.expr = number_of
    if axis.startswith("-"):
        value = make(ast.UnaryOp, node, op=ast.USub(), operand=number_of)
    keywords = [make(ast.keyword, node, arg="axis", value=value)]
    if keep:
        kept = make(ast.Constant, node, value=True, kind=None)
        keywords.append(make(ast.keyword, node, arg="keepdims", value=kept))
    args = [] if called(node)[1] else [inside]
    return twin(node, args=args, keywords=keywords)


FAMILIES = (projections, projected, counted, unpenalised, branches, own_values, quotients, squares)
