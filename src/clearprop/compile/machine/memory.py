"""Elements of arrays, read and written: one alone, and vectors of neighbours or of any others."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.machine.instructions import Emitter, Lanes
from clearprop.compile.scalars import Array

I1, I8, I32, I64 = (ir.IntType(n) for n in (1, 8, 32, 64))
POINTER = ir.PointerType()


def stored_type(dtype: np.dtype[Any]) -> Any:
    """Give the type of an element in memory."""
    if dtype.kind == "f":
        return ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()
    return ir.IntType(8 * dtype.itemsize)


def number(value: int) -> Any:
    """Give a whole number."""
    return ir.Constant(I64, value)


class Memory:
    """Reads and writes arrays at the place where a builder stands.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    emitter : Emitter
    pointers : dict of Array to llvmlite value
        Where each array lies.

    Attributes
    ----------
    width : int
        How many elements a vector has. A mask, where there is one, says which of them are meant.
    """

    def __init__(self, builder: Any, emitter: Emitter, pointers: dict[Array, Any]) -> None:
        self.b = builder
        self.emitter = emitter
        self.pointers = pointers
        self.width = 1

    def address(self, array: Array, place: Any) -> Any:
        """Give where the element at a place lies."""
        return self.b.gep(self.pointers[array], [place], source_etype=stored_type(array.dtype))

    def read(self, array: Array, place: Any) -> Lanes:
        """Read one element."""
        return self._read(array, self.address(array, place), stored_type(array.dtype))

    def read_vector(self, array: Array, place: Any, mask: Lanes | None) -> Lanes:
        """Read the elements that begin at a place."""
        item = stored_type(array.dtype)
        kind = ir.VectorType(item, self.width)
        at = self.address(array, place)
        if mask is None:
            return self._read(array, at, kind)
        read = self._call(
            f"llvm.masked.load.v{self.width}{_code(item)}.p0",
            kind, [at, _align(array), self._spread(mask), ir.Constant(kind, None)],
        )  # fmt: skip
        return self._from_memory(read, array.dtype)

    def read_apart(self, array: Array, place: Any, step: int, mask: Lanes | None) -> Lanes:
        """Read elements that are some few apart: all between them, too, and choose."""
        item = stored_type(array.dtype)
        count = (self.width - 1) * step + 1
        kind = ir.VectorType(item, count)
        at = self.address(array, place)
        if mask is None:
            wide = self.b.load(at, typ=kind, align=array.dtype.itemsize)
        else:
            lanes = [I32(k // step if k % step == 0 else self.width) for k in range(count)]
            spread = self._spread(mask)
            none = ir.Constant(spread.type, None)  # what lies between is not needed
            order = ir.Constant(ir.VectorType(I32, count), lanes)
            wide = self._call(
                f"llvm.masked.load.v{count}{_code(item)}.p0",
                kind,
                [
                    at,
                    _align(array),
                    self.b.shuffle_vector(spread, none, order),
                    ir.Constant(kind, None),
                ],
            )
        chosen = ir.Constant(
            ir.VectorType(I32, self.width), [I32(k * step) for k in range(self.width)]
        )
        read = self.b.shuffle_vector(wide, ir.Constant(kind, ir.Undefined), chosen)
        return self._from_memory(read, array.dtype)

    def gather(self, array: Array, places: Lanes, mask: Lanes | None) -> Lanes:
        """Read an element for each lane, from its own place."""
        item = stored_type(array.dtype)
        kind = ir.VectorType(item, self.width)
        read = self._call(
            f"llvm.masked.gather.v{self.width}{_code(item)}.v{self.width}p0",
            kind,
            [
                self._addresses(array, places),
                _align(array),
                self._spread_or_all(mask),
                ir.Constant(kind, None),
            ],
        )
        return self._from_memory(read, array.dtype)

    def write(self, array: Array, place: Any, value: Lanes) -> None:
        """Write one element, or as many side by side as the value has lanes."""
        at = self.address(array, place)
        self.b.store(_to_memory(self.b, value), at, align=array.dtype.itemsize)

    def write_vector(self, array: Array, place: Any, value: Lanes, mask: Lanes | None) -> None:
        """Write the elements that begin at a place."""
        if mask is None:
            self.write(array, place, value)
            return
        at = self.address(array, place)
        self._call(
            f"llvm.masked.store.v{self.width}{_code(stored_type(array.dtype))}.p0",
            ir.VoidType(),
            [_to_memory(self.b, value), at, _align(array), self._spread(mask)],
        )

    def scatter(self, array: Array, places: Lanes, value: Lanes, mask: Lanes | None) -> None:
        """Write an element of each lane, to its own place."""
        self._call(
            f"llvm.masked.scatter.v{self.width}{_code(stored_type(array.dtype))}.v{self.width}p0",
            ir.VoidType(),
            [
                _to_memory(self.b, value),
                self._addresses(array, places),
                _align(array),
                self._spread_or_all(mask),
            ],
        )

    def _addresses(self, array: Array, places: Lanes) -> Any:
        item = stored_type(array.dtype)
        at = self.b.gep(self.pointers[array], [places.spread(self.width).ir], source_etype=item)
        at.type = ir.VectorType(POINTER, self.width)  # which llvmlite does not see
        return at

    def _read(self, array: Array, at: Any, kind: Any) -> Lanes:
        return self._from_memory(self.b.load(at, typ=kind, align=array.dtype.itemsize), array.dtype)

    def _from_memory(self, read: Any, dtype: np.dtype[Any]) -> Lanes:
        if dtype.kind == "b":
            read = self.b.icmp_unsigned("!=", read, ir.Constant(read.type, None))
        return self.emitter.value(read, dtype)

    def _spread(self, mask: Lanes) -> Any:
        return mask.spread(self.width).ir

    def _spread_or_all(self, mask: Lanes | None) -> Any:
        if mask is not None:
            return self._spread(mask)
        return ir.Constant(ir.VectorType(I1, self.width), [I1(1)] * self.width)

    def _call(self, name: str, gives: Any, arguments: list[Any]) -> Any:
        module = self.b.module
        kind = ir.FunctionType(gives, [a.type for a in arguments])
        function = module.globals.get(name) or ir.Function(module, kind, name)
        return self.b.call(function, arguments)


def _to_memory(builder: Any, value: Lanes) -> Any:
    if value.dtype.kind != "b":
        return value.ir
    return builder.zext(value.ir, I8 if value.lanes == 1 else ir.VectorType(I8, value.lanes))


def _align(array: Array) -> Any:
    return ir.Constant(I32, array.dtype.itemsize)


def _code(item: Any) -> str:
    return {"float": "f32", "double": "f64"}.get(str(item), str(item))
