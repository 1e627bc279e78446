"""What is done together, and when: groups of rows, and phases between which all threads meet.

Operations whose rows depend on the same row of their operands alone, and that have the same number
of rows, are a *group*. It runs block by block, and what stays inside it lies in memory for one
block only. Blocks that follow each other are a *shard*, which one thread does in order; what is
summed over rows is summed for each shard, and the shards' sums in order afterwards. A *phase* holds
groups that do not depend on each other. Blocks and shards depend on sizes alone: results are the
same bits whatever the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from clearprop import kinds
from clearprop.compile import forms
from clearprop.compile.affine import Affine, Var, of
from clearprop.compile.elements import Elements, operand_shape, reduced_axes
from clearprop.compile.nests import Draw, Nest, Product, Windows, Work, rewritten
from clearprop.compile.scalars import Array
from clearprop.graph import Node

_SPLIT = 4096  # elements from which on a sum over rows is made block by block
_MOST_SHARDS = 16
_FEW_SHARDS = 8
_PARTS_BYTES = 1 << 17  # of what a shard adds up; where it is more, there are few shards
_LEAST_WORK = 20_000  # operations worth a block
_LITTLE = 5_000  # operations that are not worth another barrier
_BLOCK_BYTES = 1 << 16  # of the rows of a block in all arrays of a group


@dataclass
class Group:
    """Works that run block by block.

    Attributes
    ----------
    rows : int
        0 where the group is one block that is not cut.
    works : list
    shard : Var
        The number of the shard, for totals that are kept for each.
    block_rows, shard_blocks : int
        The rows of a block, the blocks of a shard.
    local : list of Array
        What lies in memory for one block only.
    parts : dict of Array to number
        What holds a total for each shard, and what it starts from.
    """

    rows: int
    works: list[Work] = field(default_factory=list)
    shard: Var = field(default_factory=lambda: Var(1))
    block_rows: int = 0
    shard_blocks: int = 1
    local: list[Array] = field(default_factory=list)
    parts: dict[Array, Any] = field(default_factory=dict)

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return -(-self.rows // self.block_rows) if self.rows else 1

    @property
    def shards(self) -> int:
        """The number of shards."""
        return -(-self.blocks // self.shard_blocks)

    def outputs(self) -> list[Array]:
        """What is written."""
        return [array for work in self.works for array in work.outputs]


@dataclass
class Call:
    """A node that remains a NumPy call."""

    node: Node


Phase = list[Group | Call]


class Plan:
    """Groups and phases of a program.

    Attributes
    ----------
    arrays : dict of Node to Array
        What is put into memory.
    constants : dict of Array to ndarray
    phases : list of lists of Group or Call
    """

    def __init__(self, nodes: list[Node], stored: set[Node], outputs: set[Node]) -> None:
        self.arrays: dict[Node, Array] = {}
        self.constants: dict[Array, Any] = {}
        self._by_id: dict[int, Array] = {}
        self._made: dict[Array, tuple[int, Group | None]] = {}  # phase and group of an array
        self._groups: dict[tuple[int, int], Group] = {}
        self._finishing: list[Callable[[], None]] = []
        self.phases: list[Phase] = []
        self._outputs = outputs
        elements = Elements(self._in_memory, self._constant)
        for node in nodes:
            if node.primitive is None:
                self._array(node)
            elif node in stored:
                if forms.has_loops(node):
                    self._place(node, elements)
                else:
                    self._place_call(node, elements)
        for group in self._all_groups():
            _cut(group)
        for finish in self._finishing:
            finish()
        for group in self._all_groups():
            _merge(group)
        self._find_locals()

    def _all_groups(self) -> list[Group]:
        return [part for phase in self.phases for part in phase if isinstance(part, Group)]

    def _in_memory(self, node: Node) -> Array | None:
        return self.arrays.get(node)

    def _array(self, node: Node) -> Array:
        name = node.label if node.primitive is None and node.label else f"t{len(self.arrays) + 1}"
        self.arrays[node] = array = Array(name, node.shape, node.dtype)
        return array

    def _constant(self, value: Any) -> Array:
        import numpy as np

        if id(value) not in self._by_id:
            array = Array(f"c{len(self._by_id) + 1}", value.shape, value.dtype)
            self._by_id[id(value)] = array
            self.constants[array] = np.ascontiguousarray(value).reshape(value.shape)
            self._kept = [*getattr(self, "_kept", []), value]  # so that its id stays its own
        return self._by_id[id(value)]

    # ---- phases ----------------------------------------------------------------------------------

    def _into(self, phase: int, part: Group | Call) -> None:
        while len(self.phases) <= phase:
            self.phases.append([])
        self.phases[phase].append(part)

    def _place_call(self, node: Node, elements: Elements) -> None:
        needed = [self._made[self.arrays[n]][0] for n in node.inputs if n in self.arrays
                  and self.arrays[n] in self._made]  # fmt: skip
        phase = max(needed, default=-1) + 1
        self._into(phase, Call(node))
        if not isinstance(node.shape, tuple) or (node.shape and isinstance(node.shape[0], tuple)):
            outputs = Array("several", (), "f8")
        else:
            outputs = Array(f"t{len(self.arrays) + 1}", node.shape, node.dtype)
        self.arrays[node] = outputs
        self._made[outputs] = (phase, None)

    def _place(self, node: Node, elements: Elements) -> None:
        split = self._split(node, elements)
        if split is not None:
            return
        array = Array(f"t{len(self.arrays) + 1}", node.shape, node.dtype)
        works = forms.written(elements, node, array)
        self.arrays[node] = array
        rows = {_rows_of(work) for work in works}
        self._assign(works, rows.pop() if len(rows) == 1 else 0)

    def _assign(self, works: list[Any], rows: int) -> Group:
        """Put works into the group where they can first be done.

        What is little goes, one after the other, into one group of its phase that is not cut.
        """
        phase = serial = 0
        own = {array for work in works for array in work.outputs}
        for work in works:
            for array, is_local in _reads(work):
                made = self._made.get(array)
                if made is None or array in own:
                    continue
                at, group = made
                together = rows and is_local and group is not None and group.rows == rows
                phase = max(phase, at if together else at + 1)
                serial = max(serial, at if group is not None and not group.rows else at + 1)
        is_little = sum(map(_cost, works)) < _LITTLE
        lonely = rows < _MOST_SHARDS and (phase, rows) not in self._groups
        if not rows or (is_little and (serial < phase or (serial == phase and lonely))):
            phase, rows = serial, 0
            for work in works:
                if isinstance(work, Nest):
                    work.row = None
        group = self._groups.get((phase, rows))
        if group is None or not (rows or is_little or group.works == []):
            group = Group(rows)
            self._into(phase, group)
            self._groups.setdefault((phase, rows), group)
        group.works += works
        for array in own:
            self._made[array] = (phase, group)
        return group

    def _split(self, node: Node, elements: Elements) -> Group | None:
        """Combine the rows of each block apart, where there are many; then the blocks."""
        assert node.primitive is not None
        kind = node.primitive.kind
        shape = operand_shape(node, 0)
        is_weights = isinstance(kind, kinds.Window) and kind.target == "W"
        is_reduction = isinstance(kind, kinds.Reduce) and math.prod(shape) > _SPLIT
        if not (is_weights or is_reduction) or not shape or shape[0] < 2:
            return None
        if is_reduction and 0 not in reduced_axes(node.attributes.get("axis"), len(shape)):
            return None
        shard = Var(shape[0])
        start: Any = 0
        if is_weights:
            rest = node.shape
            parts = Array(f"parts{len(self.arrays) + 1}", (shape[0], *rest), node.dtype)
            work: Work = forms.written(elements, node, parts)[0]
        else:
            reduced = reduced_axes(node.attributes.get("axis"), len(shape))
            rest = tuple(n for k, n in enumerate(shape) if k not in reduced)
            parts = Array(f"parts{len(self.arrays) + 1}", (shape[0], *rest), node.dtype)
            work = forms.partial(elements, node, parts, shard)
            start = work.totals[0][0].start
        group = self._assign([work], shape[0])
        group.parts[parts] = start
        if isinstance(work, Nest):
            rewritten(work, {shard: of(group.shard)}, {})
        array = Array(f"t{len(self.arrays) + 1}", node.shape, node.dtype)
        self.arrays[node] = array
        rows = node.shape[0] if node.shape and node.shape[:1] == rest[:1] and rest[0] > 1 else 0
        waiting = _Waiting(array, parts)
        later = self._assign([waiting], rows)

        def finish() -> None:
            parts.shape = (group.shards, *rest)
            nest = forms.finished(node, parts, array)
            if not later.rows:
                nest.row = None
            held: list[Any] = later.works
            later.works = [nest if work is waiting else work for work in held]

        self._finishing.append(finish)
        return group

    def _find_locals(self) -> None:
        """Find what is read in its own group alone, row by row; drop what nobody reads."""
        results = {self.arrays[n] for n in self._outputs if n in self.arrays}
        outside: set[Array] = set(results)
        for phase in self.phases:
            for part in phase:
                if isinstance(part, Call):
                    outside |= {self.arrays[n] for n in part.node.inputs if n in self.arrays}
                    continue
                inside = set(part.outputs())
                for work in part.works:
                    outside |= {
                        array
                        for array, is_local in _reads(work)
                        if array not in inside or not (is_local and part.rows)
                    }
        for group in self._all_groups():
            for work in list(reversed(group.works)):
                read = {a for w in group.works for a, _ in _reads(w)}
                if isinstance(work, Nest):
                    work.stores = [s for s in work.stores if s.array in outside or s.array in read]
                    if not work.stores and not work.results:
                        group.works.remove(work)
            group.local = [
                a for a in dict.fromkeys(group.outputs()) if a not in outside and group.rows
            ]


@dataclass
class _Waiting:
    """Holds the place of a nest that is written when the number of blocks is known."""

    array: Array
    parts: Array

    @property
    def outputs(self) -> list[Array]:
        return [self.array]


def _rows_of(work: Work) -> int:
    """Give the number of rows that a work can be cut into; 0 for none."""
    if isinstance(work, Nest):
        return work.row.extent if work.row is not None else 0
    if isinstance(work, Product):
        if work.by_rows:
            return work.sizes[0] if work.sizes[0] > 1 else 0
        first = work.axes[0] if work.axes else None
        leads = first is not None and first.extent == work.c.array.shape[0]
        return first.extent if first is not None and leads else 0
    if isinstance(work, Windows):
        return work.first.shape[0] if work.first.shape[0] > 1 else 0
    shape = work.out.shape if isinstance(work, Draw) else ()
    return shape[0] if shape and shape[0] > 1 else 0


def _reads(work: Any) -> list[tuple[Array, bool]]:
    """Give what a work reads, and whether a row of it depends on the same row alone."""
    if isinstance(work, Nest):
        return [(load.array, _is_by_row(load.array, load.place, work.row)) for load in work.loads()]
    if isinstance(work, Product):
        return _reads_of_product(work)
    if isinstance(work, Windows):
        both = work.target == "W"
        return [(work.first, True), (work.second, both)]
    if isinstance(work, Draw):
        return [(work.key, False)]
    return [(work.parts, False)]


def _is_by_row(array: Array, place: Affine, row: Var | None, more: int = 0) -> bool:
    """Whether the elements at a place are those of the row itself; ``more`` follow it."""
    if row is None or not array.shape or array.shape[0] != row.extent:
        return False
    step = array.row
    rest = place.without(row)
    return place.factor(row) == step and rest.least >= 0 and rest.most + more < step


def _reads_of_product(work: Product) -> list[tuple[Array, bool]]:
    m, n, k = work.sizes
    if work.by_rows:
        a = work.a
        step = a.array.row if a.array.shape else 0
        last = a.place.most + (k - 1) * a.strides[1]
        is_local = (
            bool(a.array.shape)
            and a.array.shape[0] == m
            and a.strides[0] == step
            and a.strides[1] >= 0
            and a.place.least >= 0
            and last < step
        )
        return [(a.array, is_local), (work.b.array, False)]
    row = work.axes[0] if work.axes else None
    found = []
    for block, (first, second) in ((work.a, (m, k)), (work.b, (k, n))):
        forward = all(s >= 0 for s in block.strides)
        more = (first - 1) * block.strides[0] + (second - 1) * block.strides[1]
        found.append((block.array, forward and _is_by_row(block.array, block.place, row, more)))
    return found


def _cost(work: Any) -> int:
    """Estimate the number of operations."""
    if isinstance(work, Nest):
        from clearprop.compile.nests import walked

        return math.prod(v.extent for v in work.axes) * max(len(walked(work.values())), 1)
    if isinstance(work, Product):
        return 2 * math.prod(work.sizes) * math.prod(v.extent for v in work.axes)
    if isinstance(work, Windows):
        W = {"y": work.second, "x": work.second, "W": work.out}[work.target]
        y = {"y": work.out, "x": work.first, "W": work.second}[work.target]
        return 2 * y.size * W.size // max(W.shape[0], 1)
    return sum(16 * array.size for array in work.outputs)


def _cut(group: Group) -> None:
    """Choose the number of rows in a block: from sizes alone."""
    if not group.rows:
        return
    cost = sum(map(_cost, group.works))
    arrays = dict.fromkeys(group.outputs())
    for work in group.works:
        if isinstance(work, Nest):
            arrays.update(dict.fromkeys(array for array, is_local in _reads(work) if is_local))
    in_rows = [a for a in arrays if a.shape and a not in group.parts]
    row_bytes = sum(a.row * a.dtype.itemsize for a in in_rows)
    parts_bytes = sum(a.row * a.dtype.itemsize for a in group.parts)
    shards = _MOST_SHARDS if parts_bytes < _PARTS_BYTES else _FEW_SHARDS
    blocks = max(1, min(shards, cost // _LEAST_WORK))
    blocks = max(blocks, -(-group.rows * row_bytes // _BLOCK_BYTES))
    group.block_rows = max(1, -(-group.rows // min(blocks, group.rows)))
    group.shard_blocks = -(-group.blocks // shards)
    group.shard.extent = group.shards


def _merge(group: Group) -> None:
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
                if any(array in written for array, _ in _reads(work)) or written & set(
                    work.outputs
                ):
                    break
        if into is None:
            works.append(work)
    group.works = works


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
    if any(s.adds for s in (*nest.stores, *other.stores)):
        return False
    new = {w: of(v) for v, w in zip(a, b, strict=True)}
    written = set(nest.outputs)
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
