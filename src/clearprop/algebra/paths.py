"""What every way from a result to a value passes through."""

from __future__ import annotations

from clearprop.errors import OptionError
from clearprop.graph import Node
from clearprop.tracing import Graph


def passed(graph: Graph, top: Node, bottom: Node) -> list[Node]:
    """List the nodes that all ways from ``top`` down to ``bottom`` pass, both included.

    Raises
    ------
    OptionError
        If there is no way.
    """
    below = _between(top, bottom)
    if top not in below:
        names = [graph.name_of(node) or node.operation for node in (top, bottom)]
        raise OptionError(
            f"No way leads from {names[0]} to {names[1]}.",
            why=f"{names[0]} does not depend on {names[1]}.",
            write=f"one of {[n for n in graph.names if n != names[0]]}",
        )
    found, frontier = [], {top}
    order = sorted(below, key=lambda node: -node.index)
    for node in order:
        if frontier == {node}:
            found.append(node)
        frontier.discard(node)
        frontier |= {n for n in node.inputs if n is not None and n in below and node is not bottom}
    return found


def _between(top: Node, bottom: Node) -> set[Node]:
    """Find the nodes on some way from ``top`` down to ``bottom``."""
    leads: dict[Node, bool] = {bottom: True}
    waiting = [top]
    while waiting:
        node = waiting[-1]
        if node in leads:
            waiting.pop()
            continue
        sources = [n for n in node.inputs if n is not None and n.index >= bottom.index]
        unknown = [n for n in sources if n not in leads]
        if unknown:
            waiting += unknown
            continue
        leads[waiting.pop()] = any(leads[n] for n in sources)
    return {node for node, does in leads.items() if does}


def between(top: Node, bottom: Node) -> set[Node]:
    """Find the operations whose result lies on some way, ``bottom`` not included."""
    return _between(top, bottom) - {bottom}
