"""A formula with values: forward and backward."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError, FormulaError
from clearprop.formula.formula import Formula
from clearprop.formula.given import as_value, propose
from clearprop.tracing import Gradients, trace


@dataclass(frozen=True)
class Run:
    """What became of a formula.

    Attributes
    ----------
    formula : Formula
    values : dict of str to (float or ndarray)
        Of all leaves, in order.
    proposed : tuple of str
        Those whose values nobody gave.
    gradients : Gradients
        Of the result, or of the sum of its elements where it has several; with its graph.
    """

    formula: Formula
    values: dict[str, Any]
    proposed: tuple[str, ...]
    gradients: Gradients


def run(formula: Formula, given: Mapping[str, Any]) -> Run:
    """Compute a formula and its derivatives.

    Parameters
    ----------
    formula : Formula
    given : dict of str to (float or ndarray)
        Values of leaves; those that are missing are proposed.

    Returns
    -------
    Run

    Raises
    ------
    FormulaError
        A value is for a name that needs none, an operation fails, or there is no derivative.

    Examples
    --------
    >>> done = run(Formula("x**2"), {"x": 3.0})
    >>> print(float(done.gradients["x"]))
    6.0
    """
    for name in given:
        _check_name(formula, name)
    values = propose(formula) | dict(given)
    values |= {n: as_value(v, n) for n, v in formula.leaves.items() if v is not None}
    values = {name: values[name] for name in formula.leaves}
    graph = trace(formula, *values.values())
    if not graph.outputs:
        raise FormulaError(
            "The result depends on no name.",
            why="A derivative is one with respect to something.",
            write="x**2, with x=3",
        )
    try:
        with np.errstate(all="ignore"):  # what is not finite is shown
            gradients = graph.backward(np.ones(np.shape(graph.output))[()])
    except ClearpropError as error:
        raise FormulaError(
            "The result has no derivative.",
            why="There is no path of real numbers from a name to it.",
            write="where(x > 0, x, 0) for a choice between numbers",
        ) from error
    missing = tuple(n for n, v in formula.leaves.items() if v is None and n not in given)
    return Run(formula, values, missing, gradients)


def _check_name(formula: Formula, name: str) -> None:
    if name not in formula.leaves:
        close = difflib.get_close_matches(name, formula.leaves, n=1)
        names = ", ".join(formula.leaves) or "no name at all"
        raise FormulaError(
            f"{name} is given a value, and stands nowhere in the formula.",
            why=f"The formula has {names}.",
            write=f"{close[0]}=…" if close else None,
        )
    if formula.leaves[name] is not None:
        raise FormulaError(
            f"{name} is given a value twice.",
            why="The formula has one for it already.",
            write=f"the formula without {name} = …, or only the formula",
        )
