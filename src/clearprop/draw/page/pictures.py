"""The pictures of a page, and when each number on them appears."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clearprop.draw.building import _Builder
from clearprop.draw.layout import Layout, make_layout
from clearprop.draw.model import Arrow, Box, Model
from clearprop.draw.page.quantities import Quantities
from clearprop.draw.svg import draw
from clearprop.graph import Node

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph

_TOLD = re.compile(r"<desc>.*?</desc>|<style>.*?</style>", re.DOTALL)


@dataclass(frozen=True)
class View:
    """One picture: the whole graph, or the inside of one of its groups."""

    name: str
    parent: int | None
    model: Model
    layout: Layout


def make_views(builder: _Builder) -> list[View]:
    """Give the pictures of a graph: the outermost first."""
    model = builder.build()
    return [View(model.name, None, model, make_layout(model))]


class Pictures:
    """The pictures as SVG, and what is on them as data.

    A walk has moments: 0 before it, 1 … n forward, n + 1 … 2n backward. Each number has the moment
    from which it is there.
    """

    def __init__(
        self,
        graph: Graph,
        gradients: Gradients | None,
        builder: _Builder,
        quantities: Quantities,
        views: list[View],
    ) -> None:
        self.builder = builder
        self.gradients = gradients
        self.quantities = quantities
        self.n = len(builder.operations)
        self.svgs = [_TOLD.sub("", draw(view.layout)).strip() for view in views]
        self.entries = [self._entry(view) for view in views]

    def _entry(self, view: View) -> dict[str, Any]:
        layout = view.layout
        model = layout.model
        return {
            "name": view.name,
            "parent": view.parent,
            "boxes": [
                self._box(box, place) for box, place in zip(model.boxes, layout.boxes, strict=True)
            ],
            "arrows": [
                self._arrow(model, arrow, route)
                for arrow, route in zip(model.arrows, layout.routes, strict=True)
            ],
        }

    def _box(self, box: Box, place: Any) -> dict[str, Any]:
        found: dict[str, Any] = {
            "kind": box.kind,
            "text": box.text,
            "hint": box.hint,
            "at": _rounded(place.x, place.y, place.width, place.above, place.below),
        }
        if box.number:
            found["step"] = box.number
        node = box.node
        if node is None or box.kind == "operation":
            return found
        if box.kind == "argument":
            found["label"] = node.label
        found["v"] = self.quantities.ask("value", node)
        found["from"] = self._forward(node)
        if self.gradients is not None and self.gradients.reached(node):
            found["d"] = self.quantities.ask("total", node)
        found["back"] = self._met(node)
        found["shown"] = [int(box.value is not None), int(box.derivative is not None)]
        return found

    def _arrow(self, model: Model, arrow: Arrow, route: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"s": arrow.source, "t": arrow.target}
        node = arrow.node
        if node is None:
            return found
        found["name"] = arrow.name or self.builder.graph.name_of(node) or node.label
        found["v"] = self.quantities.ask("value", node)
        found["from"] = self._forward(node)
        if route.label is not None:
            place = route.label
            found["at"] = _rounded(place.x, place.y, place.width, place.above, place.below)
        target = model.boxes[arrow.target].node
        if arrow.derivative is None:
            return found
        found["state"] = arrow.derivative.state
        if arrow.meaning == "part" and target is not None:
            found["back"] = self._backward(target)
            if arrow.derivative.state == "computed":
                found["d"] = self.quantities.ask("part", target, arrow.operand)
        else:
            found["back"] = self.n + 1 if arrow.meaning == "start" else self._met(node)
            if arrow.derivative.state == "computed":
                found["d"] = self.quantities.ask(arrow.meaning, node)
        return found

    def _forward(self, node: Node) -> int:
        """Say from which moment a value is there."""
        while node.primitive is not None and node not in self.builder.number:
            source = node.inputs[0]
            if source is None:
                return 0
            node = source
        return self.builder.number.get(node, 0)

    def _backward(self, user: Node) -> int:
        """Say from which moment that is there which an operation passes back."""
        return 2 * self.n + 1 - self.builder.number.get(user, self.n)

    def _met(self, node: Node) -> int:
        """Say from which moment all derivatives of a value are there."""
        users = [user for user, _ in self.builder.uses.get(node, ())]
        return max((self._backward(user) for user in users), default=self.n + 1)


def _rounded(*numbers: float) -> list[float]:
    return [round(x, 1) for x in numbers]
