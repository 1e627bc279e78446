"""What the mathematics is made of: polynomials, powers of 2, sums and products without an error."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.compile.machine.lanes import Value, bits, convert, fma, from_bits, in_floats, meet

#: Of a dtype's bytes: bits of the fraction, bias of the exponent.
FRACTION = {4: 23, 8: 52}
BIAS = {4: 127, 8: 1023}


def horner(x: Any, coefficients: Mapping[Any, Sequence[float]]) -> Any:
    """Evaluate a polynomial, whose coefficients for x's dtype stand from the least power on."""
    return polynomial(x, coefficients[x.dtype])


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Evaluate a polynomial, whose coefficients stand from the least power on."""
    *rest, y = coefficients
    value: Any = y
    for c in reversed(rest):
        value = fma(value, x, c)
    return value


def magic(x: Any) -> float:
    """Give the number that, added to a smaller one, rounds it; its low bits are then an integer."""
    return float(1.5 * 2 ** FRACTION[x.dtype.itemsize])


def power_of_two(n: Any) -> Any:
    """``2**n`` for a whole number n, a float, where that is a normal number."""
    size = n.dtype.itemsize
    return from_bits(bits(n + (magic(n) + BIAS[size])) << FRACTION[size], n.dtype)


def scaled(y: Any, n: Any) -> Any:
    """``y * 2**n`` for a whole number n, a float: overflow and subnormal numbers come out right."""
    natively = y._scaled(n)
    if natively is not None:
        return natively
    half = fma(n, 0.5, magic(n)) - magic(n)
    return y * power_of_two(half) * power_of_two(n - half)


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Give a + b and the error of that (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def fast_two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Give a + b and the error of that, where a is 0 or not the smaller one (Dekker)."""
    total = a + b
    return total, b - (total - a)


def halves(x: Any) -> tuple[Any, Any]:
    """Give two numbers of half the length whose sum is x."""
    mask = 0xFFFFF000 if x.dtype.itemsize == 4 else 0xFFFFFFFFF8000000
    high = from_bits(bits(x) & mask, x.dtype)
    return high, x - high


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """Give a * b and the error of that (Dekker, or one fused instruction)."""
    x, y = meet(a, b)
    product = x * y
    if x.fused:
        return product, fma(x, y, -product)
    (a_high, a_low), (b_high, b_low) = halves(x), halves(y)
    error = (a_high * b_high - product) + a_high * b_low + a_low * b_high
    return product, error + a_low * b_low


def of_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of floats take whole numbers too, as NumPy's do, and mix dtypes."""

    @functools.wraps(function)
    def wrapped(*operands: Any) -> Any:
        if len(operands) > 1:
            operands = tuple(meet(*operands))
        return function(*(in_floats(x) for x in operands))

    return wrapped


def in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of float64 give float32 by way of float64: right but for the last rounding."""

    @functools.wraps(function)
    def wrapped(*operands: Any) -> Any:
        if all(isinstance(x, Value) and x.dtype.itemsize == 4 for x in operands):
            wide = function(*(convert(x, np.float64) for x in operands))
            return convert(wide, np.float32)
        return function(*operands)

    return wrapped
