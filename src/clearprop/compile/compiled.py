"""A compiled function: traced for the shapes it meets, cut into pieces, run."""

from __future__ import annotations

import functools
import itertools
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile import forms
from clearprop.compile.loops import Loops
from clearprop.compile.simplify import Rebuilt
from clearprop.errors import MissingExtraError
from clearprop.graph import Node
from clearprop.tensor import Tensor
from clearprop.tracing import Graph, trace
from clearprop.trees import tree_leaves, tree_map

_numbers = itertools.count(1)


class Compiled:
    """What `cp.compile` gives: call it as the function it was made from."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self._f = f
        self._programs: dict[Any, _Program] = {}
        self._last: _Program | None = None
        functools.update_wrapper(self, f)

    def __call__(self, *args: Any) -> Any:
        """Run the compiled loops; trace and compile first where these shapes are new."""
        named = [(name, _plain(value)) for name, value in tree_leaves(args)]
        key = tuple(_signature(name, value) for name, value in named)
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = _Program(trace(self._f, *args))
        self._last = program
        return program([value for _, value in named if isinstance(value, np.ndarray)])

    @property
    def source(self) -> str:
        """The loops, as the Python text that Numba compiles (of the latest call)."""
        return "" if self._last is None else self._last.source

    @property
    def plan(self) -> str:
        """What is a loop nest and what remains a NumPy call (of the latest call)."""
        return "" if self._last is None else self._last.plan


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.value
    if type(value) in (float, int):
        return np.asarray(value, dtype=np.float64)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fciub":
        return np.asarray(value, order="C")
    return value


def _signature(name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (name, value.shape, value.dtype.str)
    return (name, value)


@dataclass
class _Piece:
    """Consecutive loop nests in one compiled function, or one NumPy call."""

    run: Callable[..., Any]
    inputs: list[Any]  # nodes, and constant arrays
    outputs: list[Node]
    text: str


class _Program:
    """The pieces for one set of shapes."""

    def __init__(self, graph: Graph) -> None:
        self._output = graph._output
        rebuilt = Rebuilt(list(graph._tape.nodes))
        parts = [part for _, part in tree_leaves(graph._output)]
        self._results: list[Any] = [
            rebuilt[part.node] if isinstance(part, Tensor) and part.node is not None else part
            for part in parts
        ]
        outputs = [node for node in self._results if isinstance(node, Node)]
        self._leaves = list(graph.inputs.values())
        self._nodes = rebuilt.needed(outputs)
        self._stored = _stored(self._nodes, set(outputs))
        self._pieces: list[_Piece] = []
        self._cut()

    def __call__(self, arrays: list[Any]) -> Any:
        memory: dict[Node, Any] = dict(zip(self._leaves, arrays, strict=True))
        for piece in self._pieces:
            given = [memory[i] if isinstance(i, Node) else i for i in piece.inputs]
            made = [_empty(node) for node in piece.outputs]
            result = piece.run(*given, *made)
            for node, array in zip(piece.outputs, made, strict=True):
                memory[node] = result if array is None else array
        results = iter([_given(memory[r], r) if isinstance(r, Node) else r for r in self._results])
        return tree_map(lambda _: next(results), self._output)

    @property
    def source(self) -> str:
        return "\n\n\n".join(piece.text for piece in self._pieces)

    @property
    def plan(self) -> str:
        lines = []
        for number, piece in enumerate(self._pieces, 1):
            what = "loops" if piece.text.startswith("def") else "NumPy call"
            names = ", ".join(f"{n.operation} {n.shape}" for n in piece.outputs)
            lines.append(f"{number}. {what}: {names}")
        return "\n".join(lines)

    def _cut(self) -> None:
        """Gather consecutive loops into pieces; what has no loops is a NumPy call between them."""
        waiting: list[Node] = []
        for node in self._nodes:
            if node.primitive is None:
                continue
            if node in self._calls:
                self._add_loops(waiting)
                waiting = []
                self._add_call(node)
            elif node in self._stored:
                waiting.append(node)
        self._add_loops(waiting)

    @functools.cached_property
    def _calls(self) -> set[Node]:
        return {n for n in self._nodes if n.primitive is not None and not forms.has_loops(n)}

    def _add_call(self, node: Node) -> None:
        primitive = node.primitive
        assert primitive is not None
        inputs = [
            value if source is None else source
            for source, value in zip(node.inputs, node.operands, strict=True)
        ]

        def run(*arrays: Any) -> Any:
            given = [a[()] if isinstance(a, np.ndarray) and not a.shape else a for a in arrays[:-1]]
            return _in_memory(primitive.implementation(*given, **node.attributes))

        arguments = ", ".join(f"{n.operation} {n.shape}" for n in node.inputs if n is not None)
        text = f"# NumPy call: {primitive.name}({arguments})"
        self._pieces.append(_Piece(run, inputs, [node], text))

    def _add_loops(self, nodes: list[Node]) -> None:
        if not nodes:
            return
        names: dict[Node, str] = {}
        inputs: list[Any] = []
        constants: dict[int, str] = {}

        def in_memory(node: Node) -> str | None:
            if node in names:
                return names[node]
            if node.primitive is None or node in self._stored or node in self._calls:
                names[node] = f"x{len(inputs) + 1}"
                inputs.append(node)
                return names[node]
            return None

        def constant(array: Any) -> str:
            if id(array) not in constants:
                constants[id(array)] = f"x{len(inputs) + 1}"
                inputs.append(np.asarray(array, order="C"))
            return constants[id(array)]

        loops = Loops(in_memory, constant)
        for number, node in enumerate(nodes, 1):
            loops.line(f"# {node.operation}, {node.shape} {node.dtype}")
            name = f"y{number}"
            forms.write(loops, node, name)
            names[node] = name  # only now: until here its own elements are being computed
        stem = f"piece_{next(_numbers)}"
        outputs = ", ".join(f"y{number}" for number in range(1, len(nodes) + 1))
        arguments = ", ".join([*(f"x{k}" for k in range(1, len(inputs) + 1)), outputs])
        text = "\n".join([f"def {stem}({arguments}):", *loops.lines])
        self._pieces.append(_Piece(_numba(text, stem), inputs, nodes, text))


def _stored(nodes: list[Node], outputs: set[Node]) -> set[Node]:
    """Choose what is put into memory: results, what is used twice, what has a form of its own."""
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for source in node.inputs:
            if source is not None:
                users.setdefault(source, []).append(node)
    stored: set[Node] = set()
    for node in reversed(nodes):  # users first: an index map passes its uses on to its operand
        if node.primitive is None or not forms.has_loops(node):
            continue
        needed_in_memory = any(
            isinstance(u.primitive.kind, kinds.Contract | kinds.Window | kinds.Random)
            or not forms.has_loops(u)
            for u in users.get(node, [])
            if u.primitive is not None
        )
        if (
            node in outputs
            or not forms.fuses(node)
            or needed_in_memory
            or len(users.get(node, [])) > 1
        ):
            stored.add(node)
    return stored


def _empty(node: Node) -> Any:
    if node.primitive is not None and forms.has_loops(node):
        return np.empty(node.shape, node.dtype)
    return None  # the call makes its own


def _in_memory(y: Any) -> Any:
    return y if isinstance(y, tuple) else np.asarray(y, order="C")


def _given(array: Any, node: Node) -> Any:
    """Give a result that is the caller's own: an argument that is returned is copied."""
    return (array.copy() if node.primitive is None else array)[()]


def _numba(text: str, name: str) -> Callable[..., Any]:
    """Compile the text of a piece."""
    try:
        import numba
    except ImportError:
        raise MissingExtraError(
            "cp.compile needs Numba, which is not installed.",
            write="pip install 'clearprop[train]'",
        ) from None
    from clearprop.compile import runtime

    file = f"<clearprop {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {
        "np": np,
        "_maximum": runtime.maximum,
        "_minimum": runtime.minimum,
        "_keep_mask": runtime.keep_mask,
    }
    exec(compile(text, file, "exec"), space)
    compiled: Callable[..., Any] = numba.njit(error_model="numpy")(space[name])
    return compiled
