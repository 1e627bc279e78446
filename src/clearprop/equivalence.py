"""Which nodes compute the same, and which are needed at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.graph import Node

_FLOATS = (float, np.float32, np.float64)


def computation(node: Node, sources: Sequence[Node | None]) -> Any:
    """Give what a node computes, as a key: two nodes with one key have one value.

    ``sources`` are the nodes that now stand for its inputs.
    """
    inputs = [
        _constant(value) if source is None else source.index
        for source, value in zip(sources, node.operands, strict=True)
    ]
    attributes = node.attributes
    if not attributes:
        return (node.primitive, *inputs)
    written = [(name, _constant(attributes[name])) for name in sorted(attributes)]
    return (node.primitive, *inputs, *written)


def needed(results: Iterable[Node], merged: Mapping[Node, Node]) -> set[Node]:
    """Find the nodes that these results depend on, and the results themselves.

    ``merged`` gives for a node the one that stands for it, where it is another.
    """
    found: set[Node] = set()
    stack = list(results)
    while stack:
        node = stack.pop()
        node = merged.get(node, node)
        if node not in found:
            found.add(node)
            stack += [source for source in node.inputs if source is not None]
    return found


def _constant(value: Any) -> Any:
    if type(value) in _FLOATS and value and math.isfinite(value):
        return (type(value), value)  # neither 0.0, which may be -0.0, nor NaN: they take longer
    if not isinstance(value, np.ndarray):
        return (type(value), repr(value))  # keeps 1, 1.0, True and -0.0 apart
    if value.size > 16:
        return ("array", id(value))
    return ("array", value.dtype.str, value.shape, value.tobytes())
