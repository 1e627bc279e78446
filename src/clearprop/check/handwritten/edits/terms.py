"""Terms too many and too few, and the rest of a Jacobian."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from clearprop.check.handwritten.edits.model import OPERAND, VALUE, Change, Site
from clearprop.check.handwritten.edits.scope import CACHED, PARAMETER, is_gradient
from clearprop.check.handwritten.edits.sites import array, called, is_product, is_sum, multiplied
from clearprop.check.handwritten.edits.trees import binary, dotted, negative, number, twin
from clearprop.check.handwritten.meaning import is_target, last_of

_PENALTY = re.compile(r"(reg|lam|lambda_?|l2|weight_decay|decay|alpha)\w*$", re.I)
_EPSILON = re.compile(r"eps(ilon)?$", re.I)


def dropped(site: Site) -> Iterator[Change]:
    """``a`` for ``a + b``, and ``b``."""
    node = site.node
    if not (isinstance(node, ast.BinOp) and is_sum(node)) or site.role not in (VALUE, OPERAND):
        return
    for gone, kept in ((node.right, node.left), (node.left, node.right)):
        small = (
            isinstance(gone, ast.Constant) and isinstance(gone.value, float) and gone.value < 1e-3
        )
        epsilon = small or _EPSILON.search(dotted(gone))
        cause = "epsilon" if epsilon else "extra-term"
        what = f"without `{ast.unparse(gone)}`"
        if gone is node.left and isinstance(gone, ast.Constant):  # 1 - y
            known = site.scope.value(dotted(kept))
            binary_mask = known.binary and not is_target(last_of(dotted(kept)))
            cause = "mask" if known.mask or binary_mask else "local-factor"
        if kept is node.right and isinstance(node.op, ast.Sub):
            yield Change(negative(kept), cause, 1.7, what)
            yield Change(kept, cause, 1.8, what)
        else:
            yield Change(kept, cause, 1.6, what)


def added(site: Site) -> Iterator[Change]:
    """``e + dh_next``: a gradient that is known at this line; ``e + self.reg * self.W``."""
    inside = is_sum(site.node) and not is_sum(site.parent) and site.role == OPERAND
    inside = inside or _is_handed_on(site)
    if not (inside or (multiplied(site) and site.role == VALUE)):
        return
    if not site.gradient and site.role != VALUE:
        return
    if isinstance(site.statement, ast.AugAssign):
        return
    line = site.statement.lineno
    mentioned = {dotted(node) for node in ast.walk(site.statement)}
    for name in site.scope.reads(line):
        unused = site.world.used.get(name, 0) == 0
        forgotten = unused and name in site.world.set_at and site.scope.value(name).shape != ()
        if not (forgotten or site.gradient):
            continue
        incoming = name in site.scope.upstream
        if name in mentioned or not (is_gradient(name) or forgotten or incoming):
            continue
        if "." in name and site.world.set_at.get(name, line) >= line:
            continue
        term = site.read(name)
        if term is None:
            continue
        for count in sorted(mentioned - {""}):  # D * dx beside what is divided by D
            number_of = site.read(count) if site.scope.value(count).shape == () else None
            if number_of is not None and inside:
                product = binary(number_of, ast.Mult(), term)
                yield from _both(site, product, f"{count} * {name}", 2.2)
        if inside and not unused:
            continue
        carried = site.world.set_at.get(name, line) < line < site.world.set_last.get(name, 0)
        yield from _both(site, term, name, 1.2 if unused else 1.4 if carried else 2.3)
        for count in site.scope.batch[:2] if unused else ():
            n = site.read(count)
            if n is not None:
                yield from _both(site, binary(term, ast.Div(), n), f"{name} / {count}", 1.7)
    if not site.gradient:
        return
    there = set(map(ast.unparse, _summands(site.node)))
    for name, one in () if inside else _penalties(site):
        if name not in there:  # a term that is there is doubled by a factor
            yield from _both(site, one, name, 1.9)
    for i, (name, one) in enumerate(() if inside else _products_of_unread(site)):
        yield from _both(site, one, name, 1.5 + 0.02 * i)


def ones(site: Site) -> Iterator[Change]:
    """``c * (1 + a * x)`` for ``c * (a * x)``: the derivative of ``x`` itself."""
    node = site.node
    product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    factor = is_product(site.parent) and getattr(site.parent, "right", None) is node
    if product and factor:
        new = binary(number(1, node), ast.Add(), node)
        yield Change(new, "missing-term", 1.9, "add 1")


def _is_handed_on(site: Site) -> bool:
    """Whether a gradient is what a function of the file is given: ``step_backward(dh[t], …)``."""
    name = dotted(site.node.value if isinstance(site.node, ast.Subscript) else site.node)
    to = called(site.parent)[0]
    return bool(name) and is_gradient(name) and bool(re.search(r"back|grad", to))


def _summands(node: ast.expr) -> list[ast.expr]:
    """Return a, b and c of ``a + b - c``."""
    if isinstance(node, ast.BinOp) and is_sum(node):
        return [*_summands(node.left), *_summands(node.right)]
    return [node]


def _products_of_unread(site: Site) -> Iterator[tuple[str, ast.expr]]:
    """Find products of an array that is computed and never read with one of forward."""
    scope, world = site.scope, site.world
    names = scope.reads(site.statement.lineno)
    for unread in (n for n in names if n in world.dead):
        mine = scope.value(unread).shape
        if not mine:
            continue
        for name in names:
            shape = scope.value(name).shape
            if not shape or name == unread:
                continue
            forms = ["{1} * {0}"] if shape == mine else []
            if len(shape) == len(mine) == 2:
                forms += ["{1}.T @ {0}"] if shape[0] == mine[0] else []
                forms += ["{0} @ {1}.T"] if shape[1] == mine[1] else []
            for form in forms:
                source = form.format(unread, name)
                for count in ("", *(f" / {n}" for n in scope.batch[:2])):
                    term = site.read(source + count)
                    if term is not None:
                        yield source + count, term


def _both(site: Site, term: ast.expr, name: str, rank: float) -> Iterator[Change]:
    plus = binary(site.node, ast.Add(), term)
    yield Change(plus, "missing-term", rank, f"add `{name}`")
    minus = binary(site.node, ast.Sub(), term)
    yield Change(minus, "missing-term", rank + 0.4, f"subtract `{name}`")


def _penalties(site: Site) -> Iterator[tuple[str, ast.expr]]:
    names = site.scope.reads(site.statement.lineno)
    weights = [
        n for n in names if site.scope.value(n).kind == PARAMETER or re.search(r"[wW]\d*$", n)
    ]
    for strength in names:
        if not _PENALTY.search(strength):
            continue
        for weight in weights:
            for source in (f"{strength} * {weight}", f"2 * {strength} * {weight}"):
                term = site.read(source)
                if term is not None:
                    yield source, term


def centred(site: Site) -> Iterator[Change]:
    """``e - e.mean(axis=0)`` for ``-e.mean(axis=0)``."""
    node = site.node
    if not isinstance(node, ast.UnaryOp) or not isinstance(node.op, ast.USub):
        return
    inside = array(node.operand) if isinstance(node.operand, ast.Call) else None
    reduced = called(node.operand)[0] in ("mean", "sum")
    if reduced and inside is not None and site.role in (VALUE, OPERAND):
        new = binary(inside, ast.Sub(), node.operand)
        yield Change(new, "missing-term", 1.2, f"add `{ast.unparse(inside)}`")


def minuends(site: Site) -> Iterator[Change]:
    """``1 - y ** 2`` for ``-y ** 2``, and ``self.norm - self.eps`` for ``-self.eps``."""
    node = site.node
    if not isinstance(node, ast.UnaryOp) or not isinstance(node.op, ast.USub):
        return
    if site.role not in (VALUE, OPERAND) or isinstance(node.operand, ast.Constant):
        return
    one = binary(number(1, node), ast.Sub(), node.operand)
    yield Change(one, "missing-term", 1.6, "add 1")
    if not dotted(node.operand) or site.role != VALUE:
        return
    for name in site.scope.reads(site.statement.lineno):
        value = site.scope.value(name)
        other = site.read(name) if value.kind == CACHED and value.shape else None
        if other is not None:
            new = binary(other, ast.Sub(), node.operand)
            rank = 1.7 if site.world.used.get(name, 0) == 0 else 2.2
            yield Change(new, "missing-term", rank, f"add `{name}`")


def differences(site: Site) -> Iterator[Change]:
    """``self.y - self.t`` for ``self.y``: another value of forward with the same shape."""
    source = dotted(site.node)
    if not source or site.role not in (VALUE, OPERAND) or not site.gradient:
        return
    mine = site.scope.value(source)
    signs = isinstance(site.parent, ast.Call) and called(site.parent)[0] in ("sign", "abs", "where")
    if not mine.shape or isinstance(site.parent, ast.Attribute):
        return
    if mine.kind != CACHED and not signs:
        return
    for name in site.scope.reads(site.statement.lineno):
        value = site.scope.value(name)
        if name != source and value.kind == CACHED and value.shape == mine.shape:
            other = site.read(name)
            if other is not None:
                unused = 0.3 if site.world.used.get(name, 0) == 0 else 0.0
                new = binary(site.node, ast.Sub(), other)
                yield Change(new, "missing-term", 2.1 - unused, f"subtract `{name}`")


def epsilons(site: Site) -> Iterator[Change]:
    """``e + eps`` where something is divided by, or a root or logarithm taken."""
    parent = site.parent
    below = False
    if isinstance(parent, ast.BinOp):
        divisor = isinstance(parent.op, ast.Div) and site.node is parent.right
        below = divisor or isinstance(parent.op, ast.Pow)
    inside = isinstance(parent, ast.Call) and dotted(parent.func).endswith(("sqrt", "log"))
    if not (below or inside) or isinstance(site.node, ast.Constant):
        return
    for name in site.scope.reads(site.statement.lineno):
        if _EPSILON.search(name):
            epsilon = site.read(name)
            if epsilon is not None:
                new = binary(site.node, ast.Add(), epsilon)
                yield Change(new, "epsilon", 1.9, f"add `{name}`")


def jacobians(site: Site) -> Iterator[Change]:
    """``y * (dy - np.sum(dy * y))``: a softmax's Jacobian in the place of its diagonal."""
    if not multiplied(site) or site.role != VALUE or not site.gradient:
        return
    if any(called(node)[0] == "sum" for node in ast.walk(site.node)):
        return
    mentioned = {dotted(node) for node in ast.walk(site.node)} - {""}
    for dy in sorted(mentioned):
        if dy not in site.scope.upstream and not is_gradient(dy):
            continue
        for y in site.scope.reads(site.statement.lineno):
            known = site.scope.value(y)
            if y not in mentioned or known.mask or y == dy:
                continue
            if (known.kind != CACHED and "." in y) or is_gradient(y) or y == site.scope.owner:
                continue
            for axis in ("-1", "0"):
                source = f"{y} * ({dy} - np.sum({dy} * {y}, axis={axis}, keepdims=True))"
                new = site.read(source)
                if new is not None:
                    rank = 2.0 if axis == "-1" else 2.4
                    what = "the whole Jacobian, not its diagonal"
                    yield Change(new, "jacobian", rank, what)
                    for over, factor in _settings(site.node, site, (dy, y)):  # / temperature
                        new = binary(new, ast.Mult() if over else ast.Div(), factor)
                        yield Change(new, "jacobian", rank - 0.05, what)


def _settings(node: ast.expr, site: Site, known: tuple[str, str]) -> list[tuple[bool, ast.expr]]:
    """Give the numbers of a product that are neither of two names, and whether above the line."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        times = isinstance(node.op, ast.Mult)
        right = [(over is times, each) for over, each in _settings(node.right, site, known)]
        return [*_settings(node.left, site, known), *right]
    name = dotted(node)
    return [(True, node)] if name not in known and site.scope.value(name).shape == () else []


def outer_products(site: Site) -> Iterator[Change]:
    """``np.diag(y) - np.outer(y, y)`` where one of the two parts of a Jacobian is missing."""
    node = site.node
    spelled = {"diag": "np.diag", "diagflat": "np.diagflat"}
    if isinstance(node, ast.Call) and called(node)[0] in spelled and len(node.args) == 1:
        inner = ast.unparse(node.args[0])
        parent = site.parent
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Sub):
            return
        new = site.read(f"({ast.unparse(node)} - np.outer({inner}, {inner}))")
        if new is not None:
            yield Change(new, "jacobian", 1.3, "the off-diagonal terms: minus the outer product")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        product = node.operand
        if isinstance(product, ast.Call) and called(product)[0] in ("outer", "dot", "matmul"):
            inner = ast.unparse(product.args[0])
            new = site.read(f"np.diagflat({inner}) - {ast.unparse(product)}")
            if new is not None:
                yield Change(new, "jacobian", 1.4, "the diagonal of the Jacobian as well")


def floor_divisions(site: Site) -> Iterator[Change]:
    """``/`` for ``//``."""
    if isinstance(site.node, ast.BinOp) and isinstance(site.node.op, ast.FloorDiv):
        yield Change(twin(site.node, op=ast.Div()), "dtype", 0.8, "the true quotient")


FAMILIES = (
    centred,
    minuends,
    floor_divisions,
    outer_products,
    dropped,
    added,
    differences,
    epsilons,
    jacobians,
    ones,
)
