"""Sums: over which axis, at all, or a mean."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from clearprop.check.handwritten.edits.model import OPERAND, VALUE, Change, Site
from clearprop.check.handwritten.edits.scope import is_gradient
from clearprop.check.handwritten.edits.sites import array, called, is_product, is_sum, multiplied
from clearprop.check.handwritten.edits.trees import binary, call, dotted, make, number, twin

_REDUCERS = {"sum", "mean", "max", "min", "std", "var", "prod", "argmax", "argmin", "cumsum", "any"}
_AXES: tuple[Any, ...] = (0, 1, -1, None, (0, 1), (0, 2, 3), 2, (0, 2), (1, 2), (2, 3), (1, 2, 3))
_FUNCTIONS = {"sum": ("mean",), "mean": ("sum",), "max": ("min",), "min": ("max",)}
#: What torch calls otherwise, and takes under NumPy's name.
_IN_TORCH = {"dim": "axis", "keepdim": "keepdims"}
_FUNCTIONS |= {"argmax": ("argmin",), "argmin": ("argmax",), "var": ("std",), "std": ("var",)}


def axes(site: Site) -> Iterator[Change]:
    """Another axis, ``keepdims``, none of them; a mean for a sum; no sum."""
    node = site.node
    name, method = called(node)
    if not isinstance(node, ast.Call) or name not in _REDUCERS:
        return
    inside = array(node)
    if inside is None:
        return
    options = {_IN_TORCH.get(k.arg, k.arg): k.value for k in node.keywords if k.arg}
    positional = node.args[0 if method else 1 :]
    axis = options.get("axis") or (positional[0] if positional else None)
    cause = "mask" if name.startswith("arg") else "batch-sum"
    first = [inside] if not method else []
    keeps = options.get("keepdims")
    for i, other in enumerate(_AXES):
        if axis is not None and ast.unparse(axis) == str(other):
            continue
        if axis is None and other is None:
            continue
        new_options = dict(options)
        if other is None:
            new_options.pop("axis", None)
        else:
            new_options["axis"] = _axis(other, node)
        ordered = {k: new_options[k] for k in ("axis", *new_options) if k in new_options}
        new = twin(node, args=first, keywords=_keywords(ordered, node))
        what = f"over axis {other}" if other is not None else "over all axes"
        yield Change(new, "batch-sum", 1.2 + 0.06 * i, what)
        if axis is None and keeps is None and other is not None and not name.startswith("arg"):
            ordered["keepdims"] = _true(node)
            new = twin(node, args=first, keywords=_keywords(ordered, node))
            yield Change(new, cause, 1.3 + 0.06 * i, f"{what}, kept")
    if keeps is not None:
        kept = {key: value for key, value in options.items() if key != "keepdims"}
        new = twin(node, keywords=_keywords(kept, node))
        yield Change(new, "shape", 1.4, "without keepdims")
    elif axis is not None and not name.startswith("arg"):
        kept = options | {"keepdims": _true(node)}
        yield Change(twin(node, keywords=_keywords(kept, node)), "shape", 1.3, "with keepdims")
    for i, other in enumerate(_FUNCTIONS.get(name, ())):
        function = twin(node.func, attr=other) if isinstance(node.func, ast.Attribute) else None
        if function is not None:
            what = f"{other} in the place of {name}"
            yield Change(twin(node, func=function), cause, 1.15 + 0.1 * i, what)
    if name in ("sum", "mean", "max"):
        yield Change(inside, cause, 1.5, f"without the {name}")


def summed(site: Site) -> Iterator[Change]:
    """``np.sum(e, axis=…)`` for ``e``."""
    if site.role not in (VALUE, OPERAND) or called(site.node)[0] in _REDUCERS or site.position:
        return
    node = site.node
    whole = site.role == VALUE
    part = is_product(site.parent) or isinstance(site.parent, ast.BinOp | ast.UnaryOp)
    if isinstance(node, ast.Constant | ast.Tuple | ast.List | ast.Compare) or not (whole or part):
        return
    if whole and not multiplied(site):
        return
    if not whole and isinstance(node, ast.UnaryOp):
        return
    function = site.read("np.sum")
    if function is None:
        return
    base = 1.2 if whole and site.gradient else 2.0 if whole else 2.5
    if not whole and site.gradient and is_gradient(dotted(node)):
        base = 1.9  # of y * (dy - sum(dy * y)) the sum
    choices: tuple[tuple[Any, bool], ...] = (
        (0, False), (0, True), (-1, True), (1, False), (1, True), ((0, 2, 3), False), (None, False),
        ((0, 1), False), ((0, 2, 3), True), ((2, 3), True),
    )  # fmt: skip
    for i, (axis, keep) in enumerate(choices if whole else choices[:5]):
        options: dict[str, ast.expr] = {} if axis is None else {"axis": _axis(axis, node)}
        if keep:
            options["keepdims"] = _true(node)
        new = call(function, node, like=node, **options)
        what = "sum over all" if axis is None else f"sum over axis {axis}"
        yield Change(new, "batch-sum", base + 0.1 * i, what)
    beside = is_sum(site.parent) and site.gradient
    apart = whole and not site.gradient  # m = np.mean(g * y)
    mean = site.read("np.mean") if beside or apart or _is_projection(site) else None
    if _is_projection(site):
        base = 1.9
    for i, (axis, keep) in enumerate(choices[:5] if mean is not None else ()):
        options = {"axis": _axis(axis, node)} | ({"keepdims": _true(node)} if keep else {})
        new = call(mean, node, like=node, **options)  # type: ignore[arg-type]  # not None here
        yield Change(new, "batch-sum", base + 0.05 + 0.1 * i, f"the mean over axis {axis}")


def _is_projection(site: Site) -> bool:
    """Whether ``g * y`` stands in ``y * (g * y)``: the mean of it along ``y`` is meant."""
    node = site.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return False
    names = [dotted(one) for one in (node.left, node.right)]
    return is_product(site.parent) and all(names) and any(map(is_gradient, names))


def moved(site: Site) -> Iterator[Change]:
    """``np.sum(a * b)`` for ``np.sum(a) * b``, and back."""
    node = site.node
    if site.role not in (VALUE, OPERAND):
        return
    if isinstance(node, ast.BinOp) and is_product(node):
        for one, other, left in ((node.left, node.right, True), (node.right, node.left, False)):
            inside = array(one) if isinstance(one, ast.Call) else None
            if inside is None or called(one)[0] not in ("sum", "mean") or called(one)[1]:
                continue
            if not left and isinstance(node.op, ast.Div):
                continue
            product = twin(node, left=inside, right=other) if left else twin(node, right=inside)
            assert isinstance(one, ast.Call)
            new = twin(one, args=[product, *one.args[1:]])
            yield Change(new, "batch-sum", 1.8, "multiply before the sum")
    elif isinstance(node, ast.Call) and called(node) == ("sum", False) and node.args:
        product = node.args[0]  # type: ignore[assignment]  # an operand of whatever kind
        if isinstance(product, ast.BinOp) and is_product(product):
            new_sum = twin(node, args=[product.left, *node.args[1:]])
            new_product = binary(new_sum, product.op, product.right)
            yield Change(new_product, "batch-sum", 1.9, "multiply after the sum")
            if isinstance(product.op, ast.Mult):
                new_sum = twin(node, args=[product.right, *node.args[1:]])
                new_product = binary(product.left, product.op, new_sum)
                yield Change(new_product, "batch-sum", 1.9, "multiply after the sum")


def _axis(axis: Any, like: ast.AST) -> ast.expr:
    if isinstance(axis, tuple):
        return make(ast.Tuple, like, elts=[number(a, like) for a in axis], ctx=ast.Load())
    return number(axis, like)


def _true(like: ast.AST) -> ast.Constant:
    return make(ast.Constant, like, value=True, kind=None)


def _keywords(options: dict[str, ast.expr], like: ast.AST) -> list[ast.keyword]:
    return [make(ast.keyword, like, arg=key, value=value) for key, value in options.items()]


FAMILIES = (axes, summed, moved)
