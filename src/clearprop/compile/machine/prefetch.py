"""What the next block of rows will read from anywhere in a large array is fetched meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir

from clearprop.compile.affine import Affine, Var
from clearprop.compile.grouping import Group
from clearprop.compile.machine.memory import I8, POINTER, number
from clearprop.compile.machine.nests import NestWriter
from clearprop.compile.machine.vectors import fetch as fetch_line
from clearprop.compile.memory import LINE
from clearprop.compile.needs import cost
from clearprop.compile.nests import Nest, Product, Work
from clearprop.compile.scalars import Array, Chosen, Convert, Load, Scalar

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


def host_of(group: Group) -> Product | None:
    """Give the product that fetches the rows of the next shard while it multiplies."""
    host = largest_product(group)
    return host if host is not None and lines_of_row(group.works) else None


def largest_product(group: Group) -> Product | None:
    """Give the product that can fetch most, if one can; what there is to fetch is another matter.

    That is a walk through all that a group computes: for each of many products it is asked last.
    """
    products = [work for work in group.works if isinstance(work, Product)]
    fit = [work for work in products if work.by_rows and work.packed is None]
    return max(fit, key=cost, default=None)


def fetched_arrays(group: Group) -> list[Array]:
    """Give what is read to fetch the rows of a group: indices, and the arrays they choose in."""
    found: dict[Array, None] = {}
    for nest in _nests(group.works):
        for load, chosen in chosen_rows(nest):
            assert nest.row is not None
            index = _index_of(chosen, nest.row)
            assert index is not None
            found.update({load.array: None, index.array: None})
    return list(found)


def lines_of_row(works: list[Work]) -> int:
    """Give how many lines of memory are read for a row at a place that data chooses."""
    return sum(
        -(-_row_bytes(load, chosen) // LINE)
        for nest in _nests(works)
        for load, chosen in chosen_rows(nest)
    )


def _nests(works: list[Work]) -> list[Nest]:
    return [work for work in works if isinstance(work, Nest)]


def write_list(writer: NestWriter, group: Group, rows: int, to: Any, length: int) -> None:
    """List the addresses of what so many rows of the next shard will read.

    ``length`` addresses are written, the last ones more than once.
    """
    b = writer.b
    start, _ = writer.rows

    def item(at: Any) -> Any:
        return b.gep(to, [at], source_etype=POINTER)

    def row(n: Any) -> None:
        i = b.add(b.add(start, number(group.shard_rows)), n)
        i = b.select(b.icmp_signed("<", i, number(group.rows)), i, number(group.rows - 1))
        at = b.mul(n, number(lines_of_row(group.works)))
        for line in _lines(writer, group.works, i):
            b.store(line, item(at), align=8)
            at = b.add(at, number(1))

    writer.loop(number(0), number(rows), 1, row)
    done = rows * lines_of_row(group.works)
    last = b.load(item(number(done - 1)), typ=POINTER, align=8)
    writer.loop(number(done), number(length), 1, lambda n: b.store(last, item(n), align=8))


def write_prefetch(writer: NestWriter, nest: Nest, rows: int) -> None:
    """Fetch the rows that the next block will copy; nothing depends on it.

    ``rows`` is the number of rows of all blocks.
    """
    if not chosen_rows(nest):
        return
    b = writer.b
    start, stop = writer.rows
    end = b.add(stop, b.sub(stop, start))
    end = b.select(b.icmp_signed("<", end, number(rows)), end, number(rows))

    def fetch(i: Any) -> None:
        for line in _lines(writer, [nest], i):
            fetch_line(b, line, 1)

    writer.loop(stop, end, 1, fetch)


def _lines(writer: NestWriter, works: list[Work], i: Any) -> Iterator[Any]:
    """Give the address of every line that is read for row i."""
    b = writer.b
    for nest in _nests(works):
        for load, chosen in chosen_rows(nest):
            assert nest.row is not None
            index = _index_of(chosen, nest.row)
            assert index is not None
            inner = NestWriter(b, writer.processor, writer.pointers, {}, writer.rows, None)
            inner.vars = {**writer.vars, nest.row: i}
            k = inner.value(index).ir
            k = b.sext(k, ir.IntType(64)) if k.type != ir.IntType(64) else k
            length = number(chosen.var.extent)
            k = b.select(b.icmp_signed("<", k, number(0)), b.add(k, length), k)
            rest = _without(load.place, nest, chosen)
            at = b.add(b.mul(k, number(load.place.factor(chosen.var))), number(rest))
            begin = writer.memory.address(load.array, at)
            for offset in range(0, _row_bytes(load, chosen), LINE):
                yield b.gep(begin, [number(offset)], source_etype=I8)


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
