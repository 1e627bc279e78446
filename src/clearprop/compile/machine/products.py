"""Matrix products of known shapes: what is to be computed, in which tiles, blocks and copies."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np

from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.tiles import Panel, strips, tile_cost
from clearprop.compile.machine.vectors import Piece, pieces

_NEAR = 1 << 19  # bytes of B that stay in a second-level cache while rows pass by
_FEW_PANELS = 16  # with more, a strip of A is read so often that its copy costs nothing


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
    listed : int
        How many lines of memory a call of so many rows brings nearer, of a list of their addresses.
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
    listed: int = 0

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
    fetch : bool
        Whether tiles fetch the next panels of B, which lie beyond a second-level cache.
    listed : int
        How many lines of the list a tile fetches.
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
    fetch: bool = False
    listed: int = 0


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
    fetch = spec.packed and K * N * itemsize > _NEAR
    near = _NEAR // 2 if fetch else _NEAR  # beside what is fetched meanwhile
    chunk = max(1, near // (k_step * width * itemsize)) if pack_b else max(panels, 1)
    scattered = low < registers if spec.a_k == 1 else panels > _FEW_PANELS or not _stays(spec)
    pack_a = panels >= 3 and rows >= 4 and K >= 16 and scattered
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
        fetch=fetch,
        listed=-(-spec.listed // _tiles(rows, height, panels + bool(edge.width))),
    )


def _stays(spec: Product) -> bool:
    """Whether the lines of a strip of A, one for each k, stay in half of a first-level cache."""
    if spec.a_row != 1:
        return False
    lines, rest = divmod(spec.a_k * np.dtype(spec.dtype).itemsize, 64)
    sets = 64 if rest else 64 // math.gcd(64, lines)
    return 4 * sets >= spec.K


def _tiles(rows: int, height: int, panels: int) -> int:
    return -(-rows // height) * max(panels, 1)


def list_length(spec: Product, processor: Processor | None = None) -> int:
    """Give how many addresses a call reads of the list of what it fetches; 0 if it fetches none."""
    _, spec = columns_of(spec, processor or this_processor())[0]
    the = plan(spec, processor)
    rows = min(spec.rows or spec.M, spec.M)
    return the.listed * _tiles(rows, the.heights[0], the.panels + bool(the.edge.width))


def columns_of(spec: Product, processor: Processor) -> list[tuple[int, Product]]:
    """Cut off a few last columns that would fill little of a vector, where A has its rows for them.

    Each part comes with its first column.
    """
    lanes = processor.lanes(np.dtype(spec.dtype).itemsize)
    few = spec.N % lanes
    rows = min(spec.rows or spec.M, spec.M)
    if spec.packed or lanes > spec.N or not 0 < 4 * few <= lanes or spec.a_row != 1 or rows < lanes:
        return [(0, spec)]
    wide = spec.N - few
    return [(0, replace(spec, N=wide)), (wide, replace(spec, N=few, listed=0))]


def panel_items(spec: Product, the: Plan) -> int:
    """Give the elements of one chunk of B, copied."""
    if not the.pack_b or spec.packed:
        return 0
    if the.form == "dots":
        return the.k_step * (the.panels * the.panel.width + the.edge.width)
    wide = min(the.chunk, the.panels) * the.panel.width
    return the.k_step * (wide + the.edge.width)


def scratch_bytes(spec: Product, processor: Processor | None = None) -> int:
    """Give the size of the memory that one call needs for copies of its operands."""
    parts = columns_of(spec, processor or this_processor())
    if len(parts) > 1:
        return max(scratch_bytes(part, processor) for _, part in parts)
    the = plan(spec, processor)
    items = panel_items(spec, the)
    if the.pack_a:
        items += the.k_step * the.heights[0]
    return items * np.dtype(spec.dtype).itemsize


def packed_bytes(spec: Product, processor: Processor | None = None) -> int:
    """Give the size of a copy of B that `write_packing`'s function makes."""
    the = plan(spec, processor)
    width = the.panels * the.panel.width + the.edge.width
    return spec.K * width * np.dtype(spec.dtype).itemsize


def packed_parts(spec: Product, processor: Processor | None = None) -> int:
    """Give the number of parts that such a copy is made of; any thread may make any of them."""
    the = plan(spec, processor)
    return the.panels + (1 if the.edge.width else 0)
