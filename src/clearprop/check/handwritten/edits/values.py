"""Numbers, comparisons, masks, functions and powers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from clearprop.check.handwritten.edits.model import (
    INDEX,
    OPERAND,
    OPTION,
    OVER,
    TARGET,
    TEST,
    VALUE,
    Change,
    Site,
)
from clearprop.check.handwritten.edits.sites import called, is_product, is_sum
from clearprop.check.handwritten.edits.trees import (
    binary,
    call,
    dotted,
    make,
    negative,
    number,
    twin,
)

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.LtE, ast.Lt, ast.GtE, ast.Eq),
    ast.GtE: (ast.Lt, ast.LtE, ast.Gt, ast.Eq),
    ast.Lt: (ast.GtE, ast.Gt, ast.LtE, ast.Eq),
    ast.LtE: (ast.Gt, ast.GtE, ast.Lt, ast.Eq),
    ast.Eq: (ast.NotEq, ast.GtE, ast.LtE),
    ast.NotEq: (ast.Eq,),
}
_KINK = {frozenset((ast.Gt, ast.GtE)), frozenset((ast.Lt, ast.LtE))}
_FUNCTIONS = (
    ("sin", "cos", "tan"),
    ("sinh", "cosh", "tanh"),
    ("tanh", "exp"),
    ("exp", "log", "log1p", "expm1"),
    ("sqrt", "square", "abs", "sign"),
    ("maximum", "minimum"),
    ("zeros_like", "ones_like", "empty_like"),
    ("zeros", "ones", "empty"),
    ("diag", "diagflat", "eye"),
    ("hstack", "vstack", "concatenate"),
    ("flip", "flipud", "fliplr"),
    ("cumsum", "cumprod"),
)
#: Functions that another family takes away, or that cannot be missing.
_KEPT = ("zeros_like", "copy", "len", "sum", "mean", "max", "min")


def comparisons(site: Site) -> Iterator[Change]:
    """``<=`` for ``>``; the other array; the other bound."""
    node = site.node
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1):
        return
    kind = type(node.ops[0])
    for i, other in enumerate(_COMPARISONS.get(kind, ())):
        rank = 1.6 if frozenset((kind, other)) in _KINK else 1.15 + 0.1 * i
        rank += 0.9 if site.role == TEST else 0.0
        new = twin(node, ops=[other()])
        yield Change(new, "mask", rank, f"`{ast.unparse(new)}`")


def masks(site: Site) -> Iterator[Change]:
    """``~m`` for ``m``, ``m`` for ``~m``, ``np.where(c, b, a)`` for ``np.where(c, a, b)``."""
    node = site.node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
        yield Change(node.operand, "mask", 1.1, "the mask itself")
        return
    if isinstance(node, ast.Call):
        name, _ = called(node)
        if name == "where" and len(node.args) == 3:
            condition, a, b = node.args
            yield Change(twin(node, args=[condition, b, a]), "mask", 1.2, "the other way round")
            for i, one in ((1, a), (2, b)):
                zero: list[ast.expr] = [condition, a, b]
                zero[i] = number(0, one)
                yield Change(twin(node, args=zero), "mask", 1.8, "0 there")
                zero[i] = number(1, one)
                yield Change(twin(node, args=zero), "mask", 1.9, "1 there")
        elif name == "logical_not" and len(node.args) == 1:
            yield Change(node.args[0], "mask", 1.1, "the mask itself")
        elif name in ("maximum", "minimum") and len(node.args) == 2:
            zero_first = isinstance(node.args[0], ast.Constant)
            x, bound = reversed(node.args) if zero_first else node.args
            more = ast.Gt() if name == "maximum" else ast.Lt()
            new: ast.expr = make(ast.Compare, node, left=x, ops=[more], comparators=[bound])
            yield Change(new, "mask", 1.6, "its derivative, not its value")
        return
    source = dotted(node)
    if site.role == TARGET:
        return
    if isinstance(node, ast.IfExp):
        new = twin(node, body=node.orelse, orelse=node.body)
        yield Change(new, "mask", 1.6, "the other way round")
    if source and (site.scope.value(source).mask or "mask" in source):
        inverted = make(ast.UnaryOp, node, op=ast.Invert(), operand=node)
        rank = 1.1 if site.role == INDEX else 1.3
        yield Change(inverted, "mask", rank, f"`~{source}`")
        if site.role != INDEX:
            one_minus = binary(number(1, node), ast.Sub(), node)
            yield Change(one_minus, "mask", 1.4, f"`1 - {source}`")
    elif source and site.role == INDEX and isinstance(site.statement, ast.Assign):
        positive = make(
            ast.Compare, node, left=node, ops=[ast.LtE()], comparators=[number(0, node)]
        )
        yield Change(positive, "mask", 2.4, f"`{source} <= 0`")
    if isinstance(node, ast.Compare) and site.role in (VALUE, OPERAND, INDEX):
        for other in _compared(site, node):
            new = twin(node, left=other)
            yield Change(new, "mask", 1.9, f"`{ast.unparse(new)}`")


def _compared(site: Site, node: ast.Compare) -> Iterator[ast.expr]:
    """Find other bounds: ``x > 0`` for ``x > 1``, by the numbers family; here the other array."""
    if not isinstance(node.left, ast.Name | ast.Attribute):
        left = site.read("0")
        if left is not None:
            yield left


def numbers(site: Site) -> Iterator[Change]:
    """Other numbers: an exponent, a factor, an index, an option."""
    node = site.node
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    constant = node.operand if negated and isinstance(node, ast.UnaryOp) else node
    if not isinstance(constant, ast.Constant) or isinstance(constant.value, bool | str):
        return
    if isinstance(site.parent, ast.UnaryOp):  # taken with its sign
        return
    value = constant.value
    if not isinstance(value, int | float):
        return
    value = -value if negated else value
    cause, rank = _number_cause(site)
    around: list[float] = []
    if isinstance(value, int):
        around = [value + 1, value - 1, *(0, 1, 2, -1)]
        if isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.Pow):
            around = [value - 1, value + 1, -value, 0.5, 3, -1, -2]
    else:
        around = [-value, 2 * value, value / 2, 1 - value, value - 1, 1.0, 0.5, 2.0, 0.0]
        if value:
            around.append(1 / value)
    for i, other in enumerate(dict.fromkeys(around)):
        if other == value:
            continue
        new = _numeral(other, node)
        power = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.Pow)
        sign = other == -value and site.role in (VALUE, OPERAND) and not power
        what = f"{other:g} in the place of {value:g}"
        yield Change(new, "sign" if sign else cause, rank + 0.05 * i - 0.3 * sign, what)


def _numeral(value: float, like: ast.AST) -> ast.expr:
    return negative(number(-value, like)) if value < 0 else number(value, like)


def _number_cause(site: Site) -> tuple[str, float]:
    parent = site.parent
    if isinstance(parent, ast.Compare):
        return "mask", 1.7
    if isinstance(parent, ast.Subscript) and dotted(parent.value).endswith(".shape"):
        return "batch-factor", 1.3
    if site.role in (INDEX, OVER):
        return "window", 1.7
    if site.role == OPTION:
        return "shape", 1.9
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow):
        return "local-factor", 1.35
    if is_product(parent):
        return "factor", 1.4
    if is_sum(parent):
        return "local-factor", 1.6
    if isinstance(site.statement, ast.Assign) and site.role == VALUE:
        return "mask", 1.8
    return "wrong-value", 2.0


def functions(site: Site) -> Iterator[Change]:
    """``np.cos`` for ``np.sin``; ``e`` for ``np.exp(e)``."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    name, method = called(node)
    for group in _FUNCTIONS:
        if name in group and isinstance(node.func, ast.Attribute) and not method:
            for other in group:
                if other != name:
                    new = twin(node, func=twin(node.func, attr=other))
                    filled = name.startswith(("zeros", "ones", "empty"))
                    shaped = name.startswith(("diag", "hstack", "vstack", "conc", "flip", "eye"))
                    cause = "wrong-value" if filled else "operator" if shaped else "local-factor"
                    yield Change(new, cause, 1.6, f"{other} in the place of {name}")
    single = (
        len(node.args) == 1
        and not isinstance(node.args[0], ast.Starred)
        and not node.keywords
        and not method
    )
    ones = single and name == "ones_like" and dotted(node.args[0]) in site.scope.upstream
    if ones or (single and site.role in (VALUE, OPERAND) and name not in _KEPT):
        cause, rank = ("upstream-ignored", 1.0) if ones else ("local-factor", 1.8)
        yield Change(node.args[0], cause, rank, f"without {name}")
    if name in ("sigmoid", "tanh", "exp", "softmax") and site.role in (VALUE, OPERAND):
        yield Change(
            binary(number(1, node), ast.Sub(), node), "local-factor", 2.1, f"1 - {name}(…)"
        )
        square = binary(node, ast.Pow(), number(2, node))
        one_minus = binary(number(1, node), ast.Sub(), square)
        yield Change(one_minus, "local-factor", 2.1, f"1 - {name}(…) ** 2")
        yield Change(square, "local-factor", 2.3, f"{name}(…) squared")
    if single and isinstance(node.func, ast.Attribute) and name in ("tanh", "exp", "sign"):
        for other in site.scope.functions:
            function = site.read(other)
            if function is not None:
                new = call(function, node.args[0], like=node)
                yield Change(new, "operator", 2.4, f"{other} in the place of {name}")
    if name in site.scope.functions and isinstance(node.func, ast.Name):
        for other in site.scope.functions:
            if other != name:
                new = twin(node, func=twin(node.func, id=other))
                yield Change(new, "operator", 2.3, f"{other} in the place of {name}")


def powers(site: Site) -> Iterator[Change]:
    """``a`` for ``a ** 2``; ``(a ** 2) / b`` for ``(a / b) ** 2``; a power of a sum."""
    node = site.node
    if not isinstance(node, ast.BinOp) or site.role not in (VALUE, OPERAND):
        return
    if isinstance(node.op, ast.Pow):
        yield Change(node.left, "local-factor", 1.5, "without the power")
        if not isinstance(node.right, ast.Constant | ast.UnaryOp):
            less = binary(node.right, ast.Sub(), number(1, node))
            yield Change(twin(node, right=less), "local-factor", 1.5, "one power less")
    elif is_product(node) and not is_product(site.parent):
        square = binary(node, ast.Pow(), number(2, node))
        yield Change(square, "local-factor", 2.6, "squared")


def dtypes(site: Site) -> Iterator[Change]:
    """No conversion to integers; a float array to write into."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    name, method = called(node)
    if name == "astype" and method and isinstance(node.func, ast.Attribute):
        whole = _is_whole(node.args[0] if node.args else None)
        yield Change(node.func.value, "dtype", 0.9 if whole else 1.6, "without astype")
        real = site.read("float")
        if real is not None:
            yield Change(twin(node, args=[real]), "dtype", 1.6, "floating point")
    if name in ("zeros_like", "empty_like", "ones_like", "zeros", "empty"):
        kept = [k for k in node.keywords if k.arg != "dtype"]
        if len(kept) < len(node.keywords):
            dtype = next(k.value for k in node.keywords if k.arg == "dtype")
            rank = 0.9 if _is_whole(dtype) else 1.6
            yield Change(twin(node, keywords=kept), "dtype", rank, "without dtype")
        elif name.endswith("_like"):
            real = site.read("float")
            if real is not None:
                keyword = make(ast.keyword, node, arg="dtype", value=real)
                new = twin(node, keywords=[*node.keywords, keyword])
                yield Change(new, "dtype", 2.2, "floating point")


def _is_whole(node: ast.expr | None) -> bool:
    """Whether a dtype is one of whole numbers, which no gradient has."""
    return node is not None and bool(re.match(r"(np\.|'|)u?int", ast.unparse(node)))


FAMILIES = (comparisons, masks, numbers, functions, powers, dtypes)
