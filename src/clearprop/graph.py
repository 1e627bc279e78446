"""The record: nodes, in the order in which they were computed.

A `Node` is one operation of the user's program, or one of its arguments. It knows its
primitive, its ordered inputs (``x * x`` has two), what must be kept for the backward pass,
and its place in the user's source. A node never changes once it is on the record.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from clearprop.errors import DTypeError
from clearprop.places import current_line

if TYPE_CHECKING:
    from clearprop.calls import Calls, Moment
    from clearprop.places import Place
    from clearprop.primitive import Primitive

#: The number of the next node: inputs always have smaller numbers than what is computed from them.
next_index: Callable[[], int] = itertools.count(1).__next__


NO_ATTRIBUTES: dict[str, Any] = {}  # what nodes without any share


class _Derivatives(threading.local):
    """How many functions are just being called so that a sweep may follow."""

    count = 0


open_derivatives = _Derivatives()


class Tape:
    """What one trace records: every node, in order, with its value and its place."""

    __slots__ = (
        *("calls", "has_places", "is_compiled", "is_lean", "is_staged"),
        *("is_trace", "nodes", "refusal", "stage"),
    )

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        #: who tells calls apart, where the graph is to be shown
        self.calls: Calls | None = None
        #: whether nodes are told where they were computed, which takes a quarter of the time
        self.has_places = True
        #: whether the graph is what is wanted; else a gradient is, and the tape only looks
        self.is_trace = True
        #: whether a program is made of the graph: what is read as a plain number would be fixed
        self.is_staged = False
        #: whether the program is for machine code: whole numbers among the arguments are constants
        self.is_compiled = False
        #: whether values that no sweep can ask for are not kept: the operations are all that counts
        self.is_lean = False
        #: the refusal of a reading, which the user's own `except` may have caught
        self.refusal: Exception | None = None
        #: while the backward pass is being recorded: the forward node and operand it is for
        self.stage: tuple[Node, int] | None = None

    def hide_steps(self, since: int, result: Node | None) -> None:
        """Mark the nodes made since a number as inner steps of one call, but for its result."""
        for node in reversed(self.nodes):
            if node.index <= since:
                break
            assert isinstance(node, TracedNode)
            node.is_inner = node is not result

    def keeps(self, primitive: Primitive) -> bool:
        """Whether a node made now keeps its value and those of its recorded operands.

        The compiler runs the body of a composite once more, on its operands.
        """
        return not self.is_lean or open_derivatives.count > 0 or primitive.is_composite

    def has_not(self, source: Node | None) -> bool:
        """Whether an operand is a constant here: plain, or only of an inner derivative's record."""
        return source is None or source.tape is not self

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)


class Node:
    """One operation, or one argument, on the record.

    Attributes
    ----------
    primitive : Primitive or None
        The operation; None for an argument (a leaf).
    inputs : tuple of Node or None
        Where each operand came from, in order; None for a constant.
    operands : tuple
        The operands' values, each None where no rule asks for it (all of them in a trace).
    attributes : dict
        The keyword arguments of the operation, such as ``axis``.
    value : array or None
        The result, where a rule asks for it (always in a trace).
    shape, dtype
        Of the result: what a cotangent of this node must have. Tuples of them where there are
        several outputs.
    index : int
        Its number; inputs have smaller ones.
    root : int
        The smallest number of any leaf it depends on: tells a nested derivative whether it
        must itself be recorded.
    active : bool
        Whether it depends differentiably on a leaf.
    tape : Tape or None
        The trace it belongs to; None where only a gradient was asked for.
    place : tuple
        The instructions of the user's frames, innermost first (in a trace).
    moment : Moment or None
        The call of the user's in which it was computed (in a trace).
    stage : tuple or None
        For a node of a recorded backward pass: the forward node and operand it serves.
    label : str
        The name of an argument.
    is_inner : bool
        Whether it is a step inside one call of the user's, whose result is another node.
    """

    __slots__ = ("attributes", "dtype", "index", "primitive", "root", "shape", "value")

    inputs: tuple[Node | None, ...]
    operands: tuple[Any, ...]
    primitive: Primitive | None
    attributes: dict[str, Any]
    value: Any
    shape: Any
    dtype: Any
    index: int
    root: int

    # What only a traced node has of its own; a node made for a gradient alone is light.
    active: bool = True
    is_inner: bool = False
    label: str = ""
    moment: Moment | None = None
    place: Place = ()
    stage: tuple[Node, int] | None = None
    tape: Tape | None = None

    @property
    def operation(self) -> str:
        """The name of the operation; ``argument`` for a leaf."""
        return "argument" if self.primitive is None else self.primitive.name

    def let_go(self) -> None:
        """Keep no operand and no value any longer; an argument keeps its own."""

    def __reduce__(self) -> Any:
        raise no_pickling()

    def __repr__(self) -> str:
        return f"<Node {self.index}: {self.label or self.operation}, shape {self.shape}>"


def no_pickling() -> DTypeError:
    """Say why a record stays where it is."""
    return DTypeError(
        "A record cannot be pickled or copied.",
        where=current_line(2),
        why="It refers to running code, and to everything it was computed from.",
        write="the arguments and the result, and the function as a module that is imported.",
    )


class WideNode(Node):
    """A node of any number of operands."""

    __slots__ = ("inputs", "operands")

    def __init__(
        self,
        primitive: Primitive | None,
        inputs: tuple[Node | None, ...],
        operands: tuple[Any, ...],
        attributes: dict[str, Any],
        value: Any,
        shape: tuple[int, ...],
        dtype: Any,
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.operands = operands
        self.attributes = attributes
        self.value = value
        self.shape = shape
        self.dtype = dtype
        self.index = next_index()
        root = self.index
        for node in inputs:
            if node is not None and node.root < root:
                root = node.root
        self.root = root

    def let_go(self) -> None:
        """Keep no operand and no value any longer."""
        self.operands, self.value = (), None

    @property
    def first(self) -> Any:
        """The first operand, where it was kept."""
        return self.operands[0]

    @property
    def second(self) -> Any:
        """The second operand, where it was kept."""
        return self.operands[1]


class _Mark:
    """What stands in a slot where there is no operand."""


ABSENT, GONE = _Mark(), _Mark()  # there never was one; it was let go


class ShortNode(Node):
    """A node of one or two operands, which has no tuples: half the memory, and half the time."""

    __slots__ = ("first", "left", "right", "second")

    left: Node | None
    right: Node | None
    first: Any
    second: Any

    @property
    def inputs(self) -> tuple[Node | None, ...]:  # type: ignore[override]
        """Where each operand came from."""
        return (self.left,) if self.second is ABSENT else (self.left, self.right)

    @property
    def operands(self) -> tuple[Any, ...]:  # type: ignore[override]
        """The operands' values; nothing once they were let go."""
        if self.first is GONE:
            return ()
        return (self.first,) if self.second is ABSENT else (self.first, self.second)

    def let_go(self) -> None:
        """Keep no operand and no value any longer."""
        self.first = GONE
        self.value = None


class ElementNode(ShortNode):
    """A node of ``x[3]`` or ``x[3] = y``: it keeps the 3, and no dict with a tuple in it.

    Arrays that are filled in a loop make so many that the garbage collector would feel it.
    """

    __slots__ = ("at",)

    def __init__(
        self,
        primitive: Primitive,
        left: Node,
        right: Node | None,
        second: Any,
        at: int,
        shape: Any,
        dtype: Any,
    ) -> None:
        self.primitive = primitive
        self.left = left
        self.right = right
        self.first = self.value = None
        self.second = second
        self.at = at
        self.shape = shape
        self.dtype = dtype
        self.index = next_index()
        self.root = left.root if right is None or left.root < right.root else right.root

    @property
    def attributes(self) -> dict[str, Any]:  # type: ignore[override]
        """The index, as every node of ``x[…]`` has it."""
        return {"index": (self.at,)}


def part_node(
    primitive: Primitive, left: Node, attributes: dict[str, Any], value: Any
) -> ShortNode:
    """Make the node of ``x[1:]``, which keeps no value: the index says all that its rule needs."""
    node = ShortNode()
    node.primitive = primitive
    node.left = left
    node.right = node.first = node.value = None
    node.second = ABSENT
    node.attributes = attributes
    node.shape = value.shape
    node.dtype = value.dtype
    node.index = next_index()
    node.root = left.root
    return node


class TracedNode(WideNode):
    """A node of a trace: it knows its tape and its place, and may have no derivative."""

    __slots__ = ("active", "is_inner", "label", "moment", "place", "stage", "tape")

    def __init__(
        self,
        *form: Any,
        active: bool,
        tape: Tape | None,
        place: Place = (),
        moment: Moment | None = None,
    ) -> None:
        super().__init__(*form)
        self.active = active
        self.is_inner = False
        self.label = ""
        self.moment = moment
        self.place = place
        self.stage = None if tape is None else tape.stage
        self.tape = tape
        if tape is not None:
            tape.nodes.append(self)

    def forget(self) -> None:
        """Keep no value any longer but constants, and what the compiler runs a composite on."""
        assert self.tape is not None
        if self.value is None or not self.tape.is_lean:
            return  # it is forgotten, or never was kept
        if self.primitive is not None and not self.primitive.is_composite:
            self.value = None
            pairs = zip(self.inputs, self.operands, strict=True)
            has_not = self.tape.has_not
            self.operands = tuple([v if has_not(source) else None for source, v in pairs])


class Leaf(Node):
    """An argument to differentiate with respect to; it collects the imperative face's ``grad``."""

    __slots__ = ("grad", "live")

    inputs = ()
    operands = ()

    def __init__(self, value: Any) -> None:
        self.primitive = None
        self.attributes = NO_ATTRIBUTES
        self.value = value
        self.shape = value.shape
        self.dtype = value.dtype
        self.index = self.root = next_index()
        self.grad: Any = None
        self.live = False  # while the function that a transform calls with it is running


class TracedLeaf(TracedNode):
    """An argument of a traced function."""

    __slots__ = ("weak",)

    def __init__(self, value: Any, tape: Tape, label: str = "", weak: float | None = None) -> None:
        form: tuple[Any, ...] = (None, (), (), {}, value, value.shape, value.dtype)
        super().__init__(*form, active=value.dtype.kind in "fc", tape=tape)
        self.label = label
        self.weak = weak  # the Python number it was made from, which takes the dtype it meets

    @property
    def whole(self) -> bool:
        """Whether it was made from a Python int, which may also count: range(n)."""
        return isinstance(self.weak, int)
