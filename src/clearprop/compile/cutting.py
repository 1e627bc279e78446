"""How a group is cut: shards for threads, blocks for caches; and what shares one loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from clearprop.compile.affine import of
from clearprop.compile.grouping import Group, Stage
from clearprop.compile.needs import cost, is_transformed, reads
from clearprop.compile.nests import Nest, Product, Windows, Work, rewritten
from clearprop.compile.scalars import Array

MOST_SHARDS = 16
FEW_SHARDS = 8  # where a shard has much to add up, or should meet a large matrix with many rows
_PARTS_BYTES = 1 << 17  # of what a shard adds up; where it is more, there are few shards
_LEAST_WORK = 20_000  # operations worth a shard
_BLOCK_BYTES = 1 << 16  # of the rows of a block in all arrays of a stage
_WIDE_BYTES = 1 << 15  # of a matrix that many rows should meet at a time


def cut(group: Group) -> None:
    """Choose the number of rows in a shard: from sizes alone."""
    if not group.rows:
        return
    parts_bytes = sum(a.row * a.dtype.itemsize for a in group.parts)
    few = parts_bytes >= _PARTS_BYTES or any(
        isinstance(work, Product) and work.packed is not None for work in group.works
    )
    most = FEW_SHARDS if few else MOST_SHARDS
    shards = max(1, min(most, group.rows, sum(map(cost, group.works)) // _LEAST_WORK))
    group.shard_rows = _even(group.rows, shards)
    group.shard.extent = group.shards


def _even(rows: int, shards: int) -> int:
    """Choose the rows of a shard, for at most so many shards: two threads should end together."""

    def longest(size: int) -> tuple[int, ...]:
        count = -(-rows // size)
        return tuple(-(-count // threads) * size for threads in (2, 4, 8))

    least = -(-rows // shards)
    return min(range(least, least * 3 // 2 + 1), key=lambda size: (longest(size), size))


def stage(group: Group, outside: set[Array]) -> None:
    """Cut the works of a group into stages, each with blocks of its own size.

    ``outside`` is what is needed beyond its own shard.
    """
    _drop_unread(group, outside)
    runs: list[tuple[bool, list[Work]]] = []
    for work in group.works:
        wide = _is_wide(work)
        if not runs or (wide is not None and wide != runs[-1][0]):
            runs.append((bool(wide), []))
        runs[-1][1].append(work)
    if not group.rows:
        group.stages = [Stage(group.works)]
        return
    inside = [a for a in dict.fromkeys(group.outputs()) if a not in outside]
    users = _stages(runs)
    group.local = [a for a in inside if len(users[a]) > 1]
    for k, (wide, works) in enumerate(runs):
        rows = group.shard_rows if wide else _block_rows(group, works)
        local = [a for a in inside if users[a] == {k}]
        group.stages.append(Stage(works, rows, local))


def _drop_unread(group: Group, outside: set[Array]) -> None:
    """Leave out what nobody reads: it was needed in a register only."""
    reading = {id(work): {array for array, _ in reads(work)} for work in group.works}
    readers = Counter(array for read in reading.values() for array in read)
    for work in list(reversed(group.works)):
        if not isinstance(work, Nest):
            continue
        kept = [s for s in work.stores if s.array in outside or readers[s.array]]
        if len(kept) == len(work.stores):
            continue
        work.stores = kept
        readers.subtract(reading[id(work)])
        if kept or work.results:
            reading[id(work)] = {array for array, _ in reads(work)}
            readers.update(reading[id(work)])
        else:
            group.works.remove(work)


def _is_wide(work: Work) -> bool | None:
    """Whether a work wants many rows at a time; None where it does not care."""
    if isinstance(work, Product):
        _, n, k = work.sizes
        return n * k * work.b.array.dtype.itemsize > _WIDE_BYTES or None
    if isinstance(work, Windows) and is_transformed(work):
        return True  # the weights are transformed once for all rows of a block
    return False if _row_bytes(work) > _BLOCK_BYTES // 8 else None


def _row_bytes(work: Work) -> int:
    return sum(a.row * int(a.dtype.itemsize) for a in dict.fromkeys(work.outputs) if a.shape)


def _share(nest: Nest, other: Nest) -> bool:
    """Whether two nests read the same array, or one what the other writes."""
    one, two = ({a for a, _ in reads(n)} | set(n.outputs) for n in (nest, other))
    return bool(one & two)


def _stages(runs: Iterable[tuple[bool, list[Work]]]) -> dict[Array, set[int]]:
    """Find for each array in which runs it is written or read."""
    found: dict[Array, set[int]] = {}
    for k, (_, works) in enumerate(runs):
        for work in works:
            for array in (*work.outputs, *(read for read, _ in reads(work))):
                found.setdefault(array, set()).add(k)
    return found


def _block_rows(group: Group, works: list[Work]) -> int:
    """Choose the rows of a block so that what they touch stays in a cache."""
    arrays = {a for work in works for a in work.outputs}
    for work in works:
        if isinstance(work, Nest):
            arrays |= {array for array, is_local in reads(work) if is_local}
    touched = [a for a in arrays if a.shape and a not in group.parts]
    row = sum(a.row * int(a.dtype.itemsize) for a in touched)
    blocks = -(-group.shard_rows * row // _BLOCK_BYTES)
    return max(1, -(-group.shard_rows // max(blocks, 1)))


def merge(group: Group) -> None:
    """Put nests with the same loops into one, so that what they share stays in registers."""
    works: list[Work] = []
    for work in group.works:
        into = None
        if isinstance(work, Nest):
            for earlier in reversed(works):
                if isinstance(earlier, Nest) and _joined(earlier, work):
                    into = earlier
                    break
                written = set(earlier.outputs)
                if any(array in written for array, _ in reads(work)) or written & set(work.outputs):
                    break
        if into is None:
            works.insert(_place(works, work), work)
    group.works = works


def _place(works: list[Work], work: Work) -> int:
    """Give where a nest that reads a matrix product goes: right behind it, while it is near."""
    written = set(work.outputs)
    touched = written | {array for array, _ in reads(work)}
    for k in reversed(range(len(works))):
        before = works[k]
        if touched & set(before.outputs) or written & {array for array, _ in reads(before)}:
            return k + 1 if isinstance(before, Product) and isinstance(work, Nest) else len(works)
    return len(works)


def _joined(nest: Nest, other: Nest) -> bool:
    """Put the other nest's stores and totals into this one, if they can be."""
    a, b = nest.axes, other.axes
    same = len(a) == len(b) and all(
        v.extent == w.extent
        and (v is nest.lanes) == (w is other.lanes)
        and (v is nest.row) == (w is other.row)
        for v, w in zip(a, b, strict=True)
    )
    if not same or (nest.totals and other.totals and nest.depth != other.depth):
        return False
    if not _share(nest, other) and _row_bytes(nest) + _row_bytes(other) > _WIDE_BYTES // 8:
        return False  # each had better follow what it reads
    if any(s.adds for s in (*nest.stores, *other.stores)):
        return False
    new = {w: of(v) for v, w in zip(a, b, strict=True)}
    written = set(nest.outputs)
    if written & set(other.outputs):  # what fills an array comes before what writes into it
        return False
    given = {(s.array, s.place): s.value for s in nest.stores}
    for load in other.loads():
        if load.array in written and (load.array, load.place.replaced(new)) not in given:
            return False
    rewritten(other, new, given)
    nest.stores += other.stores
    if other.totals:
        nest.totals += other.totals
        nest.results += other.results
        nest.depth = other.depth
    elif other.results:
        return False
    return True
