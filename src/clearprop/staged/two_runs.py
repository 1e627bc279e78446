"""The record that a program is made of: taken twice, so that what varies is not built in silently.

A program (`source`, `compile`) is made from one run of the function. Whatever that run computed
outside the record becomes a constant of the program: a branch on a plain number, a random draw,
the time. So the function is run twice, with other numbers of the same shapes and dtypes in the
second run, at another time and from where the random generators stand by then. The second record
is compared with the first while it is made, and is left at the first difference.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from clearprop.explain.watching import new_tape, unwatched
from clearprop.graph import Node, Tape, TracedNode
from clearprop.kinds import Gather
from clearprop.places import here
from clearprop.staged.differences import Difference, refused
from clearprop.staged.reading import is_staging
from clearprop.tensor import Tensor
from clearprop.tracing import Graph, trace_on
from clearprop.trees import tree_leaves, tree_map


def staged(
    f: Callable[..., Any], args: Any, kwargs: dict[str, Any], *, is_compiled: bool = False
) -> Graph:
    """Trace a function for a program; refuse it where a second run leaves another record.

    The second run gets other numbers. If it raises, or selects another number of elements, numbers
    that are less and less different are tried, at last the same; what no run can show is let pass.

    Raises
    ------
    StagingError
        If what the function computes is not fixed by one run of it.
    """
    before = _generators()
    tape = new_tape(keep=True)
    assert tape is not None
    tape.is_staged = True
    tape.is_compiled = is_compiled
    tape.is_lean = is_compiled and type(tape.nodes) is list  # else each value is looked at
    token = is_staging.set(True)
    try:
        return _checked(tape, f, args, kwargs, before)
    finally:
        is_staging.reset(token)


def _checked(
    tape: Tape, f: Callable[..., Any], args: Any, kwargs: dict[str, Any], before: Any
) -> Graph:
    try:
        graph = trace_on(tape, f, args, kwargs)
    finally:
        if tape.refusal is not None:  # caught by an `except` inside, which may hide it in an error
            raise tape.refusal from None
    if tape.is_lean:
        graph.forget()
    after: Any = _generators()
    if before[1] == after[1] and _same(before[0], after[0]):
        after = None  # nothing was drawn, so that nothing need be put back
    difference = None
    for other in _others(args):
        try:
            difference = _run_again(graph, f, other, kwargs, after)
        except _Unlike:
            continue
        except (Exception, SystemExit):  # these numbers are not for f: a domain, an assert, an exit
            continue
        break
    if difference is not None:
        raise refused(graph, difference, _cause(graph, f, args, kwargs, before, after))
    return graph


# ---- the second run --------------------------------------------------------------------------


class _Stop(BaseException):  # so that no `except Exception` of the user's stops it
    """The second run has shown a difference."""


class _Unlike(BaseException):
    """The second run selects another number of elements, so that all that follows may differ."""


class _Comparing(list[Node]):
    """The nodes of the second run: each is compared with that of the first, and not kept."""

    def __init__(self, first: tuple[Node, ...]) -> None:
        super().__init__()
        self.first = first
        self.ours = {node.index: i for i, node in enumerate(first)}
        self.theirs: dict[int, int] = {}
        self.twins: dict[int, Node] = {}  # the same without a step between: it is asked often
        self.difference: Difference | None = None

    def append(self, node: Node) -> None:
        position = len(self.theirs)
        self.theirs[node.index] = position
        if position < len(self.first):
            self.twins[node.index] = self.first[position]
        if self.difference is None:  # else a bare `except` has caught us
            self.difference = self._difference(position, node)
        if self.difference is not None:
            assert isinstance(node, TracedNode)
            node.place = here()
            raise _Stop

    def _difference(self, position: int, node: Node) -> Difference | None:
        if position >= len(self.first):
            return Difference(position, node, "operation")
        first = self.first[position]
        inputs = first.inputs
        if first.primitive is not node.primitive or not self._reads_the_same(inputs, node.inputs):
            return Difference(position, node, "operation")
        if (first.attributes or node.attributes) and not _same(first.attributes, node.attributes):
            return Difference(position, node, "operation")
        if None in inputs:
            for operand, source in enumerate(inputs):
                if source is None:
                    a, b = first.operands[operand], node.operands[operand]
                    if not _same(a, b):
                        return Difference(position, node, "constant", operand, (a, b))
        if first.shape != node.shape or first.dtype != node.dtype:
            if _selects(node):
                raise _Unlike
            return Difference(position, node, "operation")
        return None

    def _reads_the_same(
        self, first: tuple[Node | None, ...], then: tuple[Node | None, ...]
    ) -> bool:
        if len(first) != len(then):
            return False
        twins = self.twins
        for a, b in zip(first, then, strict=True):
            twin = None if b is None else twins.get(b.index)
            if twin is not a and (twin is not None or (a is not None and a.index in self.ours)):
                return False
        return True


def _selects(node: Node) -> bool:
    """Whether the shape of the result depends on values: of a mask, or of what is not 0."""
    assert node.primitive is not None
    is_gather = isinstance(node.primitive.kind, Gather)
    operands = zip(node.inputs[1:], node.operands[1:], strict=True)
    dtypes = [np.asarray(v).dtype if source is None else source.dtype for source, v in operands]
    return node.primitive.name == "argwhere" or (
        is_gather and any(dtype.kind == "b" for dtype in dtypes)
    )


def _run_again(
    graph: Graph, f: Callable[..., Any], args: Any, kwargs: dict[str, Any], after: Any
) -> Difference | None:
    nodes = _Comparing(graph.nodes)
    tape = Tape()
    tape.nodes = nodes
    tape.is_staged = True
    tape.is_compiled, tape.is_lean = graph._tape.is_compiled, graph._tape.is_lean
    tape.has_places = False  # only the place of a difference is asked for
    try:
        with unwatched(), np.errstate(all="ignore"):
            again = trace_on(tape, f, args, kwargs)
    except _Stop:
        return nodes.difference
    finally:
        _put_back(after)
    if nodes.difference is not None:
        return nodes.difference
    if len(nodes.theirs) < len(graph.nodes):
        return Difference(len(nodes.theirs), None, "operation")
    return _difference_of_results(graph, again, nodes)


def _cause(
    graph: Graph, f: Callable[..., Any], args: Any, kwargs: dict[str, Any], before: Any, after: Any
) -> str:
    """Find out what the difference comes from, by running again with less of it."""
    try:
        with _drawing_from(before if after is not None else None, after):
            if _run_again(graph, f, args, kwargs, after) is not None:
                return "time"  # nothing else was different
        if _run_again(graph, f, args, kwargs, after) is not None:
            return "draw"
    except (Exception, SystemExit, _Unlike):
        return "value"
    return "value"


def _difference_of_results(graph: Graph, again: Graph, nodes: _Comparing) -> Difference | None:
    pairs = [tree_leaves(result) for result in (graph._output, again._output)]
    names = [[name for name, _ in leaves] for leaves in pairs]
    if names[0] != names[1]:
        return Difference(len(graph.nodes), None, "result")
    for i, ((_, a), (_, b)) in enumerate(zip(*pairs, strict=True)):
        places = [
            positions.get(part.node.index)
            if isinstance(part, Tensor) and part.node is not None
            else None
            for part, positions in ((a, nodes.ours), (b, nodes.theirs))
        ]
        plain = [part.value if isinstance(part, Tensor) else part for part in (a, b)]
        if places[0] != places[1] or (places[0] is None and not _same(*plain)):
            return Difference(len(graph.nodes), None, "result", i, tuple(plain))
    return None


_ARRAYS = (np.ndarray, np.generic)


def _same(a: Any, b: Any) -> bool:
    """Whether two constants are one, to the bit; NaN is NaN."""
    if a is b or (type(a) is type(b) and type(a) in (int, float) and a and a == b):
        return True
    if isinstance(a, _ARRAYS) and isinstance(b, _ARRAYS):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        return a.dtype.kind == "O" or a.tobytes() == b.tobytes() or _same_numbers(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_same, a, b))
    equality: Any = type(a).__eq__
    if equality is object.__eq__:
        return True  # an object of the user's: it is no number, and has no equality
    try:
        return bool(a == b) or repr(a) == repr(b)  # NaN
    except Exception:
        return True


def _same_numbers(a: Any, b: Any) -> bool:
    if a.dtype.kind != "f":
        return False
    both = np.isnan(a) & np.isnan(b)  # whatever their bits
    return bool(np.all(both | ((a == b) & (np.signbit(a) == np.signbit(b)))))


# ---- other numbers, other states -------------------------------------------------------------


def _others(args: Any) -> Iterator[Any]:
    """Give other arguments of the same shapes and dtypes: quite others first, the same at last."""
    for change in (_drawn, _rolled, _scaled, _nudged):
        rng = np.random.default_rng(0)
        yield tree_map(lambda value, change=change, rng=rng: _changed(value, change, rng), args)
    yield args


def _changed(value: Any, change: Callable[..., Any], rng: np.random.Generator) -> Any:
    if isinstance(value, Tensor):
        value = value.value
    if isinstance(value, np.ma.MaskedArray):
        return value
    with np.errstate(all="ignore"):
        if type(value) is float:
            return float(change(np.float64(value), rng))
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
            return np.asarray(change(value, rng), value.dtype)[()]
    return value


_MOST_DRAWN = 4099  # a large array has the same numbers again and again: it is only to be another
_HUGE = 1 << 18  # elements of an array that is not even to be written out


def _like(x: Any, draw: Callable[[int], Any]) -> Any:
    """Draw numbers for an array, in its shape and dtype."""
    return np.resize(draw(min(np.size(x), _MOST_DRAWN)).astype(x.dtype), np.shape(x))


def _drawn(x: Any, rng: np.random.Generator) -> Any:
    """Other numbers of the same size, of either sign."""
    some = x.reshape(-1)[:: x.size // _MOST_DRAWN] if np.size(x) > _HUGE else x
    top = float(np.max(np.abs(some), initial=0.0, where=np.isfinite(some)))
    if np.size(x) <= _HUGE:
        return _like(x, rng.standard_normal) * x.dtype.type(top or 1.0)
    row = rng.standard_normal(sum(x.shape)).astype(x.dtype) * x.dtype.type(top or 1.0)
    row.flags.writeable = False  # else its record would keep a copy
    steps = (row.itemsize,) * x.ndim  # each row is the one before, shifted by one element
    return np.lib.stride_tricks.as_strided(row, x.shape, steps, writeable=False)


def _rolled(x: Any, rng: np.random.Generator) -> Any:
    """The same rows in another order: each is as good as it was, a label or a probability."""
    return np.roll(x, 1, axis=0) if np.ndim(x) else _scaled(x, rng)


def _scaled(x: Any, rng: np.random.Generator) -> Any:
    """The same numbers but for a tenth, each with its sign."""
    return x * _like(x, lambda n: rng.uniform(0.9, 1.1, n))


def _nudged(x: Any, rng: np.random.Generator) -> Any:
    """The same numbers but for their last digits."""
    step = 4 * np.finfo(x.dtype).eps
    return x * _like(x, lambda n: rng.choice([1 - step, 1 + step], n))


def _generators() -> tuple[Any, Any]:
    """Give where the random generators stand that all share: NumPy's and Python's."""
    return np.random.get_state(), random.getstate()  # noqa: NPY002 (it is the one to be looked at)


def _put_back(state: tuple[Any, Any] | None) -> None:
    """Let the random generators stand where they stood, if anything is drawn at all."""
    if state is not None:
        np.random.set_state(state[0])  # noqa: NPY002
        random.setstate(state[1])


@contextmanager
def _drawing_from(before: Any, after: Any) -> Iterator[None]:
    _put_back(before)
    try:
        yield
    finally:
        _put_back(after)
