"""Arrays that are filled, read and added element by element, as the numbers they are made of.

``y[i] = s`` makes a new version of an array, and the gradient of ``x[i]`` is an array that is 0 but
for one element: a loop over elements leaves as many arrays. What only moves numbers about is
followed here, so that a reader of ``y[i]`` reads the number that was written there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.making import made_node
from clearprop.graph import Node, TracedLeaf
from clearprop.primitive import Primitive
from clearprop.rules.arithmetic import add
from clearprop.rules.indexing import getitem, setitem, unindex
from clearprop.rules.shape import concatenate, copy, reshape, transpose

_MOST = 1 << 12  # elements of an array that is taken apart
_MOVING = (setitem, unindex, concatenate)  # what makes arrays of numbers
_MOST_STEPS = 1 << 24  # elements that are followed in all


def _put_together(*numbers: Any, shape: tuple[int, ...]) -> Any:
    return np.array(numbers).reshape(shape)


#: An array of numbers that are nodes, or constants.
TOGETHER = Primitive(_put_together, name="together", symbol="[]", kind=kinds.OPAQUE)


class Apart:
    """A graph whose arrays are taken apart where numbers only move about.

    Parameters
    ----------
    nodes : list of Node
    is_followed : bool
        Else the graph is left as it is.

    Attributes
    ----------
    nodes : list of Node
        In order.
    """

    def __init__(self, nodes: list[Node], is_followed: bool = True) -> None:
        self.nodes: list[Node] = []
        self._new: dict[Node, Any] = {}  # a node, or a constant
        self._content: dict[Node, Any] = {}  # numbers of what an array is made of
        self._numbers: list[Any] = []
        self._known: dict[Any, int] = {}
        self._steps = 0
        if not (is_followed and any(node.primitive in _MOVING for node in nodes)):
            self.nodes, self._new = nodes, dict(zip(nodes, nodes, strict=True))
            return
        for node in nodes:
            content = self._moved(node)
            if content is not None:
                self._content[node] = content
                self._steps += content.size
            elif node not in self._new:
                self._new[node] = self._rebuilt(node)

    @property
    def is_long(self) -> bool:
        """Whether there is more to follow than it is worth."""
        return self._steps > _MOST_STEPS

    def __getitem__(self, node: Node) -> Node:
        """Give the node that now computes a node."""
        if node in self._content and node not in self._new:
            numbers = [self._numbers[k] for k in self._content[node].reshape(-1).tolist()]
            self._steps += len(numbers) << 4  # these are not cheap
            made = self._made(TOGETHER, numbers, node, {"shape": node.shape})
            self._new[node] = made
        found = self._new[node]
        if not isinstance(found, Node):
            found = self._new[node] = self._made(TOGETHER, [found], node, {"shape": node.shape})
        return found

    def _made(self, primitive: Any, operands: list[Any], like: Node, given: dict[str, Any]) -> Node:
        node = made_node(primitive, operands, like.shape, like.dtype, like, given)
        self.nodes.append(node)
        return node

    def _rebuilt(self, node: Node) -> Any:
        primitive = node.primitive
        changed = False
        operands = []
        for source, value in zip(node.inputs, node.operands, strict=True):
            new = value if source is None else self._new.get(source)
            if source is not None and (new is None or (source.shape and not isinstance(new, Node))):
                new = self[source]
            changed = changed or (source is not None and new is not source)
            operands.append(new)
        if not changed:
            self.nodes.append(node)
            return node
        assert primitive is not None
        if node.shape == () and isinstance(primitive.kind, kinds.Elementwise):
            if not any(isinstance(part, Node) for part in operands):
                return node.dtype.type(primitive.implementation(*operands, **node.attributes))
        elif any(
            n is not None and not isinstance(v, Node)
            for n, v in zip(node.inputs, operands, strict=True)
        ):
            operands = [
                v if n is None else self[n] for n, v in zip(node.inputs, operands, strict=True)
            ]
        return self._made(primitive, operands, node, node.attributes)

    # ---- what moves numbers about ----------------------------------------------------------------

    def _moved(self, node: Node) -> Any:
        """Give the numbers that an array is made of; None for what computes, or is left whole."""
        primitive = node.primitive
        if primitive is None or self.is_long or primitive.outputs > 1 or _size(node.shape) > _MOST:
            return None
        sources = [n for n in node.inputs if n is not None]
        given = [n for n in sources if n in self._content]
        index = node.attributes.get("index")
        if primitive is getitem and given and len(node.operands) == 1:
            found = self._content[given[0]][index]
            if node.shape == ():
                self._new[node] = self._numbers[int(found)]
                return None
            return found
        if primitive is setitem and len(node.operands) == 2:
            return self._written(node, index)
        if primitive is unindex and len(node.operands) == 1:
            value = self._of(node, 0)
            if value is None:
                return None
            content = np.full(node.shape, self._number(node.dtype.type(0)))
            content[index] = value
            return content
        if primitive is reshape and (given or (sources and sources[0].shape == ())):
            content = self._of(node, 0)
            return None if content is None else content.reshape(node.shape)
        if primitive is transpose and given:
            return self._content[given[0]].transpose(node.attributes.get("axes"))
        if primitive is copy and given:
            return self._content[given[0]]
        if primitive is concatenate and given:
            parts = [self._of(node, k, spell=True) for k in range(len(node.operands))]
            if any(part is None for part in parts):
                return None
            return np.concatenate(parts, axis=node.attributes.get("axis", 0))
        if primitive is add and node.shape and given and node.dtype.kind == "f":
            return self._added(node)
        return None

    def _number(self, value: Any) -> int:
        """Give the number under which a node or a constant is known."""
        key = value if isinstance(value, Node) else (value.dtype, value.tobytes())
        if key not in self._known:
            self._known[key] = len(self._numbers)
            self._numbers.append(value)
        return self._known[key]

    def _of(self, node: Node, position: int, spell: bool = False) -> Any:
        """Give the numbers of an operand; None where it is an array that is left whole.

        With ``spell`` its elements are read one by one.
        """
        source = node.inputs[position]
        if source is None:
            value = np.asarray(node.operands[position]).astype(node.dtype)
            found = [self._number(x) for x in value.reshape(-1)]
            return np.array(found, int).reshape(value.shape)
        if source in self._content:
            return self._content[source] if source.dtype == node.dtype else None
        if source.dtype != node.dtype or _is_whole(source):
            return None
        if source.shape == ():
            return np.array(self._number(self._new[source]))
        if not spell or _size(source.shape) > _MOST:
            return None
        whole = self._new[source]
        found = []
        for index in np.ndindex(source.shape):
            element = _element(whole, index)
            self.nodes.append(element)
            found.append(self._number(element))
        self._content[source] = np.array(found, int).reshape(source.shape)
        return self._content[source]

    def _written(self, node: Node, index: Any) -> Any:
        value = self._of(node, 1)
        is_known = node.inputs[0] is None or node.inputs[0] in self._content
        if value is None or not (is_known or node.inputs[1] is None or value.ndim == 0):
            return None
        base = self._of(node, 0, spell=True)
        if base is None:
            return None
        content = np.array(base)
        content[index] = value
        return content

    def _added(self, node: Node) -> Any:
        a, b = (self._of(node, k, spell=True) for k in (0, 1))
        if a is None or b is None or a.shape != node.shape or b.shape != node.shape:
            return None
        zero = self._number(node.dtype.type(0))
        content = np.where(a == zero, b, a)
        for at in zip(*np.nonzero((a != zero) & (b != zero)), strict=True):
            pair = [self._numbers[int(x[at])] for x in (a, b)]
            if any(isinstance(part, Node) for part in pair):
                content[at] = self._number(self._sum(node, pair))
            else:
                content[at] = self._number(node.dtype.type(pair[0] + pair[1]))
        return content

    def _sum(self, node: Node, pair: list[Any]) -> Node:
        made = made_node(add, pair, (), node.dtype, node)
        self.nodes.append(made)
        return made


def _element(array: Node, index: tuple[int, ...]) -> Node:
    return made_node(getitem, [array], (), array.dtype, array, {"index": index})


def _size(shape: Any) -> int:
    return math.prod(shape)


def _is_whole(node: Node) -> bool:
    """Whether a node is a Python integer, which takes the dtype of what it meets."""
    return isinstance(node, TracedLeaf) and node.whole
