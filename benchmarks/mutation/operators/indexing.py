"""Masks and comparisons, indices, strides, padding, flips, the bounds and order of loops."""

from __future__ import annotations

import ast

from benchmarks.mutation.operators.arithmetic import Changes
from benchmarks.mutation.operators.planting import on_expressions
from benchmarks.mutation.operators.scope import Scope, Spot, expression

COMPARISONS = {
    ast.Gt: (ast.Lt, ast.LtE, ast.GtE),
    ast.Lt: (ast.Gt, ast.GtE, ast.LtE),
    ast.GtE: (ast.LtE, ast.Gt),
    ast.LtE: (ast.GtE, ast.Lt),
    ast.Eq: (ast.NotEq,),
}
STEPS = {"s", "stride", "self.stride"}
PADS = {"p", "pad", "self.pad"}
KERNELS = {"w", "W", "self.w", "self.W", "self.filters", "self.kernel"}


@on_expressions
def comparisons(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if not isinstance(node, ast.Compare) or isinstance(spot.stmt, ast.If):
        return
    for other in COMPARISONS.get(type(node.ops[0]), ()):
        yield "mask", ast.Compare(node.left, [other()], node.comparators)
    if isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value == 0:
        yield "mask", ast.Compare(node.left, node.ops, [ast.Constant(1)])


@on_expressions
def masks(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        yield "mask", node.operand
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.where":
        yield "mask", ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], [])
    is_mask = isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in (
        "self.mask",
        "mask",
        "self.off",
        "self.keep",
        "self.ties",
        "inside",
        "self.binary_mask",
    )
    if is_mask and isinstance(spot.parent, ast.BinOp):
        yield "mask", expression(f"(1 - {ast.unparse(node)})")
        yield "mask", expression(f"({ast.unparse(node)} > 0)")
    elif is_mask and isinstance(spot.parent, ast.Subscript):
        yield "mask", expression(f"~{ast.unparse(node)}")


@on_expressions
def positions(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if not spot.indexing:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        if isinstance(node.value, bool) or isinstance(spot.parent, ast.UnaryOp):
            return
        if any(isinstance(a, ast.Attribute) and a.attr == "shape" for a in _values(spot)):
            return
        for other in (node.value - 1, node.value + 1):
            yield "index", ast.Constant(other)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield "index", node.left
        if not isinstance(node.right, ast.Constant):
            yield "index", node.right
    is_product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
    if is_product and ast.unparse(node.right) in STEPS:
        yield "stride", node.left
    if isinstance(node, ast.Slice) and isinstance(spot.parent, ast.Tuple | ast.Subscript):
        yield from _slices(node)


def _values(spot: Spot) -> list[ast.AST]:
    """What is indexed, of all the indices that the spot is in."""
    return [a.value for a in spot.ancestors if isinstance(a, ast.Subscript)]


def _slices(node: ast.Slice) -> Changes:
    lower, upper = node.lower, node.upper
    if node.step is not None:
        yield ("flip" if ast.unparse(node.step) == "-1" else "stride"), ast.Slice(lower, upper)
    if lower is not None and upper is not None:
        kind = "padding" if ast.unparse(lower) in PADS else "index"
        one = ast.Constant(1)
        if kind == "padding":
            yield kind, ast.Slice(None, ast.BinOp(upper, ast.Sub(), lower))
        later = ast.BinOp(lower, ast.Add(), one), ast.BinOp(upper, ast.Add(), one)
        yield kind, ast.Slice(*later, node.step)


@on_expressions
def strides(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing or not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return
    if ast.unparse(node.right) in STEPS and isinstance(node.left, ast.Name):
        yield "stride", node.left


@on_expressions
def arguments(spot: Spot, scope: Scope) -> Changes:
    """Stride and padding handed to a helper."""
    text = ast.unparse(spot.node)
    if isinstance(spot.parent, ast.Call) and spot.field == "args" and not spot.indexing:
        if text in STEPS:
            yield "stride", ast.Constant(1)
        if text in PADS:
            yield "padding", ast.Constant(0)


@on_expressions
def kernels(spot: Spot, scope: Scope) -> Changes:
    """The flipped kernel of the textbook's convolution."""
    node = spot.node
    if scope.entry.file not in ("class_conv", "pairs_conv") or not isinstance(
        spot.parent, ast.BinOp
    ):
        return
    of_kernel = isinstance(node, ast.Subscript) and ast.unparse(node.value) in KERNELS
    if of_kernel and isinstance(node.slice, ast.Name):
        yield "flip", expression(f"{ast.unparse(node)}[..., ::-1, ::-1]")


@on_expressions
def loops(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if not isinstance(spot.stmt, ast.For) or not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    if name == "reversed":
        yield "loop-order", node.args[0]
    if name != "range":
        return
    if len(node.args) == 1:
        end = node.args[0]
        shorter = ast.BinOp(end, ast.Sub(), ast.Constant(1))
        yield "loop-bound", ast.Call(node.func, [shorter], [])
        yield "loop-bound", ast.Call(node.func, [ast.Constant(1), end], [])
    elif ast.unparse(node).endswith(", -1, -1)"):
        end = ast.unparse(node.args[0]).removesuffix(" - 1")
        yield "loop-order", expression(f"range({end})")
        yield "loop-bound", expression(f"range({end} - 1, 0, -1)")
    else:
        yield "loop-bound", ast.Call(node.func, [ast.Constant(1), *node.args[1:]], [])
