"""Terms, factors, signs, constants, powers, functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from benchmarks.mutation.operators.planting import on_expressions
from benchmarks.mutation.operators.scope import Scope, Spot, expression, is_count, is_gradient

Changes = Iterator[tuple[str, ast.AST]]

#: What is called instead.
FUNCTIONS = {
    "np.exp": ("np.log",),
    "np.tanh": ("np.sinh", "np.cosh"),
    "np.log1p": ("np.log",),
    "np.sign": ("np.abs",),
    "np.abs": ("",),
    "np.sqrt": ("", "np.square"),
    "np.argmax": ("np.argmin",),
    "np.cumsum": ("np.cumprod",),
    "np.outer": ("np.add.outer",),
    "np.cos": ("np.sin", "-np.cos"),
    "sigmoid": ("np.tanh",),
    "np.maximum": ("np.minimum",),
}


def mentions(node: ast.AST, *names: str) -> bool:
    return any(
        (isinstance(n, ast.Name) and n.id in names)
        or (isinstance(n, ast.Attribute) and n.attr in names)
        for n in ast.walk(node)
    )


def _negative(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), node)


def _times(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, ast.Mult(), right)


@on_expressions
def terms(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing or not isinstance(node, ast.BinOp):
        return
    if not isinstance(node.op, ast.Add | ast.Sub):
        return
    left, right = node.left, node.right
    other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    yield "sign", ast.BinOp(left, other, right)

    def kind(dropped: ast.expr) -> str:
        if mentions(dropped, "eps", "epsilon"):
            return "epsilon"
        if mentions(dropped, "outer", "column"):
            return "off-diagonal"
        return "drop-term"

    yield kind(right), left
    yield kind(left), right if isinstance(node.op, ast.Add) else _negative(right)
    if isinstance(node.op, ast.Sub) and not isinstance(left, ast.Constant):
        yield "sign", ast.BinOp(right, ast.Sub(), left)


@on_expressions
def factors(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing or not isinstance(node, ast.BinOp):
        return

    def kind(dropped: ast.expr) -> str:
        if is_count(dropped, scope):
            return "count"
        if mentions(dropped, *scope.upstream):
            return "upstream-ignored"
        return "drop-factor"

    if isinstance(node.op, ast.Mult):
        yield kind(node.right), node.left
        yield kind(node.left), node.right
        if not isinstance(node.right, ast.Constant):
            yield "multiply-divide", ast.BinOp(node.left, ast.Div(), node.right)
    elif isinstance(node.op, ast.Div):
        yield kind(node.right), node.left
        yield "multiply-divide", ast.BinOp(node.left, ast.Mult(), node.right)
        yield "dtype", ast.BinOp(node.left, ast.FloorDiv(), node.right)
        if is_count(node.right, scope):
            yield "count", ast.BinOp(node, ast.Div(), node.right)


@on_expressions
def signs(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing:
        return
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    # -1 as an axis or in a shape is no sign
    is_argument = isinstance(spot.parent, ast.Call | ast.keyword)
    if negative and not (is_argument and isinstance(node.operand, ast.Constant)):
        yield "sign", node.operand
    if isinstance(spot.parent, ast.Return | ast.Assign) and spot.field == "value":
        if isinstance(node, ast.Name | ast.Tuple | ast.Constant) or _is_array_maker(node):
            return
        targets = ast.unparse(spot.parent).split(" = ")[0]
        if isinstance(spot.parent, ast.Return) or is_gradient(targets):
            yield "sign", _negative(node)


def _is_array_maker(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return text.startswith(("np.zeros", "np.empty", "{", "["))


@on_expressions
def constants(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing or not isinstance(node, ast.Constant):
        return
    c = node.value
    if isinstance(c, bool) or not isinstance(c, int | float):
        return
    if isinstance(spot.parent, ast.UnaryOp) and isinstance(spot.ancestors[-2], ast.Call):
        return
    if isinstance(spot.parent, ast.keyword | ast.Tuple | ast.List | ast.Call | ast.Subscript):
        return
    if isinstance(spot.parent, ast.BinOp) and isinstance(spot.parent.op, ast.Pow):
        return
    instead = {0.5: (1.0, 2.0, 0.25), 1: (2, 0), 2: (1, 4, 0.5), 3: (2, 1), 0: (1, -1)}
    for other in instead.get(c, (c * 2,)):
        yield "constant", ast.Constant(float(other) if isinstance(c, float) else other)


@on_expressions
def powers(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing or not isinstance(node, ast.BinOp):
        return
    if isinstance(node.op, ast.Pow):
        p = ast.literal_eval(node.right)
        for q in (p - 1, p + 1):
            new = node.left if q == 1 else ast.BinOp(node.left, ast.Pow(), ast.Constant(q))
            if q:
                yield "power", new
    elif isinstance(node.op, ast.Mult) and ast.dump(node.left) == ast.dump(node.right):
        yield "power", node.left
        yield "power", _times(node, node.left)


@on_expressions
def functions(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if isinstance(node, ast.Call):
        for other in FUNCTIONS.get(ast.unparse(node.func), ()):
            if other:
                yield "function", ast.Call(expression(other), node.args, node.keywords)
            else:
                yield "function", node.args[0]
        if ast.unparse(node.func) == "np.exp":
            yield "function", ast.Call(node.func, [_negative(node.args[0])], [])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        # the derivative of the other activation: 1 - y² for y (1 - y) and the reverse
        if not isinstance(node.left, ast.Constant) or node.left.value != 1:
            return
        y = node.right
        if isinstance(y, ast.BinOp) and isinstance(y.op, ast.Pow | ast.Mult):
            root = y.left
            yield "function", _times(root, ast.BinOp(node.left, ast.Sub(), root))
        elif isinstance(y, ast.Name | ast.Attribute):
            square = ast.BinOp(y, ast.Pow(), ast.Constant(2))
            yield "function", ast.BinOp(node.left, ast.Sub(), square)


@on_expressions
def upstream(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing:
        return
    is_upstream = isinstance(node, ast.Name) and node.id in scope.upstream
    is_upstream = is_upstream and isinstance(node.ctx, ast.Load)
    if is_upstream and isinstance(spot.parent, ast.BinOp):
        ones = expression(f"np.ones_like({ast.unparse(node)})")
        yield "upstream-ignored", ones
        if isinstance(spot.parent.op, ast.Mult | ast.MatMult | ast.Div):
            yield "upstream-twice", _times(node, node)
    if is_upstream and isinstance(spot.parent, ast.Call) and spot.field == "args":
        yield "upstream-ignored", expression(f"np.ones_like({ast.unparse(node)})")
    returned = isinstance(spot.parent, ast.Return) and isinstance(node, ast.Name | ast.BinOp)
    if returned and scope.upstream and scope.entry.style == "layer":
        yield "upstream-twice", _times(node, ast.Name(scope.upstream[0], ast.Load()))


@on_expressions
def whole_numbers(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if not isinstance(spot.parent, ast.Assign) or spot.field != "value":
        return
    text = ast.unparse(node)
    if text.startswith(("np.zeros", "np.empty")) and isinstance(node, ast.Call):
        if not any(k.arg == "dtype" for k in node.keywords):
            dtype = ast.keyword("dtype", ast.Name("int", ast.Load()))
            yield "dtype", ast.Call(node.func, node.args, [*node.keywords, dtype])
    elif isinstance(node, ast.BinOp | ast.Call) and is_gradient(ast.unparse(spot.parent)):
        to_int = ast.Attribute(node, "astype", ast.Load())
        yield "dtype", ast.Call(to_int, [ast.Name("int", ast.Load())], [])
