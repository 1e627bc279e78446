"""The graph as the compiler wants it: composites opened, nothing computed twice, nothing dead."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.factorizations import in_one_array
from clearprop.compile.making import made_node, node_of
from clearprop.equivalence import computation
from clearprop.graph import Node, Tape, TracedLeaf
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.rules.shape import astype
from clearprop.tensor import Tensor

_OF_KERNELS = (np.dtype(np.float32), np.dtype(np.float64))


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
        self._constants: dict[Any, tuple[Any, Any]] = {}
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
        if isinstance(primitive.kind, kinds.Contract | kinds.Window) and node.dtype in _OF_KERNELS:
            node = self._in_one_dtype(node, sources)
            sources = node.inputs
        return self._once(node, sources)

    def _once(self, node: Node, sources: tuple[Node | None, ...]) -> Node:
        key = computation(node, sources)
        if key not in self._first:
            primitive, attributes, shape, dtype = in_one_array(node, sources)
            made = node_of(primitive, sources, node.operands, attributes, shape, dtype, node.place)
            self.nodes.append(made)
            self._first[key] = made
        return self._first[key]

    def _in_one_dtype(self, node: Node, sources: tuple[Node | None, ...]) -> Node:
        """Give a product whose operands have the dtype of the result: its kernels read no other."""
        dtype = node.dtype
        operands: list[Any] = []
        for source, value in zip(sources, node.operands, strict=True):
            found = value if source is None else source
            if found.dtype == dtype or found.dtype.kind not in "iubf":
                operands.append(found)
            elif source is None:
                key = (id(value), dtype)
                if key not in self._constants:  # beside the value, so that its id stays its own
                    self._constants[key] = value, value.astype(dtype)
                operands.append(self._constants[key][1])
            else:
                wide = made_node(astype, [source], source.shape, dtype, node, {"dtype": dtype})
                operands.append(self._once(wide, wide.inputs))
        return made_node(node.primitive, operands, node.shape, dtype, node, node.attributes)

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
