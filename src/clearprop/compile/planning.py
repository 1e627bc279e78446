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
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile import forms
from clearprop.compile.affine import Var, of
from clearprop.compile.cutting import FEW_SHARDS, MOST_SHARDS, cut, merge, stage
from clearprop.compile.elements import Elements, operand_shape, reduced_axes
from clearprop.compile.grouping import Call, Group, Phase
from clearprop.compile.needs import Waiting, cost, reads, rows_of
from clearprop.compile.nests import Nest, Packing, Product, Work, rewritten
from clearprop.compile.parts import SAME_MEMORY
from clearprop.compile.scalars import Array
from clearprop.graph import Node

_SPLIT = 4096  # elements from which on a sum over rows is made block by block
_PACKED_BYTES = 1 << 18  # of a matrix of which a copy is worth it
_PACKED_ROWS = 200  # that meet it; a copy is made in a phase of its own
_LITTLE = 5_000  # operations that are not worth another barrier


class Plan:
    """Groups and phases of a program.

    Attributes
    ----------
    arrays : dict of Node to Array
        What is put into memory.
    constants : dict of Array to ndarray
    same_memory : dict of Array to Array
        What is another array, seen in another dtype.
    phases : list of lists of Group or Call
    """

    def __init__(self, nodes: list[Node], stored: set[Node], outputs: set[Node]) -> None:
        self.arrays: dict[Node, Array] = {}
        self.constants: dict[Array, Any] = {}
        self.same_memory: dict[Array, Array] = {}
        self._by_id: dict[int, tuple[Array, Any]] = {}
        self._made: dict[Array, tuple[int, Group | None]] = {}  # phase and group of an array
        self._groups: dict[tuple[int, int], Group] = {}
        self._finishing: list[Callable[[], None]] = []
        self.phases: list[Phase] = []
        self._outputs = outputs
        elements = Elements(self._in_memory, self._constant)
        for node in nodes:
            if node.primitive is None:
                self._array(node)
            elif node in stored and forms.has_loops(node):
                self._place(node, elements)
            elif node in stored:
                self._place_call(node)
        for group in self._all_groups():
            cut(group)
        for finish in self._finishing:
            finish()
        for group in self._all_groups():
            merge(group)
        outside = self._used_outside()
        for group in self._all_groups():
            stage(group, outside)

    def _all_groups(self) -> list[Group]:
        return [part for phase in self.phases for part in phase if isinstance(part, Group)]

    def _in_memory(self, node: Node) -> Array | None:
        return self.arrays.get(node)

    def _array(self, node: Node) -> Array:
        name = node.label if node.primitive is None and node.label else f"t{len(self.arrays) + 1}"
        self.arrays[node] = array = Array(name, node.shape, node.dtype)
        return array

    def _constant(self, value: Any) -> Array:
        found = self._by_id.get(id(value))
        if found is None:
            array = Array(f"c{len(self._by_id) + 1}", value.shape, value.dtype)
            found = self._by_id[id(value)] = (array, value)  # kept, so that its id stays its own
            self.constants[array] = np.ascontiguousarray(value).reshape(value.shape)
        return found[0]

    # ---- phases ----------------------------------------------------------------------------------

    def _into(self, phase: int, part: Group | Call) -> None:
        while len(self.phases) <= phase:
            self.phases.append([])
        self.phases[phase].append(part)

    def _place_call(self, node: Node) -> None:
        arrays = [self.arrays[source] for source in node.inputs if source is not None]
        needed = [self._made[array][0] for array in arrays if array in self._made]
        phase = max(needed, default=-1) + 1
        self._into(phase, Call(node))
        if not isinstance(node.shape, tuple) or (node.shape and isinstance(node.shape[0], tuple)):
            outputs = Array("several", (), "f8")
        else:
            outputs = Array(f"t{len(self.arrays) + 1}", node.shape, node.dtype)
        self.arrays[node] = outputs
        self._made[outputs] = (phase, None)
        if node.primitive in SAME_MEMORY:
            self.same_memory[outputs] = arrays[0]

    def _place(self, node: Node, elements: Elements) -> None:
        if self._split(node, elements):
            return
        array = Array(f"t{len(self.arrays) + 1}", node.shape, node.dtype)
        works = forms.written(elements, node, array)
        self.arrays[node] = array
        for work in works:
            if isinstance(work, Product):
                self._pack(work)
        rows = {rows_of(work) for work in works}
        self._assign(works, rows.pop() if len(rows) == 1 else 0)

    def _pack(self, work: Product) -> None:
        """Copy a large matrix once, in the order in which all blocks of rows will read it."""
        m, n, k = work.sizes
        is_large = n * k * work.b.array.dtype.itemsize >= _PACKED_BYTES
        if not (work.by_rows and is_large and m >= _PACKED_ROWS):
            return
        from clearprop.compile.machine.layout import packed_form

        size, parts = packed_form(work, FEW_SHARDS)
        packed = Array(f"packed{len(self._made)}", (size,), work.b.array.dtype)
        packing = Packing(work, packed, parts)
        self._assign([packing], rows_of(packing))
        work.packed = packed

    def _assign(self, works: list[Any], rows: int) -> Group:
        """Put works into the group where they can first be done.

        What is little goes, one after the other, into one group of its phase that is not cut.
        """
        phase = serial = alone = 0
        own = {array for work in works for array in work.outputs}
        for work in works:
            for array, is_local in reads(work):
                made = self._made.get(array)
                if made is None or array in own:
                    continue
                at, group = made
                together = rows and is_local and group is not None and group.rows == rows
                in_order = group is not None and group is self._groups.get((at, 0))
                phase = max(phase, at if together else at + 1)
                serial = max(serial, at if in_order else at + 1)
                alone = max(alone, at + 1)
        is_little = sum(map(cost, works)) < _LITTLE
        lonely = rows < MOST_SHARDS and (phase, rows) not in self._groups
        if not rows or (is_little and (serial < phase or (serial == phase and lonely))):
            phase, rows = serial if is_little else alone, 0
            for work in works:
                if isinstance(work, Nest):
                    work.row = None
        group = self._groups.get((phase, rows)) if rows or is_little else None
        if group is None:
            group = Group(rows)
            self._into(phase, group)
            if rows or is_little:
                self._groups[phase, rows] = group
        group.works += works
        for array in own:
            self._made[array] = (phase, group)
        return group

    def _split(self, node: Node, elements: Elements) -> bool:
        """Combine the rows of each shard apart, where there are many; then the shards."""
        assert node.primitive is not None
        kind = node.primitive.kind
        shape = operand_shape(node, 0)
        is_weights = isinstance(kind, kinds.Window) and kind.target == "W"
        is_reduction = isinstance(kind, kinds.Reduce) and math.prod(shape) > _SPLIT
        if not (is_weights or is_reduction) or not shape or shape[0] < 2:
            return False
        if is_reduction and 0 not in reduced_axes(node.attributes.get("axis"), len(shape)):
            return False
        shard = Var(shape[0])
        start: Any = 0
        rest = node.shape
        if is_reduction:
            reduced = reduced_axes(node.attributes.get("axis"), len(shape))
            rest = tuple(n for k, n in enumerate(shape) if k not in reduced)
        parts = Array(f"parts{len(self.arrays) + 1}", (shape[0], *rest), node.dtype)
        if is_reduction:
            work: Work = forms.partial(elements, node, parts, shard)
        else:
            (work,) = forms.written(elements, node, parts)
        if isinstance(work, Nest):
            start = work.totals[0][0].start
        group = self._assign([work], shape[0])
        group.parts[parts] = start
        if isinstance(work, Nest):
            rewritten(work, {shard: of(group.shard)}, {})
        array = Array(f"t{len(self.arrays) + 1}", node.shape, node.dtype)
        self.arrays[node] = array
        rows = node.shape[0] if node.shape and node.shape[:1] == rest[:1] and rest[0] > 1 else 0
        waiting = Waiting(array, parts)
        later = self._assign([waiting], rows)

        def finish() -> None:
            parts.shape = (group.shards, *rest)
            nest = forms.finished(node, parts, array)
            if not later.rows:
                nest.row = None
            held: list[Any] = later.works
            later.works = [nest if work is waiting else work for work in held]

        self._finishing.append(finish)
        return True

    def _used_outside(self) -> set[Array]:
        """Find what is needed beyond its own shard."""
        outside = {self.arrays[n] for n in self._outputs if n in self.arrays}
        for phase in self.phases:
            for part in phase:
                if isinstance(part, Call):
                    outside |= {self.arrays[n] for n in part.node.inputs if n in self.arrays}
                    continue
                inside = set(part.outputs())
                for work in part.works:
                    outside |= {
                        array
                        for array, is_local in reads(work)
                        if array not in inside or not (is_local and part.rows)
                    }
        return outside
