"""Which frame of a picture each operation and each value stands in."""

from __future__ import annotations

from collections.abc import Sequence

from clearprop.draw.facts import Facts
from clearprop.draw.groups import Group
from clearprop.draw.model import Frame
from clearprop.graph import Node


class Frames:
    """The groups of what is shown, but for those that are one box.

    Parameters
    ----------
    facts : Facts
    whole : Group
        What is shown.
    units : sequence of Node or Group
        What it is shown by.
    """

    def __init__(self, facts: Facts, whole: Group, units: Sequence[Node | Group]) -> None:
        self.facts = facts
        self.frames: list[Frame] = []
        self._of: dict[int, int] = {}  # the innermost frame of a step
        closed = {unit for unit in units if isinstance(unit, Group)}
        stack: list[tuple[Group, int]] = [(whole, -1)]
        while stack:
            group, around = stack.pop()
            if group is not whole and group.kind != "part" and len(group) > 1:
                self.frames.append(Frame(group.number, group.title, around))
                around = len(self.frames) - 1
                for step in range(group.start + 1, group.stop + 1):
                    self._of[step] = around
            inner = [m for m in group.members if isinstance(m, Group) and m not in closed]
            stack += [(m, around) for m in reversed(inner)]

    def of(self, step: int) -> int:
        """Give the innermost frame of an operation; -1 for none."""
        return self._of.get(step, -1)

    def common(self, value: Node) -> int:
        """Give the innermost frame that holds the origin of a value and all its uses."""
        if value in self.facts.results or not self.frames:
            return -1
        found = self._of.get(self.facts.step_of(value), -1)
        for node, _ in self.facts.uses.get(value, ()):
            around = self.around(self.of(self.facts.number[node]))
            while found not in around:
                found = self.frames[found].parent
        return found

    def around(self, frame: int) -> list[int]:
        """List a frame and those around it, from the innermost; the last is -1."""
        found = [frame]
        while found[-1] >= 0:
            found.append(self.frames[found[-1]].parent)
        return found
