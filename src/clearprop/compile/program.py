"""One program: the plan of a graph, its machine code, and how it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compile import forms
from clearprop.compile.elements import is_fixed, weak_number
from clearprop.compile.memory import LINE, placed, size_of
from clearprop.compile.planning import Call, Group, Plan
from clearprop.compile.scalars import Array
from clearprop.compile.simplify import Rebuilt
from clearprop.compile.storing import stored_nodes
from clearprop.equivalence import needed
from clearprop.errors import ShapeError
from clearprop.graph import Node
from clearprop.places import line_of
from clearprop.tensor import Tensor
from clearprop.tracing import Graph
from clearprop.trees import tree_leaves, tree_map


class Program:
    """What was compiled for one set of shapes.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph) -> None:
        rebuilt = Rebuilt(list(graph._tape.nodes))

        def source_of(part: Any) -> Any:
            if not isinstance(part, Tensor):
                return part
            return part.value if part.node is None else rebuilt[part.node]

        self._result = tree_map(source_of, graph._output)
        outputs = {part for _, part in tree_leaves(self._result) if isinstance(part, Node)}
        # What a mask selects has a shape that was used; its values may not be, yet it is checked.
        selected = [node for node in rebuilt.nodes if forms.is_selection(node)]
        used = needed([*outputs, *selected], {})
        nodes = [node for node in rebuilt.nodes if node in used]
        self._leaves = list(graph.inputs.values())
        self.plan = Plan(nodes, stored_nodes(nodes, outputs), outputs)
        self._fresh = {node: self.plan.arrays[node] for node in outputs if node.primitive is not None}
        self._calls = {
            part.node: _NumpyCall(part.node)
            for phase in self.plan.phases
            for part in phase
            if isinstance(part, Call)
        }
        self._segments = _segments(self.plan)
        self._link()
        for node in nodes:  # what the first call computed has served
            node.let_go()
        self._idle: list[_Memory] = []

    def _link(self) -> None:
        from clearprop.compile.machine.engine import Library, machine_code, this_processor
        from clearprop.compile.machine.groups import write_machine

        machine = write_machine(self.plan, this_processor())
        self.words, self.scratch = machine.words, machine.scratch
        self.library = Library(machine_code(machine.text))
        self.address = self.library.address("run")

    @property
    def source(self) -> str:
        """The loops, as a Python module."""
        from clearprop.compile.text import source_of

        results = [part for _, part in tree_leaves(self._result) if isinstance(part, Node)]
        return source_of(self.plan, results, self._leaves)

    def __call__(self, arrays: list[Any]) -> Any:
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = _Memory(self)
        try:
            return memory.run(self, arrays)
        finally:
            memory.arrays.clear()
            self._idle.append(memory)


class _Memory:
    """What one call at a time needs: the table, the workspace."""

    def __init__(self, program: Program) -> None:
        from clearprop.compile.thread_count import MOST

        plan = program.plan
        offsets, size = placed(_needs(program))
        self.space = np.empty(size + LINE, np.uint8)
        base = -self.space.ctypes.data % LINE
        self.table = np.zeros(8 + len(program.words), np.int64)
        self.own: dict[Array, Any] = {}
        for array, offset in offsets.items():
            piece = self.space[base + offset :][: array.size * array.dtype.itemsize]
            self.own[array] = piece.view(array.dtype).reshape(array.shape)
        self.own.update(plan.constants)
        self.most = min(MOST, 64)
        step = -(-program.scratch // LINE) * LINE + 4096
        self.scratch = np.empty(step * self.most + LINE, np.uint8)
        self.table[6] = self.scratch.ctypes.data + -self.scratch.ctypes.data % LINE
        self.table[7] = step
        for array, value in self.own.items():
            if array in program.words:
                self.table[program.words[array]] = value.ctypes.data
        self.arrays: dict[Array, Any] = {}

    def run(self, program: Program, given: list[Any]) -> Any:
        from clearprop.compile.machine.threads import call

        plan, words, table = program.plan, program.words, self.table
        arrays = self.arrays
        arrays.update(self.own)

        def put(array: Array, value: Any) -> None:
            arrays[array] = value
            if array in words:  # what gives several outputs is read by calls alone
                table[words[array]] = value.ctypes.data

        for leaf, value in zip(program._leaves, given, strict=True):
            if leaf in plan.arrays:
                array = plan.arrays[leaf]
                put(array, np.asarray(value, array.dtype))
        for node, array in program._fresh.items():
            if node not in program._calls:
                put(array, np.empty(array.shape, array.dtype))
        table[2] = 0
        address, at = program.address, table.ctypes.data
        for first, last, calls in program._segments:
            if last > first:
                table[0], table[1] = first, last
                call(address, at)
                if table[2]:
                    _, k, axis, length = table[2:6].tolist()
                    raise IndexError(
                        f"index {k} is out of bounds for axis {axis} with size {length}"
                    )
            for node in calls:
                put(plan.arrays[node], program._calls[node](lambda n: arrays[plan.arrays[n]]))
        mine: set[Node] = set()

        def given_out(part: Any) -> Any:
            """Give a result that is the caller's own: nobody else holds its memory."""
            if not isinstance(part, Node):
                return part.copy() if isinstance(part, np.ndarray) else part
            fresh = part in program._fresh and part not in mine
            mine.add(part)
            value = arrays[plan.arrays[part]]
            return (value if fresh else value.copy())[()]

        return tree_map(given_out, program._result)


def _segments(plan: Plan) -> list[tuple[int, int, list[Node]]]:
    """Cut the phases where NumPy calls stand: first and last phase, then the calls."""
    segments = []
    first = 0
    for p, phase in enumerate(plan.phases):
        calls = [part.node for part in phase if isinstance(part, Call)]
        if calls:
            segments.append((first, p + 1, calls))
            first = p + 1
    if first < len(plan.phases):
        segments.append((first, len(plan.phases), []))
    return segments


def _needs(program: Program) -> list[tuple[Array, int, int, int]]:
    """Give what lies in the workspace, and in which phases it is needed."""
    from clearprop.compile.machine.groups import _read

    plan = program.plan
    when: dict[Array, list[int]] = {}
    skip = {*plan.constants, *program._fresh.values()}
    skip |= {plan.arrays[leaf] for leaf in program._leaves if leaf in plan.arrays}
    skip |= {plan.arrays[node] for node in program._calls}
    for p, phase in enumerate(plan.phases):
        for part in phase:
            if isinstance(part, Call):
                arrays = [plan.arrays[n] for n in part.node.inputs if n in plan.arrays]
            else:
                assert isinstance(part, Group)
                skip |= set(part.local)
                arrays = [*part.outputs(), *(a for work in part.works for a in _read(work))]
            for array in arrays:
                when.setdefault(array, []).append(p)
    return [
        (array, size_of(array) + LINE, min(p), max(p)) for array, p in when.items() if array not in skip
    ]


class _NumpyCall:
    """A node that remains a NumPy call, without what its first call computed."""

    def __init__(self, node: Node) -> None:
        primitive = node.primitive
        assert primitive is not None
        self.primitive = primitive
        self.attributes = node.attributes
        self.place = node.place
        self.shape = node.shape
        self.operands: list[tuple[Node | None, Any]] = []
        self.weak: set[int] = set()  # positions of floats that take the dtype of the others
        for position, (source, value) in enumerate(zip(node.inputs, node.operands, strict=True)):
            number = weak_number(node, position) if forms.promotes(node) else None
            if number is not None and is_fixed(node, position):
                self.operands.append((None, number))
                continue
            self.operands.append((source, value if source is None else None))
            self.weak |= set() if number is None else {position}

    def __call__(self, value_of: Callable[[Node], Any]) -> Any:
        given = [value if source is None else value_of(source) for source, value in self.operands]
        given = [a[()] if isinstance(a, np.ndarray) and not a.shape else a for a in given]
        for position in self.weak:
            given[position] = float(given[position])
        y = self.primitive.implementation(*given, **self.attributes)
        several = self.primitive.outputs > 1
        shape = tuple(map(np.shape, y)) if several else np.shape(y)
        if shape != self.shape:
            raise ShapeError(
                f"{self.primitive.name} gave shape {shape}; "
                f"this program was compiled for {self.shape}.",
                where=None if (line := line_of(self.place)) is None else str(line),
                why="The shape depends on values, and a compiled program has the shapes of "
                "its first call.",
                write="np.where(mask, x, 0) in place of x[mask], or the function uncompiled.",
            )
        return y if several else np.asarray(y, order="C")
