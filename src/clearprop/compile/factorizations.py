"""Small matrices: which of `kinds.Factorization` are loops, and what these read and write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.affine import Affine, Var, flat
from clearprop.compile.elements import Elements, Index, broadcast_index, loop_index, operand_shape
from clearprop.compile.nests import Block, Factored, Work, filling
from clearprop.compile.scalars import Array, Load, converted
from clearprop.graph import Node
from clearprop.plumbing import PROJECTION
from clearprop.primitive import Primitive
from clearprop.rules.indexing import getitem
from clearprop.rules.linalg import det, inv, slogdet, solve
from clearprop.rules.triangular import cholesky

LARGEST = 16  # rows of a matrix; of larger ones LAPACK's blocks are faster than the call is slow


def _sign_and_logarithm(a: Any) -> Any:
    return np.stack(np.linalg.slogdet(a), -1)


#: `slogdet` as one array: sign and logarithm lie along the last axis.
TOGETHER = Primitive(
    _sign_and_logarithm, name="slogdet", symbol="slogdet", kind=kinds.FACTORIZATION
)

#: The functions of `numpy.linalg`, and the axes of what they make of one matrix.
_MADE = {solve: 2, inv: 2, cholesky: 2, det: 0, TOGETHER: 1}


def is_small(node: Node) -> bool:
    """Whether a factorization becomes loops: a rule of the shapes alone."""
    shapes = [operand_shape(node, position) for position in range(len(node.operands))]
    return shapes[0][-1] <= LARGEST and all(0 not in shape for shape in shapes)


def in_one_array(
    node: Node, sources: Sequence[Node | None]
) -> tuple[Primitive, dict[str, Any], Any, Any]:
    """Give primitive, attributes, shape and dtype of the node that stands for a node.

    ``sources`` now compute its operands. Nodes stay as they are but for a small `slogdet`,
    which becomes one array, and for the reading of its two outputs.
    """
    assert node.primitive is not None
    # Of complex matrices the two have two dtypes; they are a NumPy call in any case.
    if node.primitive is slogdet and is_small(node) and node.dtype[0] == node.dtype[1]:
        return TOGETHER, node.attributes, (*node.shape[0], 2), node.dtype[0]
    source = sources[0] if node.primitive is PROJECTION else None
    if source is not None and source.primitive is TOGETHER:
        return getitem, {"index": (Ellipsis, node.attributes["i"])}, node.shape, node.dtype
    return node.primitive, node.attributes, node.shape, node.dtype


def of_matrices(elements: Elements, node: Node, y: Array) -> list[Work]:
    """Give the work that fills the array ``y``, and those that copy what is not in memory."""
    assert node.primitive is not None
    shapes = [operand_shape(node, position) for position in range(len(node.operands))]
    is_vector = len(shapes) > 1 and len(shapes[1]) == 1  # only then, since NumPy 2.0
    rank = 1 if is_vector else _MADE[node.primitive]
    batch, made = node.shape[: len(node.shape) - rank], node.shape[len(node.shape) - rank :]
    outer, axes = loop_index(batch)
    works: list[Work] = []
    blocks = []
    for position, shape in enumerate(shapes):
        count = 1 if position and is_vector else 2
        blocks.append(_block(elements, node, position, outer, shape[-count:], works))
    inside, within = loop_index(made)
    work = Factored(
        node.primitive.name,
        n=shapes[0][-1],
        axes=[v for v in axes if v.extent != 1],
        out=_block_at(y, flat((*outer, *inside), y.shape), within),
        a=blocks[0],
        b=blocks[1] if len(blocks) > 1 else None,
        columns=shapes[1][-1] if len(blocks) > 1 and not is_vector else 1,
    )
    return [*works, work]


def _block(
    elements: Elements,
    node: Node,
    position: int,
    outer: Index,
    matrix: tuple[int, ...],
    works: list[Work],
) -> Block:
    """Give where the matrices of an operand lie; where they do not, a work copies them."""
    shape = operand_shape(node, position)
    stack = broadcast_index(shape[: len(shape) - len(matrix)], outer)
    inside, within = loop_index(matrix)
    element = converted(elements.operand(node, position, (*stack, *inside)), node.dtype)
    if isinstance(element, Load) and all(v.chosen is None for v, _ in element.place.terms):
        return _block_at(element.array, element.place, within)
    index, axes = loop_index(shape)
    copy = Array(f"copy{axes[0].number}", shape, node.dtype)
    value = converted(elements.operand(node, position, index), node.dtype)
    works.append(filling(copy, index, axes, value))
    return _block_at(copy, flat((*stack, *inside), shape), within)


def _block_at(array: Array, place: Affine, within: tuple[Var, ...]) -> Block:
    start = place
    for var in within:
        start = start.without(var)
    return Block(array, start, tuple(place.factor(var) for var in within))
