"""A plan as one module of machine code: a function for each group, and one that runs them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from clearprop.compile.affine import Affine, Var, flat, of
from clearprop.compile.elements import loop_index
from clearprop.compile.machine.barrier import write_barrier
from clearprop.compile.machine.convolution import (
    Convolution,
    convolution_scratch_bytes,
    write_convolution,
)
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.matmul import Product as Spec
from clearprop.compile.machine.matmul import scratch_bytes, write_matmul
from clearprop.compile.machine.nests import I8, I32, I64, POINTER, NestWriter, number
from clearprop.compile.machine.random import limit_of, write_keep_mask
from clearprop.compile.memory import LINE, placed, size_of
from clearprop.compile.nests import Block, Draw, Nest, Product, Store, Windows, Work
from clearprop.compile.planning import Group, Plan
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

_K_BLOCK = 512  # of a long sum: a chain of float32 would lose digits


@dataclass
class Machine:
    """The module of a plan.

    Attributes
    ----------
    text : str
        In LLVM's language.
    words : dict of Array to int
        Which word of the table says where an array lies.
    scratch : int
        Bytes that each thread needs for itself.
    """

    text: str
    words: dict[Array, int] = field(default_factory=dict)
    scratch: int = 0


def write_machine(plan: Plan, processor: Processor) -> Machine:
    """Write the module of a plan, with ``void run(ptr table, i64 thread, i64 threads, ptr shared)``.

    It runs the phases from ``table[FIRST]`` to before ``table[LAST]``.
    """
    return _Writer(plan, processor).made()


class _Writer:
    def __init__(self, plan: Plan, processor: Processor) -> None:
        self.plan = plan
        self.processor = processor
        self.module = ir.Module()
        self.words: dict[Array, int] = {}
        self.scratch = 0
        self.kernels: dict[Any, Any] = {}

    def made(self) -> Machine:
        groups = [
            [part for part in phase if isinstance(part, Group)] for phase in self.plan.phases
        ]
        functions = [[self.group(part, f"group_{p}_{k}") for k, part in enumerate(phase)]
                     for p, phase in enumerate(groups)]  # fmt: skip
        self.run(groups, functions)
        return Machine(str(self.module), self.words, self.scratch)

    def word(self, array: Array) -> int:
        return self.words.setdefault(array, ARRAYS + len(self.words))

    # ---- one group ---------------------------------------------------------------------------

    def group(self, group: Group, name: str) -> Any:
        """Write ``void name(ptr table, i64 block, ptr scratch)``, and what it calls."""
        used = _arrays_of(group)
        offsets, size = placed(
            (array, _local_bytes(array, group), *_span(array, group)) for array in group.local
        )
        kind = ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER])
        outer = ir.Function(self.module, kind, name)
        table, block, scratch = outer.args
        b = ir.IRBuilder(outer.append_basic_block("entry"))
        start, stop = number(0), number(1)
        if group.rows:
            start = b.mul(block, number(group.block_rows))
            end = b.add(start, number(group.block_rows))
            inside = b.icmp_signed("<", end, number(group.rows))
            stop = b.select(inside, end, number(group.rows))
        inner = self.inner(group, name + "_block", used, size)
        pointers = []
        for array in used:
            if array in offsets:
                row = array.row * array.dtype.itemsize
                back = b.sub(number(offsets[array]), b.mul(start, number(row)))
                pointers.append(b.gep(scratch, [back], source_etype=I8))
            else:
                at = b.gep(table, [number(self.word(array))], source_etype=I64)
                pointers.append(b.load(at, typ=POINTER, align=8))
        at = b.gep(table, [number(TROUBLE)], source_etype=I64)
        trouble = b.load(at, typ=POINTER, align=8)
        spare = b.gep(scratch, [number(size)], source_etype=I8)
        b.call(inner, [*pointers, block, start, stop, trouble, spare])
        b.ret_void()
        return outer

    def inner(self, group: Group, name: str, used: list[Array], local: int) -> Any:
        """Write the block of a group, whose arrays are arguments that do not overlap."""
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * len(used) + [I64] * 3 + [POINTER] * 2)
        function = ir.Function(self.module, kind, name)
        *arrays, block, start, stop, trouble, spare = function.args
        for argument, array in zip(arrays, used, strict=True):
            argument.add_attribute("noalias")
            argument.name = array.name.replace(".", "_")
        b = ir.IRBuilder(function.append_basic_block("entry"))
        pointers = dict(zip(used, arrays, strict=True))
        shard = b.udiv(block, number(group.shard_blocks))
        known = {group.shard: shard}
        rows = (start, stop)
        if group.parts:
            begun = b.urem(block, number(group.shard_blocks))
            with b.if_then(b.icmp_signed("==", begun, number(0))):
                for parts, identity in group.parts.items():
                    writer = NestWriter(b, self.processor, pointers, known, rows, trouble)
                    writer.write(_begun(parts, group.shard, identity))
        for work in group.works:
            if isinstance(work, Nest):
                NestWriter(b, self.processor, pointers, known, rows, trouble).write(work)
            elif isinstance(work, Product):
                need = self.product(b, work, group, pointers, rows, spare)
                self.scratch = max(self.scratch, local + need)
            elif isinstance(work, Windows):
                need = self.windows(b, work, group, pointers, (known, rows, spare))
                self.scratch = max(self.scratch, local + need)
            else:
                self.draw(b, work, pointers, rows if group.rows else None)
        self.scratch = max(self.scratch, local)
        b.ret_void()
        return function

    def product(
        self, b: Any, work: Product, group: Group, pointers: dict[Array, Any], rows: Any, spare: Any
    ) -> int:
        """Call the kernel of a matrix product; give the bytes it needs for itself."""
        m, n, k = work.sizes
        spec = Spec(
            m, n, k, work.c.array.dtype.name, *work.a.strides, *work.b.strides, work.c.strides[0],
            k_block=_K_BLOCK if k > 2 * _K_BLOCK else None,
            rows=min(group.block_rows, m) if work.by_rows and group.rows else None,
        )  # fmt: skip
        if spec not in self.kernels:
            name = f"matmul_{len(self.kernels) + 1}"
            self.kernels[spec] = write_matmul(self.module, name, spec, self.processor)
        kernel = self.kernels[spec]
        writer = NestWriter(b, self.processor, pointers, {}, rows, None)

        def inside(depth: int, values: dict[Var, Any]) -> None:
            if depth < len(work.axes):
                axis = work.axes[depth]
                is_row = depth == 0 and group.rows == axis.extent and not work.by_rows
                first, last = rows if is_row else (number(0), number(axis.extent))

                def body(i: Any) -> None:
                    inside(depth + 1, {**values, axis: i})

                writer.loop(first, last, 1, body)
                return
            writer.vars = values
            starts = [_address(writer, block) for block in (work.c, work.a, work.b)]
            null = ir.Constant(POINTER, None)
            limits = rows if work.by_rows and group.rows else (number(0), number(m))
            b.call(kernel, [*starts, null, spare, *limits])

        inside(0, {})
        return -(-scratch_bytes(spec, self.processor) // LINE) * LINE + LINE

    def windows(
        self, b: Any, work: Windows, group: Group, pointers: dict[Array, Any], where: Any
    ) -> int:
        """Call the kernel of a convolution; give the bytes it needs for itself."""
        known, rows, spare = where
        x, W = {
            "y": (work.first, work.second),
            "x": (work.out, work.second),
            "W": (work.first, work.out),
        }[work.target]
        is_part = work.out in group.parts
        how = {key: work.attributes[key] for key in ("stride", "padding", "dilation", "groups")}
        shape = W.shape[1:] if is_part else W.shape
        spec = Convolution(work.target, x.shape[1:], shape, **how, dtype=W.dtype.name)  # type: ignore[arg-type]
        if spec not in self.kernels:
            name = f"convolution_{len(self.kernels) + 1}"
            self.kernels[spec] = write_convolution(self.module, name, spec, self.processor)
        need = -(-convolution_scratch_bytes(spec, self.processor) // LINE) * LINE + LINE
        limits = rows if group.rows else (number(0), number(work.first.shape[0]))
        out, first, second = (pointers[a] for a in (work.out, work.first, work.second))
        if not is_part:
            b.call(self.kernels[spec], [out, first, second, spare, *limits])
            return need
        sums = Array("sums", shape, W.dtype)
        at = b.gep(spare, [number(need)], source_etype=I8)
        b.call(self.kernels[spec], [at, first, second, spare, *limits])
        index, axes = loop_index((sums.size,))
        place = of(group.shard) * sums.size + index[0]
        more = Apply("add", (Load(work.out, place), Load(sums, index[0])), W.dtype)
        loops = [v for v in axes if v.extent != 1]
        nest = Nest(loops, [Store(work.out, place, more)], depth=len(loops), lanes=(loops or [None])[-1])
        NestWriter(b, self.processor, {**pointers, sums: at}, known, rows, None).write(nest)
        return need + size_of(sums)

    def draw(self, b: Any, work: Draw, pointers: dict[Array, Any], rows: Any) -> None:
        """Draw a mask, or the rows of it in a block."""
        kernel = write_keep_mask(self.module)
        key = pointers[work.key]
        words = [
            b.load(b.gep(key, [number(k)], source_etype=I64), typ=I64, align=8) for k in (0, 1)
        ]
        first, count = number(0), number(work.out.size)
        if rows is not None:
            row = number(work.out.row)
            first, count = b.mul(rows[0], row), b.mul(b.sub(rows[1], rows[0]), row)
        mask = b.gep(pointers[work.out], [first], source_etype=I8)
        b.call(kernel, [mask, first, count, *words, ir.Constant(I32, limit_of(work.rate))])

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
            turned = b.urem(b.add(thread, number(k if group.blocks == 1 else 0)), threads)
            low, high = (
                self.smaller(
                    b,
                    b.mul(
                        b.udiv(b.mul(at, number(group.shards)), threads),
                        number(group.shard_blocks),
                    ),
                    group.blocks,
                )
                for at in (turned, b.add(turned, number(1)))
            )

            def body(block: Any, function: Any = function) -> None:
                b.call(function, [table, block, scratch])

            writer.loop(low, high, 1, body)


def _address(writer: NestWriter, block: Block) -> Any:
    place: Affine = block.place
    return writer.address(block.array, writer.uniform(place))


def _arrays_of(group: Group) -> list[Array]:
    found: dict[Array, None] = {}
    for work in group.works:
        found.update(dict.fromkeys(work.outputs))
        found.update(dict.fromkeys(_read(work)))
    return list(found)


def _read(work: Work) -> list[Array]:
    if isinstance(work, Nest):
        return [load.array for load in work.loads()]
    if isinstance(work, Product):
        return [work.a.array, work.b.array]
    return [work.first, work.second] if isinstance(work, Windows) else [work.key]


def _begun(parts: Array, shard: Var, identity: Any) -> Nest:
    """Let the totals of a shard begin."""
    index, axes = loop_index(parts.shape[1:])
    place = of(shard) * parts.row + flat(index, parts.shape[1:])
    loops = [v for v in axes if v.extent != 1]
    store = Store(parts, place, Constant(identity, parts.dtype))
    return Nest(loops, [store], depth=len(loops), lanes=(loops or [None])[-1])


def _local_bytes(array: Array, group: Group) -> int:
    row = array.row * array.dtype.itemsize
    return -(-row * group.block_rows // LINE) * LINE + LINE  # what a vector reads beyond


def _span(array: Array, group: Group) -> tuple[int, int]:
    """Give the first and the last work of a group that an array is needed in."""
    uses = [
        k for k, work in enumerate(group.works) if array in work.outputs or array in _read(work)
    ]
    return min(uses), max(uses)


