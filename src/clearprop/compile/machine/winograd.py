"""Convolutions by 3×3 windows with 16 multiplications for four outputs instead of 36.

The four outputs of a 2×2 tile are ``Aᵀ[(G w Gᵀ) ⊙ (Bᵀ d B)]A`` of its 4×4 inputs d; the sums over
channels of the 16 elementwise products are 16 matrix products.

Source
------
A. Lavin, S. Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015, section 4.1, there
F(2×2, 3×3).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.grids import write_clear
from clearprop.compile.machine.matmul import write_matmul
from clearprop.compile.machine.products import Product, scratch_bytes
from clearprop.compile.machine.tiles import Packing, write_pack
from clearprop.compile.machine.vectors import INDEX, POINTER, Piece, Vectors, constant
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


def fits(spec: Convolution) -> bool:
    """Say whether a convolution can be computed so: 3×3, step 1, one group."""
    return (
        spec.W[2:] == (3, 3)
        and spec.stride == spec.dilation == (1, 1)
        and spec.groups == 1
        and max(spec.padding) <= 2
    )


def pays(spec: Convolution) -> bool:
    """Say whether it is faster so: where there are channels enough to outweigh the transforms."""
    return fits(spec) and min(spec.W[:2]) >= 16


@dataclass(frozen=True)
class _Layout:
    """Where everything is; sizes in elements."""

    images: Images
    outputs: int
    rows: int
    columns: int
    wide: int  # the outputs, with what fills the last vector
    tall: int
    across: int
    together: int  # samples of one product
    product: Product
    sizes: tuple[int, ...]  # images, their dense copy, weights, inputs, results, y, the product's

    @property
    def tiles(self) -> int:
        """The tiles of a sample."""
        return self.tall * self.across

    @property
    def weights(self) -> int:
        """The distance of the 16 planes of weights."""
        return self.images.channels * self.wide + 16

    @property
    def inputs(self) -> int:
        """The distance of the 16 planes of inputs."""
        return self.together * self.tiles * self.images.wide + 16

    @property
    def results(self) -> int:
        """The distance of the 16 planes of results."""
        return self.together * self.tiles * self.wide + 16


def _layout(spec: Convolution, processor: Processor) -> _Layout:
    to_y = spec.target == "y"
    source, target = (spec.x, spec.y) if to_y else (spec.y, spec.x)
    ph, pw = spec.padding if to_y else (2 - spec.padding[0], 2 - spec.padding[1])
    outputs, rows, columns = target
    tall, across = -(-rows // 2), -(-columns // 2)
    channels = padded(source[0], spec.dtype, processor)
    images = Images(*source, ph, pw, 2 * tall + 2, 2 * across + 2, channels)
    wide = padded(outputs, spec.dtype, processor)
    together = max(1, 64 // (tall * across))
    count = together * tall * across
    product = Product(count, wide, source[0], spec.dtype, channels, 1, wide, 1, wide)
    bare = _Layout(images, outputs, rows, columns, wide, tall, across, together, product, ())
    sizes = (
        images.items,
        images.dense,
        16 * bare.weights,
        16 * bare.inputs,
        16 * bare.results,
        rows * columns * wide,
        scratch_bytes(product, processor) // np.dtype(spec.dtype).itemsize,
    )
    return dataclasses.replace(bare, sizes=tuple(-(-size // 16) * 16 for size in sizes))


def winograd_scratch_bytes(spec: Convolution, processor: Processor) -> int:
    """Give the size of the memory that one call needs beside its arguments."""
    return sum(_layout(spec, processor).sizes) * np.dtype(spec.dtype).itemsize


def write_winograd(
    v: Vectors,
    name: str,
    spec: Convolution,
    processor: Processor,
    out: Any,
    a: Any,
    W: Any,
    scratch: Any,
    start: Any,
    stop: Any,
) -> None:
    """Write y from x and W, or x from dy and W."""
    at, b = _layout(spec, processor), v.b
    lanes = processor.lanes(v.dtype.itemsize)
    images, dense, weights, inputs, results, y, rest = (
        v.at(scratch, sum(at.sizes[:n])) for n in range(len(at.sizes))
    )
    g = at.images
    product = write_matmul(b.module, f"{name}.product", at.product, processor)
    product.linkage = "internal"
    copy = pack(v, f"{name}.copy", g)
    write_clear(v, images, g.items, lanes)
    write_clear(v, weights, at.sizes[2], lanes)
    _write_weights(v, spec, at, W, weights, lanes)
    write_y = _y_writer(v, f"{name}.y", at)

    def samples(n: Any, count: int) -> None:
        def one(k: Any) -> None:
            begin = v.at(a, v.scaled(b.add(n, k), g.channels * g.height * g.width))
            side_by_side(v, g, copy, begin, images, dense, lanes)
            to = v.at(inputs, v.scaled(k, at.tiles * g.wide))
            tiles = (at.tall, at.across)
            write_transformed(v, inputs_column(v), g, tiles, 4, images, to, at.inputs, lanes)

        def multiply(k: Any) -> None:
            left, right, to = (
                v.at(p, v.scaled(k, plane))
                for p, plane in ((inputs, at.inputs), (weights, at.weights), (results, at.results))
            )
            b.call(product, [to, left, right, right, rest, constant(0), constant(count * at.tiles)])

        def back(k: Any) -> None:
            _write_outputs(v, at, v.at(results, v.scaled(k, at.tiles * at.wide)), y, lanes)
            size = at.outputs * at.rows * at.columns
            b.call(write_y, [v.at(out, v.scaled(b.add(n, k), size)), y])

        v.loop(constant(0), constant(count), one)
        v.loop(constant(0), constant(16), multiply)
        v.loop(constant(0), constant(count), back)

    v.rows(start, stop, sorted({at.together, 1}, reverse=True), samples)


def _write_weights(v: Vectors, spec: Convolution, at: _Layout, W: Any, to: Any, lanes: int) -> None:
    """Write ``G w Gᵀ`` for all channels and outputs; vectors lie along the outputs."""
    C = spec.W[1]
    forward = spec.target == "y"
    w_output, w_channel = (C * 9, 9) if forward else (9, C * 9)

    def column(w: list[Any]) -> list[Any]:
        half = v.splat(v.constant(0.5), getattr(w[0].type, "count", 1))
        ends = v.b.fadd(w[0], w[2])
        middle = [op(ends, w[1]) for op in (v.b.fadd, v.b.fsub)]
        return [w[0], *(v.b.fmul(half, value) for value in middle), w[2]]

    def channel(k: Any) -> None:
        row, end = v.at(W, v.scaled(k, w_channel)), v.at(to, v.scaled(k, at.wide))

        def part(o: Any, width: int) -> None:
            begin = v.at(row, v.scaled(o, w_output))
            taps = [v.load_strided(v.at(begin, t), width, w_output) for t in range(9)]
            taps = taps if forward else taps[::-1]
            columns = [column([taps[3 * u + w] for u in range(3)]) for w in range(3)]
            for i in range(4):
                for j, value in enumerate(column([columns[w][i] for w in range(3)])):
                    plane = v.at(v.at(end, (4 * i + j) * at.weights), o)
                    v.store(value, plane, Piece(0, width, width))

        along(v, at.outputs, lanes, part)

    v.loop(constant(0), constant(at.images.channels), channel)


def _write_outputs(v: Vectors, at: _Layout, results: Any, y: Any, lanes: int) -> None:
    """Write ``Aᵀ m A`` for all outputs, which lie side by side; the last tiles may be cut."""
    add, subtract = v.b.fadd, v.b.fsub

    def column(m: list[Any]) -> list[Any]:
        return [add(add(m[0], m[1]), m[2]), subtract(subtract(m[1], m[2]), m[3])]

    def tile(i: Any, j: Any, rows: int, columns: int) -> None:
        number = v.b.add(v.scaled(i, at.across), j)
        pixel = v.b.add(v.scaled(i, 2 * at.columns), v.scaled(j, 2))
        begin, end = v.at(results, v.scaled(number, at.wide)), v.at(y, v.scaled(pixel, at.wide))

        def part(o: Any, width: int) -> None:
            piece, here = Piece(0, width, width), v.at(begin, o)
            found = [
                column([v.load(v.at(here, (4 * r + s) * at.results), piece) for r in range(4)])
                for s in range(4)
            ]
            for r in range(rows):
                both = column([found[n][r] for n in range(4)])
                for s, value in enumerate(both[:columns]):
                    v.store(value, v.at(v.at(end, (r * at.columns + s) * at.wide), o), piece)

        along(v, at.wide, lanes, part)

    def row(i: Any, rows: int) -> None:
        v.loop(constant(0), constant(at.columns // 2), lambda j: tile(i, j, rows, 2))
        if at.columns % 2:
            tile(i, constant(at.columns // 2), rows, 1)

    v.loop(constant(0), constant(at.rows // 2), lambda i: row(i, 2))
    if at.rows % 2:
        row(constant(at.rows // 2), 1)


def _y_writer(v: Vectors, name: str, at: _Layout) -> Any:
    """Give the function that puts one sample's outputs one after the other: (y, side by side)."""
    w, (to, source) = v.function(name, [POINTER] * 2)
    lanes, masks = v.processor.lanes(v.dtype.itemsize), v.processor.vector_bytes > 16
    pixels = at.rows * at.columns

    def some(q: Any, count: int) -> None:
        inner, (end, begin, number) = w.function(f"{name}.{count}", [POINTER, POINTER, INDEX])
        packing = Packing(count, count, at.wide, 1, lanes, masks, row=pixels)
        write_pack(inner, end, begin, number, packing)
        inner.b.ret_void()
        place = w.at(source, w.scaled(q, at.wide))
        w.b.call(inner.b.function, [w.at(to, q), place, constant(at.outputs)])

    w.strips(pixels, min(8, lanes), some)
    w.b.ret_void()
    return w.b.function
