"""`Lanes`: values whose operations are instructions in LLVM's language."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from llvmlite import ir

from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.lanes import Number, Value, select

_FLOATS = {4: ir.FloatType(), 8: ir.DoubleType()}
_ARITHMETIC = {
    "f": {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv", "neg": "fneg"},
    "i": {
        "add": "add",
        "sub": "sub",
        "mul": "mul",
        "neg": "neg",
        "quotient": "sdiv",
        "rest": "srem",
        "shl": "shl",
        "shr": "ashr",
    },
    "b": {},
}
_ARITHMETIC["u"] = {**_ARITHMETIC["i"], "quotient": "udiv", "rest": "urem", "shr": "lshr"}
_BITWISE = {"and": "and_", "or": "or_", "xor": "xor", "not": "not_"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_INTRINSICS = {
    "fma": "fma",
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "trunc": "trunc",
    "rint": "rint",  # half to even, unless somebody changed the processor's mode
    "abs": "fabs",
    "copysign": "copysign",
}


def has_fma(processor: Processor) -> bool:
    """Whether ``a * b + c`` is one instruction there."""
    return processor.vector_bytes >= 32 or "+neon" in processor.features


@dataclass(frozen=True)
class Emitter:
    """Where instructions are written.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        At the place where the next instruction goes. It moves on to other blocks of the same
        function where an operation needs branches.
    fused : bool
        Whether ``a * b + c`` is one instruction, see `has_fma`.
    scales : bool
        Whether ``a * 2**b`` is one instruction on vectors of 64 bytes, as with AVX-512.

    Examples
    --------
    >>> from llvmlite import ir
    >>> from clearprop.compile.machine.instructions import Emitter
    >>> kind = ir.VectorType(ir.FloatType(), 8)
    >>> f = ir.Function(ir.Module(), ir.FunctionType(kind, [kind]), "f")
    >>> builder = ir.IRBuilder(f.append_basic_block())
    >>> x = Emitter(builder, fused=True).value(f.args[0], "float32")
    >>> y = 1 - x * x
    >>> y
    Lanes(float32, 8)
    >>> builder.ret(y.ir).opname
    'ret'
    """

    builder: Any
    fused: bool = True
    scales: bool = False

    @classmethod
    def at(cls, builder: Any, processor: Processor | None = None) -> Emitter:
        """Write at a place, for a processor, by default this one."""
        processor = processor or this_processor()
        scales = processor.vector_bytes == 64 and "+avx512f" in processor.features
        return cls(builder, has_fma(processor), scales)

    def value(self, value: Any, dtype: Any) -> Lanes:
        """Take a value of LLVM, a scalar or a vector, whose numbers are of ``dtype``."""
        return Lanes(self, value, np.dtype(dtype))

    def constant(self, number: Number, dtype: Any) -> Lanes:
        """Give a number, in one lane; it spreads where it meets a vector."""
        dtype = np.dtype(dtype)
        return Lanes(self, _constant(number, dtype), dtype)


class Lanes(Value):
    """A number, or a vector of numbers, in machine code.

    Attributes
    ----------
    emitter : Emitter
    ir : llvmlite.ir.Value
    dtype : dtype
    lanes : int
        How many numbers; 1 is a scalar.
    """

    __slots__ = ("dtype", "emitter", "ir", "lanes")

    def __init__(self, emitter: Emitter, value: Any, dtype: np.dtype[Any]) -> None:
        self.emitter = emitter
        self.ir = value
        self.dtype = dtype
        self.lanes = value.type.count if isinstance(value.type, ir.VectorType) else 1

    def __repr__(self) -> str:
        return f"Lanes({self.dtype}, {self.lanes})"

    @property
    def fused(self) -> bool:  # type: ignore[override]
        """Whether ``fma`` rounds once."""
        return self.emitter.fused

    def spread(self, lanes: int) -> Lanes:
        """Give the same number in several lanes."""
        if lanes == self.lanes:
            return self
        if self.lanes != 1:
            raise TypeError(f"{self.lanes} lanes meet {lanes}")
        kind = ir.VectorType(self.ir.type, lanes)
        if isinstance(self.ir, ir.Constant):
            return Lanes(self.emitter, ir.Constant(kind, [self.ir] * lanes), self.dtype)
        builder = self.emitter.builder
        first = builder.insert_element(
            ir.Constant(kind, ir.Undefined), self.ir, ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
        spread = builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), zeros)
        return Lanes(self.emitter, spread, self.dtype)

    def constant(self, number: Number, dtype: Any = None) -> Self:  # noqa: D102
        return self.emitter.constant(number, dtype or self.dtype)  # type: ignore[return-value]

    @property
    def known(self) -> float | None:
        """The number, if it is a constant and not NaN."""
        number = self.ir.constant if isinstance(self.ir, ir.Constant) else None
        if isinstance(number, int) or (isinstance(number, float) and not math.isnan(number)):
            return number
        return None

    def _new(self, value: Any, dtype: Any = None) -> Any:
        return Lanes(self.emitter, value, np.dtype(dtype or self.dtype))

    def _apply(self, operation: str, dtype: Any, *others: Any) -> Any:
        operands = [x.ir for x in _alike(self, *others)]
        builder, kind = self.emitter.builder, self.dtype.kind
        if operation in _COMPARISONS:
            return self._new(_compare(builder, kind, _COMPARISONS[operation], *operands), dtype)
        if operation in _INTRINSICS:
            return self._new(_call(builder, _INTRINSICS[operation], *operands), dtype)
        name = _BITWISE.get(operation) or _ARITHMETIC[kind][operation]
        return self._new(getattr(builder, name)(*operands), dtype)

    def _scaled(self, n: Any) -> Any:
        if not self.emitter.scales or self.lanes * self.dtype.itemsize != 64:
            return None
        letter = "s" if self.dtype.itemsize == 4 else "d"
        mask, word = ir.IntType(self.lanes), ir.IntType(32)
        as_processor_is_set = 4
        y, n = _alike(self, n)
        operands = [y.ir, n.ir, y.ir, mask(-1), word(as_processor_is_set)]
        kinds = [x.type for x in operands]
        name = f"llvm.x86.avx512.mask.scalef.p{letter}.512"
        return self._new(_called(self.emitter.builder, name, y.ir.type, kinds, operands))

    def _converted(self, dtype: np.dtype[Any]) -> Any:
        builder, old = self.emitter.builder, self.dtype
        kind = self._kind(dtype)
        if old.kind == "f" and dtype.kind == "f":
            instruction = "fpext" if dtype.itemsize > old.itemsize else "fptrunc"
        elif dtype.kind == "f":
            instruction = "sitofp" if old.kind == "i" else "uitofp"
        elif old.kind == "f":
            return self._whole(dtype)
        elif old.kind == "b" or dtype.itemsize > old.itemsize:
            instruction = "sext" if old.kind == "i" else "zext"
        else:
            instruction = "trunc" if dtype.itemsize < old.itemsize else "bitcast"
        return self._new(getattr(builder, instruction)(self.ir, kind), dtype)

    def _whole(self, dtype: np.dtype[Any]) -> Any:
        """Convert a float to an integer, outside its range as compilers of C do it."""
        if dtype == np.uint64:
            half = 2.0**63
            low = self < half
            signed = select(low, self, self - half)._converted(np.dtype("i8"))
            return (signed ^ select(low, 0, np.int64(-(2**63))))._reread(dtype)
        wide = np.dtype("i8" if dtype.itemsize == 8 or dtype == np.uint32 else "i4")
        whole = self._new(self.emitter.builder.fptosi(self.ir, self._kind(wide)), wide)
        return whole if dtype == wide else whole._converted(dtype)

    def _reread(self, dtype: np.dtype[Any]) -> Any:
        return self._new(self.emitter.builder.bitcast(self.ir, self._kind(dtype)), dtype)

    def _kind(self, dtype: np.dtype[Any]) -> Any:
        scalar = scalar_type(dtype)
        return scalar if self.lanes == 1 else ir.VectorType(scalar, self.lanes)

    def _chosen(self, yes: Any, no: Any) -> Any:
        if self.lanes == 1:
            yes, no = _alike(yes, no)
            condition = self
        else:
            condition, yes, no = _alike(self, yes, no)
        return yes._new(self.emitter.builder.select(condition.ir, yes.ir, no.ir))

    def _any(self) -> Any:
        """Give one bit: whether some lane of a boolean is true."""
        builder = self.emitter.builder
        if self.lanes == 1:
            return self.ir
        together = builder.bitcast(self.ir, ir.IntType(self.lanes))
        return builder.icmp_unsigned("!=", together, ir.Constant(together.type, 0))

    def rarely(self, usual: Sequence[Any], compute: Callable[[], Sequence[Any]]) -> list[Any]:  # noqa: D102
        builder = self.emitter.builder
        usual = [_alike(x, self)[0] for x in usual]
        before = builder.block
        rare, after = _block(builder), _block(builder)
        weights = [1, 1000]
        builder.cbranch(self._any(), rare, after).set_weights(weights)
        builder.position_at_end(rare)
        chosen = [select(self, y, x) for x, y in zip(usual, compute(), strict=True)]
        rare = builder.block  # the computation may have had branches
        builder.branch(after)
        builder.position_at_end(after)
        results = []
        for x, y in zip(usual, chosen, strict=True):
            phi = builder.phi(x.ir.type)
            phi.add_incoming(x.ir, before)
            phi.add_incoming(y.ir, rare)
            results.append(x._new(phi))
        return results

    def apart(self, name: str, dtypes: Sequence[Any], compute: Callable[..., Any]) -> list[Any]:  # noqa: D102
        builder = self.emitter.builder
        full = f"{name}.{self.dtype}.{self.lanes}"
        function = builder.module.globals.get(full)
        if function is None:
            kinds = [self._kind(np.dtype(d)) for d in dtypes]
            form = ir.FunctionType(ir.LiteralStructType(kinds), [self.ir.type])
            function = ir.Function(builder.module, form, full)
            function.linkage = "internal"
            function.attributes.add("noinline")
            function.attributes.add("cold")
            inside = replace(self.emitter, builder=ir.IRBuilder(function.append_basic_block()))
            results = compute(inside.value(function.args[0], self.dtype))
            value = ir.Constant(form.return_type, ir.Undefined)
            for i, x in enumerate(results):
                value = inside.builder.insert_value(value, x.spread(self.lanes).ir, i)
            inside.builder.ret(value)
        together = builder.call(function, [self.ir])
        return [self._new(builder.extract_value(together, i), d) for i, d in enumerate(dtypes)]

    def repeat(  # noqa: D102
        self,
        values: Sequence[Any],
        unfinished: Callable[..., Any],
        step: Callable[..., Sequence[Any]],
    ) -> list[Any]:
        builder = self.emitter.builder
        values = _alike(*values)
        before = builder.block
        head, body, after = _block(builder), _block(builder), _block(builder)
        builder.branch(head)
        builder.position_at_end(head)
        phis = [builder.phi(x.ir.type) for x in values]
        for phi, x in zip(phis, values, strict=True):
            phi.add_incoming(x.ir, before)
        state = [x._new(phi) for phi, x in zip(phis, values, strict=True)]
        builder.cbranch(unfinished(*state)._any(), body, after)
        builder.position_at_end(body)
        following = _alike(*step(*state))
        for phi, x in zip(phis, following, strict=True):
            phi.add_incoming(x.ir, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return state


def scalar_type(dtype: Any) -> Any:
    """Give LLVM's type of one number of a dtype, as it lies in a register."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return _FLOATS[dtype.itemsize]
    return ir.IntType(1 if dtype.kind == "b" else 8 * dtype.itemsize)


def _constant(number: Number, dtype: np.dtype[Any]) -> Any:
    value = dtype.type(number).item()
    return ir.Constant(scalar_type(dtype), int(value) if dtype.kind == "b" else value)


def _alike(*values: Any) -> list[Any]:
    lanes = max(x.lanes for x in values)
    return [x.spread(lanes) for x in values]


def _compare(builder: Any, kind: str, sign: str, a: Any, b: Any) -> Any:
    if kind == "f":  # NaN differs from everything and compares with nothing
        ordered = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
        return ordered(sign, a, b)
    return (builder.icmp_signed if kind == "i" else builder.icmp_unsigned)(sign, a, b)


def _call(builder: Any, name: str, *operands: Any) -> Any:
    kind = operands[0].type
    scalar = kind.element if isinstance(kind, ir.VectorType) else kind
    letter = "f32" if isinstance(scalar, ir.FloatType) else "f64"
    suffix = f"v{kind.count}{letter}" if isinstance(kind, ir.VectorType) else letter
    return _called(builder, f"llvm.{name}.{suffix}", kind, [kind] * len(operands), operands)


def _called(builder: Any, name: str, kind: Any, kinds: Any, operands: Any) -> Any:
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(kind, kinds), name)
    return builder.call(function, operands)


def _block(builder: Any) -> Any:
    return builder.function.append_basic_block()
