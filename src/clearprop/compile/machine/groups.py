"""A plan as one module of machine code: a function for each group, and one that runs them all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llvmlite import ir

from clearprop.compile.affine import Affine, Var, flat, of
from clearprop.compile.cutting import FEW_SHARDS
from clearprop.compile.elements import loop_index
from clearprop.compile.grouping import Group, Stage
from clearprop.compile.machine.barrier import write_barrier
from clearprop.compile.machine.convolution import write_convolution
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.factorizations import call_factorization
from clearprop.compile.machine.fourier import call_fourier
from clearprop.compile.machine.layout import (
    Layout,
    arrays_of,
    convolution_spec,
    hosted_lines,
    kernel_bytes,
    places_in_block,
    places_in_shard,
    product_spec,
)
from clearprop.compile.machine.matmul import write_matmul, write_packing
from clearprop.compile.machine.memory import I8, I32, I64, POINTER, number
from clearprop.compile.machine.nests import NestWriter
from clearprop.compile.machine.prefetch import fetched_arrays, host_of, write_list, write_prefetch
from clearprop.compile.machine.products import list_length
from clearprop.compile.machine.random import element_of, limit_of, write_draw
from clearprop.compile.machine.written import keep_as_text
from clearprop.compile.memory import size_of
from clearprop.compile.nests import (
    Block,
    Draw,
    Factored,
    Fourier,
    Nest,
    Packing,
    Product,
    Store,
    Windows,
    walked,
)
from clearprop.compile.planning import Plan
from clearprop.compile.scalars import Apply, Array, Constant, Load
from clearprop.compile.table import (
    ARRAYS,
    FIRST,
    LAST,
    MOVE_COUNT,
    MOVES,
    SCRATCH,
    SCRATCH_STEP,
    STEPS,
    SWAP_COUNT,
    SWAPS,
    TROUBLE,
)
from clearprop.compile.updates import over

_MOST_INLINE = 12  # uses of one function of mathematics
_LONG = {  # functions that are many instructions each
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "logaddexp2"),
    *("tanh", "sinh", "cosh", "arcsinh", "arccosh", "arctanh", "sigmoid", "erf"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "hypot"),
    *("power", "cbrt", "fmod", "remainder", "floor_divide"),
}


def write_machine(plan: Plan, layout: Layout, processor: Processor) -> str:
    """Write the module of a plan: ``void run(ptr table, i64 thread, i64 threads, ptr shared)``.

    It runs the phases from ``table[FIRST]`` to before ``table[LAST]``.
    """
    return _Writer(plan, layout, processor).made()


class _Writer:
    def __init__(self, plan: Plan, layout: Layout, processor: Processor) -> None:
        self.plan = plan
        self.words = layout.words
        self.processor = processor
        self.module = ir.Module()
        self.kernels: dict[Any, Any] = {}
        self.apart = _often(plan)
        pairs = over(plan).items()
        self.overlapping = frozenset(array for pair in pairs for array in (pair[0], *pair[1]))

    def made(self) -> str:
        groups = [[part for part in phase if isinstance(part, Group)] for phase in self.plan.phases]
        functions: list[list[Any]] = []
        for p, phase in enumerate(groups):
            functions.append([])
            for k, part in enumerate(phase):
                functions[p].append(self.group(part, f"group_{p}_{k}"))
                keep_as_text(self.module)
        self.run(groups, functions)
        return str(self.module)

    # ---- one group ---------------------------------------------------------------------------

    def group(self, group: Group, name: str) -> Any:
        """Write ``void name(ptr table, i64 shard, ptr scratch)``, and what it calls."""
        kind = ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER])
        outer = ir.Function(self.module, kind, name)
        table, shard, scratch = outer.args
        b = ir.IRBuilder(outer.append_basic_block("entry"))
        first, last = number(0), number(1)
        if group.rows:
            first = b.mul(shard, number(group.shard_rows))
            last = self.smaller(b, b.add(first, number(group.shard_rows)), group.rows)
        at = b.gep(table, [number(TROUBLE)], source_etype=I64)
        trouble = b.load(at, typ=POINTER, align=8)
        offsets, size = places_in_shard(group)
        here: dict[Array, Any] = {}
        for array in arrays_of(group.works):
            if array in offsets:
                here[array] = _behind(b, scratch, offsets[array], array, first)
            elif array in self.words:
                at = b.gep(table, [number(self.words[array])], source_etype=I64)
                here[array] = b.load(at, typ=POINTER, align=8)
        own = b.gep(scratch, [number(size)], source_etype=I8)
        for parts, identity in group.parts.items():
            writer = NestWriter(b, self.processor, here, {group.shard: shard}, (None, None), None)
            writer.write(_begun(parts, group.shard, identity))
        loop = NestWriter(b, self.processor, {}, {}, (None, None), None).loop
        for k, stage in enumerate(group.stages):
            function = self.stage(group, stage, f"{name}_{k + 1}")
            places, size = places_in_block(stage)
            used = _used(group, stage)
            spare = b.gep(own, [number(size)], source_etype=I8)

            def block(
                start: Any, stop: Any, used: Any = used, places: Any = places,
                function: Any = function, spare: Any = spare,
            ) -> None:  # fmt: skip
                pointers = [
                    _behind(b, own, places[a], a, start) if a in places else here[a] for a in used
                ]
                b.call(function, [*pointers, shard, start, stop, trouble, spare])

            if not group.rows or stage.block_rows >= group.shard_rows:
                block(first, last)
                continue
            rows = stage.block_rows
            count = b.udiv(b.add(b.sub(last, first), number(rows - 1)), number(rows))

            def numbered(n: Any, rows: int = rows, block: Any = block) -> None:
                start = b.add(first, b.mul(n, number(rows)))
                end = b.add(start, number(rows))
                block(start, b.select(b.icmp_signed("<", end, last), end, last))

            loop(number(0), count, 1, numbered)
        b.ret_void()
        return outer

    def stage(self, group: Group, stage: Stage, name: str) -> Any:
        """Write one block of a stage, whose arrays are arguments.

        They do not overlap, but for those that may be written over each other.
        """
        used = _used(group, stage)
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * len(used) + [I64] * 3 + [POINTER] * 2)
        function = ir.Function(self.module, kind, name)
        *arrays, shard, start, stop, trouble, spare = function.args
        for argument, array in zip(arrays, used, strict=True):
            if array not in self.overlapping:  # else LLVM would load one after it stored the other
                argument.add_attribute("noalias")
            argument.name = array.name.replace(".", "_")
        b = ir.IRBuilder(function.append_basic_block("entry"))
        pointers = dict(zip(used, arrays, strict=True))
        known = {group.shard: shard}
        rows = (start, stop)
        host = host_of(group)
        for work in stage.works:
            if isinstance(work, Nest):
                writer = NestWriter(b, self.processor, pointers, known, rows, trouble, self.apart)
                writer.write(work)
                if host is None:
                    write_prefetch(writer, work, group.rows)
            elif isinstance(work, Product):
                self.product(b, work, (group, stage), pointers, (rows, spare))
            elif isinstance(work, Packing):
                self.packing(b, work, pointers, rows if group.rows else (number(0), number(1)))
            elif isinstance(work, Factored):
                writer = NestWriter(b, self.processor, pointers, known, rows, trouble)
                call_factorization(writer, work, bool(group.rows))
            elif isinstance(work, Fourier):
                writer = NestWriter(b, self.processor, pointers, known, rows, trouble)
                call_fourier(writer, work, bool(group.rows), spare)
            elif isinstance(work, Windows):
                self.windows(b, work, (group, stage), pointers, (known, rows, spare))
            else:
                self.draw(b, work, pointers, rows if group.rows else None)
        b.ret_void()
        return function

    def product(
        self, b: Any, work: Product, part: Any, pointers: dict[Array, Any], where: Any
    ) -> None:
        """Call the kernel of a matrix product."""
        rows, spare = where
        group, stage = part
        spec = product_spec(work, stage.block_rows, hosted_lines(work, group, stage))
        if spec not in self.kernels:
            name = f"matmul_{len(self.kernels) + 1}"
            self.kernels[spec] = write_matmul(self.module, name, spec, self.processor)
        kernel = self.kernels[spec]
        writer = NestWriter(b, self.processor, pointers, {}, rows, None)
        more = []
        length = list_length(spec, self.processor)
        if length:
            size = kernel_bytes(work, group, stage, self.processor) - 8 * length
            more = [b.gep(spare, [number(size)], source_etype=I8)]
            write_list(writer, group, stage.block_rows, more[0], length)

        def inside(depth: int, values: dict[Var, Any]) -> None:
            if depth < len(work.axes):
                axis = work.axes[depth]
                is_row = depth == 0 and bool(stage.block_rows) and not work.by_rows
                first, last = rows if is_row else (number(0), number(axis.extent))

                def body(i: Any) -> None:
                    inside(depth + 1, {**values, axis: i})

                writer.loop(first, last, 1, body)
                return
            writer.vars = values
            starts = [_address(writer, block) for block in (work.c, work.a)]
            starts.append(
                pointers[work.packed] if work.packed is not None else _address(writer, work.b)
            )
            null = ir.Constant(POINTER, None)
            limits = rows if work.by_rows and stage.block_rows else (number(0), number(spec.M))
            b.call(kernel, [*starts, null, spare, *limits, *more])

        inside(0, {})

    def packing(self, b: Any, work: Packing, pointers: dict[Array, Any], rows: Any) -> None:
        """Copy some parts of a matrix."""
        m = work.product.sizes[0]
        spec = replace(product_spec(work.product, -(-m // FEW_SHARDS)), packed=True)
        key = ("packing", replace(spec, M=1, a_row=0, a_k=0, c_row=0))
        if key not in self.kernels:
            name = f"packing_{len(self.kernels) + 1}"
            self.kernels[key] = write_packing(self.module, name, spec, self.processor)
        writer = NestWriter(b, self.processor, pointers, {}, rows, None)
        b.call(self.kernels[key], [pointers[work.out], _address(writer, work.product.b), *rows])

    def windows(
        self, b: Any, work: Windows, part: Any, pointers: dict[Array, Any], where: Any
    ) -> None:
        """Call the kernel of a convolution; what a shard adds up gets the sum of this block."""
        known, rows, spare = where
        group, stage = part
        is_part = work.out in group.parts
        spec = convolution_spec(work, group)
        if spec not in self.kernels:
            name = f"convolution_{len(self.kernels) + 1}"
            self.kernels[spec] = write_convolution(self.module, name, spec, self.processor)
        limits = rows if group.rows else (number(0), number(work.first.shape[0]))
        out, first, second = (pointers[a] for a in (work.out, work.first, work.second))
        if not is_part:
            b.call(self.kernels[spec], [out, first, second, spare, *limits])
            return
        sums = Array("sums", spec.W, work.out.dtype)
        need = kernel_bytes(work, group, stage, self.processor) - size_of(work.out)
        at = b.gep(spare, [number(need)], source_etype=I8)
        b.call(self.kernels[spec], [at, first, second, spare, *limits])
        index, axes = loop_index((sums.size,))
        place = of(group.shard) * sums.size + index[0]
        more = Apply("add", (Load(work.out, place), Load(sums, index[0])), sums.dtype)
        loops = [v for v in axes if v.extent != 1]
        nest = Nest(
            loops,
            [Store(work.out, place, more)],
            depth=len(loops),
            lanes=loops[-1] if loops else None,
        )
        NestWriter(b, self.processor, {**pointers, sums: at}, known, rows, None).write(nest)

    def draw(self, b: Any, work: Draw, pointers: dict[Array, Any], rows: Any) -> None:
        """Draw numbers from a key, or the rows of them in a block."""
        kernel = write_draw(self.module, work.name, work.out.dtype)
        key = pointers[work.key]
        words = [
            b.load(b.gep(key, [number(k)], source_etype=I64), typ=I64, align=8) for k in (0, 1)
        ]
        first, count = number(0), number(work.out.size)
        if rows is not None:
            row = number(work.out.row)
            first, count = b.mul(rows[0], row), b.mul(b.sub(rows[1], rows[0]), row)
        out = b.gep(pointers[work.out], [first], source_etype=element_of(work.out.dtype))
        first = b.add(first, number(work.first))
        b.call(kernel, [out, first, count, *words, ir.Constant(I32, limit_of(work.rate))])

    # ---- all groups --------------------------------------------------------------------------

    def run(self, groups: list[list[Group]], functions: list[list[Any]]) -> None:
        """Write the function that every thread runs, with a table of its own.

        It runs all steps of a loop. After each, some words move on (the arrays of which every step
        has its part) and some change places (what a step was given, and what it gives to the next).
        """
        barrier = write_barrier(self.module)
        kind = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, POINTER])
        run = ir.Function(self.module, kind, "run")
        given, thread, threads, shared = run.args
        b = ir.IRBuilder(run.append_basic_block("entry"))
        writer = NestWriter(b, self.processor, {}, {}, (None, None), None)
        own = b.alloca(ir.ArrayType(I64, ARRAYS + len(self.words)))
        table = b.inttoptr(b.ptrtoint(own, I64), POINTER)

        def word(table: Any, k: Any) -> Any:
            return b.gep(table, [k if isinstance(k, ir.Value) else number(k)], source_etype=I64)

        def read(at: Any, kind: Any = I64) -> Any:
            return b.load(at, typ=kind, align=8)

        writer.loop(
            number(0), number(ARRAYS + len(self.words)), 1,
            lambda k: b.store(read(word(given, k)), word(table, k), align=8),
        )  # fmt: skip
        first, last, base, step = (
            read(word(table, k)) for k in (FIRST, LAST, SCRATCH, SCRATCH_STEP)
        )
        scratch = b.inttoptr(b.add(base, b.mul(thread, step)), POINTER)
        steps = read(word(table, STEPS))
        moves, swaps = (read(word(table, k), POINTER) for k in (MOVES, SWAPS))
        move_count, swap_count = (read(word(table, k)) for k in (MOVE_COUNT, SWAP_COUNT))

        def move(k: Any) -> None:
            pair = b.mul(k, number(2))
            at = word(table, read(word(moves, pair)))
            b.store(b.add(read(at), read(word(moves, b.add(pair, number(1))))), at, align=8)

        def swap(k: Any) -> None:
            pair = b.mul(k, number(2))
            one = word(table, read(word(swaps, pair)))
            other = word(table, read(word(swaps, b.add(pair, number(1)))))
            a, c = read(one), read(other)
            b.store(a, other, align=8)
            b.store(c, one, align=8)

        def one_step(s: Any) -> None:
            for p, (phase, made) in enumerate(zip(groups, functions, strict=True)):
                if phase:
                    wanted = b.and_(
                        b.icmp_signed("<=", first, number(p)), b.icmp_signed(">", last, number(p))
                    )
                    with b.if_then(wanted):
                        self.phase(b, writer, phase, made, (table, thread, threads, scratch))
                        more = b.or_(
                            b.icmp_signed(">", last, number(p + 1)),
                            b.icmp_signed("<", b.add(s, number(1)), steps),
                        )
                        with b.if_then(more):
                            b.call(barrier, [shared, threads])
            writer.loop(number(0), move_count, 1, move)
            writer.loop(number(0), swap_count, 1, swap)

        writer.loop(number(0), steps, 1, one_step)
        b.ret_void()

    def smaller(self, b: Any, value: Any, most: int) -> Any:
        """Give a number, or the most it may be."""
        return b.select(b.icmp_signed("<", value, number(most)), value, number(most))

    def phase(
        self, b: Any, writer: NestWriter, phase: list[Group], made: list[Any], where: Any
    ) -> None:
        """Run this thread's blocks of the groups of a phase."""
        table, thread, threads, scratch = where
        for k, (group, function) in enumerate(zip(phase, made, strict=True)):
            turned = b.urem(b.add(thread, number(k if group.shards == 1 else 0)), threads)
            low, high = (
                b.udiv(b.mul(at, number(group.shards)), threads)
                for at in (turned, b.add(turned, number(1)))
            )

            def body(shard: Any, function: Any = function) -> None:
                b.call(function, [table, shard, scratch])

            writer.loop(low, high, 1, body)


def _address(writer: NestWriter, block: Block) -> Any:
    place: Affine = block.place
    return writer.memory.address(block.array, writer.uniform(place))


def _used(group: Group, stage: Stage) -> list[Array]:
    """Give the arrays of a stage, and those of the rows that it fetches."""
    used = arrays_of(stage.works)
    host = host_of(group)
    if any(work is host for work in stage.works):
        used += [array for array in fetched_arrays(group) if array not in used]
    return used


def _often(plan: Plan) -> frozenset[str]:
    """Find the functions of floats that would be written so often that LLVM took minutes."""
    counts: dict[str, int] = {}
    for group in (part for phase in plan.phases for part in phase if isinstance(part, Group)):
        for work in group.works:
            for value in walked(work.values()) if isinstance(work, Nest) else ():
                if isinstance(value, Apply) and _is_long(value):
                    counts[value.name] = counts.get(value.name, 0) + 1
    return frozenset(name for name, count in counts.items() if count > _MOST_INLINE)


def _is_long(value: Apply) -> bool:
    """Whether a function of floats is many instructions; a power that is known may be a product."""
    is_known = value.name == "power" and isinstance(value.arguments[1], Constant)
    return value.name in _LONG and value.dtype.kind == "f" and not is_known


def _behind(b: Any, memory: Any, offset: int, array: Array, start: Any) -> Any:
    """Give where row 0 of an array would lie of which memory holds the rows from ``start`` on."""
    back = b.sub(number(offset), b.mul(start, number(array.row * array.dtype.itemsize)))
    return b.gep(memory, [back], source_etype=I8)


def _begun(parts: Array, shard: Var, identity: Any) -> Nest:
    """Let the totals of a shard begin."""
    index, axes = loop_index(parts.shape[1:])
    place = of(shard) * parts.row + flat(index, parts.shape[1:])
    loops = [v for v in axes if v.extent != 1]
    store = Store(parts, place, Constant(identity, parts.dtype))
    return Nest(loops, [store], depth=len(loops), lanes=loops[-1] if loops else None)
