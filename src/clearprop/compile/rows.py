"""Arrays that are filled, read and added row by row, as the rows they are made of.

``y[k + 1] = step(y[k])`` makes a new version of an array in every step, and the gradient of
``x[k]`` is an array that is 0 but for one row. What only moves rows about is followed here, so that
a step reads what another one has computed, and no step reads all the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.making import made_node, replaced_inputs
from clearprop.compile.repeats import LEAST_STEPS, is_number
from clearprop.graph import Node, TracedLeaf
from clearprop.primitive import Primitive
from clearprop.rules.arithmetic import add
from clearprop.rules.indexing import getitem, setitem, unindex
from clearprop.rules.shape import copy

_MOVING = frozenset([getitem, setitem, unindex, copy, add])
_MOST_STEPS = 1 << 27  # rows that are followed in all
_MOST_STACKED = 1 << 18  # rows that are put together again


def _stack(*rows: Any) -> Any:
    return np.stack(rows)


#: An array of rows that are nodes, or constants.
STACKED = Primitive(_stack, name="stacked", symbol="[]", kind=kinds.OPAQUE)


@dataclass(frozen=True, eq=False)
class _RowOf:
    """A row of an array that is left whole."""

    array: Node
    row: int


class ByRows:
    """A graph in which rows are followed where they only move about.

    Parameters
    ----------
    nodes : list of Node
        In order.
    outputs : set of Node
        What is asked for.
    is_followed : bool
        Else the graph is left as it is.

    Attributes
    ----------
    nodes : list of Node
        In order.
    """

    def __init__(self, nodes: list[Node], outputs: set[Node], is_followed: bool) -> None:
        self.nodes: list[Node] = []
        self._new: dict[Node, Node] = {}
        self._content: dict[Node, Any] = {}  # the numbers of the rows of an array
        self._rows: list[Any] = []
        self._known: dict[Any, int] = {}
        self._followed = self._stacked = 0
        if not is_followed:
            self.nodes, self._new = nodes, dict(zip(nodes, nodes, strict=True))
            return
        left: dict[Node, int] = dict.fromkeys(outputs, 1)  # how often each is still read
        for node in nodes:
            for source in node.inputs:
                if source is not None and source.shape:
                    left[source] = left.get(source, 0) + 1
        for node in nodes:
            content = self._moved(node) if node.primitive in _MOVING else None
            if content is not None:
                self._content[node] = content
                self._followed += len(content)
            elif node not in self._new:
                self._new[node] = self._rebuilt(node)
            for source in node.inputs:
                if source is not None and source.shape:
                    left[source] -= 1
                    if not left[source]:
                        self._content.pop(source, None)
            if self.is_long:
                return

    @property
    def is_long(self) -> bool:
        """Whether there is more to follow than it is worth."""
        return self._followed > _MOST_STEPS or self._stacked > _MOST_STACKED

    def __getitem__(self, node: Node) -> Node:
        """Give the node that now computes a node."""
        if node not in self._new:
            content = self._content[node].tolist()
            self._stacked += len(content)
            self._new[node] = self._whole(node, [self._rows[k] for k in content])
        return self._new[node]

    def _whole(self, node: Node, rows: list[Any]) -> Node:
        first = rows[0]
        if isinstance(first, _RowOf) and first.array.shape == node.shape:
            same = (isinstance(r, _RowOf) and r.array is first.array for r in rows)
            if all(same) and all(r.row == k for k, r in enumerate(rows)):
                return first.array
        shape = node.shape[1:]
        parts = [
            np.broadcast_to(r, shape) if isinstance(r, np.ndarray) else self._node(r) for r in rows
        ]
        return self._made(STACKED, parts, node, node.shape, {})

    def _node(self, row: Any) -> Any:
        """Give a row as a node, or a constant."""
        if not isinstance(row, _RowOf):
            return row
        key = row.array, row.row
        if key not in self._known:
            shape = row.array.shape[1:]
            made = self._made(getitem, [row.array], row.array, shape, {"index": (row.row,)})
            self._known[key] = self._number(made)
        return self._rows[self._known[key]]

    def _made(
        self, primitive: Any, operands: list[Any], like: Node, shape: Any, given: dict[str, Any]
    ) -> Node:
        node = made_node(primitive, operands, shape, like.dtype, like, given)
        self.nodes.append(node)
        return node

    def _rebuilt(self, node: Node) -> Node:
        operands, is_other = replaced_inputs(node, self.__getitem__)
        if not is_other:
            self.nodes.append(node)
            return node
        return self._made(node.primitive, operands, node, node.shape, node.attributes)

    # ---- what moves rows about -------------------------------------------------------------------

    def _number(self, row: Any) -> int:
        """Give the number under which a row is known."""
        key: Any = row
        if isinstance(row, _RowOf):
            key = "row", row.array, row.row
        elif not isinstance(row, Node):
            if not any(row.tobytes()):
                row = np.zeros((), row.dtype)
            key = row.dtype.str, row.shape, row.tobytes()
        if key not in self._known:
            self._known[key] = len(self._rows)
            self._rows.append(row)
        return self._known[key]

    def _moved(self, node: Node) -> Any:
        """Give the rows that an array is made of; None for what computes, or is left whole.

        Of what reads a row the node is found at once.
        """
        primitive = node.primitive
        index = node.attributes.get("index", ())
        if primitive is getitem and len(node.operands) == 1:
            return self._read(node, index)
        if primitive is copy and node.inputs[0] in self._content:
            return self._content[node.inputs[0]]
        if primitive not in (add, unindex, setitem) or node.shape[:1] < (LEAST_STEPS,):
            return None
        if primitive is add and any(n in self._content for n in node.inputs):
            return self._added(node)
        if len(index) != 1 or not is_number(index[0]):
            return None
        if primitive is unindex and len(node.operands) == 1:
            zero = self._number(np.zeros((), node.dtype))
            return self._with(np.full(node.shape[0], zero, np.int32), node, 0)
        if primitive is setitem and len(node.operands) == 2:
            return self._with(self._of(node, 0), node, 1)
        return None

    def _with(self, content: Any, node: Node, position: int) -> Any:
        """Put a value into rows, where it is one."""
        value = None if content is None else self._value(node, position)
        if value is None:
            return None
        changed = content.copy()
        changed[node.attributes["index"][0]] = value
        return changed

    def _read(self, node: Node, index: tuple[Any, ...]) -> Any:
        source = node.inputs[0]
        if source not in self._content or not index:
            return None
        assert source is not None
        if isinstance(index[0], slice) and len(index) == 1:
            content = self._content[source][index[0]]
            return content if len(content) else None
        if not is_number(index[0]):
            return None
        row = self._node(self._rows[int(self._content[source][index[0]])])
        shape, rest = source.shape[1:], index[1:]
        if not isinstance(row, Node):
            row = self._made(copy, [np.broadcast_to(row, shape).copy()], node, shape, {})
        if rest:
            row = self._made(getitem, [row], node, node.shape, {"index": rest})
        self._new[node] = row
        return None

    def _value(self, node: Node, position: int) -> int | None:
        """Give the row that a value is; None where it is broadcast, or of another dtype."""
        source, shape = node.inputs[position], node.shape[1:]
        if source is None:
            value = np.asarray(node.operands[position])
            if value.ndim > len(shape):
                return None
            return self._number(np.broadcast_to(value, shape).astype(node.dtype))
        is_whole = isinstance(source, TracedLeaf) and source.weak is not None
        if source.shape != shape or source.dtype != node.dtype or is_whole:
            return None
        return self._number(self[source])

    def _of(self, node: Node, position: int) -> Any:
        """Give the rows of an operand; None where it is broadcast, or of another dtype."""
        source = node.inputs[position]
        if source is None:
            value = np.asarray(node.operands[position])
            if value.shape != node.shape or value.dtype != node.dtype:
                return None
            self._followed += value.size
            return np.array([self._number(np.array(row)) for row in value], np.int32)
        if source.shape != node.shape or source.dtype != node.dtype:
            return None
        if source not in self._content:
            whole = self._new[source]
            numbers = [self._number(_RowOf(whole, k)) for k in range(math.prod(source.shape[:1]))]
            self._followed += len(numbers)
            self._content[source] = np.array(numbers, np.int32)
        return self._content[source]

    def _added(self, node: Node) -> Any:
        a, b = (self._of(node, k) for k in (0, 1))
        if a is None or b is None or node.dtype.kind != "f":
            return None
        zero = self._number(np.zeros((), node.dtype))
        content = np.where(a == zero, b, a)
        for k in np.flatnonzero((a != zero) & (b != zero)).tolist():
            shape = node.shape[1:]
            pair = [self._node(self._rows[int(x[k])]) for x in (a, b)]
            pair = [p if isinstance(p, Node) else np.broadcast_to(p, shape) for p in pair]
            is_known = not any(isinstance(p, Node) for p in pair)
            row = np.add(*pair) if is_known else self._made(add, pair, node, shape, {})
            content[k] = self._number(row)
        return content
