"""One step of a loop as a graph of its own: what it is given, what it hands on, what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.compile.columns import Carried, Loop, Own, Rows, Same
from clearprop.compile.making import made_node
from clearprop.compile.rows import STACKED
from clearprop.graph import Node, Tape, TracedLeaf
from clearprop.places import name_of
from clearprop.rules.shape import concatenate, copy, reshape

_FEW_NUMBERS = 16  # elements of a constant that is written into the step


@dataclass
class Body:
    """One step of a loop, as a graph.

    Attributes
    ----------
    nodes : list of Node
        In order.
    leaves : list of Node
        What is handed on, then what has a row for each step, then what stays the same.
    carried : list of Node
        What the step hands on, in the order of the leaves.
    given : list of Node
        What it gives besides, as a row for each step.
    count : int
        The number of steps.
    rows : int
        How many of the leaves have rows.
    """

    nodes: list[Node]
    leaves: list[Node]
    carried: list[Node]
    given: list[Node]
    count: int
    rows: int


class Step:
    """The graph of one step, as it is being made."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.starts: list[Any] = []
        self.rows: list[tuple[Rows, Node]] = []
        self.same: list[Any] = []
        self._nodes: list[Node] = []
        self._carries: list[tuple[Node, Any]] = []  # a leaf, and what it is in the next step
        self._chains: dict[Any, Node] = {}
        self._row_leaves: dict[Any, Node] = {}
        self._same_leaves: dict[Any, Node] = {}
        self._members: list[Node] = []
        self._handed: set[Node] = set()
        self._given: list[Node] = []
        for j, member in enumerate(loop.members):
            operands = [self._read(column, member) for column in loop.columns[j]]
            primitive, attributes = member.primitive, loop.attributes[j]
            if primitive is STACKED:
                operands = [self._as_row(part, member) for part in operands]
                primitive, attributes = concatenate, {"axis": 0}
            made = made_node(primitive, operands, member.shape, member.dtype, member, attributes)
            self._nodes.append(made)
            self._members.append(made)

    def _as_row(self, part: Any, like: Node) -> Any:
        shape = (1, *like.shape[1:])
        if not isinstance(part, Node):
            return np.reshape(part, shape)
        made = made_node(reshape, [part], shape, like.dtype, like, {"shape": shape})
        self._nodes.append(made)
        return made

    def _read(self, column: Own | Carried | Same | Rows, member: Node) -> Any:
        if isinstance(column, Own):
            return self._members[column.position]
        if isinstance(column, Carried):
            return self._carried(column)
        if isinstance(column, Rows):
            key = tuple(map(_identity, column.values))
            if key not in self._row_leaves:
                self.rows.append((column, member))
                self._row_leaves[key] = _leaf(column.shape, column.dtype)
            return self._row_leaves[key]
        value = column.value
        if not isinstance(value, Node) and np.size(value) <= _FEW_NUMBERS:
            return value
        if id(value) not in self._same_leaves:
            self.same.append(value)
            weak = value.weak if isinstance(value, TracedLeaf) else None
            self._same_leaves[id(value)] = _leaf(value.shape, value.dtype, value, weak)
        return self._same_leaves[id(value)]

    def _carried(self, column: Carried) -> Node:
        """Give what a step reads of an earlier one: each step hands it on to the next."""
        like = self.loop.members[column.position]
        before: Any = column.position
        leaf = None
        for back in range(1, len(column.start) + 1):
            start = column.start[-back:]
            key = (column.position, *map(_identity, start))
            if key not in self._chains:
                self._chains[key] = _leaf(like.shape, like.dtype, like)
                self._carries.append((self._chains[key], before))
                self.starts.append(column.start[-back])
            before = leaf = self._chains[key]
        assert leaf is not None
        return leaf

    def final(self, position: int) -> int:
        """Give which of the carries a node of the last step is; one is made if there is none."""
        for i, (_, before) in enumerate(self._carries):
            if before is position or before == position:
                return i
        member = self.loop.members[position]
        self._carries.append((_leaf(member.shape, member.dtype, member), position))
        self.starts.append(np.zeros(member.shape, member.dtype))
        return len(self._carries) - 1

    def given(self, position: int) -> None:
        """Give a node of every step as a row."""
        self._given.append(self._members[position])

    def _apart(self, node: Node) -> Node:
        """Give a result that is no other one, nor an argument."""
        if node.primitive is None or node in self._handed:
            node = made_node(copy, [node], node.shape, node.dtype, node)
            self._nodes.append(node)
        self._handed.add(node)
        return node

    def body(self) -> Body:
        """Give the whole of it."""
        given = [self._apart(node) for node in self._given]
        carried = [
            self._apart(before if isinstance(before, Node) else self._members[before])
            for _, before in self._carries
        ]
        leaves = [leaf for leaf, _ in self._carries]
        leaves += [*self._row_leaves.values(), *self._same_leaves.values()]
        count, rows = self.loop.count, len(self._row_leaves)
        return Body([*leaves, *self._nodes], leaves, carried, given, count, rows)


def _leaf(shape: Any, dtype: Any, like: Any = None, weak: float | None = None) -> Node:
    """Make an argument of a step."""
    label = (like.label or name_of(like.place)) if isinstance(like, Node) else ""
    leaf = TracedLeaf(np.empty(shape, dtype), Tape(), label or "row", weak)
    leaf.let_go()
    return leaf


def _identity(value: Any) -> Any:
    """Give by what values are told apart; constants by what they are."""
    return value if isinstance(value, Node) else (value.dtype.str, value.shape, value.tobytes())
