"""Vectors and loops in LLVM's language: what the kernels of this package are written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.machine.engine import Processor

INDEX = ir.IntType(64)
POINTER = ir.PointerType()


def constant(i: int) -> Any:
    """Write an index."""
    return ir.Constant(INDEX, i)


@dataclass(frozen=True)
class Piece:
    """A vector of `width` elements of which the first `used` are meant, `offset` into a row."""

    offset: int
    width: int
    used: int


def pieces(count: int, lanes: int, *, masks: bool) -> list[Piece]:
    """Cover a row of `count` elements by vectors, narrower ones at its end.

    Parameters
    ----------
    count : int
    lanes : int
        The widest vector, a power of two.
    masks : bool
        Whether the last may be longer than what is left; otherwise it becomes several that fit.
    """
    found = [Piece(at, lanes, lanes) for at in range(0, count - lanes + 1, lanes)]
    at = len(found) * lanes
    while at < count:
        left = count - at
        width = 1 << (left - 1).bit_length() if masks else 1 << (left.bit_length() - 1)
        used = min(width, left)
        found.append(Piece(at, width, used))
        at += used
    return found


def fetch(b: Any, pointer: Any, level: int) -> None:
    """Bring a line of memory into the first-level or second-level cache; nothing depends on it."""
    name, i32 = "llvm.prefetch.p0", ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [POINTER, i32, i32, i32])
    function = b.module.globals.get(name) or ir.Function(b.module, kind, name)
    b.call(function, [pointer, i32(0), i32(4 - level), i32(1)])


def _halves(count: int, width: int) -> list[Piece]:
    """Describe two vectors that follow each other and hold `count` elements."""
    return [
        Piece(0, width, min(count, width)),
        Piece(width, width, max(count - width, 0)),
    ]


class Vectors:
    """Writes vectors and loops into one function.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    dtype : dtype
        float32 or float64.
    processor : Processor
    """

    def __init__(self, builder: Any, dtype: Any, processor: Processor) -> None:
        self.b = builder
        self.processor = processor
        self.dtype = np.dtype(dtype)
        self.item: Any = ir.FloatType() if self.dtype.itemsize == 4 else ir.DoubleType()
        self.fused = "+fma" in processor.features or "+neon" in processor.features

    def function(self, name: str, arguments: Sequence[Any]) -> tuple[Vectors, tuple[Any, ...]]:
        """Begin another function of this module that returns nothing; end it with ``ret_void``."""
        function = ir.Function(self.b.module, ir.FunctionType(ir.VoidType(), list(arguments)), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        return Vectors(builder, self.dtype, self.processor), tuple(function.args)

    # ---- types and constants -----------------------------------------------------------------

    def type(self, width: int) -> Any:
        """Give the type of `width` elements; one is a scalar."""
        return self.item if width == 1 else ir.VectorType(self.item, width)

    def constant(self, value: float) -> Any:
        """Write a number."""
        return ir.Constant(self.item, value)

    def zero(self, width: int) -> Any:
        """Write zeros."""
        return ir.Constant(self.type(width), 0.0 if width == 1 else [0.0] * width)

    def _suffix(self, width: int) -> str:
        scalar = f"f{self.dtype.itemsize * 8}"
        return scalar if width == 1 else f"v{width}{scalar}"

    def _intrinsic(self, name: str, result: Any, arguments: Sequence[Any]) -> Any:
        module = self.b.module
        found = module.globals.get(name)
        return found or ir.Function(module, ir.FunctionType(result, arguments), name)

    # ---- memory ------------------------------------------------------------------------------

    def at(self, pointer: Any, index: Any) -> Any:
        """Give the address of an element."""
        if isinstance(index, int):
            index = constant(index)
        return self.b.gep(pointer, [index], source_etype=self.item)

    def scaled(self, i: Any, stride: int) -> Any:
        """Write ``i·stride``."""
        return i if stride == 1 else self.b.mul(i, constant(stride), flags=["nsw"])

    def load_first(self, pointer: Any, count: Any, width: int) -> Any:
        """Read a vector of which the first `count` elements are meant, none if that is negative."""
        kind = self.type(width)
        numbers = ir.VectorType(INDEX, width)
        none = ir.Constant(numbers, ir.Undefined)
        one = self.b.insert_element(none, count, ir.Constant(ir.IntType(32), 0))
        limit = self.shuffle(one, none, [0] * width)
        mask = self.b.icmp_signed("<", ir.Constant(numbers, list(range(width))), limit)
        return self._masked_load(pointer, mask, kind, self.zero(width))

    def _masked_load(self, pointer: Any, mask: Any, kind: Any, other: Any) -> Any:
        name = f"llvm.masked.load.{self._suffix(kind.count)}.p0"
        call = self._intrinsic(name, kind, [POINTER, ir.IntType(32), mask.type, kind])
        align = ir.Constant(ir.IntType(32), self.dtype.itemsize)
        return self.b.call(call, [pointer, align, mask, other])

    def load_strided(self, pointer: Any, width: int, stride: int) -> Any:
        """Read elements that lie `stride` apart."""
        if stride == 1 or width == 1:
            return self.load(pointer, Piece(0, width, width))
        value = ir.Constant(self.type(width), ir.Undefined)
        for i in range(width):
            one = self.load(self.at(pointer, i * stride), Piece(0, 1, 1))
            value = self.b.insert_element(value, one, ir.Constant(ir.IntType(32), i))
        return value

    def store_strided(self, value: Any, pointer: Any, stride: int) -> None:
        """Write elements `stride` apart."""
        width = getattr(value.type, "count", 1)
        if stride == 1 or width == 1:
            self.store(value, pointer, Piece(0, width, width))
            return
        for i in range(width):
            one = self.b.extract_element(value, ir.Constant(ir.IntType(32), i))
            self.store(one, self.at(pointer, i * stride), Piece(0, 1, 1))

    def load_pairs(self, pointer: Any, count: int, width: int) -> tuple[Any, Any]:
        """Read `count` elements, at most 2·width, and part those at even places from the others."""
        if width == 1:
            one = Piece(0, 1, 1)
            second = self.load(self.at(pointer, 1), one) if count > 1 else self.zero(1)
            return self.load(pointer, one), second
        low, high = (
            self.load(self.at(pointer, half.offset), half) if half.used else self.zero(width)
            for half in _halves(count, width)
        )
        even, odd = (self.shuffle(low, high, range(n, 2 * width, 2)) for n in (0, 1))
        return even, odd

    def store_pairs(self, even: Any, odd: Any, pointer: Any, count: int, *, masks: bool) -> None:
        """Write `count` elements, in turn one of each vector."""
        width = getattr(even.type, "count", 1)
        if width == 1:
            for n, value in enumerate((even, odd)[:count]):
                self.store(value, self.at(pointer, n), Piece(0, 1, 1))
            return
        places = [k // 2 + k % 2 * width for k in range(2 * width)]
        for half in _halves(count, width):
            value = self.shuffle(even, odd, places[half.offset : half.offset + width])
            if masks or half.used in {0, width}:
                if half.used:
                    self.store(value, self.at(pointer, half.offset), half)
                continue
            for n in range(half.used):
                one = self.element(value, n)
                self.store(one, self.at(pointer, half.offset + n), Piece(0, 1, 1))

    def element(self, x: Any, place: int) -> Any:
        """Take one element of a vector."""
        if not hasattr(x.type, "count"):
            return x
        return self.b.extract_element(x, ir.Constant(ir.IntType(32), place))

    def first(self, x: Any, width: int) -> Any:
        """Take the first elements of a vector."""
        if width == x.type.count:
            return x
        if width == 1:
            return self.b.extract_element(x, ir.Constant(ir.IntType(32), 0))
        return self.shuffle(x, x, list(range(width)))

    def _mask(self, piece: Piece) -> Any:
        on = [int(i < piece.used) for i in range(piece.width)]
        return ir.Constant(ir.VectorType(ir.IntType(1), piece.width), on)

    def load(self, pointer: Any, piece: Piece) -> Any:
        """Read a vector at an address that need not be aligned; what is not meant is zero."""
        kind = self.type(piece.width)
        if piece.used == piece.width:
            return self.b.load(pointer, typ=kind, align=self.dtype.itemsize)
        mask = self._mask(piece)
        return self._masked_load(pointer, mask, kind, self.zero(piece.width))

    def store(self, value: Any, pointer: Any, piece: Piece) -> None:
        """Write what is meant of a vector."""
        if piece.used == piece.width:
            self.b.store(value, pointer, align=self.dtype.itemsize)
            return
        mask = self._mask(piece)
        name = f"llvm.masked.store.{self._suffix(piece.width)}.p0"
        arguments = [value.type, POINTER, ir.IntType(32), mask.type]
        call = self._intrinsic(name, ir.VoidType(), arguments)
        align = ir.Constant(ir.IntType(32), self.dtype.itemsize)
        self.b.call(call, [value, pointer, align, mask])

    # ---- arithmetic --------------------------------------------------------------------------

    def splat(self, value: Any, width: int) -> Any:
        """Repeat a scalar."""
        if width == 1:
            return value
        none = ir.Constant(self.type(width), ir.Undefined)
        one = self.b.insert_element(none, value, ir.Constant(ir.IntType(32), 0))
        return self.shuffle(one, none, [0] * width)

    def shuffle(self, x: Any, y: Any, places: Sequence[int]) -> Any:
        """Pick elements of two vectors, those of the second after those of the first."""
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
        return self.b.shuffle_vector(x, y, mask)

    def multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        """Write ``x·y + z``, rounded once where the processor can."""
        width = getattr(x.type, "count", 1)
        if not self.fused:
            return self.b.fadd(self.b.fmul(x, y), z)
        call = self._intrinsic(f"llvm.fma.{self._suffix(width)}", x.type, [x.type] * 3)
        return self.b.call(call, [x, y, z])

    def total(self, x: Any) -> Any:
        """Add the elements of a vector: halves, until one is left."""
        width = getattr(x.type, "count", 1)
        while width > 1:
            width //= 2
            low, high = (list(range(k, k + width)) for k in (0, width))
            if width > 1:
                x = self.b.fadd(self.shuffle(x, x, low), self.shuffle(x, x, high))
            else:
                low, high = (ir.Constant(ir.IntType(32), k) for k in (0, 1))
                x = self.b.fadd(self.b.extract_element(x, low), self.b.extract_element(x, high))
        return x

    def transposed(self, rows: Sequence[Any]) -> list[Any]:
        """Exchange rows and columns of as many vectors as each has elements, a power of two."""
        found = list(rows)
        n = len(found)
        half = n // 2
        while half:  # blocks of this size change places across the diagonal
            low = [k if not k & half else n + k - half for k in range(n)]
            high = [k + half if not k & half else n + k for k in range(n)]
            for i in range(n):
                if not i & half:
                    x, y = found[i], found[i + half]
                    found[i], found[i + half] = self.shuffle(x, y, low), self.shuffle(x, y, high)
            half //= 2
        return found

    # ---- control -----------------------------------------------------------------------------

    def loop(
        self,
        start: Any,
        stop: Any,
        body: Callable[..., Sequence[Any] | None],
        carried: Sequence[Any] = (),
        step: int = 1,
    ) -> list[Any]:
        """Write ``for i in range(start, stop, step)`` with values that go from turn to turn.

        LLVM does not unroll it; whoever wants that writes a longer body.
        """
        b = self.b
        before = b.block
        turn = b.append_basic_block("turn")
        after = b.append_basic_block("after")
        b.cbranch(b.icmp_signed("<", start, stop), turn, after)
        b.position_at_end(turn)
        i = b.phi(INDEX)
        values = [b.phi(value.type) for value in carried]
        new = list(body(i, *values) or ())
        last = b.block
        following = b.add(i, constant(step), flags=["nsw"])
        i.add_incoming(start, before)
        i.add_incoming(following, last)
        for phi, first, next_one in zip(values, carried, new, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(next_one, last)
        back = b.cbranch(b.icmp_signed("<", following, stop), turn, after)
        back.set_metadata("llvm.loop", self._as_written())
        b.position_at_end(after)
        results = [b.phi(value.type) for value in carried]
        for phi, first, next_one in zip(results, carried, new, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(next_one, last)
        return results

    def unrolled(
        self,
        count: Any,
        body: Callable[[Any, list[Any]], list[Any]],
        carried: list[Any],
        times: int,
        start: Any = None,
    ) -> list[Any]:
        """Write ``for k in range(start, count)``, several turns in one; from 0 by default."""
        b = self.b
        start = constant(0) if start is None else start

        def several(k: Any, *values: Any) -> list[Any]:
            found = list(values)
            for turn in range(times):
                found = body(b.add(k, constant(turn), flags=["nsw"]) if turn else k, found)
            return found

        left = b.urem(b.sub(count, start), constant(times))
        whole = b.sub(count, left) if times > 1 else count
        found = self.loop(start, whole, several, carried, step=times)
        if times > 1:
            found = self.loop(whole, count, lambda k, *values: body(k, list(values)), found)
        return found

    def rows(
        self, start: Any, stop: Any, heights: Sequence[int], body: Callable[[Any, int], None]
    ) -> None:
        """Cut rows into strips: as many of the first height as fit, then of the next, ….

        The last height has to be 1.
        """
        i = start
        for height in heights:
            bound = self.b.sub(stop, constant(height - 1))

            def strip(i: Any, _: Any, height: int = height) -> list[Any]:
                body(i, height)
                return [self.b.add(i, constant(height), flags=["nsw"])]

            (i,) = self.loop(i, bound, strip, [i], step=height)

    def strips(self, count: int, height: int, body: Callable[[Any, int], None]) -> None:
        """Cut a known number of rows into strips of a height; the last is what is left."""
        whole = count - count % height
        if whole == height:
            body(constant(0), height)
        else:
            self.loop(constant(0), constant(whole), lambda i: body(i, height), step=height)
        if count > whole:
            body(constant(whole), count - whole)

    def smaller(self, x: Any, y: Any) -> Any:
        """Write ``min(x, y)`` of indices."""
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def _as_written(self) -> Any:
        module = self.b.module
        never = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
        name = str(len(module.metadata))
        loop = ir.values.MDValue(module, [never], name=name)
        loop.operands = (loop, never)  # the first operand of a loop's description is itself
        return loop
