"""Numbers that are computed alike, each from others: the packs of which vectors can be made.

Two nodes are in one pack if they do the same to members of the same packs. So members of a pack
never depend on each other. Additions that follow each other are one sum, whatever its order: its
pack is told by how many terms of which packs it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile import forms
from clearprop.compile.elements import computation_dtype, weak_number
from clearprop.graph import Node, TracedLeaf
from clearprop.rules.arithmetic import add, divide, multiply, subtract
from clearprop.rules.indexing import getitem

_MANY = 16  # different constants at one place of an operation: they are data
_MOST_READ = 1 << 20  # elements of an array whose single elements are looked at
_MOST_JOINED = 1 << 12  # elements of arguments that are put together
_COMMUTATIVE = (add, multiply)


class Literal:
    """A constant that is the same for all members of a pack."""

    number = -1  # before all packs

    def __init__(self, value: Any) -> None:
        self.value = value
        self._key = type(value), repr(value)  # keeps 1, 1.0, True and -0.0 apart

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and other._key == self._key


@dataclass(eq=False)
class Pack:
    """Numbers that are computed alike.

    Attributes
    ----------
    number : int
        What they are computed from has smaller ones.
    kind : str
        ``argument`` (numbers that come as one array), ``leaves``, ``elements`` (of arrays),
        ``constants``, ``map``, ``sum``, or ``kept``.
    dtype : dtype
    members : list
        Nodes; of ``elements`` the arrays, of ``constants`` the values.
    operands : list of Pack, or constants
        Of a map: where each operand comes from. Of a sum: the packs of its terms.
    slots : list of lists of int
        For each operand, which member of its pack it is. Of a sum: of all terms from this pack.
    start : float
        Of a sum: its constant terms.
    users : set of int
        The packs that read it; -1 for anything else.
    """

    number: int
    kind: str
    dtype: Any
    members: list[Any] = field(default_factory=list)
    operands: list[Any] = field(default_factory=list)
    slots: list[list[int]] = field(default_factory=list)
    start: Any = 0
    users: set[int] = field(default_factory=set)


class Packs:
    """The packs of a graph.

    Attributes
    ----------
    all : list of Pack
        In order.
    of : dict of Node to (Pack, int)
        Where a scalar is found: its pack, and which member it is.
    uses : dict of Node to int
    arguments : list of Pack
        Those of numbers that come as one array.
    scalar : int
        The number of packs, but for those that are one array.
    """

    def __init__(
        self, nodes: list[Node], outputs: set[Node], arguments: Iterable[list[Node]] = ()
    ) -> None:
        self.all: list[Pack] = []
        self.of: dict[Node, tuple[Pack, int]] = {}
        self.uses: dict[Node, int] = dict.fromkeys(outputs, 2)
        self._by_key: dict[Any, Pack | None] = {}
        self._views: dict[Node, tuple[Node, Any]] = {}
        self._offsets: dict[Node, tuple[Pack, int]] = {}
        self._values: dict[Any, int] = {}
        self.arguments = [self._new("argument", numbers[0].dtype) for numbers in arguments]
        for pack, numbers in zip(self.arguments, arguments, strict=True):
            for node in numbers:
                self._join(node, pack)
        inner = self._inner_sums(nodes)
        self._is_data = _varying(nodes)
        for node in nodes:
            if node not in inner:
                self._put(node, inner)
        self.scalar = sum(p.kind != "kept" or p.members[0].shape == () for p in self.all)
        for node in outputs:
            if node in self.of:
                self.of[node][0].users.add(-1)

    def _inner_sums(self, nodes: list[Node]) -> set[Node]:
        """Find the sums that are only part of another one."""
        sums: dict[Node, bool] = {}
        user: dict[Node, Node] = {}
        uses = self.uses
        for node in nodes:
            for source in node.inputs:
                if source is not None:
                    uses[source] = uses.get(source, 0) + 1
                    user[source] = node
            if node.primitive is add and node.shape == ():
                sums[node] = _is_sum(node)
        return {
            node
            for node, is_sum in sums.items()
            if is_sum and uses.get(node) == 1 and sums.get(user[node]) and
            user[node].dtype == node.dtype
        }  # fmt: skip

    def _put(self, node: Node, inner: set[Node]) -> None:
        primitive = node.primitive
        if primitive is None:
            if node not in self.of:
                self._put_leaf(node)
        elif node.shape != ():
            self._keep(node)
        elif primitive is add and _is_sum(node):
            self._put_sum(node, inner)
        elif primitive is getitem and len(node.operands) == 1:
            self._put_element(node)
        elif not (isinstance(primitive.kind, kinds.Elementwise) and self._put_map(node)):
            self._keep(node)

    def _new(self, kind: str, dtype: Any) -> Pack:
        pack = Pack(len(self.all), kind, dtype)
        self.all.append(pack)
        return pack

    def _known(self, key: Any, kind: str, dtype: Any) -> Pack:
        pack = self._by_key.get(key)
        if pack is None:
            pack = self._by_key[key] = self._new(kind, dtype)
        return pack

    def _join(self, node: Node, pack: Pack) -> None:
        self.of[node] = pack, len(pack.members)
        pack.members.append(node)

    def _keep(self, node: Node) -> None:
        for source in node.inputs:
            if source in self.of:
                self.of[source][0].users.add(-1)
        self._join(node, self._new("kept", node.dtype))

    def _put_leaf(self, node: Node) -> None:
        assert isinstance(node, TracedLeaf)
        if node.shape != () or node.whole:
            self._keep(node)
            return
        is_weak = node.weak is not None
        self._join(node, self._known(("leaves", node.dtype, is_weak), "leaves", node.dtype))

    # ---- elements of arrays ----------------------------------------------------------------------

    def _put_element(self, node: Node) -> None:
        source = node.inputs[0]
        if source is None or np.prod(source.shape) > _MOST_READ:
            self._keep(node)
            return
        base, places = self.view(source)
        pack, offset = self._read(base)
        self.of[node] = pack, offset + int(places[node.attributes["index"]])

    def view(self, node: Node) -> tuple[Node, Any]:
        """Give the array that a node is a part of, and for each element its number there."""
        if node not in self._views:
            source = node.inputs[0] if node.primitive is getitem else None
            if source is not None and len(node.operands) == 1:
                base, places = self.view(source)
                self._views[node] = base, places[node.attributes["index"]]
            else:
                size = int(np.prod(node.shape))
                self._views[node] = node, np.arange(size).reshape(node.shape)
        return self._views[node]

    def _read(self, base: Node) -> tuple[Pack, int]:
        """Give the pack that the elements of an array are in, and the number of the first."""
        if base not in self._offsets:
            size = int(np.prod(base.shape))
            key: Any = ("elements", base)
            if base.primitive is None and size <= _MOST_JOINED:
                key = ("elements", base.dtype, base.shape)
            pack = self._known(key, "elements", base.dtype)
            self._offsets[base] = pack, size * len(pack.members)
            pack.members.append(base)
        return self._offsets[base]

    # ---- what is computed ------------------------------------------------------------------------

    def _operand(self, node: Node, position: int) -> tuple[Any, int]:
        """Give the pack of an operand and the number in it; a constant is its own pack."""
        source = node.inputs[position]
        if source is not None:
            return self.of[source]
        value = node.operands[position]
        if (node.primitive, position) not in self._is_data:
            return Literal(value), 0
        return self._constant(value, node.dtype)

    def _constant(self, value: Any, dtype: Any) -> tuple[Any, int]:
        pack = self._known(("constants", dtype), "constants", dtype)
        value = dtype.type(value)
        key = (pack, value.tobytes())
        if key not in self._values:
            self._values[key] = len(pack.members)
            pack.members.append(value)
        return pack, self._values[key]

    def _put_map(self, node: Node) -> bool:
        primitive, attributes = node.primitive, node.attributes
        if any(source is not None and source.shape != () for source in node.inputs):
            return False
        found = [self._operand(node, k) for k in range(len(node.operands))]
        if primitive in _COMMUTATIVE:
            found.sort(key=lambda part: part[0].number)
        written = repr(sorted(attributes.items())) if attributes else ""
        key = (primitive, written, node.dtype, *(part for part, _ in found))
        if key in self._by_key:
            pack = self._by_key[key]
        else:
            fits = forms.has_loops(node) and all(
                _has_own_dtype(node, k) for k in range(len(node.operands))
            )
            pack = self._by_key[key] = self._new("map", node.dtype) if fits else None
            if pack is not None:
                pack.operands = [part for part, _ in found]
                pack.slots = [[] for _ in found]
                for part in pack.operands:
                    if isinstance(part, Pack):
                        part.users.add(pack.number)
        if pack is None:
            return False
        for slots, (_, slot) in zip(pack.slots, found, strict=True):
            slots.append(slot)
        self._join(node, pack)
        return True

    def _put_sum(self, node: Node, inner: set[Node]) -> None:
        start = 0.0
        terms: dict[Pack, list[int]] = {}
        waiting: list[tuple[Any, Any]] = [(node, None)]
        while waiting:
            source, value = waiting.pop()
            if source is None:
                if (add, 0) in self._is_data and value != 0:
                    pack, slot = self._constant(value, node.dtype)
                    terms.setdefault(pack, []).append(slot)
                else:
                    start += value
            elif source is node or source in inner:
                waiting += zip(reversed(source.inputs), reversed(source.operands), strict=True)
            else:
                pack, slot = self.of[source]
                terms.setdefault(pack, []).append(slot)
        groups = sorted(terms.items(), key=lambda term: term[0].number)
        counts = tuple((pack.number, len(slots)) for pack, slots in groups)
        pack = self._known(("sum", node.dtype, repr(start), counts), "sum", node.dtype)
        if not pack.members:
            pack.start = start
            pack.operands = [part for part, _ in groups]
            pack.slots = [[] for _ in groups]
            for part, _ in groups:
                part.users.add(pack.number)
        for so_far, (_, slots) in zip(pack.slots, groups, strict=True):
            so_far.extend(slots)
        self._join(node, pack)


def _is_sum(node: Node) -> bool:
    """Whether a node adds numbers of one dtype."""
    if node.dtype.kind != "f":
        return False
    for position, source in enumerate(node.inputs):
        if source is None:
            value = node.operands[position]
            if type(value) not in (float, int) and getattr(value, "dtype", None) != node.dtype:
                return False
        elif source.dtype != node.dtype or source.shape != () or _is_whole(source):
            return False
    return True


def _is_whole(node: Node) -> bool:
    """Whether a node is a Python integer, which is a constant of the program."""
    return isinstance(node, TracedLeaf) and node.whole


def _has_own_dtype(node: Node, position: int) -> bool:
    """Whether an operand counts with its dtype: no argument that is a weak number of another."""
    source = node.inputs[position]
    number = weak_number(node, position)
    if source is None or number is None:
        return True
    return isinstance(number, float) and bool(source.dtype == computation_dtype(node))


def _varying(nodes: Iterable[Node]) -> set[Any]:
    """Find the places of operations where constants differ from node to node."""
    values: dict[Any, set[Any]] = {}
    for node in nodes:
        if node.primitive in (add, subtract, multiply, divide) and node.shape == ():
            for position, source in enumerate(node.inputs):
                value: Any = node.operands[position] if source is None else None
                if source is None and node.dtype.kind == "f" and np.ndim(value) == 0:
                    place = (node.primitive, 0 if node.primitive in _COMMUTATIVE else position)
                    values.setdefault(place, set()).add(float(value))
    found = {place for place, some in values.items() if len(some) > _MANY}
    return found | {(primitive, 1) for primitive, _ in found if primitive in _COMMUTATIVE}
