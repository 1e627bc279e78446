"""Fourier transforms along one axis: which are loops, and what these read and write."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clearprop.compile.affine import Affine, Var, flat
from clearprop.compile.elements import Elements, loop_index, operand_shape
from clearprop.compile.nests import Block, Fourier, Work, filling
from clearprop.compile.scalars import Array, Load, converted
from clearprop.graph import Node
from clearprop.kinds import FOURIER
from clearprop.primitive import Primitive

LONGEST = 4096  # of a line, which then lies in a cache with those beside it
_LARGEST_FACTOR = 13
_ALONE = 512  # of a line that has no others beside it, so that vectors are of no use


def _fourier(re: Any, im: Any, *, axis: int = -1, inverse: bool = False, norm: Any = None) -> Any:
    # Not re + 1j * im: the product would make a NaN of an infinite part.
    z = np.empty(np.broadcast_shapes(np.shape(re), np.shape(im)), np.result_type(re, im, 1j))
    z.real, z.imag = re, im
    y = (np.fft.ifft if inverse else np.fft.fft)(z, axis=axis, norm=norm)
    return np.stack([y.real, y.imag], -2)


#: Both parts of a transform, from both parts: the next to last axis of what it gives tells them
#: apart, so that rows stay rows, and neighbours neighbours.
TRANSFORM = Primitive(_fourier, name="fourier", symbol="F", kind=FOURIER)


def radices(n: int) -> list[int]:
    """Give the factors of a length in which it is transformed; the last may be large."""
    found = []
    for r in (4, 2, 3, 5, 7, 11, 13):
        while n % r == 0:
            found.append(r)
            n //= r
    return found + [n] * (n > 1)


def is_fast(shape: tuple[int, ...], axis: int) -> bool:
    """Whether lines along an axis have loops: short ones, of small factors."""
    n = shape[axis]
    if not 1 < n <= LONGEST or 0 in shape:
        return False
    return max(radices(n)) <= _LARGEST_FACTOR and (math.prod(shape) > n or n <= _ALONE)


def factor_of(work: Fourier) -> float:
    """Give what the sums are multiplied with."""
    whole = {None: work.inverse, "backward": work.inverse, "ortho": None}
    divides = whole.get(work.norm, not work.inverse)
    return 1 / math.sqrt(work.n) if divides is None else 1 / work.n if divides else 1.0


def of_lines(elements: Elements, node: Node, y: Array) -> list[Work]:
    """Give the work that fills the array ``y``, and those that copy what is not in memory."""
    shape = operand_shape(node, 0)
    given = node.attributes
    at = given["axis"] % len(shape)
    index, axes = loop_index(shape)
    line = axes[at]
    works: list[Work] = []
    blocks: list[Block | None] = []
    for position in (0, 1):
        if node.inputs[position] is None and not np.any(node.operands[position]):
            blocks.append(None)
            continue
        element = converted(elements.operand(node, position, index), node.dtype)
        if not (
            isinstance(element, Load) and all(v.chosen is None for v, _ in element.place.terms)
        ):
            inside, loops = loop_index(shape)
            copy = Array(f"copy{loops[0].number}", shape, node.dtype)
            value = converted(elements.operand(node, position, inside), node.dtype)
            works.append(filling(copy, inside, loops, value))
            element = Load(copy, flat(index, shape))
        blocks.append(_line(element.array, element.place, line))
    first = flat((*index[:-1], Affine(), index[-1]), y.shape)
    second = flat((*index[:-1], Affine((), 1), index[-1]), y.shape)
    out = _line(y, first, line)
    out.strides = ((second - first).constant, *out.strides)
    others = [v for k, v in enumerate(axes) if k != at and v.extent != 1]
    re, im = blocks
    return [*works, Fourier(shape[at], others, out, re, im, given["inverse"], given.get("norm"))]


def _line(array: Array, place: Affine, along: Var) -> Block:
    return Block(array, place.without(along), (place.factor(along),))
