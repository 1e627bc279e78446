"""Formulas as a line of plain text, as one writes them by hand."""

from __future__ import annotations

from typing import Any

from clearprop.algebra.symbols import sympy
from clearprop.scripts import lowered, raised

_INDICES = ("i", "j", "k")


def plain(form: Any) -> str:
    """Write a formula.

    Examples
    --------
    >>> from sympy import exp, symbols
    >>> x, y, t_1 = symbols("x y t_1")
    >>> plain(2 * x), plain(y**2 * exp(-x)), plain(y * (1 - y)), plain(-t_1 / y)
    ('2x', 'y² e⁻ˣ', 'y(1 − y)', '−t₁/y')
    """
    s = sympy()
    if form.is_Symbol:
        return _symbol(str(form))
    if form.is_Add:
        return _sum(form)
    if isinstance(form, s.exp):
        return _power("e", plain(form.args[0]))
    numerator, denominator = s.fraction(form, exact=True)
    if form.is_Mul and denominator != 1:
        sign = ""
        if numerator.could_extract_minus_sign() and not numerator.is_Add:
            sign, numerator = "−", -numerator
        below = plain(denominator)
        if denominator.is_Mul or denominator.is_Add:
            below = f"({below})"
        above = f"({plain(numerator)})" if numerator.is_Add else plain(numerator)
        return f"{sign}{above}/{below}"
    if form.is_Mul:
        return _product(form)
    if form.is_Pow:
        if form.exp == s.Rational(1, 2):
            return f"√({plain(form.base)})" if form.base.args else f"√{plain(form.base)}"
        if form.exp.could_extract_minus_sign():
            below = form.base ** (-form.exp)
            return f"1/({plain(below)})" if below.is_Add or below.is_Mul else f"1/{plain(below)}"
        base = plain(form.base)
        bare = form.base.is_Symbol or form.base.is_Function or form.base.is_Integer
        return _power(base if bare else f"({base})", plain(form.exp))
    if form.is_Function:
        name = {"log": "ln", "atan": "arctan"}.get(form.func.__name__, form.func.__name__)
        return f"{name}({', '.join(map(plain, form.args))})"
    if form.is_Float:
        return f"{float(form):g}".replace("-", "−")
    return str(form).replace("-", "−").replace("**", "^").replace("*", "·")


def latex(form: Any) -> str:
    """Write a formula as LaTeX; what is positive stands first.

    Examples
    --------
    >>> from sympy import symbols
    >>> y, t = symbols("y t")
    >>> latex(y - t)
    'y - t'
    """
    s = sympy()
    if getattr(form, "is_Add", False):  # a matrix has no such thing
        terms = sorted(form.as_ordered_terms(), key=lambda t: t.could_extract_minus_sign())
        return str(s.latex(s.Add(*terms, evaluate=False), order="none"))
    return str(s.latex(form))


def _symbol(name: str) -> str:
    stem, *places = name.split("_")
    low = "".join(lowered(p) if p.isdigit() or p in _INDICES else f"_{p}" for p in places)
    return stem + low


def _power(base: str, exponent: str) -> str:
    high = raised(exponent)
    short = all(ord(c) > 0x7F for c in high) and " " not in high
    return base + high if short else f"{base}^({exponent})"


def _sum(form: Any) -> str:
    # what is positive stands first: 1 − y
    terms = sorted(form.as_ordered_terms(), key=lambda t: t.could_extract_minus_sign())
    text = plain(terms[0])
    for term in terms[1:]:
        if term.could_extract_minus_sign():
            inner = plain(-term)
            text += f" − ({inner})" if (-term).is_Add else f" − {inner}"
        else:
            text += f" + {plain(term)}"
    return text


def _product(form: Any) -> str:
    factors = list(form.as_ordered_factors())
    sign = ""
    if factors[0].is_Number and factors[0] < 0:
        sign = "−"
        factors[0] = -factors[0]
        if factors[0] == 1:
            factors = factors[1:]
    text = ""
    for number, factor in enumerate(sorted(factors, key=lambda f: bool(f.is_Add))):
        shown = plain(factor)
        if factor.is_Add:
            text += f"({shown})"
        elif not text:
            text = shown
        elif factor.is_Number or (text[-1].isdigit() and shown[0].isdigit()):
            text += f"·{shown}"
        else:
            text += shown if number == 1 and text.isdigit() else f" {shown}"
    return sign + text
