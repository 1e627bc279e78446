"""What may be said to a ufunc beside its operands: ``dtype=``, ``casting=``, ``where=``, ``axes=``.

Each is put into other operations: a cast before, a selection after. So an option needs no rule.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, MissingRuleError
from clearprop.places import current_line, here, line_of
from clearprop.primitive import primitive_for

#: How the result lies in memory, and of which class it is: no record knows.
_WITHOUT_EFFECT = {"order": ("K", "C", "F", "A"), "subok": (True, False)}


def call(
    run: Callable[..., Any], ufunc: np.ufunc, inputs: Sequence[Any], options: Any, out: Any
) -> Any:
    """Call a ufunc with options; ``run(ufunc, inputs)`` calls it without.

    Where ``where`` is false, the result is what ``out`` held.
    """
    options = dict(options)
    for name, harmless in _WITHOUT_EFFECT.items():
        if options.get(name) in harmless:
            del options[name]
    where = options.pop("where", True)
    dtype, casting = options.pop("dtype", None), options.pop("casting", "same_kind")
    moves = {name: options.pop(name) for name in ("axes", "axis", "keepdims") if name in options}
    for name, value in options.items():
        raise MissingRuleError(
            f"np.{ufunc.__name__}(…, {name}={value!r}) has no derivative here.",
            where=current_line(3),
            why="Recorded are out=, where=, dtype= and casting=.",
            write="dtype=, the type of the result."
            if name in ("sig", "signature")
            else f"np.{ufunc.__name__}(…) without {name}=.",
        )
    if dtype is not None or casting != "same_kind" or where is not True:
        inputs = _cast(ufunc, inputs, dtype, casting)
    if ufunc.signature is not None:
        return _along_axes(run, ufunc, inputs, **moves)
    if isinstance(where, bool | np.bool_) and where:
        return run(ufunc, inputs)
    return _where(run, ufunc, inputs, where, out)


def _cast(ufunc: np.ufunc, inputs: Sequence[Any], dtype: Any, casting: Any) -> list[Any]:
    """Give every operand the type that NumPy computes in, by NumPy's own choice of a loop."""
    arrays = [x if hasattr(x, "dtype") or _is_number(x) else np.asarray(x) for x in inputs]
    given = tuple(type(x) if _is_number(x) else x.dtype for x in arrays)
    wanted = None if dtype is None else np.dtype(dtype)
    signature = (None,) * ufunc.nin + (wanted,) * ufunc.nout
    types = ufunc.resolve_dtypes(
        (*given, *[None] * ufunc.nout), signature=signature, casting=casting
    )
    return [
        np.asarray(x, to)[()] if _is_number(x) else x if x.dtype == to else x.astype(to)
        for x, to in zip(arrays, types, strict=False)
    ]


def _is_number(x: Any) -> bool:
    return type(x) in (float, int, bool, complex)


# ---- where= -----------------------------------------------------------------------------------


def _where(
    run: Callable[..., Any], ufunc: np.ufunc, inputs: Sequence[Any], mask: Any, out: Any
) -> Any:
    if out is None or any(target is None for target in out):
        raise MissingRuleError(
            f"np.{ufunc.__name__}(…, where=…) without out= has no derivative here.",
            where=current_line(4),
            why="NumPy leaves the elements where the mask is false as the memory happens to be.",
            write=_line_with_out(ufunc, inputs),
        )
    if not hasattr(mask, "dtype"):
        mask = np.asarray(mask)
    if mask.dtype != bool:
        raise DTypeError(
            f"np.{ufunc.__name__}(…, where=…) got a mask of {mask.dtype}.",
            where=current_line(4),
            why="A mask says true or false.",
            write="where=mask.astype(bool)",
        )
    return selected(run, ufunc, inputs, mask, out)


def selected(
    run: Callable[..., Any], ufunc: np.ufunc, inputs: Sequence[Any], mask: Any, old: Sequence[Any]
) -> Any:
    """Compute where the mask is true; elsewhere the result is ``old``, one for each output.

    Where it is false the operands are replaced by numbers from the inside of the domain, so that
    neither a value nor a derivative that nobody asked for can be infinite.
    """
    harmless = _harmless(ufunc)
    guarded = [np.where(mask, x, x.dtype.type(n)) for x, n in zip(inputs, harmless, strict=True)]
    y = run(ufunc, guarded)
    if not isinstance(y, tuple):
        return np.where(mask, y, old[0])
    return tuple(np.where(mask, part, before) for part, before in zip(y, old, strict=True))


def _harmless(ufunc: np.ufunc) -> list[float]:
    """Give for every operand a number at which the ufunc is smooth: from where its tests draw."""
    primitive = primitive_for(ufunc)
    domain: Any = (0.5, 2.0) if primitive is None else primitive.domain
    intervals = domain if isinstance(domain[0], tuple) else (domain,) * ufunc.nin
    numbers = [float(low + 0.6 * (high - low)) for low, high in intervals]
    return [n if abs(n) < 1 else round(n, 1) for n in numbers]


def _line_with_out(ufunc: np.ufunc, inputs: Sequence[Any]) -> str:
    """Write the user's line again, with an ``out=`` that the record can remember."""
    name = ufunc.__name__
    shape = np.broadcast_shapes(*map(np.shape, inputs))
    at = [i for i, x in enumerate(inputs) if hasattr(x, "node") and x.shape == shape]
    general = f"np.{name}(…, where=mask, out=np.zeros_like(x)), with x of shape {shape}."
    line = line_of(here(4))
    try:
        tree = ast.parse(line.text if line else "")
    except SyntaxError:  # one line of several
        return general
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == name and at:
            if at[0] >= len(node.args):
                return general
            like = ast.parse(f"np.zeros_like({ast.unparse(node.args[at[0]])})", mode="eval").body
            node.keywords.append(ast.keyword("out", like))
            return ast.unparse(tree)
    return general


# ---- axes=, for the ufuncs that work on whole vectors and matrices ------------------------------


def _along_axes(
    run: Callable[..., Any],
    ufunc: np.ufunc,
    inputs: Sequence[Any],
    axes: Any = None,
    axis: int | None = None,
    keepdims: bool = False,
) -> Any:
    """Move the axes that are meant to the end, and those of the result to where they are wanted."""
    assert ufunc.signature is not None
    cores = [part.strip("()") for part in ufunc.signature.replace("->", "),(").split("),(")]
    counts = [len(core.split(",")) if core else 0 for core in cores]
    if "?" in ufunc.signature:  # of matmul: a vector has one axis of its own, not two
        vectors = [np.ndim(x) < 2 for x in inputs]
        counts = [2 - vectors[0], 2 - vectors[1], 2 - sum(vectors)]
    if axes is None:
        last = [tuple(range(-n, 0)) for n in counts]
        axes = last if axis is None else [(axis,) * n for n in counts]
    elif len(axes) == len(inputs) and not counts[-1]:
        axes = [*axes, ()]
    places = [(i,) if isinstance(i, int) else tuple(i) for i in axes]
    kept = places[-1] if counts[-1] else places[0]
    moved = [
        np.moveaxis(x, place, range(-n, 0)) if n else x
        for x, place, n in zip(inputs, places, counts, strict=False)
    ]
    y = run(ufunc, moved)
    if counts[-1]:
        return np.moveaxis(y, range(-counts[-1], 0), kept)
    return np.expand_dims(y, kept) if keepdims else y
