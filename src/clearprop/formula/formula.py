"""A formula as a function that can be traced."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from clearprop.errors import FormulaError
from clearprop.formula.computing import compute
from clearprop.formula.reading import Tree, read
from clearprop.tensor import Tensor


class Formula:
    """``f(x, y, …)`` from a text: an expression, or a few assignments, of which the last counts.

    The text is read by a whitelist and walked; it is never run as Python. Its names have no
    underscore in front, its functions are those of NumPy that have a place here (`exp`, `sum`,
    `where`, …), with or without ``np.``.

    Parameters
    ----------
    text : str
        ``price * count * tax``, or lines such as ``t = x + y`` and ``t**2``. A line that gives
        a name plain numbers, ``x = 3``, makes an argument with that value.

    Attributes
    ----------
    leaves : dict of str to (number or list or None)
        The arguments in the order in which they appear, and the values that the text gives them.

    Raises
    ------
    FormulaError
        The text cannot be read; the error knows the line and the column.

    Examples
    --------
    >>> import clearprop as cp
    >>> f = Formula("t = x + y; t**2")
    >>> g = cp.trace(f, 1.0, 2.0)
    >>> d = g.backward()
    >>> print(float(g.output), float(d["t"]), float(d["x"]))
    9.0 6.0 6.0
    >>> print(g.line_of(g.find("t")))
    formula:1: t = x + y
    >>> Formula("1 + sin x")
    Traceback (most recent call last):
    clearprop.errors.FormulaError: sin is written sin(x). Where: line 1, column 9. Why: A function
    has brackets. Write instead: sin(x)
    """

    def __init__(self, text: str) -> None:
        self.tree: Tree = read(text)
        self.text = text
        self.leaves = self.tree.leaves
        self.__name__ = self.tree.statements[-1].name or "formula"
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature(
            [inspect.Parameter(name, kind) for name in self.leaves]
        )

    def __call__(self, *values: Any) -> Any:
        """Compute the formula, from the values of its leaves in order."""
        result = compute(self.tree, dict(zip(self.leaves, values, strict=True)))
        if isinstance(result, tuple):
            what = "The result is a shape, which is no number."
            raise FormulaError(what, why="A derivative is one of numbers.", write="sum(x)")
        return result if isinstance(result, Tensor) else np.asarray(result)[()]
