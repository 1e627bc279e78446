"""Wrong names, exchanged results."""

from __future__ import annotations

import ast

from benchmarks.mutation.operators.arithmetic import Changes
from benchmarks.mutation.operators.planting import on_expressions
from benchmarks.mutation.operators.scope import Scope, Spot, is_attribute, is_gradient, stores

MODULES = {"np", "range", "len", "zip", "enumerate", "reversed", "slice", "tuple"}


def _known(scope: Scope, before: int) -> list[str]:
    """The names and attributes that have a value before a line, in the order of the text."""
    names = [a.arg for a in scope.fn.args.args if a.arg != "self"]
    for stmt in ast.walk(scope.fn):
        if isinstance(stmt, ast.Assign | ast.For) and stmt.lineno < before:
            names.extend(sorted(stores(stmt)))
    attributes = (n for n in ast.walk(scope.fn) if is_attribute(n))
    names.extend(ast.unparse(n) for n in attributes if isinstance(n.ctx, ast.Load))
    plain = [n for n in dict.fromkeys(names) if "(" not in n and "[" not in n]
    called = {ast.unparse(n.func) for n in ast.walk(scope.fn) if isinstance(n, ast.Call)}
    return [n for n in plain if n not in called]


@on_expressions
def variables(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    text = ast.unparse(node)
    plain = isinstance(node, ast.Name) and node.id not in MODULES and node.id != "self"
    if not plain and not is_attribute(node):
        return
    if not isinstance(node.ctx, ast.Load) or (
        isinstance(spot.parent, ast.Call) and spot.field == "func"
    ):
        return
    in_attribute = isinstance(spot.parent, ast.Attribute) and spot.parent.attr != "T"
    if in_attribute or (isinstance(spot.parent, ast.Assign) and _unpacks(spot.parent)):
        return
    known = [n for n in _known(scope, spot.stmt.lineno) if n != text]
    alike = [n for n in known if is_gradient(n) == is_gradient(text)]
    alike.sort(key=lambda n: _unlike(n, text))
    kind = "wrong-upstream" if is_gradient(text) else "wrong-variable"
    if spot.indexing:
        kind = "index"
        alike = [n for n in alike if len(n) <= 2]
    for other in alike[:3]:
        value = ast.parse(other, mode="eval").body
        yield kind, value


def _unlike(a: str, b: str) -> tuple[bool, bool, int]:
    """How hard it is to confuse two names: attribute and local, W and x, long and short."""
    kinds = a.startswith("self.") != b.startswith("self.")
    cases = a.removeprefix("self.")[:1].isupper() != b.removeprefix("self.")[:1].isupper()
    return cases, kinds, abs(len(a) - len(b))


def _unpacks(assign: ast.Assign) -> bool:
    return isinstance(assign.targets[0], ast.Tuple)


@on_expressions
def exchanged(spot: Spot, scope: Scope) -> Changes:
    """Two neighbours of a tuple the wrong way round: returned, unpacked, joined."""
    node = spot.node
    if not isinstance(node, ast.Tuple | ast.List) or spot.indexing or len(node.elts) < 2:
        return
    if isinstance(spot.parent, ast.keyword | ast.Call) and not all(
        isinstance(e, ast.Name | ast.Call) for e in node.elts
    ):
        return
    for i in range(len(node.elts) - 1):
        elts = list(node.elts)
        elts[i], elts[i + 1] = elts[i + 1], elts[i]
        yield "exchanged", type(node)(elts, node.ctx)


@on_expressions
def forgotten(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if isinstance(spot.parent, ast.Return) and isinstance(node, ast.Tuple):
        for i in range(len(node.elts)):
            without = [*node.elts[:i], *node.elts[i + 1 :]]
            new = ast.Tuple(without, ast.Load()) if len(without) > 1 else without[0]
            yield "forgotten", new
            elts = list(node.elts)
            elts[i] = ast.Constant(None)
            yield "forgotten", ast.Tuple(elts, ast.Load())
