"""What the next block of rows will read from anywhere in a large array is fetched meanwhile."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from clearprop.compile.affine import Affine, Var
from clearprop.compile.machine.nests import I32, POINTER, NestWriter, number
from clearprop.compile.memory import LINE
from clearprop.compile.nests import Nest
from clearprop.compile.scalars import Chosen, Convert, Load, Scalar

_LARGE = 1 << 20  # bytes of an array that is not in a cache anyway
_MOST_BYTES = 1 << 14  # of one row


def chosen_rows(nest: Nest) -> list[tuple[Load, Chosen]]:
    """Find what is read at a row that data chooses: the batch of a training step."""
    found = []
    for load in nest.loads():
        chosen = [v.chosen for v, _ in load.place.terms if v.chosen is not None]
        if (
            nest.row is not None
            and len(chosen) == 1
            and load.array.size * load.array.dtype.itemsize > _LARGE
            and _index_of(chosen[0], nest.row) is not None
            and _row_bytes(load, chosen[0]) <= _MOST_BYTES
        ):
            found.append((load, chosen[0]))
    return found


def write_prefetch(writer: NestWriter, nest: Nest, rows: int) -> None:
    """Fetch the rows that the next block will copy; nothing depends on it.

    ``rows`` is the number of rows of all blocks.
    """
    b = writer.b
    start, stop = writer.rows
    for load, chosen in chosen_rows(nest):
        assert nest.row is not None
        index = _index_of(chosen, nest.row)
        assert index is not None
        end = b.add(stop, b.sub(stop, start))
        end = b.select(b.icmp_signed("<", end, number(rows)), end, number(rows))
        size, item = _row_bytes(load, chosen), load.dtype.itemsize
        step = load.place.factor(chosen.var)

        def fetch(i: Any, load: Load = load, index: Load = index, chosen: Chosen = chosen,
                  size: int = size, item: int = item, step: int = step) -> None:  # fmt: skip
            inner = NestWriter(b, writer.processor, writer.pointers, {}, writer.rows, None)
            inner.vars = {**writer.vars, nest.row: i}  # type: ignore[dict-item]
            k = inner.value(index).ir
            k = b.sext(k, ir.IntType(64)) if k.type != ir.IntType(64) else k
            length = number(chosen.var.extent)
            k = b.select(b.icmp_signed("<", k, number(0)), b.add(k, length), k)
            rest = _without(load.place, nest, chosen)
            at = b.add(b.mul(k, number(step)), number(rest))
            from_ = writer.address(load.array, at)
            for offset in range(0, size, LINE):
                line = b.gep(from_, [number(offset)], source_etype=ir.IntType(8))
                _call(b, [line, I32(0), I32(3), I32(1)])

        writer.loop(stop, end, 1, fetch)


def _index_of(chosen: Chosen, row: Var) -> Load | None:
    """Give the element of an index array that chooses, if the row alone says which."""
    value: Scalar = chosen.of
    if isinstance(value, Convert):
        value = value.of
    is_plain = isinstance(value, Load) and [v for v, _ in value.place.terms] == [row]
    return value if is_plain and isinstance(value, Load) and value.dtype.kind in "i" else None


def _without(place: Affine, nest: Nest, chosen: Chosen) -> int:
    """Give where a row begins, beside what was chosen."""
    others = place.without(chosen.var)
    if nest.row is not None:
        others = others.without(nest.row)
    return others.least


def _row_bytes(load: Load, chosen: Chosen) -> int:
    others = load.place.without(chosen.var)
    return (others.most - others.least + 1) * int(load.dtype.itemsize)


def _call(b: Any, arguments: list[Any]) -> None:
    name = "llvm.prefetch.p0"
    kind = ir.FunctionType(ir.VoidType(), [POINTER, I32, I32, I32])
    function = b.module.globals.get(name) or ir.Function(b.module, kind, name)
    b.call(function, arguments)
