"""The backward pass written down: a graph as readable NumPy source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.source.module import Line
    from clearprop.tracing import Graph


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
        1,000 elements is a parameter of the module instead, to be passed by its name. Where ``f``
        calls functions of SciPy's that have no text in NumPy, the module imports SciPy too, and
        its first line says so.

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


def lines_of(graph: Graph) -> list[Line]:
    """Write the program of a graph line by line, each with the node that it computes.

    Parameters
    ----------
    graph : Graph
        As `cp.trace` gives it: what one run saw is not looked for, see `source`.

    Returns
    -------
    list of Line
        ``line.node`` is computed there; in ``backward``, ``line.of`` is the node of ``graph`` whose
        derivative it is a part of, None where paths meet.

    Raises
    ------
    ShapeError
        If the result is not one array.

    Examples
    --------
    >>> import clearprop as cp
    >>> import numpy as np
    >>> graph = cp.trace(lambda x: np.exp(x) * 2, 1.0)
    >>> for line in lines_of(graph):
    ...     if line.of is not None:
    ...         print(f"{line.of.operation:9}{line.text}")
    multiply     # of y = exp_x * 2
    multiply     dexp_x = dy * 2
    exp          # of exp_x = np.exp(x)
    exp          dx = dexp_x * exp_x
    """
    from clearprop.source.module import write_lines
    from clearprop.source.program import program_of

    return write_lines(program_of(graph))
