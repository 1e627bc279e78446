"""The record as machine code: fused loops, written as Python source and compiled by Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile(f: Callable[..., Any]) -> Any:
    """Compile a function of arrays: fused loops from the graph of one call.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code whose result is an array, or nested arrays; a derivative such as
        ``cp.grad(f)`` too.

    Returns
    -------
    Compiled
        With the same signature and the same results, to rounding. It is traced and compiled
        at the first call, and again for other shapes, dtypes or constants: Python integers, what
        is passed by keyword, and what is no number are constants of a program. ``.source`` is the
        text of the loops, ``.plan`` lists them, and the operations that remain NumPy calls.

    Raises
    ------
    MissingExtraError
        If Numba is not installed.
    DTypeError
        If an argument is neither numbers nor hashable.
    StagingError
        If the function branches on the value of an argument, draws random numbers or reads the
        clock: a program would have what one run of it had.
    ShapeError
        If a mask selects another number of elements than in the first call.
    IndexError
        If an index is out of bounds, as in NumPy.

    Notes
    -----
    To make a program the function runs twice, the second time with other numbers of the same shapes
    and dtypes, and the two records are compared. What the function does beside computing (printing,
    appending to a list) is done twice. If it raises for the other numbers, closer ones are tried,
    at last the same ones.
    Sums of float32 are added up in float64. What Numba computes differently from NumPy, such as
    float16, remains a NumPy call. On values that are being differentiated the function itself runs.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> h = cp.compile(lambda x: np.sum(np.exp(x) * x))
    >>> print(round(float(h(np.array([1.0, 2.0]))), 6))
    17.496394
    """
    from clearprop.compile.compiled import Compiled

    return Compiled(f)
