"""Nests of loops as machine code: vectors along one loop, scalars along the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.affine import Affine, Var
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.instructions import Emitter, Lanes
from clearprop.compile.machine.lanes import convert, fma, select
from clearprop.compile.machine.mathematics import FUNCTIONS
from clearprop.compile.machine.memory import I32, I64, Memory, number, stored_type
from clearprop.compile.nests import Nest, Store, chosen_in, walked
from clearprop.compile.scalars import (
    Apply,
    Array,
    Chosen,
    Constant,
    Convert,
    Load,
    Number,
    Scalar,
    Total,
)
from clearprop.compile.table import OUT_OF_BOUNDS

_UNROLLED = (
    4  # vectors that a total takes at a time, so that one addition need not wait for another
)
_NEAR = 4  # elements apart, up to which all that lie between are read, too
_FEW = 40  # expressions in a body that is unrolled


class NestWriter:
    """Writes a nest at the place where a builder stands.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
    processor : Processor
    pointers : dict of Array to llvmlite value
        Where each array lies.
    known : dict of Var to llvmlite value
        Variables that have a value already, such as the number of the block.
    rows : pair of llvmlite values
        The first row of the block, and the one after the last.
    trouble : llvmlite value
        Where an index that is out of bounds is noted: that it is so, the index, axis and length.
    apart : frozenset of str
        Functions that are used so often that they are written once, and called.
    """

    def __init__(
        self,
        builder: Any,
        processor: Processor,
        pointers: dict[Array, Any],
        known: dict[Var, Any],
        rows: tuple[Any, Any],
        trouble: Any,
        apart: frozenset[str] = frozenset(),
    ) -> None:
        self.b = builder
        self.apart = apart
        self.processor = processor
        self.emitter = Emitter.at(builder, processor)
        self.pointers = pointers
        self.memory = Memory(builder, self.emitter, pointers)
        self.rows = rows
        self.trouble = trouble
        self.vars: dict[Var, Any] = dict(known)
        self.scopes: list[dict[Scalar, Lanes]] = [{}]
        self.mask: Lanes | None = None
        self.lane_var: Var | None = None
        self.width = 1

    # ---- the loops ---------------------------------------------------------------------------

    def write(self, nest: Nest) -> None:
        """Write all of a nest."""
        self.nest = nest
        self.lanes_at = nest.axes.index(nest.lanes) if nest.lanes in nest.axes else None
        self.width = _width(nest, self.processor) if self.lanes_at is not None else 1
        self.memory.width = self.width
        self.levels = _levels(nest)
        self.totals: dict[Total, list[Any]] = {}
        self.copy = 0
        self.copies = self._count_copies()
        self._level(0)

    def _count_copies(self) -> int:
        """Give how many vectors a total takes at a time."""
        nest = self.nest
        if self.lanes_at is None or not nest.totals or self.lanes_at < nest.depth:
            return 1
        axis = nest.axes[self.lanes_at]
        long = axis is nest.row or axis.extent >= _UNROLLED * self.width
        return _UNROLLED if long and sum(map(len, self.levels.values())) <= _FEW else 1

    def _level(self, depth: int) -> None:
        """Write what is inside ``depth`` loops."""
        nest = self.nest
        self.scopes.append({})
        starts_here = depth == nest.depth and bool(nest.totals)
        if starts_here:
            self._start_totals()
        for value in self.levels.get(depth, []):
            self.value(value)
        if depth == len(nest.axes):
            for store in nest.stores:
                self.value(store.value)  # one may be written over what another reads here
            for store in nest.stores:
                self._store(store)
            for total, value in nest.totals:
                self._update(total, value)
        elif depth == self.lanes_at:
            self._lanes_loop(depth)
        else:
            axis = nest.axes[depth]
            start, stop = self._limits(axis)

            def body(i: Any) -> None:
                self.vars[axis] = i
                self._level(depth + 1)

            self.loop(start, stop, 1, body)
        if starts_here:
            for store in nest.results:
                self._store(store)
        self.scopes.pop()

    def _limits(self, axis: Var) -> tuple[Any, Any]:
        """Give where a loop starts and stops."""
        return self.rows if axis is self.nest.row else (number(0), number(axis.extent))

    def loop(self, start: Any, stop: Any, step: int, body: Callable[[Any], None]) -> None:
        """Write a loop around what ``body`` writes, which may be several blocks."""
        b = self.b
        before = b.block
        head, inside, after = (b.append_basic_block(n) for n in ("loop", "body", "done"))
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<=", b.add(i, number(step)), stop), inside, after)
        b.position_at_end(inside)
        body(i)
        i.add_incoming(b.add(i, number(step)), b.block)
        b.branch(head)
        b.position_at_end(after)
        self.reached = i

    def _lanes_loop(self, depth: int) -> None:
        """Write the loop that takes vectors: whole ones, and what is left with a mask."""
        axis = self.nest.axes[depth]
        start, stop = self._limits(axis)
        self.lane_var = axis
        known = None if axis is self.nest.row else axis.extent
        at = start

        def body(j: Any) -> None:
            self.vars[axis] = j
            self._level(depth + 1)

        if self.copies > 1:

            def bodies(j: Any) -> None:
                for k in range(self.copies):
                    self.copy = k
                    body(self.b.add(j, number(k * self.width)))
                self.copy = 0

            self.loop(at, stop, self.width * self.copies, bodies)
            at = self.reached
        if known is None or known >= self.width:
            self.loop(at, stop, self.width, body)
            at = self.reached
        if known is None or known % self.width:
            left = self.b.sub(stop, at)
            rest = self.b.icmp_signed(">", left, number(0))
            with self.b.if_then(rest):
                self.mask = self._ids() < self._lane(self._unknown(left), np.int64)
                body(at)
                self.mask = None
        self.lane_var = None

    def _unknown(self, count: Any) -> Any:
        """Hide from LLVM how many lanes are left, where it stores whole numbers.

        If it knows that there is one, it stores that as wide as it was computed, and not as wide as
        it is in memory: beyond the end of the array (LLVM 20, a masked store that truncates).
        """
        stores = (*self.nest.stores, *self.nest.results)
        if all(store.array.dtype.kind == "f" for store in stores):
            return count
        return self.b.asm(ir.FunctionType(I64, [I64]), "", "=r,0", [count], False)

    def _ids(self) -> Lanes:
        """Give 0, 1, 2, … in the lanes."""
        kind = ir.VectorType(I64, self.width)
        ids = ir.Constant(kind, [number(k) for k in range(self.width)])
        return self._lane(ids, np.int64)

    def _lane(self, value: Any, dtype: Any) -> Lanes:
        return self.emitter.value(value, dtype)

    # ---- totals ------------------------------------------------------------------------------

    def _start_totals(self) -> None:
        """Let every total begin; one that a vector loop adds to has a number for each lane."""
        for total, _ in self.nest.totals:
            places = []
            for _ in range(self.copies):
                value = self.emitter.constant(total.start.item(), total.dtype).spread(self.width)
                with self.b.goto_entry_block():
                    place = self.b.alloca(value.ir.type)
                self.b.store(value.ir, place)
                places.append((place, value.ir.type))
            self.totals[total] = places

    def _update(self, total: Total, value: Scalar) -> None:
        """Combine a total with a value."""
        places = self.totals[total]
        place, kind = places[self.copy % len(places)]
        so_far = self._lane(self.b.load(place, typ=kind), total.dtype)
        is_product = isinstance(value, Apply) and value.name == "multiply"
        if (
            total.combine == "+"
            and is_product
            and value.dtype == total.dtype
            and value.dtype.kind == "f"
        ):
            assert isinstance(value, Apply)
            made = fma(self.value(value.arguments[0]), self.value(value.arguments[1]), so_far)
        else:
            made = _COMBINE[total.combine](so_far, self.value(value))
        if self.mask is not None:
            made = select(self.mask, made, so_far)
        lanes = kind.count if isinstance(kind, ir.VectorType) else 1
        self.b.store(convert(made, total.dtype).spread(lanes).ir, place)

    def _total(self, total: Total) -> Lanes:
        """Give what has been combined."""
        parts = [
            self._lane(self.b.load(place, typ=kind), total.dtype)
            for place, kind in self.totals[total]
        ]
        combine = _COMBINE[total.combine]
        while len(parts) > 1:
            parts = [combine(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        (made,) = parts
        if self.lane_var is not None:
            return made
        while made.lanes > 1:
            half = made.lanes // 2
            made = combine(self._part(made, 0, half), self._part(made, half, half))
        return made

    def _part(self, value: Lanes, first: int, count: int) -> Lanes:
        """Give some of the lanes."""
        if count == 1:
            return self._lane(
                self.b.extract_element(value.ir, ir.Constant(I32, first)), value.dtype
            )
        order = ir.Constant(
            ir.VectorType(I32, count), [ir.Constant(I32, first + k) for k in range(count)]
        )
        undefined = ir.Constant(value.ir.type, ir.Undefined)
        return self._lane(self.b.shuffle_vector(value.ir, undefined, order), value.dtype)

    # ---- values ------------------------------------------------------------------------------

    def value(self, value: Scalar) -> Any:
        """Give a value; what is known here is not computed again."""
        for scope in self.scopes:
            if value in scope:
                return scope[value]
        made = self._made(value)
        if not isinstance(value, Total):
            self.scopes[-1][value] = made
        return made

    def _made(self, value: Scalar) -> Any:
        if isinstance(value, Constant):
            return self.emitter.constant(value.value.item(), value.dtype)
        if isinstance(value, Apply):
            arguments = [self.value(part) for part in value.arguments]
            is_known = value.name == "power" and isinstance(value.arguments[1], Constant)
            if value.name in self.apart and not is_known:
                return self._called(value, arguments)
            return convert(FUNCTIONS[value.name](*arguments), value.dtype)
        if isinstance(value, Convert):
            return convert(self.value(value.of), value.dtype)
        if isinstance(value, Load):
            return self._load(value)
        if isinstance(value, Number):
            return self._number(value.place)
        if isinstance(value, Chosen):
            return self._choice(value)
        assert isinstance(value, Total)
        return self._total(value)

    def _called(self, value: Apply, arguments: list[Lanes]) -> Lanes:
        """Call a function that the module holds once, for these dtypes and lanes."""
        lanes = max(x.lanes for x in arguments)
        given = [x.spread(lanes) for x in arguments]
        name = ".".join([value.name, *(x.dtype.name for x in given), f"of{lanes}"])
        function = self.b.module.globals.get(name)
        if function is None:
            item: Any = stored_type(value.dtype)
            gives = item if lanes == 1 else ir.VectorType(item, lanes)
            kind = ir.FunctionType(gives, [x.ir.type for x in given])
            function = ir.Function(self.b.module, kind, name)
            function.linkage = "internal"
            function.attributes.add("noinline")
            emitter = Emitter.at(ir.IRBuilder(function.append_basic_block()), self.processor)
            inside = [
                emitter.value(x, of.dtype) for x, of in zip(function.args, given, strict=True)
            ]
            made = convert(FUNCTIONS[value.name](*inside), value.dtype).spread(lanes)
            emitter.builder.ret(made.ir)
        return self._lane(self.b.call(function, [x.ir for x in given]), value.dtype)

    def _choice(self, value: Chosen) -> Any:
        """Give an index; one that is out of bounds is noted, and read as 0."""
        i = self.value(value.of)
        if value.axis < 0:
            return i
        length = value.var.extent
        k = select(i < 0, i + length, i)
        bad = (k < 0) | (k >= length)
        if self.mask is not None:
            bad = bad & self.mask
        anywhere = bad.ir
        if bad.lanes > 1:
            anywhere = self.b.icmp_unsigned(
                "!=", self.b.bitcast(bad.ir, ir.IntType(bad.lanes)), ir.IntType(bad.lanes)(0)
            )
        flag = self.b.load(self.trouble, typ=I64, align=8)
        first = self.b.and_(anywhere, self.b.icmp_signed("==", flag, number(0)))
        with self.b.if_then(first, likely=False):
            found = select(bad, i, np.iinfo(np.int64).min)
            while found.lanes > 1:
                half = found.lanes // 2
                low, high = self._part(found, 0, half), self._part(found, half, half)
                found = select(low > high, low, high)
            for k_word, word in enumerate(
                (number(OUT_OF_BOUNDS), found.ir, number(value.axis), number(length))
            ):
                to = self.b.gep(self.trouble, [number(k_word)], source_etype=I64)
                self.b.store(word, to, align=8)
        return select(bad, 0, k)

    def _number(self, place: Affine) -> Any:
        """Give a place as a number, or as one for each lane."""
        total: Any = None
        for var, factor in place.terms:
            part = self._variable(var) * factor
            total = part if total is None else total + part
        if total is None:
            return self.emitter.constant(place.constant, np.int64)
        return total + place.constant if place.constant else total

    def _variable(self, var: Var) -> Any:
        if var.chosen is not None:
            return self.value(var.chosen)
        value = self._lane(self.vars[var], np.int64)
        return value + self._ids() if var is self.lane_var else value

    def uniform(self, place: Affine) -> Any:
        """Give a place, that of the first lane in a vector loop."""
        made: Any = number(place.constant)
        for var, factor in place.terms:
            i = self.vars[var] if var.chosen is None else self.value(var.chosen).ir
            made = self.b.add(made, self.b.mul(i, number(factor)) if factor != 1 else i)
        return made

    def _spreads(self, place: Affine) -> int | None:
        """Give how far apart the lanes are at a place; None where data says it."""
        if any(v.chosen is not None and self.value(v.chosen).lanes > 1 for v, _ in place.terms):
            return None
        return 0 if self.lane_var is None else place.factor(self.lane_var)

    # ---- memory ------------------------------------------------------------------------------

    def _load(self, value: Load) -> Lanes:
        array, place, step = value.array, value.place, self._spreads(value.place)
        if step == 0:
            return self.memory.read(array, self.uniform(place))
        if step == 1:
            return self.memory.read_vector(array, self.uniform(place), self.mask)
        if step is not None and 1 < step <= _NEAR and self.width > 1:
            return self.memory.read_apart(array, self.uniform(place), step, self.mask)
        return self.memory.gather(array, self._number(place), self.mask)

    def _store(self, store: Store) -> None:
        array, place = store.array, store.place
        value = convert(self.value(store.value), array.dtype)
        if store.adds:
            value = convert(_COMBINE["+"](self._load(Load(array, place)), value), array.dtype)
        if self.lane_var is None:
            self.memory.write(array, self.uniform(place), value)
            return
        value = value.spread(self.width)
        if self._spreads(place) == 1:
            self.memory.write_vector(array, self.uniform(place), value, self.mask)
        else:
            self.memory.scatter(array, self._number(place), value, self.mask)


_COMBINE: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "max": FUNCTIONS["maximum"],
    "min": FUNCTIONS["minimum"],
}


def _width(nest: Nest, processor: Processor) -> int:
    """Give the number of lanes: as many as the widest floats of the nest leave in a vector."""
    values = walked(nest.values())
    dtypes = [v.dtype for v in values] + [s.array.dtype for s in (*nest.stores, *nest.results)]
    floats = [d.itemsize for d in dtypes if d.kind == "f"]
    return processor.lanes(max(floats or [d.itemsize for d in dtypes] or [8]))


def _levels(nest: Nest) -> dict[int, list[Scalar]]:
    """Say in how many loops each value is computed: those that it depends on."""
    position = {var: k + 1 for k, var in enumerate(nest.axes)}
    inner = len(nest.axes)
    level: dict[Scalar, int] = {}
    found: dict[int, list[Scalar]] = {}
    roots = [s.value for s in nest.stores] + [v for _, v in nest.totals]
    roots += [v.chosen for s in nest.stores for v, _ in s.place.terms if v.chosen is not None]
    products = {v for t, v in nest.totals if t.combine == "+" and isinstance(v, Apply)}
    for value in walked(roots):
        of_parts = [level[part] for part in (*value.parts, *chosen_in(value))]
        own = [inner] if isinstance(value, Total) else []
        if isinstance(value, Load | Number):
            own += [position.get(v, 0) for v, _ in value.place.terms if v.chosen is None]
        level[value] = at = max([0, *of_parts, *own])
        if not isinstance(value, Total | Constant) and value not in products:
            found.setdefault(at, []).append(value)
    return found
