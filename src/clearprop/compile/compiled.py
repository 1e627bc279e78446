"""A compiled function: traced for the shapes it meets, cut into pieces, run."""

from __future__ import annotations

import contextlib
import functools
import itertools
import linecache
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile import forms
from clearprop.compile.loops import Loops, is_fixed, weak_number
from clearprop.compile.simplify import Rebuilt
from clearprop.equivalence import needed
from clearprop.errors import DTypeError, ShapeError
from clearprop.extras import require
from clearprop.graph import Node
from clearprop.places import current_line, line_of
from clearprop.staged.two_runs import staged
from clearprop.tensor import Tensor
from clearprop.tracing import Graph
from clearprop.trees import structure, tree_leaves, tree_map

_numbers = itertools.count(1)
_MOST_FUSED = 50  # operations in one loop; the writer of loops recurses over them
_MOST_PROGRAMS = 64  # kept by one function; what has not been called for longest goes


class Compiled:
    """What `cp.compile` gives: call it as the function it was made from."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._programs: OrderedDict[Any, _Program] = OrderedDict()
        self._last: _Program | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled loops; trace and compile first where these shapes are new."""
        leaves = [leaf for _, leaf in tree_leaves((args, kwargs))]
        if any(isinstance(leaf, Tensor) and leaf.node is not None for leaf in leaves):
            return self._f(*args, **kwargs)  # it is being differentiated: the record must see it
        plain = tree_map(_plain, args)
        values = [leaf for _, leaf in tree_leaves(plain)]
        key = (
            structure((plain, kwargs)),
            tuple(map(_signature, values)),
            tuple(_constant(leaf) for _, leaf in tree_leaves(kwargs)),
        )
        try:
            program = self._programs.get(key)
        except TypeError:
            raise _refused(args, kwargs) from None
        if program is None:
            program = self._programs[key] = _Program(staged(self._f, plain, kwargs))
            while len(self._programs) > _MOST_PROGRAMS:
                self._programs.popitem(last=False)
        elif program is not self._last:
            with contextlib.suppress(KeyError):  # another thread may have dropped it just now
                self._programs.move_to_end(key)
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
    keys.append(("A static field of an argument", "unhashable", structure((args, kwargs))))
    name, value, _ = next(key for key in keys if not _is_hashable(key[2]))
    is_array = isinstance(value, np.ndarray)
    is_masked = isinstance(value, np.ma.MaskedArray)
    what = (
        f"an array of {value.dtype}" if is_array and not is_masked else f"a {type(value).__name__}"
    )
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
    done: list[Node] = field(default_factory=list)  # what nobody reads after this piece

    def into(self, memory: dict[Node, Any]) -> None:
        """Run on what the memory holds, and put the outputs there."""
        given = [memory[i] if isinstance(i, Node) else i for i in self.inputs]
        if not self.is_loops:
            memory[self.outputs[0]] = self.run(*given)
            return
        made = [np.empty(node.shape, node.dtype) for node in self.outputs]
        try:
            self.run(*given, *made)
        except IndexError as error:  # from `runtime.wrapped`, which knows numbers only
            k, axis, length = error.args
            raise IndexError(
                f"index {k} is out of bounds for axis {axis} with size {length}"
            ) from None
        memory.update(zip(self.outputs, made, strict=True))


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
        used = needed([*outputs, *selected], {})
        self._nodes = [node for node in rebuilt.nodes if node in used]
        self._stored = _stored(self._nodes, set(outputs))
        self._pieces: list[_Piece] = []
        files: list[str] = []
        weakref.finalize(self, _forget, files).atexit = False
        self._files = files
        self._cut()
        self._find_last_uses(set(outputs))
        for node in self._nodes:  # what the first call computed has served
            node.let_go()

    def __call__(self, arrays: list[Any]) -> Any:
        memory: dict[Node, Any] = dict(zip(self._leaves, arrays, strict=True))
        del arrays
        for piece in self._pieces:
            piece.into(memory)
            for node in piece.done:
                del memory[node]
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

    def _find_last_uses(self, outputs: set[Node]) -> None:
        last: dict[Node, _Piece] = {}
        for piece in self._pieces:
            nodes = [*piece.outputs, *(i for i in piece.inputs if isinstance(i, Node))]
            last.update(dict.fromkeys(nodes, piece))
        for node, piece in last.items():
            if node not in outputs:
                piece.done.append(node)

    @functools.cached_property
    def _calls(self) -> set[Node]:
        return {n for n in self._nodes if n.primitive is not None and not forms.has_loops(n)}

    def _add_call(self, node: Node) -> None:
        primitive = node.primitive
        assert primitive is not None
        inputs: list[Any] = []
        weak: set[int] = set()  # positions of floats that take the dtype of the others
        for position, (source, value) in enumerate(zip(node.inputs, node.operands, strict=True)):
            number = weak_number(node, position) if forms.promotes(node) else None
            if number is not None and is_fixed(node, position):
                inputs.append(number)
            else:
                inputs.append(value if source is None else source)
                weak |= set() if number is None else {position}

        def run(*arrays: Any) -> Any:
            given = [a[()] if isinstance(a, np.ndarray) and not a.shape else a for a in arrays]
            for position in weak:
                given[position] = float(given[position])
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
        file = f"<clearprop {stem}>"
        self._files.append(file)
        self._pieces.append(_Piece(_numba(text, stem, file), inputs, nodes, text, is_loops=True))


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


def _forget(files: list[str]) -> None:
    for file in files:
        linecache.cache.pop(file, None)


def _numba(text: str, name: str, file: str) -> Callable[..., Any]:
    """Compile the text of a piece, which tracebacks find under the name of a file."""
    numba = require("numba", "train", "compiles the loops", who="cp.compile")
    from clearprop.compile import runtime

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
