"""Time steps as loops: what was written out step by step becomes one node that runs many steps.

A loop hands on what its steps read of the steps before (carries), reads a row of some arrays in
each, and gives rows where something else reads what was computed in the middle: so the loop of
the backward pass goes through the rows that the forward one has left, the last one first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.compile.bodies import Body, Step
from clearprop.compile.columns import Carried, Loop, Rows, Same, loop_of
from clearprop.compile.forms import is_selection
from clearprop.compile.making import Making, replaced_inputs
from clearprop.compile.repeats import LEAST_STEPS, Repeat, Repeats
from clearprop.compile.rows import STACKED, ByRows
from clearprop.equivalence import needed
from clearprop.graph import Node
from clearprop.kinds import OPAQUE, Elementwise
from clearprop.plumbing import PROJECTION
from clearprop.primitive import Primitive
from clearprop.rules.indexing import getitem, setitem, unindex
from clearprop.rules.shape import concatenate, copy, reshape, transpose

LEAST = 600  # nodes that a loop has to save
_FEWER = 2  # times fewer nodes than before, or the graph is left
_LARGE = 1 << 15  # bytes of an array that does not stay in a core's first cache
_TOGETHER = 32  # operations on its elements that are done at once
_FEW_APART = 4  # rows beside those of another loop: of steps at its ends
_MOST_COPIED = 1 << 18  # bytes of what lies apart and is put together for the steps


def _run(*_operands: Any, body: Body) -> Any:
    raise AssertionError(f"{body.count} steps are a program of their own")


#: A loop: its outputs are what the last step hands on, then the rows that are asked for.
LOOP = Primitive(_run, name="loop", symbol="loop", kind=OPAQUE, outputs=2)


def looped(nodes: list[Node], outputs: set[Node]) -> tuple[list[Node], dict[Node, Node]]:
    """Roll up the time steps of a graph, where there are many.

    Parameters
    ----------
    nodes : list of Node
        In order.
    outputs : set of Node
        What must be there afterwards.

    Returns
    -------
    nodes : list of Node
        In order: those that were given, where there are no such steps.
    new : dict of Node to Node
        What now computes each of the outputs.
    """
    same = {node: node for node in outputs}
    if len(nodes) < LEAST:
        return nodes, same
    moves = any(node.primitive in (setitem, unindex) for node in nodes)
    for is_followed in (True, False) if moves else (False,):
        by_rows = ByRows(nodes, outputs, is_followed)
        found = None if by_rows.is_long else _rolled(by_rows, outputs)
        if found is not None and len(found[0]) * _FEWER <= len(nodes):
            return found
    return nodes, same


def _rolled(by_rows: ByRows, outputs: set[Node]) -> tuple[list[Node], dict[Node, Node]] | None:
    """Roll up the loops that there are; None where there are none, or they are not worth it."""
    asked = {node: by_rows[node] for node in outputs}
    used = needed([*asked.values(), *filter(is_selection, by_rows.nodes)], {})
    nodes = [node for node in by_rows.nodes if node in used]
    number = {node: k for k, node in enumerate(nodes)}
    loops = _loops(nodes, number)
    if not loops:
        return None
    try:
        made = _Made(nodes, number, loops, set(asked.values()))
    except _RefusedError:
        return None
    new = {node: made.value(part) for node, part in asked.items()}
    used = needed([*new.values(), *filter(is_selection, made.nodes)], {})
    return [node for node in made.nodes if node in used], new


def _loops(nodes: list[Node], number: dict[Node, int]) -> list[Loop]:
    """Find the loops of a graph, in order."""
    repeats = Repeats(nodes, number)
    found: list[Loop] = []
    waiting = [(0, len(nodes))]
    while waiting:
        first, last = waiting.pop()
        if last - first < LEAST:
            continue
        repeat = repeats.longest(first, last)
        if repeat is None:
            continue
        several = _several(nodes, repeat)
        once = repeat.period
        repeat = Repeat(repeat.first, once * several, repeat.count // several)
        loop = loop_of(nodes, number, repeat)
        if loop is not None and loop.count * loop.period - once >= LEAST:
            found.append(loop)
            waiting += [(first, loop.first), (loop.last, last)]
        else:
            waiting += [(first, repeat.first), (repeat.last, last)]
    return sorted(found, key=lambda loop: loop.first)


def _several(nodes: list[Node], repeat: Repeat) -> int:
    """Give how many steps are one step of the loop.

    What goes through large arrays element by element would wait for memory in every step; so
    several steps are done to an element while it is in a register.
    """
    members = nodes[repeat.first : repeat.first + repeat.period]
    kinds = [None if node.primitive is None else node.primitive.kind for node in members]
    large = any(math.prod(m.shape) * m.dtype.itemsize >= _LARGE for m in members if m.primitive)
    if not (large and all(isinstance(kind, Elementwise) for kind in kinds)):
        return 1
    return max(min(_TOGETHER // repeat.period, repeat.count // LEAST_STEPS), 1)


class _RefusedError(Exception):
    """More would be copied for the steps than it is worth, or what is read of them is no array."""


class _Made(Making):
    """The graph with loops in the place of steps.

    Attributes
    ----------
    nodes : list of Node
        In order.
    """

    def __init__(
        self, nodes: list[Node], number: dict[Node, int], loops: list[Loop], outputs: set[Node]
    ) -> None:
        self.nodes = []
        self._new: dict[Node, Node] = {}
        self._turns: dict[tuple[Node, int], Node] = {}
        self._copied = 0
        self._step: dict[Node, tuple[Loop, int, int]] = {}  # which node of which step it is
        for loop in loops:
            for k, node in enumerate(nodes[loop.first : loop.last]):
                self._step[node] = loop, *divmod(k, loop.period)
        self._loops = {id(loop): _Outputs(loop) for loop in loops}
        starts = {nodes[loop.first]: loop for loop in loops}
        for value in self._read_outside(nodes, loops, outputs):
            self._ask(value)
        for node in nodes:
            if node in starts:
                self._roll(starts[node])
            elif node not in self._step:
                self._new[node] = self._rebuilt(node)

    # ---- what is read of the steps ---------------------------------------------------------------

    def _read_outside(
        self, nodes: list[Node], loops: list[Loop], outputs: set[Node]
    ) -> Iterable[Any]:
        yield from outputs
        for node in nodes:
            if node not in self._step:
                yield from node.inputs
        for loop in loops:
            for columns in loop.columns:
                for column in columns:
                    if isinstance(column, Carried):
                        yield from column.start
                    elif isinstance(column, Rows):
                        yield from column.values
                    elif isinstance(column, Same):
                        yield column.value

    def _ask(self, value: Any) -> None:
        if isinstance(value, Node) and value in self._step:
            loop, step, position = self._step[value]
            if isinstance(value.dtype, tuple):
                raise _RefusedError
            asked = self._loops[id(loop)]
            (asked.last if step == loop.count - 1 else asked.rows).setdefault(position)

    def value(self, node: Node) -> Node:
        """Give the node that computes a node of the old graph."""
        if node not in self._new:
            loop, step, position = self._step[node]
            asked = self._loops[id(loop)]
            if position in asked.rows:
                stack = asked.stack[position]
                made = self._made(
                    getitem, [stack], node.shape, node.dtype, node, {"index": (step,)}
                )
            else:
                made = asked.final[position]
            self._new[node] = made
        return self._new[node]

    # ---- nodes -----------------------------------------------------------------------------------

    def _rebuilt(self, node: Node) -> Node:
        if node.primitive is STACKED:
            parts = [v if n is None else n for n, v in zip(node.inputs, node.operands, strict=True)]
            return self._array(self._stacked(parts, node.shape[1:], node.dtype, node), node)
        if node.primitive is concatenate and (steps := self._steps_of(node)):
            return self._joined(node, steps)
        operands, is_other = replaced_inputs(node, self.value)
        if not is_other:
            self.nodes.append(node)
            return node
        return self._made(node.primitive, operands, node.shape, node.dtype, node, node.attributes)

    def _steps_of(self, node: Node) -> list[Node] | None:
        """Give what is joined along a new axis, where each is what a step of a loop computes."""
        found: list[Node] = []
        for part in node.inputs:
            source = part.inputs[0] if part is not None and part.primitive is reshape else None
            if source is None or source.dtype != node.dtype:
                return None
            found.append(source)
        axis = node.attributes["axis"] % len(node.shape)
        rest = node.shape[:axis] + node.shape[axis + 1 :]
        if len(found) != node.shape[axis] or any(part.shape != rest for part in found):
            return None
        others = sum(part not in self._step for part in found)
        return found if others <= _FEW_APART and len(found) >= others + LEAST_STEPS else None

    def _joined(self, node: Node, steps: list[Node]) -> Node:
        """Join what steps computed along a new axis: rows of one array, which is then turned."""
        axis = node.attributes["axis"] % len(node.shape)
        rows = self._array(self._stacked(steps, steps[0].shape, node.dtype, node), node)
        if not axis:
            return rows
        axes = (*range(1, axis + 1), 0, *range(axis + 1, len(node.shape)))
        return self._made(transpose, [rows], node.shape, node.dtype, node, {"axes": axes})

    def _array(self, value: Any, like: Node) -> Node:
        if isinstance(value, Node):
            return value
        return self._made(copy, [value], value.shape, value.dtype, like)

    def _stacked(self, values: list[Any], shape: Any, dtype: Any, like: Node) -> Any:
        """Put values into the rows of one array: a node, or constants."""
        parts: list[Any] = []
        rows = [self._row(value) for value in values]
        apart = sum(array is not None and row is None for array, row in rows)
        if apart > _FEW_APART:
            self._copied += apart * math.prod(shape) * dtype.itemsize
        for places in _runs(rows):
            array, first = places[0]
            if array is None:
                parts.append(np.array([value for _, value in places], dtype))
            elif first is None:
                given = {"shape": (1, *shape)}
                parts.append(self._made(reshape, [array], (1, *shape), dtype, like, given))
            else:
                parts.append(self._slice(array, [k for _, k in places], like))
        if self._copied > _MOST_COPIED:
            raise _RefusedError
        if len(parts) == 1:
            return parts[0]
        return self._made(concatenate, parts, (len(values), *shape), dtype, like, {"axis": 0})

    def _row(self, value: Any) -> tuple[Any, Any]:
        """Give of which array something is a row: None for constants, no row for a whole one."""
        if not isinstance(value, Node):
            return None, value
        if value in self._step and value not in self._new:
            loop, step, position = self._step[value]
            asked = self._loops[id(loop)]
            if position in asked.rows:
                return asked.stack[position], step
        new = self.value(value)
        index = new.attributes.get("index", ())
        source = new.inputs[0] if new.inputs else None
        numbers = [axis for axis, part in enumerate(index) if part != slice(None)]
        if new.primitive is not getitem or source is None or len(numbers) != 1:
            return new, None
        (axis,) = numbers
        if type(index[axis]) is not int:
            return new, None
        return self._turned(source, axis), index[axis] % source.shape[axis]

    def _turned(self, array: Node, axis: int) -> Node:
        """Give an array whose first axis is another one: its rows are then those of the steps."""
        if not axis:
            return array
        key = array, axis
        if key not in self._turns:
            axes = (axis, *(k for k in range(len(array.shape)) if k != axis))
            shape = tuple(array.shape[k] for k in axes)
            self._turns[key] = self._made(
                transpose, [array], shape, array.dtype, array, {"axes": axes}
            )
        return self._turns[key]

    def _slice(self, array: Node, rows: list[int], like: Node) -> Node:
        step = rows[1] - rows[0] if len(rows) > 1 else 1
        if step == 1 and len(rows) == array.shape[0]:
            return array
        stop: Any = rows[-1] + (1 if step > 0 else -1)
        index = (slice(rows[0], stop if stop >= 0 else None, step),)
        shape = (len(rows), *array.shape[1:])
        return self._made(getitem, [array], shape, array.dtype, like, {"index": index})

    # ---- loops -----------------------------------------------------------------------------------

    def _roll(self, loop: Loop) -> None:
        asked = self._loops[id(loop)]
        step = Step(loop)
        finals = {position: step.final(position) for position in asked.last}
        for position in asked.rows:
            step.given(position)
        operands = [
            *(self._operand(value) for value in step.starts),
            *(self._stacked(c.values, c.shape, c.dtype, m) for c, m in step.rows),
            *(self._operand(value) for value in step.same),
        ]
        body = step.body()
        outputs = [*body.carried, *body.given]
        shapes = [n.shape for n in body.carried] + [(loop.count, *n.shape) for n in body.given]
        dtypes = tuple(n.dtype for n in outputs)
        like = loop.members[-1]
        made = self._made(LOOP, operands, tuple(shapes), dtypes, like, {"body": body})

        def part(i: int) -> Node:
            return self._made(PROJECTION, [made], shapes[i], dtypes[i], like, {"i": i})

        for k, position in enumerate(asked.rows):
            asked.stack[position] = part(len(body.carried) + k)
        for position, i in finals.items():
            if position not in asked.rows:
                asked.final[position] = part(i)

    def _operand(self, value: Any) -> Any:
        return self.value(value) if isinstance(value, Node) else value


class _Outputs:
    """What is asked of a loop: nodes of the last step, and of any step; and where they are."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.last: dict[int, None] = {}
        self.rows: dict[int, None] = {}
        self.final: dict[int, Node] = {}
        self.stack: dict[int, Node] = {}


def _runs(places: list[tuple[Any, Any]]) -> Iterable[list[tuple[Any, Any]]]:
    """Cut rows where another array begins, or a row does not follow at the same distance."""
    found: list[tuple[Any, Any]] = []
    for array, row in places:
        follows = bool(found) and array is found[-1][0]
        if follows and array is not None:
            follows = row is not None and row != found[-1][1]
            if follows and len(found) > 1:
                follows = row - found[-1][1] == found[-1][1] - found[-2][1]
        if found and not follows:
            yield found
            found = []
        found.append((array, row))
    if found:
        yield found
