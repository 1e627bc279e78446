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
        at the first call, and again for other shapes or dtypes. ``.source`` is the text of the
        loops, ``.plan`` lists them, and the operations that remain NumPy calls.

    Raises
    ------
    MissingExtraError
        If Numba is not installed.

    Notes
    -----
    The function runs once to be traced: a branch on the value of an argument is fixed by that call.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> h = cp.compile(lambda x: np.sum(np.exp(x) * x))
    >>> print(round(float(h(np.array([1.0, 2.0]))), 6))
    17.496394
    """
    from clearprop.compile.compiled import Compiled

    return Compiled(f)
