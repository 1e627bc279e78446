"""What forward does and backward has no counterpart of: a condition, a neighbour, a label."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

from clearprop.check.handwritten.edits.model import OPERAND, VALUE, Change, Lines, Site, World
from clearprop.check.handwritten.edits.scope import PARAMETER, is_gradient
from clearprop.check.handwritten.edits.sites import is_product, is_sum
from clearprop.check.handwritten.edits.trees import dotted, make, twin
from clearprop.check.handwritten.meaning import is_gradient_of, is_target, last_of


def conditions(site: Site) -> Iterator[Change]:
    """``da * f if l < self.L else da``: in the last layer forward has no activation either."""
    node, forward = site.node, site.scope.forward
    if forward is None or site.role != VALUE or not isinstance(node, ast.BinOp):
        return
    if not is_product(node) or not site.gradient:
        return
    tests = [n.test for n in ast.walk(forward) if isinstance(n, ast.IfExp | ast.If)]
    for source in dict.fromkeys(ast.unparse(test) for test in tests):
        test = site.read(source)
        for kept in (node.left, node.right) if test is not None else ():
            if not is_gradient(dotted(kept)) and dotted(kept) not in site.scope.upstream:
                continue
            for body, other in ((node, kept), (kept, node)):
                new = make(ast.IfExp, node, test=test, body=body, orelse=other)
                where = source if body is node else f"not {source}"
                yield Change(new, "local-factor", 1.5, f"only where `{where}`, as in forward")


def indicators(site: Site) -> Iterator[Change]:
    """``p[c] - (c == y[i])`` for ``p[c] - 1``: of one class alone."""
    node = site.node
    one = isinstance(node, ast.Constant) and node.value in (1, 1.0) and is_sum(site.parent)
    for name in site.world.running(site.statement)[:2] if one else ():
        for label in site.world.parts:
            names = {n.id for n in ast.walk(ast.parse(label)) if isinstance(n, ast.Name)}
            of = last_of(label.partition("[")[0])
            if name in names or not (is_target(of) or of in ("y", "Y")):
                continue
            new = site.read(f"{name} == {label}")
            if new is not None:
                yield Change(new, "mask", 1.5, f"1 only where `{name} == {label}`")


def lengths(site: Site) -> Iterator[Change]:
    """``d.shape[0]``, of what was given another shape, for another count."""
    statement = site.statement
    if site.role != VALUE or not isinstance(statement, ast.Assign):
        return
    target = dotted(statement.targets[0])
    if not target or is_gradient(target) or site.scope.value(target).shape != ():
        return
    here = ast.unparse(site.node)
    for name in site.scope.reads(statement.lineno):
        shape = site.scope.value(name).shape
        if not shape or len(shape) > 3 or site.scope.value(name).kind == PARAMETER:
            continue
        for axis in range(len(shape)):
            source = f"{name}.shape[{axis}]"
            new = site.read(source) if source != here else None
            if new is not None:
                yield Change(new, "batch-factor", 1.3 + 0.1 * axis, f"`{source}`")


def flipped(site: Site) -> Iterator[Change]:
    """``w[:, :, ::-1, ::-1]`` for ``w``; ``dx[::-1]`` where forward turns ``x`` round."""
    name = dotted(site.node)
    if site.role not in (VALUE, OPERAND) or not name or "::-1" in ast.unparse(site.statement):
        return
    known = site.scope.value(name)
    axes = len(known.shape or ())
    sources = []
    if axes == 4 and known.kind == PARAMETER:
        sources = [f"{name}[:, :, ::-1, ::-1]", f"{name}[::-1, ::-1]"]
    elif axes == 2 and known.kind == PARAMETER and "np.pad" in site.world.text:
        sources = [f"{name}[::-1, ::-1]"]
    forward = site.scope.forward
    if is_gradient(name) and forward is not None and "[::-1]" in ast.unparse(forward):
        sources = [f"{name}[::-1]"]
    for i, source in enumerate(sources):
        new = site.read(source)
        if new is not None:
            yield Change(new, "window", 1.6 + 0.1 * i, "turned round")


def rearranged(site: Site) -> Iterator[Change]:
    """Two arrays that are joined in the other order: ``np.hstack((da, dg))``."""
    whole = site.node
    node = whole.args[0] if isinstance(whole, ast.Call) and whole.args else None
    if not isinstance(whole, ast.Call) or not isinstance(node, ast.List | ast.Tuple):
        return
    names = [dotted(one) for one in node.elts]
    if len(names) > 6 or not any(map(is_gradient, names)):
        return
    for i, j in combinations(range(len(names)), 2):
        elements = list(node.elts)
        elements[i], elements[j] = elements[j], elements[i]
        what = f"`{ast.unparse(node.elts[i])}` and `{ast.unparse(node.elts[j])}` exchanged"
        joined = twin(whole, args=[twin(node, elts=elements), *whole.args[1:]])
        yield Change(joined, "exchanged", 1.5, what)


def reshaped(site: Site) -> Iterator[Change]:
    """``x.reshape(N, G, -1)`` for ``x``, as another value of backward; a column for a vector."""
    node = site.node
    bare = isinstance(node, ast.Name | ast.Attribute)
    if site.role != VALUE or not bare or not isinstance(site.statement, ast.Assign):
        return
    if len(site.scope.value(dotted(node)).shape or ()) == 0 and dotted(node) in site.scope.locals:
        alone = site.read(f"{dotted(node)}.reshape(-1, 1)")  # of a loop: no shape is known
        if alone is not None:
            yield Change(alone, "shape", 1.5, "as a column")
    calls = [n for n in ast.walk(site.world.function) if isinstance(n, ast.Call)]
    others = (n for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr == "reshape")
    for source in dict.fromkeys(", ".join(map(ast.unparse, n.args)) for n in others):
        new = site.read(f"{ast.unparse(node)}.reshape({source})")
        if new is not None:
            yield Change(new, "shape", 1.5, f"reshape to `{source}`")


def as_in_forward(site: Site) -> Iterator[Change]:
    """``X @ w + b - y`` for ``X @ w - y``: what forward computes with one name more."""
    node = site.node
    if not isinstance(node, ast.BinOp) or site.role not in (VALUE, OPERAND):
        return
    own = _names(node)
    for source in site.scope.factors[:40] if len(own) > 1 else ():
        if not source.startswith("(") or not source.endswith(")"):
            continue
        new = site.read(source[1:-1])
        if new is not None and own < _names(new) and len(_names(new)) == len(own) + 1:
            lacking = next(iter(_names(new) - own))
            cause = "missing-term" if is_sum(new) else "local-factor"
            yield Change(new, cause, 1.5, f"with `{lacking}`, as in forward")


def _names(node: ast.AST) -> set[str]:
    """Name what an expression reads: ``self.W`` and not ``self``."""
    if name := dotted(node):
        return {name}
    return {name for child in ast.iter_child_nodes(node) for name in _names(child)}


def neighbours(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """``dx[:, 1:] += …`` beside ``dx[:, :-1] += …``, where forward reads both parts of ``x``."""
    del rest
    forward = world.scope.forward
    if forward is None or not isinstance(statement, ast.AugAssign):
        return
    target = statement.target
    if not isinstance(target, ast.Subscript) or not isinstance(statement.op, ast.Add | ast.Sub):
        return
    gradient = last_of(dotted(target.value))
    here = ast.unparse(target.slice)
    known = {ast.unparse(n.slice) for n in ast.walk(world.function) if isinstance(n, ast.Subscript)}
    for node in ast.walk(forward):
        if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
            continue
        name = last_of(dotted(node.value))
        alone = twin(node, value=ast.Name("_"))
        index = world.read(ast.unparse(alone).replace("_[", "0[", 1), statement.lineno)
        if not name or not is_gradient_of(gradient, name) or index is None:
            continue
        there = ast.unparse(node.slice)
        if there == here or there in known or not isinstance(index, ast.Subscript):
            continue
        new = twin(statement, target=twin(target, slice=index.slice))
        what = f"`{ast.unparse(new)}` after it"
        yield Lines((statement, new), 1, "missing-term", 1.6, what)


FAMILIES = (conditions, indicators, lengths, flipped, rearranged, reshaped, as_in_forward)
