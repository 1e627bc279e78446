"""Where a record repeats itself: stretches of nodes that do the same again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.graph import Node
from clearprop.rules.indexing import getitem, setitem, unindex

LEAST_STEPS = 8
_MOST_CANDIDATES = 16  # distances that are looked at
_GRAMS = (4, 12)  # nodes in a row by which a distance is seen
INDEXED = (getitem, setitem, unindex)  # whose index may go with the step


@dataclass
class Repeat:
    """A stretch of nodes that does the same ``count`` times.

    Attributes
    ----------
    first : int
        The number of its first node.
    period : int
        How many nodes do it once.
    count : int
    """

    first: int
    period: int
    count: int

    @property
    def last(self) -> int:
        """The number of the node after it."""
        return self.first + self.period * self.count


class Repeats:
    """The stretches that are found in a graph, those that save most first.

    Parameters
    ----------
    nodes : list of Node
        In order.
    number : dict of Node to int
        Where each stands in the list.
    """

    def __init__(self, nodes: list[Node], number: dict[Node, int]) -> None:
        known: dict[Any, int] = {}
        self._symbols = np.array([known.setdefault(_symbol(n), len(known)) for n in nodes])
        self._crossing = _near_reads(nodes, number)

    def longest(self, first: int, last: int) -> Repeat | None:
        """Find the stretch between two nodes that saves most."""
        symbols = self._symbols[first:last]
        best: tuple[int, int, int] | None = None  # what it saves, where, the period
        for period in _distances(symbols):
            start, length = _longest_run(symbols[:-period] == symbols[period:])
            if length < period * (LEAST_STEPS - 1):
                continue
            saved = length // period * period
            is_better = best is None or (
                10 * saved > 11 * best[0] if period > best[2] else 11 * saved > 10 * best[0]
            )
            if is_better:
                best = saved, start, period
        if best is None:
            return None
        saved, start, period = best
        return self._turned(first + start, period, saved // period + 1)

    def _turned(self, first: int, period: int, count: int) -> Repeat:
        """Let a step begin where least is handed on: most often where the user's step begins."""
        middle = first + count // 2 * period
        reads = self._crossing(middle - 2 * period, middle + period, period)
        turn = int(np.argmin(reads[2 * period :]))
        return Repeat(first + turn, period, count - (turn > 0))


def _symbol(node: Node) -> Any:
    """Give what a node does, whatever it reads: nodes of one symbol may be one step of a loop."""
    primitive, attributes = node.primitive, node.attributes
    if primitive is None:
        return node
    symbol = primitive, node.shape, node.dtype, len(node.inputs)
    if not attributes:
        return symbol
    written = [
        (
            name,
            tuple(map(_kind, value)) if name == "index" and primitive in INDEXED else repr(value),
        )
        for name, value in sorted(attributes.items())
    ]
    return *symbol, *written


def _kind(part: Any) -> Any:
    """Give a part of an index without its numbers."""
    return type(part) if is_number(part) or isinstance(part, slice) else repr(part)


def is_number(part: Any) -> bool:
    """Whether a part of an index is a whole number."""
    return isinstance(part, int | np.integer) and not isinstance(part, bool)


def _distances(symbols: Any) -> list[int]:
    """Give the distances at which things most often come again, the likely ones first."""
    weights = np.zeros(len(symbols) // LEAST_STEPS + 1)
    for length in _GRAMS:
        if len(symbols) <= length:
            continue
        mixed = np.zeros(len(symbols) - length + 1, np.uint64)
        for k in range(length):
            mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + symbols[k : k + len(mixed)].astype("u8")
        order = np.argsort(mixed, kind="stable")
        again = mixed[order[1:]] == mixed[order[:-1]]
        distances = np.diff(order)[again]
        distances = distances[distances < len(weights)]
        weights += np.bincount(distances, minlength=len(weights)) * np.arange(len(weights))
    likely = np.argsort(-weights, kind="stable")[:_MOST_CANDIDATES]
    return [int(d) for d in likely if weights[d] > 0]


def _longest_run(same: Any) -> tuple[int, int]:
    """Give start and length of the longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype("i1"), [0]])))
    if not len(edges):
        return 0, 0
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    k = int(np.argmax(lengths))
    return int(starts[k]), int(lengths[k])


def _near_reads(nodes: list[Node], number: dict[Node, int]) -> Any:
    """Give a function that counts, before each node of a range, what is still read afterwards."""
    pairs = [(number[s], k) for k, n in enumerate(nodes) for s in n.inputs if s is not None]
    sources, users = np.array(pairs or [(0, 0)]).T

    def crossing(first: int, last: int, period: int) -> Any:
        inside = (users >= first) & (users <= last) & (users - sources <= 2 * period)
        until: dict[int, int] = {}
        for s, u in zip(sources[inside].tolist(), users[inside].tolist(), strict=True):
            until[s] = max(until.get(s, 0), u)
        count = np.zeros(last - first + 2, int)
        for s, u in until.items():
            count[max(s + 1 - first, 0)] += 1
            count[u + 1 - first] -= 1
        return np.cumsum(count)[: last - first]

    return crossing
