"""Complex numbers as their real and imaginary parts, for which there are loops.

A complex value is two real ones wherever its parts are computed by themselves; they fuse as any
others. It is one array only where it is an argument, a result, or read or made by a NumPy call:
there the same memory is seen as pairs of real numbers, and nothing is copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile import forms
from clearprop.compile.elements import operand_dtype, operand_shape
from clearprop.compile.fourier import TRANSFORM, is_fast
from clearprop.compile.making import Making, made_node, replaced_inputs
from clearprop.compile.part_rules import RULES, Part, Whole
from clearprop.graph import Node
from clearprop.primitive import PRIMITIVES, Primitive
from clearprop.rules.indexing import getitem
from clearprop.rules.shape import astype, broadcast_to, concatenate, reshape

_LARGE = 1 << 12  # multiplications of one product of matrices, which BLAS does better


def _as_pairs(z: Any) -> Any:
    return z[..., np.newaxis].view(z.real.dtype)


def _as_complex(pairs: Any) -> Any:
    return pairs.view(np.result_type(pairs, np.complex64))[..., 0]


#: The memory of complex numbers as pairs of real ones, along a last axis; and the way back.
AS_PAIRS = Primitive(_as_pairs, name="as_pairs", symbol="(x, y)", kind=kinds.OPAQUE)
AS_COMPLEX = Primitive(_as_complex, name="as_complex", symbol="x+iy", kind=kinds.OPAQUE)
SAME_MEMORY = (AS_PAIRS, AS_COMPLEX)

#: The kinds whose elements are those of their operands, or sums of them; and which operands.
_LINEAR: dict[type[kinds.Kind], Callable[[Node], range]] = {
    kinds.Permute: lambda node: range(1),
    kinds.Broadcast: lambda node: range(1),
    kinds.Pad: lambda node: range(1),
    kinds.Reduce: lambda node: range(1),
    kinds.Scan: lambda node: range(1),
    kinds.Gather: lambda node: range(1),
    kinds.Scatter: lambda node: range(1 if node.operation == "unindex" else 2),
    kinds.Concatenate: lambda node: range(len(node.operands)),
}


def is_complex(dtype: Any) -> bool:
    """Whether a dtype is complex; of several outputs it is none."""
    return bool(getattr(dtype, "kind", "") == "c")


class InParts(Making):
    """A graph whose complex values are real ones, as far as there are loops for them.

    Parameters
    ----------
    nodes : list of Node

    Attributes
    ----------
    nodes : list of Node
        In order.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = []
        self._new: dict[Node, Node | Whole] = {}
        self._read: dict[Node, Whole] = {}
        self._joined: dict[Whole, Node] = {}
        self._constants: dict[int, tuple[Any, Whole]] = {}
        if not any(is_complex(node.dtype) for node in nodes):
            self.nodes, self._new = nodes, dict(zip(nodes, nodes, strict=True))
            return
        for node in nodes:
            self._new[node] = self._rebuilt(node)

    def __getitem__(self, node: Node) -> Node:
        """Give the node that now computes a node."""
        found = self._new[node]
        return self._together(found) if isinstance(found, Whole) else found

    def _rebuilt(self, node: Node) -> Node | Whole:
        if node.primitive is None:
            self.nodes.append(node)
            return node
        dtypes = [node.dtype, *(operand_dtype(node, k) for k in range(len(node.operands)))]
        if any(map(is_complex, dtypes)):
            found = self._in_parts(node)
            if found is not None:
                return found
        operands, is_other = replaced_inputs(node, self.__getitem__)
        if not is_other:
            self.nodes.append(node)
            return node
        return self._made(node.primitive, operands, node.shape, node.dtype, node, node.attributes)

    # ---- a value and its parts -------------------------------------------------------------------

    def _parts(self, node: Node, position: int) -> Whole:
        """Give the parts of an operand; a real one has no imaginary part."""
        source, value = node.inputs[position], node.operands[position]
        shape = operand_shape(node, position)
        if source is None:
            return self._parts_of_constant(value, shape)
        found = self._new[source]
        if isinstance(found, Whole):
            return found
        if not is_complex(found.dtype):
            return Whole(Part(found, shape), Part(0.0, ()))
        if found not in self._read:
            dtype = _real(found.dtype)
            pairs = self._made(AS_PAIRS, [found], (*shape, 2), dtype, found)
            self._read[found] = Whole(
                *(
                    Part(
                        self._made(getitem, [pairs], shape, dtype, found, {"index": (..., k)}),
                        shape,
                    )
                    for k in (0, 1)
                )
            )
        return self._read[found]

    def _parts_of_constant(self, value: Any, shape: tuple[int, ...]) -> Whole:
        if not is_complex(np.asarray(value).dtype):
            return Whole(Part(value, shape), Part(0.0, ()))
        if id(value) not in self._constants:
            parts = (value.real, value.imag)
            if shape:
                parts = (np.array(value.real), np.array(value.imag))
            made = Whole(*(Part(part, shape) for part in parts))
            self._constants[id(value)] = value, made  # kept, so that its id stays its own
        return self._constants[id(value)][1]

    def _together(self, whole: Whole) -> Node:
        """Put the parts into one array."""
        if whole not in self._joined:
            re, im = (part.value for part in (whole.re, whole.im))
            like = re if isinstance(re, Node) else im
            assert isinstance(like, Node)
            shape, dtype = (*whole.re.shape, 1), like.dtype
            ends = [
                self._made(reshape, [part], shape, dtype, like, {"shape": shape})
                for part in (re, im)
            ]
            shape = (*shape[:-1], 2)
            pairs = self._made(concatenate, ends, shape, dtype, like, {"axis": -1})
            of = np.result_type(dtype, np.complex64)
            self._joined[whole] = self._made(AS_COMPLEX, [pairs], shape[:-1], of, like)
        return self._joined[whole]

    def _fitted(self, part: Part, node: Node, dtype: Any) -> Part:
        """Give a part in the shape and the dtype of the node it belongs to."""
        value = part.value
        if not isinstance(value, Node):
            array = np.asarray(value, dtype)
            return Part(np.broadcast_to(array, node.shape), node.shape)
        if value.dtype != dtype:
            value = self._made(astype, [value], value.shape, dtype, node, {"dtype": dtype})
        if value.shape != node.shape:
            how = {"shape": node.shape}
            value = self._made(broadcast_to, [value], node.shape, dtype, node, how)
        return Part(value, node.shape)

    # ---- operations ------------------------------------------------------------------------------

    def _in_parts(self, node: Node) -> Node | Whole | None:
        """Give the parts of what a node computes, or, where that is real, the node of it."""
        assert node.primitive is not None
        complexes = [node.dtype, *(operand_dtype(node, k) for k in range(len(node.operands)))]
        dtype = _real(next(filter(is_complex, complexes)))
        rule = RULES.get(node.primitive)
        if rule is not None:
            given = [self._parts(node, k) for k in range(len(node.operands))]

            def make(primitive: Primitive, *parts: Part) -> Part:
                return self._elementwise(primitive, parts, dtype, node)

            found = rule(*(whole.made_by(make) for whole in given))
        else:
            found = self._linear(node, dtype)
        if found is None:
            return None
        if isinstance(found, Part):
            return self._node(self._fitted(found, node, node.dtype), node)
        return Whole(*(self._fitted(part, node, dtype) for part in (found.re, found.im)))

    def _node(self, part: Part, node: Node) -> Node:
        if isinstance(part.value, Node):
            return part.value
        how = {"shape": node.shape}  # a node that computes a constant
        return self._made(broadcast_to, [part.value], node.shape, node.dtype, node, how)

    def _elementwise(
        self, primitive: Primitive, parts: tuple[Part, ...], dtype: Any, like: Node
    ) -> Part:
        values = [part.value for part in parts]
        if not any(isinstance(value, Node) for value in values):
            with np.errstate(all="ignore"):
                return Part(primitive.implementation(*values), _shape(parts))
        gives = np.dtype(bool) if primitive.name in _BOOLEAN else dtype
        made = self._made(primitive, values, _shape(parts), gives, like)
        return Part(made, made.shape)

    def _linear(self, node: Node, dtype: Any) -> Whole | Part | None:
        """Do with each of the parts what a node does with all."""
        assert node.primitive is not None
        kind = node.primitive.kind
        if isinstance(kind, kinds.Contract):
            return self._product(node, dtype)
        if node.primitive in _TRANSFORMS:
            return self._transformed(node, dtype)
        if isinstance(kind, kinds.Reduce) and kind.combine not in ("+", "mean"):
            return None
        if type(kind) not in _LINEAR or not is_complex(node.dtype):
            return None
        split = _LINEAR[type(kind)](node)
        wholes = [self._parts(node, k) for k in split]
        made: list[Part] = []
        for name in ("re", "im"):
            operands: list[Any] = [self._array(getattr(whole, name), k, node, dtype)
                                   for k, whole in zip(split, wholes, strict=True)]  # fmt: skip
            for k in range(len(split), len(node.operands)):
                source = node.inputs[k]
                operands.append(node.operands[k] if source is None else self[source])
            given = dict(node.attributes)
            if "dtype" in given:
                given["dtype"] = dtype
            if "constant_values" in given:
                border = given["constant_values"]
                given["constant_values"] = np.real(border) if name == "re" else np.imag(border)
            if any(isinstance(operand, Node) for operand in operands):
                part = made_node(node.primitive, operands, node.shape, dtype, node, given)
                if not forms.has_loops(part):
                    return None
                self.nodes.append(part)
                made.append(Part(part, node.shape))
            else:
                made.append(Part(node.primitive.implementation(*operands, **given), node.shape))
        return Whole(*made)

    def _transformed(self, node: Node, dtype: Any) -> Whole | Part | None:
        """Transform along one axis after the other, if all of them have loops."""
        given, shape = node.attributes, operand_shape(node, 0)
        axes = given["axes"] if "axes" in given else (given["axis"],)
        axes = [axis % len(shape) for axis in axes]
        name = node.operation
        n = given.get("n")
        long = shape if n is None else (*shape[: axes[0]], n, *shape[axes[0] + 1 :])
        if len(set(axes)) < len(axes) or not all(is_fast(long, axis) for axis in axes):
            return None
        whole = self._parts(node, 0)
        parts = [self._array(part, 0, node, dtype) for part in (whole.re, whole.im)]
        if n is not None:
            parts = self._mirrored(parts, axes[0], n, node)
        how = {"inverse": name in ("ifftn", "irfft"), "norm": given.get("norm")}
        apart = (*long[:-1], 2, long[-1])
        for axis in axes:
            made = self._made(TRANSFORM, parts, apart, dtype, node, {"axis": axis, **how})
            parts = [
                self._made(getitem, [made], long, dtype, node, {"index": (..., k, slice(None))})
                for k in (0, 1)
            ]
        if name == "irfft":
            return Part(parts[0], long)
        if name == "rfft":
            first = (*(slice(None),) * axes[0], slice(node.shape[axes[0]]))
            parts = [
                self._made(getitem, [part], node.shape, dtype, node, {"index": first})
                for part in parts
            ]
        return Whole(*(Part(part, node.shape) for part in parts))

    def _mirrored(self, parts: list[Any], axis: int, n: int, node: Node) -> list[Any]:
        """Give all of a spectrum of which there is half; the rest is conjugate to it.

        The first number is real, and so is the one in the middle: NumPy reads no more of them.
        """
        before = (slice(None),) * axis
        inner, back = slice(1, (n + 1) // 2), slice((n - 1) // 2, 0, -1)

        def piece(part: Any, along: slice) -> Any:
            index = (*before, along)
            shape = np.broadcast_to(0, part.shape)[index].shape
            if not isinstance(part, Node):
                return part[index]
            return self._made(getitem, [part], shape, part.dtype, node, {"index": index})

        def minus(part: Any) -> Any:
            if not isinstance(part, Node):
                return -part
            return self._made(PRIMITIVES["negative"], [part], part.shape, part.dtype, node)

        re, im = parts
        pieces = [[re, piece(re, back)]]
        edge = np.zeros(np.broadcast_to(0, im.shape)[(*before, slice(1))].shape, im.dtype)
        middle = [] if n % 2 else [edge]
        pieces.append([edge, piece(im, inner), *middle, minus(piece(im, back))])
        shape = (*im.shape[:axis], n, *im.shape[axis + 1 :])
        return [
            self._made(concatenate, part, shape, im.dtype, node, {"axis": axis})
            if any(isinstance(p, Node) for p in part)
            else np.concatenate(part, axis)
            for part in pieces
        ]

    def _array(self, part: Part, position: int, node: Node, dtype: Any) -> Any:
        """Give a part as an operand that is an array, where it is a number for all elements."""
        if isinstance(part.value, Node):
            return part.value
        return np.broadcast_to(np.asarray(part.value, dtype), operand_shape(node, position))

    def _product(self, node: Node, dtype: Any) -> Whole | None:
        assert node.primitive is not None
        shapes = [operand_shape(node, k) for k in (0, 1)]
        if math.prod(shapes[0][-2:]) * math.prod(shapes[1][-2:]) > _LARGE * shapes[0][-1]:
            return None
        given = [self._parts(node, k) for k in (0, 1)]
        (a, b), (c, d) = (
            [self._array(part, k, node, dtype) for part in (whole.re, whole.im)]
            for k, whole in enumerate(given)
        )

        def product(x: Any, y: Any) -> Part:
            if not any(isinstance(part, Node) for part in (x, y)):
                return Part(np.matmul(x, y), node.shape, make)
            made = self._made(node.primitive, [x, y], node.shape, dtype, node)
            return Part(made, node.shape, make)

        def make(primitive: Primitive, *parts: Part) -> Part:
            return self._elementwise(primitive, parts, dtype, node)

        return Whole(product(a, c) - product(b, d), product(a, d) + product(b, c))


_TRANSFORMS = {PRIMITIVES[name] for name in ("fftn", "ifftn", "rfft", "irfft")}
_BOOLEAN = {
    *("equal", "not_equal", "greater_equal", "bitwise_and", "bitwise_or"),
    *("isnan", "isinf", "isfinite", "invert"),
}


def _real(dtype: Any) -> Any:
    """Give the dtype of the parts."""
    return np.finfo(dtype).dtype


def _shape(parts: tuple[Part, ...]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(part.shape for part in parts))
