"""Shorter ways to write an expression: each gives the same bits as the longer one."""

from __future__ import annotations

import ast

_REDUCTIONS = {"sum", "mean", "max", "min", "prod"}
_OPPOSITE = {ast.Gt: ast.LtE, ast.Lt: ast.GtE}


def shortened(tree: ast.expr) -> ast.expr:
    """Rewrite an expression where something shorter says the same.

    Examples
    --------
    >>> tree = ast.parse("np.where((z > 0) | np.isnan(z), np.sum(dy, axis=(0,)), 0.0)", mode="eval")
    >>> ast.unparse(shortened(tree.body))
    'np.where(z <= 0, 0.0, np.sum(dy, axis=0))'
    """
    made: ast.expr = _Shorter().visit(tree)
    return made


class _Shorter(ast.NodeTransformer):
    def visit_Call(self, call: ast.Call) -> ast.expr:
        self.generic_visit(call)
        name = _numpy_name(call)
        if name in _REDUCTIONS:
            for keyword in call.keywords:
                axes = keyword.value
                if keyword.arg == "axis" and isinstance(axes, ast.Tuple) and len(axes.elts) == 1:
                    keyword.value = axes.elts[0]
        if name == "where" and len(call.args) == 3:
            loses = _loses(call.args[0])
            if loses is not None:
                call.args = [loses, call.args[2], call.args[1]]
        return call

    def visit_BinOp(self, tree: ast.BinOp) -> ast.expr:
        self.generic_visit(tree)
        if isinstance(tree.op, ast.Add) and _is_negated(tree.right):
            assert isinstance(tree.right, ast.UnaryOp)
            return ast.BinOp(tree.left, ast.Sub(), tree.right.operand)
        return tree

    def visit_UnaryOp(self, tree: ast.UnaryOp) -> ast.expr:
        self.generic_visit(tree)
        if _is_negated(tree) and _is_negated(tree.operand):
            assert isinstance(tree.operand, ast.UnaryOp)
            return tree.operand.operand
        return tree


def _numpy_name(tree: ast.AST) -> str:
    """Give ``where`` of ``np.where(…)``."""
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):
        owner = tree.func.value
        if isinstance(owner, ast.Name) and owner.id == "np":
            return tree.func.attr
    return ""


def _is_negated(tree: ast.expr) -> bool:
    """Whether it is minus something that is no number: ``-1`` is a number."""
    is_minus = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)
    return is_minus and not isinstance(tree.operand, ast.Constant)  # type: ignore[attr-defined]


def _loses(condition: ast.expr) -> ast.expr | None:
    """Give ``z <= c`` of ``(z > c) | np.isnan(z)``, which is its opposite where c is a number."""
    if not isinstance(condition, ast.BinOp) or not isinstance(condition.op, ast.BitOr):
        return None
    compared, tested = condition.left, condition.right
    if not isinstance(compared, ast.Compare) or _numpy_name(tested) != "isnan":
        return None
    opposite = _OPPOSITE.get(type(compared.ops[0]))
    number = compared.comparators[0]
    assert isinstance(tested, ast.Call)
    same = ast.dump(tested.args[0]) == ast.dump(compared.left)
    if opposite is None or not same or not isinstance(number, ast.Constant):
        return None
    return ast.Compare(compared.left, [opposite()], [number])
