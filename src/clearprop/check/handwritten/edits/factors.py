"""Signs and factors: the sign, 1/N, 2, the upstream gradient, local derivatives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from clearprop.check.handwritten.edits.model import OPERAND, VALUE, Change, Site
from clearprop.check.handwritten.edits.scope import is_gradient
from clearprop.check.handwritten.edits.shapes import Shape, shape_of, together
from clearprop.check.handwritten.edits.sites import called, is_product, is_sum, multiplied
from clearprop.check.handwritten.edits.trees import (
    attribute,
    binary,
    call,
    dotted,
    negative,
    number,
    twin,
)

_PASS = re.compile(r"forward|backward", re.I)
_LINEAR = {"sum", "mean", "dot", "matmul", "reshape", "transpose", "einsum", "outer", "multiply"}


def signs(site: Site) -> Iterator[Change]:
    """``-e`` for ``e``, ``e`` for ``-e``, ``a - b`` for ``a + b``."""
    node = site.node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if not isinstance(node.operand, ast.Constant) or site.role in (VALUE, OPERAND):
            yield Change(node.operand, "sign", 1.0, "drop the minus")
    elif is_sum(node) and isinstance(node, ast.BinOp) and site.role in (VALUE, OPERAND):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield Change(twin(node, op=other), "sign", 1.0, "the other sign")
        left = twin(node, left=negative(node.left))
        yield Change(left, "sign", 1.05, "the other sign of the first")
        if isinstance(node.op, ast.Sub):
            swapped = twin(node, left=node.right, right=node.left)
            yield Change(swapped, "sign", 1.0, "the other way round")
    elif multiplied(site):
        nonlinear = isinstance(site.parent, ast.Call) and called(site.parent)[0] not in _LINEAR
        if site.role == VALUE:
            yield Change(negative(node), "sign", 1.0 if site.gradient else 1.8, "a minus sign")
        elif nonlinear:
            yield Change(negative(node), "sign", 2.2, "a minus sign")


def counts(site: Site) -> Iterator[Change]:
    """Divide or multiply by N, 2; count samples, not elements."""
    yield from _counted(site)
    if not multiplied(site):
        return
    node = site.node
    inner = 0.0 if site.role == VALUE else 0.6 if is_sum(site.parent) else 1.1
    inner += 0.0 if site.gradient else 0.9
    for i, source in enumerate(site.scope.batch[: 5 if site.role == VALUE else 2]):
        n = site.read(source)
        if n is not None:
            rank = 1.1 + inner + 0.15 * i
            yield Change(binary(node, ast.Div(), n), "batch-factor", rank, f"divide by {source}")
            rank += 0.4
            yield Change(binary(node, ast.Mult(), n), "batch-factor", rank, f"multiply by {source}")
    two = number(2, node)
    rank = 1.7 + inner
    yield Change(binary(two, ast.Mult(), node), "factor", rank, "multiply by 2")
    yield Change(binary(node, ast.Div(), two), "factor", rank + 0.1, "divide by 2")
    if any(isinstance(n, ast.Pow) for n in ast.walk(node)):  # the 3 of 3 * x ** 2
        three = binary(number(3, node), ast.Mult(), node)
        yield Change(three, "factor", rank + 0.1, "multiply by 3")


def _counted(site: Site) -> Iterator[Change]:
    """``x.size`` for ``x.shape[0]``, and back."""
    node = site.node
    of_shape = isinstance(node, ast.Subscript) and dotted(node.value).endswith(".shape")
    if of_shape and isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
        new: ast.expr = attribute(node.value.value, "size")
        yield Change(new, "batch-factor", 1.3, "the number of elements")
    elif isinstance(node, ast.Call) and dotted(node.func) == "len" and len(node.args) == 1:
        new = attribute(node.args[0], "size")
        yield Change(new, "batch-factor", 1.3, "the number of elements")
    elif isinstance(node, ast.Attribute) and node.attr == "size":
        source = f"{ast.unparse(node.value)}.shape"
        for axis, what in (("0", "the number of samples"), ("1", "the length of a sample")):
            length = site.read(f"{source}[{axis}]")
            if length is not None:
                yield Change(length, "batch-factor", 1.3 + 0.2 * int(axis), what)


def dropped(site: Site) -> Iterator[Change]:
    """``a`` for ``a * b`` and for ``a / b``."""
    node = site.node
    if not (isinstance(node, ast.BinOp) and is_product(node)) or site.role not in (VALUE, OPERAND):
        return
    yield Change(node.left, *cause_of_dropping(node.right, site))
    if isinstance(node.op, ast.Mult):
        yield Change(node.right, *cause_of_dropping(node.left, site))
    elif not isinstance(node.left, ast.Constant):
        cause, rank, what = cause_of_dropping(node.left, site)
        yield Change(twin(node, left=number(1, node)), cause, rank + 1.2, what)


def cause_of_dropping(factor: ast.expr, site: Site) -> tuple[str, float, str]:
    """Say what it is to have written a factor that does not belong there."""
    source = ast.unparse(factor)
    what = f"without `{source}`"
    if source in site.scope.batch or source.startswith("len("):
        return "batch-factor", 1.15, what
    if source in site.scope.upstream:
        return "upstream-twice", 1.25, what
    if isinstance(factor, ast.Constant):
        return "factor", 1.3, what
    return "factor" if _is_number(factor, site) else "local-factor", 1.6, what


def _is_number(factor: ast.expr, site: Site) -> bool:
    """Whether an expression is a product of numbers: ``k * k``."""
    if not (isinstance(factor, ast.BinOp) and isinstance(factor.op, ast.Mult | ast.Pow)):
        return False
    names = {dotted(n) for n in ast.walk(factor) if isinstance(n, ast.Name | ast.Attribute)}
    names -= {"", site.scope.owner}
    inner = {n for n in names if not any(o != n and o.startswith(n + ".") for o in names)}
    return bool(inner) and all(site.scope.value(n).shape == () for n in inner)


def upstream(site: Site) -> Iterator[Change]:
    """Multiply by the incoming gradient."""
    if not multiplied(site) or not site.gradient:
        return
    mentioned = {dotted(node) for node in ast.walk(site.node)}
    used = {dotted(node) for node in ast.walk(site.statement)}
    for name in site.scope.upstream:
        incoming = site.read(name)
        if incoming is None or name in mentioned:
            continue
        rank = (1.1 if name not in used else 2.4) + (0.0 if site.role == VALUE else 0.6)
        if called(site.parent)[0] in _LINEAR:
            rank = min(rank, 1.9)
        product = binary(incoming, ast.Mult(), site.node)
        yield Change(product, "upstream-ignored", rank, f"multiply by the incoming `{name}`")


def chained(site: Site) -> Iterator[Change]:
    """Multiply by a gradient computed before, where a statement gives one and reads none."""
    summed = site.role == OPERAND and called(site.parent)[0] in ("sum", "mean")
    whole = site.role == VALUE and site.gradient
    mask = whole and isinstance(site.node, ast.Compare)
    if not (multiplied(site) or mask) or not (whole or summed):
        return
    if isinstance(site.statement, ast.Return) and whole:  # return dout * dy, and dy is not read
        for name in site.world.dead:
            unread = site.read(name) if is_gradient(name) else None
            if unread is not None:
                product = binary(site.node, ast.Mult(), unread)
                yield Change(product, "local-factor", 1.2, f"multiply by `{name}`")
    if not isinstance(site.statement, ast.Assign) or site.scope.owner == dotted(site.node):
        return
    read = {dotted(node) for node in ast.walk(site.statement.value)}
    if any(is_gradient(name) or name in site.scope.upstream for name in read - {""}):
        return
    for name in site.world.set_at:
        incoming = site.read(name) if is_gradient(name) and "." not in name else None
        if incoming is not None:
            product = binary(incoming, ast.Mult(), site.node)
            cause = "local-factor" if summed else "upstream-ignored"
            yield Change(product, cause, 1.3, f"multiply by `{name}`")


def local(site: Site) -> Iterator[Change]:
    """Multiply or divide by a value of forward."""
    turned = isinstance(site.parent, ast.Attribute) and site.parent.attr == "T"
    turned = turned and site.role == OPERAND and bool(dotted(site.node))
    if not multiplied(site) and not turned:
        return
    summed = called(site.parent)[0] in ("sum", "mean")
    inner = 0.0 if site.role == VALUE else 0.4 if summed else 0.9
    inner -= 0.4 * (summed and bool(dotted(site.node)))  # a sum of products, without the other
    inner -= 0.5 * isinstance(site.parent, ast.List | ast.Tuple)  # one of several that are joined
    inner += 0.0 if site.gradient else 0.8
    limit = 40 if site.role == VALUE or site.gradient or summed else 14
    present = {ast.unparse(factor) for factor in _chain(site.node)}
    shape = shape_of(site.node, site.scope)
    for i, each in enumerate(site.scope.factors[:limit]):
        source = _spread(each, shape, site)
        factor = site.read(source) if source else None
        if factor is None or source in present:
            continue
        plain = source[1:-1] if source.startswith("(") else source
        stands = "(" in source and plain in site.world.text  # it has its place, elsewhere
        stands = stands or _is_called(source, site.world.text)
        fresh = 0.4 if stands or site.world.used.get(source) is not None else 0.0
        rank = 1.7 + inner + 0.02 * i + fresh
        known = site.scope.value(source)
        cause = "mask" if isinstance(factor, ast.Compare) or "mask" in source else "local-factor"
        if source in site.world.dead:
            rank -= 0.9  # computed here, and never read
            cause = "batch-factor" if known.shape == () and cause == "local-factor" else cause
        elif cause == "local-factor" and _is_number(factor, site):
            cause = "factor"
        what = f"multiply by `{source}`"
        yield Change(binary(site.node, ast.Mult(), factor), cause, rank, what)
        what = f"divide by `{source}`"
        yield Change(binary(site.node, ast.Div(), factor), cause, rank + 0.5, what)


def _spread(source: str, shape: Shape | None, site: Site) -> str:
    """Give a factor as it fits to a shape: ``d[:, None]`` of one number a sample; else ""."""
    factor = site.read(source)
    own = None if factor is None else site.world.shape(source, factor)
    if together(shape, own) or shape is None or own is None:
        return source
    alone = len(own) == 1 and own[0] == shape[0]
    return f"{source}[:, {', '.join(['None'] * (len(shape) - 1))}]" if alone else ""


def _is_called(source: str, text: str) -> bool:
    """Whether a derivative such as ``y * (1 - y)`` stands in a text as ``sigmoid_prime(y)``."""
    found = re.match(r"(\S+) \* \(1 - \1\)$|\(1 - (\S+) \*\* 2\)$", source)
    name = found and (found[1] or found[2])
    called = rf"\w*([pP]rime|[dD]eriv|_grad|_d)\w*\({re.escape(name)}\)" if name else ""
    return bool(called) and re.search(called, text) is not None


def functions(site: Site) -> Iterator[Change]:
    """Multiply by a function of the file at an argument: ``sigmoid(x)``."""
    if not multiplied(site) or not (site.gradient or site.role == VALUE):
        return
    present = {ast.unparse(factor) for factor in _chain(site.node)}
    taken = (a.arg for a in site.world.function.args.args if a.arg != site.scope.owner)
    arguments = [a for a in taken if site.scope.value(a).shape is not None]
    for name in (n for n in site.scope.functions if not _PASS.search(n)):
        for argument in arguments:
            source = f"{name}({argument})"
            factor = site.read(source) if name != site.world.function.name else None
            if factor is not None and source not in present:
                new = binary(site.node, ast.Mult(), factor)
                yield Change(new, "local-factor", 2.3, f"multiply by `{source}`")


def replaced(site: Site) -> Iterator[Change]:
    """``1 - y``, ``y ** 2``, or another value of forward in the place of a factor."""
    node = site.node
    if site.role not in (VALUE, OPERAND) or isinstance(node, ast.Constant):
        return
    source = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
    in_product = is_product(site.parent)
    if in_product and isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        one_minus = binary(number(1, node), ast.Sub(), node.operand)
        what = f"`1 - {ast.unparse(node.operand)}`"
        yield Change(one_minus, "missing-term", 1.2, what)
    under = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.Div)
    if source and not source.endswith((".T", ".shape")) and not is_gradient(source):
        one_minus = binary(number(1, node), ast.Sub(), node)
        cause = "mask" if site.scope.value(source).mask else "local-factor"
        if source not in site.scope.upstream:
            yield Change(one_minus, cause, 1.8, f"`1 - {source}`")
            squared = binary(node, ast.Pow(), number(2, node))
            one_minus = binary(number(1, node), ast.Sub(), squared)
            yield Change(squared, "local-factor", 1.9, f"`{source}` squared")
            yield Change(one_minus, "local-factor", 2.3, f"`1 - {source} ** 2`")
            if under:
                root = site.read("np.sqrt")
                if root is not None:
                    rooted = call(root, node, like=node)
                    yield Change(rooted, "local-factor", 2.6, f"the root of `{source}`")
    if not in_product or source in site.scope.upstream:
        return
    if is_product(node):
        return
    here = ast.unparse(node)
    for i, factor_source in enumerate(site.scope.factors[:30]):
        factor = site.read(factor_source)
        if factor is None or factor_source == here or isinstance(factor, ast.Name | ast.Attribute):
            continue  # names for names are another family
        rank = 2.3 + 0.03 * i
        yield Change(factor, "local-factor", rank, f"`{factor_source}` in the place of `{here}`")


def activations(site: Site) -> Iterator[Change]:
    """``1 - y ** 2``, the derivative of tanh, for ``y * (1 - y)``, that of sigmoid, and back."""
    node = site.node
    if not isinstance(node, ast.BinOp) or site.role not in (VALUE, OPERAND):
        return
    if isinstance(node.op, ast.Sub) and ast.unparse(node.left) in ("1", "1.0"):
        inside = node.right
        squared = isinstance(inside, ast.BinOp) and isinstance(inside.op, ast.Pow)
        if squared and isinstance(inside, ast.BinOp):
            other = twin(node, right=inside.left)
            new = binary(inside.left, ast.Mult(), other)
            yield Change(new, "local-factor", 1.6, "the derivative of sigmoid, not of tanh")
    if not isinstance(node.op, ast.Mult) or is_product(site.parent):
        return
    chain = _chain(node)
    written = [ast.unparse(factor) for factor in chain]
    for i, source in enumerate(written):
        for one in ("1", "1.0"):
            if f"{one} - {source}" not in written:
                continue
            j = written.index(f"{one} - {source}")
            squared_source = binary(chain[i], ast.Pow(), number(2, node))
            others = [factor for k, factor in enumerate(chain) if k not in (i, j)]
            new = binary(number(1, node), ast.Sub(), squared_source)
            for factor in reversed(others):
                new = binary(factor, ast.Mult(), new)
            yield Change(new, "local-factor", 1.6, "the derivative of tanh, not of sigmoid")


def units(site: Site) -> Iterator[Change]:
    """Another factor for a 1 that changes nothing: ``y * (1 - y)`` for ``y * 1``."""
    node = site.node
    if not (isinstance(node, ast.Constant) and node.value in (1, 1.0)):
        return
    parent = site.parent
    idle = is_product(parent) and isinstance(parent, ast.BinOp) and parent.right is node
    if isinstance(site.statement, ast.AugAssign) and site.role == VALUE:
        idle = isinstance(site.statement.op, ast.Mult | ast.Div)
    for i, source in enumerate(site.scope.factors[:40] if idle else ()):
        factor = site.read(source)
        if factor is not None:
            what = f"`{source}` in the place of 1"
            yield Change(factor, "local-factor", 1.1 + 0.02 * i, what)


def _chain(node: ast.expr) -> list[ast.expr]:
    """Return a, b and c of ``a * b * c``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _chain(node.left) + _chain(node.right)
    return [node]


def operators(site: Site) -> Iterator[Change]:
    """``a / b`` for ``a * b``, and back; ``b / a``; ``a * b`` for ``a + b``."""
    node = site.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        if site.role in (VALUE, OPERAND):
            yield Change(twin(node, op=ast.Mult()), "operator", 1.9, "times, not plus")
        return
    if isinstance(node, ast.BinOp) and is_product(node) and site.role in (VALUE, OPERAND):
        times = isinstance(node.op, ast.Div)
        source = ast.unparse(node.right)
        cause = "batch-factor" if source in site.scope.batch else "local-factor"
        what = f"{'multiply' if times else 'divide'} by `{source}`"
        op = ast.Mult() if times else ast.Div()
        yield Change(twin(node, op=op), cause, 1.45, what)
        if times:
            swapped = twin(node, left=node.right, right=node.left)
            yield Change(swapped, cause, 1.7, "the other way round")
        else:
            swapped = twin(node, left=node.right, op=op, right=node.left)
            yield Change(swapped, cause, 2.1, f"divide by `{ast.unparse(node.left)}`")


FAMILIES = (
    signs,
    counts,
    dropped,
    upstream,
    chained,
    local,
    functions,
    replaced,
    activations,
    operators,
    units,
)
