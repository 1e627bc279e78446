"""Fourier transforms of lines of numbers, as many beside each other as a vector has lanes.

Stages of small factors, each of which reads one buffer and writes the other, so that the results
come out in order (Stockham). Real and imaginary parts are vectors of their own, and the lines lie
across them: no stage moves numbers between lanes.

Source: C. Van Loan, Computational Frameworks for the Fast Fourier Transform (SIAM 1992), section
1.7 and, for odd factors, 2.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.affine import Var
from clearprop.compile.fourier import factor_of, radices
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.instructions import Emitter, Lanes, scalar_type
from clearprop.compile.machine.lanes import fma
from clearprop.compile.machine.memory import I32, POINTER, number
from clearprop.compile.machine.nests import NestWriter
from clearprop.compile.nests import Block, Fourier

_Number = Lanes | None  # None is 0
_Complex = tuple[_Number, _Number]


@dataclass(frozen=True)
class _Spec:
    """What is done with some lines: how far apart lines and their numbers lie, in elements."""

    n: int
    dtype: str
    lanes: int
    re: tuple[int, int] | None
    im: tuple[int, int] | None
    out: tuple[int, int]
    parts: int
    inverse: bool
    factor: float

    @property
    def symbol(self) -> str:
        """The name of the function in a module."""
        parts = (self.n, self.dtype, self.lanes, self.re, self.im, self.out, self.parts)
        name = "_".join(map(str, (*parts, self.inverse, self.factor)))
        return f"fourier.{name}".replace(", ", "x")


def fourier_bytes(work: Fourier, processor: Processor) -> int:
    """Give the bytes of the buffers between the stages."""
    buffers = min(len(radices(work.n)) - 1, 2)
    item = work.out.array.dtype.itemsize
    return int(buffers * 2 * work.n * processor.lanes(item) * item)


def call_fourier(writer: NestWriter, work: Fourier, is_cut: bool, spare: Any) -> None:
    """Write the loops around the transforms, and the calls of them: full vectors, then the rest.

    Parameters
    ----------
    writer : NestWriter
        Where they are written. It knows the rows of a block.
    work : Fourier
    is_cut : bool
        Whether the first loop goes along the rows of a block.
    spare : llvmlite value
        Memory for the buffers.
    """
    b = writer.b
    across = work.axes[-1] if work.axes else None
    item = work.out.array.dtype.itemsize

    def inside(depth: int, values: dict[Var, Any]) -> None:
        axis = work.axes[depth] if across is not None else None
        if axis is None:
            call(1, values)
            return
        cut = is_cut and not depth
        at, stop = writer.rows if cut else (number(0), number(axis.extent))
        if axis is not across:
            writer.loop(at, stop, 1, lambda i: inside(depth + 1, {**values, axis: i}))
            return
        lanes, rest = writer.processor.lanes(item), axis.extent
        while lanes:
            if cut or rest >= lanes:

                def several(i: Any, lanes: int = lanes) -> None:
                    call(lanes, {**values, axis: i})

                writer.loop(at, stop, lanes, several)
                at, rest = writer.reached, rest % lanes
            lanes //= 2

    def call(lanes: int, values: dict[Var, Any]) -> None:
        writer.vars = values

        def steps(block: Block | None) -> tuple[int, int] | None:
            if block is None:
                return None
            return (0 if across is None else block.place.factor(across), block.strides[-1])

        out = steps(work.out)
        assert out is not None
        spec = _Spec(
            work.n, work.out.array.dtype.name, lanes, steps(work.re), steps(work.im), out,
            work.out.strides[0], work.inverse, factor_of(work),
        )  # fmt: skip
        blocks = (work.out, work.re or work.out, work.im or work.out)
        b.call(_written(b.module, spec, writer.processor), [*map(address, blocks), spare])

    def address(block: Block) -> Any:
        return writer.memory.address(block.array, writer.uniform(block.place))

    inside(0, {})


def _written(module: Any, spec: _Spec, processor: Processor) -> Any:
    """Write ``void fourier(ptr out, ptr re, ptr im, ptr buffers)``, if it is not there."""
    found = module.globals.get(spec.symbol)
    if found is not None:
        return found
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER] * 4), spec.symbol)
    function.linkage = "internal"
    function.attributes.add("noinline")
    _Writer(function, spec, processor).write()
    return function


class _Writer:
    def __init__(self, function: Any, spec: _Spec, processor: Processor) -> None:
        self.b = b = ir.IRBuilder(function.append_basic_block("entry"))
        self.spec = spec
        self.dtype = np.dtype(spec.dtype)
        self.item = scalar_type(self.dtype)
        self.vector = self.item if spec.lanes == 1 else ir.VectorType(self.item, spec.lanes)
        self.emitter = Emitter.at(b, processor)
        self.out, self.re, self.im, self.buffers = function.args
        self.loop = NestWriter(b, processor, {}, {}, (None, None), None).loop
        self.sign = 1 if spec.inverse else -1

    def write(self) -> None:
        factors = radices(self.spec.n)
        n, s = self.spec.n, 1
        for k, r in enumerate(factors):
            read = self.from_input if k == 0 else self.reader((k - 1) % 2)
            last = k == len(factors) - 1
            self.stage(n, s, r, read, self.to_output if last else self.writer(k % 2))
            n, s = n // r, s * r
        self.b.ret_void()

    def stage(
        self, n: int, s: int, r: int,
        read: Callable[[Any], _Complex], write: Callable[[Any, _Complex], None],
    ) -> None:  # fmt: skip
        """Write one stage: ``s`` transforms of length ``n`` beside each other lose a factor."""
        b, m = self.b, n // r
        turns = self.table(n, m, r) if m > 1 else None

        def one(p: Any, q: Any) -> None:
            at = b.add(q, b.mul(p, number(s)))
            found = self.small([read(b.add(at, number(s * m * j))) for j in range(r)])
            to = b.add(q, b.mul(p, number(s * r)))
            for k, z in enumerate(found):
                turned = z if turns is None or not k else self.turned(z, turns, p, k, r)
                write(b.add(to, number(s * k)), turned)

        if s == 1:
            self.loop(number(0), number(m), 1, lambda p: one(p, number(0)))
        elif m == 1:
            self.loop(number(0), number(s), 1, lambda q: one(number(0), q))
        else:
            self.loop(
                number(0), number(m), 1,
                lambda p: self.loop(number(0), number(s), 1, lambda q: one(p, q)),
            )  # fmt: skip

    # ---- arithmetic ------------------------------------------------------------------------------

    def small(self, z: list[_Complex]) -> list[_Complex]:
        """Transform as many numbers as a factor says."""
        if len(z) == 2:
            return [_added(z[0], z[1]), _less(z[0], z[1])]
        if len(z) == 4:
            even, odd = self.small(z[::2]), self.small(z[1::2])
            turned = self.quarter(odd[1])
            first, second = _added(even[0], odd[0]), _less(even[0], odd[0])
            return [first, _added(even[1], turned), second, _less(even[1], turned)]
        return self.odd(z)

    def odd(self, z: list[_Complex]) -> list[_Complex]:
        """Transform an odd number of numbers: pairs from both ends share their products."""
        r, half = len(z), range(1, len(z) // 2 + 1)
        sums = [_added(z[j], z[r - j]) for j in half]
        differences = [_less(z[j], z[r - j]) for j in half]
        first = z[0]
        for pair in sums:
            first = _added(first, pair)
        found = [first] + [first] * (r - 1)
        for k in half:
            level: _Complex = z[0]
            slope: _Complex = (None, None)
            for j, plus, minus in zip(half, sums, differences, strict=True):
                angle = 2 * math.pi * (j * k % r) / r
                level = _scaled_onto(level, plus, math.cos(angle))
                slope = _scaled_onto(slope, minus, math.sin(angle))
            slope = self.quarter(slope)
            found[k], found[r - k] = _added(level, slope), _less(level, slope)
        return found

    def quarter(self, z: _Complex) -> _Complex:
        """Turn by a quarter, in the direction of the transform."""
        re, im = z
        return (_minus(im), re) if self.sign > 0 else (im, _minus(re))

    def table(self, n: int, m: int, r: int) -> Any:
        """Make a constant of the module: how far the p-th transform turns its k-th number."""
        name = f"turns.{self.dtype.name}.{n}.{r}.{self.sign}"
        module = self.b.module
        found = module.globals.get(name)
        if found is None:
            p, k = np.arange(m)[:, np.newaxis], np.arange(1, r)
            angle = self.sign * 2 * np.pi * (p * k % n) / n
            turns = np.stack([np.cos(angle), np.sin(angle)], -1).astype(self.dtype).reshape(-1)
            kind = ir.ArrayType(self.item, turns.size)
            found = ir.GlobalVariable(module, kind, name)
            found.linkage, found.global_constant = "internal", True
            found.initializer = ir.Constant(kind, [ir.Constant(self.item, float(x)) for x in turns])
        return found

    def turned(self, z: _Complex, turns: Any, p: Any, k: int, r: int) -> _Complex:
        b = self.b
        at = b.add(b.mul(p, number(2 * (r - 1))), number(2 * (k - 1)))
        c, s = (
            self.lanes(b.load(self.at(turns, at, part), typ=self.item, align=self.dtype.itemsize))
            for part in (0, 1)
        )
        re, im = z
        if re is None or im is None:
            return (None, None) if re is None and im is None else self._turned_half(re, im, c, s)
        return fma(re, c, -(im * s)), fma(re, s, im * c)

    @staticmethod
    def _turned_half(re: _Number, im: _Number, c: Lanes, s: Lanes) -> _Complex:
        if re is None:
            assert im is not None
            return -(im * s), im * c
        return re * c, re * s

    # ---- memory ----------------------------------------------------------------------------------

    def lanes(self, value: Any) -> Lanes:
        return self.emitter.value(value, self.dtype)

    def at(self, memory: Any, place: Any, more: int = 0) -> Any:
        place = self.b.add(place, number(more)) if more else place
        return self.b.gep(memory, [place], source_etype=self.item)

    def buffer_place(self, which: int, i: Any) -> Any:
        place = self.b.mul(i, number(2 * self.spec.lanes))
        return self.b.add(place, number(which * 2 * self.spec.n * self.spec.lanes))

    def reader(self, which: int) -> Callable[[Any], _Complex]:
        def read(i: Any) -> _Complex:
            place = self.buffer_place(which, i)
            re, im = (
                self.lanes(self.b.load(self.at(self.buffers, place, more), typ=self.vector, align=8
                                       if self.dtype.itemsize == 8 else 4))
                for more in (0, self.spec.lanes)
            )  # fmt: skip
            return re, im

        return read

    def writer(self, which: int) -> Callable[[Any, _Complex], None]:
        def write(i: Any, z: _Complex) -> None:
            place = self.buffer_place(which, i)
            for part, more in zip(z, (0, self.spec.lanes), strict=True):
                at = self.at(self.buffers, place, more)
                self.b.store(self.known(part).ir, at, align=self.dtype.itemsize)

        return write

    def known(self, part: _Number) -> Lanes:
        """Give a number that may be 0, as a vector."""
        value = self.emitter.constant(0.0, self.dtype) if part is None else part
        return value.spread(self.spec.lanes)

    def from_input(self, i: Any) -> _Complex:
        return self.loaded(self.re, self.spec.re, i), self.loaded(self.im, self.spec.im, i)

    def loaded(self, memory: Any, steps: tuple[int, int] | None, i: Any) -> _Number:
        """Read a number of each line."""
        if steps is None:
            return None
        across, along = steps
        b, align = self.b, self.dtype.itemsize
        place = b.mul(i, number(along))
        if across == 1 or self.spec.lanes == 1:
            return self.lanes(b.load(self.at(memory, place), typ=self.vector, align=align))
        value: Any = ir.Constant(self.vector, ir.Undefined)
        for k in range(self.spec.lanes):
            one = b.load(self.at(memory, place, k * across), typ=self.item, align=align)
            value = b.insert_element(value, one, ir.Constant(I32, k))
        return self.lanes(value)

    def to_output(self, i: Any, z: _Complex) -> None:
        """Write a number of each line."""
        b, spec, align = self.b, self.spec, self.dtype.itemsize
        across, along = spec.out
        place = b.mul(i, number(along))
        for part, more in zip(z, (0, spec.parts), strict=True):
            value = self.known(part)
            if spec.factor != 1:
                value = value * spec.factor
            if across == 1 or spec.lanes == 1:
                b.store(value.ir, self.at(self.out, place, more), align=align)
                continue
            for k in range(spec.lanes):
                one = b.extract_element(value.ir, ir.Constant(I32, k))
                b.store(one, self.at(self.out, place, more + k * across), align=align)


def _plus(a: _Number, b: _Number) -> _Number:
    return b if a is None else a if b is None else a + b


def _minus(a: _Number) -> _Number:
    return None if a is None else -a


def _added(x: _Complex, y: _Complex) -> _Complex:
    return _plus(x[0], y[0]), _plus(x[1], y[1])


def _less(x: _Complex, y: _Complex) -> _Complex:
    def less(a: _Number, b: _Number) -> _Number:
        if a is None or b is None:
            return _plus(a, _minus(b))
        difference: Lanes = a - b
        return difference

    return less(x[0], y[0]), less(x[1], y[1])


def _scaled_onto(x: _Complex, y: _Complex, factor: float) -> _Complex:
    def onto(a: _Number, b: _Number) -> _Number:
        if b is None:
            return a
        turned: Lanes = b * factor if a is None else fma(b, b.constant(factor), a)
        return turned

    return onto(x[0], y[0]), onto(x[1], y[1])
