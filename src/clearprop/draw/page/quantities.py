"""The numbers that a page shows: values, derivatives, and what one step passes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from clearprop.draw.facts import Use
from clearprop.draw.page.arrays import Table
from clearprop.graph import Node
from clearprop.kinds import Elementwise, Reduce
from clearprop.sweep import needs_of, pull
from clearprop.tensor import Tensor

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
            return local(*uses[0])
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
        """Give what the sweep started from: the whole derivative less what came from uses."""
        assert self.gradients is not None
        rest = self.gradients[node]
        for user in self.gradients.graph.nodes:
            for position, source in enumerate(user.inputs):
                if source is node and is_reached(self.gradients, user, position):
                    rest = rest - passed_back(self.gradients, user, position)
        return rest


def is_passed(node: Node, position: int) -> bool:
    """Whether an operation passes a derivative back to an operand."""
    source, primitive = node.inputs[position], node.primitive
    return bool(
        source is not None
        and source.active
        and node.active
        and primitive is not None
        and primitive.rule(position)
    )


def is_reached(gradients: Gradients, node: Node, position: int) -> bool:
    """Whether an operation passes back to an operand what came from the result."""
    return is_passed(node, position) and gradients.reached(node)


def passed_back(gradients: Gradients, node: Node, position: int) -> Any:
    """Give the part of its derivative that an operand has from one operation."""
    assert node.primitive is not None
    rule = node.primitive.rule(position)
    assert rule is not None
    with np.errstate(all="ignore"):
        return pull(node, position, rule, gradients._cotangents[node], recorded=False)


def local(node: Node, position: int, recorded: bool = False, ones: Any = None) -> Any:
    """Give the derivative of an operation alone, for each element; None where it is no array.

    It is what the rule makes of ones, where each element has a part in one element of the result.
    """
    primitive = node.primitive
    if primitive is None or not isinstance(primitive.kind, Elementwise | Reduce):
        return None
    rule = primitive.rule(position)
    if rule is None or not node.active:
        return None
    if ones is None:
        ones = np.ones(node.shape, node.dtype)[()]
    with np.errstate(all="ignore"):
        arguments, attributes = needs_of(node, position, rule, recorded)
        found = rule.function(ones, *arguments, **attributes)
    return found if isinstance(found, Tensor) else np.asarray(found)[()]
