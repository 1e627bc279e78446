"""Thousands of scalars as a few arrays: what was written out in Python is rolled up again.

Scalars that are computed alike become one array operation, whose operands are read at constant
places from the arrays before; sums of products become products of matrices. The order of sums
changes, so that results are equal to rounding. What comes out are ordinary nodes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.compile.apart import TOGETHER, Apart
from clearprop.compile.making import made_node, replaced_inputs
from clearprop.compile.packs import Literal, Pack, Packs
from clearprop.compile.patterns import arranged, by_first, contraction, finer, steps
from clearprop.equivalence import needed
from clearprop.graph import NO_ATTRIBUTES, Node, TracedNode
from clearprop.rules.arithmetic import add, multiply
from clearprop.rules.indexing import Slot, getitem
from clearprop.rules.linear import matmul
from clearprop.rules.reduction import sum as total
from clearprop.rules.shape import concatenate, copy, reshape, transpose

LEAST = 500  # scalars that are worth it
FEWER = 4  # times fewer nodes than before, or it is left
_FEW_TERMS = 4  # that are added one by one


@dataclass
class Rolled:
    """A graph that was rolled up.

    Attributes
    ----------
    nodes : list of Node
        In order.
    new : dict of Node to Node
        What now computes each of the outputs.
    arguments : list of (Node, list of Node)
        Arrays that come in the place of numbers.
    results : list of Node
        Arrays of the numbers that are to be joined.
    """

    nodes: list[Node]
    new: dict[Node, Node]
    arguments: list[tuple[Node, list[Node]]] = field(default_factory=list)
    results: list[Node] = field(default_factory=list)


def rerolled(
    nodes: list[Node],
    outputs: set[Node],
    arguments: list[list[Node]],
    results: list[list[Node]],
) -> Rolled:
    """Roll up the scalars of a graph, if there are many and they are computed alike.

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
    everything = outputs.union(*results)
    same = {node: node for node in everything}
    scalars = sum(node.shape == () and node.primitive is not None for node in nodes)
    if scalars < LEAST:
        return Rolled(nodes, same)
    apart = Apart(nodes)
    asked = {apart[node] for node in everything}
    if apart.is_long:
        apart, asked = Apart(nodes, is_followed=False), everything
    used = needed(asked, {})
    packs = Packs([node for node in apart.nodes if node in used], asked, arguments)
    if packs.scalar * FEWER > scalars:
        return Rolled(nodes, same)
    made = _Vectors(packs)
    joined = [made.collected([apart[node] for node in part]) for part in results]
    new = {node: made.scalar(apart[node]) for node in outputs}
    used = needed([*new.values(), *joined], {})
    return Rolled(
        [node for node in made.nodes if node in used],
        new,
        [(made._array(pack), pack.members) for pack in packs.arguments],
        joined,
    )


class _Vectors:
    """The arrays that hold the packs, each with its own order of the members."""

    def __init__(self, packs: Packs) -> None:
        self.packs = packs
        self.nodes: list[Node] = []
        self._arrays: dict[Pack, Node] = {}
        self._position: dict[Pack, Any] = {}  # for each member, where it is in the array
        self._new: dict[Node, Node] = {}
        self._scalars: dict[Any, Node] = {}
        waiting = {pack for pack in packs.all if self._is_product(pack)}
        for pack in packs.arguments:
            self._arrays[pack] = self._argument(pack)
        for pack in packs.all:
            if pack.kind == "kept":
                self._keep(pack.members[0])
            elif pack.kind != "constants" and pack not in waiting:
                self._array(pack)

    def _is_product(self, pack: Pack) -> bool:
        """Whether a pack is of products that are summed, and needed for nothing else."""
        users = list(pack.users)
        if not (pack.kind == "map" and pack.members[0].primitive is multiply):
            return False
        if len(users) != 1 or users[0] < 0 or any(isinstance(p, Literal) for p in pack.operands):
            return False
        user = self.packs.all[users[0]]
        if user.kind != "sum":
            return False
        slots = user.slots[user.operands.index(pack)]
        return 2 * len(user.members) <= len(slots) == len(pack.members)

    # ---- nodes -----------------------------------------------------------------------------------

    def _made(
        self,
        primitive: Any,
        operands: list[Any],
        shape: Any,
        dtype: Any,
        like: Any,
        given: dict[str, Any] = NO_ATTRIBUTES,
    ) -> Node:
        node = made_node(primitive, operands, shape, dtype, like, given)
        self.nodes.append(node)
        return node

    def _keep(self, node: Node) -> None:
        """Take over a node as it is; what it reads of the scalars is read from their arrays."""
        if node.primitive is None:
            self.nodes.append(node)
            self._new[node] = node
            return
        if node.primitive is TOGETHER:
            parts = [v if n is None else n for n, v in zip(node.inputs, node.operands, strict=True)]
            self._new[node] = self._reshaped(self.collected(parts, node), node.shape)
            return
        operands, is_other = replaced_inputs(node, self.scalar)
        if not is_other:
            self.nodes.append(node)
            self._new[node] = node
            return
        made = self._made(node.primitive, operands, node.shape, node.dtype, node, node.attributes)
        self._new[node] = made

    def scalar(self, node: Node) -> Node:
        """Give the node that computes a node of the old graph."""
        if node not in self._new:
            pack, slot = self.packs.of[node]
            array = self._array(pack)
            place = np.unravel_index(int(self._position[pack][slot]), array.shape)
            index = tuple(map(int, place))
            self._new[node] = self._made(getitem, [array], (), array.dtype, node, {"index": index})
        return self._new[node]

    def _reshaped(self, node: Node, shape: tuple[int, ...]) -> Node:
        if node.shape == shape:
            return node
        return self._made(reshape, [node], shape, node.dtype, node, {"shape": shape})

    # ---- arrays ----------------------------------------------------------------------------------

    def _array(self, pack: Pack) -> Node:
        if pack not in self._arrays:
            make = {"map": self._map, "sum": self._sum}.get(pack.kind, self._joined)
            self._arrays[pack] = make(pack)
        return self._arrays[pack]

    def _argument(self, pack: Pack) -> Node:
        """Make an argument that comes as one array."""
        count = len(pack.members)
        form: tuple[Any, ...] = (None, (), (), {}, None, (count,), pack.dtype)
        node = TracedNode(*form, active=False, tape=None)
        node.label = re.split(r"\W", pack.members[0].label)[0]
        self.nodes.append(node)
        self._position[pack] = np.arange(count)
        return node

    def collected(self, parts: list[Any], like: Node | None = None) -> Node:
        """Put numbers, nodes and constants, into one array, which is nothing else."""
        like = like or parts[0]
        constants: dict[Any, int] = {}
        packs: dict[Any, int] = {}
        places = []
        found = []
        for part in parts:
            if isinstance(part, Node):
                pack, slot = self.packs.of[part]
                places.append(int(self._places(pack, slot)))
            else:
                pack = None
                places.append(constants.setdefault(part.tobytes(), len(constants)))
            packs.setdefault(pack, len(packs))
            found.append(pack)
        if len(packs) == 1 and found[0] is not None:
            array: Node = self._read(found[0], np.array(places))
        else:
            array = self._merged(list(packs), found, places, constants, like)
        if array.primitive is not None:
            return array
        return self._made(copy, [array], array.shape, array.dtype, like)

    def _merged(
        self, packs: list[Any], found: list[Any], places: list[int], constants: Any, like: Node
    ) -> Node:
        """Read numbers of several packs; of no pack are constants."""
        known = np.frombuffer(b"".join(constants), like.dtype)
        arrays = [known if pack is None else self._array(pack) for pack in packs]
        sizes = [math.prod(array.shape) for array in arrays]
        starts = np.cumsum([0, *sizes])
        flat = [
            self._reshaped(a, (n,)) if isinstance(a, Node) else a
            for a, n in zip(arrays, sizes, strict=True)
        ]
        joined = self._made(concatenate, flat, (int(starts[-1]),), like.dtype, like, {"axis": 0})
        first = dict(zip(packs, starts.tolist(), strict=False))
        at = np.array(places) + np.array([first[pack] for pack in found])
        if np.array_equal(at, np.arange(starts[-1])):
            return joined
        slots = {"index": (Slot(0),)}
        return self._made(getitem, [joined, at], at.shape, like.dtype, like, slots)

    def _joined(self, pack: Pack) -> Node:
        """Put arguments, or arrays of which elements are read, into one array."""
        parts = pack.members
        if pack.kind == "leaves":
            self.nodes += parts
            self._new.update(zip(parts, parts, strict=True))
        news = [self._new[part] for part in parts]
        self._position[pack] = np.arange(sum(math.prod(part.shape) for part in parts))
        if len(news) == 1 and news[0].shape:
            return news[0]
        flat = [self._reshaped(part, (math.prod(part.shape),)) for part in news]
        if len(flat) == 1:
            return flat[0]
        return self._made(
            concatenate, flat, self._position[pack].shape, pack.dtype, parts[0], {"axis": 0}
        )

    def _places(self, pack: Pack, slots: Any) -> Any:
        """Give where members of a pack are."""
        if pack.kind == "constants":
            return np.asarray(slots)
        self._array(pack)
        return self._position[pack][slots]

    def _read(self, pack: Pack, places: Any) -> Any:
        """Read a pack's array at places: a node, or an array of constants."""
        if pack.kind == "constants":
            return np.array(pack.members, pack.dtype)[places]
        array = self._array(pack)
        size = math.prod(array.shape)
        if array.shape == places.shape and np.array_equal(places.reshape(-1), np.arange(size)):
            return array
        index = np.unravel_index(places, array.shape)
        if any(steps(part) is None for part in index):
            array, index = self._reshaped(array, (size,)), (places,)
        slots = tuple(map(Slot, range(len(index))))
        return self._made(
            getitem, [array, *index], places.shape, array.dtype, array, {"index": slots}
        )

    def _factors(self, pack: Pack) -> list[Any]:
        """Give for each operand of a map where it reads."""
        columns: list[Any] = [
            None if isinstance(part, Literal) else self._places(part, slots)
            for part, slots in zip(pack.operands, pack.slots, strict=True)
        ]
        if pack.members[0].primitive is multiply and pack.operands[0] is pack.operands[-1]:
            return [np.minimum(*columns[:2]), np.maximum(*columns[:2])]
        return columns

    def _map(self, pack: Pack) -> Node:
        columns = self._factors(pack)
        some = [column for column in columns if column is not None]
        at, lengths = arranged(sorted(some, key=lambda c: -len(np.unique(c))))
        self._set_order(pack, at)
        for part, column in zip(pack.operands, columns, strict=True):
            if part in self._arrays and np.array_equal(column[at], np.arange(len(at))):
                lengths = finer(lengths, self._arrays[part].shape)
        operands = [
            part.value if isinstance(part, Literal) else self._read(part, c[at].reshape(lengths))
            for part, c in zip(pack.operands, columns, strict=True)
        ]
        first = pack.members[0]
        return self._made(first.primitive, operands, lengths, pack.dtype, first, first.attributes)

    def _set_order(self, pack: Pack, at: Any) -> None:
        self._position[pack] = position = np.empty(len(at), int)
        position[at] = np.arange(len(at))

    # ---- sums ------------------------------------------------------------------------------------

    def _sum(self, pack: Pack) -> Node:
        products: list[tuple[Pack, Any, Any]] = []
        others: list[tuple[Pack, Any]] = []
        members = len(pack.members)
        for part, given in zip(pack.operands, pack.slots, strict=True):
            slots = np.reshape(given, (members, -1))
            if part not in self._arrays and part.kind == "map":
                a, b = (column[slots] for column in self._factors(part))
                terms = np.lexsort((b, a))
                a, b = (np.take_along_axis(x, terms, axis=1) for x in (a, b))
                if contraction(*by_first(a, b)) is not None:
                    products.append((part, a, b))
                    continue
            others.append((part, np.sort(self._places(part, slots), axis=1)))
        columns = [x[:, 0] for _, *both in products for x in both]
        simple = [p[:, k] for _, p in others for k in range(min(p.shape[1], _FEW_TERMS))]
        simple.sort(key=lambda c: -len(np.unique(c)))
        at, lengths = arranged([*columns, *simple])
        self._set_order(pack, at)
        first = pack.members[0]
        parts: list[Any] = [self._product(part, a[at], b[at], lengths) for part, a, b in products]
        for part, places in others:
            parts += self._terms(part, places[at], lengths)
        if pack.start:
            parts.append(float(pack.start))
        result: Node = parts[0]
        for part in parts[1:]:
            result = self._made(add, [result, part], lengths, pack.dtype, first)
        return result

    def _terms(self, pack: Pack, places: Any, lengths: tuple[int, ...]) -> list[Any]:
        """Read terms of one pack: a few as they are, many as their sum."""
        count = places.shape[1]
        if count <= _FEW_TERMS:
            return [self._read(pack, places[:, k].reshape(lengths)) for k in range(count)]
        terms = self._read(pack, places.reshape(*lengths, count))
        return [
            self._made(total, [terms], lengths, pack.dtype, terms, {"axis": -1, "keepdims": False})
        ]

    def _product(self, pack: Pack, a: Any, b: Any, lengths: tuple[int, ...]) -> Node:
        """Multiply matrices."""
        found = contraction(a, b)
        assert found is not None
        left, right = found.left, found.right
        if len(left) == 1:
            left, right = left[0], right[0]
        operands = [
            self._read(part, places)
            for part, places in zip(pack.operands, (left, right), strict=True)
        ]
        first = pack.members[0]
        made = self._made(matmul, operands, (*left.shape[:-1], right.shape[-1]), pack.dtype, first)
        axes = tuple(map(int, np.argsort(found.axes)))
        if axes != tuple(range(len(axes))):
            made = self._reshaped(made, found.lengths)
            shape = tuple(found.lengths[k] for k in axes)
            made = self._made(transpose, [made], shape, pack.dtype, first, {"axes": axes})
        return self._reshaped(made, lengths)
