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
from clearprop.errors import DTypeError, MissingExtraError, ShapeError
from clearprop.graph import Node
from clearprop.places import current_line, line_of
from clearprop.tensor import Tensor
from clearprop.tracing import Graph, trace
from clearprop.trees import tree_leaves, tree_map

_numbers = itertools.count(1)
_MOST_FUSED = 50  # operations in one loop; the writer of loops recurses over them


class Compiled:
    """What `cp.compile` gives: call it as the function it was made from."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._programs: dict[Any, _Program] = {}
        self._last: _Program | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled loops; trace and compile first where these shapes are new."""
        leaves = [leaf for _, leaf in tree_leaves((args, kwargs))]
        if any(isinstance(leaf, Tensor) and leaf.node is not None for leaf in leaves):
            return self._f(*args, **kwargs)  # it is being differentiated: the record must see it
        plain = tree_map(_plain, args)
        values = [leaf for _, leaf in tree_leaves(plain)]
        key = (
            repr(tree_map(lambda _: None, (plain, kwargs))),  # the nesting
            tuple(map(_signature, values)),
            tuple(_constant(leaf) for _, leaf in tree_leaves(kwargs)),
        )
        try:
            program = self._programs.get(key)
        except TypeError:
            raise _refused(args, kwargs) from None
        if program is None:
            program = self._programs[key] = _Program(trace(self._f, *plain, **kwargs))
        self._last = program
        return program([np.asarray(v) for v in map(_number, values) if _is_array(v)])

    @property
    def source(self) -> str:
        """The loops, as the Python text that Numba compiles (of the latest call)."""
        return "" if self._last is None else self._last.source

    @property
    def plan(self) -> str:
        """What is a loop nest and what remains a NumPy call (of the latest call)."""
        return "" if self._last is None else self._last.plan


def _plain(value: Any) -> Any:
    """Give an argument as the compiled pieces read it: native numbers, one after the other."""
    if isinstance(value, Tensor):
        value = value.value
    if _is_array(value):
        return np.asarray(value, value.dtype.newbyteorder("="), order="C")[()]
    return value


def _number(value: Any) -> Any:
    return np.float64(value) if type(value) in (float, int) else value


def _is_array(value: Any) -> bool:
    is_array = isinstance(value, np.ndarray | np.generic)
    return is_array and value.dtype.kind in "fiub" and not isinstance(value, np.ma.MaskedArray)


def _signature(value: Any) -> Any:
    """Give what a program is made for: the shape and dtype of data, the value of the rest.

    A Python integer is both: it may be differentiated, and ``range(n)`` may count with it.
    """
    if _is_array(value):
        return (value.shape, value.dtype)
    return float if type(value) is float else _constant(value)


def _constant(value: Any) -> Any:
    return (type(value), value)  # 1, 1.0 and True are equal


def _refused(args: Any, kwargs: Any) -> DTypeError:
    """Say which argument is neither data nor a constant that can be recognised again."""
    keys = [(name, value, _signature(value)) for name, value in tree_leaves(args, "args")]
    keys += [(name, value, _constant(value)) for name, value in tree_leaves(kwargs, "kwargs")]
    name, value, _ = next(key for key in keys if not _is_hashable(key[2]))
    is_array = isinstance(value, np.ndarray)
    what = f"an array of {value.dtype}" if is_array else f"a {type(value).__name__}"
    return DTypeError(
        f"{name} of a compiled function is {what}.",
        where=current_line(2),
        why="Positional arrays of numbers are data; anything else is a constant of the program, "
        "and has to be hashable.",
        write="arrays of numbers by position, and constants as numbers, strings or tuples.",
    )


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


@dataclass
class _Piece:
    """Consecutive loop nests in one compiled function, or one NumPy call."""

    run: Callable[..., Any]  # loops fill the outputs that they are given; a call gives its own
    inputs: list[Any]  # nodes, and constant arrays
    outputs: list[Node]
    text: str
    is_loops: bool


class _Program:
    """The pieces for one set of shapes."""

    def __init__(self, graph: Graph) -> None:
        rebuilt = Rebuilt(list(graph._tape.nodes))

        def source_of(part: Any) -> Any:
            if not isinstance(part, Tensor):
                return part
            return part.value if part.node is None else rebuilt[part.node]

        self._result = tree_map(source_of, graph._output)
        outputs = [part for _, part in tree_leaves(self._result) if isinstance(part, Node)]
        self._leaves = list(graph.inputs.values())
        # What a mask selects has a shape that was used; its values may not be, yet it is checked.
        selected = [node for node in rebuilt.nodes if forms.is_selection(node)]
        self._nodes = rebuilt.needed([*outputs, *selected])
        self._stored = _stored(self._nodes, set(outputs))
        self._pieces: list[_Piece] = []
        self._cut()
        for node in self._nodes:  # what the first call computed has served
            node.operands, node.value = (), None

    def __call__(self, arrays: list[Any]) -> Any:
        memory: dict[Node, Any] = dict(zip(self._leaves, arrays, strict=True))
        for piece in self._pieces:
            given = [memory[i] if isinstance(i, Node) else i for i in piece.inputs]
            if not piece.is_loops:
                memory[piece.outputs[0]] = piece.run(*given)
                continue
            made = [np.empty(node.shape, node.dtype) for node in piece.outputs]
            try:
                piece.run(*given, *made)
            except IndexError as error:  # from `runtime.wrapped`, which knows numbers only
                k, axis, length = error.args
                raise IndexError(
                    f"index {k} is out of bounds for axis {axis} with size {length}"
                ) from None
            memory.update(zip(piece.outputs, made, strict=True))
        mine: set[Node] = set()

        def given_out(part: Any) -> Any:
            """Give a result that is the caller's own: nobody else holds its memory."""
            if not isinstance(part, Node):
                return part.copy() if isinstance(part, np.ndarray) else part
            fresh = part in self._stored and part not in mine
            mine.add(part)
            return (memory[part] if fresh else memory[part].copy())[()]

        return tree_map(given_out, self._result)

    @property
    def source(self) -> str:
        return "\n\n\n".join(piece.text for piece in self._pieces)

    @property
    def plan(self) -> str:
        lines = []
        for number, piece in enumerate(self._pieces, 1):
            what = "loops" if piece.is_loops else "NumPy call"
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
            given = [a[()] if isinstance(a, np.ndarray) and not a.shape else a for a in arrays]
            y = primitive.implementation(*given, **node.attributes)
            several = primitive.outputs > 1
            found = tuple(map(np.shape, y)) if several else np.shape(y)
            if found != node.shape:
                raise ShapeError(
                    f"{primitive.name} gave shape {found}; "
                    f"this program was compiled for {node.shape}.",
                    where=None if (line := line_of(node.place)) is None else str(line),
                    why="The shape depends on values, and a compiled program has the shapes of "
                    "its first call.",
                    write="np.where(mask, x, 0) in place of x[mask], or the function uncompiled.",
                )
            return y if several else np.asarray(y, order="C")

        arguments = ", ".join(f"{n.operation} {n.shape}" for n in node.inputs if n is not None)
        text = f"# NumPy call: {primitive.name}({arguments})"
        self._pieces.append(_Piece(run, inputs, [node], text, is_loops=False))

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
        self._pieces.append(_Piece(_numba(text, stem), inputs, nodes, text, is_loops=True))


def _stored(nodes: list[Node], outputs: set[Node]) -> set[Node]:
    """Choose what is put into memory: results, what is used twice, what has a form of its own."""
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for source in node.inputs:
            if source is not None:
                users.setdefault(source, []).append(node)
    stored: set[Node] = set()
    fused: dict[Node, int] = {}  # how many operations are nested where this one is computed
    for node in nodes:
        if node.primitive is None or not forms.has_loops(node):
            continue
        needed_in_memory = any(
            isinstance(u.primitive.kind, kinds.Contract | kinds.Window | kinds.Random)
            or not forms.has_loops(u)
            for u in users.get(node, [])
            if u.primitive is not None
        )
        fused[node] = 1 + max((fused.get(n, 0) for n in node.inputs if n is not None), default=0)
        if (
            node in outputs
            or not forms.fuses(node)
            or needed_in_memory
            or len(users.get(node, [])) > 1
            or fused[node] > _MOST_FUSED
        ):
            stored.add(node)
            fused[node] = 0
    return stored


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
        "_wrapped": runtime.wrapped,
        "_keep_mask": runtime.keep_mask,
    }
    exec(compile(text, file, "exec"), space)
    compiled: Callable[..., Any] = numba.njit(error_model="numpy")(space[name])
    return compiled
