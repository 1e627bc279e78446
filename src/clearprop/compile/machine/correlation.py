"""Sums over windows of grids: the inner loops of a convolution, and of the gradient of its input.

``out[o,i,j] = Σ_k Σ_t in[k, place_t + i·row + j] · w[o,k,t]``. Vectors lie along the rows of the
image, or over several short rows; a tile of outputs and vectors stays in registers.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from clearprop.compile.machine.tiles import strips, tile_cost
from clearprop.compile.machine.vectors import (
    POINTER,
    Piece,
    Vectors,
    constant,
    pieces,
)


@dataclass(frozen=True)
class Correlation:
    """Sums over windows, for all outputs of one sample; strides are in elements.

    Attributes
    ----------
    channels, outputs : int
        How many k and o.
    taps : tuple of rows of (place, weight)
        Where each element of the window is read, and where its weight.
    w_output, w_channel : int
        Strides of the weights.
    in_channel, in_row : int
        Strides of the grid.
    rows, columns : int
        The outputs' images.
    out_start, out_output, out_row, out_column : int
        Their place.
    copied : bool
        Whether vectors may be read beyond the image's end.
    """

    channels: int
    outputs: int
    taps: tuple[tuple[tuple[int, int], ...], ...]
    w_output: int
    w_channel: int
    in_channel: int
    in_row: int
    rows: int
    columns: int
    out_start: int
    out_output: int
    out_row: int
    out_column: int
    copied: bool


@dataclass(frozen=True)
class Segment:
    """A vector of outputs: `used` columns of each of so many rows, from a row and a column on."""

    row: int
    column: int
    rows: int
    used: int
    width: int


def _segments(c: Correlation, rows: int, columns: int, lanes: int, masks: bool) -> list[Segment]:
    """Cover rows by vectors; short rows share one."""
    found: list[Segment] = []
    together = (lanes - columns) // c.in_row + 1 if columns <= lanes and c.copied and masks else 1
    if together == 1:
        parts = pieces(columns, lanes, masks=masks)
        return [Segment(i, p.offset, 1, p.used, p.width) for i in range(rows) for p in parts]
    for i in range(0, rows, together):
        count = min(together, rows - i)
        reach = (count - 1) * c.in_row + columns
        found.append(Segment(i, 0, count, columns, 1 << (reach - 1).bit_length()))
    return found


def _choose(
    c: Correlation, columns: int, lanes: int, registers: int, masks: bool
) -> tuple[int, int]:
    """Choose the outputs and rows of a tile."""

    def cost(choice: tuple[int, int]) -> float:
        height, rows = choice
        one = 0.0
        for count in strips(c.rows, rows):
            vectors = sum(s.width for s in _segments(c, count, columns, lanes, masks)) / lanes
            for h in strips(c.outputs, height):
                # each tile begins, ends and writes
                one += tile_cost(h, vectors) * c.channels * sum(map(len, c.taps)) + h * vectors + 10
        return one

    choices = []
    for rows in range(1, c.rows + 1):
        count = len(_segments(c, rows, columns, lanes, masks))
        if count > registers // 3 and rows > 1:
            break
        choices += [
            (height, rows)
            for height in range(1, min(c.outputs, registers) + 1)
            if height * count + count + 1 <= registers
        ]
    return min(choices, key=cost)


class CorrelationWriter:
    """Writes the tiles of one correlation, and the loops around them.

    Parameters
    ----------
    v : Vectors
        Where the loops go.
    name : str
        A prefix for the tiles' functions.
    correlation : Correlation
    """

    def __init__(self, v: Vectors, name: str, correlation: Correlation) -> None:
        self.v, self.name, self.c = v, name, correlation
        self.lanes = v.processor.lanes(v.dtype.itemsize)
        self.masks = v.processor.vector_bytes > 16
        self.made: dict[tuple[int, int, int], Any] = {}

    def write(self, out: Any, source: Any, w: Any) -> None:
        """Write all outputs of one sample."""
        c = self.c
        widest = (self.v.processor.registers // 5) * self.lanes
        for column in range(0, c.columns, widest):
            self._span(
                self.v.at(out, c.out_start + column * c.out_column),
                self.v.at(source, column),
                w,
                min(widest, c.columns - column),
            )

    def _span(self, out: Any, source: Any, w: Any, columns: int) -> None:
        v, c = self.v, self.c
        height, rows = _choose(c, columns, self.lanes, v.processor.registers, self.masks)

        def panel(i: Any, rows: int) -> None:
            begin = v.at(source, v.scaled(i, c.in_row))
            end = v.at(out, v.scaled(i, c.out_row))

            def strip(o: Any, height: int) -> None:
                to, weights = v.at(end, v.scaled(o, c.out_output)), v.at(w, v.scaled(o, c.w_output))
                v.b.call(self._tile(height, rows, columns), [to, begin, weights])

            v.strips(c.outputs, height, strip)

        v.strips(c.rows, rows, panel)

    def _tile(self, height: int, rows: int, columns: int) -> Any:
        key = (height, rows, columns)
        if key not in self.made:
            title = f"{self.name}.{height}x{rows}x{columns}"
            v, (out, source, w) = self.v.function(title, [POINTER] * 3)
            found = _segments(self.c, rows, columns, self.lanes, self.masks)
            _write_tile(v, self.c, height, found, out, source, w)
            v.b.ret_void()
            self.made[key] = v.b.function
        return self.made[key]


def _write_tile(
    v: Vectors, c: Correlation, height: int, found: list[Segment], out: Any, source: Any, w: Any
) -> None:
    scalar = Piece(0, 1, 1)

    def row_of_taps(
        row: tuple[tuple[int, int], ...], begin: Any, weights: Any, sums: list[Any]
    ) -> list[Any]:
        for place, weight in row:
            vectors = [
                v.load(
                    v.at(begin, place + s.row * c.in_row + s.column),
                    Piece(0, s.width, s.width if c.copied else s.used),
                )
                for s in found
            ]
            new = []
            for o in range(height):
                one = v.load(v.at(weights, o * c.w_output + weight), scalar)
                for n, vector in enumerate(vectors):
                    repeated = v.splat(one, found[n].width)
                    new.append(v.multiply_add(repeated, vector, sums[o * len(found) + n]))
            sums = new
        return sums

    def channel(k: Any, *values: Any) -> list[Any]:
        begin, weights = v.at(source, v.scaled(k, c.in_channel)), v.at(w, v.scaled(k, c.w_channel))
        sums = list(values)
        step = _regular(c.taps)
        if step is None:
            for row in c.taps:
                sums = row_of_taps(row, begin, weights, sums)
            return sums
        place, weight = step

        def turn(u: Any, *values: Any) -> list[Any]:
            return row_of_taps(
                c.taps[0],
                v.at(begin, v.scaled(u, place)),
                v.at(weights, v.scaled(u, weight)),
                list(values),
            )

        return v.loop(constant(0), constant(len(c.taps)), turn, sums)

    sums = [v.zero(s.width) for _ in range(height) for s in found]
    sums = v.loop(constant(0), constant(c.channels), channel, sums)
    for o in range(height):
        for n, s in enumerate(found):
            at = o * c.out_output + s.row * c.out_row + s.column * c.out_column
            _write_segment(v, c, s, sums[o * len(found) + n], v.at(out, at))


def _regular(taps: tuple[tuple[tuple[int, int], ...], ...]) -> tuple[int, int] | None:
    """Give the steps from one row of taps to the next, if these are always the same."""
    if len(taps) < 2 or not taps[0] or len({len(row) for row in taps}) > 1:
        return None
    steps = {
        (b[0] - a[0], b[1] - a[1])
        for row, following in itertools.pairwise(taps)
        for a, b in zip(row, following, strict=True)
    }
    return steps.pop() if len(steps) == 1 else None


def _write_segment(v: Vectors, c: Correlation, s: Segment, value: Any, to: Any) -> None:
    """Write the outputs of a vector to their rows."""
    if c.out_column == 1 and (s.rows == 1 or c.out_row == s.used):  # one run of outputs
        if s.rows > 1:
            lanes = [i * c.in_row + j for i in range(s.rows) for j in range(s.used)]
            value = v.shuffle(value, value, lanes + [0] * (s.width - len(lanes)))
        v.store(value, to, Piece(0, s.width, s.rows * s.used))
        return
    for i in range(s.rows):
        for j in range(s.used):
            one = v.element(value, i * c.in_row + j)
            v.store(one, v.at(to, i * c.out_row + j * c.out_column), Piece(0, 1, 1))
