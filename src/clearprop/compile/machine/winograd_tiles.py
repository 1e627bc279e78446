"""Images with their channels side by side, and their 4×4 tiles as `winograd` needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.tiles import Packing, write_pack
from clearprop.compile.machine.vectors import POINTER, Piece, Vectors, constant, pieces

Column = Callable[[list[Any]], list[Any]]


def padded(count: int, dtype: str, processor: Processor) -> int:
    """Give a number of channels, with what fills the last vector."""
    lanes = processor.lanes(np.dtype(dtype).itemsize)
    parts = pieces(count, lanes, masks=processor.vector_bytes > 16)
    return sum(piece.width for piece in parts)


@dataclass(frozen=True)
class Images:
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


def pack(v: Vectors, name: str, g: Images) -> Any:
    """Give the function that puts the channels of a sample side by side."""
    w, (to, source) = v.function(name, [POINTER] * 2)
    lanes, masks = v.processor.lanes(v.dtype.itemsize), v.processor.vector_bytes > 16
    pixels = g.height * g.width
    packing = Packing(g.wide, g.channels, pixels, 1, lanes, masks)
    write_pack(w, to, source, constant(pixels), packing)
    w.b.ret_void()
    return w.b.function


def side_by_side(
    v: Vectors, g: Images, pack: Any, source: Any, to: Any, dense: Any, lanes: int
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


def along(v: Vectors, count: int, lanes: int, part: Callable[[Any, int], None]) -> None:
    """Visit all channels by vectors."""
    whole = count - count % lanes
    v.loop(constant(0), constant(whole), lambda c: part(c, lanes), step=lanes)
    for piece in pieces(count - whole, lanes, masks=False):
        part(constant(whole + piece.offset), piece.width)


def transform(
    v: Vectors,
    column: Column,
    source: Callable[[int, int], Any],
    to: Callable[[int, int], Any],
    size: tuple[int, int],
    channels: int,
    lanes: int,
) -> None:
    """Write ``T d Tᵀ`` of one tile for all channels.

    `column` gives T times a column; `source` and `to` give the places of a tile's elements, and
    `size` says how many each way there are before and after.
    """

    def part(c: Any, width: int) -> None:
        piece = Piece(0, width, width)
        columns = [
            column([v.load(v.at(source(r, s), c), piece) for r in range(size[0])])
            for s in range(size[0])
        ]
        for r in range(size[1]):
            for s, value in enumerate(column([columns[n][r] for n in range(size[0])])):
                v.store(value, v.at(to(r, s), c), piece)

    along(v, channels, lanes, part)


def inputs_column(v: Vectors) -> Column:
    """Give ``Bᵀ`` times a column."""
    add, subtract = v.b.fadd, v.b.fsub

    def column(d: list[Any]) -> list[Any]:
        return [subtract(d[0], d[2]), add(d[1], d[2]), subtract(d[2], d[1]), subtract(d[1], d[3])]

    return column


def write_transformed(
    v: Vectors,
    column: Column,
    g: Images,
    tiles: tuple[int, int],
    size: int,
    source: Any,
    to: Any,
    plane: int,
    lanes: int,
) -> None:
    """Write all transformed tiles of one sample: 16 planes of (tile, channel)."""

    def tile(i: Any, j: Any) -> None:
        pixel = v.b.add(v.scaled(i, 2 * g.row), v.scaled(j, 2))
        number = v.b.add(v.scaled(i, tiles[1]), j)
        begin, end = v.at(source, v.scaled(pixel, g.wide)), v.at(to, v.scaled(number, g.wide))
        transform(
            v,
            column,
            lambda r, s: v.at(begin, (r * g.row + s) * g.wide),
            lambda r, s: v.at(end, (4 * r + s) * plane),
            (size, 4),
            g.wide,
            lanes,
        )

    def row(i: Any) -> None:
        v.loop(constant(0), constant(tiles[1]), lambda j: tile(i, j))

    v.loop(constant(0), constant(tiles[0]), row)
