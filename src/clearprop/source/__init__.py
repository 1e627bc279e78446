"""The backward pass written down: a graph as readable NumPy source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def source(f: Callable[..., Any], *args: Any) -> str:
    """Write ``f`` and its backward pass as a module that imports only NumPy.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code with an array as its result.
    *args
        Example arguments: the program is for their shapes and dtypes.

    Returns
    -------
    str
        The text of a module with ``forward``, ``backward`` and ``gradients``. The variables have
        their names in ``f``; each line of ``backward`` names the line that it is the derivative of.

    Raises
    ------
    ClearpropError
        If ``f`` uses a large array that is not an argument, which source cannot hold.
    StagingError
        If ``f`` branches on the value of an argument, draws random numbers or reads the clock: the
        program would have what one run of it had. ``f`` runs twice to tell, see `compile`.
    MissingRuleError, LostGradientError
        If ``f`` does something that cannot be recorded.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> def f(x):
    ...     y = np.tanh(x)
    ...     return np.sum(y)
    >>> print(cp.source(f, np.ones(3)))  # doctest: +ELLIPSIS
    \"\"\"f and its backward pass...
        y = np.tanh(x)  # (3,)
    ...
        dx = dy_2 * (1 - y * y)  # of y = np.tanh(x)
    ...
    """
    from clearprop.source.module import write_module
    from clearprop.source.program import make_program

    return write_module(make_program(f, args))
