"""The inner loops of matrix products: tiles that stay in registers while k runs, and copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from clearprop.compile.machine.vectors import POINTER, Piece, Vectors, constant, pieces
from clearprop.compile.machine.vectors import fetch as fetch_line
from clearprop.compile.memory import LINE


@dataclass(frozen=True)
class Panel:
    """Columns that a tile covers, as vectors; `width` is their padded number."""

    vectors: tuple[Piece, ...]
    width: int


@dataclass(frozen=True)
class Tile:
    """What a tile computes: so many rows of C for the columns of a panel.

    Attributes
    ----------
    height : int
    panel : Panel
    a_row, a_k, b_k, b_column, c_row : int
        Strides, in elements.
    padded : bool
        Whether rows of B go on to the padded width, so that whole vectors can be read.
    start : str
        What the sum is added to: 'zero', 'bias' or 'C'.
    block : bool
        Whether the sum begins at 0 and is added to the start value afterwards.
    listed : int
        How many lines, of a list of their addresses, are brought nearer meanwhile.
    """

    height: int
    panel: Panel
    a_row: int
    a_k: int
    b_k: int
    b_column: int
    c_row: int
    padded: bool
    start: str
    block: bool
    listed: int = 0


def tile_cost(height: int, vectors: float) -> float:
    """Estimate the cycles for one k of a tile: arithmetic, reading, or waiting for a sum.

    A row's number is read and spread out in a cycle. A panel of B comes from the second-level
    cache, whose vectors take longer: a wide and low tile reads more than it multiplies.
    """
    return max(height * vectors / 2, height, 1.4 * vectors, 4.0) + 0.01 * (height + vectors)


def strips(count: int, height: int) -> list[int]:
    """Cut `count` rows into strips of a height; the last is what is left."""
    return [height] * (count // height) + ([count % height] if count % height else [])


Write = Callable[..., None]


def columns_tile(
    v: Vectors, t: Tile, c: Any, a: Any, b: Any, bias: Any, count: Any, fetch: Any = None
) -> None:
    """Write a tile whose vectors lie along the columns of C.

    At every k a line is brought nearer: of those from ``fetch`` on, or of those in the list there.
    """
    rows = range(t.height)

    def start(i: int, piece: Piece) -> Any:
        at = v.at(c, i * t.c_row + piece.offset) if t.start == "C" else v.at(bias, piece.offset)
        return v.load(at, piece) if t.start != "zero" else v.zero(piece.width)

    places = [(i, piece) for i in rows for piece in t.panel.vectors]
    read = [Piece(p.offset, p.width, p.width) if t.padded else p for p in t.panel.vectors]
    sums = [v.zero(piece.width) if t.block else start(i, piece) for i, piece in places]

    def in_line(k: Any) -> Any:
        return v.at(fetch, v.scaled(k, LINE // v.dtype.itemsize))

    def in_list(k: Any) -> Any:
        return v.b.load(v.b.gep(fetch, [k], source_etype=POINTER), typ=POINTER, align=8)

    def one(k: Any, sums: list[Any], ahead: Callable[[Any], Any] | None = None) -> list[Any]:
        row, column = v.at(b, v.scaled(k, t.b_k)), v.at(a, v.scaled(k, t.a_k))
        right = [v.load(v.at(row, piece.offset), piece) for piece in read]
        found = []
        if ahead is not None:
            fetch_line(v.b, ahead(k), 2)
        for i in rows:
            left = v.load(v.at(column, i * t.a_row), Piece(0, 1, 1))
            for j, y in enumerate(right):
                x = v.splat(left, read[j].width)
                found.append(v.multiply_add(x, y, sums[i * len(right) + j]))
        return found

    times, done = max(1, min(8, 40 // len(places))), None
    if t.listed:
        done = v.smaller(constant(t.listed), count)
        sums = v.unrolled(done, partial(one, ahead=in_list), sums, times)
    elif fetch is not None:
        one = partial(one, ahead=in_line)
    sums = v.unrolled(count, one, sums, times, done)
    for (i, piece), total in zip(places, sums, strict=True):
        value = v.b.fadd(start(i, piece), total) if t.block and t.start != "zero" else total
        v.store(value, v.at(c, i * t.c_row + piece.offset), piece)


def rows_tile(v: Vectors, t: Tile, c: Any, a: Any, b: Any, bias: Any, count: Any) -> None:
    """Write a tile whose vectors lie along the rows of C, which A has side by side."""
    scalar = Piece(0, 1, 1)
    vectors = pieces(t.height, t.panel.vectors[0].width, masks=False)
    places = [(piece, j) for piece in vectors for j in range(t.panel.width)]

    def start(piece: Piece, j: int) -> Any:
        if t.start == "bias":
            return v.splat(v.load(v.at(bias, j), scalar), piece.width)
        if t.start == "zero":
            return v.zero(piece.width)
        return v.load_strided(v.at(c, piece.offset * t.c_row + j), piece.width, t.c_row)

    sums = [v.zero(piece.width) if t.block else start(piece, j) for piece, j in places]

    def one(k: Any, sums: list[Any]) -> list[Any]:
        row, column = v.at(b, v.scaled(k, t.b_k)), v.at(a, v.scaled(k, t.a_k))
        left = {piece: v.load(v.at(column, piece.offset), piece) for piece in vectors}
        right = [v.load(v.at(row, j * t.b_column), scalar) for j in range(t.panel.width)]
        return [
            v.multiply_add(left[piece], v.splat(right[j], piece.width), sums[n])
            for n, (piece, j) in enumerate(places)
        ]

    sums = v.unrolled(count, one, sums, 2)
    for (piece, j), total in zip(places, sums, strict=True):
        value = v.b.fadd(start(piece, j), total) if t.block and t.start != "zero" else total
        v.store_strided(value, v.at(c, piece.offset * t.c_row + j), t.c_row)


def dots_tile(v: Vectors, t: Tile, c: Any, a: Any, b: Any, bias: Any, count: Any) -> None:
    """Write a tile whose vectors lie along k: two sums for each element, in turn.

    Two for any height, as the number of rows must not change the order of summation.
    """
    lanes = t.panel.vectors[0].width
    whole = Piece(0, lanes, lanes)
    places = [(i, j) for i in range(t.height) for j in range(t.panel.width)]

    def one(read: Callable[[Any], Any], sums: list[Any]) -> list[Any]:
        left = [read(v.at(a, i * t.a_row)) for i in range(t.height)]
        right = [read(v.at(b, j * t.b_column)) for j in range(t.panel.width)]
        return [
            v.multiply_add(left[i], right[j], s) for (i, j), s in zip(places, sums, strict=True)
        ]

    def at(k: Any) -> Callable[[Any], Any]:
        return lambda pointer: v.load(v.at(pointer, k), whole)

    def two(k: Any, *sums: Any) -> list[Any]:
        n = len(places)
        return [
            *one(at(k), list(sums[:n])),
            *one(at(v.b.add(k, constant(lanes))), list(sums[n:])),
        ]

    left = v.b.urem(count, constant(2 * lanes))
    end = v.b.sub(count, left)
    zeros = [v.zero(lanes)] * (2 * len(places))
    sums = v.loop(constant(0), end, two, zeros, step=2 * lanes)
    first, second = sums[: len(places)], sums[len(places) :]
    after = v.b.add(end, constant(lanes))
    first = one(lambda p: v.load_first(v.at(p, end), left, lanes), first)
    more = v.b.sub(left, constant(lanes))
    second = one(lambda p: v.load_first(v.at(p, after), more, lanes), second)
    for (i, j), x, y in zip(places, first, second, strict=True):
        to = v.at(c, i * t.c_row + j)
        value = v.total(v.b.fadd(x, y))
        if t.start != "zero":
            begin = to if t.start == "C" else v.at(bias, j)
            value = v.b.fadd(v.load(begin, Piece(0, 1, 1)), value)
        v.store(value, to, Piece(0, 1, 1))


@dataclass(frozen=True)
class Packing:
    """A copy in the order of reading: rows of `width`, the first `used` of them from the source.

    `across` and `along` are the source's strides within a row and from row to row; `row` is the
    stride of the copy's rows, its width if that is 0.
    """

    width: int
    used: int
    across: int
    along: int
    lanes: int
    masks: bool
    row: int = 0


def write_pack(v: Vectors, to: Any, source: Any, count: Any, spec: Packing) -> None:
    """Write ``to[k, j] = source[k·along + j·across]`` for `count` k, rows padded with zeros."""
    stride = spec.row or spec.width
    if spec.across == 1:
        parts = pieces(spec.used, spec.lanes, masks=spec.masks)
        parts += pieces(spec.width - sum(p.width for p in parts), spec.lanes, masks=False)

        def row(k: Any, _: Any) -> list[Any]:
            begin = v.at(source, v.scaled(k, spec.along))
            end = v.at(to, v.scaled(k, stride))
            at = 0
            for piece in parts:
                fits = at + piece.width <= spec.width
                whole = Piece(at, piece.width, piece.width) if fits else piece
                value = v.load(v.at(begin, at), piece) if at < spec.used else v.zero(piece.width)
                v.store(value, v.at(end, at), whole)
                at += piece.width
            return []

        v.unrolled(count, row, [], 2)
        return
    scalar = Piece(0, 1, 1)

    def one(k: Any, j: Any) -> None:
        begin = v.at(source, v.b.add(v.scaled(k, spec.along), v.scaled(j, spec.across)))
        value = v.load(begin, scalar)
        v.store(value, v.at(to, v.b.add(v.scaled(k, stride), j)), scalar)

    done = constant(0)
    n = min(spec.lanes, 8)
    if spec.along == 1 and n > 1:
        done = v.b.sub(count, v.b.urem(count, constant(n)))
        whole = Piece(0, n, n)
        tiles = pieces(spec.used, n, masks=spec.masks)

        def block(k: Any) -> None:
            for piece in tiles:
                begin = [
                    v.at(source, v.b.add(k, constant((piece.offset + j) * spec.across)))
                    for j in range(piece.used)
                ]
                found = [v.load(p, whole) for p in begin]
                found += [v.zero(n)] * (n - piece.used)
                for r, value in enumerate(v.transposed(found)):
                    at = v.at(
                        to,
                        v.b.add(v.scaled(k, stride), constant(r * stride + piece.offset)),
                    )
                    v.store(v.first(value, piece.width), at, piece)

        v.loop(constant(0), done, block, step=n)
    v.loop(
        done,
        count,
        lambda k: v.loop(constant(0), constant(spec.used), lambda j: one(k, j)) and None,
    )
    if spec.width > spec.used:
        padding = pieces(spec.width - spec.used, spec.lanes, masks=False)

        def pad(k: Any) -> None:
            end = v.at(to, v.scaled(k, stride))
            for piece in padding:
                v.store(v.zero(piece.width), v.at(end, spec.used + piece.offset), piece)

        v.loop(constant(0), count, pad)
