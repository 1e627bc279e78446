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
        The text of a module with ``forward``, ``backward`` and ``gradients``, laid out as Black
        does. The variables have their names in ``f``; above the lines of ``backward`` stands the
        line of ``forward`` that they are the derivative of, behind each line the shape it gives.
        An array that ``f`` takes from outside is written above the functions; one of more than
        1,000 elements is a parameter of the module instead, to be passed by its name.

    Raises
    ------
    ShapeError
        If ``f`` returns anything but one array.
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
    >>> print(cp.source(f, np.ones(3)))
    \"\"\"f and its backward pass, written by clearprop.\"\"\"
    <BLANKLINE>
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def forward(x):
        \"\"\"Compute the result, and what the backward pass needs.\"\"\"
        y = np.tanh(x)  # (3,)
        out = np.sum(y)
        return out, (y,)
    <BLANKLINE>
    <BLANKLINE>
    def backward(saved, dy=1.0):
        \"\"\"Compute the gradient of each argument from that of the result.\"\"\"
        (y,) = saved
        # of y = np.tanh(x)
        return dy * (1 - y * y)
    <BLANKLINE>
    <BLANKLINE>
    def gradients(x):
        \"\"\"Compute the result and the gradient of each argument.\"\"\"
        y, saved = forward(x)
        return y, backward(saved)
    <BLANKLINE>
    """
    from clearprop.source.module import write_module
    from clearprop.source.program import make_program

    return write_module(make_program(f, args))
