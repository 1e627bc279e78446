"""What is written under an operation: its attributes, such as ``axis=0`` or ``[1:3]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.draw.numbers import shape_text
from clearprop.rules.indexing import Slot

if TYPE_CHECKING:
    from clearprop.graph import Node

_LONGEST = 28


def caption(node: Node) -> str:
    """Write the attributes of an operation that differ from their defaults."""
    assert node.primitive is not None
    defaults = node.primitive.attributes
    parts = []
    for name, value in node.attributes.items():
        if name == "index":
            parts.append(f"[{_index(value)}]")
        elif not _same(value, defaults.get(name)):
            parts.append(f"{name}={_value(value)}")
    return shorten(", ".join(parts), _LONGEST)


def shorten(text: str, longest: int) -> str:
    """Cut a text that is too long for a picture."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and not isinstance(a, np.ndarray) and bool(a == b))


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return shape_text(value.shape)
    return str(value)


def _index(index: Any) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    return ", ".join(map(_part, parts))


def _part(part: Any) -> str:
    if isinstance(part, slice):
        shown = ["" if n is None else str(n) for n in (part.start, part.stop, part.step)]
        return ":".join(shown if shown[2] else shown[:2])
    if isinstance(part, Slot):  # an array: it has an arrow of its own
        return "ijklmn"[part.number % 6]
    return "…" if part is Ellipsis else str(part)
