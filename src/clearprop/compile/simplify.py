"""The graph as the compiler wants it: composites opened, nothing computed twice, nothing dead."""

from __future__ import annotations

from typing import Any

from clearprop.compile.factorizations import in_one_array
from clearprop.compile.making import node_of
from clearprop.equivalence import computation
from clearprop.graph import Node, Tape, TracedLeaf
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.tensor import Tensor


class Rebuilt:
    """A graph, rebuilt node by node.

    Attributes
    ----------
    nodes : list of Node
        In order.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes: list[Node] = []
        self._new: dict[Node, Any] = {}  # a tuple of nodes for an opened composite
        self._first: dict[Any, Node] = {}
        for node in nodes:
            self._new[node] = self._rebuild(node)

    def __getitem__(self, node: Node) -> Node:
        """Give the node that now computes this one."""
        found = self._new[node]
        assert isinstance(found, Node)
        return found

    def _rebuild(self, node: Node) -> Any:
        primitive = node.primitive
        if primitive is None:
            self.nodes.append(node)
            return node
        new = self._new
        sources = tuple([None if n is None else new.get(n) for n in node.inputs])
        if primitive is ALIAS:
            return sources[0]
        if primitive is PROJECTION and isinstance(sources[0], tuple):
            return sources[0][node.attributes["i"]]
        if primitive.is_composite:
            return self._opened(node, sources)
        key = computation(node, sources)
        if key not in self._first:
            primitive, attributes, shape, dtype = in_one_array(node, sources)
            made = node_of(primitive, sources, node.operands, attributes, shape, dtype, node.place)
            self.nodes.append(made)
            self._first[key] = made
        return self._first[key]

    def _opened(self, node: Node, sources: tuple[Any, ...]) -> Any:
        """Record the body of a composite in the place of its node."""
        assert node.primitive is not None
        tape = Tape()
        operands = []
        for source, value in zip(sources, node.operands, strict=True):
            if source is None:
                operands.append(value)
                continue
            weak = source.weak if isinstance(source, TracedLeaf) else None
            inner = TracedLeaf(value, tape, weak=weak)
            self._new[inner] = source
            operands.append(Tensor(value, inner))
        result = node.primitive.function(*operands, **node.attributes)
        for inside in tape.nodes:
            if inside not in self._new:
                self._new[inside] = self._rebuild(inside)
        if isinstance(result, tuple):
            return tuple(self._of(part) for part in result)
        return self._of(result)

    def _of(self, part: Any) -> Any:
        assert isinstance(part, Tensor)
        assert part.node is not None
        return self._new[part.node]
