"""Nodes that the compiler makes, by the hundred thousand: slot by slot, in half the time."""

from __future__ import annotations

from typing import Any

from clearprop.graph import NO_ATTRIBUTES, Node, TracedNode, next_index

_new = object.__new__


def made_node(
    primitive: Any,
    operands: list[Any],
    shape: Any,
    dtype: Any,
    like: Any,
    given: dict[str, Any] = NO_ATTRIBUTES,
) -> Node:
    """Make a node of what is computed from nodes and constants, where another one stood."""
    return node_of(
        primitive,
        tuple([part if isinstance(part, Node) else None for part in operands]),
        tuple([None if isinstance(part, Node) else part for part in operands]),
        given,
        shape,
        dtype,
        like.place if isinstance(like, Node) else (),
    )


def node_of(
    primitive: Any,
    inputs: tuple[Node | None, ...],
    operands: tuple[Any, ...],
    attributes: dict[str, Any],
    shape: Any,
    dtype: Any,
    place: Any,
) -> TracedNode:
    """Make a node that is on no tape and has no derivative of its own."""
    node: TracedNode = _new(TracedNode)
    node.primitive = primitive
    node.inputs = inputs
    node.operands = operands
    node.attributes = attributes
    node.value = node.moment = node.stage = node.tape = None
    node.shape = shape
    node.dtype = dtype
    node.index = node.root = next_index()
    node.active = True
    node.is_inner = False
    node.label = ""
    node.place = place
    return node


class Making:
    """What makes nodes and keeps them in the order in which they are made."""

    nodes: list[Node]

    def _made(
        self,
        primitive: Any,
        operands: list[Any],
        shape: Any,
        dtype: Any,
        like: Any,
        given: dict[str, Any] = NO_ATTRIBUTES,
    ) -> Node:
        node = made_node(primitive, operands, shape, dtype, like, given)
        self.nodes.append(node)
        return node


def replaced_inputs(node: Node, new: Any) -> tuple[list[Any], bool]:
    """Give the operands of a node, where ``new`` gives the nodes, and whether any is another."""
    operands: list[Any] = []
    is_other = False
    for source, value in zip(node.inputs, node.operands, strict=True):
        if source is None:
            operands.append(value)
            continue
        made = new(source)
        operands.append(made)
        if made is not source:
            is_other = True
    return operands, is_other
