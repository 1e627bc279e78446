"""Constants by the names that they have in the user's code: ``W1``, ``self.W``, ``net["b"]``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.draw.caption import shorten
from clearprop.draw.numbers import constant
from clearprop.places import expression_at

if TYPE_CHECKING:
    from clearprop.graph import Node

_LONGEST = 24
_OF_THE_FORM = ("shape", "size", "ndim", "dtype")  # what is asked of an array but its elements
_PRODUCTS = {"matmul": "dot"}  # what is recorded under another name than that of its function


def constant_of(node: Node, position: int) -> str:
    """Say what stands in the box of a constant: a number, or the name and shape of an array.

    Parameters
    ----------
    node : Node
        The operation that it is an operand of.
    position : int
        Which operand.

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> weights = {"W": np.ones((2, 3))}
    >>> graph = cp.trace(lambda x: np.sum(x @ weights["W"]) / 6, np.ones(2))
    >>> [constant_of(node, 1) for node in graph.nodes if len(node.inputs) == 2]
    ["weights['W'] (2, 3)", '6']
    """
    value = node.operands[position]
    if not np.ndim(value):
        return constant(value)
    return f"{name_of_constant(node, position)} {constant(value)}".strip()


def name_of_constant(node: Node, position: int) -> str:
    """Give the name of an array that is not recorded; "" where the source has none for it."""
    names: dict[str, str] = {}
    if node.moment is not None:
        names = node.moment.call.names
        operation: Any = expression_at(((node.moment.call.code, node.moment.at),))
    else:
        operation = expression_at(node.place)
    text = _operand(operation, node, position)
    if text is None:
        return ""
    if names:
        found = [names[name] for name in _read(text) if name in names]
        return found[0] if len(found) == 1 else ""
    at = text
    while isinstance(at, ast.Attribute | ast.Subscript):
        if isinstance(at, ast.Subscript) and not isinstance(at.slice, ast.Constant):
            return ""
        at = at.value
    return shorten(ast.unparse(text), _LONGEST) if isinstance(at, ast.Name) else ""


def _operand(operation: Any, node: Node, position: int) -> Any:
    """Find the expression of an operand; None where the text is not plainly the operation."""
    assert node.primitive is not None
    parts: list[Any] = []
    if isinstance(operation, ast.BinOp):
        parts = [operation.left, operation.right]
    elif isinstance(operation, ast.AugAssign):
        parts = [operation.target, operation.value]
    elif isinstance(operation, ast.Compare):
        parts = [operation.left, *operation.comparators]
    elif isinstance(operation, ast.Call):
        called = operation.func
        name = getattr(called, "attr", None) or getattr(called, "id", None)
        operations = (node.operation, _PRODUCTS.get(node.operation))
        if name in operations and len(operation.args) >= len(node.inputs):
            parts = operation.args[: len(node.inputs)]
    if len(parts) != len(node.inputs) or any(isinstance(part, ast.Starred) for part in parts):
        return None
    return parts[position]


def _read(text: ast.AST) -> list[str]:
    """List the names whose elements an expression reads, not only their shape."""
    if isinstance(text, ast.Attribute) and text.attr in _OF_THE_FORM:
        return []
    if isinstance(text, ast.Name):
        return [text.id]
    return list(dict.fromkeys(n for part in ast.iter_child_nodes(text) for n in _read(part)))
