"""Formulas in their shortest rational form; exponentials count as letters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from clearprop.algebra.symbols import sympy


def tidy(form: Any) -> Any:
    """Cancel and factor; two forms that are equal for all exponentials become the same."""
    s = sympy()
    letters = {symbol: s.Dummy(f"e^{symbol}", positive=True) for symbol in form.free_symbols}
    bare = s.expand_power_exp(form)
    for symbol, letter in letters.items():
        bare = bare.subs(s.exp(symbol), letter)
    if bare.atoms(s.exp) or not bare.is_rational_function():
        return s.simplify(form)
    back = {letter: s.exp(symbol) for symbol, letter in letters.items()}
    made = s.factor(s.cancel(s.together(bare)))
    return made.subs(back)


def is_zero(form: Any) -> bool:
    """Whether a formula is 0 for all values of its symbols."""
    return bool(tidy(form) == 0)


def all_zero(forms: Iterable[Any]) -> bool:
    """Whether all of some formulas are 0."""
    return all(is_zero(form) for form in forms)


def in_results(jacobian: Any, of: Sequence[Any], results: Sequence[Any]) -> Any | None:
    """Write the derivatives of y = of(x) in y, where they are of a kind that is known.

    Parameters
    ----------
    jacobian : Matrix
        In x.
    of : sequence
        The elements of y, in x.
    results : sequence
        The symbols of the elements of y.

    Returns
    -------
    Matrix or None
        ``diag(y) - y y^T``, ``diag(y)``, ``diag(y (1 - y))`` or ``diag(1 - y^2)``.
    """
    s = sympy()
    if jacobian.shape[0] != jacobian.shape[1] or len(of) != len(results):
        return None
    if not any(form.has(s.exp, s.tanh) for form in of):
        return None
    for kind in (of_softmax, _exponential, _sigmoid, _tanh):
        if all_zero(jacobian - kind(s, s.Matrix(of))):
            return kind(s, s.Matrix(results))
    return None


def of_softmax(s: Any, y: Any) -> Any:
    """Write the derivatives of a softmax in its results: ``diag(y) − y yᵀ``."""
    return s.diag(*y) - y * y.T


def _exponential(s: Any, y: Any) -> Any:
    return s.diag(*y)


def _sigmoid(s: Any, y: Any) -> Any:
    return s.diag(*(a * (1 - a) for a in y))


def _tanh(s: Any, y: Any) -> Any:
    return s.diag(*(1 - a**2 for a in y))
