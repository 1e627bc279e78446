"""The gradient of a convolution's weights as machine code."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.grids import Grid, Pair, write_clear, write_grid
from clearprop.compile.machine.tiles import Packing, strips, tile_cost, write_pack
from clearprop.compile.machine.vectors import INDEX, POINTER, Piece, Vectors, constant, pieces
from clearprop.compile.machine.windows import Convolution, padded, sizes, x_grid


@functools.cache
def _weights_plan(spec: Convolution, processor: Processor) -> tuple[int, int, int]:
    """Choose the tile of W: so many channels, taps of each, and vectors of outputs."""
    lanes = processor.lanes(np.dtype(spec.dtype).itemsize)
    F, C, kh, kw = spec.W
    F, taps = F // spec.groups, kh * kw
    count = -(-F // lanes)

    def cost(choice: tuple[int, int, int]) -> float:
        channels, some, vectors = choice
        rows = [m * t for m in strips(C, channels) for t in strips(taps, some)]
        wide = strips(F, vectors * lanes)
        return sum(tile_cost(h, n / lanes) for h in rows for n in wide)

    choices = [
        (channels, some, vectors)
        for vectors in range(1, count + 1)
        for some in range(1, taps + 1)
        for channels in range(1, C + 1 if some == taps else 2)
        if (channels * some + 1) * vectors + 1 <= processor.registers
    ]
    return min(choices, key=cost)


def write_weights(
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
    """Write W from x and dy: vectors lie along the outputs f, of which dy gets side by side."""
    lanes, masks = processor.lanes(v.dtype.itemsize), processor.vector_bytes > 16
    g = x_grid(spec)
    F, C, kh, kw = spec.W
    F //= spec.groups
    taps = kh * kw
    _, rows, columns = spec.y
    size, pixels, _ = sizes(spec, processor)
    dy_t, sums = v.at(scratch, size), v.at(scratch, size + pixels)
    wide = padded(spec, lanes, masks)
    places = [
        g.offset(u * spec.dilation[0], w * spec.dilation[1]) for u in range(kh) for w in range(kw)
    ]
    some_channels, some_taps, vectors = _weights_plan(spec, processor)
    panels = [
        (at, pieces(min(vectors * lanes, F - at), lanes, masks=masks))
        for at in range(0, F, vectors * lanes)
    ]
    made: dict[Any, Any] = {}

    def tile(channels: int, first: int, count: int, parts: list[Piece]) -> Any:
        key = (channels, first, count, tuple(parts))
        if key not in made:
            w, (to, image, right) = v.function(f"{name}.{len(made)}", [POINTER] * 3)
            offsets = [
                (c * taps + t, c * g.channel + places[t])
                for c in range(channels)
                for t in range(first, first + count)
            ]
            _write_weights_tile(w, g, (rows, columns), offsets, parts, wide, to, image, right)
            w.b.ret_void()
            made[key] = w.b.function
        return made[key]

    pack, (to, source, count) = v.function(f"{name}.dy", [POINTER, POINTER, INDEX])
    write_pack(pack, to, source, count, Packing(wide, F, rows * columns, 1, lanes, masks))
    pack.b.ret_void()

    if size:
        write_clear(v, scratch, g.items(lanes), lanes)
    write_clear(v, sums, spec.groups * wide * C * taps, lanes)

    def sample(n: Any) -> None:
        images = v.at(x, v.scaled(n, int(np.prod(spec.x))))
        right = v.at(dy, v.scaled(n, int(np.prod(spec.y))))
        if size:
            write_grid(v, g, scratch, images, lanes, masks=masks)
            images = scratch

        def group(k: Any) -> None:
            of_group = v.at(right, v.scaled(k, F * rows * columns))
            v.b.call(pack.b.function, [dy_t, of_group, constant(rows * columns)])
            for at, parts in panels:

                def channel(c: Any, channels: int, at: int = at, parts: Any = parts) -> None:
                    to = v.at(sums, v.scaled(v.b.add(v.scaled(k, C), c), taps * wide))
                    image = v.at(images, v.scaled(v.b.add(v.scaled(k, C), c), g.channel))
                    for first in range(0, taps, some_taps):
                        call = tile(channels, first, min(some_taps, taps - first), parts)
                        v.b.call(call, [v.at(to, at), image, v.at(dy_t, at)])

                v.strips(C, some_channels, channel)

        v.loop(constant(0), constant(spec.groups), group)

    v.loop(start, stop, sample)

    # the sums lie as (group, channel, tap, output)
    block = min(8, lanes)

    def group(k: Any) -> None:
        begin = v.at(sums, v.scaled(k, C * taps * wide))
        end = v.at(out, v.scaled(k, F * C * taps))

        def some(q: Any, count: int) -> None:
            title = f"{name}.out.{count}"
            if title not in made:
                w, (to, source, number) = v.function(title, [POINTER, POINTER, INDEX])
                packing = Packing(count, count, wide, 1, lanes, masks, row=C * taps)
                write_pack(w, to, source, number, packing)
                w.b.ret_void()
                made[title] = w.b.function
            v.b.call(made[title], [v.at(end, q), v.at(begin, v.scaled(q, wide)), constant(F)])

        v.strips(C * taps, block, some)

    v.loop(constant(0), constant(spec.groups), group)


def _write_weights_tile(
    v: Vectors,
    g: Grid,
    size: Pair,
    offsets: list[tuple[int, int]],
    parts: list[Piece],
    wide: int,
    to: Any,
    image: Any,
    right: Any,
) -> None:
    """Write one sample's sums for some places of the window and some outputs, added to `to`."""
    rows, columns = size
    scalar = Piece(0, 1, 1)

    def row(i: Any, *values: Any) -> list[Any]:
        begin, vectors = v.at(image, v.scaled(i, g.row)), v.at(right, v.scaled(i, columns * wide))

        def pixel(j: Any, *sums: Any) -> list[Any]:
            here, there = v.at(begin, j), v.at(vectors, v.scaled(j, wide))
            read = [v.load(v.at(there, p.offset), Piece(0, p.width, p.width)) for p in parts]
            new = []
            for t, (_, place) in enumerate(offsets):
                one = v.load(v.at(here, place), scalar)
                for n, y in enumerate(read):
                    x = v.splat(one, parts[n].width)
                    new.append(v.multiply_add(x, y, sums[t * len(parts) + n]))
            return new

        # one pixel a turn: neighbours share elements of x, and LLVM would keep them and run out of
        # registers
        return v.loop(constant(0), constant(columns), pixel, list(values))

    sums = [v.zero(p.width) for _ in offsets for p in parts]
    sums = v.loop(constant(0), constant(rows), row, sums)
    for t, (place, _) in enumerate(offsets):
        for n, p in enumerate(parts):
            at = v.at(to, place * wide + p.offset)
            whole = Piece(0, p.width, p.width)
            v.store(v.b.fadd(v.load(at, whole), sums[t * len(parts) + n]), at, whole)
