"""What each part of an expression would have to be for the whole to be a given array."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.check.handwritten.edits.sites import factors_of, is_matmul
from clearprop.check.handwritten.edits.trees import Path, dotted
from clearprop.check.handwritten.model import Array

#: What is found for a matrix by least squares must give the whole as exactly as this.
_EXACT = 1e-8
_INVERSES: dict[str, Callable[[Array], Array]] = {
    "exp": np.log,
    "log": np.exp,
    "sqrt": np.square,
    "tanh": np.arctanh,
    "negative": np.negative,
}


@dataclass(frozen=True)
class Needed:
    """A part of an expression: the way to it, what it is, what it would have to be."""

    node: ast.expr
    path: Path
    value: Array
    needed: Array


def needed_in(
    node: ast.expr, path: Path, goal: Array, value_of: Callable[[ast.expr], Any]
) -> Iterator[Needed]:
    """Give every part of an expression from which the whole can be set right, itself first.

    Parameters
    ----------
    node : ast.expr
    path : Path
        The way to it in its statement.
    goal : array
        What the whole ought to be.
    value_of : callable
        Gives the value of a part; None where it cannot be told.

    Examples
    --------
    >>> import ast
    >>> import numpy as np
    >>> a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    >>> tree = ast.parse("a * -b", mode="eval").body
    >>> def value_of(node):
    ...     return eval(ast.unparse(node), {"a": a, "b": b})
    >>> parts = needed_in(tree, (), np.array([6.0, 20.0]), value_of)
    >>> [(ast.unparse(p.node), p.needed.tolist()) for p in parts]
    [('a * -b', [6.0, 20.0]), ('a', [-2.0, -4.0]), ('-b', [6.0, 10.0]), ('b', [-6.0, -10.0])]
    """
    value = value_of(node)
    number = isinstance(value, int | float | np.ndarray) and not isinstance(value, bool)
    if not number or not np.isfinite(goal[~np.isnan(goal)]).all():
        return
    if np.shape(value) != goal.shape:
        turned = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        if not _spreads(np.shape(value), goal.shape):
            return
        if isinstance(node, ast.Name | ast.Attribute):
            yield Needed(node, path, np.broadcast_to(np.asarray(value, float), goal.shape), goal)
        elif turned:
            yield from needed_in(node.operand, (*path, ("operand", None)), -goal, value_of)  # type: ignore[attr-defined]
        return
    yield Needed(node, path, np.asarray(value, float), goal)
    for step, below, its_goal in _below(node, goal, value_of):
        yield from needed_in(below, path + step, its_goal, value_of)


def _spreads(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, whole) == whole
    except ValueError:
        return False


def _below(
    node: ast.expr, goal: Array, value_of: Callable[[ast.expr], Any]
) -> Iterator[tuple[Path, ast.expr, Array]]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield (("operand", None),), node.operand, -goal
    elif isinstance(node, ast.Attribute) and node.attr == "T" and goal.ndim == 2:
        yield (("value", None),), node.value, goal.T
    elif is_matmul(node):
        yield from _of_product(node, goal, value_of)
    elif isinstance(node, ast.BinOp):
        left, right = value_of(node.left), value_of(node.right)
        if left is None or right is None:
            return
        for field, below, its_goal in _sides(node, left, right, goal):
            yield ((field, None),), below, its_goal
    elif isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        inverse = _INVERSES.get(dotted(node.func).rpartition(".")[2])
        if inverse is not None and dotted(node.func).count(".") == 1:
            yield (("args", 0),), node.args[0], inverse(goal)


def _sides(
    node: ast.BinOp, left: Any, right: Any, goal: Array
) -> Iterator[tuple[str, ast.expr, Array]]:
    wanted: dict[type[ast.operator], tuple[Callable[[], Array], Callable[[], Array]]] = {
        ast.Mult: (lambda: goal / right, lambda: goal / left),
        ast.Div: (lambda: goal * right, lambda: left / goal),
        ast.Add: (lambda: goal - right, lambda: goal - left),
        ast.Sub: (lambda: goal + right, lambda: left - goal),
    }
    for make, field, below in zip(
        wanted.get(type(node.op), ()), ("left", "right"), (node.left, node.right), strict=False
    ):
        try:
            yield field, below, np.asarray(make())
        except (TypeError, ValueError):
            continue


def _of_product(
    node: ast.expr, goal: Array, value_of: Callable[[ast.expr], Any]
) -> Iterator[tuple[Path, ast.expr, Array]]:
    """Solve for one of two matrices, where the other leaves no choice."""
    one, other = factors_of(node)
    left, right = value_of(one), value_of(other)
    if np.ndim(left) != 2 or np.ndim(right) != 2:
        return
    first: Path
    second: Path
    if isinstance(node, ast.BinOp):
        first, second = (("left", None),), (("right", None),)
    elif isinstance(node, ast.Call) and len(node.args) == 1:
        first, second = (("func", None), ("value", None)), (("args", 0),)
    else:
        first, second = (("args", 0),), (("args", 1),)
    scale = float(np.max(np.abs(goal), initial=0.0))
    if np.linalg.matrix_rank(right) == right.shape[0]:
        found = goal @ np.linalg.pinv(right)
        if np.max(np.abs(found @ right - goal), initial=0.0) <= _EXACT * scale:
            yield first, one, found
    if np.linalg.matrix_rank(left) == left.shape[1]:
        found = np.linalg.pinv(left) @ goal
        if np.max(np.abs(left @ found - goal), initial=0.0) <= _EXACT * scale:
            yield second, other, found
