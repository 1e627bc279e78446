"""The chain rule along a path, written as on the blackboard: factors, product, simplified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearprop.graph import Node
from clearprop.tracing import Graph

if TYPE_CHECKING:
    from clearprop.algebra.chain import Chain


def algebra(graph: Graph, *path: str | Node) -> Chain:
    """Write the derivative along a path as a product of local derivatives, and simplify it.

    Parameters
    ----------
    graph : Graph
        As `cp.trace` gives it. Of arrays that are not taken element by element (a softmax, a sum)
        each has at most 16 elements: what is shown is proved for these sizes.
    *path : str or Node
        From a result to what it is derived by: ``"z", "t", "x"``. One name alone starts at the
        result of the function. Between two that are given, all ways count.

    Returns
    -------
    Chain
        ``str()`` of it is plain text; ``.latex`` and ``.mathml`` are for a page.

    Raises
    ------
    UnknownNameError
        If the function has no such value.
    OptionError
        If no way leads from one to the next, or an array is too large to be written out.
    MissingExtraError
        If SymPy is not installed: ``pip install 'clearprop[algebra]'``.
    MissingRuleError
        If an operation on the way cannot be written as a formula.

    Examples
    --------
    >>> import clearprop as cp
    >>> def f(x, y):
    ...     t = x + y
    ...     z = t**2
    ...     return z
    >>> print(cp.algebra(cp.trace(f, 3.0, 2.0), "x"))
    ∂z/∂x = ∂z/∂t · ∂t/∂x = 2t · 1 = 2(x + y)
    """
    from clearprop.algebra.chain import write_chain

    return write_chain(graph, path)
