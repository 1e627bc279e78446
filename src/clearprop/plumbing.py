"""Two primitives that stand between nodes and that nobody calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clearprop.graph import Node, TracedLeaf
from clearprop.primitive import Primitive


def _take_output(outputs: Any, *, i: int) -> Any:
    """Give one of several outputs: the projection that a multi-output node is read through."""
    return outputs[i]


PROJECTION = Primitive(_take_output, name="output", symbol="output")


def _same(x: Any) -> Any:
    """Give the value back: an argument of a nested function is its own node."""
    return x


ALIAS = Primitive(_same, name="alias", symbol="=")
ALIAS.vjp("x")(lambda dy: dy)


def is_asked_for(operands: Iterable[Node | None]) -> bool:
    """Whether somebody may ask for a gradient of what these depend on.

    Nobody does of the arguments of a program that is compiled; a derivative inside it has arguments
    of its own: aliases, and leaves.
    """
    waiting = [node for node in operands if node is not None and node.active]
    if not any(node.tape is not None and node.tape.is_compiled for node in waiting):
        return True
    seen: set[Node] = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.primitive is ALIAS or (node.primitive is None and not isinstance(node, TracedLeaf)):
            return True
        waiting += [source for source in node.inputs if source is not None and source.active]
    return False
