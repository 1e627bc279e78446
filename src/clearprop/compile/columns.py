"""What the steps of a loop read: of their own, of the step before, the same, or a row for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.elements import computation_dtype
from clearprop.compile.repeats import INDEXED, LEAST_STEPS, Repeat, is_number
from clearprop.graph import Node, TracedLeaf
from clearprop.rules.indexing import Slot

_MOST_BACK = 4  # steps between what is computed and where it is read
_ALL = slice(None)


@dataclass
class Own:
    """What the same step has computed: which of its nodes."""

    position: int


@dataclass
class Carried:
    """What an earlier step has computed, and what stands for it in the first ones.

    Attributes
    ----------
    position : int
        Which of its nodes.
    start : list
        What the first steps read: as many nodes or constants as it is steps ago.
    """

    position: int
    start: list[Any]


@dataclass
class Same:
    """A node or a constant that is the same in all steps."""

    value: Any


@dataclass
class Rows:
    """What is another in each step: nodes from outside, or constants."""

    values: list[Any]
    shape: tuple[int, ...]
    dtype: Any


@dataclass
class Loop:
    """Steps that do the same.

    Attributes
    ----------
    first, period, count : int
        The number of the first node, how many nodes a step has, and how many steps there are.
    members : list of Node
        The nodes of one step.
    columns : list of lists
        What each of them reads.
    attributes : list of dict
        Those of the members; an index that goes with the step is read from rows.
    """

    first: int
    period: int
    count: int
    members: list[Node]
    columns: list[list[Own | Carried | Same | Rows]] = field(default_factory=list)
    attributes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The number of the node after it."""
        return self.first + self.period * self.count


class _UnevenError(Exception):
    """Some steps are unlike the others: which ones, or None for all."""

    def __init__(self, steps: list[int] | None = None) -> None:
        self.steps = steps


def loop_of(nodes: list[Node], number: dict[Node, int], repeat: Repeat) -> Loop | None:
    """Give the longest loop inside a stretch that repeats itself; None if there is none.

    What its steps read must be one of what this module knows, in all of them. Steps at both ends
    that read something else stay outside.
    """
    found = _Reads(nodes, number, repeat)
    first, last = 0, repeat.count
    while last - first >= LEAST_STEPS:
        middle = (first + last) // 2
        try:
            wrong = found.wrong(first, last)
            if not wrong:
                return found.loop(first, last)
        except _UnevenError as error:
            if error.steps is None:
                return None
            wrong = error.steps
        first = max([first, *(k + 1 for k in wrong if k <= middle)])
        last = min([last, *(k for k in wrong if k > middle)])
    return None


class _Reads:
    """The numbers of the nodes that are read, for each place of a step; -1 for constants."""

    def __init__(self, nodes: list[Node], number: dict[Node, int], repeat: Repeat) -> None:
        self.nodes = nodes
        self.start, self.period = repeat.first, repeat.period
        self.columns: list[list[Any]] = []
        for j in range(repeat.period):
            members = nodes[repeat.first + j : repeat.last : repeat.period]
            rows = zip(*(member.inputs for member in members), strict=True)
            self.columns.append(
                [np.array([-1 if n is None else number[n] for n in row]) for row in rows]
            )

    def _distance(self, column: Any, first: int, last: int) -> int | None:
        """Give how far before the step stands what is read of the loop itself; None elsewhere."""
        middle, begin = (first + last) // 2, self.start + first * self.period
        moves = column[middle + 1] - column[middle] == self.period
        if column[middle] < begin or not moves:
            return None
        return int(self.start + middle * self.period - column[middle])

    def wrong(self, first: int, last: int) -> list[int]:
        """Find the steps of a range that do not read what the one in the middle reads."""
        period, begin = self.period, self.start + first * self.period
        starts = np.arange(begin, self.start + last * period, period)
        found: set[int] = set()
        for columns in self.columns:
            for column in columns:
                some = column[first:last]
                distance = self._distance(column, first, last)
                wrong = some >= begin
                if distance is not None:
                    back = _back(distance, period)
                    if back > _MOST_BACK:
                        raise _UnevenError
                    wrong[back:] = some[back:] != starts[back:] - distance
                found.update((np.flatnonzero(wrong) + first).tolist())
        return sorted(found)

    def loop(self, first: int, last: int) -> Loop:
        """Make the loop of the steps of a range."""
        begin, count = self.start + first * self.period, last - first
        members = self.nodes[begin : begin + self.period]
        loop = Loop(begin, self.period, count, members)
        for j, columns in enumerate(self.columns):
            steps = self.nodes[begin + j : loop.last : self.period]
            reads: list[Own | Carried | Same | Rows] = []
            for k, column in enumerate(columns):
                distance = self._distance(column, first, last)
                if distance is None:
                    reads.append(_outside(steps, k, first))
                    continue
                back = _back(distance, self.period)
                position = back * self.period - distance
                if not back:
                    reads.append(Own(position))
                    continue
                like = members[position]
                if _has_several(like):
                    raise _UnevenError
                start = [_read(step, k) for step in steps[:back]]
                _check(steps, k, start, like.shape, like.dtype, first)
                start = [_constant(value, like.dtype) for value in start]
                reads.append(Carried(position, start))
            attributes, rows = _index_of(steps)
            loop.columns.append([*reads, *rows])
            loop.attributes.append(attributes)
        return loop


def _back(distance: int, period: int) -> int:
    """Give how many steps ago something was computed that stands so far before the step."""
    return max(-(-distance // period), 0)


def _read(node: Node, k: int) -> Any:
    source = node.inputs[k]
    return node.operands[k] if source is None else source


def _has_several(value: Any) -> bool:
    """Whether a node has several outputs: such a one is no array."""
    return isinstance(value, Node) and isinstance(value.dtype, tuple)


def _constant(value: Any, dtype: Any) -> Any:
    return value if isinstance(value, Node) else np.asarray(value, dtype)


def _outside(steps: list[Node], k: int, first: int) -> Same | Rows:
    """Tell what comes from outside: it is the same in all steps, or has a row for each."""
    values = [_read(step, k) for step in steps]
    if any(map(_has_several, values)):
        raise _UnevenError
    if all(value is values[0] for value in values):
        return Same(values[0])
    if not any(isinstance(value, Node) for value in values):
        key = _key(values[0])
        if all(_key(value) == key for value in values):
            return Same(values[0])
    typed = [value for value in values if not _is_weak(value) and hasattr(value, "dtype")]
    if typed:
        like = typed[len(typed) // 2]
        shape, dtype = like.shape, like.dtype
    else:
        shape, dtype = (), computation_dtype(steps[0])
    _check(steps, k, values, shape, dtype, first)
    return Rows([_constant(value, dtype) for value in values], shape, dtype)


def _key(value: Any) -> Any:
    """Give by what constants are told apart."""
    if isinstance(value, np.ndarray | np.generic):
        return type(value), value.dtype.str, value.shape, value.tobytes()
    return type(value), repr(value)


def _is_weak(value: Any) -> bool:
    """Whether a value is a Python number, which takes the dtype of what it meets."""
    return type(value) in (int, float) or (isinstance(value, TracedLeaf) and value.weak is not None)


def _check(
    steps: list[Node], k: int, values: list[Any], shape: Any, dtype: Any, first: int
) -> None:
    """Check that values can be rows of one array.

    Raises
    ------
    _UnevenError
        With the steps whose values cannot.
    """
    wrong = []
    for number, (step, value) in enumerate(zip(steps, values, strict=False), first):
        assert step.primitive is not None
        if _is_weak(value):
            is_number = isinstance(step.primitive.kind, kinds.Elementwise) and shape == ()
            fits = is_number and step.dtype == dtype and dtype.kind == "f"
            fits = fits and not (isinstance(value, Node) and value.dtype != dtype)
        else:
            fits = getattr(value, "shape", None) == shape and value.dtype == dtype
        if not fits:
            wrong.append(number)
    if wrong:
        raise _UnevenError(wrong)


def _index_of(steps: list[Node]) -> tuple[dict[str, Any], list[Rows]]:
    """Give the attributes of a member; where its index goes with the step, as rows of numbers."""
    attributes = steps[0].attributes
    if steps[0].primitive not in INDEXED:
        return attributes, []
    indices = [step.attributes["index"] for step in steps]
    if all(repr(index) == repr(indices[0]) for index in indices):
        return attributes, []
    parts = list(indices[0])
    shape = _indexed_shape(steps[0])
    slots = sum(isinstance(part, Slot) for part in parts)
    rows: list[Rows] = []
    for at, found in enumerate(zip(*indices, strict=True)):
        if all(repr(part) == repr(found[0]) for part in found):
            continue
        if is_number(found[0]):
            numbers = np.array([int(part) for part in found])
        elif all(part == _ALL or part is Ellipsis for k, part in enumerate(parts) if k != at):
            places = [np.arange(shape[at])[part] for part in found]
            if Ellipsis in parts[:at] or len({len(place) for place in places}) > 1:
                raise _UnevenError
            numbers = np.array(places)
        else:  # an array among the others would put its axis elsewhere
            raise _UnevenError
        parts[at] = Slot(slots + len(rows))
        rows.append(Rows(list(numbers), numbers.shape[1:], numbers.dtype))
    return {**attributes, "index": tuple(parts)}, rows


def _indexed_shape(node: Node) -> tuple[int, ...]:
    """Give the shape of what is indexed."""
    if "shape" in node.attributes:
        shape: tuple[int, ...] = node.attributes["shape"]
        return shape
    source = node.inputs[0]
    return np.shape(node.operands[0]) if source is None else source.shape
