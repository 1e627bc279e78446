"""Which values are put into memory; the others are computed where they are needed."""

from __future__ import annotations

import math

import numpy as np

from clearprop import kinds
from clearprop.compile import forms
from clearprop.compile.affine import flat
from clearprop.compile.elements import loop_index, operand_shape, split_place
from clearprop.compile.patterns import steps
from clearprop.graph import Node

_MOST_FUSED = 40  # operations inside each other; whoever writes the loops recurses over them


def stored_nodes(nodes: list[Node], outputs: set[Node]) -> set[Node]:
    """Choose what is put into memory.

    Results; what is used more than once, or for more elements than it has; what has a form of its
    own; what a kernel or a NumPy call reads.
    """
    users: dict[Node, list[tuple[Node, int]]] = {}
    depth: dict[Node, int] = {}
    stored = {n for n in outputs if n.primitive is not None}
    for node in reversed(nodes):
        if node.primitive is None:
            continue
        readers = users.get(node, [])
        if (
            not forms.has_loops(node)
            or not forms.fuses(node)
            or (
                not _is_view(node)
                and (len(readers) > 1 or any(_repeats(node, user) for user, _ in readers))
            )
            or any(_reads_memory(node, user) for user, _ in readers)
        ):
            stored.add(node)
        through = node not in stored and _is_view(node)
        for position, source in enumerate(node.inputs):
            if source is None:
                continue
            entry = users.setdefault(source, [])
            if through and position == 0:
                entry += readers  # whoever reads a view reads what it is a view of
                if _needs_memory_below(node):
                    stored.add(source)
            else:
                entry.append((node, position))
    for node in nodes:
        if node.primitive is None or node in stored:
            continue
        depth[node] = 1 + max((depth.get(n, 0) for n in node.inputs if n is not None), default=0)
        if depth[node] > _MOST_FUSED:
            stored.add(node)
            depth[node] = 0
    return {node for node in stored if node.primitive is not None}


def _is_view(node: Node) -> bool:
    """Whether the elements of a node are those of its operand, elsewhere."""
    assert node.primitive is not None
    kind = node.primitive.kind
    if isinstance(kind, kinds.Permute):
        return node.primitive.name in ("transpose", "flip", "reshape") and node.dtype == (
            node.inputs[0].dtype if node.inputs[0] is not None else node.dtype
        )
    return bool(isinstance(kind, kinds.Broadcast) or _is_regular_index(node))


def _is_regular_index(node: Node) -> bool:
    """Whether a node reads at places with fixed steps: slices, or index arrays that count."""
    assert node.primitive is not None
    return node.primitive.name == "getitem" and all(
        source is None and steps(np.asarray(value)) is not None
        for source, value in zip(node.inputs[1:], node.operands[1:], strict=True)
    )


def _needs_memory_below(node: Node) -> bool:
    """Whether a reshape cuts axes, so that places are only known in memory."""
    assert node.primitive is not None
    if node.primitive.name != "reshape":
        return False
    index, _ = loop_index(node.shape)
    return split_place(flat(index, node.shape), operand_shape(node, 0)) is None


def _reads_memory(node: Node, user: Node) -> bool:
    """Whether a user reads the operand itself, and not its elements."""
    assert user.primitive is not None
    if not forms.has_loops(user) or isinstance(user.primitive.kind, kinds.Window | kinds.Random):
        return True
    if isinstance(user.primitive.kind, kinds.Contract | kinds.Factorization | kinds.Fourier):
        return not _is_view(node)
    return False


def _repeats(node: Node, user: Node) -> bool:
    """Whether a user asks for elements more often than there are."""
    assert user.primitive is not None
    if isinstance(user.primitive.kind, kinds.Contract | kinds.Winner):
        return True
    if not isinstance(user.primitive.kind, kinds.Elementwise | kinds.Broadcast | kinds.Gather):
        return False
    return bool(math.prod(user.shape) > math.prod(node.shape))
