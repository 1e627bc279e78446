"""Factorizations of small matrices: loops over scalars, and over vectors of right sides.

Sums, quotients and the choice of rows are made as LAPACK makes them where a matrix is small: column
by column, a scalar product first and then one difference, each product and each sum rounded, and
quotients by multiplying with the reciprocal. So a matrix that is singular exactly, such as one of
small whole numbers, leaves a pivot of exactly 0 here where it does so in NumPy.

Source: J. Demmel, Applied Numerical Linear Algebra (SIAM 1997), sections 2.3 and 2.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from clearprop.compile.affine import Var
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.instructions import Emitter, Lanes, scalar_type
from clearprop.compile.machine.lanes import fma, isnan, select, sqrt
from clearprop.compile.machine.mathematics import FUNCTIONS
from clearprop.compile.machine.memory import I64, POINTER, number
from clearprop.compile.machine.nests import NestWriter
from clearprop.compile.nests import Block, Factored
from clearprop.compile.table import NOT_POSITIVE_DEFINITE, SINGULAR


@dataclass(frozen=True)
class Factorization:
    """What is made of one matrix.

    Attributes
    ----------
    name : str
        'solve', 'inv', 'det', 'slogdet' or 'cholesky'.
    n : int
        The rows of the matrix.
    dtype : str
        float32 or float64.
    a : pair of int
        How far apart rows and columns of the matrix lie, in elements.
    b : pair of int
        The same of the right sides of 'solve'. What is written is in C order.
    columns : int
        Of the right sides.
    """

    name: str
    n: int
    dtype: str
    a: tuple[int, ...]
    b: tuple[int, ...] = (0, 0)
    columns: int = 1

    @property
    def symbol(self) -> str:
        """The name of the function in a module."""
        parts = (self.name, self.n, self.columns, self.dtype, *self.a, *self.b)
        return ".".join(map(str, parts))


def call_factorization(writer: NestWriter, work: Factored, is_cut: bool) -> None:
    """Write the loops around a factorization, and its call.

    Parameters
    ----------
    writer : NestWriter
        Where they are written. It knows the rows of a block.
    work : Factored
    is_cut : bool
        Whether the first loop goes along the rows of a block.
    """
    b = writer.b
    b_strides = (0, 0) if work.b is None else (*work.b.strides, 0)[:2]
    columns = work.n if work.name == "inv" else work.columns
    spec = Factorization(
        work.name, work.n, work.out.array.dtype.name, work.a.strides, b_strides, columns
    )
    kernel = write_factorization(b.module, spec, writer.processor)

    def inside(depth: int, values: dict[Var, Any]) -> None:
        if depth < len(work.axes):
            axis = work.axes[depth]
            limits = writer.rows if is_cut and not depth else (number(0), number(axis.extent))
            writer.loop(*limits, 1, lambda i: inside(depth + 1, {**values, axis: i}))
            return
        writer.vars = values
        b.call(kernel, [*map(address, (work.out, work.a, work.b or work.a)), writer.trouble])

    def address(block: Block) -> Any:
        return writer.memory.address(block.array, writer.uniform(block.place))

    inside(0, {})


def write_factorization(module: Any, spec: Factorization, processor: Processor) -> Any:
    """Write ``void factorization(ptr out, ptr a, ptr b, ptr trouble)``, if it is not there."""
    found = module.globals.get(spec.symbol)
    if found is not None:
        return found
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER] * 4), spec.symbol)
    function.linkage = "internal"
    function.attributes.add("noinline")  # a loop of steps that was rolled out calls it thousandfold
    function.args[0].add_attribute("noalias")
    _Writer(function, spec, processor).write()
    return function


class _Writer:
    """Writes one factorization.

    The matrix is copied; L and U, or the L of Cholesky, take the place of the copy.
    """

    def __init__(self, function: Any, spec: Factorization, processor: Processor) -> None:
        self.b = b = ir.IRBuilder(function.append_basic_block("entry"))
        self.spec, self.n = spec, number(spec.n)
        self.dtype = np.dtype(spec.dtype)
        self.item = scalar_type(self.dtype)
        self.lanes = processor.lanes(self.dtype.itemsize)
        self.emitter = Emitter.at(b, processor)
        self.out, self.a, self.right, self.trouble = function.args
        loop = NestWriter(b, processor, {}, {}, (None, None), None).loop
        self.each: Callable[[Any, Any, Callable[[Any], None]], None] = lambda start, stop, body: (
            loop(start, stop, 1, body)
        )
        self.steps = loop
        self.matrix = self.room(self.item, spec.n * spec.n)
        #: the row of a that is now the i-th
        self.order = self.room(I64, spec.n)
        self.failed = self.cell(b.icmp_signed("!=", self.n, self.n))  # false

    # ---- what is in memory -------------------------------------------------------------------

    def room(self, item: Any, count: int) -> Any:
        """Give memory for some values, by a pointer that does not say of which type."""
        own = self.b.alloca(ir.ArrayType(item, count))
        return self.b.inttoptr(self.b.ptrtoint(own, I64), POINTER)

    def cell(self, value: Any) -> Any:
        """Give memory for one value of LLVM, which it holds now."""
        with self.b.goto_entry_block():
            made = self.b.alloca(value.type)
        self.b.store(value, made)
        return made

    def held(self, cell: Any, dtype: Any = None) -> Lanes:
        """Give the value of a cell."""
        read = self.b.load(cell, typ=cell.allocated_type)
        return self.emitter.value(read, dtype or self.dtype)

    def constant(self, value: float) -> Lanes:
        """Give a number."""
        return self.emitter.constant(value, self.dtype)

    def read(self, base: Any, place: Any, lanes: int = 1) -> Lanes:
        """Read elements that follow each other."""
        kind = self.item if lanes == 1 else ir.VectorType(self.item, lanes)
        at = self.b.gep(base, [place], source_etype=self.item)
        return self.emitter.value(self.b.load(at, typ=kind, align=self.dtype.itemsize), self.dtype)

    def put(self, base: Any, place: Any, value: Lanes) -> None:
        """Write elements that follow each other."""
        at = self.b.gep(base, [place], source_etype=self.item)
        self.b.store(value.ir, at, align=self.dtype.itemsize)

    def at(self, i: Any, j: Any, strides: tuple[int, ...] = ()) -> Any:
        """Give the place of an element, by default in the copy."""
        row, column = strides or (self.spec.n, 1)
        b = self.b
        return b.add(b.mul(i, number(row)), b.mul(j, number(column)))

    def get(self, i: Any, j: Any) -> Lanes:
        """Give an element of the copy."""
        return self.read(self.matrix, self.at(i, j))

    def set(self, i: Any, j: Any, value: Lanes) -> None:
        """Change an element of the copy."""
        self.put(self.matrix, self.at(i, j), value)

    # ---- the functions -----------------------------------------------------------------------

    def write(self) -> None:
        """Write all of it."""
        name = self.spec.name
        self.each(
            number(0), self.n,
            lambda i: self.each(
                number(0), self.n,
                lambda j: self.set(i, j, self.read(self.a, self.at(i, j, self.spec.a))),
            ),
        )  # fmt: skip
        if name == "cholesky":
            self.cholesky()
        else:
            self.sign = self.cell(self.constant(1).ir)
            self.lu()
            if name in ("det", "slogdet"):
                self.determinant()
            else:
                self.substitutions()
                self.note(SINGULAR)
        self.b.ret_void()

    def note(self, what: int) -> None:
        """Note what went wrong, if it did, and nothing before."""
        b = self.b
        nothing = b.icmp_signed("==", b.load(self.trouble, typ=I64, align=8), number(0))
        failed = b.load(self.failed, typ=ir.IntType(1))
        with b.if_then(b.and_(failed, nothing), likely=False):
            b.store(number(what), self.trouble, align=8)

    def product(
        self, count: Any, left: Callable[[Any], Lanes], right: Callable[[Any], Lanes]
    ) -> Lanes:
        """Give ``Σ left(k) · right(k)`` for the k below a count."""
        total = self.cell(self.constant(0).ir)

        def add(k: Any) -> None:
            self.b.store((self.held(total) + left(k) * right(k)).ir, total)

        self.each(number(0), count, add)
        return self.held(total)

    def inverse(self, pivot: Lanes) -> Callable[[Lanes], Lanes]:
        """Give the division by a number, by its reciprocal; that of a tiny one would overflow."""
        bits = 8 * self.dtype.itemsize
        is_tiny = abs(pivot) < float(np.finfo(self.dtype).tiny)
        larger = select(is_tiny, self.constant(2.0**bits), self.constant(1))
        reciprocal = 1 / (pivot * larger)
        return lambda x: x * larger * reciprocal

    def lu(self) -> None:
        """Write ``P A = L U`` over the copy: rows are exchanged, L has ones on its diagonal."""
        b = self.b
        self.each(number(0), self.n, lambda i: b.store(i, self.row(i)))

        def column(j: Any) -> None:
            def reduce(i: Any) -> None:
                least = b.select(b.icmp_signed("<", i, j), i, j)
                done = self.product(least, lambda k: self.get(i, k), lambda k: self.get(k, j))
                self.set(i, j, self.get(i, j) - done)

            self.each(number(1), self.n, reduce)
            self.exchange(j, self.pivot(j))
            pivot = self.get(j, j)
            failed = b.or_(b.load(self.failed, typ=ir.IntType(1)), (pivot == 0).ir)
            b.store(failed, self.failed)
            divided = self.inverse(pivot)
            self.each(
                b.add(j, number(1)), self.n, lambda i: self.set(i, j, divided(self.get(i, j)))
            )

        self.each(number(0), self.n, column)

    def row(self, i: Any) -> Any:
        """Give where it stands which row of a the i-th is."""
        return self.b.gep(self.order, [i], source_etype=I64)

    def pivot(self, j: Any) -> Any:
        """Give the row at or below the j-th whose element in column j is largest, or is NaN."""
        b = self.b
        best, at = self.cell(abs(self.get(j, j)).ir), self.cell(j)

        def compare(i: Any) -> None:
            x, most = abs(self.get(i, j)), self.held(best)
            better = (x > most) | isnan(x)
            b.store(select(better, x, most).ir, best)
            b.store(b.select(better.ir, i, b.load(at, typ=I64)), at)

        self.each(b.add(j, number(1)), self.n, compare)
        return b.load(at, typ=I64)

    def exchange(self, j: Any, p: Any) -> None:
        """Let two rows change places."""
        b = self.b
        with b.if_then(b.icmp_signed("!=", j, p)):

            def element(k: Any) -> None:
                x, y = self.get(j, k), self.get(p, k)
                self.set(j, k, y)
                self.set(p, k, x)

            self.each(number(0), self.n, element)
            first, second = (b.load(self.row(i), typ=I64) for i in (j, p))
            b.store(second, self.row(j))
            b.store(first, self.row(p))
            b.store((-self.held(self.sign)).ir, self.sign)

    def determinant(self) -> None:
        """Write the sign and the logarithm from U, or the determinant from these."""
        log = self.cell(self.constant(0).ir)

        def factor(i: Any) -> None:
            x, sign = self.get(i, i), self.held(self.sign)
            self.b.store(select(x < 0, -sign, sign).ir, self.sign)
            self.b.store((self.held(log) + FUNCTIONS["log"](abs(x))).ir, log)

        self.each(number(0), self.n, factor)
        is_singular = self.held(self.failed, bool)
        sign = select(is_singular, self.constant(0), self.held(self.sign))
        size = select(is_singular, self.constant(-np.inf), self.held(log))
        if self.spec.name == "det":
            self.put(self.out, number(0), sign * FUNCTIONS["exp"](size))
            return
        self.put(self.out, number(0), sign)
        self.put(self.out, number(1), size)

    def substitutions(self) -> None:
        """Write ``U⁻¹ L⁻¹ P B``: vectors of right sides, and those that are left one by one."""
        columns = self.spec.columns
        whole = columns // self.lanes * self.lanes
        if whole:
            self.steps(
                number(0), number(whole), self.lanes, lambda c: self.some_columns(c, self.lanes)
            )
        self.each(number(whole), number(columns), lambda c: self.some_columns(c, 1))

    def some_columns(self, first: Any, lanes: int) -> None:
        """Write the substitutions for a vector of right sides."""
        b = self.b
        form = (self.spec.columns, 1)

        def less(i: Any, total: Any, start: Any, stop: Any) -> None:
            def one(k: Any) -> None:
                x = self.read(self.out, self.at(k, first, form), lanes)
                b.store(fma(-self.get(i, k), x, self.held(total)).spread(lanes).ir, total)

            self.each(start, stop, one)

        def forward(i: Any) -> None:
            total = self.cell(self.right_sides(i, first, lanes).ir)
            less(i, total, number(0), i)
            self.put(self.out, self.at(i, first, form), self.held(total))

        def backward(k: Any) -> None:
            i = b.sub(number(self.spec.n - 1), k)
            place = self.at(i, first, form)
            total = self.cell(self.read(self.out, place, lanes).ir)
            less(i, total, b.add(i, number(1)), self.n)
            self.put(self.out, place, self.held(total) / self.get(i, i))

        self.each(number(0), self.n, forward)
        self.each(number(0), self.n, backward)

    def right_sides(self, i: Any, first: Any, lanes: int) -> Lanes:
        """Give what stands at the right of the i-th row: of B, or of the identity."""
        b = self.b
        row = self.b.load(self.row(i), typ=I64)
        places = [b.add(first, number(k)) for k in range(lanes)]
        if self.spec.name == "solve" and self.spec.b[1] == 1:
            return self.read(self.right, self.at(row, first, self.spec.b), lanes)
        if self.spec.name == "solve":
            found = [self.read(self.right, self.at(row, c, self.spec.b)) for c in places]
        else:
            same = [self.emitter.value(b.icmp_signed("==", row, c), bool) for c in places]
            found = [select(is_one, self.constant(1), self.constant(0)) for is_one in same]
        if lanes == 1:
            return found[0]
        vector: Any = ir.Constant(ir.VectorType(self.item, lanes), ir.Undefined)
        for k, x in enumerate(found):
            vector = b.insert_element(vector, x.ir, ir.Constant(ir.IntType(32), k))
        return self.emitter.value(vector, self.dtype)

    def cholesky(self) -> None:
        """Write ``A = L Lᵀ`` from the lower triangle of A, row products first."""
        b = self.b

        def below(i: Any, j: Any) -> Lanes:
            done = self.product(j, lambda k: self.get(i, k), lambda k: self.get(j, k))
            left: Lanes = self.get(i, j) - done
            return left

        def column(j: Any) -> None:
            square = below(j, j)
            failed = b.or_(b.load(self.failed, typ=ir.IntType(1)), (square <= 0).ir)
            b.store(failed, self.failed)
            root = sqrt(square)
            self.set(j, j, root)
            divided = self.inverse(root)
            self.each(b.add(j, number(1)), self.n, lambda i: self.set(i, j, divided(below(i, j))))

        def element(i: Any, j: Any) -> None:
            inside = self.emitter.value(b.icmp_signed("<=", j, i), bool)
            x = select(inside, self.get(i, j), self.constant(0))
            self.put(self.out, self.at(i, j), x)

        self.each(number(0), self.n, column)
        self.each(
            number(0), self.n, lambda i: self.each(number(0), self.n, lambda j: element(i, j))
        )
        self.note(NOT_POSITIVE_DEFINITE)
