"""From nodes to elements: what one element of a value is, wherever it is needed.

An elementwise node asks its operands, a transposition or a slice asks its operand at another place,
an array in memory is read. So chains fuse by themselves, into the loop of whoever needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.affine import Affine, Place, Var, flat, of, strides_of, whole
from clearprop.compile.patterns import steps
from clearprop.compile.scalars import (
    INDEX,
    Apply,
    Array,
    Chosen,
    Constant,
    Load,
    Number,
    Scalar,
    converted,
)
from clearprop.graph import Node, TracedLeaf
from clearprop.rules.indexing import Slot

Index = tuple[Affine, ...]

_WHOLE = {"sigmoid", "erf", "logaddexp"}  # not as their text says: they have machine code


class Elements:
    """The elements of values, as expressions.

    Parameters
    ----------
    in_memory : callable
        Gives the array that holds a node, or None where it is computed on the way.
    constant : callable
        Gives the array that holds a constant.
    """

    def __init__(
        self, in_memory: Callable[[Node], Array | None], constant: Callable[[Any], Array]
    ) -> None:
        self.in_memory = in_memory
        self.constant = constant
        self._known: dict[Any, Scalar] = {}
        self._chosen: dict[Any, Chosen] = {}

    def element(self, node: Node | None, value: Any, index: Index) -> Scalar:
        """Give one element of an operand: of a node, or of a constant."""
        if node is None:
            plain = np.asarray(value)
            if plain.ndim == 0:
                return Constant(value, np.float64 if isinstance(value, float) else plain.dtype)
            if plain.size and plain.dtype.kind in "fiub" and _is_uniform(plain):
                return Constant(plain.flat[0], plain.dtype)
            return Load(self.constant(plain), flat(index, plain.shape))
        key = (node, index)
        if key not in self._known:
            array = self.in_memory(node)
            self._known[key] = (
                self.computed(node, index)
                if array is None
                else Load(array, flat(index, array.shape))
            )
        return self._known[key]

    def operand(self, node: Node, position: int, index: Index) -> Scalar:
        """Give one element of an operand of a node."""
        return self.element(node.inputs[position], node.operands[position], index)

    def computed(self, node: Node, index: Index) -> Scalar:
        """Give one element of a node from the elements of its operands."""
        assert node.primitive is not None
        return _COMPUTED[type(node.primitive.kind)](self, node, index)

    def chosen(self, i: Scalar, axis: int, length: int) -> Affine:
        """Make a variable of places of a number that is data; it is checked where it is used."""
        key = (i, axis, length)
        if key not in self._chosen:
            self._chosen[key] = Chosen(converted(i, INDEX), axis, length)
        return of(self._chosen[key].var)

    def source_index(self, node: Node, first: int, shape: tuple[int, ...], index: Index) -> Index:
        """Give where a skeleton reads for the element at ``index`` of its result.

        ``first`` is the position of the node's first index array.
        """
        skeleton = expanded(node.attributes["index"], len(shape))
        arrays = [part for part in skeleton if isinstance(part, Slot)]
        rank = max((len(operand_shape(node, first + part.number)) for part in arrays), default=0)
        together = gathered_first(skeleton)
        rest = iter(index[rank:] if together else index)
        shared: Index | None = index[:rank] if together else None
        made: list[Affine] = []
        axis = 0
        for part in skeleton:
            if part is None:
                next(rest)
                continue
            length = shape[axis]
            if isinstance(part, slice):
                start, _, step = part.indices(length)
                made.append(next(rest) * step + start)
            elif isinstance(part, Slot):
                if shared is None:
                    shared = tuple(next(rest) for _ in range(rank))
                made.append(self._indexed(node, first + part.number, shared, (axis, length)))
            else:
                made.append(whole(int(part) % length))
            axis += 1
        return tuple(made)

    def _indexed(self, node: Node, position: int, shared: Index, along: tuple[int, int]) -> Affine:
        """Give the place along an axis that an index array says."""
        axis, length = along
        at = broadcast_index(operand_shape(node, position), shared)
        if node.inputs[position] is None:
            counted = steps(np.asarray(node.operands[position]))
            if counted is not None:
                start, by_axis = counted
                place = Affine((), start)
                for i, step in zip(at, by_axis, strict=True):
                    place += i * step
                if place.least >= 0 and place.most < length:
                    return place
        return self.chosen(self.operand(node, position, at), axis, length)

    # ---- the kinds that are computed element by element ------------------------------------------

    def _elementwise(self, node: Node, index: Index) -> Scalar:
        assert node.primitive is not None
        dtype = computation_dtype(node)
        operands: list[Any] = []
        for position in range(len(node.operands)):
            number = weak_number(node, position)
            if number is not None and is_fixed(node, position):
                operands.append(number)
                continue
            at = broadcast_index(operand_shape(node, position), index)
            element = self.operand(node, position, at)
            operands.append(element if number is None else converted(element, dtype))
        if node.primitive.name in _WHOLE and dtype.kind == "f":
            whole = tuple(converted(operand, dtype) for operand in operands)
            return Apply(node.primitive.name, whole, node.dtype)
        result = node.primitive.function(*operands, **node.attributes)
        return converted(result, node.dtype)

    def _broadcast(self, node: Node, index: Index) -> Scalar:
        return self.operand(node, 0, broadcast_index(operand_shape(node, 0), index))

    def _permuted(self, node: Node, index: Index) -> Scalar:
        assert node.primitive is not None
        name, shape = node.primitive.name, operand_shape(node, 0)
        if name == "transpose":
            axes = node.attributes.get("axes") or tuple(reversed(range(len(shape))))
            source = [Affine()] * len(shape)
            for position, axis in enumerate(axes):
                source[axis % len(shape)] = index[position]
            return self.operand(node, 0, tuple(source))
        if name == "flip":
            turned = reduced_axes(node.attributes.get("axis"), len(shape))
            return self.operand(
                node,
                0,
                tuple(
                    -i + (n - 1) if k in turned else i
                    for k, (i, n) in enumerate(zip(index, shape, strict=True))
                ),
            )
        if name == "reshape":
            return self._reshaped(node, index, shape)
        return converted(self.operand(node, 0, index), node.dtype)

    def _reshaped(self, node: Node, index: Index, shape: tuple[int, ...]) -> Scalar:
        place = flat(index, node.shape)
        source = node.inputs[0]
        array = None if source is None else self.in_memory(source)
        if array is not None:
            return Load(array, place)
        if source is None:
            return Load(self.constant(np.asarray(node.operands[0])), place)
        return self.operand(node, 0, self.unravelled(place, shape))

    def unravelled(self, place: Affine, shape: tuple[int, ...]) -> Index:
        """Give the index whose place in an array in C order this is."""
        split = split_place(place, shape)
        if split is not None:
            return split
        number = Number(place)
        found = []
        for n, step in zip(shape, strides_of(shape), strict=True):
            part: Scalar = number
            if step > 1:
                part = Apply("floor_divide", (part, Constant(step, INDEX)), INDEX)
            part = Apply("remainder", (part, Constant(n, INDEX)), INDEX)
            found.append(of(Chosen(part, -1, n).var))
        return tuple(found)

    def _gathered(self, node: Node, index: Index) -> Scalar:
        assert node.primitive is not None
        if node.primitive.name == "take_along_axis":
            axis = node.attributes.get("axis", -1) % len(index)
            at = self.operand(node, 1, broadcast_index(operand_shape(node, 1), index))
            shape = operand_shape(node, 0)
            source = broadcast_index(shape, index, keep=axis)
            place = self.chosen(at, axis, shape[axis])
            return self.operand(node, 0, (*source[:axis], place, *source[axis + 1 :]))
        return self.operand(node, 0, self.source_index(node, 1, operand_shape(node, 0), index))

    def _won(self, node: Node, index: Index) -> Scalar:
        n, c, i, j = index
        (height, width), (down, right) = node.attributes["size"], node.attributes["stride"]
        columns = operand_shape(node, 0)[3]
        best: Any = None
        place: Any = None
        for u in range(height):
            for v in range(width):
                row, column = i * down + u, j * right + v
                here: Any = Number(row * columns + column)
                x: Any = self.operand(node, 0, (n, c, row, column))
                if best is None:
                    best, place = x, here
                    continue
                better = (x > best) | (np.isnan(x) & ~np.isnan(best))
                where: Any = np.where
                best, place = where(better, x, best), where(better, here, place)
        return converted(place, node.dtype)


def _is_uniform(array: Any) -> bool:
    """Whether all elements have the same bits."""
    if all(step == 0 or n == 1 for n, step in zip(array.shape, array.strides, strict=True)):
        return True
    first = array.flat[0]
    same = array == first
    return bool(np.all(same)) and (first != 0 or not np.any(np.signbit(array) != np.signbit(first)))


def split_place(place: Affine, shape: tuple[int, ...]) -> Index | None:
    """Write a place as an index, where its terms fall into the axes by themselves."""
    if 0 in shape:  # there is no place
        return (Affine(),) * len(shape)
    index: list[Affine] = []
    rest = place
    for n, step in zip(shape, strides_of(shape), strict=True):
        if n == 1:
            index.append(Affine())
            continue
        terms = tuple((v, f // step) for v, f in rest.terms if f % step == 0)
        constant = rest.constant // step
        here = Affine(terms, constant)
        left = rest - here * step
        if not (here.least >= 0 and here.most < n and left.least >= 0 and left.most < step):
            return None
        index.append(here)
        rest = left
    return tuple(index) if rest == Affine() else None


def weak_number(node: Node, position: int) -> float | int | None:
    """Give an operand that is a Python number, which takes the dtype of the others."""
    source = node.inputs[position]
    value = node.operands[position] if source is None else None
    if isinstance(source, TracedLeaf):
        value = source.weak
    return value if type(value) in (float, int) else None


def is_fixed(node: Node, position: int) -> bool:
    """Whether an operand that is a Python number is the same in every call: not a float argument.

    An integer that is passed is a constant of the program.
    """
    return node.inputs[position] is None or type(weak_number(node, position)) is int


def operand_dtype(node: Node, position: int) -> Any:
    """Give the dtype of an operand, computed or constant."""
    source = node.inputs[position]
    return source.dtype if source is not None else np.asarray(node.operands[position]).dtype


def operand_shape(node: Node, position: int) -> tuple[int, ...]:
    """Give the shape of an operand, computed or constant."""
    source = node.inputs[position]
    return source.shape if source is not None else np.shape(node.operands[position])


def computation_dtype(node: Node) -> Any:
    """Give the dtype an elementwise node computes in; for a comparison, that of its operands."""
    if node.dtype.kind == "f":
        return node.dtype
    return np.result_type(
        *(
            operand_dtype(node, position) if number is None else number
            for position, number in enumerate(
                weak_number(node, position) for position in range(len(node.operands))
            )
        )
    )


def reduced_axes(axis: Any, ndim: int) -> set[int]:
    """Give the axes that an attribute names: all of them for None."""
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return {a % ndim for a in axes} if ndim else set()


def broadcast_index(
    shape: tuple[int, ...], index: tuple[Place, ...], keep: int | None = None
) -> Index:
    """Give the index into an operand of this shape, broadcast against the result."""
    trailing = index[len(index) - len(shape) :]
    return tuple(
        Affine() if n == 1 and k != keep else whole(i)
        for k, (i, n) in enumerate(zip(trailing, shape, strict=True))
    )


def expanded(skeleton: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    """Write out the Ellipsis, or the slices left out at the end."""
    used = sum(part is not None and part is not Ellipsis for part in skeleton)
    fill = (slice(None),) * (ndim - used)
    if Ellipsis in [p if p is Ellipsis else None for p in skeleton]:
        at = next(i for i, part in enumerate(skeleton) if part is Ellipsis)
        return (*skeleton[:at], *fill, *skeleton[at + 1 :])
    return (*skeleton, *fill)


def gathered_first(skeleton: tuple[Any, ...]) -> bool:
    """Whether NumPy puts the axes of index arrays first: they are not next to each other."""
    places = [k for k, part in enumerate(skeleton) if isinstance(part, Slot | int | np.integer)]
    if not any(isinstance(part, Slot) for part in skeleton):
        return False
    return places != list(range(places[0], places[-1] + 1)) or places[0] == 0


_COMPUTED: dict[type[kinds.Kind], Callable[[Elements, Node, Index], Scalar]] = {
    kinds.Elementwise: Elements._elementwise,
    kinds.Broadcast: Elements._broadcast,
    kinds.Permute: Elements._permuted,
    kinds.Gather: Elements._gathered,
    kinds.Winner: Elements._won,
}

COMPUTED_KINDS = tuple(_COMPUTED)


def loop_index(shape: tuple[int, ...]) -> tuple[Index, tuple[Var, ...]]:
    """Make a loop variable for each axis; axes of length 1 have none, and are at 0."""
    variables = tuple(Var(n) for n in shape)
    return tuple(Affine() if v.extent == 1 else of(v) for v in variables), variables
