"""Matrix products of known shapes, as machine code: ``C[i,j] = start + Σ_k A[i,k]·B[k,j]``.

A tile of C stays in registers while k runs; one multiply-add per vector and k. Every element of C
is one chain of additions whose order depends on the specification alone, so rows may be
computed in any strips, by any threads: the bits are the same.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.tiles import (
    Packing,
    Panel,
    Tile,
    Write,
    columns_tile,
    dots_tile,
    rows_tile,
    strips,
    tile_cost,
    write_pack,
)
from clearprop.compile.machine.vectors import INDEX, POINTER, Piece, Vectors, constant, pieces

_WRITE: dict[str, Write] = {"columns": columns_tile, "rows": rows_tile, "dots": dots_tile}

_NEAR = 1 << 19  # bytes of B that stay in a second-level cache while rows pass by


@dataclass(frozen=True)
class Product:
    """``C[M,N] = start + A[M,K] @ B[K,N]``; strides are in elements.

    Attributes
    ----------
    M, N, K : int
    dtype : str
        float32 or float64.
    a_row, a_k : int
        Strides of A. A transposed operand is one with other strides.
    b_k, b_column : int
        Strides of B.
    c_row : int
        Stride of the rows of C; its columns are contiguous.
    accumulate : bool
        Start from what is in C, not from 0.
    bias : bool
        Start from a row of N numbers, not from 0.
    k_block : int, optional
        The order of summation. Without it: one chain over k that begins with the start value. With
        it: every block of so many k is summed from 0, and added to the start value block by block.
    rows : int, optional
        How many rows one call computes as a rule, by default all. It may choose the order, too.
    packed : bool
        Whether B has been copied by `write_packing`'s function; worth it where many calls share B.
    """

    M: int
    N: int
    K: int
    dtype: str
    a_row: int
    a_k: int
    b_k: int
    b_column: int
    c_row: int
    accumulate: bool = False
    bias: bool = False
    k_block: int | None = None
    rows: int | None = None
    packed: bool = False

    def __post_init__(self) -> None:
        assert not (self.accumulate and self.bias)
        assert np.dtype(self.dtype).itemsize in {4, 8}
        assert self.k_block is None or self.k_block > 0


@dataclass(frozen=True)
class Plan:
    """How a product is computed; see `plan`.

    Attributes
    ----------
    form : str
        'columns': vectors lie along the columns of C, 'rows': along its rows, 'dots': along k.
    heights : tuple of int
        Rows of the tiles, the usual one first, 1 last.
    panel, edge : Panel
        The usual columns of a tile; those at the end, if `edge` has any.
    panels : int
        The number of usual panels.
    k_step : int
        How many k are done before the next columns are.
    chunk : int
        How many panels are done before the next rows are.
    pack_a, pack_b : bool
        Whether operands are copied into the order in which they are read.
    """

    form: str
    heights: tuple[int, ...]
    panel: Panel
    edge: Panel
    panels: int
    k_step: int
    chunk: int
    pack_a: bool = False
    pack_b: bool = False


def _panel(count: int, lanes: int, masks: bool) -> Panel:
    vectors = tuple(pieces(count, lanes, masks=masks))
    return Panel(vectors, sum(piece.width for piece in vectors))


def _tile(rows: int, columns: int, lanes: int, registers: int, highest: int) -> tuple[int, int]:
    """Choose the rows and vectors of a tile: the cheapest that the registers hold."""
    count = -(-columns // lanes)

    def cost(choice: tuple[int, int]) -> float:
        height, vectors = choice
        wide = columns // (vectors * lanes)
        left = (columns - wide * vectors * lanes) / lanes
        one = sum(
            wide * tile_cost(h, vectors) + (tile_cost(h, left) if left else 0.0)
            for h in strips(rows, height)
        )
        return one * (1 + 1e-4 * vectors)

    choices = [
        (height, vectors)
        for vectors in range(1, min(count, registers // 3) + 1)
        for height in range(1, min(rows, highest) + 1)
        if height * vectors + vectors + 1 <= registers
    ]
    return min(choices, key=cost)


def _heights(rows: int, M: int, height: int) -> tuple[int, ...]:
    ends = {n % height for n in (rows, M % rows)} - {0}
    return tuple(sorted({height, 1} | ends, reverse=True))


@functools.cache
def plan(spec: Product, processor: Processor | None = None) -> Plan:
    """Choose tiles, blocks and copies for a product, from its shape and the processor alone."""
    processor = processor or this_processor()
    itemsize = np.dtype(spec.dtype).itemsize
    lanes = processor.lanes(itemsize)
    masks = processor.vector_bytes > 16
    rows = min(spec.rows or spec.M, spec.M) or 1
    N, K = max(spec.N, 1), spec.K
    k_step = min(spec.k_block or K, K) or 1
    few = lanes >= 4 * N
    one = (Piece(0, lanes, lanes),)
    if (
        spec.a_k == 1
        and 2 * lanes <= K
        and not spec.packed
        and (few or (spec.b_k == 1 and rows <= 4))
    ):
        height = min(4, rows)
        width = min(N, max(1, processor.registers // 4 // height))
        panel, edge = Panel(one, width), Panel(one, N % width)
        heights = _heights(rows, spec.M, height)
        pack_b = spec.b_k != 1
        return Plan("dots", heights, panel, edge, N // width, k_step, 1, pack_b=pack_b)
    if few and spec.a_row == 1 and rows >= lanes and not spec.packed:
        narrow = tuple(lanes >> s for s in range(lanes.bit_length()))
        wide = max(1, 8 // N) * lanes
        return Plan("rows", (wide, *narrow), Panel(one, N), Panel(one, 0), 1, k_step, 1)
    # rows of A that meet in few sets of the first-level cache push each other out
    registers = processor.registers
    lines, rest = divmod(spec.a_row * itemsize, 64)
    low = registers if spec.a_k != 1 or rest else 6 * (64 // math.gcd(64, lines))
    limit = low if 12 * lanes >= N else registers
    height, vectors = _tile(rows, N, lanes, registers, min(limit, registers))
    width = vectors * lanes
    far = K * N * itemsize > _NEAR or (spec.b_k * itemsize) % 4096 == 0
    pack_b = spec.packed or spec.b_column != 1 or (far and rows >= 4 * height and K >= 16)
    if spec.k_block is None and K > 512:
        k_step = -(-K // (-(-K // 384))) if K * N * itemsize > _NEAR else K
    panels, edge = N // width, _panel(N % width, lanes, masks)
    chunk = max(1, _NEAR // (k_step * width * itemsize)) if pack_b else max(panels, 1)
    pack_a = panels >= 3 and rows >= 4 and K >= 16 and (spec.a_k != 1 or low < registers)
    return Plan(
        "columns",
        _heights(rows, spec.M, height),
        _panel(width, lanes, masks),
        edge,
        panels,
        k_step,
        min(chunk, max(panels, 1)),
        pack_a,
        pack_b,
    )


def _panel_items(spec: Product, the: Plan) -> int:
    """Give the elements of one chunk of B, copied."""
    if not the.pack_b or spec.packed:
        return 0
    if the.form == "dots":
        return the.k_step * (the.panels * the.panel.width + the.edge.width)
    wide = min(the.chunk, the.panels) * the.panel.width
    return the.k_step * (wide + the.edge.width)


def scratch_bytes(spec: Product, processor: Processor | None = None) -> int:
    """Give the size of the memory that one call needs for copies of its operands."""
    the = plan(spec, processor)
    items = _panel_items(spec, the)
    if the.pack_a:
        items += the.k_step * the.heights[0]
    return items * np.dtype(spec.dtype).itemsize


def write_matmul(
    module: ir.Module, name: str, spec: Product, processor: Processor | None = None
) -> ir.Function:
    """Write ``void name(C, A, B, bias, scratch, i64 start, i64 stop)``: rows of a product.

    Parameters
    ----------
    module : llvmlite.ir.Module
        Where the function goes, and smaller ones that it calls.
    name : str
    spec : Product
    processor : Processor, optional
        By default the one that runs this.

    Returns
    -------
    llvmlite.ir.Function
        It computes the rows `start` to `stop` of C. `bias` is read if the specification says so;
        `scratch` has `scratch_bytes(spec)` bytes that no other call uses at the same time.
    """
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * 5 + [INDEX] * 2)
    function = ir.Function(module, kind, name)
    arguments = ("C", "A", "B", "bias", "scratch", "start", "stop")
    for argument, title in zip(function.args, arguments, strict=True):
        argument.name = title
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _Writer(function, builder, spec, processor or this_processor()).write()
    return function


def packed_bytes(spec: Product, processor: Processor | None = None) -> int:
    """Give the size of a copy of B that `write_packing`'s function makes."""
    the = plan(spec, processor)
    width = the.panels * the.panel.width + the.edge.width
    return spec.K * width * np.dtype(spec.dtype).itemsize


def packed_parts(spec: Product, processor: Processor | None = None) -> int:
    """Give the number of parts that such a copy is made of; any thread may make any of them."""
    the = plan(spec, processor)
    return the.panels + (1 if the.edge.width else 0)


def write_packing(
    module: ir.Module, name: str, spec: Product, processor: Processor | None = None
) -> ir.Function:
    """Write ``void name(packed, B, i64 start, i64 stop)``: copy some parts of B.

    Parameters
    ----------
    module : llvmlite.ir.Module
    name : str
    spec : Product
        The one whose function reads the copy, with `packed` true and B's strides before the copy.
    processor : Processor, optional
        By default the one that runs this.

    Returns
    -------
    llvmlite.ir.Function
        It fills the parts `start` to `stop` of the `packed_bytes(spec)` bytes at `packed`.
    """
    assert spec.packed
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * 2 + [INDEX] * 2)
    function = ir.Function(module, kind, name)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _Writer(function, builder, spec, processor or this_processor()).write_packing()
    return function


class _Writer:
    """Writes one product."""

    def __init__(self, function: Any, b: Any, spec: Product, processor: Processor) -> None:
        self.function, self.b, self.spec, self.processor = function, b, spec, processor
        self.plan = plan(spec, processor)
        self.v = Vectors(b, spec.dtype, processor)
        self.lanes = processor.lanes(self.v.dtype.itemsize)
        self.masks = processor.vector_bytes > 16
        self.steps = -(-spec.K // self.plan.k_step)  # over k; with more than one, sums wait in C
        self.made: dict[str, Any] = {}

    def write(self) -> None:
        spec = self.spec
        *_, start, stop = self.function.args
        if spec.M and spec.N:
            if self.steps != 1 and not spec.accumulate:
                self.fill(start, stop)
            if self.steps:
                self.v.loop(constant(0), constant(self.steps), self.step)
        self.b.ret_void()

    def write_packing(self) -> None:
        to, B, start, stop = self.function.args
        b, v, the, spec = self.b, self.v, self.plan, self.spec
        width = the.panels * the.panel.width + the.edge.width

        def step(s: Any) -> None:
            k = b.mul(s, constant(the.k_step))
            count = v.smaller(constant(the.k_step), b.sub(constant(spec.K), k))
            begin, end = v.at(B, v.scaled(k, spec.b_k)), v.at(to, v.scaled(k, width))

            def part(p: Any, panel: Panel) -> None:
                used = sum(piece.used for piece in panel.vectors)
                source = v.at(begin, v.scaled(p, the.panel.width * spec.b_column))
                place = v.at(end, b.mul(p, b.mul(count, constant(the.panel.width))))
                pack = self.pack(panel.width, used, spec.b_column, spec.b_k)
                b.call(pack, [place, source, count])

            last = v.smaller(stop, constant(the.panels))
            v.loop(start, last, lambda p: part(p, the.panel))
            if the.edge.width:
                with b.if_then(b.icmp_signed(">", stop, constant(the.panels))):
                    part(constant(the.panels), the.edge)

        if spec.K and spec.N:
            v.loop(constant(0), constant(self.steps), step)
        b.ret_void()

    # ---- the nest around the tiles -----------------------------------------------------------

    def fill(self, start: Any, stop: Any) -> None:
        """Let C be the start value."""
        C, _, _, bias, *_ = self.function.args
        v, spec = self.v, self.spec
        parts = pieces(spec.N, self.lanes, masks=self.masks)
        wide = parts[: spec.N // self.lanes]

        def row(i: Any) -> None:
            to = v.at(C, self.b.mul(i, constant(spec.c_row)))

            def part(j: Any, piece: Piece) -> None:
                value = v.load(v.at(bias, j), piece) if spec.bias else v.zero(piece.width)
                v.store(value, v.at(to, j), piece)

            whole = Piece(0, self.lanes, self.lanes)
            width = constant(len(wide) * self.lanes)
            v.loop(constant(0), width, lambda j: part(j, whole), step=self.lanes)
            for piece in parts[len(wide) :]:
                part(constant(piece.offset), piece)

        v.loop(start, stop, row)

    def step(self, s: Any) -> None:
        """Do some of k, for all columns."""
        b, the, spec = self.b, self.plan, self.spec
        _, A, B, _, _, _, _ = self.function.args
        k = b.mul(s, constant(the.k_step))
        count = self.v.smaller(constant(the.k_step), b.sub(constant(spec.K), k))
        if self.steps == 1:
            count = constant(spec.K)
        A = self.v.at(A, b.mul(k, constant(spec.a_k)))
        if not spec.packed:
            B = self.v.at(B, b.mul(k, constant(spec.b_k)))
        chunks = max(1, -(-the.panels // the.chunk)) if the.form == "columns" else 1

        def chunk(c: Any) -> None:
            first = b.mul(c, constant(the.chunk))
            last = self.v.smaller(b.add(first, constant(the.chunk)), constant(the.panels))
            ends = b.icmp_signed("==", c, constant(chunks - 1))
            self.columns(A, B, k, count, first, last, ends)

        self.v.loop(constant(0), constant(chunks), chunk)

    def columns(self, A: Any, B: Any, k: Any, count: Any, first: Any, last: Any, ends: Any) -> None:
        """Do some of k for some panels: copy B, then let the rows pass by."""
        b, v, the, spec = self.b, self.v, self.plan, self.spec
        C, _, _, bias, scratch, start, stop = self.function.args
        width = the.panel.width
        if the.form != "columns":
            first, last = constant(0), constant(the.panels)
        panel_stride = constant(width * spec.b_column)  # from a panel to the next
        source = v.at(B, b.mul(first, panel_stride))
        a_scratch = v.at(scratch, _panel_items(spec, the))
        if the.pack_b and the.form == "dots":

            def copy_row(j: Any) -> None:
                to, begin = (
                    v.at(scratch, v.scaled(j, the.k_step)),
                    v.at(B, v.scaled(j, spec.b_column)),
                )
                b.call(self.pack(1, 1, 1, spec.b_k), [to, begin, count])

            v.loop(constant(0), constant(spec.N), copy_row)
            source, panel_stride = scratch, constant(width * the.k_step)
        elif spec.packed:
            source, panel_stride = self.packed_at(count, k, first)
        elif the.pack_b:
            pack = self.pack(width, width, spec.b_column, spec.b_k)
            packed = b.mul(count, constant(width))

            def copy(p: Any) -> None:
                to = v.at(scratch, b.mul(p, packed))
                b.call(pack, [to, v.at(source, b.mul(p, panel_stride)), count])

            v.loop(constant(0), b.sub(last, first), copy)
            original, of_panel = source, panel_stride
            source, panel_stride = scratch, packed
            if the.edge.vectors:
                with b.if_then(ends):
                    used = sum(piece.used for piece in the.edge.vectors)
                    pack = self.pack(the.edge.width, used, spec.b_column, spec.b_k)
                    number = b.sub(last, first)
                    to = v.at(scratch, b.mul(number, packed))
                    begin = v.at(original, b.mul(number, of_panel))
                    b.call(pack, [to, begin, count])

        def strip(i: Any, height: int) -> None:
            a = v.at(A, b.mul(i, constant(spec.a_row)))
            c = v.at(C, b.mul(i, constant(spec.c_row)))
            if the.pack_a:
                pack = self.pack(height, height, spec.a_row, spec.a_k)
                b.call(pack, [a_scratch, a, count])
                a = a_scratch
            tile = self.tile(height, the.panel)

            def panel(p: Any, tile: Any = tile) -> None:
                number = b.sub(p, first)
                j = b.mul(p, constant(width))
                b_at = v.at(source, b.mul(number, panel_stride))
                b.call(tile, [v.at(c, j), a, b_at, v.at(bias, j), count])

            v.loop(first, last, panel)
            if the.edge.width:
                with b.if_then(ends):
                    panel(last, self.tile(height, the.edge))

        v.rows(start, stop, the.heights, strip)

    def packed_at(self, count: Any, k: Any, panel: Any) -> tuple[Any, Any]:
        """Give the place of a panel in a B that has been copied, and the way to the next."""
        v, the = self.v, self.plan
        width = the.panels * the.panel.width + the.edge.width
        stride = self.b.mul(count, constant(the.panel.width))
        begin = v.at(self.function.args[2], v.scaled(k, width))
        return v.at(begin, self.b.mul(panel, stride)), stride

    # ---- functions of their own --------------------------------------------------------------

    def pack(self, width: int, used: int, across: int, along: int) -> Any:
        """Give the function that copies an operand: (to, from, how many k)."""
        title = f"{self.function.name}.pack.{width}.{used}.{across}.{along}"
        if title not in self.made:
            v, (to, source, count) = self.v.function(title, [POINTER, POINTER, INDEX])
            packing = Packing(width, used, across, along, self.lanes, self.masks)
            write_pack(v, to, source, count, packing)
            v.b.ret_void()
            self.made[title] = v.b.function
        return self.made[title]

    def tile(self, height: int, panel: Panel) -> Any:
        """Give the function that computes a tile: (C, A, B, bias, how many k)."""
        end = "e" if panel is self.plan.edge else ""
        title = f"{self.function.name}.tile.{height}.{panel.width}{end}"
        if title not in self.made:
            v, arguments = self.v.function(title, [POINTER] * 4 + [INDEX])
            _WRITE[self.plan.form](v, self.described(height, panel), *arguments)
            v.b.ret_void()
            self.made[title] = v.b.function
        return self.made[title]

    def described(self, height: int, panel: Panel) -> Tile:
        """Say what a tile computes, with the strides of the copies where there are some."""
        the, spec = self.plan, self.spec
        a_row, a_k = (1, height) if the.pack_a else (spec.a_row, spec.a_k)
        b_k, b_column = spec.b_k, spec.b_column
        if the.pack_b:
            b_k, b_column = (1, the.k_step) if the.form == "dots" else (panel.width, 1)
        start = "bias" if spec.bias else "zero"
        if spec.accumulate or self.steps > 1:
            start = "C"
        return Tile(
            height,
            panel,
            a_row,
            a_k,
            b_k,
            b_column,
            spec.c_row,
            padded=the.pack_b,
            start=start,
            block=spec.k_block is not None,
        )
