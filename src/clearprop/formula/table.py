"""What a formula may call: each function, how it is called, and how large its result is.

Nothing else can be reached: a name in a formula is looked up here, and never in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.rules.exponential import sigmoid
from clearprop.rules.extremes import relu
from clearprop.rules.loss import sigmoid_cross_entropy, softmax_cross_entropy
from clearprop.rules.reduction import softmax

Shape = tuple[int, ...]


class Function(NamedTuple):
    """One function of the formula language.

    Attributes
    ----------
    call : callable
    least, most : int
        So many operands.
    keywords : tuple of str
        Of these alone: ``axis``, ``keepdims``.
    cost : callable
        From the shapes of the operands: the elements of the result, and the work for it.
    form : str
        ``values``: the operands are numbers and arrays. ``sequence``: the first is a list of
        them. ``shape``: behind the values come whole numbers. ``made``: there are only these.
    usage : str
        How it is written.
    """

    call: Callable[..., Any]
    least: int
    most: int
    keywords: tuple[str, ...]
    cost: Callable[[Sequence[Shape]], tuple[int, int]]
    form: str
    usage: str


def elementwise(shapes: Sequence[Shape]) -> tuple[int, int]:
    """As large as what the shapes are broadcast to."""
    size = math.prod(_broadcast(shapes))
    return size, size


def _broadcast(shapes: Sequence[Shape]) -> Shape:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        shown = " and ".join(str(shape) for shape in dict.fromkeys(shapes) if shape)
        raise ValueError(
            f"the shapes {shown} do not fit together, axis by axis from the right"
        ) from None


def as_large(shapes: Sequence[Shape]) -> tuple[int, int]:
    """As large as the first operand, or smaller."""
    size = math.prod(shapes[0])
    return size, size


def together(shapes: Sequence[Shape]) -> tuple[int, int]:
    """As large as all operands together."""
    size = sum(map(math.prod, shapes))
    return size, size


def product(shapes: Sequence[Shape]) -> tuple[int, int]:
    """``A @ B``: rows times columns, each a sum over what they share."""
    a, b = shapes
    if not a or not b:
        raise ValueError("matmul: a number has no rows and columns; write * for it")
    if a[-1] != b[-2 if len(b) > 1 else -1]:
        raise ValueError(
            f"the shapes {a} and {b} do not fit: {a[-1]} columns meet "
            f"{b[-2 if len(b) > 1 else -1]} rows"
        )
    rows, columns = (a[-2] if len(a) > 1 else 1), (b[-1] if len(b) > 1 else 1)
    size = math.prod(_broadcast([a[:-2], b[:-2]])) * rows * columns
    return size, size * a[-1]


def dot(shapes: Sequence[Shape]) -> tuple[int, int]:
    """As ``A @ B``, with numbers too; of more than two axes it is another product."""
    a, b = shapes
    if max(len(a), len(b)) > 2:
        raise ValueError("dot: the operands have more than two axes; write @ for them")
    return product(shapes) if a and b else elementwise(shapes)


def outer(shapes: Sequence[Shape]) -> tuple[int, int]:
    """Each element of the one with each of the other."""
    size = math.prod(shapes[0]) * math.prod(shapes[1])
    return size, size


def _made(shapes: Sequence[Shape]) -> tuple[int, int]:
    return math.prod(shapes[0]), math.prod(shapes[0])


_AXES = ("axis", "keepdims")


def _table() -> dict[str, Function]:
    found: dict[str, Function] = {}

    def add(names: str, least: int, most: int, cost: Any, usage: str, **rest: Any) -> None:
        for name in names.split():
            call = rest.get("call") or getattr(np, name)
            keywords, form = rest.get("keywords", ()), rest.get("form", "values")
            written = usage.replace("f(", f"{name}(", 1)
            found[name] = Function(call, least, most, keywords, cost, form, written)

    add("exp log log1p expm1 log2 log10 sqrt cbrt square abs sign", 1, 1, elementwise, "f(x)")
    add("sin cos tan arcsin arccos arctan sinh cosh tanh", 1, 1, elementwise, "f(x)")
    add("arcsinh arccosh arctanh negative reciprocal floor", 1, 1, elementwise, "f(x)")
    add("absolute fabs sinc", 1, 1, elementwise, "f(x)")
    add("add subtract multiply divide power maximum minimum", 2, 2, elementwise, "f(x, y)")
    add("hypot arctan2 logaddexp", 2, 2, elementwise, "f(x, y)")
    add("where clip", 3, 3, elementwise, "f(a, b, c)")
    for name, own in (("sigmoid", sigmoid), ("relu", relu)):
        add(name, 1, 1, elementwise, "f(x)", call=own)
    add("softmax", 1, 1, as_large, "f(x)", call=softmax, keywords=("axis",))
    for name, own in (
        ("softmax_cross_entropy", softmax_cross_entropy),
        ("sigmoid_cross_entropy", sigmoid_cross_entropy),
    ):
        add(name, 2, 2, elementwise, "f(x, t)", call=own)
    add("sum prod mean max min var std", 1, 1, as_large, "f(x, axis=0)", keywords=_AXES)
    add("norm", 1, 1, as_large, "f(x, axis=0)", call=np.linalg.norm, keywords=_AXES)
    add("cumsum", 1, 1, as_large, "f(x, axis=0)", keywords=("axis",))
    add("matmul", 2, 2, product, "f(x, W)")
    add("dot", 2, 2, dot, "f(x, W)")
    add("outer", 2, 2, outer, "f(x, y)")
    add("transpose ravel squeeze", 1, 1, as_large, "f(x)")
    add("expand_dims", 1, 1, as_large, "f(x, axis=0)", keywords=("axis",))
    add("reshape", 1, 1, as_large, "f(x, (2, 3))", form="shape")
    add("concatenate stack", 1, 1, together, "f([x, y])", keywords=("axis",), form="sequence")
    add("zeros ones", 0, 0, _made, "f((2, 3))", form="made")
    return found


#: By name, as it is written: ``exp(x)`` or ``np.exp(x)``.
FUNCTIONS: dict[str, Function] = _table()

#: What can also be written behind a value: ``x.sum(axis=0)``.
METHODS = frozenset(
    (
        *("sum", "prod", "mean", "max", "min", "var", "std", "cumsum"),
        *("dot", "clip", "reshape", "transpose", "ravel", "squeeze"),
    )
)

#: ``x.T`` and its like.
ATTRIBUTES = ("T", "shape", "size", "ndim")

#: Names that stand for numbers unless the formula gives them another meaning.
CONSTANTS = {"pi": math.pi, "e": math.e}

#: Where the functions may be said to come from.
MODULES = ("np", "numpy")
