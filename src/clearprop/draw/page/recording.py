"""The program by which the page computes its numbers anew: forward, and the sweep recorded."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.draw.facts import is_operation
from clearprop.draw.page.arrays import packed, plain, whole
from clearprop.draw.page.quantities import Quantities, Quantity
from clearprop.draw.passing import is_passed, local_derivative
from clearprop.equivalence import computation
from clearprop.graph import Node, TracedLeaf
from clearprop.rules.indexing import Slot
from clearprop.staged.two_runs import staged
from clearprop.sweep import pull
from clearprop.tensor import Tensor
from clearprop.trees import tree_leaves, tree_map

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph

MOST_OPERATIONS = 1500  # of the forward pass: a longer program would make a page of megabytes
_MOST_NUMBERS = 16_384  # in all arguments and constants, which a program needs to the last digit


class UnwritableError(Exception):
    """Why there is no program; the text is for the reader of the page."""


def run_again(graph: Graph) -> Graph:
    """Run the traced function twice more, to know that other numbers take the same steps.

    Raises
    ------
    StagingError
        If they do not.
    UnwritableError
        If it computes something else by now.
    """
    f, kwargs = graph._call
    again = staged(f, tuple(_arguments(graph)), kwargs)
    if [n.primitive for n in again.nodes] != [n.primitive for n in graph.nodes]:
        raise UnwritableError("The function takes other steps now than when it was traced.")
    for old, new in zip(graph.nodes, again.nodes, strict=True):
        if not isinstance(old.value, tuple) and not _is_same(old.value, new.value):
            raise UnwritableError(
                "The function computes other numbers now than when it was traced: it reads "
                "something that has changed, or draws random numbers."
            )
    return again


def _arguments(graph: Graph) -> list[Any]:
    """Give the arguments as they were when the graph was traced."""
    made = []
    for name, argument in graph.arguments.items():
        leaves = iter([_leaf(graph, label, value) for label, value in tree_leaves(argument, name)])
        made.append(tree_map(lambda _, leaves=leaves: next(leaves), argument))
    return made


def _leaf(graph: Graph, label: str, value: Any) -> Any:
    node = graph.inputs.get(label)
    if not isinstance(node, TracedLeaf):
        return value
    return node.value if node.weak is None else node.weak


def _is_same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def _is_complex(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return any(np.iscomplexobj(part) for part in parts)


def write_program(
    graph: Graph, again: Graph, gradients: Gradients | None, quantities: Quantities
) -> dict[str, Any]:
    """Write a program that computes every quantity of the page from the arguments.

    Parameters
    ----------
    graph : Graph
    again : Graph
        What `run_again` gave for it: its record is extended by that of the sweep.
    gradients : Gradients, optional
    quantities : Quantities

    Returns
    -------
    dict
        ``leaves`` (register, label), ``registers`` (the arguments and constants), ``code``, and
        for each quantity its register in ``shows``.

    Raises
    ------
    UnwritableError
        If it would be too large.
    """
    if any(_is_complex(node.value) for node in again.nodes):
        raise UnwritableError("The function has complex numbers, with which no page computes.")
    size = sum(np.size(node.value) for node in graph.inputs.values())
    if size > _MOST_NUMBERS:
        raise UnwritableError(
            f"The arguments have {size} numbers; a page computes with up to {_MOST_NUMBERS}."
        )
    return _Writer(graph, again, gradients).write(quantities)


class _Writer:
    def __init__(self, graph: Graph, again: Graph, gradients: Gradients | None) -> None:
        self.now = dict(zip(graph.nodes, again.nodes, strict=True))
        self.again = again
        operations = (node for node in again.nodes if is_operation(node))
        self.steps = {node: step for step, node in enumerate(operations, 1)}
        self.found: dict[Node, Any] = {}
        self.registers: list[Any] = []  # what is in them before anything runs; None: computed
        self.code: list[dict[str, Any]] = []
        self.of: dict[Node, int] = {}
        self.first: dict[Any, int] = {}
        self.constants: dict[Any, int] = {}
        self.told: set[tuple[str, str]] = set()  # the operations and dtypes of the code so far
        self.numbers = 0
        if gradients is not None:
            with np.errstate(all="ignore"):
                self.found = again._cotangents(self._start(gradients), recorded=True)

    def _start(self, gradients: Gradients) -> Any:
        """Make a leaf of each number that the sweep starts from."""
        given = gradients._dy
        parts = None if given is None else iter([dy for _, dy in tree_leaves(given)])
        tape = self.again._tape

        def one(part: Any) -> Any:
            dy = None if parts is None else next(parts)
            if not isinstance(part, Tensor) or part.node is None:
                return dy
            value = np.ones(part.shape) if dy is None else np.asarray(getattr(dy, "value", dy))
            value = np.broadcast_to(value, part.shape).astype(part.node.dtype)[()]
            return Tensor(value, TracedLeaf(value, tape, "dy"))

        return tree_map(one, self.again._output)

    def write(self, quantities: Quantities) -> dict[str, Any]:
        leaves = []
        for label, node in self.again.inputs.items():
            self.of[node] = self._register(_array(node.value))
            leaves.append({"r": self.of[node], "label": label})
        shows = []
        with np.errstate(all="ignore"):
            for quantity, place in quantities.places.items():
                if place >= 0:
                    shows.append(self._shown(quantity))
        return {
            "leaves": leaves,
            "registers": self.registers,
            "code": self.code,
            "shows": shows,
        }

    def _shown(self, quantity: Quantity) -> int:
        meaning, old, uses = quantity
        node = self.now.get(old)
        if node is None:  # from before the trace: it does not change
            return self._constant(old.value, old.dtype)
        if meaning == "value":
            return self._emit(node)
        if meaning == "local":
            user, position = self.now[uses[0][0]], uses[0][1]
            ones = TracedLeaf(np.ones(user.shape, user.dtype)[()], self.again._tape)
            return self._any(local_derivative(user, position, True, Tensor(ones.value, ones)))
        if meaning == "part":
            parts = [self._pulled(self.now[user], position) for user, position in uses]
            known = [part for part in parts if part is not None]
            return self._any(sum(known[1:], known[0]))
        total = self.found[node]
        if meaning == "total":
            return self._any(total)
        for user in self.again.nodes:  # where the sweep starts: less what came from uses
            for i, source in enumerate(user.inputs):
                if source is node and (part := self._pulled(user, i)) is not None:
                    total = total - part
        return self._any(total)

    def _pulled(self, user: Node, position: int) -> Any:
        """Record what an operation passes back to an operand; None where nothing arrived."""
        rule = user.primitive.rule(position) if user.primitive else None
        if rule is None or not is_passed(user, position) or user not in self.found:
            return None
        return pull(user, position, rule, self.found[user], recorded=True)

    def _any(self, value: Any) -> int:
        if isinstance(value, Tensor):
            assert value.node is not None
            return self._emit(value.node)
        return self._constant(value, np.asarray(value).dtype)

    def _emit(self, wanted: Node) -> int:
        """Write what computes a node, after all that it needs."""
        stack = [wanted]
        while stack:
            node = stack[-1]
            if node in self.of:
                stack.pop()
                continue
            missing = [n for n in node.inputs if n is not None and n not in self.of]
            if missing and node.primitive is not None:
                stack += missing
                continue
            stack.pop()
            self._write(node)
        return self.of[wanted]

    def _write(self, node: Node) -> None:
        if node.primitive is None or node.tape is not self.again._tape:
            self.of[node] = self._constant(node.value, node.dtype)
            return
        places = [None if n is None else self.of[n] for n in node.inputs]
        key = (tuple(places), _without_inputs(computation(node, list(node.inputs)), node))
        if key in self.first:
            self.of[node] = self.first[key]
            return
        inputs = []
        for place, source, operand in zip(places, node.inputs, node.operands, strict=True):
            inputs.append(self._constant(operand, _meets(node)) if source is None else place)
        own = "" if node.primitive.built_in else ", your own primitive"
        step: dict[str, Any] = {
            "o": f"{node.operation}{own}",
            "i": inputs,
            "s": _shape(node.shape),
        }
        if node.dtype != np.float64:
            step["d"] = str(node.dtype)
        defaults = node.primitive.attributes
        given = {**defaults, **node.attributes}
        if (node.operation, str(node.dtype)) not in self.told:  # where the page may have to stop
            self.told.add((node.operation, str(node.dtype)))
            step |= self._place(node)
        attributes = {k: self._attribute(v) for k, v in given.items() if not _is_empty(v)}
        if attributes:
            step["a"] = attributes
        step["r"] = self.of[node] = self.first[key] = self._register(None)
        self.code.append(step)

    def _place(self, node: Node) -> dict[str, int]:
        """Say which step of the picture a node belongs to, and whether it does so backward."""
        forward = node.stage[0] if node.stage is not None else node
        step = self.steps.get(forward)
        if step is None:
            return {}
        return {"of": step} if node.stage is None else {"of": step, "back": 1}

    def _register(self, start: Any) -> int:
        self.registers.append(start)
        return len(self.registers) - 1

    def _constant(self, value: Any, dtype: Any) -> int:
        """Keep a constant; a Python number takes the dtype that it meets."""
        array = np.asarray(value)
        if type(value) in (int, float) and dtype == np.float32:
            array = array.astype(np.float32)
        if array.dtype.kind not in "biuf":
            raise UnwritableError(f"The function uses a constant of dtype {array.dtype}.")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.numbers += array.size
            if self.numbers > _MOST_NUMBERS:
                raise UnwritableError(
                    f"The function uses constants of more than {_MOST_NUMBERS} numbers, which is "
                    "more than a page computes with."
                )
            self.constants[key] = self._register(_array(array))
        return self.constants[key]

    def _attribute(self, value: Any) -> Any:
        if isinstance(value, tuple | list):
            return [self._attribute(v) for v in value]
        if isinstance(value, slice):
            bounds = (value.start, value.stop, value.step)
            return {"slice": [None if b is None else int(b) for b in bounds]}
        if isinstance(value, Slot):
            return {"slot": value.number}
        if value is Ellipsis:
            return {"ellipsis": 1}
        if isinstance(value, np.dtype | type):
            return np.dtype(value).name
        if isinstance(value, np.generic | np.ndarray):
            return plain(value)
        if isinstance(value, float) and not np.isfinite(value):
            return str(value)
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise UnwritableError(f"A step has an attribute of type {type(value).__name__}.")


def _is_empty(value: Any) -> bool:
    return value is None or value is inspect.Parameter.empty


def _without_inputs(key: Any, node: Node) -> Any:
    """Give what a step computes apart from which nodes: these are told by their registers."""
    primitive, *rest = key
    count = len(node.inputs)
    operands = [
        None if source is not None else part
        for source, part in zip(node.inputs, rest[:count], strict=True)
    ]
    return (primitive, *operands, *rest[count:])


def _meets(node: Node) -> Any:
    """Give the dtype that a Python number takes beside the other operands."""
    dtypes = [n.dtype for n in node.inputs if n is not None and not isinstance(n.dtype, tuple)]
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    return floats[0] if floats and all(d == floats[0] for d in floats) else node.dtype


def _shape(shape: Any) -> Any:
    return [_shape(n) for n in shape] if isinstance(shape, tuple) else int(shape)


def _array(value: Any) -> Any:
    """Write a start value to the last digit."""
    array = np.asarray(value)
    entry = whole(array)
    if array.shape and "v" not in entry:
        kind = "f4" if array.dtype == np.float32 else "f8"
        entry |= {"b": packed(array, f"<{kind}"), "as": kind}
    return entry
