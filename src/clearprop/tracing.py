"""``trace``: one call of a function as a graph, with every value, its name and its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.arguments import argument_names, name_of_function
from clearprop.calls import Calls, inner_values
from clearprop.errors import OrderError, UnknownNameError
from clearprop.explain.watching import new_tape
from clearprop.graph import Node, Tape, TracedLeaf, TracedNode, no_pickling
from clearprop.guarding import call_user_function
from clearprop.leaves import complex_dtype, dtype_of_numbers, refuse_masked, seed
from clearprop.operands import frozen
from clearprop.pictured import Pictured
from clearprop.places import Line, current_line, line_of, name_of
from clearprop.plumbing import PROJECTION
from clearprop.rules.indexing import setitem
from clearprop.sweep import sweep
from clearprop.tensor import Tensor
from clearprop.transforms import paired, versioned
from clearprop.trees import tree_leaves, tree_map, tree_values

if TYPE_CHECKING:
    from clearprop.explain.zero import WhyZero


_SMALL = 1000  # elements of a result that may be told of in an error


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """Run ``f`` once and keep everything: the graph of its operations, with their values.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code.
    *args
        Arrays, numbers, or trees of them (as in `cp.grad`). Floats can be
        differentiated; arrays of integers and booleans are recorded without a derivative; Python
        integers count as real numbers; anything else is passed on as it is.
    **kwargs
        Passed on as they are.

    Returns
    -------
    Graph

    Examples
    --------
    >>> import clearprop as cp
    >>> def total(apple, number, tax):
    ...     price = apple * number
    ...     return price * tax
    >>> g = cp.trace(total, 100.0, 2.0, 1.1)
    >>> d = g.backward()
    >>> print(float(g.output), float(d["price"]), float(d["tax"]))
    220.00000000000003 1.1 200.0
    """
    tape = new_tape(keep=True)
    assert tape is not None
    tape.calls = Calls()
    try:
        return trace_on(tape, f, args, kwargs)
    finally:
        tape.calls.forget()


def trace_on(tape: Tape, f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Graph:
    """Run ``f`` once, on a tape that is there."""
    names = argument_names(f, len(args))
    inputs: dict[str, Node] = {}
    dtype = dtype_of_numbers(args)

    def one(name: str, value: Any) -> Any:
        refuse_masked(value, lambda: f"{name}, an argument of {name_of_function(f)},")
        if tape.is_compiled and type(value) in (int, complex):
            return value
        recorded = _recordable(value, dtype, is_passing=tape.is_staged)
        if recorded is None:
            return value
        node = TracedLeaf(recorded, tape, name, weak=value if type(value) in (int, float) else None)
        inputs[name] = node
        return Tensor(recorded, node)

    made = []
    for name, arg in zip(names, args, strict=True):
        leaves = iter([one(part, value) for part, value in tree_leaves(arg, name)])
        made.append(tree_map(lambda _, leaves=leaves: next(leaves), arg))
    output = tree_map(versioned, call_user_function(f, *made, **kwargs))
    arguments = dict(zip(names, args, strict=True))
    return Graph(name_of_function(f), tape, inputs, output, arguments, (f, kwargs))


def _recordable(value: Any, dtype: Any, *, is_passing: bool) -> Any:
    """Give an argument as a record keeps it: as it is now, whatever is written to it later.

    The record that a program is made of is gone before anybody writes, and needs no copy.
    """
    if isinstance(value, Tensor):
        value = value.plain("cp.trace()", "cp.grad, which may stand inside another derivative")
    if type(value) in (float, int):
        return dtype.type(value)
    if type(value) is complex:
        return complex_dtype(dtype).type(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiubc":
        if is_passing and isinstance(value, np.ndarray):
            value = value.view()
            value.flags.writeable = False
            return value
        return frozen(value)
    return None


class Graph(Pictured):
    """The record of one call: nodes in the order in which they were computed.

    Attributes
    ----------
    name : str
        The name of the traced function.
    nodes : tuple of Node
        In order; every input of a node stands before it.
    inputs : dict of str to Node
        The arguments, by name.
    output
        The result of the function, as plain arrays.
    arguments : dict of str to object
        What the function was called with, by parameter name.
    names : dict of str to list of Node
        Arguments and named intermediate values; a name that is assigned again has several nodes.
    """

    def __init__(
        self,
        name: str,
        tape: Tape,
        inputs: dict[str, Node],
        output: Any,
        arguments: dict[str, Any],
        call: tuple[Callable[..., Any], dict[str, Any]],
    ) -> None:
        self.name = name
        self.arguments = arguments
        self._call = call  # for who runs it again: a page whose arguments can be changed
        self.nodes = tuple(tape.nodes)
        self.inputs = inputs
        self._output = output
        self._tape = tape

    def forget(self) -> None:
        """Keep the operations, and no large value but constants and arguments."""
        for node in self.nodes:
            assert isinstance(node, TracedNode)
            node.forget()

        def form(part: Any) -> Any:
            if not isinstance(part, Tensor) or part.node is None or part.size <= _SMALL:
                return part
            return Tensor(np.broadcast_to(part.dtype.type(0), part.shape), part.node)

        self._output = tree_map(form, self._output)

    @property
    def output(self) -> Any:
        """The result of the function, as plain arrays."""
        return tree_map(lambda p: frozen(p.value) if isinstance(p, Tensor) else p, self._output)

    @property
    def outputs(self) -> list[Node]:
        """The nodes of the result, in order."""
        return [
            part.node
            for _, part in tree_leaves(self._output)
            if isinstance(part, Tensor) and part.node is not None
        ]

    @cached_property
    def names(self) -> dict[str, list[Node]]:
        """Arguments and named intermediate values."""
        found: dict[str, list[Node]] = {name: [node] for name, node in self.inputs.items()}
        inside = inner_values(self.nodes)
        for node in self.nodes:
            primitive = node.primitive
            if primitive is None or primitive.outputs > 1 or node.is_inner or not node.place:
                continue
            if node in inside:  # the name is that of what the layer returns
                continue
            position = node.attributes["i"] if primitive is PROJECTION else None
            name = name_of(node.place, position, writes=primitive is setitem)
            if name is not None:
                found.setdefault(name, []).append(node)
        return found

    def __reduce__(self) -> Any:
        raise no_pickling()

    def find(self, name: str | Node, occurrence: int = -1) -> Node:
        """Find a node by name; by default what the name stood for last.

        Raises
        ------
        UnknownNameError
            If the function has no such argument or variable.
        """
        if isinstance(name, Node):
            return name
        try:
            return self.names[name][occurrence]
        except (KeyError, IndexError):
            which = "" if occurrence == -1 else f" (occurrence {occurrence})"
            raise UnknownNameError(
                f"{name!r}{which} is no value of {self.name}.",
                where=current_line(1),
                why="A value has the name of the argument or variable it was assigned to.",
                write=f"one of {list(self.names)}",
            ) from None

    def name_of(self, node: Node) -> str | None:
        """Give the argument or variable name of a node, if it has one."""
        return self._labels.get(node)

    @cached_property
    def _labels(self) -> dict[Node, str]:
        return {node: name for name, nodes in self.names.items() for node in nodes}

    def line_of(self, node: Node) -> Line | None:
        """Give the line of the user's source that computed a node."""
        return line_of(node.place)

    def __getitem__(self, name: str) -> Any:
        """Give the value of an argument or variable."""
        return frozen(self.find(name).value)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        lines = [f"Graph of {self.name}: {len(self.nodes)} nodes"]
        number = {node: i for i, node in enumerate(self.nodes, 1)}
        for node in self.nodes[:40]:
            inputs = ", ".join(f"({number[n]})" if n in number else "constant" for n in node.inputs)
            label = self.name_of(node)
            shape = f" {node.shape}" if node.shape else ""
            named = f"{label} = " if label and node.primitive is not None else ""
            what = f"{node.label}" if node.primitive is None else f"{node.operation}({inputs})"
            lines.append(f"  ({number[node]}) {named}{what}{shape}")
        if len(self.nodes) > 40:
            lines.append(f"  … and {len(self.nodes) - 40} more")
        return "\n".join(lines)

    def _drawn(self) -> tuple[Graph, Gradients | None]:
        return self, None

    def backward(self, dy: Any = None) -> Gradients:
        """Propagate from the output to every node.

        Parameters
        ----------
        dy : ndarray, shape of the output, optional
            The cotangent to start from; 1 for a scalar.

        Returns
        -------
        Gradients
            To be indexed by the name of any argument or intermediate value.

        Raises
        ------
        ShapeError
            If the output is not a scalar and ``dy`` is not given, or has another shape.
        OrderError
            If the output depends on no argument.
        """
        return Gradients(self, self._cotangents(dy, recorded=False), dy)

    def _cotangents(self, dy: Any, recorded: bool) -> dict[Node, Any]:
        if dy is None:
            pairs = [(part, None) for part in tree_values(self._output)]
        else:
            pairs = paired(self._output, dy, self.name)
        seeds = [
            (part.node, seed(part, d))
            for part, d in pairs
            if isinstance(part, Tensor) and part.node is not None and part.node.active
        ]
        if not seeds:
            raise OrderError(
                f"The result of {self.name} depends on no argument.",
                where=current_line(1),
                why="There is no path from an argument of real numbers to it.",
                write="return a value computed from the arguments.",
            )
        return sweep(seeds, recorded=recorded, keep_all=True)


class Gradients(Pictured):
    """The derivatives of the output with respect to every node of a graph.

    Examples
    --------
    >>> import clearprop as cp
    >>> def f(x, y):
    ...     t = x + y
    ...     return t ** 2
    >>> d = cp.trace(f, 1.0, 2.0).backward()
    >>> print(float(d["t"]), float(d["x"]))
    6.0 6.0
    """

    def __init__(self, graph: Graph, cotangents: dict[Node, Any], dy: Any = None) -> None:
        self.graph = graph
        self._cotangents = cotangents
        self._dy = dy  # what the sweep started from

    def __getitem__(self, key: str | Node | tuple[str, int]) -> Any:
        """Give the derivative of a value: by name, ``(name, occurrence)``, or node.

        Where no path leads from the value to the output, it is 0.
        """
        node = self.graph.find(*key) if isinstance(key, tuple) else self.graph.find(key)
        if node in self._cotangents:
            return np.array(self._cotangents[node])[()]
        return np.zeros(node.shape, node.dtype)[()]

    def __contains__(self, name: object) -> bool:
        return name in self.graph.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def reached(self, node: Node) -> bool:
        """Whether any path leads from the node to the output."""
        return node in self._cotangents

    def why_zero(self, key: str | Node | tuple[str, int]) -> WhyZero:
        """Explain why the derivative of a value is zero: what stopped the gradient, and where.

        Parameters
        ----------
        key : str, (name, occurrence), or Node
            As for the derivative itself: ``d["x"]``.

        Returns
        -------
        WhyZero
            Its text is the explanation; ``.paths`` has one entry for each place where the gradient
            stopped, with the nodes on the way, the line and the reason. Where some elements are
            zero, it is about these; where none is, it says so.

        Raises
        ------
        UnknownNameError
            If the function has no such argument or variable.

        Examples
        --------
        >>> import numpy as np, clearprop as cp
        >>> def f(x):
        ...     a = x - 5
        ...     return np.sum(np.maximum(a, 0))
        >>> d = cp.trace(f, np.array([1.0, 7.0])).backward()
        >>> print(d.why_zero("x"))
        The derivative with respect to x is 0 in 1 of 2 elements, x[0]:
          x → a → maximum: 1 of 2 inputs is smaller than 0 [...:3: return np.sum(np...]
        """
        from clearprop.explain.zero import why_zero

        return why_zero(self, key)

    def _drawn(self) -> tuple[Graph, Gradients | None]:
        return self.graph, self

    def keys(self) -> list[str]:
        """List the names of arguments and intermediate values."""
        return list(self.graph.names)

    def __repr__(self) -> str:
        parts = [f"{name}: {np.shape(self[name]) or self[name]}" for name in self.keys()]
        return f"Gradients({', '.join(parts)})"
