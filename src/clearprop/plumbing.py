"""Two primitives that stand between nodes and that nobody calls."""

from __future__ import annotations

from typing import Any

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
