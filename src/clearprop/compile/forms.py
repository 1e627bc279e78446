"""The loop forms that put a node into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import kinds
from clearprop.compile.loops import Index, Loops, broadcast_index, operand_shape
from clearprop.graph import Node


def fuses(node: Node) -> bool:
    """Whether the elements of a node can be computed wherever they are needed."""
    assert node.primitive is not None
    kind = node.primitive.kind
    if isinstance(kind, kinds.Gather):
        return not _has_mask(node)
    return isinstance(kind, kinds.Elementwise | kinds.Broadcast | kinds.Permute)


def has_loops(node: Node) -> bool:
    """Whether the node is compiled; the rest are NumPy calls between compiled pieces."""
    assert node.primitive is not None
    kind = node.primitive.kind
    if isinstance(kind, kinds.Window):
        return bool(node.attributes["groups"] == 1)
    if isinstance(kind, kinds.Scatter):
        return not _has_mask(node)
    if isinstance(kind, kinds.Pad):
        return bool(node.attributes.get("mode", "constant") == "constant")
    return fuses(node) or type(kind) in _FORMS


def write(loops: Loops, node: Node, y: str) -> None:
    """Write the loops that fill the array ``y`` with a node."""
    assert node.primitive is not None
    form = _FORMS.get(type(node.primitive.kind), _map)
    form(loops, node, y)


def _operand(loops: Loops, node: Node, position: int, index: Index) -> str:
    return loops.element(node.inputs[position], node.operands[position], index)


def _at(y: str, index: Index) -> str:
    return f"{y}[{', '.join(index)}]" if index else f"{y}[()]"


def _map(loops: Loops, node: Node, y: str) -> None:
    loops.nest(
        node.shape, lambda index: loops.line(f"{_at(y, index)} = {loops.computed(node, index)}")
    )


def _reduce(loops: Loops, node: Node, y: str) -> None:
    shape = operand_shape(node, 0)
    axis = node.attributes.get("axis")
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {a % len(shape) for a in axes} if shape else set()
    assert node.primitive is not None
    assert isinstance(node.primitive.kind, kinds.Reduce)
    combine = node.primitive.kind.combine
    keepdims = node.attributes.get("keepdims", False)
    start = {"max": "-np.inf", "min": "np.inf"}.get(combine, "0")
    loops.line(f"{y}[...] = {start}")

    def body(index: Index) -> None:
        x = _operand(loops, node, 0, index)
        at = tuple(
            "0" if k in reduced else i for k, i in enumerate(index) if keepdims or k not in reduced
        )
        if combine in ("max", "min"):
            loops.line(f"{_at(y, at)} = _{combine}imum({_at(y, at)}, {x})")
        else:
            loops.line(f"{_at(y, at)} += {x}")

    loops.nest(shape, body)
    if combine == "mean":
        count = int(np.prod([shape[a] for a in reduced]))
        loops.nest(node.shape, lambda index: loops.line(f"{_at(y, index)} /= {count}"))


def _contract(loops: Loops, node: Node, y: str) -> None:
    a, b = operand_shape(node, 0), operand_shape(node, 1)
    inner = a[-1]
    loops.line(f"{y}[...] = 0")
    out_rows = () if len(a) == 1 else (a[-2],)
    out_columns = () if len(b) == 1 else (b[-1],)
    batch = node.shape[: len(node.shape) - len(out_rows) - len(out_columns)]

    def body(index: Index) -> None:
        outer, k = index[: len(batch)], index[-1 - len(out_columns)]
        i = index[len(batch) : len(batch) + len(out_rows)]
        j = index[len(index) - len(out_columns) :] if out_columns else ()
        left = (*broadcast_index(a[:-2], outer), *i, k)
        right = (*broadcast_index(b[:-2], outer), k, *j)
        product = f"{_operand(loops, node, 0, left)} * {_operand(loops, node, 1, right)}"
        loops.line(f"{_at(y, (*outer, *i, *j))} += {product}")

    loops.nest((*batch, *out_rows, inner, *out_columns), body)


def _scan(loops: Loops, node: Node, y: str) -> None:
    shape = operand_shape(node, 0)
    axis = node.attributes.get("axis")
    if axis is None:
        total = loops.fresh("s")
        place = loops.fresh("k")
        loops.line(f"{total} = {y}.dtype.type(0)")
        loops.line(f"{place} = 0")

        def running(index: Index) -> None:
            loops.line(f"{total} += {_operand(loops, node, 0, index)}")
            loops.line(f"{y}[{place}] = {total}")
            loops.line(f"{place} += 1")

        loops.nest(shape, running)
        return

    def body(index: Index) -> None:
        k = axis % len(shape)
        loops.line(f"{_at(y, index)} = {_operand(loops, node, 0, index)}")
        before = (*index[:k], f"{index[k]} - 1", *index[k + 1 :])
        loops.line(f"if {index[k]} > 0:")
        loops.line(f"    {_at(y, index)} += {_at(y, before)}")

    loops.nest(shape, body)


def _scatter(loops: Loops, node: Node, y: str) -> None:
    assert node.primitive is not None
    if node.primitive.name == "unindex":
        loops.line(f"{y}[...] = 0")
        value, first, combine = 0, 1, "+="
    else:
        loops.nest(
            node.shape,
            lambda index: loops.line(f"{_at(y, index)} = {_operand(loops, node, 0, index)}"),
        )
        value, first, combine = 1, 2, "="
    shape = _read_shape(node, first)

    def body(index: Index) -> None:
        x = _operand(loops, node, value, broadcast_index(operand_shape(node, value), index))
        at = loops.source_index(node, first, node.shape, index)
        loops.line(f"{_at(y, at)} {combine} {x}")

    loops.nest(shape, body)


def _read_shape(node: Node, first: int) -> tuple[int, ...]:
    """Give the shape of what an index reads out of the node's result."""
    from clearprop.rules.indexing import fill

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
    loops.line(f"{y}[...] = 0")

    def body(index: Index) -> None:
        n, f, i, j, c, u, v = index
        row, column = loops.fresh("r"), loops.fresh("q")
        loops.line(f"{row} = {i} * {sh} + {u} * {dh} - {ph}")
        loops.line(f"{column} = {j} * {sw} + {v} * {dw} - {pw}")
        loops.line(f"if 0 <= {row} < {x[2]} and 0 <= {column} < {x[3]}:")
        loops.depth += 1
        places = {"x": (n, c, row, column), "W": (f, c, u, v), "y": (n, f, i, j)}
        read = {"y": ("x", "W"), "x": ("y", "W"), "W": ("x", "y")}[target]
        product = " * ".join(
            _operand(loops, node, position, places[name]) for position, name in enumerate(read)
        )
        loops.line(f"{_at(y, places[target])} += {product}")
        loops.depth -= 1

    loops.nest((*out, W[1], W[2], W[3]), body)


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
                loops.line(f"{y}[{flat}] = {_operand(loops, node, position, index)}")
                loops.line(f"{flat} += 1")

            loops.nest(shape, flattened)
            start += size
            continue
        k = axis % len(shape)

        def body(index: Index, position: int = position, k: int = k, start: int = start) -> None:
            at = (*index[:k], f"{start} + {index[k]}", *index[k + 1 :])
            loops.line(f"{_at(y, at)} = {_operand(loops, node, position, index)}")

        loops.nest(shape, body)
        start += shape[k]


def _pad(loops: Loops, node: Node, y: str) -> None:
    shape = operand_shape(node, 0)
    before = np.broadcast_to(node.attributes["pad_width"], (len(shape), 2))[:, 0]
    loops.line(f"{y}[...] = {node.attributes.get('constant_values', 0)!r}")

    def body(index: Index) -> None:
        at = tuple(f"{b} + {i}" for b, i in zip(before, index, strict=True))
        loops.line(f"{_at(y, at)} = {_operand(loops, node, 0, index)}")

    loops.nest(shape, body)


def _random(loops: Loops, node: Node, y: str) -> None:
    key = loops.fresh("key")
    source = node.inputs[0]
    array = loops.in_memory(source) if source is not None else loops.constant(node.operands[0])
    loops.line(f"{key} = {array}")
    limit = int(node.attributes["rate"] * 2**32)
    loops.line(f"_keep_mask({y}.reshape({y}.size), {key}, np.uint32({limit}))")


def _has_mask(node: Node) -> bool:
    """Whether an index array is a mask: then the shape of the result depends on its values."""
    return any(
        (source.dtype if source is not None else np.asarray(value).dtype).kind == "b"
        for source, value in zip(node.inputs[1:], node.operands[1:], strict=True)
    )


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
