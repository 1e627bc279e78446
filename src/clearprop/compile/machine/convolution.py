"""Convolutions of known shapes as machine code: each of y, x and W from the other two.

``y[n,f,i,j] = Σ x[n,c,i·s + u·d - p, j·s + v·d - p] · W[f,c,u,v]``, arrays in the order N, C, H, W.
No matrix of windows is made. One sample's images are copied, with their padding, into memory that
stays in a cache; windows are read there by vectors that need not be aligned.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.machine.correlation import Correlation, CorrelationWriter
from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.grids import Grid, Pair, grid, write_clear, write_grid
from clearprop.compile.machine.tiles import Packing, strips, tile_cost, write_pack
from clearprop.compile.machine.vectors import INDEX, POINTER, Piece, Vectors, constant, pieces


@dataclass(frozen=True)
class Convolution:
    """One of the three products of a convolution.

    Attributes
    ----------
    target : str
        'y', 'x' or 'W': what is computed from the other two.
    x : (C, H, W)
        The images of one sample.
    W : (F, C / groups, kernel height, kernel width)
    stride, padding, dilation : pair of int
    groups : int
    dtype : str
        float32 or float64.
    """

    target: str
    x: tuple[int, int, int]
    W: tuple[int, int, int, int]
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    dtype: str = "float32"

    @property
    def y(self) -> tuple[int, int, int]:
        """The shape of one sample's outputs."""
        rows, columns = (
            (size + 2 * p - (k - 1) * d - 1) // s + 1
            for size, k, s, p, d in zip(
                self.x[1:], self.W[2:], self.stride, self.padding, self.dilation, strict=True
            )
        )
        return self.W[0], rows, columns

    @property
    def flops(self) -> int:
        """The multiplications and additions for one sample, those with padding included."""
        return 2 * int(np.prod(self.W)) * self.y[1] * self.y[2]


def _x_grid(spec: Convolution) -> Grid:
    """Describe the padded images of x as windows read them."""
    _, *size = spec.y
    reach = [
        n + (k - 1) * d // s
        for n, k, d, s in zip(size, spec.W[2:], spec.dilation, spec.stride, strict=True)
    ]
    return grid(spec.x, spec.padding, (reach[0], reach[1]), spec.stride)


def _y_grid(spec: Convolution) -> Grid:
    """Describe the padded images of dy as the gradient of x reads them."""
    top: list[int] = []
    size: list[int] = []
    for n, k, s, p, d in zip(
        spec.x[1:], spec.W[2:], spec.stride, spec.padding, spec.dilation, strict=True
    ):
        top.append(max(0, (k - 1) * d // s - p // s))
        size.append((n - 1 + p) // s + top[-1] + 1)
    return grid(spec.y, (top[0], top[1]), (size[0], size[1]), (1, 1))


def _forward(spec: Convolution) -> list[Correlation]:
    g = _x_grid(spec)
    F, C, kh, kw = spec.W
    _, rows, columns = spec.y
    (dh, dw) = spec.dilation
    taps = tuple(
        tuple((g.offset(u * dh, v * dw), u * kw + v) for v in range(kw)) for u in range(kh)
    )
    return [
        Correlation(
            channels=C,
            outputs=F // spec.groups,
            taps=taps,
            w_output=C * kh * kw,
            w_channel=kh * kw,
            in_channel=g.channel,
            in_row=g.row,
            rows=rows,
            columns=columns,
            out_start=0,
            out_output=rows * columns,
            out_row=columns,
            out_column=1,
            copied=not g.as_it_is,
        )
    ]


def _backward(spec: Convolution) -> list[Correlation]:
    """Give one correlation for every place of x between two strides."""
    g = _y_grid(spec)
    F, C, kh, kw = spec.W
    _, height, width = spec.x
    found = []
    for down in range(spec.stride[0]):
        for right in range(spec.stride[1]):
            first, count, taps = [], [], []
            for phase, n, k, s, p, d in zip(
                (down, right),
                (height, width),
                (kh, kw),
                spec.stride,
                spec.padding,
                spec.dilation,
                strict=True,
            ):
                first.append(-((phase - p) // s))
                count.append(len(range(first[-1] * s + phase - p, n, s)))
                taps.append([(u * d // s, u) for u in range(k) if u * d % s == phase])
            if not (count[0] and count[1]):
                continue
            start = (first[0] + g.top) * g.row + first[1] + g.left
            found.append(
                Correlation(
                    channels=F // spec.groups,
                    outputs=C,
                    taps=tuple(
                        tuple((start - a * g.row - e, u * kw + v) for e, v in taps[1])
                        for a, u in taps[0]
                    ),
                    w_output=kh * kw,
                    w_channel=C * kh * kw,
                    in_channel=g.channel,
                    in_row=g.row,
                    rows=count[0],
                    columns=count[1],
                    out_start=(first[0] * spec.stride[0] + down - spec.padding[0]) * width
                    + first[1] * spec.stride[1]
                    + right
                    - spec.padding[1],
                    out_output=height * width,
                    out_row=spec.stride[0] * width,
                    out_column=spec.stride[1],
                    copied=not g.as_it_is,
                )
            )
    return found


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


def _padded(spec: Convolution, lanes: int, masks: bool) -> int:
    count = spec.W[0] // spec.groups
    return sum(piece.width for piece in pieces(count, lanes, masks=masks))


def _sizes(spec: Convolution, processor: Processor) -> list[int]:
    """Give the elements of each part of the scratch memory."""
    lanes = processor.lanes(np.dtype(spec.dtype).itemsize)
    g = _y_grid(spec) if spec.target == "x" else _x_grid(spec)
    sizes = [0 if g.as_it_is else -(-g.items(lanes) // lanes) * lanes]
    if spec.target == "W":
        wide = _padded(spec, lanes, processor.vector_bytes > 16)
        _, rows, columns = spec.y
        sizes += [rows * columns * wide, spec.groups * wide * int(np.prod(spec.W[1:]))]
    return sizes


def convolution_scratch_bytes(spec: Convolution, processor: Processor | None = None) -> int:
    """Give the size of the memory that one call needs beside its arguments."""
    return sum(_sizes(spec, processor or this_processor())) * np.dtype(spec.dtype).itemsize


def write_convolution(
    module: ir.Module, name: str, spec: Convolution, processor: Processor | None = None
) -> ir.Function:
    """Write ``void name(out, a, b, scratch, i64 start, i64 stop)`` for a range of samples.

    Parameters
    ----------
    module : llvmlite.ir.Module
    name : str
    spec : Convolution
    processor : Processor, optional
        By default the one that runs this.

    Returns
    -------
    llvmlite.ir.Function
        With target 'y' it computes the samples `start` to `stop` of y from x and W, with 'x' those
        of dx from dy and W; with 'W' it writes the sum over these samples alone to `out`, from x
        and dy: every sample is summed from 0, row by row, and the samples are added in order.
        `scratch` has `convolution_scratch_bytes(spec)` bytes that no other call uses then.
    """
    processor = processor or this_processor()
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * 4 + [INDEX] * 2)
    function = ir.Function(module, kind, name)
    for argument, title in zip(
        function.args, ("out", "a", "b", "scratch", "start", "stop"), strict=True
    ):
        argument.name = title
    v = Vectors(ir.IRBuilder(function.append_basic_block("entry")), spec.dtype, processor)
    if spec.target == "W":
        _write_weights(v, name, spec, processor, *function.args)
    else:
        _write_images(v, name, spec, processor, *function.args)
    v.b.ret_void()
    return function


def _write_images(
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
    lanes, masks = processor.lanes(v.dtype.itemsize), processor.vector_bytes > 16
    forward = spec.target == "y"
    g, found = (_x_grid(spec), _forward(spec)) if forward else (_y_grid(spec), _backward(spec))
    source, target = (spec.x, spec.y) if forward else (spec.y, spec.x)
    writers = [CorrelationWriter(v, f"{name}.{n}", c) for n, c in enumerate(found)]
    if not g.as_it_is:
        write_clear(v, scratch, g.items(lanes), lanes)

    def sample(n: Any) -> None:
        begin = v.at(a, v.scaled(n, int(np.prod(source))))
        end = v.at(out, v.scaled(n, int(np.prod(target))))
        if not g.as_it_is:
            write_grid(v, g, scratch, begin, lanes, masks=masks)
            begin = scratch

        def group(k: Any) -> None:
            one = v.at(begin, v.scaled(k, g.channels // spec.groups * g.channel))
            to = v.at(end, v.scaled(k, int(np.prod(target)) // spec.groups))
            weights = v.at(W, v.scaled(k, int(np.prod(spec.W)) // spec.groups))
            for writer in writers:
                writer.write(to, one, weights)

        v.loop(constant(0), constant(spec.groups), group)

    v.loop(start, stop, sample)


def _write_weights(
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
    g = _x_grid(spec)
    F, C, kh, kw = spec.W
    F //= spec.groups
    taps = kh * kw
    _, rows, columns = spec.y
    size, pixels, _ = _sizes(spec, processor)
    dy_t, sums = v.at(scratch, size), v.at(scratch, size + pixels)
    wide = _padded(spec, lanes, masks)
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
