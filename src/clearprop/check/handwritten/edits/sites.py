"""Where in a statement something may be changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from clearprop.check.handwritten.edits.model import (
    INDEX,
    OPERAND,
    OPTION,
    OTHER_ROLE,
    OVER,
    TARGET,
    TEST,
    VALUE,
    Site,
    World,
)
from clearprop.check.handwritten.edits.trees import BLOCKS, Path, dotted, twin

#: Functions whose arguments are all shapes and numbers.
_MAKERS = {"zeros", "ones", "empty", "full", "range", "arange", "eye", "identity", "len", "ndindex"}
#: Functions of one array, with options after it.
_FIRST_ONLY = {
    *("reshape", "transpose", "swapaxes", "moveaxis", "expand_dims", "squeeze", "pad", "split"),
    *("repeat", "tile", "roll", "flip", "rot90", "astype", "broadcast_to", "sum", "mean", "max"),
    *("min", "argmax", "argmin", "std", "var", "prod", "cumsum", "norm", "take", "delete"),
}
_MODULES = {"np", "numpy", "math", "cp", "xp", "torch"}


def sites(statement: ast.stmt, world: World) -> Iterator[Site]:
    """Find every expression of a statement itself, outer before inner."""
    if isinstance(statement, ast.Delete | ast.FunctionDef | ast.ClassDef):
        return
    for field in type(statement)._fields:
        if field in BLOCKS or field in ("cases", "decorator_list", "args", "returns", "annotation"):
            continue
        part = getattr(statement, field, None)
        if isinstance(statement, ast.AnnAssign) and field == "target":
            continue
        role = {"targets": TARGET, "target": TARGET, "test": TEST, "iter": OVER}.get(field, VALUE)
        if isinstance(statement, ast.Expr):
            role = OPERAND
        if isinstance(part, ast.expr):
            yield from _under(part, statement, ((field, None),), role, statement, world)
        elif isinstance(part, list):
            for i, one in enumerate(part):
                if isinstance(one, ast.expr):
                    yield from _under(one, statement, ((field, i),), role, statement, world)


def _under(
    node: ast.expr, parent: ast.AST, path: Path, role: str, statement: ast.stmt, world: World
) -> Iterator[Site]:
    yield Site(node, parent, path, role, statement, world)
    for below, step, its_role in _children(node, role):
        yield from _under(below, node, path + step, its_role, statement, world)


def _children(node: ast.expr, role: str) -> Iterator[tuple[ast.expr, Path, str]]:
    inside = OPERAND if role == VALUE else role
    if isinstance(node, ast.Call):
        yield from _call(node, inside)
    elif isinstance(node, ast.Subscript):
        base = TARGET if role == TARGET else OPERAND if role in (VALUE, OPERAND) else role
        yield node.value, (("value", None),), base
        yield node.slice, (("slice", None),), INDEX
    elif isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name):  # self.x is one name
            # of x.shape, x may be another array
            if node.attr in ("T", "shape", "size", "ndim", "real"):
                yield node.value, (("value", None),), OPERAND if node.attr == "T" else OTHER_ROLE
            return
        yield node.value, (("value", None),), OPERAND if node.attr == "T" else OTHER_ROLE
    elif isinstance(node, ast.IfExp):
        yield node.body, (("body", None),), inside
        yield node.test, (("test", None),), TEST
        yield node.orelse, (("orelse", None),), inside
    elif isinstance(node, ast.Tuple | ast.List):
        for i, one in enumerate(node.elts):
            yield one, (("elts", i),), role
    elif isinstance(node, ast.Lambda):
        yield node.body, (("body", None),), OPERAND
    elif isinstance(node, ast.NamedExpr):
        yield node.value, (("value", None),), inside
    elif isinstance(node, ast.JoinedStr):
        return
    else:
        yield from _rest(node, (), inside)


def _rest(node: ast.AST, path: Path, role: str) -> Iterator[tuple[ast.expr, Path, str]]:
    for field in type(node)._fields:
        part = getattr(node, field, None)
        if isinstance(part, ast.expr):
            yield part, (*path, (field, None)), role
        elif isinstance(part, list):
            for i, one in enumerate(part):
                if isinstance(one, ast.expr):
                    yield one, (*path, (field, i)), role
                elif isinstance(one, ast.comprehension):
                    yield one.iter, (*path, (field, i), ("iter", None)), OVER


def _call(node: ast.Call, role: str) -> Iterator[tuple[ast.expr, Path, str]]:
    name, method = called(node)
    if isinstance(node.func, ast.Attribute) and method:
        yield node.func.value, (("func", None), ("value", None)), role
    for i, one in enumerate(node.args):
        its_role = role
        if name in _MAKERS:
            its_role = OVER if name == "range" and role == OVER else OPTION
        elif name in _FIRST_ONLY:
            its_role = OPTION if method or i > 0 else role
        elif not from_numpy(node) and i > 0:
            its_role = OPTION
        yield one, (("args", i),), its_role
    for i, keyword in enumerate(node.keywords):
        yield keyword.value, (("keywords", i), ("value", None)), OPTION


def from_numpy(node: ast.Call) -> bool:
    """Whether a call is of ``np.…``."""
    return dotted(node.func).partition(".")[0] in _MODULES


def called(node: ast.AST) -> tuple[str, bool]:
    """Return the name of the function that is called, and whether as a method of an array."""
    if not isinstance(node, ast.Call):
        return "", False
    if isinstance(node.func, ast.Name):
        return node.func.id, False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr, not from_numpy(node)
    return "", False


def array(call: ast.Call) -> ast.expr | None:
    """Return the array that ``np.sum(x, …)`` or ``x.sum(…)`` is of."""
    _, method = called(call)
    if method and isinstance(call.func, ast.Attribute):
        return call.func.value
    return call.args[0] if call.args else None


def is_product(node: ast.AST) -> bool:
    """Whether a node is ``a * b`` or ``a / b``."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)


def is_sum(node: ast.AST) -> bool:
    """Whether a node is ``a + b`` or ``a - b``."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def is_matmul(node: ast.AST) -> bool:
    """Whether a node is ``a @ b``, ``np.dot(a, b)``, ``np.matmul(a, b)``, ``a.dot(b)`` or alike."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.MatMult)
    name, method = called(node)
    return (
        name in ("dot", "matmul", "mm")
        and isinstance(node, ast.Call)
        and len(node.args) == 2 - method
    )


def factors_of(node: ast.expr) -> tuple[ast.expr, ast.expr]:
    """Return the two operands of a matrix product."""
    if isinstance(node, ast.BinOp):
        return node.left, node.right
    assert isinstance(node, ast.Call)
    if called(node)[1]:
        assert isinstance(node.func, ast.Attribute)
        return node.func.value, node.args[0]
    return node.args[0], node.args[1]


def with_factors(node: ast.expr, left: ast.expr, right: ast.expr) -> ast.expr:
    """Write a matrix product of others as ``node`` is written."""
    if isinstance(node, ast.BinOp):
        return twin(node, left=left, right=right)
    assert isinstance(node, ast.Call)
    if called(node)[1]:
        return twin(node, func=twin(node.func, value=left), args=[right])
    return twin(node, args=[left, right])


def multiplied(site: Site) -> bool:
    """Whether it makes sense to multiply an expression, and not only a part of a product of it."""
    if site.role not in (VALUE, OPERAND) or is_product(site.parent) or site.position:
        return False
    node = site.node
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, ast.Tuple | ast.List | ast.Compare | ast.Dict | ast.Lambda | ast.Starred):
        return False
    if isinstance(node, ast.Attribute) and node.attr in ("shape", "size", "ndim"):
        return False
    if isinstance(site.parent, ast.UnaryOp | ast.Subscript) or is_sum(node):
        return site.role == VALUE
    if isinstance(site.parent, ast.Attribute):  # the x of x.T
        return False
    if isinstance(site.parent, ast.Call) and called(site.parent)[0] in ("reshape", "transpose"):
        return False
    return called(node)[0] not in (*_MAKERS, "zeros_like", "ones_like", "empty_like", "argmax")
