"""What was written out is rolled up: numbers into arrays, and steps into loops.

Numbers come first, for those of one step may be arrays of the loop. But where they follow each
other in time, each came about in a way of its own, and no pack of them is found: that is seen here
in a fraction of the time, and the steps are rolled up at once.
"""

from __future__ import annotations

from typing import Any

from clearprop.compile.repeats import is_number
from clearprop.compile.rerolling import FEWER, LEAST, Rolled, rerolled
from clearprop.compile.rolling import looped
from clearprop.graph import Node
from clearprop.rules.arithmetic import add, multiply
from clearprop.rules.indexing import getitem, setitem, unindex
from clearprop.rules.shape import copy

_MOST_VERSIONS = 8  # of an array that are looked through for who wrote an element
_ANY = 1  # what stands for an element of which that is not found
_LEAF = 2


def rolled_up(
    nodes: list[Node],
    outputs: set[Node],
    arguments: list[list[Node]],
    results: list[list[Node]],
) -> Rolled:
    """Roll up the numbers and the steps of a graph, where there are many.

    Parameters
    ----------
    nodes : list of Node
        In order.
    outputs : set of Node
        What must be there afterwards, each for itself.
    arguments : list of lists of Node
        Numbers that may come as one array.
    results : list of lists of Node
        Further outputs, that may become one array.
    """
    is_looked_at = are_chains(nodes)
    if is_looked_at:
        fewer, new = looped(nodes, outputs.union(*results))
        if fewer is not nodes:
            return Rolled(fewer, new)
    rolled = rerolled(nodes, outputs, arguments, results)
    if is_looked_at and rolled.nodes is nodes:
        return rolled
    fewer, new = looped(rolled.nodes, {*rolled.new.values(), *rolled.results})
    return Rolled(
        fewer,
        {node: new[made] for node, made in rolled.new.items()},
        rolled.arguments,
        [new[made] for made in rolled.results],
    )


def are_chains(nodes: list[Node]) -> bool:
    """Whether numbers are computed each in its own way, so that their packs would be many.

    Two numbers of one pack have one key here, as have many that are of two; so where there are too
    many keys there are too many packs.
    """
    scalars = sum(node.shape == () and node.primitive is not None for node in nodes)
    if scalars < LEAST:
        return False
    keys: dict[Node, int] = {}
    seen: set[int] = set()
    for node in nodes:
        primitive = node.primitive
        if node.shape != ():
            continue
        if primitive is None:
            keys[node] = _LEAF
            continue
        inputs = node.inputs
        if primitive is add:  # in any order
            keys[node] = sum(_key(source, keys) for source in inputs)
            continue
        if primitive is getitem and len(inputs) == 1:
            keys[node] = _element(inputs[0], node.attributes["index"], keys, _MOST_VERSIONS)
            continue
        parts = [_key(source, keys) for source in inputs]
        if primitive is multiply:
            parts.sort()
        keys[node] = key = hash((primitive, *parts))
        seen.add(key)
        if len(seen) * FEWER > scalars:
            return True
    return False


def _key(source: Node | None, keys: dict[Node, int]) -> int:
    """Give the key of an operand: constants may be data, and arrays are computed otherwise."""
    if source is None:
        return 0
    key = keys.get(source)
    return hash(source) if key is None else key


def _element(source: Node | None, index: Any, keys: dict[Node, int], versions: int) -> int:
    """Give the key of an element: of the number that was written there, or of the whole array."""
    while source is not None and versions:
        versions -= 1
        primitive = source.primitive
        if primitive is None:
            return _LEAF
        if primitive is add:
            return sum(_element(n, index, keys, versions // 2) for n in source.inputs)
        if primitive is copy:
            source = source.inputs[0]
            continue
        if primitive not in (setitem, unindex):
            return hash(source)
        written = source.attributes["index"]
        if written == index:
            return _key(source.inputs[-1], keys)
        if len(written) != len(index) or not all(map(is_number, written)):
            return _ANY
        source = source.inputs[0] if primitive is setitem else None
    return 0 if source is None else _ANY
