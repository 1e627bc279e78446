"""From nodes to loops.

Every value can say what its element at given indices is (`Loops.element`): an elementwise
node asks its operands, a transposition or a slice asks its operand at other indices, an array in
memory is read. So chains fuse by themselves, into the loop of whoever needs the elements. What
is used more than once, or is reduced, is put into memory by a loop of its own form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.scalar import literal, scalar_statements
from clearprop.graph import Node, TracedLeaf
from clearprop.rules.indexing import Slot

Index = tuple[str, ...]


class Loops:
    """Write the loops of one compiled piece.

    Parameters
    ----------
    in_memory : callable
        Gives the name of the array that holds a node, or None where it is computed on the way.
    constant : callable
        Gives the name under which the piece receives a constant array.
    """

    def __init__(
        self, in_memory: Callable[[Node], str | None], constant: Callable[[Any], str]
    ) -> None:
        self.in_memory = in_memory
        self.constant = constant
        self.lines: list[str] = []
        self.depth = 1
        self._count = 0
        self._known: list[dict[tuple[Node, Index], str]] = [{}]

    # ---- writing lines ---------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Write a line at the present depth."""
        self.lines.append("    " * self.depth + text)

    def fresh(self, stem: str = "v") -> str:
        """Give a new variable name."""
        self._count += 1
        return f"{stem}{self._count}"

    def nest(self, shape: tuple[int, ...], body: Callable[[Index], None]) -> None:
        """Write a loop nest over a shape around what ``body`` writes."""
        index = tuple(self.fresh("i") for _ in shape)
        for name, length in zip(index, shape, strict=True):
            self.line(f"for {name} in range({length}):")
            self.depth += 1
        self._known.append({})
        before = len(self.lines)
        body(index)
        if shape and len(self.lines) == before:
            self.line("pass")
        self._known.pop()
        self.depth -= len(shape)

    # ---- elements --------------------------------------------------------------------------

    def element(self, node: Node | None, value: Any, index: Index) -> str:
        """Write what computes one element of an operand; give the variable that holds it."""
        if node is None:
            return self._of_constant(value, index)
        array = self.in_memory(node)
        if array is not None:
            return f"{array}[{', '.join(index)}]" if index else f"{array}[()]"
        for known in reversed(self._known):
            if (node, index) in known:
                return known[node, index]
        text = self.computed(node, index)
        if not text.isidentifier():
            name = self.fresh()
            self.line(f"{name} = {text}")
            text = name
        self._known[-1][node, index] = text
        return text

    def _of_constant(self, value: Any, index: Index) -> str:
        array = np.asarray(value)
        if array.ndim == 0:
            dtype = np.float64 if isinstance(value, float) else array.dtype
            return literal(value, dtype)
        return f"{self.constant(array)}[{', '.join(index)}]"

    def computed(self, node: Node, index: Index) -> str:
        """Write what computes one element of a node from the elements of its operands."""
        primitive = node.primitive
        assert primitive is not None
        kind = primitive.kind
        if isinstance(kind, kinds.Elementwise):
            return self._elementwise(node, index)
        if isinstance(kind, kinds.Broadcast):
            return self.operand(node, 0, broadcast_index(operand_shape(node, 0), index))
        if isinstance(kind, kinds.Permute):
            return self._permuted(node, index)
        if isinstance(kind, kinds.Gather):
            return self._gathered(node, index)
        raise AssertionError(f"{primitive.name} is not computed element by element")

    def operand(self, node: Node, position: int, index: Index) -> str:
        """Write what computes one element of an operand of a node."""
        return self.element(node.inputs[position], node.operands[position], index)

    def _elementwise(self, node: Node, index: Index) -> str:
        assert node.primitive is not None
        dtype = computation_dtype(node)
        operands = []
        for position in range(len(node.operands)):
            number = weak_number(node, position)
            if number is not None and is_fixed(node, position):
                operands.append(literal(number, dtype))
            else:
                at = broadcast_index(operand_shape(node, position), index)
                text = self.operand(node, position, at)
                operands.append(text if number is None else _cast(dtype, text))
        statements, result = scalar_statements(
            node.primitive, node.attributes, operands, dtype, self.fresh
        )
        for statement in statements:
            self.line(statement)
        return _cast(node.dtype, result)  # Numba computes integers in 64 bits; NumPy's wrap

    def _permuted(self, node: Node, index: Index) -> str:
        assert node.primitive is not None
        name, shape = node.primitive.name, operand_shape(node, 0)
        if name == "transpose":
            axes = node.attributes.get("axes") or tuple(reversed(range(len(shape))))
            source = [""] * len(shape)
            for position, axis in enumerate(axes):
                source[axis % len(shape)] = index[position]
            return self.operand(node, 0, tuple(source))
        if name == "flip":
            axes = node.attributes.get("axis")
            flipped = (
                range(len(shape)) if axes is None else axes if isinstance(axes, tuple) else (axes,)
            )
            turned = {a % len(shape) for a in flipped}
            return self.operand(
                node,
                0,
                tuple(
                    f"{n - 1} - {_atom(i)}" if k in turned else i
                    for k, (i, n) in enumerate(zip(index, shape, strict=True))
                ),
            )
        if name == "reshape":
            return self.operand(node, 0, self._reshaped_index(node.shape, shape, index))
        text = self.operand(node, 0, index)
        return _cast(node.dtype, text) if name == "astype" else text

    def _reshaped_index(self, to: tuple[int, ...], of: tuple[int, ...], index: Index) -> Index:
        long_to = [(i, n) for i, n in zip(index, to, strict=True) if n != 1]
        if [n for _, n in long_to] == [n for n in of if n != 1]:  # axes of length 1 come or go
            rest = iter(i for i, _ in long_to)
            return tuple("0" if n == 1 else next(rest) for n in of)
        flat = "0"
        for i, n in zip(index, to, strict=True):
            flat = f"({flat}) * {n} + {i}" if flat != "0" else i
        name = self.fresh("k")
        self.line(f"{name} = {flat}")
        parts, stride = [], 1
        for n in reversed(of):
            parts.append(f"{name} // {stride} % {n}")
            stride *= n
        return tuple(reversed(parts))

    def _gathered(self, node: Node, index: Index) -> str:
        assert node.primitive is not None
        if node.primitive.name == "take_along_axis":
            axis = node.attributes.get("axis", -1) % len(index)
            at = self.operand(node, 1, broadcast_index(operand_shape(node, 1), index))
            shape = operand_shape(node, 0)
            source = broadcast_index(shape, index, keep=axis)
            found = self._wrapped(at, axis, shape[axis])
            return self.operand(node, 0, (*source[:axis], found, *source[axis + 1 :]))
        return self.operand(node, 0, self.source_index(node, 1, operand_shape(node, 0), index))

    def _wrapped(self, i: str, axis: int, length: int) -> str:
        """Check an index that is data, on a line of its own: a selection must not skip it."""
        name = self.fresh("k")
        self.line(f"{name} = _wrapped({i}, {axis}, {length})")
        return name

    def source_index(self, node: Node, first: int, shape: tuple[int, ...], index: Index) -> Index:
        """Give the indices that a skeleton reads for the element at ``index`` of its result.

        ``first`` is the position of the node's first index array.
        """
        skeleton = expanded(node.attributes["index"], len(shape))
        arrays = [part for part in skeleton if isinstance(part, Slot)]
        rank = max((len(operand_shape(node, first + part.number)) for part in arrays), default=0)
        together = gathered_first(skeleton)
        rest = iter(index[rank:] if together else index)
        shared: Index | None = index[:rank] if together else None
        made: list[str] = []
        axis = 0
        for part in skeleton:
            if part is None:
                next(rest)
                continue
            length = shape[axis]
            if isinstance(part, slice):
                start, _, step = part.indices(length)
                i = next(rest)
                made.append(i if (start, step) == (0, 1) else f"{start} + {step} * {_atom(i)}")
            elif isinstance(part, Slot):
                if shared is None:
                    shared = tuple(next(rest) for _ in range(rank))
                at = broadcast_index(operand_shape(node, first + part.number), shared)
                i = self.operand(node, first + part.number, at)
                made.append(self._wrapped(i, axis, length))
            else:
                made.append(str(int(part) % length))
            axis += 1
        return tuple(made)


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


def _atom(index: str) -> str:
    return index if index.isalnum() else f"({index})"


def _cast(dtype: Any, text: str) -> str:
    return f"np.{'bool_' if dtype.kind == 'b' else dtype.name}({text})"


def broadcast_index(shape: tuple[int, ...], index: Index, keep: int | None = None) -> Index:
    """Give the indices into an operand of this shape, broadcast against the result."""
    trailing = index[len(index) - len(shape) :]
    return tuple(
        "0" if n == 1 and k != keep else i
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
