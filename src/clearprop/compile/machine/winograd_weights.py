"""The gradient of 3×3 windows with 16 multiplications for a 2×2 tile instead of 36.

``dW = Gᵀ[Σ (A dy Aᵀ) ⊙ (Bᵀ d B)]G``, the transpose of what `winograd` says: the sums over tiles and
samples of the 16 elementwise products are 16 matrix products. Vectors lie along the channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.grids import write_clear
from clearprop.compile.machine.matmul import write_matmul
from clearprop.compile.machine.products import Product, scratch_bytes
from clearprop.compile.machine.vectors import Piece, Vectors, constant
from clearprop.compile.machine.windows import Convolution
from clearprop.compile.machine.winograd_tiles import (
    Images,
    along,
    inputs_column,
    pack,
    padded,
    side_by_side,
    write_transformed,
)


@dataclass(frozen=True)
class _Layout:
    """Where everything is; sizes in elements."""

    x: Images
    dy: Images
    tall: int
    across: int
    together: int  # samples of one product
    sizes: tuple[int, ...]  # x, dy, their dense copies, both transformed, the sums, the products'

    def plane(self, images: Images) -> int:
        """The distance of the 16 planes of transformed tiles."""
        return self.together * self.tall * self.across * images.wide + 16

    @property
    def sums(self) -> int:
        """The distance of the 16 planes of sums."""
        return self.dy.channels * self.x.wide + 16

    def product(self, dtype: str, samples: int) -> Product:
        """Describe the sum over the tiles of some samples."""
        F, tiles = self.dy.channels, samples * self.tall * self.across
        wide = self.x.wide
        return Product(
            F, wide, tiles, dtype, 1, self.dy.wide, wide, 1, wide, accumulate=True, k_block=tiles
        )


def _layout(spec: Convolution, processor: Processor) -> _Layout:
    itemsize = np.dtype(spec.dtype).itemsize
    (C, height, width), (F, rows, columns) = spec.x, spec.y
    tall, across = -(-rows // 2), -(-columns // 2)

    x = Images(
        C,
        height,
        width,
        *spec.padding,
        2 * tall + 2,
        2 * across + 2,
        padded(C, spec.dtype, processor),
    )
    dy = Images(F, rows, columns, 0, 0, 2 * tall, 2 * across, padded(F, spec.dtype, processor))
    together = max(1, 64 // (tall * across))
    bare = _Layout(x, dy, tall, across, together, ())
    products = {bare.product(spec.dtype, n) for n in (1, together)}
    sizes = (
        x.items,
        dy.items,
        max(x.dense, dy.dense),
        16 * bare.plane(x),
        16 * bare.plane(dy),
        16 * bare.sums,
        max(scratch_bytes(product, processor) for product in products) // itemsize,
    )
    whole = tuple(-(-size // 16) * 16 for size in sizes)
    return _Layout(x, dy, tall, across, together, whole)


def winograd_weights_scratch_bytes(spec: Convolution, processor: Processor) -> int:
    """Give the size of the memory that one call needs beside its arguments."""
    return sum(_layout(spec, processor).sizes) * np.dtype(spec.dtype).itemsize


def write_winograd_weights(
    v: Vectors,
    name: str,
    spec: Convolution,
    processor: Processor,
    out: Any,
    x: Any,
    dy: Any,
    scratch: Any,
    start: Any,
    stop: Any,
) -> None:
    """Write W from x and dy."""
    at, b = _layout(spec, processor), v.b
    lanes = processor.lanes(v.dtype.itemsize)
    images, gradients, dense, left, right, sums, rest = (
        v.at(scratch, sum(at.sizes[:n])) for n in range(len(at.sizes))
    )
    packs = [pack(v, f"{name}.{n}", g) for n, g in enumerate((at.x, at.dy))]
    products = {}
    for count in {1, at.together}:
        product = at.product(spec.dtype, count)
        products[count] = write_matmul(b.module, f"{name}.product{count}", product, processor)
        products[count].linkage = "internal"
    write_clear(v, images, at.x.items, lanes)
    write_clear(v, gradients, at.dy.items, lanes)
    write_clear(v, sums, at.sizes[5], lanes)

    def spread(d: list[Any]) -> list[Any]:
        return [d[0], b.fadd(d[0], d[1]), b.fsub(d[0], d[1]), b.fneg(d[1])]

    def samples(n: Any, count: int) -> None:
        def one(k: Any) -> None:
            which = b.add(n, k)
            for g, copy, source, to in (
                (at.x, packs[0], x, images),
                (at.dy, packs[1], dy, gradients),
            ):
                begin = v.at(source, v.scaled(which, g.channels * g.height * g.width))
                side_by_side(v, g, copy, begin, to, dense, lanes)
            size = (at.tall, at.across)
            for g, column, taps, source, to in (
                (at.x, inputs_column(v), 4, images, left),
                (at.dy, spread, 2, gradients, right),
            ):
                begin = v.at(to, v.scaled(k, at.tall * at.across * g.wide))
                write_transformed(v, column, g, size, taps, source, begin, at.plane(g), lanes)

        v.loop(constant(0), constant(count), one)

        def multiply(k: Any) -> None:
            of_dy, of_x = (
                v.at(p, v.scaled(k, at.plane(g))) for p, g in ((right, at.dy), (left, at.x))
            )
            to = v.at(sums, v.scaled(k, at.sums))
            F = constant(at.dy.channels)
            b.call(products[count], [to, of_dy, of_x, of_x, rest, constant(0), F])

        v.loop(constant(0), constant(16), multiply)

    v.rows(start, stop, sorted({at.together, 1}, reverse=True), samples)
    _write_result(v, at, sums, out, lanes)


def _write_result(v: Vectors, at: _Layout, sums: Any, out: Any, lanes: int) -> None:
    """Write ``Gᵀ m G`` for all outputs and channels."""
    add, subtract = v.b.fadd, v.b.fsub
    C = at.x.channels

    def column(m: list[Any]) -> list[Any]:
        h = v.splat(v.constant(0.5), getattr(m[0].type, "count", 1))
        both = v.b.fmul(h, add(m[1], m[2]))
        return [add(m[0], both), v.b.fmul(h, subtract(m[1], m[2])), add(both, m[3])]

    def output(f: Any) -> None:
        begin, end = v.at(sums, v.scaled(f, at.x.wide)), v.at(out, v.scaled(f, C * 9))

        def part(c: Any, width: int) -> None:
            piece = Piece(0, width, width)
            here = v.at(begin, c)
            columns = [
                column([v.load(v.at(here, (4 * r + s) * at.sums), piece) for r in range(4)])
                for s in range(4)
            ]
            to = v.at(end, v.scaled(c, 9))
            for r in range(3):
                for s, value in enumerate(column([columns[n][r] for n in range(4)])):
                    v.store_strided(value, v.at(to, 3 * r + s), 9)

        along(v, C, lanes, part)

    v.loop(constant(0), constant(at.dy.channels), output)
