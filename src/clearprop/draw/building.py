"""From a graph and its derivatives to the boxes and arrows of its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.draw.caption import caption, shorten
from clearprop.draw.model import (
    NO_DERIVATIVE,
    NO_PATH,
    NOT_COMPUTED,
    Arrow,
    Box,
    Derivative,
    Kind,
    Model,
)
from clearprop.draw.numbers import Shown, constant, describe, plain, shape_text
from clearprop.graph import Node
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.sweep import pull
from clearprop.tensor import Tensor
from clearprop.trees import tree_leaves

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph

_NAME = 32  # longer names are cut; who points at them is told the whole
_RANK: dict[Kind, int] = {"argument": 1, "constant": 0}


def make_model(graph: Graph, gradients: Gradients | None = None) -> Model:
    """Say which boxes and arrows the picture of a graph has.

    Parameters
    ----------
    graph : Graph
    gradients : Gradients, optional
        Of the same graph. Without them no derivative is shown.

    Returns
    -------
    Model
    """
    return _Builder(graph, gradients).build()


class _Builder:
    def __init__(self, graph: Graph, gradients: Gradients | None) -> None:
        self.graph = graph
        self.gradients = gradients
        self.recorded = set(graph.nodes)
        self.operations = [
            node
            for node in graph.nodes
            if node.primitive is not None and node.primitive not in (ALIAS, PROJECTION)
        ]
        self.number = {node: i for i, node in enumerate(self.operations, 1)}
        self.model = Model(
            graph.name, [], [], len(self.operations), differentiated=gradients is not None
        )
        #: who uses a value: the operation and the position of its operand
        self.uses: dict[Node, list[tuple[Node, int]]] = {}
        #: the results of the function, and where in it they stand
        self.results: dict[Node, str] = {}
        #: the outputs of the operations that have several
        self.projections: dict[Node | None, list[Node]] = {}
        #: from where the arrows of a value start: box and output
        self.origin: dict[Node, tuple[int, int]] = {}
        self._values: dict[Node, Shown] = {}
        self._contributions: dict[tuple[Node, int], Derivative] = {}

    def build(self) -> Model:
        for node in self.operations:
            for position, source in enumerate(node.inputs):
                if source is not None:
                    self.uses.setdefault(self.origin_of(source), []).append((node, position))
        for label, part in tree_leaves(self.graph._output, "output"):
            if isinstance(part, Tensor) and part.node is not None:
                value = self.origin_of(part.node)
                self.results[value] = ", ".join(filter(None, [self.results.get(value), label]))
        for node in self.graph.nodes:
            if node.primitive is None:
                self.argument(node)
            elif node.primitive is PROJECTION:
                self.projections.setdefault(node.inputs[0], []).append(node)
        for node in self.operations:
            self.operation(node)
        for value, label in self.results.items():
            self.output(value, label)
        return self.model

    def origin_of(self, node: Node) -> Node:
        """See through an alias: an argument of a nested function is the value itself."""
        while node.primitive is ALIAS and node in self.recorded and node.inputs[0] is not None:
            node = node.inputs[0]
        return node

    # ---- boxes ------------------------------------------------------------------------------

    def argument(self, node: Node) -> None:
        leaving = len(self.uses.get(node, ())) + (node in self.results)
        total = self.total(node)
        text = shorten(node.label or "captured value", _NAME)
        box = Box("argument", text, hint=self.hint(node), node=node)
        if not leaving:
            box.value = self.value(node)
        if total.state != "not computed" and self.is_news(node, leaving, total):
            box.derivative = total
        self.origin[node] = (self.model.add(box), 0)

    def is_news(self, node: Node, leaving: int, total: Derivative) -> bool:
        """Whether the sum over the arrows of an argument is more than what they say."""
        if leaving != 1:
            return leaving == 0 or total.state != "no derivative"
        if node in self.results:
            return False
        user, position = self.uses[node][0]
        return total.state != self.contribution(user, position).state

    def operation(self, node: Node) -> None:
        primitive = node.primitive
        assert primitive is not None
        arriving: list[tuple[int, int, Node | None]] = []
        for position, source in enumerate(node.inputs):
            if source is None:
                text = constant(node.operands[position])
                arriving.append((self.model.add(Box("constant", text)), 0, None))
            else:
                origin = self.origin_of(source)
                if origin not in self.origin:  # from before the trace
                    self.argument(origin)
                arriving.append((*self.origin[origin], origin))
        parts = self.parts(node)
        box = self.model.add(
            Box(
                "operation",
                primitive.symbol,
                self.number[node],
                caption(node),
                hint=self.hint(node),
                inputs=[_RANK.get(self.model.boxes[box].kind, 2) for box, *_ in arriving],
                outputs=max(len(parts), 1),
                node=node,
            )
        )
        for position, (source_box, output, value) in enumerate(arriving):
            arrow = Arrow(source_box, box, position, output)
            if value is not None:
                arrow.node = value
                arrow.value = self.value(value)
                arrow.derivative = self.contribution(node, position)
                if self.model.boxes[source_box].kind == "operation":
                    arrow.name = self.name(value)
            self.model.arrows.append(arrow)
        for output, part in enumerate(parts):
            self.leave(box, output, part)

    def leave(self, box: int, output: int, value: Node) -> None:
        """Let a value leave its operation: straight, over a junction, or to a dead end."""
        self.origin[value] = (box, output)
        leaving = len(self.uses.get(value, ())) + (value in self.results)
        if leaving == 1:
            return
        end = Box("junction", "") if leaving else Box("unused", "unused")
        end.inputs = [2]
        end.hint = self.hint(value)
        target = self.model.add(end)
        self.model.arrows.append(
            Arrow(
                box,
                target,
                0,
                output,
                self.name(value),
                self.value(value),
                self.total(value),
                value,
                "total",
            )
        )
        self.origin[value] = (target, 0)

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

    def output(self, value: Node, label: str) -> None:
        if value not in self.origin:
            self.argument(value)
        source, output = self.origin[value]
        box = self.model.add(
            Box("output", shorten(label, _NAME), hint=self.hint(value), inputs=[2], node=value)
        )
        straight = self.model.boxes[source].kind == "operation"
        name = self.name(value) if straight else ""
        self.model.arrows.append(
            Arrow(
                source,
                box,
                0,
                output,
                name,
                self.value(value),
                self.start(value),
                value,
                "start",
            )
        )

    # ---- what stands on them ----------------------------------------------------------------

    def name(self, node: Node) -> str:
        return shorten(self.graph.name_of(node) or "", _NAME)

    def hint(self, node: Node) -> str:
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
        if not node.active:
            return NO_DERIVATIVE
        if self.gradients is None:
            return NOT_COMPUTED
        if not self.gradients.reached(node):
            return NO_PATH
        return Derivative("computed", describe(self.gradients[node], shape=False))

    def contribution(self, node: Node, position: int) -> Derivative:
        """Give what one operation passes back to one of its operands."""
        key = (node, position)
        if key not in self._contributions:
            self._contributions[key] = self.passed_back(node, position)
        return self._contributions[key]

    def passed_back(self, node: Node, position: int) -> Derivative:
        source = node.inputs[position]
        assert node.primitive is not None and source is not None
        if not (source.active and node.active and node.primitive.rule(position)):
            return NO_DERIVATIVE
        if self.gradients is None:
            return NOT_COMPUTED
        if not self.gradients.reached(node):
            return NO_PATH
        return Derivative("computed", describe(self.pulled(node, position), shape=False))

    def pulled(self, node: Node, position: int) -> Any:
        assert self.gradients is not None and node.primitive is not None
        rule = node.primitive.rule(position)
        assert rule is not None
        with np.errstate(all="ignore"):  # whatever there is to warn of, the sweep has warned of
            return pull(node, position, rule, self.gradients[node], recorded=False)

    def start(self, value: Node) -> Derivative:
        """Give the cotangent that the backward pass started from at an output."""
        total = self.total(value)
        users = [
            (node, position)
            for node, position in self.uses.get(value, ())
            if self.contribution(node, position).state == "computed"
        ]
        if total.state != "computed" or not users:
            return total
        assert self.gradients is not None
        rest = self.gradients[value] - sum(self.pulled(*user) for user in users)
        return Derivative("computed", describe(rest, shape=False))
