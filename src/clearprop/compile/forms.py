"""The loop forms that put a node into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.loops import (
    Index,
    Loops,
    broadcast_index,
    operand_dtype,
    operand_shape,
)
from clearprop.compile.scalar import literal
from clearprop.graph import Node
from clearprop.rules.indexing import fill


def fuses(node: Node) -> bool:
    """Whether the elements of a node can be computed wherever they are needed."""
    assert node.primitive is not None
    return isinstance(
        node.primitive.kind, kinds.Elementwise | kinds.Broadcast | kinds.Permute | kinds.Gather
    )


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
        return bool(attributes["groups"] == 1)
    if isinstance(kind, kinds.Gather | kinds.Scatter):
        return not has_mask(node) and attributes.get("axis", 0) is not None
    if isinstance(kind, kinds.Contract):
        return bool(node.dtype.kind != "b")
    if isinstance(kind, kinds.Pad):
        return np.ndim(attributes.get("constant_values", 0)) == 0
    return fuses(node) or type(kind) in _FORMS


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
    """Whether Numba computes with a dtype as NumPy does: not with halves, nor with complex."""
    return bool(dtype.isnative and (dtype.kind in "iub" or dtype in (np.float32, np.float64)))


def write(loops: Loops, node: Node, y: str) -> None:
    """Write the loops that fill the array ``y`` with a node."""
    assert node.primitive is not None
    form = _FORMS.get(type(node.primitive.kind), _map)
    form(loops, node, y)


def _at(y: str, index: Index) -> str:
    return f"{y}[{', '.join(index)}]" if index else f"{y}[()]"


def _map(loops: Loops, node: Node, y: str) -> None:
    loops.nest(
        node.shape, lambda index: loops.line(f"{_at(y, index)} = {loops.computed(node, index)}")
    )


def _add_up(
    loops: Loops,
    node: Node,
    y: str,
    outer: tuple[int, ...],
    inner: tuple[int, ...],
    body: Callable[[Index, Callable[[Index], str]], None],
    *,
    in_order: bool,
    start: str = "0",
    divisor: int = 1,
) -> None:
    """Write loops that combine many terms into each element of ``y``.

    ``body(index, into)`` writes how one term is added ``into(at)``, the element at ``at``. Where
    the outer loops run over ``y`` itself (``in_order``) that is a variable; else an array,
    of float64 where ``y`` is float32: a long sum of small floats would stand still.
    """
    divided = f" / {divisor}" if divisor != 1 else ""
    total = loops.fresh("total")
    if in_order:

        def element(index: Index) -> None:
            loops.line(f"{total} = {'0.0' if start == '0' and node.dtype.kind == 'f' else start}")
            loops.nest(inner, lambda inside: body((*index, *inside), lambda _: total))
            at = tuple(index) + ("0",) * (len(node.shape) - len(index))  # axes kept with length 1
            loops.line(f"{_at(y, at)} = {total}{divided}")

        loops.nest(outer, element)
        return
    wide = node.dtype == np.float32 and start == "0"
    array = total if wide else y
    loops.line(f"{array} = np.zeros({node.shape})" if wide else f"{array}[...] = {start}")
    loops.nest((*outer, *inner), lambda index: body(index, lambda at: _at(array, at)))
    if wide or divided:
        loops.nest(
            node.shape,
            lambda index: loops.line(f"{_at(y, index)} = {_at(array, index)}{divided}"),
        )


def _reduce(loops: Loops, node: Node, y: str) -> None:
    assert node.primitive is not None
    assert isinstance(node.primitive.kind, kinds.Reduce)
    combine = node.primitive.kind.combine
    shape = operand_shape(node, 0)
    axis = node.attributes.get("axis")
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {a % len(shape) for a in axes} if shape else set()
    keepdims = node.attributes.get("keepdims", False)
    first = len(shape) - len(reduced)

    def body(index: Index, into: Callable[[Index], str]) -> None:
        x = loops.operand(node, 0, index)
        total = into(
            tuple(
                "0" if k in reduced else i
                for k, i in enumerate(index)
                if keepdims or k not in reduced
            )
        )
        if combine in ("max", "min"):
            loops.line(f"{total} = _{combine}imum({total}, {x})")
        else:
            loops.line(f"{total} += {x}")

    _add_up(
        loops,
        node,
        y,
        shape[:first],
        shape[first:],
        body,
        in_order=reduced == set(range(first, len(shape))),
        start=_least(combine, node.dtype) if combine in ("max", "min") else "0",
        divisor=int(np.prod([shape[a] for a in reduced])) if combine == "mean" else 1,
    )


def _least(combine: str, dtype: Any) -> str:
    """Write the number that every other one is at least (or, for ``min``, at most)."""
    if dtype.kind == "b":
        return str(combine == "min")
    if dtype.kind == "f":
        return literal(-np.inf if combine == "max" else np.inf, dtype)
    limits = np.iinfo(dtype)
    return literal(limits.min if combine == "max" else limits.max, dtype)


def _contract(loops: Loops, node: Node, y: str) -> None:
    a, b = operand_shape(node, 0), operand_shape(node, 1)
    rows = () if len(a) == 1 else (a[-2],)
    columns = () if len(b) == 1 else (b[-1],)
    batch = node.shape[: len(node.shape) - len(rows) - len(columns)]

    def body(index: Index, into: Callable[[Index], str]) -> None:
        outer, i = index[: len(batch)], index[len(batch) : len(batch) + len(rows)]
        k, *j = index[len(batch) + len(rows) :]
        left = loops.operand(node, 0, (*broadcast_index(a[:-2], outer), *i, k))
        right = loops.operand(node, 1, (*broadcast_index(b[:-2], outer), k, *j))
        loops.line(f"{into((*outer, *i, *j))} += {left} * {right}")

    outer, inner = (*batch, *rows), (a[-1], *columns)
    _add_up(loops, node, y, outer, inner, body, in_order=not columns)


def _scan(loops: Loops, node: Node, y: str) -> None:
    shape = operand_shape(node, 0)
    axis = node.attributes.get("axis")
    total, place = loops.fresh("total"), loops.fresh("k")
    zero = "0.0" if node.dtype.kind == "f" else "0"

    def add(index: Index, at: Index) -> None:
        loops.line(f"{total} += {loops.operand(node, 0, index)}")
        loops.line(f"{_at(y, at)} = {total}")

    if axis is None:
        loops.line(f"{total} = {zero}")
        loops.line(f"{place} = 0")

        def flat(index: Index) -> None:
            add(index, (place,))
            loops.line(f"{place} += 1")

        loops.nest(shape, flat)
        return
    k = axis % len(shape)

    def along(others: Index) -> None:
        def one(here: Index) -> None:
            index = (*others[:k], *here, *others[k:])
            add(index, index)

        loops.line(f"{total} = {zero}")
        loops.nest((shape[k],), one)

    loops.nest((*shape[:k], *shape[k + 1 :]), along)


def _scatter(loops: Loops, node: Node, y: str) -> None:
    assert node.primitive is not None
    if node.primitive.name == "unindex":
        loops.line(f"{y}[...] = 0")
        value, first, combine = 0, 1, "+="
    else:
        loops.nest(
            node.shape,
            lambda index: loops.line(f"{_at(y, index)} = {loops.operand(node, 0, index)}"),
        )
        value, first, combine = 1, 2, "="
    shape = _read_shape(node, first)
    given = operand_shape(node, value)
    extra = max(len(given) - len(shape), 0)  # an assignment takes a value with more axes of 1

    def body(index: Index) -> None:
        at = ("0",) * extra + broadcast_index(given[extra:], index)
        x = loops.operand(node, value, at)
        to = loops.source_index(node, first, node.shape, index)
        loops.line(f"{_at(y, to)} {combine} {x}")

    loops.nest(shape, body)


def _read_shape(node: Node, first: int) -> tuple[int, ...]:
    """Give the shape of what an index reads out of the node's result."""
    arrays = node.operands[first:]
    read = np.broadcast_to(np.int8(0), node.shape)[fill(node.attributes["index"], arrays)]
    return tuple(np.shape(read))


def _window(loops: Loops, node: Node, y: str) -> None:
    assert node.primitive is not None
    assert isinstance(node.primitive.kind, kinds.Window)
    target = node.primitive.kind.target
    first, second = operand_shape(node, 0), operand_shape(node, 1)
    x, W, out = {
        "y": (first, second, node.shape),
        "x": (node.shape, second, first),
        "W": (first, node.shape, second),
    }[target]
    (ph, pw), (sh, sw), (dh, dw) = (node.attributes[k] for k in ("padding", "stride", "dilation"))
    places_read = {"y": ("x", "W"), "x": ("y", "W"), "W": ("x", "y")}[target]

    def body(index: Index, into: Callable[[Index], str]) -> None:
        n, f, i, j, c, u, v = index
        row, column = loops.fresh("r"), loops.fresh("q")
        loops.line(f"{row} = {i} * {sh} + {u} * {dh} - {ph}")
        loops.line(f"{column} = {j} * {sw} + {v} * {dw} - {pw}")
        loops.line(f"if 0 <= {row} < {x[2]} and 0 <= {column} < {x[3]}:")
        loops.depth += 1
        places = {"x": (n, c, row, column), "W": (f, c, u, v), "y": (n, f, i, j)}
        left, right = (loops.operand(node, k, places[name]) for k, name in enumerate(places_read))
        loops.line(f"{into(places[target])} += {left} * {right}")
        loops.depth -= 1

    _add_up(loops, node, y, out, W[1:], body, in_order=target == "y")


def _concatenate(loops: Loops, node: Node, y: str) -> None:
    axis = node.attributes.get("axis", 0)
    start = 0
    for position in range(len(node.operands)):
        shape = operand_shape(node, position)
        if axis is None:
            size = int(np.prod(shape))
            flat = loops.fresh("k")
            loops.line(f"{flat} = {start}")

            def flattened(index: Index, position: int = position, flat: str = flat) -> None:
                loops.line(f"{y}[{flat}] = {loops.operand(node, position, index)}")
                loops.line(f"{flat} += 1")

            loops.nest(shape, flattened)
            start += size
            continue
        k = axis % len(shape)

        def body(index: Index, position: int = position, k: int = k, start: int = start) -> None:
            at = (*index[:k], f"{start} + {index[k]}", *index[k + 1 :])
            loops.line(f"{_at(y, at)} = {loops.operand(node, position, index)}")

        loops.nest(shape, body)
        start += shape[k]


def _pad(loops: Loops, node: Node, y: str) -> None:
    before = [low for low, _ in node.attributes["pad_width"]]
    border = node.dtype.type(node.attributes.get("constant_values", 0))
    loops.line(f"{y}[...] = {literal(border, node.dtype)}")

    def body(index: Index) -> None:
        at = tuple(f"{b} + {i}" for b, i in zip(before, index, strict=True))
        loops.line(f"{_at(y, at)} = {loops.operand(node, 0, index)}")

    loops.nest(operand_shape(node, 0), body)


def _random(loops: Loops, node: Node, y: str) -> None:
    key = loops.fresh("key")
    source = node.inputs[0]
    array = loops.in_memory(source) if source is not None else loops.constant(node.operands[0])
    loops.line(f"{key} = {array}")
    limit = int(node.attributes["rate"] * 2**32)
    loops.line(f"_keep_mask({y}.reshape({y}.size), {key}, np.uint32({limit}))")


_FORMS: dict[type[kinds.Kind], Callable[[Loops, Node, str], Any]] = {
    kinds.Reduce: _reduce,
    kinds.Contract: _contract,
    kinds.Scan: _scan,
    kinds.Scatter: _scatter,
    kinds.Window: _window,
    kinds.Concatenate: _concatenate,
    kinds.Pad: _pad,
    kinds.Random: _random,
}
