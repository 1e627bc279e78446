"""What works read, row by row or not, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clearprop.compile.affine import Affine, Var
from clearprop.compile.nests import (
    Block,
    Draw,
    Factored,
    Fourier,
    Nest,
    Packing,
    Product,
    Windows,
    Work,
    walked,
)
from clearprop.compile.scalars import Array


@dataclass
class Waiting:
    """Holds the place of a nest that is written when the number of blocks is known."""

    array: Array
    parts: Array

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [self.array]


def rows_of(work: Work) -> int:
    """Give the number of rows that a work can be cut into; 0 for none."""
    if isinstance(work, Nest):
        return work.row.extent if work.row is not None else 0
    if isinstance(work, Product):
        if work.by_rows:
            return work.sizes[0] if work.sizes[0] > 1 else 0
        return _leading(work.axes, work.c.array)
    if (
        isinstance(work, Fourier)
        and work.axes
        and work.out.place.factor(work.axes[0]) != work.out.array.row
    ):
        return 0  # the lines go from row to row
    if isinstance(work, Factored | Fourier):
        return _leading(work.axes, work.out.array)
    if isinstance(work, Packing):
        return work.parts if work.parts > 1 else 0
    if isinstance(work, Windows):
        return work.first.shape[0] if work.first.shape[0] > 1 else 0
    shape = work.out.shape if isinstance(work, Draw) else ()
    return shape[0] if shape and shape[0] > 1 else 0


def _leading(axes: list[Var], out: Array) -> int:
    """Give the length of the first loop, if it goes along the rows of what is written; else 0."""
    leads = bool(axes) and axes[0].extent == out.shape[0]
    return axes[0].extent if leads else 0


def reads(work: Any) -> list[tuple[Array, bool]]:
    """Give what a work reads, and whether a row of it depends on the same row alone."""
    if isinstance(work, Nest):
        return [(load.array, _is_by_row(load.array, load.place, work.row)) for load in work.loads()]
    if isinstance(work, Product):
        return _reads_of_product(work)
    if isinstance(work, Factored | Fourier):
        return _reads_of_blocks(work.axes, work.inputs)
    if isinstance(work, Packing):
        return [(work.product.b.array, False)]
    if isinstance(work, Windows):
        both = work.target == "W"
        return [(work.first, True), (work.second, both)]
    if isinstance(work, Draw):
        return [(work.key, False)]
    return [(work.parts, False)]


def _is_by_row(array: Array, place: Affine, row: Var | None, more: int = 0) -> bool:
    """Whether the elements at a place are those of the row itself; ``more`` follow it."""
    if row is None or not array.shape or array.shape[0] != row.extent:
        return False
    step = array.row
    rest = place.without(row)
    return place.factor(row) == step and rest.least >= 0 and rest.most + more < step


def _reads_of_product(work: Product) -> list[tuple[Array, bool]]:
    m, n, k = work.sizes
    if work.by_rows:
        a = work.a
        step = a.array.row if a.array.shape else 0
        last = a.place.most + (k - 1) * a.strides[1]
        is_local = (
            bool(a.array.shape)
            and a.array.shape[0] == m
            and a.strides[0] == step
            and a.strides[1] >= 0
            and a.place.least >= 0
            and last < step
        )
        return [(a.array, is_local), (work.packed or work.b.array, False)]
    return _reads_of_blocks(work.axes, [(work.a, (m, k)), (work.b, (k, n))])


def _reads_of_blocks(
    axes: list[Var], blocks: Sequence[tuple[Block, tuple[int, ...]]]
) -> list[tuple[Array, bool]]:
    row = axes[0] if axes else None
    found = []
    for block, shape in blocks:
        forward = all(s >= 0 for s in block.strides)
        more = sum((size - 1) * s for size, s in zip(shape, block.strides, strict=True))
        found.append((block.array, forward and _is_by_row(block.array, block.place, row, more)))
    return found


_PIVOT = 20  # operations that a division and the choice of a row are worth


def cost(work: Any) -> int:
    """Estimate the number of operations."""
    if isinstance(work, Nest):
        return math.prod(v.extent for v in work.axes) * max(len(walked(work.values())), 1)
    if isinstance(work, Product):
        return 2 * math.prod(work.sizes) * math.prod(v.extent for v in work.axes)
    if isinstance(work, Windows):
        W = {"y": work.second, "x": work.second, "W": work.out}[work.target]
        y = {"y": work.out, "x": work.first, "W": work.second}[work.target]
        return 2 * y.size * W.size // max(W.shape[0], 1)
    if isinstance(work, Packing):
        _, n, k = work.product.sizes
        return 2 * n * k
    if isinstance(work, Factored):
        columns = {"solve": work.columns, "inv": work.n}.get(work.name, 0)
        one = work.n * (_PIVOT + work.n * work.n + 2 * work.n * columns)
        return one * math.prod(v.extent for v in work.axes)
    if isinstance(work, Fourier):
        return round(5 * work.n * math.log2(work.n)) * math.prod(v.extent for v in work.axes)
    return sum(16 * array.size for array in work.outputs)


_CHANNELS = 16  # from which on a transformed convolution is faster


def is_transformed(work: Windows) -> bool:
    """Whether a convolution is made of fewer multiplications: 3×3, one step, many channels."""
    W = {"y": work.second, "x": work.second, "W": work.out}[work.target].shape[-4:]
    how = work.attributes
    return bool(
        tuple(W[2:]) == (3, 3)
        and tuple(how["stride"]) == tuple(how["dilation"]) == (1, 1)
        and how["groups"] == 1
        and max(how["padding"]) <= 2
        and min(W[:2]) >= _CHANNELS
    )
