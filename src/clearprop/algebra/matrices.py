"""How a matrix of derivatives is written: ``diag(y) − y yᵀ``, or an element with indices."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from clearprop.algebra.symbols import sympy
from clearprop.algebra.text import latex, plain
from clearprop.algebra.tidy import all_zero, is_zero, of_softmax


@dataclass(frozen=True)
class Pattern:
    """A matrix, written for all its elements at once."""

    text: str
    latex: str


def pattern_of(
    matrix: Any,
    above: tuple[int, ...],
    below: tuple[int, ...],
    top: str,
    bottom: str,
    indices: str,
) -> Pattern:
    """Write a matrix of derivatives; element by element only where no rule is found.

    Parameters
    ----------
    matrix : Matrix
        A row for each element of ``top``, a column for each of ``bottom``.
    above, below : tuple of int
        Their shapes.
    top, bottom : str
        Their names.
    indices : str
        The letters of a row and of a column.
    """
    s = sympy()
    rows, columns = matrix.shape
    if rows == columns == 1:
        return Pattern(plain(matrix[0, 0]), latex(matrix[0, 0]))
    vectors = len(above) <= 1 and len(below) <= 1
    if vectors and rows == 1:
        found = _element(list(matrix), indices[1])
        if found is not None:
            return Pattern(plain(found), latex(found))
    if vectors and rows == columns and len(above) == 1:
        results = s.Matrix([s.Symbol(f"{top}_{i + 1}", real=True) for i in range(rows)])
        if all_zero(matrix - of_softmax(s, results)):
            y = latex(s.Symbol(top))
            return Pattern(
                f"diag({top}) − {top} {top}ᵀ", rf"\operatorname{{diag}}({y}) - {y} {y}^\top"
            )
        found = _element([matrix[i, i] for i in range(rows)], indices[0])
        if found is not None and matrix.is_diagonal():
            return Pattern(f"diag({plain(found)})", rf"\operatorname{{diag}}({latex(found)})")
    if math.prod(above) == 1:
        listed = matrix.reshape(below[0], math.prod(below[1:])) if below else matrix
    else:
        listed = matrix
    lines = "; ".join(
        ", ".join(plain(listed[i, j]) for j in range(listed.shape[1]))
        for i in range(listed.shape[0])
    )
    return Pattern(f"[{lines}]", latex(listed))


def _element(elements: list[Any], letter: str) -> Any:
    """Give the element with an index, ``y_i − t_i``, if all are alike; None if not."""
    found = _general(elements[0], 1, letter)
    for number, element in enumerate(elements, 1):
        if not is_zero(_general(element, number, letter) - found):
            return None
    return found


def _general(element: Any, number: int, letter: str) -> Any:
    """Put a letter in the place of a number among the indices."""
    s = sympy()
    names = {
        symbol: s.Symbol(re.sub(rf"_{number}$", f"_{letter}", str(symbol)), real=True)
        for symbol in element.free_symbols
    }
    return element.subs(names, simultaneous=True)
