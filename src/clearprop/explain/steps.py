"""A traced function in steps: forward (1) to (n) with values, backward (n) to (1) with derivatives.

Each step back is *upstream × local = downstream*, as the documents write it; where the paths of a
value meet, their parts are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.draw.caption import caption
from clearprop.draw.constants import name_of_constant
from clearprop.draw.facts import Facts
from clearprop.draw.numbers import constant, describe, number
from clearprop.draw.passing import is_passed, local_derivative, passed_back, started
from clearprop.graph import Node
from clearprop.tracing import Gradients

_FEW = 12  # elements that are written out
_SEVERAL = "several results"
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
    start, result : str
        What the backward pass starts from, and the result; of several results each.
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
    return _Teller(gradients).tell()


class _Teller:
    def __init__(self, gradients: Gradients) -> None:
        self.graph = gradients.graph
        self.gradients = gradients
        self.facts = Facts(gradients.graph, gradients)
        self.parts: dict[Node, list[str]] = {}

    def tell(self) -> Steps:
        told = [self.step(node) for node in reversed(self.facts.operations)]
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
        starts = {value: self.start(value) for value in self.facts.results if self.back(value)}
        sums = {}
        for value, passed in self.parts.items():
            own = [f"{starts[value]} (a result)"] if value in starts else []
            parts = [*passed, *own]
            if len(parts) > 1:
                sums[self.facts.called(value)] = f"{' + '.join(parts)} = {self.derivative(value)}"
        return Steps(
            arguments,
            tuple(reversed(told)),
            dict(reversed(sums.items())),
            " and ".join(starts.values()),
            " and ".join(_short(value.value) for value in self.facts.results),
            finite,
        )

    def back(self, node: Node) -> bool:
        return node.active and self.gradients.reached(node)

    def start(self, value: Node) -> str:
        return _short(started(self.gradients, value, self.facts.uses.get(value, ())))

    def derivative(self, node: Node) -> str:
        if not node.active:
            return "no derivative"
        return _short(self.gradients[node]) if self.gradients.reached(node) else "0 (no path)"

    def step(self, node: Node) -> Step:
        assert node.primitive is not None
        operands = [
            _constant(node, i) if source is None else self.facts.called(source)
            for i, source in enumerate(node.inputs)
        ]
        line = self.graph.line_of(node)
        return Step(
            self.facts.number[node],
            self.graph.name_of(node) or "",
            _written(node, operands),
            _short(node.value) if node.primitive.outputs == 1 else _SEVERAL,
            "" if line is None else line.text,
            tuple(self.passed(node, operands)) if self.back(node) else (),
        )

    def passed(self, node: Node, operands: list[str]) -> list[Passed]:
        assert node.primitive is not None
        is_single = node.primitive.outputs == 1
        found = []
        for i, source in enumerate(node.inputs):
            if source is None or not is_passed(node, i):
                continue
            is_factor = source.shape == node.shape  # else it is repeated, or added up
            factor = local_derivative(node, i) if is_factor else None
            local = "" if factor is None else _short(factor)
            upstream = _short(self.gradients[node]) if is_single else _SEVERAL
            downstream = _short(passed_back(self.gradients, node, i))
            found.append(Passed(operands[i], upstream, local, downstream))
            self.parts.setdefault(self.facts.origin_of(source), []).append(downstream)
        return found


def _constant(node: Node, position: int) -> str:
    value = node.operands[position]
    return (name_of_constant(node, position) if np.ndim(value) else "") or constant(value)


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
