"""A traced function in steps: forward (1) to (n) with values, backward (n) to (1) with derivatives.

Each step back is *upstream × local = downstream*, as the documents write it; where the paths of a
value meet, their parts are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.draw.caption import caption
from clearprop.draw.numbers import constant, describe, number
from clearprop.graph import Node
from clearprop.kinds import ELEMENTWISE
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.sweep import pull
from clearprop.tracing import Gradients, Graph

_FEW = 12  # elements that are written out
_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**", "matmul": "@",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
    "not_equal": "!=",
}  # fmt: skip


@dataclass(frozen=True)
class Passed:
    """What a step passes back to one operand.

    Attributes
    ----------
    to : str
        The name of the operand, or the number of the step that computed it.
    upstream, downstream : str
        What comes from the result, and what goes on to the operand.
    local : str
        The local derivative; empty where it is no number for each element.
    """

    to: str
    upstream: str
    local: str
    downstream: str

    @property
    def text(self) -> str:
        """``1 × 1.1 = 1.1``."""
        if self.local:
            return f"{self.upstream} × {self.local} = {self.downstream}"
        return f"{self.upstream} → {self.downstream}"


@dataclass(frozen=True)
class Step:
    """One operation: ``(2) y = (1) * tax = 220``, and what it passes back."""

    number: int
    name: str
    text: str
    value: str
    line: str
    passed: tuple[Passed, ...]


@dataclass(frozen=True)
class Steps:
    """A graph in steps.

    Attributes
    ----------
    arguments : dict of str to (value, derivative)
    steps : tuple of Step
        In the order of the forward pass.
    sums : dict of str to str
        Where paths meet, by the name of the value: ``2 + 3 = 5``.
    start : str
        What the backward pass starts from.
    result : str
    finite : bool
        Whether all values and derivatives are finite.
    """

    arguments: dict[str, tuple[str, str]]
    steps: tuple[Step, ...]
    sums: dict[str, str]
    start: str
    result: str
    finite: bool


def steps(gradients: Gradients) -> Steps:
    """Tell the forward and the backward pass of a graph, step by step.

    Parameters
    ----------
    gradients : Gradients
        What ``graph.backward()`` gives.

    Returns
    -------
    Steps

    Examples
    --------
    >>> import clearprop as cp
    >>> def f(x, y):
    ...     t = x + y
    ...     return t**2
    >>> told = steps(cp.trace(f, 1.0, 2.0).backward())
    >>> [(step.number, step.text, step.value) for step in told.steps]
    [(1, 'x + y', '3'), (2, 't ** 2', '9')]
    >>> told.steps[1].passed[0].text
    '1 × 6 = 6'
    """
    return _Teller(gradients.graph, gradients).tell()


class _Teller:
    def __init__(self, graph: Graph, gradients: Gradients) -> None:
        self.graph = graph
        self.gradients = gradients
        self.operations = [
            node
            for node in graph.nodes
            if node.primitive is not None and node.primitive not in (ALIAS, PROJECTION)
        ]
        self.number = {node: i for i, node in enumerate(self.operations, 1)}
        self.parts: dict[Node, list[str]] = {}

    def tell(self) -> Steps:
        told = [self.step(node) for node in reversed(self.operations)]
        finite = all(
            bool(np.isfinite(array).all())
            for node in self.graph.nodes
            for array in (node.value, self.gradients[node] if self.back(node) else 0.0)
            if isinstance(array, np.ndarray | np.generic)
        )
        arguments = {
            name: (_short(node.value), self.derivative(node))
            for name, node in self.graph.inputs.items()
        }
        outputs = self.graph.outputs
        sums = {
            self.called(node): f"{' + '.join(parts)} = {self.derivative(node)}"
            for node, parts in self.parts.items()
            if len(parts) > 1
        }
        return Steps(
            arguments,
            tuple(reversed(told)),
            dict(reversed(sums.items())),
            self.derivative(outputs[0]) if outputs else "",
            _short(outputs[0].value) if outputs else "",
            finite,
        )

    def seen_through(self, node: Node) -> Node:
        while node.primitive in (ALIAS, PROJECTION) and node.inputs[0] is not None:
            node = node.inputs[0]
        return node

    def called(self, node: Node | None, operand: Any = None) -> str:
        """Name an operand: by its name, its step, or as the number it is."""
        if node is None:
            return constant(operand)
        name = self.graph.name_of(node)
        if name:
            return name
        node = self.seen_through(node)
        return f"({self.number[node]})" if node in self.number else node.label or "constant"

    def back(self, node: Node) -> bool:
        return node.active and self.gradients.reached(node)

    def derivative(self, node: Node) -> str:
        if not node.active:
            return "no derivative"
        return _short(self.gradients[node]) if self.gradients.reached(node) else "0 (no path)"

    def step(self, node: Node) -> Step:
        assert node.primitive is not None
        operands = [
            self.called(source, node.operands[i] if source is None else None)
            for i, source in enumerate(node.inputs)
        ]
        line = self.graph.line_of(node)
        return Step(
            self.number[node],
            self.graph.name_of(node) or "",
            _written(node, operands),
            _short(node.value) if node.primitive.outputs == 1 else "several results",
            "" if line is None else line.text,
            tuple(self.passed(node, operands)) if self.back(node) else (),
        )

    def passed(self, node: Node, operands: list[str]) -> list[Passed]:
        assert node.primitive is not None
        found = []
        for i, source in enumerate(node.inputs):
            rule = node.primitive.rule(i)
            if source is None or not source.active or rule is None:
                continue
            with np.errstate(all="ignore"):  # what is not finite is shown
                dy = self.gradients[node]
                down = pull(node, i, rule, dy, recorded=False)
                local = ""
                if node.primitive.kind is ELEMENTWISE and source.shape == node.shape:
                    ones = np.ones(node.shape, node.dtype)[()]
                    local = _short(pull(node, i, rule, ones, recorded=False))
            shown = _short(down)
            found.append(Passed(operands[i], _short(dy), local, shown))
            self.parts.setdefault(source, []).append(shown)
        return found


def _written(node: Node, operands: list[str]) -> str:
    assert node.primitive is not None
    sign = _SIGNS.get(node.primitive.name)
    if sign and len(operands) == 2:
        return f"{operands[0]} {sign} {operands[1]}"
    if node.primitive.name == "negative":
        return f"-{operands[0]}"
    attributes = caption(node)
    if node.primitive.name == "getitem":
        return f"{operands[0]}{attributes}"
    return f"{node.primitive.name}({', '.join([*operands, *filter(None, [attributes])])})"


def _short(value: Any) -> str:
    """Write a value on one line: all elements while they are few."""
    array = np.asarray(value)
    if array.ndim and 0 < array.size <= _FEW and array.dtype.kind == "f":
        return _listed(array)
    return describe(value).line


def _listed(array: Any) -> str:
    if array.ndim == 0:
        return number(array[()], 4)
    return f"[{', '.join(map(_listed, array))}]"
