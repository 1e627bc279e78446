"""The pictures of a page, and when each number on them appears."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from clearprop.draw.facts import Facts
from clearprop.draw.model import Arrow, Box, Model
from clearprop.draw.page.quantities import Meaning, Quantities
from clearprop.draw.passing import Use
from clearprop.draw.svg import draw
from clearprop.draw.views import View
from clearprop.graph import Node

_TOLD = re.compile(r"<desc>.*?</desc>|<style>.*?</style>", re.DOTALL)
_MOST_BOXES = 1200  # in all pictures: groups further in are walked, but not drawn


class Pictures:
    """The pictures as SVG, and what is on them as data.

    A walk has moments: 0 before it, 1 … n forward, n + 1 … 2n backward. Each number has the moment
    from which it is there.

    Attributes
    ----------
    svgs : list of str
    entries : list of dict
        The whole graph first, then the groups that are a box in one of the others.
    """

    def __init__(self, facts: Facts, quantities: Quantities, views: Sequence[View]) -> None:
        self.facts = facts
        self.quantities = quantities
        self.n = len(facts.operations)
        self.views = [views[0]]
        self.parents: list[int | None] = [None]
        self.places = {0: 0}  # of a group its picture
        boxes = len(views[0].model.boxes)
        for i, view in enumerate(self.views):  # it grows: from the outside inwards
            for box in view.model.boxes:
                if box.group is None or boxes > _MOST_BOXES:
                    continue
                inner = views[box.group]
                boxes += len(inner.model.boxes)
                self.places[box.group] = len(self.views)
                self.views.append(inner)
                self.parents.append(i)
        self.svgs = [_TOLD.sub("", draw(view.layout)).strip() for view in self.views]
        self.entries = [
            self._entry(view, parent) for view, parent in zip(self.views, self.parents, strict=True)
        ]

    def _entry(self, view: View, parent: int | None) -> dict[str, Any]:
        layout = view.layout
        model = layout.model
        return {
            "name": view.name,
            "parent": parent,
            "steps": [view.group.start + 1, view.group.stop],
            "boxes": [
                self._box(box, place) for box, place in zip(model.boxes, layout.boxes, strict=True)
            ],
            "arrows": [
                self._arrow(view, model, arrow, route)
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
        if box.group is not None:
            group = self.facts.groups[box.group]
            found["inside"] = [group.start + 1, group.stop]
            if box.group in self.places:
                found["opens"] = self.places[box.group]
        node = box.node
        if box.kind == "reference":
            if box.refers:
                found["refers"] = list(box.refers)
            elif node is not None and node.primitive is None:
                found["label"] = node.label
        if node is None or box.kind not in ("argument", "output"):
            return found
        if box.kind == "argument":
            found["label"] = node.label
        found["v"] = self.quantities.ask("value", node)
        found["from"] = self.facts.step_of(node)
        gradients = self.facts.gradients
        if gradients is not None and gradients.reached(node):
            found["d"] = self.quantities.ask("total", node)
        found["back"] = self._back(self.facts.uses.get(node, ()))
        found["shown"] = [int(box.value is not None), int(box.derivative is not None)]
        return found

    def _arrow(self, view: View, model: Model, arrow: Arrow, route: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"s": arrow.source, "t": arrow.target}
        node = arrow.node
        if node is None:
            return found
        found["name"] = arrow.name or self.facts.graph.name_of(node) or node.label
        found["v"] = self.quantities.ask("value", node)
        found["from"] = self.facts.step_of(node)
        if route.label is not None:
            place = route.label
            found["at"] = _rounded(place.x, place.y, place.width, place.above, place.below)
        if arrow.derivative is None:
            return found
        found["state"] = arrow.derivative.state
        meaning, uses = self._meaning(view, model.boxes[arrow.target], arrow, node)
        found["back"] = self._back(() if meaning == "start" else uses)
        if arrow.derivative.state == "computed":
            asked = uses if meaning == "part" else ()
            found["d"] = self.quantities.ask(meaning, node, *asked)
        return found

    def _meaning(
        self, view: View, target: Box, arrow: Arrow, value: Node
    ) -> tuple[Meaning, list[Use]]:
        """Say which derivative of a value stands on an arrow, and by which uses it comes back."""
        uses = self.facts.uses.get(value, [])
        number = self.facts.number
        if target.kind == "operation" and target.node is not None:
            return "part", [(target.node, arrow.operand)]
        if target.kind == "group" and target.group is not None:
            group = self.facts.groups[target.group]
        elif target.kind == "reference":
            group = view.group
        else:
            return ("start" if target.kind == "output" else "total"), uses
        inside = [use for use in uses if group.start < number[use[0]] <= group.stop]
        if target.kind == "reference":
            inside = [use for use in uses if use not in inside]
        return "part", inside

    def _back(self, uses: Sequence[Use]) -> int:
        """Say from which moment that is there which these operations pass back."""
        if self.facts.gradients is None:
            return 0  # that there is none, or none computed, is known from the start
        first = min((self.facts.number[user] for user, _ in uses), default=self.n)
        return 2 * self.n + 1 - first


def _rounded(*numbers: float) -> list[float]:
    return [round(x, 1) for x in numbers]
