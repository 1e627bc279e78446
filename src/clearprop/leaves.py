"""Leaves: where a record starts, and the cotangent with which its backward pass starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, ShapeError
from clearprop.explain.watching import WatchedLeaf, new_tape
from clearprop.graph import Leaf, Tape, TracedNode
from clearprop.idioms import refuse_keywords
from clearprop.places import current_line
from clearprop.plumbing import ALIAS
from clearprop.tensor import Tensor
from clearprop.trees import tree_values

_FLOAT64 = np.dtype(np.float64)


def tensor(data: Any, dtype: Any = None, **elsewhere: Any) -> Tensor:
    """Make a leaf: an array from which everything computed is recorded.

    Parameters
    ----------
    data : array_like of real or complex numbers
        Copied. Python numbers and lists become float64, or complex128.
    dtype : dtype, optional
        ``float32`` stays ``float32`` throughout.
    **elsewhere
        Refused: ``requires_grad=True`` and its like are not needed here.

    Returns
    -------
    Tensor

    Raises
    ------
    DTypeError
        If the data are not real numbers; an *array* of integers is refused, since its
        elements cannot move by a small amount.
    UnknownKeywordError
        If there is another keyword.

    Examples
    --------
    >>> import clearprop as cp
    >>> x = cp.tensor(3.0)
    >>> y = x * x
    >>> y.backward()
    >>> print(x.grad)
    6.0
    """
    if elsewhere:
        refuse_keywords("cp.tensor", elsewhere)
    if type(data) is float and dtype is None:
        return leaf(np.float64(data), new_tape(keep=False))
    if isinstance(data, Tensor):
        data = data.plain("cp.tensor()", "x itself, which is on a record already")
    if dtype is None and not isinstance(data, np.ndarray | np.generic):
        dtype = np.complex128 if np.iscomplexobj(data) else np.float64
    refuse_masked(data, lambda: "tensor(data)")
    value = real(np.array(data, dtype=dtype)[()], lambda: "tensor(data)")
    return leaf(value, new_tape(keep=False))


def dtype_of_numbers(args: Any) -> Any:
    """Give the dtype of Python numbers among arguments: that of the float arrays beside them.

    So ``x * lr`` stays float32 where ``x`` is float32, as it does in plain NumPy.
    """
    found = set()
    for arg in args:
        if type(arg) not in (float, int):
            for value in tree_values(arg):
                dtype = getattr(value, "dtype", None)  # np.float32 has one too, which is none
                if isinstance(dtype, np.dtype) and dtype.kind in "fc":
                    found.add(np.finfo(dtype).dtype)  # of a complex dtype, that of its parts
    return np.result_type(*found) if found else _FLOAT64


def complex_dtype(dtype: Any) -> Any:
    """Give the complex dtype whose parts have a float dtype."""
    return np.result_type(dtype, np.complex64)


def real(value: Any, what: Callable[[], str], dtype: Any = np.float64) -> Any:
    """Give a value to differentiate with respect to: an array or scalar of floats, or complex.

    A Python number becomes one of ``dtype``. ``what`` says for an error what the value is.

    Raises
    ------
    DTypeError
        If it is anything else.
    """
    if type(value) in (float, int):
        return np.dtype(dtype).type(value)
    if type(value) is complex:
        return complex_dtype(dtype).type(value)
    kind = getattr(getattr(value, "dtype", None), "kind", type(value).__name__)
    refuse_masked(value, what)
    if kind not in ("f", "c"):
        described = f"an array of {value.dtype}" if hasattr(value, "dtype") else f"a {kind}"
        raise DTypeError(
            f"{what()} is {described}; a derivative needs real numbers.",
            where=current_line(2),
            why="Integers, booleans and objects cannot move by a small amount.",
            write="x.astype(float), or argnums= that leaves this argument out.",
        )
    return value


def refuse_masked(value: Any, what: Callable[[], str]) -> None:
    """Refuse a masked array, whose mask would be lost, and an np.matrix, whose products would.

    Raises
    ------
    DTypeError
    """
    if isinstance(value, np.matrix):
        raise DTypeError(
            f"{what()} is an np.matrix.",
            where=current_line(2),
            why="Its * is a matrix product; that of a recorded value is one of elements.",
            write="np.asarray(M), and @ for matrix products.",
        )
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(
            f"{what()} is a masked array.",
            where=current_line(2),
            why="What a masked element contributes to a derivative is not defined here.",
            write="x.data, and np.where(mask, 0.0, …) where its elements count.",
        )


def is_real(value: Any) -> bool:
    """Whether a value is, as it stands, one to differentiate with respect to."""
    kind = type(value)
    return kind is np.float64 or (kind is np.ndarray and value.dtype.kind == "f")


def leaf(value: Any, tape: Tape | None = None) -> Tensor:
    """Make a new leaf, to differentiate with respect to."""
    made = Tensor(value, Leaf(value) if tape is None else WatchedLeaf(value, tape))
    made._leaf = made._node
    return made


def alias(source: Tensor, tape: Tape | None = None) -> Tensor:
    """Make a value on the record of another, but distinct from it: an inner argument."""
    of, value = source.node, source.value
    assert of is not None
    form: tuple[Any, ...] = (ALIAS, (of,), (None,), {}, value, of.shape, of.dtype)
    tape = tape if of.tape is None else of.tape
    return Tensor(value, TracedNode(*form, active=of.active, tape=tape))


def seed(y: Any, dy: Any = None) -> Any:
    """Check the cotangent that a backward pass starts from; 1 for a scalar.

    Raises
    ------
    ShapeError
        If ``y`` is no scalar and ``dy`` is not given, or has another shape.
    DTypeError
        If ``y`` is complex and ``dy`` is not given, or ``dy`` alone is complex.
    """
    if dy is None:
        if y.shape != ():
            raise ShapeError(
                f"The value to differentiate has shape {y.shape}; a derivative starts at a scalar.",
                where=current_line(1),
                why="For an array, say with which weights its elements count.",
                write="np.sum(y), or backward(dy) with dy of that shape.",
            )
        if y.dtype.kind == "c":
            raise DTypeError(
                "The value to differentiate is complex; a derivative starts at a real number.",
                where=current_line(1),
                why="A complex number has two parts, and each has a gradient of its own.",
                write="np.real(y), np.imag(y) or np.abs(y)**2; or cp.vjp, with dy for both parts.",
            )
        return y.dtype.type(1)
    if np.shape(dy) != np.shape(y):
        raise ShapeError(
            f"dy has shape {np.shape(dy)}, the value it belongs to has shape {np.shape(y)}.",
            where=current_line(1),
            why="A cotangent has one number for each element of the value.",
            write=f"np.broadcast_to(dy, {np.shape(y)})",
        )
    if isinstance(dy, Tensor):
        return dy
    if np.iscomplexobj(dy) and y.dtype.kind != "c":
        raise DTypeError(
            f"dy is complex, the value it belongs to is of {y.dtype}.",
            where=current_line(1),
            why="The cotangent of a real value is real: an imaginary part would be lost.",
            write="np.real(dy)",
        )
    return np.asarray(dy, dtype=y.dtype)[()]
