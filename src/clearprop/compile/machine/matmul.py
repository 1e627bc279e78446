"""Matrix products of known shapes, as machine code: ``C[i,j] = start + Σ_k A[i,k]·B[k,j]``.

A tile of C stays in registers while k runs; one multiply-add per vector and k. Every element of C
is one chain of additions whose order depends on the specification alone, so rows may be
computed in any strips, by any threads: the bits are the same.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.products import (
    Product,
    columns_of,
    list_length,
    packed_bytes,
    packed_parts,
    panel_items,
    plan,
    scratch_bytes,
)
from clearprop.compile.machine.tiles import (
    Packing,
    Panel,
    Tile,
    Write,
    columns_tile,
    dots_tile,
    rows_tile,
    write_pack,
)
from clearprop.compile.machine.vectors import INDEX, POINTER, Piece, Vectors, constant, pieces
from clearprop.compile.memory import LINE

__all__ = [
    "Product",
    "packed_bytes",
    "packed_parts",
    "plan",
    "scratch_bytes",
    "write_matmul",
    "write_packing",
]

_WRITE: dict[str, Write] = {"columns": columns_tile, "rows": rows_tile, "dots": dots_tile}


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
        `scratch` has `scratch_bytes(spec)` bytes that no other call uses at the same time. If the
        specification lists lines of memory, one more argument is the list: `list_length(spec)`
        addresses.
    """
    processor = processor or this_processor()
    more = [POINTER] if list_length(spec, processor) else []
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * 5 + [INDEX] * 2 + more)
    function = ir.Function(module, kind, name)
    arguments = ("C", "A", "B", "bias", "scratch", "start", "stop", "list")[: 7 + len(more)]
    for argument, title in zip(function.args, arguments, strict=True):
        argument.name = title
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    parts = columns_of(spec, processor)
    if len(parts) == 1:
        _Writer(function, builder, spec, processor).write()
        return function
    v = Vectors(builder, spec.dtype, processor)
    C, A, B, bias, *rest = function.args
    for column, part in parts:
        inner = write_matmul(module, f"{name}.columns.{column}", part, processor)
        inner.linkage = "internal"
        moved = [v.at(C, column), A, v.at(B, column * spec.b_column), v.at(bias, column)]
        builder.call(inner, [*moved, *rest][: len(inner.args)])
    builder.ret_void()
    return function


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
        start, stop = self.function.args[5:7]
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
        _, A, B, *_ = self.function.args
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
        C, _, _, bias, scratch, start, stop, *_ = self.function.args
        width = the.panel.width
        if the.form != "columns":
            first, last = constant(0), constant(the.panels)
        panel_stride = constant(width * spec.b_column)  # from a panel to the next
        source = v.at(B, b.mul(first, panel_stride))
        a_scratch = v.at(scratch, panel_items(spec, the))
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
                nearer = []
                if the.listed:
                    nearer = [self.in_list(i, p)]
                elif the.fetch:
                    panels = b.sub(last, first)
                    nearer = [self.ahead(source, panel_stride, count, (panels, i, number))]
                b.call(tile, [v.at(c, j), a, b_at, v.at(bias, j), count, *nearer])

            v.loop(first, last, panel)
            if the.edge.width:
                with b.if_then(ends):
                    panel(last, self.tile(height, the.edge))

        v.rows(start, stop, the.heights, strip)

    def ahead(self, source: Any, stride: Any, count: Any, where: tuple[Any, ...]) -> Any:
        """Give where a tile's part of the next panels begins."""
        b, (panels, i, number) = self.b, where
        tile = b.add(b.mul(self.strip(i), panels), number)
        line = constant(LINE // self.v.dtype.itemsize)
        at = b.add(b.mul(panels, stride), b.mul(tile, b.mul(count, line)))
        return self.v.at(source, at)

    def in_list(self, i: Any, panel: Any) -> Any:
        """Give where a tile's part of the list begins."""
        b, the = self.b, self.plan
        panels = constant(max(the.panels + bool(the.edge.width), 1))
        tile = b.add(b.mul(self.strip(i), panels), panel)
        whole = constant(
            list_length(self.spec, self.processor)
        )  # a call with more rows starts again
        at = b.urem(b.mul(tile, constant(the.listed)), whole)
        return b.gep(self.function.args[7], [at], source_etype=POINTER)

    def strip(self, i: Any) -> Any:
        """Give the number of the strip that a row is in."""
        start = self.function.args[5]
        return self.b.udiv(self.b.sub(i, start), constant(self.plan.heights[0]))

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
        """Give the function that computes a tile: (C, A, B, bias, how many k, what to fetch)."""
        end = "e" if panel is self.plan.edge else ""
        title = f"{self.function.name}.tile.{height}.{panel.width}{end}"
        if title not in self.made:
            more = [POINTER] if self.plan.fetch or self.plan.listed else []
            v, arguments = self.v.function(title, [POINTER] * 4 + [INDEX, *more])
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
            listed=the.listed,
        )
