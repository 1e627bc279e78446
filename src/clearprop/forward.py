"""Forward mode: tangents pushed along the record, from the arguments to the result.

No primitive needs a text of its own for it. Where an operation is *elementwise*, its rule
multiplies by the local derivative, whatever it is given: a cotangent or a tangent. Where it is
*linear*, it maps tangents as it maps values. Any other is linear in ``dy`` by its rule: the rule,
transposed by the sweep, is the derivative that pushes forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.graph import Node, next_index, open_derivatives
from clearprop.kinds import (
    Broadcast,
    Concatenate,
    Contract,
    Elementwise,
    Gather,
    Permute,
    Reduce,
    Scan,
    Scatter,
    Window,
)
from clearprop.leaves import leaf
from clearprop.plumbing import PROJECTION
from clearprop.primitive import Primitive
from clearprop.sweep import cast, needs_of, operand_of, shape_of, sweep
from clearprop.tensor import Tensor

#: Linear in all their active operands together: ``y`` with tangents for operands is the tangent.
_LINEAR = (Broadcast, Concatenate, Gather, Permute, Reduce, Scan, Scatter)
_SUMS = ("+", "mean")
#: Linear in each operand: one term for each that moves.
_MULTILINEAR = (Contract, Window)


def record_between(start: int, outputs: Sequence[Node]) -> list[Node]:
    """List the nodes that lead to the outputs, from a number on, each after its inputs."""
    found: dict[int, Node] = {}
    waiting = [node for node in outputs if node.index >= start]
    while waiting:
        node = waiting.pop()
        if node.index not in found:
            found[node.index] = node
            waiting += [n for n in node.inputs if n is not None and n.index >= start]
    return [found[index] for index in sorted(found)]


def push(nodes: Sequence[Node], seeds: dict[Node, Any], *, recorded: bool) -> dict[Node, Any]:
    r"""Propagate tangents: :math:`\dot y = \sum_i \partial y / \partial x_i \; \dot x_i`.

    Parameters
    ----------
    nodes : sequence of Node
        A record, every node after its inputs (`record_between`).
    seeds : dict of Node to array
        The tangents of leaves.
    recorded : bool
        Compute on Tensors, so that the result can itself be differentiated.

    Returns
    -------
    dict of Node to array or Tensor
        The tangents of all nodes that move; the others have none.
    """
    tangents: dict[Node, Any] = {}
    for node in nodes:
        seeded = seeds.get(node)
        if seeded is not None:
            tangents[node] = seeded
            continue
        primitive = node.primitive
        if primitive is None:
            continue
        moving = [
            i
            for i, source in enumerate(node.inputs)
            if source is not None and source in tangents and source.active
        ]
        if primitive is PROJECTION:
            if moving:
                tangents[node] = tangents[node.inputs[0]][node.attributes["i"]]  # type: ignore[index]
            continue
        moving = [i for i in moving if primitive.rule(i) is not None]
        if moving:
            tangents[node] = _tangent(node, moving, tangents, recorded)
    return tangents


def _tangent(node: Node, moving: list[int], tangents: dict[Node, Any], recorded: bool) -> Any:
    primitive = node.primitive
    assert primitive is not None
    given = {i: tangents[source] for i in moving if (source := node.inputs[i]) is not None}
    kind = primitive.kind
    if isinstance(kind, Elementwise) and primitive.outputs == 1:
        terms = [_along_rule(node, i, t, recorded) for i, t in given.items()]
    elif isinstance(kind, _LINEAR) and getattr(kind, "combine", "+") in _SUMS:
        terms = [_in_place_of_operands(node, given, recorded)]
    elif isinstance(kind, _MULTILINEAR):
        terms = [_in_place_of_operands(node, {i: t}, recorded) for i, t in given.items()]
    else:
        terms = [_transposed(node, i, t, recorded) for i, t in given.items()]
    if primitive.outputs > 1:
        return tuple(_sum(parts) for parts in zip(*terms, strict=True))
    y = _sum(terms)
    if y.shape != node.shape:
        y = np.broadcast_to(y, node.shape)
    return y if y.dtype == node.dtype else cast(y, node.dtype)


def _sum(terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _along_rule(node: Node, position: int, tangent: Any, recorded: bool) -> Any:
    """Push along an elementwise operation, whose rule multiplies by the local derivative."""
    assert node.primitive is not None
    rule = node.primitive.rule(position)
    assert rule is not None
    if rule.quick is not None and not recorded:
        return rule.quick(tangent, node)
    arguments, attributes = needs_of(node, position, rule, recorded)
    return rule.function(tangent, *arguments, **attributes)


def _in_place_of_operands(node: Node, given: dict[int, Any], recorded: bool) -> Any:
    """Push along a linear operation, which maps tangents as it maps values."""
    primitive = node.primitive
    assert primitive is not None
    together = isinstance(primitive.kind, _LINEAR)
    operands = [
        given[i] if i in given else _unmoved(node, i, primitive, recorded, together)
        for i in range(len(node.inputs))
    ]
    return primitive(*operands, **node.attributes)


def _unmoved(node: Node, i: int, primitive: Primitive, recorded: bool, together: bool) -> Any:
    if together and primitive.rule(i) is not None:
        return np.zeros(shape_of(node, i, recorded), node.dtype)
    return operand_of(node, i, recorded)


def _transposed(node: Node, position: int, tangent: Any, recorded: bool) -> Any:
    """Push along any operation: its rule is linear in ``dy``, and the sweep transposes it."""
    primitive, source = node.primitive, node.inputs[position]
    assert primitive is not None
    assert source is not None
    rule = primitive.rule(position)
    assert rule is not None
    several = primitive.outputs > 1
    forms = zip(node.shape, node.dtype, strict=True) if several else [(node.shape, node.dtype)]
    start = next_index()
    cotangents = [leaf(np.zeros(shape, dtype)[()]) for shape, dtype in forms]
    nodes = [c.node for c in cotangents]
    open_derivatives.count += 1
    try:
        with np.errstate(all="ignore"):  # the zeros are never used
            arguments, attributes = needs_of(node, position, rule, recorded)
            dy = tuple(cotangents) if several else cotangents[0]
            dx = rule.function(dy, *arguments, **attributes)
    finally:
        open_derivatives.count -= 1
    # The arguments of a checkpoint are one operand of several parts.
    parts = [(part, tangent[i]) for i, part in dx.items()] if isinstance(dx, dict) else None
    seeds = []
    for part, moved in parts or [(dx, tangent)]:
        if isinstance(part, Tensor) and part.node is not None and part.node.index >= start:
            # Too wide a gradient would be summed by the sweep.
            is_wide = part.shape != np.shape(moved)
            along = np.broadcast_to(moved, part.shape) if is_wide else moved
            seeds.append((part.node, cast(along, part.dtype)))
    found = sweep(seeds, start=start, recorded=recorded)
    pushed = [
        found[n] if n in found else np.zeros(n.shape, n.dtype)[()] for n in nodes if n is not None
    ]
    return tuple(pushed) if several else pushed[0]
