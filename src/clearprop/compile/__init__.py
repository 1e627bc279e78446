"""The record as machine code: fused loops, cut into pieces for all cores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile(f: Callable[..., Any]) -> Any:
    """Compile a function of arrays to machine code, from the graph of one call.

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
        text of the loops, ``.plan`` lists them with their memory and time, and the operations that
        remain NumPy calls; ``.scan`` runs a step many times without Python between the steps.

    Raises
    ------
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
    The loops run on `get_threads` threads, and give the same bits for every number of them: rows
    are cut into blocks by their number and size alone, and sums are made in one order. Long sums of
    float32 are made in float64. What has no loops, such as float16, remains a NumPy call. Machine
    code is kept on disk for the next process; the logger ``clearprop.compile`` says what is
    compiled when. On values that are being differentiated the function itself runs; so it does,
    with one warning, where llvmlite is not installed.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> h = cp.compile(lambda x: np.sum(np.exp(x) * x))
    >>> print(round(float(h(np.array([1.0, 2.0]))), 6))
    17.496394
    """
    from clearprop.compile.compiled import Compiled

    return Compiled(f)
