"""The forward and the backward pass of a function as one straight-line program.

The sweep is run on Tensors, so that the backward pass is recorded as further nodes of the same
graph; then what nobody uses is dropped, and what is computed twice is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.equivalence import computation, needed
from clearprop.errors import ShapeError
from clearprop.graph import Node, TracedLeaf
from clearprop.places import current_line
from clearprop.staged.two_runs import staged
from clearprop.sweep import sweep
from clearprop.tensor import Tensor
from clearprop.tracing import Graph
from clearprop.trees import tree_leaves


@dataclass
class Program:
    """A function and its backward pass, node by node.

    Attributes
    ----------
    graph : Graph
        Of the forward pass.
    output : Node
        The result of the forward pass.
    dy : Node
        The cotangent that the backward pass starts from.
    gradients : dict of Node to Node or array
        For each leaf whose gradient is wanted, its gradient; an array where it does not depend on
        anything. Empty where no backward pass is wanted.
    forward, backward : list of Node
        What is computed, in order.
    cotangents : dict of Node to Node
        Which forward node a backward node is the finished cotangent of.
    merged : dict of Node to Node
        For each node the first one that computes the same.
    f : callable
        The function that was traced.
    others : dict of str to Node or array
        What the function gives besides its result, by name.
    called : dict of Node to str
        Names for values that have none in the user's code.
    """

    graph: Graph
    output: Node
    dy: Node
    gradients: dict[Node, Any]
    forward: list[Node]
    backward: list[Node]
    cotangents: dict[Node, Node]
    merged: dict[Node, Node]
    f: Callable[..., Any]
    others: Mapping[str, Any] = field(default_factory=dict)
    called: Mapping[Node, str] = field(default_factory=dict)

    def name_of(self, node: Node) -> str | None:
        """Give the name that a value has in the user's code, or that it was given."""
        return self.called.get(node) or self.graph.name_of(node)

    def same(self, node: Node) -> Node:
        """Give the node that stands for this one."""
        return self.merged.get(node, node)


def make_program(f: Callable[..., Any], args: Any) -> Program:
    """Trace a function, record its backward pass, and keep what is needed.

    Raises
    ------
    ShapeError
        If the result of ``f`` is not one array.
    """
    return program_of(staged(f, args, {}))


def program_of(
    graph: Graph,
    *,
    wanted: Collection[str] | None = None,
    has_aux: bool = False,
    called: Mapping[Node, str] | None = None,
) -> Program:
    """Record the backward pass of a graph, and keep what is needed.

    Parameters
    ----------
    graph : Graph
    wanted : collection of str, optional
        The arguments whose gradients are wanted, by name; by default all. Of none, there is no
        backward pass.
    has_aux : bool, default False
        The function gives its result and a dict of more arrays.
    called : mapping of Node to str, optional
        Names for values that have none in the user's code.

    Raises
    ------
    ShapeError
        If the result is not one array.
    """
    f = graph._call[0]
    result, others = graph._output if has_aux else (graph._output, {})
    if not isinstance(result, Tensor) or result.node is None:
        raise ShapeError(
            f"{graph.name} returns {type(result).__name__}.",
            where=_place_of(f) or current_line(2),
            why="The program of a backward pass starts at one array that depends on the arguments.",
            write="return np.sum(…), or one of the arrays.",
        )
    output = result.node
    tape = graph._tape
    before = len(tape.nodes)
    ones = np.ones(output.shape, output.dtype)[()]
    dy = TracedLeaf(ones, tape, "dy")
    leaves = _leaves(graph, wanted)
    found: dict[Node, Any] = {}
    if has_aux and leaves:
        found = sweep([(output, Tensor(ones, dy))], recorded=True, keep_all=True)
    elif leaves or wanted is None:
        found = graph._cotangents(Tensor(ones, dy), recorded=True)
    gradients = {
        node: (found[node].node if isinstance(found[node], Tensor) else found[node])
        if node in found
        else np.zeros(node.shape, node.dtype)[()]
        for node in leaves
    }
    nodes = [*graph.nodes, *tape.nodes[before:]]
    del tape.nodes[before:]  # the graph stays as it was
    merged = _merge(nodes)
    also = {
        name: value.node if isinstance(value, Tensor) and value.node is not None else value
        for name, value in others.items()
    }
    results = [
        output,
        *(n for n in [*also.values(), *gradients.values()] if isinstance(n, Node)),
    ]
    used = needed(results, merged)
    forward_set = set(graph.nodes)
    cotangents: dict[Node, Node] = {}
    for node, g in found.items():
        if isinstance(g, Tensor) and g.node is not None:
            cotangents.setdefault(merged.get(g.node, g.node), node)
    return Program(
        graph,
        merged.get(output, output),
        dy,
        gradients,
        [n for n in nodes if n in used and n in forward_set],
        [n for n in nodes if n in used and n not in forward_set and n is not dy],
        cotangents,
        merged,
        f,
        {name: merged.get(n, n) if isinstance(n, Node) else n for name, n in also.items()},
        called or {},
    )


def _leaves(graph: Graph, wanted: Collection[str] | None) -> list[Node]:
    """List the leaves whose gradients are wanted."""
    active = {label: node for label, node in graph.inputs.items() if node.active}
    if wanted is None:
        return list(active.values())
    trees = {name: tree for name, tree in graph.arguments.items() if name in wanted}
    labels = [label for name, tree in trees.items() for label, _ in tree_leaves(tree, name)]
    return [active[label] for label in labels if label in active]


def _place_of(f: Callable[..., Any]) -> str | None:
    code = getattr(f, "__code__", None)
    return None if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def _merge(nodes: list[Node]) -> dict[Node, Node]:
    """Find the nodes that compute what an earlier one has computed already."""
    first: dict[Any, Node] = {}
    merged: dict[Node, Node] = {}
    for node in nodes:
        if node.primitive is None or node.operation == "unindex":
            continue  # the sweep adds up what comes from an index each time
        sources = [n if n is None else merged.get(n, n) for n in node.inputs]
        key = computation(node, sources)
        if key in first:
            merged[node] = first[key]
        else:
            first[key] = node
    return merged
