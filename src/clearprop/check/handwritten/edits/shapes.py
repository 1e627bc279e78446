"""The shape of an expression, as far as the shapes of its names say it."""

from __future__ import annotations

import ast

import numpy as np

from clearprop.check.handwritten.edits.scope import Scope
from clearprop.check.handwritten.edits.trees import dotted

Shape = tuple[int, ...]
_ELEMENTWISE = {"exp", "log", "sqrt", "sign", "cos", "sin", "tanh", "abs", "square", "maximum"}


def shape_of(node: ast.AST, scope: Scope) -> Shape | None:
    """Give the shape of an expression; None where it is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.check.handwritten.edits.scope import scope_of
    >>> function = ast.parse("def backward(dy): pass").body[0]
    >>> scope = scope_of(function, {}, values={"x": np.ones((4, 3)), "W": np.ones((3, 5))})
    >>> [shape_of(ast.parse(s, mode="eval").body, scope) for s in ("x @ W", "1 - x ** 2", "x * W")]
    [(4, 5), (4, 3), None]
    """
    if isinstance(node, ast.Constant):
        return () if isinstance(node.value, int | float) else None
    name = dotted(node)
    known = scope.value(name).shape if name else None
    if known is not None or isinstance(node, ast.Name):
        return known
    if isinstance(node, ast.UnaryOp):
        return shape_of(node.operand, scope)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        inside = shape_of(node.value, scope)
        return None if inside is None else inside[::-1]
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        return _together(node.left, node.comparators[0], scope)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.MatMult):
            return _product(shape_of(node.left, scope), shape_of(node.right, scope))
        return _together(node.left, node.right, scope)
    plain = isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords
    if plain and dotted(node.func).rpartition(".")[2] in _ELEMENTWISE:  # type: ignore[attr-defined]
        return shape_of(node.args[0], scope)  # type: ignore[attr-defined]
    return None


def together(one: Shape | None, other: Shape | None) -> bool:
    """Whether two arrays may be multiplied; what is not known may."""
    if one is None or other is None:
        return True
    try:
        np.broadcast_shapes(one, other)
    except ValueError:
        return False
    return True


def _together(left: ast.expr, right: ast.expr, scope: Scope) -> Shape | None:
    shapes = shape_of(left, scope), shape_of(right, scope)
    if shapes[0] is None or shapes[1] is None or not together(*shapes):
        return None
    return np.broadcast_shapes(shapes[0], shapes[1])


def _product(left: Shape | None, right: Shape | None) -> Shape | None:
    if left is None or right is None or len(left) != 2 or len(right) != 2:
        return None
    return (left[0], right[1])
