"""Numbers that come and go together, as one array: nested lists of them are not a thousand arrays.

The numbers of one argument, and those of one part of the result, have an array in the order of
their nesting. So a step can hand on all of them by handing on an array.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.graph import Node, TracedLeaf
from clearprop.tracing import Graph
from clearprop.trees import tree_leaves, tree_map

_LEAST = 8  # numbers that are worth an array


class JoinedNumber:
    """One number of a result, in an array of many."""

    __slots__ = ("at", "node")

    shape = ()

    def __init__(self, node: Node, at: int) -> None:
        self.node = node
        self.at = at

    @property
    def dtype(self) -> Any:
        """The type of the number."""
        return self.node.dtype


def numbers_of_arguments(graph: Graph) -> list[list[Node]]:
    """Give the numbers among the arguments that are joined: of one argument, of one dtype."""
    found: list[list[Node]] = []
    for name, argument in graph.arguments.items():
        by_dtype: dict[Any, list[Node]] = {}
        for label, _ in tree_leaves(argument, name):
            leaf = graph.inputs.get(label)
            if isinstance(leaf, TracedLeaf) and leaf.shape == () and not leaf.whole:
                by_dtype.setdefault((leaf.dtype, leaf.weak is None), []).append(leaf)
        found += (some for some in by_dtype.values() if len(some) >= _LEAST)
    return found


def numbers_of_result(result: Any) -> list[list[int]]:
    """Give the numbers in a result that are joined: which of its leaves they are."""
    found: list[list[int]] = []
    first = 0
    for part in result if type(result) is tuple else (result,):
        leaves = [leaf for _, leaf in tree_leaves(part)]
        by_dtype: dict[Any, list[int]] = {}
        for k, leaf in enumerate(leaves, first):
            if isinstance(leaf, Node) and leaf.shape == ():
                by_dtype.setdefault(leaf.dtype, []).append(k)
        found += (some for some in by_dtype.values() if len(some) >= _LEAST)
        first += len(leaves)
    return found


def replaced(result: Any, new: dict[Node, Node], joined: Iterable[tuple[Node, list[int]]]) -> Any:
    """Put the new nodes into a result, and parts of arrays where numbers were joined."""
    parts = {k: JoinedNumber(node, at) for node, ks in joined for at, k in enumerate(ks)}
    count = iter(range(len(tree_leaves(result))))

    def one(leaf: Any) -> Any:
        k = next(count)
        if k in parts:
            return parts[k]
        return new[leaf] if isinstance(leaf, Node) else leaf

    return tree_map(one, result)


class Arguments:
    """The arguments of a program: those of the function, with numbers joined.

    Parameters
    ----------
    leaves : list of Node
        The arguments of the function.
    joined : iterable of (Node, list of Node)
        New arguments, and the numbers that they hold.

    Attributes
    ----------
    leaves : list of Node
        The arguments of the program, in order.
    """

    def __init__(self, leaves: list[Node], joined: Iterable[tuple[Node, list[Node]]] = ()) -> None:
        of = {leaf: (node, len(part)) for node, part in joined for leaf in part}
        held: dict[Node, list[int]] = {}
        for k, leaf in enumerate(leaves):
            held.setdefault(of.get(leaf, (leaf, 0))[0], []).append(k)
        self.leaves = list(held)
        self._held = [(ks, of.get(leaves[ks[0]]) is not None) for ks in held.values()]
        self._is_plain = not of

    def count(self, numbers: int) -> int:
        """Give how many of the program's arguments the first ones of the function are."""
        return sum(ks[0] < numbers for ks, _ in self._held)

    def values(self, given: list[Any], steps: tuple[int, int] = (0, 0)) -> list[Any]:
        """Join what the function is given; from the first to the last of ``steps`` it has rows."""
        if self._is_plain:
            return given
        found = []
        for leaf, (ks, is_joined) in zip(self.leaves, self._held, strict=True):
            some = [given[k] for k in ks]
            if not is_joined:
                found += some
            elif steps[0] <= ks[0] < steps[1]:
                found.append(np.stack(some, axis=1))
            else:
                found.append(np.fromiter(some, leaf.dtype, len(some)))
        return found

    def fits(self, handed: list[Any]) -> bool:
        """Whether what a step hands on is joined as the arguments are."""
        for leaf, (ks, is_joined) in zip(self.leaves, self._held, strict=True):
            parts = [handed[k] for k in ks if k < len(handed)]
            if not parts:
                continue
            same = all(
                isinstance(part, JoinedNumber) and part.at == at and part.node is parts[0].node
                for at, part in enumerate(parts)
            )
            if is_joined != (same and parts[0].node.shape == leaf.shape):
                return False
        return True


def wholes(parts: list[Any]) -> list[Any]:
    """Give what these are parts of, each once; what is no part, as it is."""
    found: list[Any] = []
    seen: set[Node] = set()
    for part in parts:
        if not isinstance(part, JoinedNumber):
            found.append(part)
        elif part.node not in seen:
            seen.add(part.node)
            found.append(part.node)
    return found


def taken_apart(parts: list[Any], values: list[Any]) -> list[Any]:
    """Give the values of parts from those of their `wholes`; the last axis holds the numbers."""
    of = dict(zip(wholes(parts), values, strict=True)) if parts else {}
    joined = {part.node for part in parts if isinstance(part, JoinedNumber)}
    numbers = {node: list(np.ascontiguousarray(np.moveaxis(of[node], -1, 0))) for node in joined}
    return [numbers[p.node][p.at] if isinstance(p, JoinedNumber) else of[p] for p in parts]
