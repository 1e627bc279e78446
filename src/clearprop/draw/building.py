"""From a graph and its derivatives to the boxes and arrows of a picture of it, or of a group."""

from __future__ import annotations

from clearprop.draw.caption import caption, shorten
from clearprop.draw.constants import constant_of
from clearprop.draw.crossing import Flow
from clearprop.draw.facts import NAME, Facts
from clearprop.draw.frames import Frames
from clearprop.draw.groups import Group
from clearprop.draw.local import local_derivatives
from clearprop.draw.model import NOT_COMPUTED, Arrow, Box, Derivative, Kind, Model
from clearprop.draw.numbers import plain
from clearprop.draw.passing import Use
from clearprop.graph import Node

_RANK: dict[Kind, int] = {"argument": 1, "reference": 1, "constant": 0}


def model_of(facts: Facts, whole: Group, units: list[Node | Group]) -> Model:
    """Say which boxes and arrows the picture of a group has.

    Parameters
    ----------
    facts : Facts
    whole : Group
        What is shown; what enters and leaves ends in references.
    units : list of Node or Group
        What it is shown by: operations, and groups that are one box each.
    """
    return _Builder(facts, whole, units).build()


class _Builder:
    def __init__(self, facts: Facts, whole: Group, units: list[Node | Group]) -> None:
        self.facts = facts
        self.whole = whole
        self.is_root = whole.parent is None
        self.units = units
        self.flow = Flow(facts, whole, units)
        self.frames = Frames(facts, whole, units)
        self.model = Model(
            whole.title,
            [],
            [],
            len(facts.operations),
            differentiated=facts.gradients is not None,
            frames=self.frames.frames,
            is_constant=facts.is_constant,
            first=whole.start + 1,
            last=whole.stop,
        )
        #: from where the arrows of a value start: box and output
        self.origin: dict[Node, tuple[int, int]] = {}
        #: from where an arrow of several values starts, by the unit at its end (None: outside)
        self.bundle_origin: dict[tuple[int, int | None], tuple[int, int]] = {}

    def build(self) -> Model:
        facts = self.facts
        if self.is_root:
            for node in facts.graph.nodes:
                if node.primitive is None and not self.flow.is_hidden(node):
                    self.argument(node)
        for i, unit in enumerate(self.units):
            if isinstance(unit, Group):
                self.group(i, unit)
            else:
                self.operation(i, unit)
        for value, label in facts.results.items():
            if self.flow.is_inside(value) or (self.is_root and not facts.step_of(value)):
                self.output(value, label)
        return self.model

    # ---- boxes ------------------------------------------------------------------------------

    def argument(self, node: Node) -> None:
        facts = self.facts
        leaving = self.flow.ends(node)
        total = facts.total(node)
        text = shorten(node.label or "captured value", NAME)
        box = Box("argument", text, hint=facts.hint(node), node=node)
        if not leaving:
            box.value = facts.value(node)
        if total.state != "not computed" and self.is_news(node, leaving, total):
            box.derivative = total
        self.origin[node] = (self.model.add(box), 0)

    def is_news(self, node: Node, leaving: int, total: Derivative) -> bool:
        """Whether the sum over the arrows of an argument is more than what they say."""
        if leaving != 1:
            return leaving == 0 or total.state != "no derivative"
        if node in self.facts.results:
            return False
        uses = self.facts.uses[node]
        return total.state != self.facts.passed_back(node, uses).state

    def operation(self, unit: int, node: Node) -> None:
        facts, primitive = self.facts, node.primitive
        assert primitive is not None
        frame = self.frames.of(facts.number[node])
        arriving: list[tuple[int, int, Node | None]] = []
        for position, source in enumerate(node.inputs):
            if source is None:
                text = constant_of(node, position)
                arriving.append((self.model.add(Box("constant", text, frame=frame)), 0, None))
            else:
                value = facts.origin_of(source)
                arriving.append((*self.start_of(value), value))
        parts = facts.parts(node)
        box = self.model.add(
            Box(
                "operation",
                primitive.symbol,
                facts.number[node],
                caption(node),
                hint=facts.hint(node),
                inputs=[self.rank(box) for box, *_ in arriving],
                outputs=max(len(parts), 1),
                local=local_derivatives(facts, node) if facts.local else (),
                frame=frame,
                node=node,
            )
        )
        for position, (source_box, output, operand) in enumerate(arriving):
            arrow = Arrow(source_box, box, position, output)
            if operand is not None:
                self.say(arrow, operand, facts.passed_back(operand, [(node, position)]))
            self.model.arrows.append(arrow)
        for output, part in enumerate(parts):
            self.leave(box, output, part)

    def group(self, unit: int, group: Group) -> None:
        """Draw a group as one box; many values that go the same way are one arrow."""
        facts, flow = self.facts, self.flow
        lines = []
        for bundle in flow.arriving[unit]:
            if len(bundle.values) > 1:
                start = self.start_of_bundle(bundle.source, unit, bundle.values)
            else:
                start = self.start_of(bundle.values[0])
            lines.append((start, bundle.values))
        leaving = flow.leaving[unit]
        count = len(group)
        first, last = group.start + 1, group.stop
        self.model.first_steps[group.number] = first
        box = self.model.add(
            Box(
                "group",
                group.title,
                caption=f"({first}) to ({last}), {count} operations",
                hint=", ".join(
                    filter(None, [group.title, f"{count} operations", str(group.line or "")])
                ),
                inputs=[self.rank_in_group(start[0]) for start, _ in lines],
                outputs=max(len(leaving), 1),
                group=group.number,
                frame=self.frames.of(first),
            )
        )
        for position, ((source, output), values) in enumerate(lines):
            arrow = Arrow(source, box, position, output)
            if len(values) > 1:
                self.say_many(arrow, len(values))
            else:
                uses = flow.uses_in(values[0], unit)
                self.say(arrow, values[0], facts.passed_back(values[0], uses))
            self.model.arrows.append(arrow)
        for output, going in enumerate(leaving):
            if len(going.values) == 1:
                self.leave(box, output, going.values[0])
                continue
            assert going.source is not None
            self.bundle_origin[going.source, going.target] = (box, output)
            if going.target is None:
                text = f"{len(going.values)} values for later steps"
                end = self.model.add(Box("reference", text, inputs=[2]))
                arrow = Arrow(box, end, 0, output)
                self.say_many(arrow, len(going.values))
                self.model.arrows.append(arrow)

    def rank(self, box: int) -> int:
        return _RANK.get(self.model.boxes[box].kind, 2)

    def rank_in_group(self, box: int) -> int:
        """Rank what is computed from arguments alone, such as ``xs[t]``, as an argument."""
        found = self.model.boxes[box]
        return 1 if found.kind == "operation" and max(found.inputs) < 2 else self.rank(box)

    # ---- arrows -----------------------------------------------------------------------------

    def start_of(self, value: Node) -> tuple[int, int]:
        """Say where the arrows of a value start, with a box for what comes from outside."""
        if value not in self.origin:
            step = self.facts.step_of(value)
            if not step:  # an argument, or from before the trace
                self.argument(value)
            else:
                text = f"{self.facts.name(value)} ({step})".strip()
                hint = self.facts.hint(value)
                box = Box("reference", text, hint=hint, refers=(step,), node=value)
                self.origin[value] = (self.model.add(box), 0)
        return self.origin[value]

    def start_of_bundle(
        self, source: int | None, target: int, values: list[Node]
    ) -> tuple[int, int]:
        if source is not None and source >= 0:
            return self.bundle_origin[source, target]
        what = "arguments" if source is not None else "values of earlier steps"
        steps = [self.facts.step_of(value) for value in values]
        box = Box("reference", f"{len(values)} {what}", refers=tuple(sorted({*steps} - {0})))
        return self.model.add(box), 0

    def say(self, arrow: Arrow, value: Node, derivative: Derivative) -> None:
        """Write value and derivative on an arrow, and the name where nothing has said it."""
        arrow.node = value
        arrow.value = self.facts.value(value)
        arrow.derivative = derivative
        if self.model.boxes[arrow.source].kind in ("operation", "group"):
            arrow.name = self.facts.name(value)

    def say_many(self, arrow: Arrow, count: int) -> None:
        arrow.value = plain(f"{count} values")
        arrow.derivative = NOT_COMPUTED
        if self.model.differentiated:
            arrow.derivative = Derivative("computed", plain(f"{count} derivatives"))

    def leave(self, box: int, output: int, value: Node) -> None:
        """Let a value leave its box: straight, over a junction, or to a dead end."""
        facts = self.facts
        self.origin[value] = (box, output)
        ends = self.flow.ends(value)
        outside = self.flow.uses_outside(value)
        if ends != 1:
            end = Box("junction", "") if ends else Box("unused", "unused")
            end.inputs = [2]
            end.hint = facts.hint(value)
            end.node = value
            end.frame = self.frames.common(value) if ends else self.model.boxes[box].frame
            target = self.model.add(end)
            arrow = Arrow(box, target, 0, output)
            self.say(arrow, value, facts.total(value))
            self.model.arrows.append(arrow)
            self.origin[value] = (target, 0)
        if outside:
            self.refer(value, outside)

    def refer(self, value: Node, uses: list[Use]) -> None:
        """Let a value leave what is shown."""
        steps = list(dict.fromkeys(self.facts.number[node] for node, _ in uses))
        more = f" and {len(steps) - 3} more" if len(steps) > 3 else ""
        text = f"to {', '.join(f'({step})' for step in steps[:3])}{more}"
        end = self.model.add(Box("reference", text, inputs=[2], refers=tuple(steps), node=value))
        source, output = self.origin[value]
        arrow = Arrow(source, end, 0, output)
        self.say(arrow, value, self.facts.passed_back(value, uses))
        self.model.arrows.append(arrow)

    def output(self, value: Node, label: str) -> None:
        facts = self.facts
        source, output = self.start_of(value)
        box = Box("output", shorten(label, NAME), hint=facts.hint(value), inputs=[2], node=value)
        arrow = Arrow(source, self.model.add(box), 0, output)
        self.say(arrow, value, facts.start(value))
        self.model.arrows.append(arrow)
