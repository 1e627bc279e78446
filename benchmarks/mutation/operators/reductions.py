"""Axes, sums and means, keepdims, transposes, reshapes, counts."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.operators.arithmetic import Changes
from benchmarks.mutation.operators.planting import on_expressions
from benchmarks.mutation.operators.scope import Scope, Spot, expression

OTHER_AXES = {0: (1,), 1: (0,), -1: (0,), 2: (1,)}


def _is_method(node: ast.AST, *names: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in (names or ("sum", "mean"))
    )


def _operand(call: ast.Call) -> ast.expr:
    """What is reduced: x in x.sum() and np.sum(x)."""
    assert isinstance(call.func, ast.Attribute)
    of_numpy = isinstance(call.func.value, ast.Name) and call.func.value.id == "np"
    return call.args[0] if of_numpy else call.func.value


def _with_keywords(call: ast.Call, keywords: list[ast.keyword]) -> ast.Call:
    return ast.Call(call.func, call.args, keywords)


@on_expressions
def axes(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    is_axis = (isinstance(spot.parent, ast.keyword) and spot.parent.arg == "axis") or (
        _is_method(spot.parent) and spot.field == "args" and _is_axis(node)
    )
    if not is_axis:
        return
    try:
        axis = ast.literal_eval(node)
    except ValueError:
        return
    if isinstance(axis, tuple):
        for i in range(len(axis)):
            yield "axis", expression(repr(axis[:i] + axis[i + 1 :]))
    else:
        for other in OTHER_AXES.get(axis, (0,)):
            yield "axis", ast.Constant(other)
    yield "axis", ast.Constant(None)


def _is_axis(node: ast.expr) -> bool:
    try:
        return isinstance(ast.literal_eval(node), int | tuple)
    except ValueError:
        return False


@on_expressions
def sums(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if not _is_method(node) or not isinstance(node, ast.Call):
        return
    assert isinstance(node.func, ast.Attribute)
    other = {"sum": "mean", "mean": "sum"}[node.func.attr]
    swapped = ast.Attribute(node.func.value, other, ast.Load())
    yield "sum-mean", ast.Call(swapped, node.args, node.keywords)
    yield "reduction-forgotten", _operand(node)


@on_expressions
def kept_dimensions(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if not _is_method(node) or not isinstance(node, ast.Call):
        return
    kept = [k for k in node.keywords if k.arg == "keepdims"]
    if kept:
        yield "keepdims", _with_keywords(node, [k for k in node.keywords if k not in kept])
    elif node.keywords or len(node.args) > (_operand(node) in node.args):
        more = ast.keyword("keepdims", ast.Constant(True))
        yield "keepdims", _with_keywords(node, [*node.keywords, more])


@on_expressions
def transposes(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose", node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "transpose" and not spot.indexing:
            yield "transpose", node.func.value
            order = [ast.literal_eval(a) for a in node.args]
            inverse = [order.index(i) for i in range(len(order))]
            for other in (inverse, [*order[:-2], order[-1], order[-2]]):
                if other != order:
                    yield (
                        "transpose",
                        ast.Call(node.func, [ast.Constant(i) for i in other], []),
                    )
        elif ast.unparse(node.func) == "np.swapaxes":
            yield "transpose", node.args[0]
    for a, b, rebuilt in _products(node):
        for i, side in enumerate((a, b)):
            plain = isinstance(side, ast.Name | ast.Subscript) or (
                isinstance(side, ast.Attribute) and side.attr != "T"
            )
            if plain:
                flipped = ast.Attribute(side, "T", ast.Load())
                yield "transpose", rebuilt(flipped, b) if i == 0 else rebuilt(a, flipped)
        yield "product-order", rebuilt(b, a)
        yield "product-order", ast.BinOp(a, ast.Mult(), b)


def _products(node: ast.expr) -> Iterator[tuple]:
    """A matrix product, however it is written, and how to write it with other operands."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield node.left, node.right, lambda a, b: ast.BinOp(a, ast.MatMult(), b)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.dot", "np.matmul"):
        yield node.args[0], node.args[1], lambda a, b: ast.Call(node.func, [a, b], [])
    elif _is_method(node, "dot") and len(node.args) == 1:
        yield (
            node.func.value,
            node.args[0],
            lambda a, b: ast.Call(ast.Attribute(a, "dot", ast.Load()), [b], []),
        )


@on_expressions
def einsums(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "np.einsum":
        return
    subscripts = ast.literal_eval(node.args[0])
    inputs, output = subscripts.split("->")

    def with_subscripts(text: str) -> ast.Call:
        return ast.Call(node.func, [ast.Constant(text), *node.args[1:]], node.keywords)

    if len(output) > 1:
        exchanged = output[:-2] + output[-1] + output[-2]
        yield "einsum", with_subscripts(f"{inputs}->{exchanged}")
    parts = inputs.split(",")
    if len(parts) > 1:
        first = parts[-1][::-1]
        if first != parts[-1]:
            yield "einsum", with_subscripts(f"{','.join([*parts[:-1], first])}->{output}")
        yield (
            "einsum",
            ast.Call(node.func, [node.args[0], *node.args[:0:-1]], node.keywords),
        )


@on_expressions
def shapes(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "reshape" and not spot.indexing:
            yield "reshape", node.func.value
        if node.func.attr == "reshape" and isinstance(node.func.value, ast.Call):
            inner = node.func.value
            is_transpose = isinstance(inner.func, ast.Attribute) and inner.func.attr == "transpose"
            if is_transpose:
                assert isinstance(inner.func, ast.Attribute)
                skipped = ast.Attribute(inner.func.value, "reshape", ast.Load())
                yield "transpose", ast.Call(skipped, node.args, [])
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        none = [isinstance(e, ast.Constant) and e.value is None for e in node.slice.elts]
        if any(none):
            yield "broadcast", node.value
            if len(none) == 2:
                order = ast.Tuple(node.slice.elts[::-1], ast.Load())
                yield "broadcast", ast.Subscript(node.value, order, ast.Load())


@on_expressions
def extra_counts(spot: Spot, scope: Scope) -> Changes:
    """A gradient divided by the batch that was a sum, as one knows it from the loss."""
    if not scope.upstream or not isinstance(spot.parent, ast.Assign) or spot.field != "value":
        return
    (target,) = spot.parent.targets
    gradients = set(scope.entry.gives) | {f"d{v}" for v in scope.entry.gives.values()}
    name = ast.unparse(target).replace("self.", "o.")
    if name in gradients and isinstance(spot.node, ast.Call | ast.BinOp):
        text = ast.unparse(spot.node)
        if not text.startswith(("np.zeros", "np.empty")):
            n = expression(f"{scope.upstream[0]}.shape[0]")
            yield "count", ast.BinOp(spot.node, ast.Div(), n)
