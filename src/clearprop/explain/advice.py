"""Why an operation gives a NaN or an infinity, and the expression that guards it.

An entry gets the elements that went in, and gives the reason and what to write; ``{x}`` stands for
the first operand there, ``{d}`` for the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: From the elements that went in: why, and what to write.
Advice = Callable[[list[Any]], tuple[str, str]]
Table = dict[str, Advice]


def _log(e: list[Any]) -> tuple[str, str]:
    return (
        "a logarithm is -inf at 0 and undefined below.",
        "np.log(np.where({x} > 0, {x}, 1.0)), where such elements do not count; "
        "np.log(np.maximum({x}, 1e-12)), where they do.",
    )


def _log1p(e: list[Any]) -> tuple[str, str]:
    return "log1p is -inf at -1 and undefined below.", "np.log1p(np.maximum({x}, -1 + 1e-12))"


def _sqrt(e: list[Any]) -> tuple[str, str]:
    return "a square root needs a number >= 0.", "np.sqrt(np.where({x} > 0, {x}, 1.0))"


def _divide(e: list[Any]) -> tuple[str, str]:
    if e[-1] == 0:
        return "it divides by 0.", "divide by np.where({d} != 0, {d}, 1.0)."
    return "the quotient is too large.", "a larger divisor, such as {d} + 1e-12."


def _exp(e: list[Any]) -> tuple[str, str]:
    top = float(np.log(np.finfo(e[0].dtype if e[0].dtype.kind == "f" else float).max))
    return (
        f"exp overflows beyond {top:.4g} in {e[0].dtype}.",
        "np.exp({x} - np.max({x})), and the factor taken out again; "
        "np.logaddexp for a logarithm of a sum.",
    )


def _grows(e: list[Any]) -> tuple[str, str]:
    return f"the result is too large for {e[0].dtype}.", "smaller numbers, such as np.clip(…)."


def _unit(e: list[Any]) -> tuple[str, str]:
    return "it is defined from -1 to 1.", "np.clip({x}, -1.0, 1.0) as its argument."


def _arccosh(e: list[Any]) -> tuple[str, str]:
    return "it is defined from 1 upwards.", "np.maximum({x}, 1.0) as its argument."


def _power(e: list[Any]) -> tuple[str, str]:
    base, exponent = e
    if base < 0 and exponent != np.floor(exponent):
        return "a negative number has no real power that is not whole.", "np.abs({x}) as the base."
    if base == 0:
        return "0 has no negative power.", "np.where({x} != 0, {x}, 1.0) as the base."
    return "the power is too large.", "smaller numbers, or np.log of it: exponent * np.log(base)."


def _multiply(e: list[Any]) -> tuple[str, str]:
    if any(value == 0 for value in e):
        return "0 * inf is undefined.", "np.where(mask, x, 0.0), which takes and does not multiply."
    return "the product is too large.", "a sum of logarithms, or a wider dtype."


def _add(e: list[Any]) -> tuple[str, str]:
    if all(np.isinf(value) for value in e):
        return "inf - inf is undefined.", "np.where(np.isfinite(x), x, 0.0), or a large number."
    return "the sum is too large.", "smaller numbers, or a wider dtype."


FORWARD: Table = {
    "log": _log,
    "log2": _log,
    "log10": _log,
    "log1p": _log1p,
    "sqrt": _sqrt,
    "divide": _divide,
    "reciprocal": _divide,
    "remainder": _divide,
    "fmod": _divide,
    "exp": _exp,
    "expm1": _exp,
    "exp2": _grows,
    "sinh": _grows,
    "cosh": _grows,
    "square": _grows,
    "arcsin": _unit,
    "arccos": _unit,
    "arctanh": _unit,
    "arccosh": _arccosh,
    "power": _power,
    "multiply": _multiply,
    "add": _add,
    "subtract": _add,
}


def _steep(what: str, guard: str, at: Callable[[list[Any]], Any]) -> Advice:
    """Say that the derivative is infinite, where it is; else only the product was too large."""

    def advise(e: list[Any]) -> tuple[str, str]:
        if at(e):
            return f"its derivative, {what}, is infinite or undefined there.", guard
        return "what arrived, times the derivative, is too large.", "a smaller loss."

    return advise


def _is(value: float) -> Callable[[list[Any]], Any]:
    return lambda e: e[0] == value


def _at_one(e: list[Any]) -> Any:
    return abs(e[0]) == 1


_INSIDE = "np.clip({x}, -1 + 1e-12, 1 - 1e-12) as its argument."
_POSITIVE = "np.where({x} > 0, {x}, 1.0) as its argument, and np.where around it for the rest."
_NONZERO = "np.where({x} != 0, {x}, 1.0) as its argument."
_DIVISOR = "divide by np.where({d} != 0, {d}, 1.0)."

#: ``name`` for any operand, ``name, position`` for one.
BACKWARD: Table = {
    "sqrt": _steep("1 / (2 sqrt(x))", "np.sqrt({x} + 1e-12); or " + _POSITIVE, _is(0)),
    "log": _steep("1 / x", _POSITIVE, _is(0)),
    "log2": _steep("1 / (x ln 2)", _POSITIVE, _is(0)),
    "log10": _steep("1 / (x ln 10)", _POSITIVE, _is(0)),
    "log1p": _steep("1 / (1 + x)", "np.maximum({x}, -1 + 1e-12) as its argument.", _is(-1)),
    "cbrt": _steep("1 / (3 cbrt(x)**2)", _NONZERO, _is(0)),
    "arcsin": _steep("1 / sqrt(1 - x**2)", _INSIDE, _at_one),
    "arccos": _steep("-1 / sqrt(1 - x**2)", _INSIDE, _at_one),
    "arctanh": _steep("1 / (1 - x**2)", _INSIDE, _at_one),
    "arccosh": _steep("1 / sqrt(x**2 - 1)", "np.maximum({x}, 1 + 1e-12) as its argument.", _is(1)),
    "divide": _steep("1 / d or -x / d**2", _DIVISOR, lambda e: e[-1] == 0),
    "reciprocal": _steep("-1 / x**2", _NONZERO, _is(0)),
    "power": _steep(
        "n x**(n - 1)",
        "({x} + 1e-12), or np.where({x} != 0, {x}, 1.0), as the base.",
        lambda e: e[0] == 0 and e[1] < 1,
    ),
    "power, 1": _steep(
        "x**n log(x)",
        "np.where({x} > 0, {x}, 1.0) as the base; or x**2, where the exponent is a constant.",
        lambda e: e[0] <= 0,
    ),
    "arctan2": _steep(
        "with x1**2 + x2**2 below",
        "np.where(mask, {d}, 1.0) as its second argument, mask being away from the origin.",
        lambda e: not any(e),
    ),
}
