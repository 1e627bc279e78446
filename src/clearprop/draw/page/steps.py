"""What each step of a graph does: the data of the panel beside the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearprop.draw.constants import constant_of
from clearprop.draw.facts import Facts
from clearprop.draw.page.formulas import formulas_of
from clearprop.draw.page.lines import Listings
from clearprop.draw.page.quantities import Quantities
from clearprop.draw.passing import is_passed
from clearprop.graph import Node
from clearprop.kinds import Elementwise

if TYPE_CHECKING:
    from clearprop.primitive import Primitive
    from clearprop.tracing import Gradients, Graph


class Steps:
    """The operations of a graph in order, and what is known of each.

    Attributes
    ----------
    entries : list of dict
    operations : list of dict
        The primitives that they use, with their formulas.
    meetings : list of dict
        The values that are used in several places, where derivatives are added up.
    """

    def __init__(
        self,
        graph: Graph,
        gradients: Gradients | None,
        facts: Facts,
        quantities: Quantities,
        listings: Listings,
    ) -> None:
        self.graph = graph
        self.gradients = gradients
        self.facts = facts
        self.quantities = quantities
        self.listings = listings
        self.operations: list[dict[str, Any]] = []
        self.meetings: list[dict[str, Any]] = []
        self._places: dict[Primitive, int] = {}
        self._meeting: dict[Node, int] = {}
        self.entries = [self._entry(node) for node in facts.operations]

    def _entry(self, node: Node) -> dict[str, Any]:
        ask = self.quantities.ask
        outputs = self.facts.parts(node) or [node]
        entry: dict[str, Any] = {
            "op": self._operation(node),
            "in": [self._operand(node, i) for i in range(len(node.inputs))],
            "out": [
                {"name": self.facts.called(part), "v": ask("value", part), "d": self._total(part)}
                for part in outputs
            ],
        }
        line = self.listings.find(node)
        if line is not None:
            entry["line"] = line
        return entry

    def _operand(self, node: Node, position: int) -> dict[str, Any]:
        source = node.inputs[position]
        if source is None:
            return {"text": constant_of(node, position)}
        source = self.facts.origin_of(source)
        ask = self.quantities.ask
        found: dict[str, Any] = {"name": self.facts.called(source), "v": ask("value", source)}
        if source in self.facts.number:
            found["step"] = self.facts.number[source]
        if self.facts.is_constant or not is_passed(node, position):
            found["d"] = "no derivative"
        elif self.gradients is None:
            found["d"] = "not computed"
        elif not self.gradients.reached(node):
            found["d"] = "no path"
        else:
            found["d"] = ask("part", source, (node, position))
            found["l"] = ask("local", source, (node, position))
            meeting = self._meet(source)
            if meeting is not None:
                found["meet"] = meeting
        return found

    def _meet(self, value: Node) -> int | None:
        """Say where the derivatives of a value meet, if it is used more than once."""
        if value not in self._meeting:
            uses = [
                (user, position)
                for user, position in self.facts.uses.get(value, ())
                if is_passed(user, position)
                and self.gradients is not None
                and self.gradients.reached(user)
            ]
            if len(uses) + (value in self.facts.results) < 2:
                return None
            self._meeting[value] = len(self.meetings)
            ask = self.quantities.ask
            entry: dict[str, Any] = {
                "name": self.facts.called(value),
                "parts": [
                    [self.facts.number[user], ask("part", value, (user, position))]
                    for user, position in uses
                ],
                "d": ask("total", value),
            }
            if value in self.facts.results:
                entry["start"] = ask("start", value)
            self.meetings.append(entry)
        return self._meeting[value]

    def _total(self, node: Node) -> int | str:
        if not node.active or self.facts.is_constant:
            return "no derivative"
        if self.gradients is None:
            return "not computed"
        if not self.gradients.reached(node):
            return "no path"
        if isinstance(node.shape, tuple) and any(isinstance(n, tuple) for n in node.shape):
            return "no path"
        return self.quantities.ask("total", node)

    def _operation(self, node: Node) -> int:
        primitive = node.primitive
        assert primitive is not None
        if primitive not in self._places:
            self._places[primitive] = len(self.operations)
            self.operations.append(
                {
                    "name": primitive.name,
                    "symbol": primitive.symbol,
                    **formulas_of(primitive),
                    "elementwise": isinstance(primitive.kind, Elementwise),
                    "why": primitive.no_derivative,
                }
            )
        return self._places[primitive]
