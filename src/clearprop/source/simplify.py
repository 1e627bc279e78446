"""What the text can leave out of a program, so that every bit of the results stays.

Some nodes need not be written: a value that is repeated along an axis only to be multiplied there,
which NumPy's broadcasting does anyway; a factor of 1; a reshape or a cast that changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.graph import Node
from clearprop.source.program import Program

#: Operations that give the same bits whether an operand is repeated beforehand or not.
_ELEMENTWISE = {
    *("add", "subtract", "multiply", "divide", "negative", "where"),
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"),
    *("bitwise_or", "bitwise_and", "isnan"),
}
_ARITHMETIC = {"add", "subtract", "multiply", "divide"}


def left_out(program: Program, results: set[Node], into: dict[Node, Node]) -> dict[Node, Node]:
    """Find the nodes of a backward pass in whose place their operand can stand.

    Parameters
    ----------
    program : Program
    results : set of Node
        What the backward pass returns: it keeps its shape and dtype.
    into : dict of Node to Node
        The sums that are made in place (`accumulation`): what they start from keeps its shape, too.

    Returns
    -------
    dict of Node to Node
        For each such node its operand, which may be such a node itself.
    """
    backward = [node for node in program.backward if node.primitive is not None]
    found = {
        node: operand
        for node in backward
        if node not in results and (operand := _unchanged(program, node)) is not None
    }
    users = users_of(program, backward)
    for node in backward:
        if node not in results and _is_needless_cast(program, node, users.get(node, [])):
            found[node] = _operand(program, node)
    repeated = {
        node: _operand(program, node)
        for node in backward
        if node not in results and node not in found and _repeats(program, node)
    }
    starts = {program.same(node.inputs[0]) for node in into if node.inputs[0] is not None}
    _keep_where_seen(program, backward, results | starts, users, repeated)
    return found | repeated


def _operand(program: Program, node: Node) -> Node:
    source = node.inputs[0]
    assert source is not None
    return program.same(source)


def users_of(program: Program, nodes: Iterable[Node]) -> dict[Node, list[tuple[Node, int]]]:
    """Give for each node who uses it, and as which operand."""
    users: dict[Node, list[tuple[Node, int]]] = {}
    for node in nodes:
        for position, source in enumerate(node.inputs):
            if source is not None:
                users.setdefault(program.same(source), []).append((node, position))
    return users


def _unchanged(program: Program, node: Node) -> Node | None:
    """Give the operand that a node gives back as it is, if it does."""
    for position, source in enumerate(node.inputs):
        if source is None or source.shape != node.shape or source.dtype != node.dtype:
            continue
        if node.operation in ("reshape", "broadcast_to", "astype"):
            return program.same(source)
        other = node.operands[1 - position] if len(node.inputs) == 2 else None
        if node.operation == "multiply" or (node.operation == "divide" and position == 0):
            is_number = type(other) in (int, float) or (
                isinstance(other, np.generic) and other.dtype == node.dtype
            )
            if node.inputs[1 - position] is None and is_number and other == 1:
                return program.same(source)
    return None


def _is_needless_cast(program: Program, node: Node, users: list[tuple[Node, int]]) -> bool:
    """Whether integers are made float64 only to meet float64, which does the same."""
    if node.operation != "astype" or node.dtype != np.float64 or not users:
        return False
    source = _operand(program, node)
    if not source.shape or source.dtype.kind not in "iu" or source.dtype.itemsize > 8:
        return False
    for user, position in users:
        if user.operation not in _ARITHMETIC or len(user.inputs) != 2:
            return False
        other = user.inputs[1 - position]
        if other is None or other is node or other.dtype != np.float64:
            return False
    return True


# ---- broadcasting ----------------------------------------------------------------------------


def _repeats(program: Program, node: Node) -> bool:
    """Whether a node only repeats its operand, or puts axes of length 1 before it."""
    if node.operation == "broadcast_to":
        return True
    if node.operation != "reshape":
        return False
    shape = _operand(program, node).shape
    before = len(node.shape) - len(shape)
    return before > 0 and node.shape == (1,) * before + shape


def _keep_where_seen(
    program: Program,
    backward: list[Node],
    results: set[Node],
    users: dict[Node, list[tuple[Node, int]]],
    repeated: dict[Node, Node],
) -> None:
    """Take out of ``repeated`` what somebody needs in its full shape."""
    while repeated:
        shapes: dict[Node, Any] = {}
        for node in backward:
            shapes[node] = _shape_without(program, node, repeated, shapes)
        seen: set[Node] = set()
        for node in backward:
            if shapes[node] == node.shape and node not in repeated:
                continue
            if node in results or not all(_spreads(*u, repeated) for u in users.get(node, [])):
                seen |= _repeated_above(program, node, repeated, shapes)
        if not seen:
            return
        for node in seen:
            del repeated[node]


def _shape_without(
    program: Program, node: Node, repeated: dict[Node, Node], shapes: dict[Node, Any]
) -> Any:
    """Give the shape that a node has if its operands are not repeated."""
    if node in repeated:
        above = repeated[node]
        return shapes.get(above, above.shape)
    if node.operation not in _ELEMENTWISE:
        return node.shape
    parts = []
    for source, value in zip(node.inputs, node.operands, strict=True):
        of = None if source is None else program.same(source)
        parts.append(np.shape(value) if of is None else shapes.get(of, of.shape))
    return np.broadcast_shapes(*parts)


def _spreads(user: Node, position: int, repeated: dict[Node, Node]) -> bool:
    """Whether a user repeats what it is given where that is smaller."""
    if user.operation == "unindex":
        return position == 0
    if user.operation == "setitem":
        return position == 1
    return user.operation in _ELEMENTWISE or user.operation == "broadcast_to" or user in repeated


def _repeated_above(
    program: Program, node: Node, repeated: dict[Node, Node], shapes: dict[Node, Any]
) -> set[Node]:
    """Find what is left out at or above a node, so that the node is smaller than it was."""
    found: set[Node] = set()
    stack = [node]
    while stack:
        one = stack.pop()
        if one in repeated:
            found.add(one)
            continue
        for source in one.inputs:
            if source is not None:
                of = program.same(source)
                if of in repeated or shapes.get(of, of.shape) != of.shape:
                    stack.append(of)
    return found
