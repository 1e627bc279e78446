"""What the texts for Graphviz and for Mermaid have in common: lines of text, and nesting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from clearprop.draw.model import Arrow, Box, Model


def of_box(box: Box) -> list[str]:
    """List what stands in a box, line by line."""
    if box.kind == "junction":
        return []
    found = [f"({box.number})"] if box.number else []
    found += [box.text, *filter(None, [box.caption]), *box.local]
    if box.value is not None:
        found.append(box.value.line)
    if box.derivative is not None and box.derivative.shown is not None:
        found.append(f"sum {box.derivative.line}")
    return found


def of_arrow(arrow: Arrow) -> list[str]:
    """List what stands on an arrow: the name and the value, the derivative."""
    if arrow.value is None:
        return []
    found = [f"{arrow.name} = {arrow.value.line}" if arrow.name else arrow.value.line]
    if arrow.derivative is not None:
        found.append(f"← {arrow.derivative.line}")
    return found


def nested(model: Model) -> Iterator[tuple[Literal["box", "frame", "end"], int, int]]:
    """Walk through boxes and frames: what comes, its number, and how deep it lies."""
    boxes: dict[int, list[int]] = {}
    for i, box in enumerate(model.boxes):
        boxes.setdefault(box.frame, []).append(i)
    inner: dict[int, list[int]] = {}
    for i, frame in enumerate(model.frames):
        inner.setdefault(frame.parent, []).append(i)
    stack: list[tuple[Literal["box", "frame", "end"], int, int]] = [("frame", -1, -1)]
    while stack:
        what, number, depth = stack.pop()
        if number >= 0 or what == "end":
            yield what, number, depth
        if what == "frame":
            if number >= 0:
                stack.append(("end", number, depth))
            stack += [("frame", i, depth + 1) for i in reversed(inner.get(number, []))]
            stack += [("box", i, depth + 1) for i in reversed(boxes.get(number, []))]
