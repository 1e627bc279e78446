"""What is known of a graph and its derivatives: who uses what, and what to say of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clearprop.draw.caption import shorten
from clearprop.draw.groups import Group, group
from clearprop.draw.model import NO_DERIVATIVE, NO_PATH, NOT_COMPUTED, Derivative, State
from clearprop.draw.numbers import Shown, describe, plain, shape_text
from clearprop.draw.passing import Use, is_passed, passed_back, started
from clearprop.graph import Node
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.tensor import Tensor
from clearprop.trees import tree_leaves

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph

NAME = 32  # longer names are cut; who points at them is told the whole

_STATES: tuple[State, ...] = ("computed", "not computed", "no path", "no derivative")


def is_operation(node: Node) -> bool:
    """Whether a node is a step of the picture: no argument, and nothing that only hands on."""
    return node.primitive is not None and node.primitive not in (ALIAS, PROJECTION)


class Facts:
    """A graph and its derivatives, as pictures of it or of its parts need them.

    Attributes
    ----------
    operations : list of Node
        In order; ``number`` counts them from 1.
    groups : list of Group
    uses : dict of Node to list of Use
        Who uses a value.
    results : dict of Node to str
        The results of the function, and where in it they stand.
    is_constant : bool
        Whether no result depends on an argument, so that there is nothing to differentiate.
    """

    def __init__(
        self, graph: Graph, gradients: Gradients | None, most: int = 30, local: bool = False
    ) -> None:
        self.graph = graph
        self.gradients = gradients
        self.local = local  # whether operations say their local derivatives
        self.recorded = set(graph.nodes)
        self.operations = [node for node in graph.nodes if is_operation(node)]
        self.number = {node: i for i, node in enumerate(self.operations, 1)}
        self.groups: list[Group] = group(graph.name, self.operations, most)
        self.uses: dict[Node, list[Use]] = {}
        self.results: dict[Node, str] = {}
        #: the outputs of the operations that have several
        self.projections: dict[Node | None, list[Node]] = {}
        self._steps: dict[Node, list[int]] = {}
        self._values: dict[Node, Shown] = {}
        self._passed: dict[tuple[Use, ...], Derivative] = {}
        for node in self.operations:
            for position, source in enumerate(node.inputs):
                if source is not None:
                    self.uses.setdefault(self.origin_of(source), []).append((node, position))
        for label, part in tree_leaves(graph._output, "output"):
            if isinstance(part, Tensor) and part.node is not None:
                value = self.origin_of(part.node)
                self.results[value] = ", ".join(filter(None, [self.results.get(value), label]))
        self.is_constant = not any(value.active for value in self.results)
        for node in graph.nodes:
            if node.primitive is PROJECTION:
                self.projections.setdefault(node.inputs[0], []).append(node)

    def origin_of(self, node: Node) -> Node:
        """See through an alias: an argument of a nested function is the value itself."""
        while node.primitive is ALIAS and node in self.recorded and node.inputs[0] is not None:
            node = node.inputs[0]
        return node

    def step_of(self, value: Node) -> int:
        """Give the number of the operation that computed a value; 0 for an argument."""
        if value.primitive is PROJECTION and value.inputs[0] is not None:
            value = value.inputs[0]
        return self.number.get(value, 0)

    def uses_between(self, value: Node, start: int, stop: int) -> list[Use]:
        """List the uses of a value by the steps after ``start``, up to ``stop``."""
        if value not in self.uses:
            return []
        if value not in self._steps:
            self._steps[value] = [self.number[node] for node, _ in self.uses[value]]
        steps = self._steps[value]
        return self.uses[value][bisect_right(steps, start) : bisect_right(steps, stop)]

    def parts(self, node: Node) -> list[Node]:
        """List the values that leave an operation; of several outputs those that are used."""
        assert node.primitive is not None
        if node.primitive.outputs == 1:
            return [node]
        return [
            part
            for part in self.projections.get(node, ())
            if part in self.uses or part in self.results
        ]

    # ---- what is said of a value -------------------------------------------------------------

    def name(self, node: Node) -> str:
        """Give the variable that a value was assigned to, or an empty text."""
        return shorten(self.graph.name_of(node) or "", NAME)

    def called(self, node: Node) -> str:
        """Say what a value is called in a sentence: its name, or the number of its step, (3)."""
        name = self.graph.name_of(node)
        if name:
            return name
        node = self.origin_of(node)
        if node.primitive is None:
            return node.label or "captured value"
        if node.primitive is PROJECTION and node.inputs[0] is not None:
            return f"({self.number.get(node.inputs[0], '?')})[{node.attributes['i']}]"
        return f"({self.number[node]})" if node in self.number else node.operation

    def hint(self, node: Node) -> str:
        """Say what a reader is told who points at a value."""
        what = node.label or "captured value"
        if node.primitive is not None:
            what = f"({self.number[node]}) {node.operation}" if node in self.number else "part"
        line = self.graph.line_of(node)
        name = self.graph.name_of(node)
        if name and node.primitive is not None:
            what = f"{what}, named {name}"
        parts = [what, f"shape {node.shape}" if node.shape else "", str(line) if line else ""]
        return ", ".join(filter(None, parts))

    def value(self, node: Node) -> Shown:
        """Show a value."""
        if node not in self._values:
            if node.value is not None:
                self._values[node] = describe(node.value)
            else:  # what was computed before the trace keeps only what its rule needs
                self._values[node] = plain(
                    f"{shape_text(node.shape)} not kept" if node.shape else "not kept"
                )
        return self._values[node]

    def total(self, node: Node) -> Derivative:
        """Give the derivative with respect to a value, over all paths."""
        if not node.active or self.is_constant:
            return NO_DERIVATIVE
        if self.gradients is None:
            return NOT_COMPUTED
        if not self.gradients.reached(node):
            return NO_PATH
        return Derivative("computed", describe(self.gradients[node], shape=False))

    def passed_back(self, value: Node, uses: Sequence[Use]) -> Derivative:
        """Give the derivative that some of the uses of a value pass back to it, added up."""
        found = [self._states(use) for use in uses]
        state = min(found, key=_STATES.index)
        if state == "no derivative":
            return NO_DERIVATIVE
        if state == "not computed":
            return NOT_COMPUTED
        if state == "no path":
            return NO_PATH
        is_all = len(uses) == len(self.uses[value]) and value not in self.results
        if is_all and value in self.recorded:
            return self.total(value)
        computed = [use for use, s in zip(uses, found, strict=True) if s == "computed"]
        key = tuple(computed)
        if key not in self._passed:
            assert self.gradients is not None
            g = sum(passed_back(self.gradients, *use) for use in computed)
            self._passed[key] = Derivative("computed", describe(g, shape=False))
        return self._passed[key]

    def _states(self, use: Use) -> State:
        if self.is_constant or not is_passed(*use):
            return "no derivative"
        if self.gradients is None:
            return "not computed"
        return "computed" if self.gradients.reached(use[0]) else "no path"

    def start(self, value: Node) -> Derivative:
        """Give the cotangent that the backward pass started from at an output."""
        total = self.total(value)
        uses = self.uses.get(value, [])
        if total.state != "computed" or not uses:
            return total
        assert self.gradients is not None
        return Derivative("computed", describe(started(self.gradients, value, uses), shape=False))
