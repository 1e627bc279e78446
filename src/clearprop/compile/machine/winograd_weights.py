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
from clearprop.compile.machine.tiles import Packing, write_pack
from clearprop.compile.machine.vectors import POINTER, Piece, Vectors, constant, pieces
from clearprop.compile.machine.windows import Convolution


@dataclass(frozen=True)
class _Images:
    """Images of one sample with their channels side by side, and zeros around them."""

    channels: int
    height: int
    width: int
    top: int
    left: int
    rows: int
    row: int  # how many pixels
    wide: int  # the channels, with what fills the last vector

    @property
    def as_it_is(self) -> bool:
        """Whether there are no zeros around the images."""
        return (self.height, self.width) == (self.rows, self.row) and not (self.top or self.left)

    @property
    def items(self) -> int:
        """The size of the copy."""
        return self.rows * self.row * self.wide

    @property
    def dense(self) -> int:
        """The size of the copy without zeros around it."""
        return 0 if self.as_it_is else self.height * self.width * self.wide


@dataclass(frozen=True)
class _Layout:
    """Where everything is; sizes in elements."""

    x: _Images
    dy: _Images
    tall: int
    across: int
    together: int  # samples of one product
    sizes: tuple[int, ...]  # x, dy, their dense copies, both transformed, the sums, the products'

    def plane(self, images: _Images) -> int:
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
    lanes, masks = processor.lanes(itemsize), processor.vector_bytes > 16
    (C, height, width), (F, rows, columns) = spec.x, spec.y
    tall, across = -(-rows // 2), -(-columns // 2)

    def padded(count: int) -> int:
        return sum(piece.width for piece in pieces(count, lanes, masks=masks))

    x = _Images(C, height, width, *spec.padding, 2 * tall + 2, 2 * across + 2, padded(C))
    dy = _Images(F, rows, columns, 0, 0, 2 * tall, 2 * across, padded(F))
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
    packs = [_pack(v, f"{name}.{n}", g) for n, g in enumerate((at.x, at.dy))]
    products = {}
    for count in {1, at.together}:
        product = at.product(spec.dtype, count)
        products[count] = write_matmul(b.module, f"{name}.product{count}", product, processor)
        products[count].linkage = "internal"
    write_clear(v, images, at.x.items, lanes)
    write_clear(v, gradients, at.dy.items, lanes)
    write_clear(v, sums, at.sizes[5], lanes)

    def samples(n: Any, count: int) -> None:
        def one(k: Any) -> None:
            which = b.add(n, k)
            for g, pack, source, to in (
                (at.x, packs[0], x, images),
                (at.dy, packs[1], dy, gradients),
            ):
                begin = v.at(source, v.scaled(which, g.channels * g.height * g.width))
                _side_by_side(v, g, pack, begin, to, dense, lanes)
            tiles = at.tall * at.across
            _transform(v, at, at.x, images, v.at(left, v.scaled(k, tiles * at.x.wide)), lanes)
            _transform(v, at, at.dy, gradients, v.at(right, v.scaled(k, tiles * at.dy.wide)), lanes)

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


def _pack(v: Vectors, name: str, g: _Images) -> Any:
    """Give the function that puts the channels of a sample side by side."""
    w, (to, source) = v.function(name, [POINTER] * 2)
    lanes, masks = v.processor.lanes(v.dtype.itemsize), v.processor.vector_bytes > 16
    pixels = g.height * g.width
    packing = Packing(g.wide, g.channels, pixels, 1, lanes, masks)
    write_pack(w, to, source, constant(pixels), packing)
    w.b.ret_void()
    return w.b.function


def _side_by_side(
    v: Vectors, g: _Images, pack: Any, source: Any, to: Any, dense: Any, lanes: int
) -> None:
    """Write the copy of one sample's images, inside of zeros that are there already."""
    if g.as_it_is:
        v.b.call(pack, [to, source])
        return
    v.b.call(pack, [dense, source])
    items = min(g.width, g.row - g.left) * g.wide

    def row(i: Any) -> None:
        begin = v.at(dense, v.scaled(i, g.width * g.wide))
        end = v.at(to, v.scaled(v.b.add(i, constant(g.top)), g.row * g.wide))
        end = v.at(end, g.left * g.wide)
        whole = items - items % lanes

        def part(j: Any, width: int) -> None:
            piece = Piece(0, width, width)
            v.store(v.load(v.at(begin, j), piece), v.at(end, j), piece)

        v.loop(constant(0), constant(whole), lambda j: part(j, lanes), step=lanes)
        for piece in pieces(items - whole, lanes, masks=False):
            part(constant(whole + piece.offset), piece.width)

    v.loop(constant(0), constant(min(g.height, g.rows - g.top)), row)


def _along(v: Vectors, count: int, lanes: int, part: Any) -> None:
    """Visit all channels by vectors."""
    whole = count - count % lanes
    v.loop(constant(0), constant(whole), lambda c: part(c, lanes), step=lanes)
    for piece in pieces(count - whole, lanes, masks=False):
        part(constant(whole + piece.offset), piece.width)


def _transform(v: Vectors, at: _Layout, g: _Images, source: Any, to: Any, lanes: int) -> None:
    """Write ``Bᵀ d B`` of the tiles of x, or ``A dy Aᵀ`` of those of dy."""
    add, subtract = v.b.fadd, v.b.fsub
    of_x = g is at.x
    size = 4 if of_x else 2

    def column(d: list[Any]) -> list[Any]:
        if of_x:
            first, last = subtract(d[0], d[2]), subtract(d[1], d[3])
            return [first, add(d[1], d[2]), subtract(d[2], d[1]), last]
        return [d[0], add(d[0], d[1]), subtract(d[0], d[1]), v.b.fneg(d[1])]

    def tile(i: Any, j: Any) -> None:
        pixel = v.b.add(v.scaled(i, 2 * g.row), v.scaled(j, 2))
        number = v.b.add(v.scaled(i, at.across), j)
        begin, end = v.at(source, v.scaled(pixel, g.wide)), v.at(to, v.scaled(number, g.wide))

        def part(c: Any, width: int) -> None:
            piece = Piece(0, width, width)
            here, there = v.at(begin, c), v.at(end, c)
            columns = [
                column([v.load(v.at(here, (r * g.row + s) * g.wide), piece) for r in range(size)])
                for s in range(size)
            ]
            for r in range(4):
                for s, value in enumerate(column([columns[n][r] for n in range(size)])):
                    v.store(value, v.at(there, (4 * r + s) * at.plane(g)), piece)

        _along(v, g.wide, lanes, part)

    def row(i: Any) -> None:
        v.loop(constant(0), constant(at.across), lambda j: tile(i, j))

    v.loop(constant(0), constant(at.tall), row)


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

        _along(v, C, lanes, part)

    v.loop(constant(0), constant(at.dy.channels), output)
