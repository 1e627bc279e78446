"""Images in the order in which convolutions read them: padded, and taken apart by strides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clearprop.compile.machine.vectors import Piece, Vectors, constant, pieces

Pair = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """Images of one sample so that every window's element lies at ``offset + i·row + j``.

    Rows and columns that a stride leads to are put side by side: those that are equal modulo
    the stride make a plane. The zeros right of a row are those left of the next one.

    Attributes
    ----------
    channels, height, width : int
        The images.
    top, left : int
        Zeros before them, rows and columns.
    stride : pair of int
    rows, columns : int
        How far a plane is read.
    row : int
        Stride of the rows of a plane.
    """

    channels: int
    height: int
    width: int
    top: int
    left: int
    stride: Pair
    rows: int
    columns: int
    row: int

    @property
    def plane(self) -> int:
        """The elements of a plane."""
        return self.rows * self.row

    @property
    def channel(self) -> int:
        """The elements of all planes of a channel."""
        return self.plane * self.stride[0] * self.stride[1]

    @property
    def as_it_is(self) -> bool:
        """Whether the images lie in memory like that."""
        plain = self.stride == (1, 1) and self.top == self.left == 0
        return plain and (self.rows, self.row) == (self.height, self.width)

    def items(self, lanes: int) -> int:
        """Give the size of a copy; a vector may be read at its last element."""
        return self.channels * self.channel + self.columns + lanes

    def offset(self, row: int, column: int) -> int:
        """Give the place of the element at a row and a column of the padded image."""
        (i, u), (j, v) = divmod(row, self.stride[0]), divmod(column, self.stride[1])
        return (u * self.stride[1] + v) * self.plane + i * self.row + j


def grid(
    shape: tuple[int, int, int], start: Pair, size: Pair, stride: Pair, *, images: bool = True
) -> Grid:
    """Describe images that are read from `start` (negative: padding), `size` elements each way.

    Parameters
    ----------
    shape : (channels, height, width)
    start : pair of int
        Zeros before the image, not negative.
    size : pair of int
        Rows and columns that are read, of every plane.
    stride : pair of int
    images : bool
        Whether whole images may be read where they are.
    """
    channels, height, width = shape
    rows, columns = size
    row = columns
    if stride == (1, 1):
        right = columns - start[1] - width
        row = width + max(start[1], right, 0)
        if images and start == (0, 0) and rows <= height and right <= 0:
            rows = height
    return Grid(channels, height, width, *start, stride, rows, columns, row)


def write_clear(v: Vectors, to: Any, count: int, lanes: int) -> None:
    """Write zeros."""
    whole = count - count % lanes
    v.loop(
        constant(0),
        constant(whole),
        lambda i: v.store(v.zero(lanes), v.at(to, i), Piece(0, lanes, lanes)),
        step=lanes,
    )
    for piece in pieces(count - whole, lanes, masks=False):
        v.store(v.zero(piece.width), v.at(to, whole + piece.offset), piece)


def write_grid(v: Vectors, g: Grid, to: Any, source: Any, lanes: int, *, masks: bool) -> None:
    """Write the copy of one sample's images into their grid, whose padding is zero already."""
    (sh, sw), b = g.stride, v.b

    def take_apart(begin: Any, planes: Any, row: Any) -> None:
        """Copy a row whose even columns go to one plane and whose odd ones to another."""
        for piece in pieces(-(-g.width // 2), lanes, masks=masks):
            count = min(2 * piece.used, g.width - 2 * piece.offset)
            pair = v.load_pairs(v.at(begin, 2 * piece.offset), count, piece.width)
            for n, value in enumerate(pair):
                at, phase = divmod(n + g.left, 2)
                first = at + piece.offset
                used = min((count + 1 - n) // 2, g.columns - first)
                if used > 0:
                    plane = v.at(v.at(planes, phase * g.plane), row)
                    v.store(value, v.at(plane, first), Piece(0, piece.width, used))

    def row_copy(begin: Any, end: Any, phase: int) -> None:
        first = (phase - g.left) % sw  # the first column of this plane
        at = (first + g.left) // sw
        count = min(len(range(first, g.width, sw)), (g.columns if sw > 1 else g.width) - at)
        if sw == 1:
            count = min(g.width, g.columns - g.left)
            parts = pieces(count, lanes, masks=masks)
            for piece in parts:
                v.store(
                    v.load(v.at(begin, piece.offset), piece), v.at(end, at + piece.offset), piece
                )
            return

        def one(j: Any) -> None:
            value = v.load(v.at(begin, b.add(v.scaled(j, sw), constant(first))), Piece(0, 1, 1))
            v.store(value, v.at(end, b.add(j, constant(at))), Piece(0, 1, 1))

        v.loop(constant(0), constant(max(count, 0)), one)

    def channel(c: Any) -> None:
        image, planes = (
            v.at(source, v.scaled(c, g.height * g.width)),
            v.at(to, v.scaled(c, g.channel)),
        )
        for phase in range(sh):
            first = (phase - g.top) % sh
            at = (first + g.top) // sh
            count = min(len(range(first, g.height, sh)), g.rows - at)

            def row(i: Any, phase: int = phase, first: int = first, at: int = at) -> None:
                from_row = b.add(v.scaled(i, sh), constant(first))
                begin = v.at(image, v.scaled(from_row, g.width))
                if sw == 2 and masks:
                    planes_of = v.at(planes, phase * sw * g.plane)
                    take_apart(begin, planes_of, v.scaled(b.add(i, constant(at)), g.row))
                    return
                for across in range(sw):
                    plane = v.at(planes, (phase * sw + across) * g.plane)
                    end = v.at(plane, v.scaled(b.add(i, constant(at)), g.row))
                    row_copy(begin, end, across)

            v.loop(constant(0), constant(max(count, 0)), row)

    v.loop(constant(0), constant(g.channels), channel)
