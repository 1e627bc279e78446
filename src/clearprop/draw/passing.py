"""What an operation passes back to its operands: *upstream × local = downstream*."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.graph import Node
from clearprop.kinds import Elementwise, Reduce
from clearprop.sweep import needs_of, pull
from clearprop.tensor import Tensor

if TYPE_CHECKING:
    from clearprop.tracing import Gradients

#: An operation, and the position of one of its operands.
Use = tuple[Node, int]


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
    with np.errstate(all="ignore"):  # whatever there is to warn of, the sweep has warned of
        return pull(node, position, rule, gradients._cotangents[node], recorded=False)


def started(gradients: Gradients, value: Node, uses: Sequence[Use]) -> Any:
    """Give what the sweep started from at a result: the whole derivative less what came back."""
    rest = gradients[value]
    for use in uses:
        if is_reached(gradients, *use):
            rest = rest - passed_back(gradients, *use)
    return rest


def local_derivative(node: Node, position: int, recorded: bool = False, ones: Any = None) -> Any:
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
