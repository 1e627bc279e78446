"""Convolutions by 3×3 windows with 16 multiplications for four outputs instead of 36.

The four outputs of a 2×2 tile are ``Aᵀ[(G w Gᵀ) ⊙ (Bᵀ d B)]A`` of its 4×4 inputs d; the sums over
channels of the 16 elementwise products are 16 matrix products.

Source
------
A. Lavin, S. Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015, section 4.1, there
F(2×2, 3×3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.grids import Grid, grid, write_clear, write_grid
from clearprop.compile.machine.matmul import write_matmul
from clearprop.compile.machine.products import Product, scratch_bytes
from clearprop.compile.machine.vectors import Piece, Vectors, constant, pieces
from clearprop.compile.machine.windows import Convolution


def fits(spec: Convolution) -> bool:
    """Say whether a convolution can be computed so: 3×3, step 1, one group."""
    return (
        spec.W[2:] == (3, 3)
        and spec.stride == spec.dilation == (1, 1)
        and spec.groups == 1
        and max(spec.padding) <= 2
    )


@dataclass(frozen=True)
class _Layout:
    """Where everything is; sizes in elements."""

    grid: Grid
    channels: int
    outputs: int
    rows: int
    columns: int
    tiles: int
    step: int  # from a row of transformed tiles to the next
    product: Product
    sizes: tuple[int, ...]  # grid, weights, transformed inputs, transformed outputs, the product's

    @property
    def inputs(self) -> int:
        """The distance of the 16 planes of inputs; odd multiples of a line spread over a cache."""
        return self.channels * self.step + 16

    @property
    def results(self) -> int:
        """The distance of the 16 planes of outputs."""
        return self.outputs * self.step + 16


def _layout(spec: Convolution, processor: Processor) -> _Layout:
    to_y = spec.target == "y"
    source, target = (spec.x, spec.y) if to_y else (spec.y, spec.x)
    ph, pw = spec.padding if to_y else (2 - spec.padding[0], 2 - spec.padding[1])
    outputs, rows, columns = target
    tall, wide = -(-rows // 2), -(-columns // 2)
    g = grid(source, (ph, pw), (tall + 1, wide + 1), (2, 2))
    tiles = (tall - 1) * g.row + wide
    lanes = processor.lanes(np.dtype(spec.dtype).itemsize)
    step = -(-tiles // lanes) * lanes
    channels = source[0]
    product = Product(outputs, tiles, channels, spec.dtype, channels, 1, step, 1, step)
    itemsize = np.dtype(spec.dtype).itemsize
    sizes = (
        -(-(g.items(lanes) + lanes) // 16) * 16,
        16 * -(-outputs * channels // 16) * 16,
        16 * (channels * step + 16),
        16 * (outputs * step + 16),
        scratch_bytes(product, processor) // itemsize,
    )
    return _Layout(g, channels, outputs, rows, columns, tiles, step, product, sizes)


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
    at = _layout(spec, processor)
    lanes, masks = processor.lanes(v.dtype.itemsize), processor.vector_bytes > 16
    images, weights, inputs, results, rest = (
        v.at(scratch, sum(at.sizes[:n])) for n in range(len(at.sizes))
    )
    product = write_matmul(v.b.module, f"{name}.product", at.product, processor)
    product.linkage = "internal"
    source = at.channels * at.grid.height * at.grid.width
    target = at.outputs * at.rows * at.columns
    write_clear(v, images, at.grid.items(lanes) + lanes, lanes)
    _write_weights(v, spec, at, W, weights, lanes)

    def sample(n: Any) -> None:
        write_grid(v, at.grid, images, v.at(a, v.scaled(n, source)), lanes, masks=masks)
        _write_inputs(v, at, images, inputs, lanes)

        def multiply(k: Any) -> None:
            one = v.at(weights, v.scaled(k, at.sizes[1] // 16))
            left, right = (
                v.at(inputs, v.scaled(k, at.inputs)),
                v.at(results, v.scaled(k, at.results)),
            )
            v.b.call(product, [right, one, left, left, rest, constant(0), constant(at.outputs)])

        v.loop(constant(0), constant(16), multiply)
        _write_outputs(v, at, results, v.at(out, v.scaled(n, target)), lanes, masks=masks)

    v.loop(start, stop, sample)


def _write_weights(v: Vectors, spec: Convolution, at: _Layout, W: Any, to: Any, lanes: int) -> None:
    """Write ``G w Gᵀ`` for all outputs and channels; vectors lie along the channels."""
    C = spec.W[1]
    forward = spec.target == "y"
    w_output, w_channel = (C * 9, 9) if forward else (9, C * 9)
    half = v.constant(0.5)

    def column(w: list[Any]) -> list[Any]:
        first = v.b.fadd(w[0], w[2])
        h = v.splat(half, getattr(first.type, "count", 1))
        return [
            w[0],
            v.b.fmul(h, v.b.fadd(first, w[1])),
            v.b.fmul(h, v.b.fsub(first, w[1])),
            w[2],
        ]

    def output(o: Any) -> None:
        row, end = v.at(W, v.scaled(o, w_output)), v.at(to, v.scaled(o, at.channels))

        def part(k: Any, width: int) -> None:
            begin = v.at(row, v.scaled(k, w_channel))
            taps = [v.load_strided(v.at(begin, t), width, w_channel) for t in range(9)]
            taps = taps if forward else taps[::-1]
            columns = [column([taps[3 * u + w] for u in range(3)]) for w in range(3)]
            for i in range(4):
                for j, value in enumerate(column([columns[w][i] for w in range(3)])):
                    plane = v.at(v.at(end, (4 * i + j) * (at.sizes[1] // 16)), k)
                    v.store(value, plane, Piece(0, width, width))

        whole = at.channels - at.channels % lanes
        v.loop(constant(0), constant(whole), lambda k: part(k, lanes), step=lanes)
        for piece in pieces(at.channels - whole, lanes, masks=False):
            part(constant(whole + piece.offset), piece.width)

    v.loop(constant(0), constant(at.outputs), output)


def _write_inputs(v: Vectors, at: _Layout, images: Any, to: Any, lanes: int) -> None:
    """Write ``Bᵀ d B`` for all channels; vectors lie along the tiles, over the ends of rows."""
    add, subtract = v.b.fadd, v.b.fsub
    whole = Piece(0, lanes, lanes)

    def column(d: list[Any]) -> list[Any]:
        return [subtract(d[0], d[2]), add(d[1], d[2]), subtract(d[2], d[1]), subtract(d[1], d[3])]

    def channel(k: Any) -> None:
        begin, end = v.at(images, v.scaled(k, at.grid.channel)), v.at(to, v.scaled(k, at.step))

        def part(q: Any) -> None:
            here, there = v.at(begin, q), v.at(end, q)
            columns = [
                column([v.load(v.at(here, at.grid.offset(i, j)), whole) for i in range(4)])
                for j in range(4)
            ]
            for i in range(4):
                for j, value in enumerate(column([columns[n][i] for n in range(4)])):
                    v.store(value, v.at(there, (4 * i + j) * at.inputs), whole)

        v.loop(constant(0), constant(at.step), part, step=lanes)

    v.loop(constant(0), constant(at.channels), channel)


def _write_outputs(
    v: Vectors, at: _Layout, results: Any, out: Any, lanes: int, *, masks: bool
) -> None:
    """Write ``Aᵀ m A`` for all outputs: two rows of the image from each row of tiles."""
    add, subtract = v.b.fadd, v.b.fsub
    parts = pieces(-(-at.columns // 2), lanes, masks=masks)

    def column(m: list[Any]) -> list[Any]:
        return [add(add(m[0], m[1]), m[2]), subtract(subtract(m[1], m[2]), m[3])]

    def tiles(o: Any, i: Any, both: int) -> None:
        begin = v.at(v.at(results, v.scaled(o, at.step)), v.scaled(i, at.grid.row))
        end = v.at(v.at(out, v.scaled(o, at.rows * at.columns)), v.scaled(i, 2 * at.columns))
        for piece in parts:
            columns = [
                column(
                    [
                        v.load(v.at(begin, (4 * k + n) * at.results + piece.offset), piece)
                        for k in range(4)
                    ]
                )
                for n in range(4)
            ]
            used = min(2 * piece.used, at.columns - 2 * piece.offset)
            for u in range(both):
                even, odd = column([columns[n][u] for n in range(4)])
                place = v.at(end, u * at.columns + 2 * piece.offset)
                v.store_pairs(even, odd, place, used, masks=masks)

    def output(o: Any) -> None:
        v.loop(constant(0), constant(at.rows // 2), lambda i: tiles(o, i, 2))
        if at.rows % 2:
            tiles(o, constant(at.rows // 2), 1)

    v.loop(constant(0), constant(at.outputs), output)
