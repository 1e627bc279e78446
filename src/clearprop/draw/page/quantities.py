"""The numbers that a page shows: values, derivatives, and what one step passes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from clearprop.draw.page.arrays import Table
from clearprop.draw.passing import Use, is_reached, local_derivative, passed_back, started
from clearprop.graph import Node

if TYPE_CHECKING:
    from clearprop.tracing import Gradients

#: What a number is: a value; its whole derivative; the part of it that some operations pass back to
#: their operands; what the sweep started from; the derivative of an operation alone.
Meaning = Literal["value", "total", "part", "start", "local"]


class Quantity(NamedTuple):
    """A number that is shown, and so can follow when an argument is changed.

    ``uses`` are operations and the positions of their operands: those that pass back a part, or
    the one whose local derivative it is.
    """

    meaning: Meaning
    node: Node
    uses: tuple[Use, ...] = ()


class Quantities:
    """All that are shown, in the order in which they were asked for.

    Attributes
    ----------
    places : dict of Quantity to int
    entries : list of int
        For each its array in the table.
    """

    def __init__(self, gradients: Gradients | None, table: Table) -> None:
        self.gradients = gradients
        self.table = table
        self.places: dict[Quantity, int] = {}
        self.entries: list[int] = []

    def ask(self, meaning: Meaning, node: Node, *uses: Use) -> int:
        """Give the number of a quantity; -1 where it is not known."""
        quantity = Quantity(meaning, node, uses)
        if quantity not in self.places:
            value = self._value(quantity)
            if np.iscomplexobj(value):  # in the picture, but not in what the page looks into
                value = None
            self.places[quantity] = -1 if value is None else len(self.entries)
            if value is not None:
                self.entries.append(self.table.add(value))
        return self.places[quantity]

    def _value(self, quantity: Quantity) -> Any:
        meaning, node, uses = quantity
        if meaning == "value":
            value = node.value
            return None if value is None or np.asarray(value).dtype.kind not in "biuf" else value
        if meaning == "local":
            return local_derivative(*uses[0])
        gradients = self.gradients
        if gradients is None:
            return None
        if meaning == "part":
            parts = [passed_back(gradients, *use) for use in uses if is_reached(gradients, *use)]
            return sum(parts[1:], parts[0]) if parts else None
        if not gradients.reached(node):
            return None
        return gradients[node] if meaning == "total" else self._start(node)

    def _start(self, node: Node) -> Any:
        assert self.gradients is not None
        nodes = self.gradients.graph.nodes
        uses = [(n, i) for n in nodes for i, source in enumerate(n.inputs) if source is node]
        return started(self.gradients, node, uses)
