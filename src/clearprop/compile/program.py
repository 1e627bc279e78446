"""One program: the plan of a graph, its machine code, and how it is called."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.compile import forms
from clearprop.compile.bodies import Body
from clearprop.compile.calls import LoopCall, NumpyCall
from clearprop.compile.grouping import Call, Group
from clearprop.compile.identity import identity_of
from clearprop.compile.joining import (
    Arguments,
    JoinedNumber,
    numbers_of_arguments,
    numbers_of_result,
    replaced,
    wholes,
)
from clearprop.compile.memory import LINE, collected_after, placed, size_of
from clearprop.compile.needs import cost
from clearprop.compile.parts import InParts
from clearprop.compile.planning import Plan
from clearprop.compile.rolled import rolled_up
from clearprop.compile.rolling import LOOP
from clearprop.compile.scalars import Array
from clearprop.compile.simplify import Rebuilt
from clearprop.compile.steps import Steps
from clearprop.compile.storing import stored_nodes
from clearprop.compile.table import (
    ARRAYS,
    FIRST,
    LAST,
    SCRATCH,
    SCRATCH_STEP,
    STEPS,
    TROUBLE,
)
from clearprop.compile.trouble import error_of
from clearprop.compile.updates import over
from clearprop.equivalence import needed
from clearprop.graph import Node
from clearprop.tensor import Tensor
from clearprop.tracing import Graph
from clearprop.trees import tree_leaves, tree_map

_LARGE = 1 << 18  # bytes of a result whose memory is used again
_MOST_ROOMS = 4  # for one result
_held = [np.empty(0)]
_HELD_HERE = sys.getrefcount(_held[0])  # references to an array in a list and nowhere else
_WORTH_MEETING = 300_000  # operations of a phase; fewer are done before another thread is there


class Program:
    """What was compiled for one set of shapes.

    Parameters
    ----------
    nodes : list of Node
        In order.
    result : nested nodes and constants
        Numbers that are joined are parts of one array.
    arguments : Arguments
    """

    @classmethod
    def of(cls, graph: Graph) -> Program:
        """Compile what was recorded; the record keeps nothing."""
        return cls(*_rolled_up(*_simplified(graph)))

    @classmethod
    def of_step(cls, body: Body) -> Program:
        """Compile one step of a loop: its result is what it hands on, and what it gives."""
        return cls(*_rolled_up(body.nodes, (body.carried, body.given), body.leaves, None))

    def __init__(self, nodes: list[Node], result: Any, arguments: Arguments) -> None:
        self.result = result
        self.arguments = arguments
        self.leaves = arguments.leaves
        outputs = {part for part in self.parts if isinstance(part, Node)}
        self.plan = Plan(nodes, stored_nodes(nodes, outputs), outputs)
        arrays, same = self.plan.arrays, self.plan.same_memory
        self.fresh = {
            node: same.get(arrays[node], arrays[node])
            for node in outputs
            if node.primitive is not None
        }
        self.calls = {
            part.node: self._call(part.node)
            for phase in self.plan.phases
            for part in phase
            if isinstance(part, Call)
        }
        self.segments = _segments(self.plan)
        self.over = over(self.plan)
        self._link()
        for node in nodes:  # what the first call computed has served
            node.let_go()
        self.threads = _threads_for(self.plan)
        self.steps: Steps | None = None  # how a loop of it runs, once it has run in one
        self._idle: list[Memory] = []
        self.seconds: dict[int, float] = {}

    @property
    def parts(self) -> list[Any]:
        """The results, without their nesting; numbers that are joined are one array."""
        return wholes([part for _, part in tree_leaves(self.result)])

    def _call(self, node: Node) -> NumpyCall:
        """Give what is done for a node by Python: a NumPy call, or a loop of a program."""
        if node.primitive is not LOOP:
            return NumpyCall(node)
        return LoopCall(node, Program.of_step(node.attributes["body"]))

    def _link(self) -> None:
        from clearprop.compile.machine.cache import load_or_make
        from clearprop.compile.machine.engine import Library, machine_code, this_processor
        from clearprop.compile.machine.layout import Layout

        processor = this_processor()
        layout = Layout.of(self.plan, processor)
        self.words, self.scratch = layout.words, layout.scratch

        def make() -> bytes:
            from clearprop.compile.machine.groups import write_machine

            with collected_after():
                text = write_machine(self.plan, layout, processor)
            return machine_code(text, processor)

        code = load_or_make(identity_of(self.plan, self.words, self.scratch), make, processor)
        self.code = Library(code)
        self.address = self.code.address("run")

    @property
    def source(self) -> str:
        """The loops, as a Python module."""
        from clearprop.compile.text import source_of

        results = [part for part in self.parts if isinstance(part, Node)]
        return source_of(self.plan, self.calls, results, self.leaves)

    @property
    def plan_text(self) -> str:
        """What is done when, with the memory and the time it took in the first call."""
        from clearprop.compile.text import plan_of

        space = max((memory.space.size for memory in self._idle), default=0)
        return plan_of(self.plan, self.calls, space, self.scratch, self.seconds)

    def __call__(self, arrays: list[Any]) -> Any:
        """Compute the results, in their nesting; the arrays are those among the arguments."""
        with self.memory() as memory:
            return memory.run(self, self.arguments.values(arrays))

    @contextlib.contextmanager
    def memory(self) -> Iterator[Memory]:
        """Lend what one call at a time needs."""
        try:
            memory = self._idle.pop()
        except IndexError:  # the first call, or one at the same time as another
            memory = Memory(self)
        try:
            yield memory
        finally:
            memory.arrays.clear()
            self._idle.append(memory)


class Memory:
    """What one call at a time needs: the table, the workspace."""

    def __init__(self, program: Program) -> None:
        from clearprop.compile.thread_count import MOST

        plan = program.plan
        offsets, size = placed(_needs(program))
        self.space = np.empty(size + LINE, np.uint8)
        base = -self.space.ctypes.data % LINE
        self.table = np.zeros(ARRAYS + len(program.words), np.int64)
        self.trouble = np.zeros(4, np.int64)
        self.table[[TROUBLE, STEPS]] = self.trouble.ctypes.data, 1
        self.own: dict[Array, Any] = {}
        for array, offset in offsets.items():
            piece = self.space[base + offset :][: array.size * array.dtype.itemsize]
            self.own[array] = piece.view(array.dtype).reshape(array.shape)
        self.own.update(plan.constants)
        self.seen_as: dict[Array, list[Array]] = {}
        for array, root in plan.same_memory.items():
            self.seen_as.setdefault(root, []).append(array)
        for root in self.seen_as.keys() & self.own.keys():
            self.own.update((array, _seen(self.own[root], array)) for array in self.seen_as[root])
        self.most = min(MOST, 64)
        step = -(-program.scratch // LINE) * LINE + 4096
        self.scratch = np.empty(step * self.most + LINE, np.uint8)
        self.table[SCRATCH] = self.scratch.ctypes.data + -self.scratch.ctypes.data % LINE
        self.table[SCRATCH_STEP] = step
        for array, value in self.own.items():
            if array in program.words:
                self.table[program.words[array]] = value.ctypes.data
        self.arrays: dict[Array, Any] = {}
        self.rooms: dict[Array, list[Any]] = {}
        self.words = program.words

    def _room(self, array: Array) -> Any:
        """Give memory for a result; that of an earlier one that nobody holds any more is taken.

        The system gives large pieces page by page, and clears each, which takes longer than most
        programs need for it.
        """
        if array.size * array.dtype.itemsize < _LARGE:
            return np.empty(array.shape, array.dtype)
        rooms = self.rooms.setdefault(array, [])
        for k in range(len(rooms)):
            if sys.getrefcount(rooms[k]) == _HELD_HERE:
                return rooms[k][...]
        room = np.empty(array.shape, array.dtype)
        rooms.append(room)
        del rooms[:-_MOST_ROOMS]
        return room[...]

    def put(self, array: Array, value: Any) -> None:
        """Let an array lie where a value lies."""
        self.arrays[array] = value
        if array in self.words:  # what gives several outputs is read by calls alone
            self.table[self.words[array]] = value.ctypes.data
        for other in self.seen_as.get(array, ()):
            self.put(other, _seen(value, other))

    def check(self) -> None:
        """Say what went wrong: which index was out of bounds, that a matrix was singular."""
        if self.trouble[0]:
            raise error_of(*self.trouble.tolist())

    def run(self, program: Program, given: list[Any]) -> Any:
        """Compute the results, in their nesting."""
        from clearprop.compile.machine.threads import call

        plan, table = program.plan, self.table
        arrays, put = self.arrays, self.put
        arrays.update(self.own)
        for leaf, value in zip(program.leaves, given, strict=True):
            if leaf in plan.arrays:
                array = plan.arrays[leaf]
                put(array, np.asarray(value, array.dtype))
        for node, array in program.fresh.items():
            if node not in program.calls or array in self.seen_as:
                put(array, self._room(array))
        self.trouble[0] = 0
        address, at = program.address, table.ctypes.data
        for first, last, calls in program.segments:
            if last > first:
                if first not in program.seconds:
                    self._time(program, first, last)
                else:
                    table[FIRST], table[LAST] = first, last
                    call(address, at, program.threads)
                self.check()
            for node in calls:
                put(plan.arrays[node], program.calls[node](lambda n: arrays[plan.arrays[n]]))
        mine: set[Node] = set()

        def given_out(part: Any) -> Any:
            """Give a result that is the caller's own: nobody else holds its memory."""
            if isinstance(part, JoinedNumber):
                return arrays[plan.arrays[part.node]][part.at]
            if not isinstance(part, Node):
                return part.copy() if isinstance(part, np.ndarray) else part
            fresh = part in program.fresh and part not in mine
            mine.add(part)
            value = arrays[plan.arrays[part]]
            return (value if fresh else value.copy())[()]

        return tree_map(given_out, program.result)

    def _time(self, program: Program, first: int, last: int) -> None:
        """Run the phases one by one, and take the time of each.

        A phase does not change what it reads, so it may run again; but not once a later one has
        run, which may lie where its operands lay.
        """
        from clearprop.compile.machine.threads import call

        for phase in range(first, last):
            self.table[FIRST], self.table[LAST] = phase, phase + 1
            for _ in range(2):  # the first one brings everything into the caches
                before = time.perf_counter()
                call(program.address, self.table.ctypes.data, program.threads)
                program.seconds[phase] = time.perf_counter() - before


def _seen(value: Any, array: Array) -> Any:
    """Give memory as an array of another dtype; one of them is complex."""
    return value.reshape(-1).view(array.dtype).reshape(array.shape)


def _simplified(graph: Graph) -> tuple[list[Node], Any, list[Node], list[list[Node]]]:
    """Give what may be needed of a record, in order, the result, the arguments, those in lists."""
    rebuilt = Rebuilt(graph._tape.nodes)
    in_parts = InParts(rebuilt.nodes)

    def source_of(part: Any) -> Any:
        if not isinstance(part, Tensor):
            return part
        return part.value if part.node is None else in_parts[rebuilt[part.node]]

    result = tree_map(source_of, graph._output)
    leaves, numbers = list(graph.inputs.values()), numbers_of_arguments(graph)
    graph._tape.nodes.clear()  # the arguments know their tape
    graph.nodes, graph._output = (), None
    return in_parts.nodes, result, leaves, numbers


def _rolled_up(
    nodes: list[Node], result: Any, leaves: list[Node], numbers: list[list[Node]] | None
) -> tuple[list[Node], Any, Arguments]:
    """Give what is needed of a graph, rolled up: its nodes, its result, its arguments.

    ``numbers`` are those among the arguments that may come as one array; then so do the numbers of
    the result.
    """
    parts = [part for _, part in tree_leaves(result)]
    # What a mask selects has a shape that was used; its values may not be, yet it is checked.
    selected = set(filter(forms.is_selection, nodes))
    used = needed([*(part for part in parts if isinstance(part, Node)), *selected], {})
    groups = [] if numbers is None else numbers_of_result(result)
    alone = set(range(len(parts))).difference(*groups)
    rolled = rolled_up(
        [node for node in nodes if node in used],
        {parts[k] for k in alone if isinstance(parts[k], Node)} | selected,
        numbers or [],
        [[parts[k] for k in ks] for ks in groups],
    )
    joined = zip(rolled.results, groups, strict=False)  # there are none if the numbers are left
    return rolled.nodes, replaced(result, rolled.new, joined), Arguments(leaves, rolled.arguments)


def _threads_for(plan: Plan) -> int | None:
    """Give 1 where several threads would wait for each other longer than they compute."""
    phases = [[part for part in phase if isinstance(part, Group)] for phase in plan.phases]
    phases = [groups for groups in phases if groups]
    shared = sum(
        cost(work)
        for groups in phases
        for group in groups
        for work in group.works
        if group.shards > 1 or len(groups) > 1
    )
    return 1 if shared < _WORTH_MEETING * len(phases) else None


def _segments(plan: Plan) -> list[tuple[int, int, list[Node]]]:
    """Cut the phases where NumPy calls stand: first and last phase, then the calls."""
    segments = []
    first = 0
    for p, phase in enumerate(plan.phases):
        calls = [part.node for part in phase if isinstance(part, Call)]
        calls = [node for node in calls if plan.arrays[node] not in plan.same_memory]
        if calls:
            segments.append((first, p + 1, calls))
            first = p + 1
    if first < len(plan.phases):
        segments.append((first, len(plan.phases), []))
    return segments


def _needs(program: Program) -> list[tuple[Array, int, int, int]]:
    """Give what lies in the workspace, and in which phases it is needed."""
    from clearprop.compile.machine.layout import read_by

    plan = program.plan
    same = plan.same_memory
    when: dict[Array, list[int]] = {}
    skip = {*plan.constants, *program.fresh.values()}
    skip |= {plan.arrays[leaf] for leaf in program.leaves if leaf in plan.arrays}
    skip |= {plan.arrays[node] for node in program.calls}
    for p, phase in enumerate(plan.phases):
        for part in phase:
            if isinstance(part, Call):
                arrays = [plan.arrays[n] for n in part.node.inputs if n in plan.arrays]
            else:
                assert isinstance(part, Group)
                skip |= set(part.local).union(*(stage.local for stage in part.stages))
                arrays = [*part.outputs(), *(a for work in part.works for a in read_by(work))]
            for array in arrays:
                when.setdefault(same.get(array, array), []).append(p)
    return [
        (array, size_of(array) + LINE, min(p), max(p))
        for array, p in when.items()
        if array not in skip
    ]
