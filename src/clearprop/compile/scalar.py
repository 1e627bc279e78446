"""The body of an elementwise primitive, as scalar statements of a loop.

Literals take the dtype of the operands, so that ``1 - y * y`` stays float32; ``np.where`` becomes a
selection; what depends on attributes alone is computed now.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.bodies import copied, definition_of
from clearprop.primitive import Primitive


def scalar_statements(
    primitive: Primitive,
    attributes: dict[str, Any],
    operands: list[str],
    dtype: Any,
    fresh: Callable[[], str],
) -> tuple[list[str], str]:
    """Write an elementwise body for scalar operands.

    Parameters
    ----------
    primitive : Primitive
    attributes : dict
    operands : list of str
        The scalar expressions of the operands.
    dtype : dtype
        Of the computation: literals are of this type.
    fresh : callable
        Gives a new variable name.

    Returns
    -------
    statements : list of str
    result : str
        The variable, or expression, that holds the result.
    """
    values = {**primitive.attributes, **attributes}
    names = dict(zip(primitive.operands, operands, strict=True))
    statements: list[str] = []
    for statement in definition_of(primitive.function).body:
        if isinstance(statement, ast.Expr):  # a docstring
            continue
        assert isinstance(statement, ast.Assign | ast.Return)
        assert statement.value is not None
        value = _Scalar(names, values, dtype).visit(copied(statement.value))
        text = ast.unparse(ast.fix_missing_locations(value))
        if isinstance(statement, ast.Return):
            return statements, text
        (target,) = statement.targets
        assert isinstance(target, ast.Name)
        name = fresh()
        statements.append(f"{name} = {text}")
        names[target.id] = name
    raise AssertionError(f"{primitive.name} returns nothing")


class _Scalar(ast.NodeTransformer):
    def __init__(self, names: dict[str, str], values: dict[str, Any], dtype: Any) -> None:
        self.names = names
        self.values = values
        self.dtype = np.dtype(dtype)

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and not isinstance(node, ast.Name | ast.Attribute):
            free = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - {"np", "float"}
            if free <= set(self.values):
                return self._constant(node)
        return super().visit(node)

    def _constant(self, node: ast.expr) -> ast.expr:
        text = ast.unparse(ast.fix_missing_locations(copied(node)))
        return _literal(eval(text, {"np": np, "float": float, **self.values}), self.dtype)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.names:
            return ast.parse(self.names[node.id], mode="eval").body
        if node.id in self.values:
            return _literal(self.values[node.id], self.dtype)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        called = ast.unparse(node.func)
        if called == "np.where":
            condition, chosen, other = node.args
            return ast.IfExp(condition, chosen, other)
        if called in ("np.maximum", "np.minimum"):
            node.func = ast.Name(f"_{called[3:]}", ast.Load())
        return node


def literal(value: Any, dtype: Any) -> str:
    """Write a number of a dtype as Numba reads it."""
    return ast.unparse(_literal(value, np.dtype(dtype)))


def _literal(value: Any, dtype: np.dtype[Any]) -> ast.expr:
    if isinstance(value, bool | np.bool_):
        return ast.Constant(bool(value))
    number = value.item() if isinstance(value, np.generic | np.ndarray) else value
    kind = dtype.name
    if dtype.kind in "iub" and isinstance(number, float):
        kind = "float64"
    elif dtype.kind == "b" or (dtype.kind in "iu" and not _fits(number, dtype)):
        kind = "int64"  # as NumPy compares: -1 is below every unsigned number
    inner: ast.expr = ast.Constant(number)
    if isinstance(number, float) and not np.isfinite(number):
        inner = ast.parse(
            "np.nan" if np.isnan(number) else "np.inf" if number > 0 else "-np.inf", mode="eval"
        ).body
    return ast.Call(ast.Attribute(ast.Name("np", ast.Load()), kind, ast.Load()), [inner], [])


def _fits(number: int, dtype: np.dtype[Any]) -> bool:
    limits = np.iinfo(dtype)
    return bool(limits.min <= number <= limits.max)
