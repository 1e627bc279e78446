"""Maxima over windows that do not overlap, as machine code, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.vectors import INDEX, POINTER, Piece, Vectors, constant, pieces

_BYTE = ir.IntType(8)


@dataclass(frozen=True)
class MaxPool:
    """``y[i,j] = max x[i·h + u, j·w + v]`` over the windows of an image, h by w, side by side.

    Attributes
    ----------
    height, width : int
        Of an image of x; what no window covers at its lower and right border is left out.
    window : pair of int
    dtype : str
        float32 or float64.
    """

    height: int
    width: int
    window: tuple[int, int] = (2, 2)
    dtype: str = "float32"

    @property
    def y(self) -> tuple[int, int]:
        """The shape of an image of y."""
        return self.height // self.window[0], self.width // self.window[1]


def winners_bytes(spec: MaxPool, processor: Processor | None = None) -> int:
    """Give the size of the winners of one image, a byte for each, rows padded to vectors."""
    parts = _parts(spec, processor or this_processor())
    return spec.y[0] * sum(piece.width for piece in parts)


def write_max_pool(
    module: ir.Module, name: str, spec: MaxPool, processor: Processor | None = None
) -> ir.Function:
    """Write ``void name(y, winners, x, i64 start, i64 stop)`` for a range of images.

    Parameters
    ----------
    module : llvmlite.ir.Module
    name : str
    spec : MaxPool
    processor : Processor, optional
        By default the one that runs this.

    Returns
    -------
    llvmlite.ir.Function
        `winners` gets the place in the window, ``u·w + v``, of the first largest element or of the
        first NaN, as `numpy.argmax` does.
    """
    w = _Writer(module, name, spec, processor, 3)
    y, winners, x, start, stop = w.arguments
    v, (h, across) = w.v, spec.window

    def part(begin: Any, end: Any, bytes_at: Any, piece: Piece) -> None:
        best = place = None
        for u in range(h):
            row = v.at(begin, u * spec.width)
            for n, value in enumerate(w.columns(row, piece)):
                number = w.bytes_of(u * across + n, piece.width)
                if best is None or place is None:
                    best, place = value, number
                    continue
                larger = v.b.and_(
                    v.b.fcmp_unordered(">", value, best), v.b.fcmp_ordered("==", best, best)
                )
                best, place = v.b.select(larger, value, best), v.b.select(larger, number, place)
        v.store(best, end, piece)
        v.b.store(place, bytes_at, align=1)

    def image(n: Any) -> None:
        w.images(n, x, y, winners, part)

    v.loop(start, stop, image)
    v.b.ret_void()
    return w.function


def write_max_pool_back(
    module: ir.Module, name: str, spec: MaxPool, processor: Processor | None = None
) -> ir.Function:
    """Write ``void name(dx, dy, winners, i64 start, i64 stop)`` for a range of images.

    Parameters
    ----------
    module : llvmlite.ir.Module
    name : str
    spec : MaxPool
    processor : Processor, optional
        By default the one that runs this.

    Returns
    -------
    llvmlite.ir.Function
        Every element of dx is written: dy where the winner was, elsewhere 0.
    """
    w = _Writer(module, name, spec, processor, 3)
    dx, dy, winners, start, stop = w.arguments
    v, (h, across) = w.v, spec.window
    rows, columns = spec.y

    def part(begin: Any, end: Any, bytes_at: Any, piece: Piece) -> None:
        value = v.load(end, piece)
        kind = _BYTE if piece.width == 1 else ir.VectorType(_BYTE, piece.width)
        place = v.b.load(bytes_at, typ=kind, align=1)
        for u in range(h):
            chosen = [
                v.b.select(
                    v.b.icmp_unsigned("==", place, w.bytes_of(u * across + n, piece.width)),
                    value,
                    v.zero(piece.width),
                )
                for n in range(across)
            ]
            w.store_columns(chosen, v.at(begin, u * spec.width), piece)

    def clear(at: Any, count: int) -> None:
        for piece in pieces(count, w.lanes, masks=w.masks):
            v.store(v.zero(piece.width), v.at(at, piece.offset), piece)

    def image(n: Any) -> None:
        w.images(n, dx, dy, winners, part)
        begin = v.at(dx, v.scaled(n, spec.height * spec.width))
        if spec.width % across:
            right = v.at(begin, columns * across)
            v.loop(
                constant(0),
                constant(rows * h),
                lambda i: clear(v.at(right, v.scaled(i, spec.width)), spec.width % across),
            )
        below = v.at(begin, rows * h * spec.width)
        v.loop(
            constant(0),
            constant(spec.height % h),
            lambda i: clear(v.at(below, v.scaled(i, spec.width)), spec.width),
        )

    v.loop(start, stop, image)
    v.b.ret_void()
    return w.function


def _parts(spec: MaxPool, processor: Processor) -> list[Piece]:
    """Cut a row of y; only pairs of columns are taken apart by vectors."""
    lanes = processor.lanes(4 if spec.dtype == "float32" else 8) if spec.window[1] <= 2 else 1
    return pieces(spec.y[1], lanes, masks=processor.vector_bytes > 16)


class _Writer:
    """What the two functions share."""

    def __init__(
        self, module: Any, name: str, spec: MaxPool, processor: Processor | None, pointers: int
    ) -> None:
        processor = processor or this_processor()
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * pointers + [INDEX] * 2)
        self.function = ir.Function(module, kind, name)
        self.arguments = self.function.args
        builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.v, self.spec = Vectors(builder, spec.dtype, processor), spec
        self.lanes = processor.lanes(self.v.dtype.itemsize)
        self.masks = processor.vector_bytes > 16
        self.parts = _parts(spec, processor)
        self.winners_row = sum(piece.width for piece in self.parts)

    def images(
        self,
        n: Any,
        x: Any,
        y: Any,
        winners: Any,
        part: Callable[[Any, Any, Any, Piece], None],
    ) -> None:
        """Visit the parts of every row of y, with their places in x, y and the winners."""
        v, (rows, columns), (h, across) = self.v, self.spec.y, self.spec.window
        x = v.at(x, v.scaled(n, self.spec.height * self.spec.width))
        y = v.at(y, v.scaled(n, rows * columns))
        first = v.scaled(n, rows * self.winners_row)

        def row(i: Any) -> None:
            begin = v.at(x, v.scaled(i, h * self.spec.width))
            end = v.at(y, v.scaled(i, columns))
            number = v.b.add(first, v.scaled(i, self.winners_row))
            at = 0
            for piece in self.parts:
                place = v.b.add(number, constant(at))
                bytes_at = v.b.gep(winners, [place], source_etype=_BYTE)
                part(v.at(begin, piece.offset * across), v.at(end, piece.offset), bytes_at, piece)
                at += piece.width

        v.loop(constant(0), constant(rows), row)

    def bytes_of(self, value: int, width: int) -> Any:
        """Repeat a small number."""
        if width == 1:
            return ir.Constant(_BYTE, value)
        return ir.Constant(ir.VectorType(_BYTE, width), [value] * width)

    def columns(self, row: Any, piece: Piece) -> list[Any]:
        """Read the columns of windows, one vector for each column of the window."""
        v, across = self.v, self.spec.window[1]
        if across == 1:
            return [v.load(row, piece)]
        if across > 2 or piece.width == 1:
            return [v.load(v.at(row, n), Piece(0, 1, 1)) for n in range(across)]
        return list(v.load_pairs(row, 2 * piece.used, piece.width))

    def store_columns(self, columns: list[Any], row: Any, piece: Piece) -> None:
        """Write what `columns` reads."""
        v, width = self.v, piece.width
        if len(columns) == 1:
            v.store(columns[0], row, piece)
            return
        if len(columns) > 2 or width == 1:
            for n, value in enumerate(columns):
                v.store(value, v.at(row, n), Piece(0, 1, 1))
            return
        even, odd = columns
        v.store_pairs(even, odd, row, 2 * piece.used, masks=self.masks)
