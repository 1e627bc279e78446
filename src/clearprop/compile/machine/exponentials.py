"""Exponentials and the smooth steps made of them. Bounds are in units in the last place (ulp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.machine.coefficients import EXP, EXP2, TANH
from clearprop.compile.machine.lanes import (
    absolute,
    bits,
    copysign,
    fma,
    fmin,
    from_bits,
    maximum,
    minimum,
    select,
)
from clearprop.compile.machine.parts import (
    BIAS,
    FRACTION,
    horner,
    magic,
    of_floats,
    power_of_two,
    scaled,
)

LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453
#: ln 2 in two words, of bytes: the first so short that its product with an exponent is exact.
LN_2_WORDS = {
    4: (0.693145751953125, 1.4286068203094172e-06),
    8: (0.6931471805598903, 5.4979230187083712e-14),
}
#: Beyond these the exponential is 0, infinite.
LOWEST = {4: -105.0, 8: -747.0}
HIGHEST = {4: 90.0, 8: 711.0}


def reduced(x: Any) -> tuple[Any, Any]:
    """Give n and r of ``x = n ln 2 + r`` with a whole number n and the least r."""
    n = fma(x, LOG2_E, magic(x)) - magic(x)
    first, second = LN_2_WORDS[x.dtype.itemsize]
    return n, fma(n, -second, fma(n, -first, x))


def _less_one(r: Any) -> Any:
    """``e**r - 1`` for a reduced r."""
    return fma(horner(r, EXP), r * r, r)


def exp2_bounded(x: Any, more: int = 0) -> Any:
    """``2**(x + more)`` for x so near to 0 that it is a normal number. 1 ulp."""
    rounding = magic(x) + BIAS[x.dtype.itemsize] + more
    count = x + rounding
    power = from_bits(bits(count) << FRACTION[x.dtype.itemsize], x.dtype)
    return horner(x - (count - rounding), EXP2) * power


@of_floats
def exp(x: Any) -> Any:
    """``e**x``. 1 ulp."""
    size = x.dtype.itemsize
    n, r = reduced(minimum(maximum(x, LOWEST[size]), HIGHEST[size]))
    return scaled(_less_one(r) + 1, n)


def exp_of_minus(x: Any) -> Any:
    """``e**-x`` for x from 0 on. 1 ulp."""
    n, r = reduced(maximum(-x, LOWEST[x.dtype.itemsize]))
    return scaled(_less_one(r) + 1, n)


@of_floats
def exp2(x: Any) -> Any:
    """``2**x``. 1 ulp."""
    size = x.dtype.itemsize
    x = minimum(maximum(x, LOWEST[size] * 1.45), HIGHEST[size] * 1.45)
    n = (x + magic(x)) - magic(x)
    return scaled(_less_one((x - n) * LN_2) + 1, n)


def _expm1_times(fraction: float, x: Any) -> Any:
    """``fraction * (e**x - 1)``, the fraction a power of 2 that keeps the power finite."""
    n = fma(x, LOG2_E, magic(x)) - magic(x)
    first, second = LN_2_WORDS[x.dtype.itemsize]
    above = fma(n, -first, x)
    r = fma(n, -second, above)
    low = fma(n, -second, above - r)  # what r lost: after the difference it would count double
    less_one = fma(horner(r, EXP), r * r, low) + r
    scale = power_of_two(n + float(np.log2(fraction)))
    return fma(less_one, scale, scale - fraction)


@of_floats
def expm1(x: Any) -> Any:
    """``e**x - 1``, near 0 too. 2 ulp."""
    size = x.dtype.itemsize
    inside = minimum(maximum(x, -20.0 if size == 4 else -40.0), HIGHEST[size] - 1)
    return select(absolute(x) < 1e-20, x, 2 * _expm1_times(0.5, inside))


@of_floats
def sinh(x: Any) -> Any:
    """``(e**x - e**-x) / 2``. 2.5 ulp."""
    size = absolute(x)
    half = 4 * _expm1_times(0.125, minimum(size, HIGHEST[x.dtype.itemsize]))
    y = copysign(half + fmin(half / (2 * half + 1), 0.5), x)  # infinite halves have no quotient
    return select(size < 1e-10, x, y)


@of_floats
def cosh(x: Any) -> Any:
    """``(e**x + e**-x) / 2``. 2 ulp."""
    n, r = reduced(minimum(absolute(x), HIGHEST[x.dtype.itemsize] + 1))
    half = scaled(_less_one(r) + 1, n - 1)
    return half + 0.25 / half


@of_floats
def tanh(x: Any) -> Any:
    """``1 - 2 e / (1 + e)`` with ``e = e**(-2 |x|)``; near 0 a polynomial. 2 ulp."""
    size = absolute(x)
    # As a power of 2, whose exponent is rounded: that counts little beside 1.
    exponent = maximum(size * (-2 * LOG2_E), -30.0 if x.dtype.itemsize == 4 else -60.0)
    twice = exp2_bounded(exponent, 1)
    far = 1 - twice / fma(twice, 0.5, 1.0)
    z = size * size
    near = fma(horner(z, TANH) * z, size, size)
    return copysign(select(size < 0.6, near, far), x)


@of_floats
def sigmoid(x: Any) -> Any:
    """``1 / (1 + e**-x)``. 2 ulp."""
    e = exp_of_minus(absolute(x))
    below = 1 + e
    y = select(x >= 0, 1, e) / below
    return fma(-y, e - (below - 1), y)  # what the sum lost counts most where e is small
