"""The loop forms that put a node into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from clearprop import kinds
from clearprop.compile.affine import Affine, Var, flat, of
from clearprop.compile.elements import (
    COMPUTED_KINDS,
    Elements,
    Index,
    broadcast_index,
    loop_index,
    operand_dtype,
    operand_shape,
    reduced_axes,
)
from clearprop.compile.factorizations import is_small, of_matrices
from clearprop.compile.fourier import of_lines
from clearprop.compile.nests import (
    Block,
    Draw,
    Nest,
    Product,
    Store,
    Windows,
    Work,
    filling,
    walked,
)
from clearprop.compile.scalars import (
    Apply,
    Array,
    Constant,
    Load,
    NotCompiledError,
    Scalar,
    Total,
    converted,
)
from clearprop.graph import Node
from clearprop.primitive import Primitive
from clearprop.rules.indexing import fill

_LONG = 1 << 15  # elements of a sum


def fuses(node: Node) -> bool:
    """Whether the elements of a node can be computed wherever they are needed."""
    assert node.primitive is not None
    return isinstance(node.primitive.kind, COMPUTED_KINDS)


def promotes(node: Node) -> bool:
    """Whether the dtype of the result comes from all operands together."""
    assert node.primitive is not None
    return isinstance(node.primitive.kind, kinds.Elementwise) or isinstance(
        node.primitive.numpy, np.ufunc
    )


def has_loops(node: Node) -> bool:
    """Whether the node is compiled; the rest are NumPy calls between compiled pieces."""
    primitive = node.primitive
    assert primitive is not None
    kind, attributes = primitive.kind, node.attributes
    if isinstance(kind, kinds.Opaque) or primitive.outputs > 1:
        return False
    dtypes = [operand_dtype(node, position) for position in range(len(node.operands))]
    if not all(map(_is_compiled, [node.dtype, *dtypes])):
        return False
    if isinstance(kind, kinds.Window):
        return bool(node.dtype.kind == "f" and all(dtype == node.dtype for dtype in dtypes))
    if isinstance(kind, kinds.Gather | kinds.Scatter):
        return not has_mask(node) and attributes.get("axis", 0) is not None
    if isinstance(kind, kinds.Contract):
        return bool(node.dtype.kind != "b")
    if isinstance(kind, kinds.Factorization):
        return is_small(node)
    if isinstance(kind, kinds.Elementwise) and not _is_known(node, dtypes):
        return False
    if isinstance(kind, kinds.Winner):
        return tuple(attributes["padding"]) == (0, 0) and bool(dtypes[0].kind == "f")
    if isinstance(kind, kinds.Pad):
        return np.ndim(attributes.get("constant_values", 0)) == 0
    return fuses(node) or type(kind) in _FORMS


def _is_known(node: Node, dtypes: list[Any]) -> bool:
    """Whether there is machine code for every function that an elementwise body calls."""
    assert node.primitive is not None
    found = _known.setdefault(node.primitive, {})
    key = (tuple(dtypes), repr(sorted(node.attributes.items())))
    if key not in found:
        found[key] = _has_functions(node.primitive, dtypes, node.attributes)
    return found[key]


_known: WeakKeyDictionary[Primitive, dict[Any, bool]] = WeakKeyDictionary()


def _has_functions(primitive: Primitive, dtypes: list[Any], attributes: dict[str, Any]) -> bool:
    from clearprop.compile.machine.mathematics import FUNCTIONS

    given = [Constant(1, dtype) for dtype in dtypes]
    try:
        result = primitive.function(*given, **attributes)
    except (NotCompiledError, TypeError):
        return False
    values = walked([result]) if isinstance(result, Scalar) else []
    return all(v.name in FUNCTIONS for v in values if isinstance(v, Apply))


def is_selection(node: Node) -> bool:
    """Whether the node reads the elements that a mask chooses."""
    is_gather = node.primitive is not None and isinstance(node.primitive.kind, kinds.Gather)
    return is_gather and has_mask(node)


def has_mask(node: Node) -> bool:
    """Whether a boolean is part of an index: the shape of the result may depend on its values."""
    arrays = range(1, len(node.operands))
    skeleton = node.attributes.get("index", ())
    return any(operand_dtype(node, position).kind == "b" for position in arrays) or any(
        isinstance(part, bool | np.bool_) for part in skeleton
    )


def _is_compiled(dtype: Any) -> bool:
    """Whether the loops compute with a dtype: not with halves, nor with complex."""
    return bool(dtype.isnative and (dtype.kind in "iub" or dtype in (np.float32, np.float64)))


def written(elements: Elements, node: Node, y: Array) -> list[Work]:
    """Give the loops that fill the array ``y`` with a node."""
    assert node.primitive is not None
    return _FORMS.get(type(node.primitive.kind), _map)(elements, node, y)


def is_product(node: Node) -> bool:
    """Whether the node is a product of matrices, for which there are kernels."""
    is_contract = node.primitive is not None and isinstance(node.primitive.kind, kinds.Contract)
    shapes = [operand_shape(node, 0), operand_shape(node, 1)] if is_contract else [()]
    return (
        is_contract
        and node.dtype.kind == "f"
        and all(len(shape) >= 2 for shape in shapes)
        and all(operand_dtype(node, k) == node.dtype for k in (0, 1))
    )


def _map(elements: Elements, node: Node, y: Array) -> list[Work]:
    index, axes = loop_index(node.shape)
    return [filling(y, index, axes, elements.computed(node, index))]


def _combined(
    total: Total,
    value: Scalar,
    result: Store,
    outer: list[Var],
    inner: list[Var],
    lanes: Var | None,
    row: Var | None,
) -> Nest:
    """Combine a value over the inner axes, for each element of the outer ones."""
    outer, inner = [v for v in outer if v.extent != 1], [v for v in inner if v.extent != 1]
    if lanes is not None and lanes.extent == 1:
        both = inner or outer
        lanes = both[-1] if both else None
    return Nest(
        [*outer, *inner], [], [(total, value)], len(outer), [result], lanes=lanes,
        row=None if row is None or row.extent == 1 else row,
    )  # fmt: skip


def _reduce(elements: Elements, node: Node, y: Array) -> list[Work]:
    shape = operand_shape(node, 0)
    index, axes = loop_index(shape)
    reduced = reduced_axes(node.attributes.get("axis"), len(shape))
    value = elements.operand(node, 0, index)
    keepdims = node.attributes.get("keepdims", False)
    at = tuple(
        Affine() if k in reduced else index[k]
        for k in range(len(shape))
        if keepdims or k not in reduced
    )
    outer = [v for k, v in enumerate(axes) if k not in reduced]
    inner = [v for k, v in enumerate(axes) if k in reduced]
    count = int(np.prod([v.extent for v in inner]))
    total, result = combination(node, count, count > _LONG)
    row = axes[0] if shape and 0 not in reduced else None
    return [
        _combined(
            total, converted(value, total.dtype), Store(y, flat(at, y.shape), result),
            outer, inner, axes[-1] if axes else None, row,
        )
    ]  # fmt: skip


def partial(elements: Elements, node: Node, y: Array, shard: Var) -> Nest:
    """Combine the rows of one block with those before it; ``y`` has a row for each shard."""
    shape = operand_shape(node, 0)
    index, axes = loop_index(shape)
    reduced = reduced_axes(node.attributes.get("axis"), len(shape))
    outer = [v for k, v in enumerate(axes) if k not in reduced]
    inner = [v for k, v in enumerate(axes) if k in reduced]
    total, _ = combination(node, 1, int(np.prod([v.extent for v in inner[1:]])) > _LONG)
    at = (of(shard), *(index[k] for k in range(len(shape)) if k not in reduced))
    value = converted(elements.operand(node, 0, index), total.dtype)
    place = flat(at, y.shape)
    both = (Load(y, place), converted(total, node.dtype))
    result = Apply(_COMBINED[total.combine], both, node.dtype)
    return _combined(total, value, Store(y, place, result), outer, inner, axes[-1], axes[0])


_COMBINED = {"+": "add", "max": "maximum", "min": "minimum"}


def finished(node: Node, parts: Array, y: Array) -> Nest:
    """Combine what `partial` has left, in the order of the shards."""
    shard = Var(parts.shape[0])
    index, axes = loop_index(parts.shape[1:])
    count = int(np.prod(operand_shape(node, 0))) // max(int(np.prod(parts.shape[1:])), 1)
    if isinstance(node.primitive.kind, kinds.Window):  # type: ignore[union-attr]
        total: Total = Total("+", node.dtype, 0)
        result: Scalar = total
    else:
        total, result = combination(node, count, True)
    where = of(shard) if shard.extent != 1 else Affine()
    place = flat((where, *index), parts.shape)
    to = flat(index, parts.shape[1:])
    row = axes[0] if axes and node.shape and axes[0].extent == node.shape[0] else None
    return _combined(
        total, Load(parts, place), Store(y, to, result), list(axes), [shard],
        axes[-1] if axes else None, row,
    )  # fmt: skip


def combination(node: Node, count: int, is_long: bool) -> tuple[Total, Scalar]:
    """Give how a reduction combines, and what it gives of ``count`` elements.

    A long sum of small floats would stand still: it is made in float64.
    """
    assert node.primitive is not None
    assert isinstance(node.primitive.kind, kinds.Reduce)
    combine = node.primitive.kind.combine
    if combine in ("max", "min"):
        total = Total(combine, node.dtype, _least(combine, node.dtype))
        return total, total
    total = Total("+", float if is_long and node.dtype.kind == "f" else node.dtype, 0)
    if combine != "mean":
        return total, converted(total, node.dtype)
    mean = Apply("divide", (total, Constant(count, total.dtype)), total.dtype)
    return total, converted(mean, node.dtype)


def _least(combine: str, dtype: Any) -> Any:
    """Give the number that every other one is at least (or, for ``min``, at most)."""
    if dtype.kind == "b":
        return combine == "min"
    if dtype.kind == "f":
        return -np.inf if combine == "max" else np.inf
    limits = np.iinfo(dtype)
    return limits.min if combine == "max" else limits.max


def _contract(elements: Elements, node: Node, y: Array) -> list[Work]:
    a, b = operand_shape(node, 0), operand_shape(node, 1)
    rows = () if len(a) == 1 else (a[-2],)
    columns = () if len(b) == 1 else (b[-1],)
    batch = node.shape[: len(node.shape) - len(rows) - len(columns)]
    index, axes = loop_index((*batch, *rows, *columns, a[-1]))
    outer, i = index[: len(batch)], index[len(batch) : len(batch) + len(rows)]
    j, k = index[len(batch) + len(rows) : -1], index[-1]
    left = elements.operand(node, 0, (*broadcast_index(a[:-2], outer), *i, k))
    right = elements.operand(node, 1, (*broadcast_index(b[:-2], outer), k, *j))
    to = flat((*outer, *i, *j), y.shape)
    if is_product(node) and isinstance(left, Load) and isinstance(right, Load):
        m, n, last = axes[len(batch) :]
        made = _product(list(axes[: len(batch)]), y, to, left, right, (m, n, last))
        if made is not None:
            return [made]
    is_long = a[-1] > _LONG and node.dtype.kind == "f"
    total = Total("+", float if is_long else node.dtype, 0)
    value = Apply(
        "multiply", (converted(left, total.dtype), converted(right, total.dtype)), total.dtype
    )
    steps_by_one = isinstance(right, Load) and columns and right.place.factor(axes[-2]) == 1
    lanes = axes[-2] if steps_by_one else axes[-1]
    row = axes[0] if node.shape else None
    return [
        _combined(
            total,
            value,
            Store(y, to, converted(total, node.dtype)),
            list(axes[:-1]),
            [axes[-1]],
            lanes,
            row,
        )
    ]


def _product(
    batch: list[Var], y: Array, to: Affine, left: Load, right: Load, sizes: tuple[Var, Var, Var]
) -> Product | None:
    """Give the call of a kernel, where the operands lie in memory as it reads them."""
    m, n, k = sizes
    places = (left.place, right.place)
    if any(v.chosen is not None for place in places for v, _ in place.terms):
        return None

    def block(array: Array, place: Affine, first: Var, second: Var) -> Block:
        strides = (place.factor(first), place.factor(second))
        return Block(array, place.without(m).without(n).without(k), strides)

    return Product(
        [v for v in batch if v.extent != 1],
        block(y, to, m, n),
        block(left.array, left.place, m, k),
        block(right.array, right.place, k, n),
        (m.extent, n.extent, k.extent),
        by_rows=not batch,
    )


def _scan(elements: Elements, node: Node, y: Array) -> list[Work]:
    shape = operand_shape(node, 0)
    axis = node.attributes.get("axis")
    index, axes = loop_index(shape)
    value = converted(elements.operand(node, 0, index), node.dtype)
    place = flat(index, shape)
    total = Total("+", node.dtype, 0)
    inner = list(axes) if axis is None else [axes[axis % len(shape)]]
    outer = [v for v in axes if v not in inner]
    so_far = Apply("add", (total, value), node.dtype)
    loops_out, loops_in = ([v for v in part if v.extent != 1] for part in (outer, inner))
    lanes = axes[-1] if axes and axes[-1] in loops_out else None
    row = axes[0] if axes and axes[0] in loops_out else None
    nest = Nest(
        [*loops_out, *loops_in], [Store(y, place, so_far)], [(total, value)], len(loops_out),
        lanes=lanes, row=row,
    )  # fmt: skip
    return [nest]


def _scatter(elements: Elements, node: Node, y: Array) -> list[Work]:
    assert node.primitive is not None
    index, axes = loop_index(node.shape)
    if node.primitive.name == "unindex":
        start: Scalar = Constant(0, node.dtype)
        value, first, adds = 0, 1, True
    else:
        start = converted(elements.operand(node, 0, index), node.dtype)
        value, first, adds = 1, 2, False
    before = filling(y, index, axes, start)
    shape = _read_shape(node, first)
    given = operand_shape(node, value)
    extra = max(len(given) - len(shape), 0)  # an assignment takes a value with more axes of 1
    inside, loops = loop_index(shape)
    at = (Affine(),) * extra + broadcast_index(given[extra:], inside)
    x = converted(elements.operand(node, value, at), node.dtype)
    to = elements.source_index(node, first, node.shape, inside)
    kept = [v for v in loops if v.extent != 1]
    place = flat(to, node.shape)
    after = Nest(kept, [Store(y, place, x, adds)], depth=len(kept))
    arrays = len(node.operands) > first
    if kept and not arrays:
        after.lanes = kept[-1]  # every element is met once
    return _by_rows(before, after, to, kept)


def _by_rows(before: Nest, after: Nest, to: Index, loops: list[Var]) -> list[Work]:
    """Let blocks of rows be filled apart, where the index takes every row as it comes."""
    first = next((v for v in loops if to and to[0] == of(v)), None)
    if before.row is not None and first is not None and first.extent == before.row.extent:
        after.row = first
    else:
        before.row = None
    return [before, after]


def _read_shape(node: Node, first: int) -> tuple[int, ...]:
    """Give the shape of what an index reads out of the node's result."""
    arrays = [
        np.zeros(operand_shape(node, k), operand_dtype(node, k))
        for k in range(first, len(node.operands))
    ]
    read = np.broadcast_to(np.int8(0), node.shape)[fill(node.attributes["index"], arrays)]
    return tuple(np.shape(read))


def _window(elements: Elements, node: Node, y: Array) -> list[Work]:
    assert node.primitive is not None
    assert isinstance(node.primitive.kind, kinds.Window)
    first, second = (_whole(elements, node, position) for position in (0, 1))
    return [Windows(node.primitive.kind.target, y, first, second, dict(node.attributes))]


def _concatenate(elements: Elements, node: Node, y: Array) -> list[Work]:
    axis = node.attributes.get("axis", 0)
    start = 0
    made: list[Work] = []
    for position in range(len(node.operands)):
        shape = operand_shape(node, position)
        index, axes = loop_index(shape)
        value = converted(elements.operand(node, position, index), node.dtype)
        if axis is None:
            place = flat(index, shape) + start
            start += int(np.prod(shape))
        else:
            k = axis % len(shape)
            place = flat((*index[:k], index[k] + start, *index[k + 1 :]), y.shape)
            start += shape[k]
        loops = [v for v in axes if v.extent != 1]
        row = axes[0] if axes and axis not in (None, 0) and axis % len(shape) else None
        made.append(
            Nest(
                loops,
                [Store(y, place, value)],
                depth=len(loops),
                lanes=loops[-1] if loops else None,
                row=row if row in loops else None,
            )
        )
    return made


def _pad(elements: Elements, node: Node, y: Array) -> list[Work]:
    before = [low for low, _ in node.attributes["pad_width"]]
    border = node.dtype.type(node.attributes.get("constant_values", 0))
    index, axes = loop_index(node.shape)
    filled = filling(y, index, axes, Constant(border, node.dtype))
    inside, loops = loop_index(operand_shape(node, 0))
    at = tuple(i + b for b, i in zip(before, inside, strict=True))
    value = converted(elements.operand(node, 0, inside), node.dtype)
    kept = [v for v in loops if v.extent != 1]
    lanes = kept[-1] if kept else None
    after = Nest(kept, [Store(y, flat(at, y.shape), value)], depth=len(kept), lanes=lanes)
    return _by_rows(filled, after, at, kept)


def _random(elements: Elements, node: Node, y: Array) -> list[Work]:
    assert node.primitive is not None
    key, rate = _whole(elements, node, 0), node.attributes.get("rate", 0.0)
    return [Draw(node.primitive.name, y, key, rate, node.attributes.get("first", 0))]


def _whole(elements: Elements, node: Node, position: int) -> Array:
    """Give the array that holds an operand, for a kernel that reads all of it."""
    source = node.inputs[position]
    if source is None:
        return elements.constant(np.asarray(node.operands[position]))
    array = elements.in_memory(source)
    assert array is not None
    return array


_FORMS: dict[type[kinds.Kind], Callable[[Elements, Node, Array], list[Work]]] = {
    kinds.Reduce: _reduce,
    kinds.Contract: _contract,
    kinds.Factorization: of_matrices,
    kinds.Fourier: of_lines,
    kinds.Scan: _scan,
    kinds.Scatter: _scatter,
    kinds.Window: _window,
    kinds.Concatenate: _concatenate,
    kinds.Pad: _pad,
    kinds.Random: _random,
}
