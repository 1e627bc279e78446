"""What goes from one part of a picture to another: values, or bundles of many."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from clearprop.draw.facts import Facts
from clearprop.draw.groups import Group
from clearprop.draw.passing import Use
from clearprop.graph import Node

_BUNDLE = 3  # more values than this that go from one group to another are one arrow
_ARGUMENTS = 6  # more arguments than this that only one group uses are one box
ARGUMENTS = -1  # where arguments come from


@dataclass
class Bundle:
    """Values that go the same way; more than one are drawn as one arrow.

    Attributes
    ----------
    source : int or None
        The unit that they come from; `ARGUMENTS`, or None for what comes from outside.
    target : int or None
        The unit that they go to; None for outside.
    values : list of Node
    """

    source: int | None
    target: int | None
    values: list[Node]


class Flow:
    """What the units of a picture, operations and groups, pass to each other.

    Parameters
    ----------
    facts : Facts
    whole : Group
        What is shown.
    units : sequence of Node or Group
        In order, without gaps.

    Attributes
    ----------
    arriving, leaving : list of list of Bundle
        At each group, in order. Nothing is listed for operations.
    """

    def __init__(self, facts: Facts, whole: Group, units: Sequence[Node | Group]) -> None:
        self.facts = facts
        self.whole = whole
        self.units = units
        self._starts = [
            unit.start if isinstance(unit, Group) else facts.number[unit] - 1 for unit in units
        ]
        self._hidden: set[Node] = set()
        self._bundled: set[tuple[Node, int | None]] = set()  # a value, and where it goes
        self.arriving: list[list[Bundle]] = [[] for _ in units]
        self.leaving: list[list[Bundle]] = [[] for _ in units]
        for i, unit in enumerate(units):
            if isinstance(unit, Group):
                self.arriving[i] = self._arriving(i, unit)
        for i, unit in enumerate(units):
            if isinstance(unit, Group):
                self.leaving[i] = self._leaving(i, unit)

    def is_inside(self, value: Node) -> bool:
        """Whether a value is computed in what is shown."""
        return self.whole.start < self.facts.step_of(value) <= self.whole.stop

    def is_hidden(self, argument: Node) -> bool:
        """Whether an argument is one of many that one box stands for."""
        return argument in self._hidden

    def unit_of(self, step: int) -> int | None:
        """Say which unit computes a step; None outside."""
        if not self.whole.start < step <= self.whole.stop:
            return None
        return bisect_right(self._starts, step - 1) - 1

    def uses_in(self, value: Node, unit: int) -> list[Use]:
        """List the uses of a value in a unit."""
        found = self.units[unit]
        if isinstance(found, Group):
            return self.facts.uses_between(value, found.start, found.stop)
        step = self.facts.number[found]
        return self.facts.uses_between(value, step - 1, step)

    def uses_outside(self, value: Node) -> list[Use]:
        """List the uses of a value outside of what is shown; none where they are bundled."""
        if (value, None) in self._bundled or not self.is_inside(value):
            return []
        before = self.facts.uses_between(value, 0, self.whole.start)
        return before + self.facts.uses_between(value, self.whole.stop, len(self.facts.operations))

    def ends(self, value: Node) -> int:
        """Count the arrows that a value leaves by, without those of many values."""
        number = self.facts.number
        inside: set[int | None] = set()
        count = 0
        own = self.unit_of(self.facts.step_of(value))
        if self.uses_outside(value):
            inside.add(None)
        for node, _ in self.facts.uses_between(value, self.whole.start, self.whole.stop):
            unit = self.unit_of(number[node])
            if (value, unit) in self._bundled:
                continue
            if unit is None or not isinstance(self.units[unit], Group):
                count += 1
            elif unit != own:  # else it is used in the group that computes it
                inside.add(unit)
        return count + len(inside) + (value in self.facts.results)

    # ---- bundles ----------------------------------------------------------------------------

    def _arriving(self, i: int, unit: Group) -> list[Bundle]:
        by_source: dict[int | None, list[Node]] = {}
        seen: set[Node] = set()
        for node in self.facts.operations[unit.start : unit.stop]:
            for source in node.inputs:
                if source is None:
                    continue
                value = self.facts.origin_of(source)
                step = self.facts.step_of(value)
                if value in seen or unit.start < step <= unit.stop:
                    continue
                seen.add(value)
                where = self.unit_of(step) if step else ARGUMENTS
                by_source.setdefault(where, []).append(value)
        found = []
        for where, values in by_source.items():
            if where == ARGUMENTS:
                own = [value for value in values if self._is_only_for(value, unit)]
                if len(own) > _ARGUMENTS:
                    self._hidden.update(own)
                    found.append(self._bundle(where, i, own))
                values[:] = [value for value in values if value not in self._hidden]
            elif len(values) > _BUNDLE and (where is None or isinstance(self.units[where], Group)):
                found.append(self._bundle(where, i, values))
                continue
            found += [Bundle(where, i, [value]) for value in values]
        return found

    def _is_only_for(self, argument: Node, unit: Group) -> bool:
        inside = self.facts.uses_between(argument, unit.start, unit.stop)
        is_result = argument in self.facts.results
        return not is_result and len(inside) == len(self.facts.uses[argument])

    def _leaving(self, i: int, unit: Group) -> list[Bundle]:
        """List the values that leave a group; those in bundles may leave alone as well."""
        facts = self.facts
        alone: list[Bundle] = []
        outside: list[Node] = []
        for node in facts.operations[unit.start : unit.stop]:
            for value in facts.parts(node):
                users = [facts.number[user] for user, _ in facts.uses.get(value, ())]
                if any(self.unit_of(step) is None for step in users):
                    outside.append(value)
                if value in facts.results or any(
                    not unit.start < step <= unit.stop for step in users
                ):
                    alone.append(Bundle(i, None, [value]))
        bundles = []
        if len(outside) > _BUNDLE:
            bundles.append(self._bundle(i, None, outside))
        for arriving in self.arriving[i + 1 :]:
            bundles += [b for b in arriving if b.source == i and len(b.values) > 1]
        alone = [b for b in alone if self._is_alone(b.values[0], unit)]
        # In the order in which they arrive: else lines would cross without need.
        order: dict[Node, tuple[int, int]] = {}
        for target in range(i + 1, len(self.units)):
            for position, arriving_one in enumerate(self.arriving[target]):
                if arriving_one.source == i:
                    order.setdefault(arriving_one.values[0], (target, position))
        far = (len(self.units), 0)
        return sorted(alone, key=lambda b: order.get(b.values[0], far)) + bundles

    def _is_alone(self, value: Node, unit: Group) -> bool:
        """Whether any arrow of its own leaves a group with a value."""
        if value in self.facts.results:
            return True
        for node, _ in self.facts.uses.get(value, ()):
            step = self.facts.number[node]
            if unit.start < step <= unit.stop:
                continue
            if (value, self.unit_of(step)) not in self._bundled:
                return True
        return False

    def _bundle(self, source: int | None, target: int | None, values: list[Node]) -> Bundle:
        self._bundled.update((value, target) for value in values)
        return Bundle(source, target, values)
