"""Powers and roots. Bounds are in units in the last place (ulp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.machine.coefficients import EXP2_SHORT, LOG2_SHORT
from clearprop.compile.machine.exponentials import exp
from clearprop.compile.machine.lanes import (
    Value,
    absolute,
    convert,
    copysign,
    floor,
    fma,
    isinf,
    maximum,
    meet,
    minimum,
    rint,
    select,
    sqrt,
)
from clearprop.compile.machine.logarithms import log_words, normal, split
from clearprop.compile.machine.parts import (
    horner,
    in_double,
    magic,
    of_floats,
    polynomial,
    power_of_two,
    scaled,
    two_product,
    two_sum,
)

LN_2_LOW = 2.3190468138462996e-17


def power(x1: Any, x2: Any) -> Any:
    """``x1**x2``. 2 ulp.

    An exponent that is a number known here, small and whole, or 1/2, is multiplied out.
    """
    exponent = x2.known if isinstance(x2, Value) else x2
    if isinstance(x1, Value) and exponent is not None:
        a = meet(x1, x2)[0]
        if a.dtype.kind == "f":
            known = _known_power(a, float(exponent))
            if known is not None:
                return known
        elif a.dtype.kind in "iu" and not isinstance(x2, Value) and x2 < 0:
            raise ValueError("Integers to negative integer powers are not allowed.")
    a, b = meet(x1, x2)
    if a.dtype.kind != "f":
        return _whole_power(a, b)
    if a.dtype.itemsize == 4:
        wide, y = convert(a, np.float64), convert(b, np.float64)
        return _with_edges(a, b, convert(_short_power(absolute(wide), y), np.float32))
    return _with_edges(a, b, _size_of_power(absolute(a), b))


def _known_power(x: Any, n: float) -> Any:
    """Give ``x**n`` by products; None where that would be too far off."""
    if n == 0:
        return x.constant(1.0)
    if n == 0.5:
        return sqrt(x)
    if n in (-1, -2):
        x, n = 1 / x, -n
    square = x * x
    return {1.0: x, 2.0: square, 3.0: square * x, 4.0: square * square}.get(n)


def _whole_power(a: Any, n: Any) -> Any:
    """Integers by squaring; a negative exponent, which NumPy refuses, gives 1."""
    if a.dtype.kind == "b":
        a, n = convert(a, np.int8), convert(n, np.int8)

    def step(y: Any, base: Any, left: Any) -> list[Any]:
        odd = (left > 0) & ((left & 1) != 0)
        return [select(odd, y * base, y), base * base, left >> 1]

    return a.repeat([a.constant(1), a, n], lambda _, __, left: left > 0, step)[0]


def _short_power(x: Any, y: Any) -> Any:
    """``x**y`` in float64, exactly enough for float32, of numbers from float32, x not negative."""
    k, m = split(x)
    s = (m - 1) / (m + 1)
    logarithm = fma(s, horner(s * s, LOG2_SHORT), k)
    logarithm = select(x == 0, -np.inf, select(x < np.inf, logarithm, x))  # x may be NaN
    product = _bounded(y * logarithm)
    n = (product + magic(product)) - magic(product)
    return horner(product - n, EXP2_SHORT) * power_of_two(n)


def _bounded(x: Any) -> Any:
    return minimum(maximum(x, -1000.0), 1000.0)


def _size_of_power(x: Any, y: Any) -> Any:
    """``x**y`` for x that is not negative: the logarithm in two words, times y, and back."""
    large, more = normal(x)
    k, (high, low) = log_words(large)
    k = k - more
    whole, whole_low = two_product(k, 0.6931471805599453)
    total, rest = two_sum(whole, high)
    rest = rest + (fma(k, LN_2_LOW, whole_low) + low)
    logarithm, low = two_sum(total, rest)
    logarithm = select(x == 0, -np.inf, select(x < np.inf, logarithm, x))  # x may be NaN
    product, error = two_product(y, logarithm)
    usual = absolute(product) < 1000
    error = select(usual, fma(y, low, error), 0)
    e = exp(_bounded(product))
    return select((e > 0) & (e < np.inf), fma(e, error, e), e)


def _with_edges(x: Any, y: Any, size: Any) -> Any:
    """Give the power of a number with its sign, where ``size`` is the power of its size."""
    whole = rint(y) == y
    half = 0.5 * y
    odd = whole & (floor(half) != half) & ~isinf(y)
    signed = select(odd, copysign(size, x), size)
    signed = select((x < 0) & (x > -np.inf) & ~whole, np.nan, signed)
    ones = (x == 1) | (y == 0) | ((x == -1) & isinf(y))
    return select(ones, 1, signed)


@of_floats
@in_double
def cbrt(x: Any) -> Any:
    """The cube root. 1 ulp."""
    size = absolute(x)
    usual, more = normal(select((size > 0) & (size < np.inf), size, 1))
    k, m = split(usual)
    k = k - more
    third = fma(k, 1 / 3, magic(k)) - magic(k)  # whole, and what is left is -1, 0 or 1
    m = m * power_of_two(k - 3 * third)  # from 0.35 to 2.83
    # The inverse root by Newton's steps then the root with the error of its cube.
    inverse = polynomial(m, _START)
    for _ in range(3):
        cube = inverse * inverse * inverse
        inverse = fma(fma(-m, cube, 1.0) * (1 / 3), inverse, inverse)
    root = m * inverse * inverse
    square, square_low = two_product(root, root)
    cube, cube_low = two_product(square, root)
    error = (m - cube) - fma(square_low, root, cube_low)
    root = fma(error * (1 / 3), inverse * inverse, root)
    y = scaled(root, third)
    y = select((size > 0) & (size < np.inf), y, size)
    return copysign(y, x)


#: Within 2 % of ``m**(-1/3)``.
_START = (1.82094, -1.53479, 0.99025, -0.31744, 0.03895)


@of_floats
@in_double
def hypot(x1: Any, x2: Any) -> Any:
    """``sqrt(x1**2 + x2**2)`` without overflow; infinite if one is, NaN or not. 1 ulp."""
    a, b = absolute(x1), absolute(x2)
    large, small = maximum(a, b), minimum(a, b)
    factor = select(large > 1e150, 2.0**-600, select(large < 1e-140, 2.0**600, x1.constant(1.0)))
    u, v = large * factor, small * factor
    square, square_low = two_product(u, u)
    other, other_low = two_product(v, v)
    total, rest = two_sum(square, other)
    rest = rest + (square_low + other_low)
    root = sqrt(total)
    product, error = two_product(root, root)
    corrected = root + (((total - product) - error) + rest) / (2 * root)
    y = select(total > 0, corrected, root) / factor
    return select((a == np.inf) | (b == np.inf), np.inf, y)
