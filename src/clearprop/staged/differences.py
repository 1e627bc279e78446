"""What differs between two runs of a function, and the error that says so."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import StagingError
from clearprop.graph import Node
from clearprop.places import line_of, operand_texts
from clearprop.tracing import Graph


class Difference:
    """Where the records part: a node of the first run, and what is different there.

    Attributes
    ----------
    position : int
        Of the node in the first record; its length for the result.
    other : Node or None
        The node of the second run, where there is one.
    what : str
        ``operation``, ``constant`` or ``result``.
    operand : int
        Which operand, or which part of the result.
    values : tuple
        The two constants.
    """

    def __init__(
        self, position: int, other: Node | None, what: str, operand: int = 0, values: Any = ()
    ) -> None:
        self.position = position
        self.other = other
        self.what = what
        self.operand = operand
        self.values = values


_CLOCKS = {"time", "perf_counter", "monotonic", "time_ns", "now", "utcnow", "today", "datetime"}


def refused(graph: Graph, found: Difference, cause: str) -> StagingError:
    """Make the error for a difference that comes from a ``value``, a ``draw`` or the ``time``."""
    node = graph.nodes[found.position] if found.position < len(graph.nodes) else None
    at = found.other if node is None else node
    line = None if at is None else line_of(at.place)
    where = None if line is None else str(line)
    what = _what(graph, found, node)
    if cause == "value":
        return StagingError(
            what,
            where=where,
            why="It was computed from the value of an argument outside the record (by .value, or "
            "by plain Python), so that the program would have what it was in one run, whatever "
            "the arguments of later calls.",
            write=_recorded_form(found),
        )
    names = {name for code, _ in (at.place if at is not None else ()) for name in code.co_names}
    if cause == "time" and names & _CLOCKS:
        return StagingError(
            what,
            where=where,
            why="It comes from the clock: the program would have the time at which it was made.",
            write="def f(x, now): …, with the time as an argument.",
        )
    return StagingError(
        what,
        where=where,
        why="It is a random draw"
        + (" (or something else that changes by itself)" if cause == "time" else "")
        + ": the program would have the numbers of one run in every call.",
        write="def f(x, noise): …, with what is drawn as an argument: "
        "f(x, rng.normal(size=x.shape)).",
    )


def _what(graph: Graph, found: Difference, node: Node | None) -> str:
    twice = f"Two runs of {graph.name} leave different records:"
    if found.what == "constant":
        assert node is not None
        a, b = found.values
        text = f"{_operand(node, found.operand)} in {node.operation}"
        return f"{twice} {text} is {_shown(a)} in one and {_shown(b)} in the other."
    if found.what == "result":
        values = found.values
        shown = (
            f" {_shown(values[0])} in one and {_shown(values[1])} in the other" if values else ""
        )
        return f"{twice} the result is{shown or ' nested differently'}, and is not recorded."
    here = "ends" if node is None else f"goes on with {node.operation} {_of(node)}"
    there = "ends" if found.other is None else f"with {found.other.operation} {_of(found.other)}"
    return f"{twice} one {here}, the other {there}."


def _of(node: Node) -> str:
    line = line_of(node.place)
    return f"{node.shape}" + ("" if line is None else f" in line {line.number}")


def _operand(node: Node, position: int) -> str:
    assert node.primitive is not None
    names = {node.primitive.name, getattr(node.primitive.numpy, "__name__", "")}
    texts = operand_texts(node.place, names, len(node.inputs))
    return texts[position] if texts else f"operand {position + 1}"


def _shown(value: Any) -> str:
    if np.ndim(value) == 0:
        return f"{value}"
    flat = np.asarray(value)
    if flat.size <= 6:
        return np.array2string(flat, separator=", ", precision=4).replace("\n", "")
    return f"an array of shape {flat.shape}, {flat.dtype}"


def _recorded_form(found: Difference) -> str:
    kinds = {
        np.asarray(v).dtype.kind
        for v in found.values
        if isinstance(v, np.ndarray | np.generic | bool)
    }
    if found.what == "operation":
        return "np.where(condition, a, b) of the values themselves, which computes both branches."
    if kinds == {"b"}:
        return "the mask from the value itself, x > 0 without .value: it is recorded as a constant."
    return "the expression on the value itself, without .value, which is recorded."
