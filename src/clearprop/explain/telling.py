"""The steps of a graph as text, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from clearprop.explain.steps import Steps
from clearprop.tracing import Gradients

NOT_FINITE = "A value or a derivative is NaN or infinite."
_WIDEST = 36  # of what is computed, before the values no longer stand below one another


def as_text(told: Steps) -> str:
    """Write the forward and the backward pass for a terminal.

    Examples
    --------
    >>> import clearprop as cp
    >>> from clearprop.explain.steps import steps
    >>> print(as_text(steps(cp.trace(lambda x, y: x * y, 10.0, 5.0).backward())))
    Values
      x = 10
      y = 5
    <BLANKLINE>
    Forward: values go from left to right
      (1)  x * y = 50
    <BLANKLINE>
    Backward from 1: upstream × local = downstream
      (1)  to x: 1 × 5 = 5
           to y: 1 × 10 = 10
    <BLANKLINE>
    So the result, 50, has the derivatives
      with respect to x: 5
      with respect to y: 10
    """
    lines = ["Values"]
    lines += [f"  {name} = {value}" for name, (value, _) in told.arguments.items()]
    lines += ["", "Forward: values go from left to right"]
    digits = len(str(len(told.steps)))
    written = {
        step.number: f"{step.name} = {step.text}" if step.name else step.text for step in told.steps
    }
    width = min(max(map(len, written.values()), default=0), _WIDEST)
    for step in told.steps:
        number = f"({step.number})".rjust(digits + 2)
        lines.append(f"  {number}  {written[step.number]:<{width}} = {step.value}")
    lines += ["", f"Backward from {told.start}: upstream × local = downstream"]
    for step in reversed(told.steps):
        number = f"({step.number})".rjust(digits + 2)
        for passed in step.passed:
            lines.append(f"  {number}  to {passed.to}: {passed.text}")
            number = " " * len(number)
    if told.sums:
        lines += ["", "Where paths meet, their parts are added"]
        lines += [f"  {name}: {total}" for name, total in told.sums.items()]
    lines += ["", f"So the result, {told.result}, has the derivatives"]
    lines += [f"  with respect to {name}: {back}" for name, (_, back) in told.arguments.items()]
    return "\n".join(lines)


def of_sum(gradients: Gradients) -> list[str]:
    """Say what the derivatives are those of, where the result is more than a number."""
    shapes = [node.shape for node in gradients.graph.outputs]
    if len(shapes) > 1:
        return [f"The result has {len(shapes)} parts: the derivatives are those of their sum."]
    if not any(shapes):
        return []
    return [f"The result has shape {shapes[0]}: the derivatives are those of its sum."]


def as_data(told: Steps) -> dict[str, Any]:
    """Give the same as plain dicts and lists, for JSON."""
    arguments = {
        name: {"value": value, "derivative": back} for name, (value, back) in told.arguments.items()
    }
    return {**asdict(told), "arguments": arguments}
