"""Logarithms. Bounds are in units in the last place (ulp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.machine.coefficients import ATANH_WORDS, LOG, LOG_WHOLE
from clearprop.compile.machine.exponentials import (
    LN_2,
    LN_2_WORDS,
    LOG2_E,
    exp,
    exp2,
    exp_of_minus,
)
from clearprop.compile.machine.lanes import (
    absolute,
    bits,
    copysign,
    fma,
    from_bits,
    maximum,
    minimum,
    select,
)
from clearprop.compile.machine.parts import (
    FRACTION,
    fast_two_sum,
    horner,
    in_double,
    of_floats,
    two_product,
    two_sum,
)

_UNSIGNED = {4: np.uint32, 8: np.uint64}
_SUBNORMAL = {4: 2.0**25, 8: 2.0**54}


def _bits_of(number: float, size: int) -> int:
    return int(np.array(number, f"f{size}").view(_UNSIGNED[size]))


def split(x: Any) -> tuple[Any, Any]:
    """Give k and m of ``x = 2**k m``, m from sqrt(1/2) to sqrt(2), for a normal number x > 0."""
    size = x.dtype.itemsize
    fraction = FRACTION[size]
    one, low = _bits_of(1.0, size), _bits_of(np.sqrt(0.5), size)
    moved = bits(x) + (one - low)
    m = from_bits((moved & (2**fraction - 1)) + low, x.dtype)
    whole = 2.0**fraction  # to its low bits the exponent is put: so it becomes a float
    k = from_bits((moved >> fraction) | _bits_of(whole, size), x.dtype)
    return k - (whole + (127 if size == 4 else 1023)), m


def log_of(k: Any, f: Any, low: Any = None) -> Any:
    """``k ln 2 + log(1 + f) + low``, for 1 + f from sqrt(1/2) to sqrt(2) and a small low.

    In float64 by ``s = f / (2 + f)``, where ``log(1 + f) = 2 artanh s = f - s (f - r)``, and r is a
    power series of ``s**2`` (K. C. Ng's form, as in FDLIBM); in float32 without a division.
    """
    first, second = LN_2_WORDS[f.dtype.itemsize]
    half = 0.5 * f * f
    small = None if k is None else k * second
    if low is not None:
        small = low if small is None else small + low
    if f.dtype.itemsize == 4:
        square = f * f
        rest = fma(horner(f, LOG_WHOLE) * square, f, 0.0 if small is None else small)
    else:
        s = f / (2 + f)
        z = s * s
        inner = fma(horner(z, LOG), z, half)
        rest = s * inner if small is None else fma(s, inner, small)
    y = f - (half - rest)
    return y if k is None else fma(k, first, y)


def _is_odd_case(x: Any) -> Any:
    """Whether x is negative, 0, subnormal, infinite or NaN."""
    size = x.dtype.itemsize
    tiny = _bits_of(float(np.finfo(x.dtype).tiny), size)
    return bits(x) - tiny >= _bits_of(np.inf, size) - tiny


def normal(x: Any) -> tuple[Any, Any]:
    """Give a subnormal number times a power of 2, and that power's exponent; 0 for others."""
    factor = _SUBNORMAL[x.dtype.itemsize]
    tiny = x < float(np.finfo(x.dtype).tiny)
    return select(tiny, x * factor, x), select(tiny, float(np.log2(factor)), x.constant(0.0))


def _at_the_edges(x: Any, y: Any) -> Any:
    """Give what a logarithm is at 0, at infinity, and where there is none."""
    y = select(x == 0, -np.inf, select(x == np.inf, np.inf, y))
    return select(x >= 0, y, np.nan)


@of_floats
def log(x: Any) -> Any:
    """The natural logarithm. 1 ulp."""
    k, m = split(x)

    def odd() -> list[Any]:
        large, more = normal(x)
        k, m = split(large)
        return [_at_the_edges(x, log_of(k - more, m - 1))]

    return _is_odd_case(x).rarely([log_of(k, m - 1)], odd)[0]


@of_floats
def log1p(x: Any) -> Any:
    """``log(1 + x)``, near 0 too. 2 ulp."""
    u, low = two_sum(x, 1.0)
    k, m = split(u)
    f = m - 1
    # log(u + low) = log u + low/u, and m = u/2**k: the quotient needs a few bits only.
    unscale = from_bits(bits(m) - bits(u) + _bits_of(1.0, x.dtype.itemsize), x.dtype)
    low = select(u < 1e30, low * unscale * fma(f, f - 1, 1.0), 0)
    y = copysign(log_of(k, f, low), x)

    def odd() -> list[Any]:
        return [select(x == -1, -np.inf, select(x == np.inf, x, x.constant(np.nan)))]

    return _is_odd_case(u).rarely([y], odd)[0]


def log_words(x: Any) -> tuple[Any, Any]:
    """The logarithm of a normal number x > 0, less k ln 2, in two words, and k: 68 bits."""
    k, m = split(x)
    f = m - 1
    # s = f / (2 + f) in two words
    above, above_low = fast_two_sum(2.0, f)
    s = f / above
    product, error = two_product(s, above)
    s_low = ((f - product) - error - s * above_low) / above
    z = s * s
    # atanh s = s + s z/3 + s z**2 p(z): the middle term in two words too
    square, square_low = two_product(s, s)
    square_low = fma(2 * s, s_low, square_low)
    third, third_low = two_product(square, 0.3333333333333333)
    third_low = fma(square_low, 0.3333333333333333, third_low)
    third_low = fma(square, 1.850371707708594e-17, third_low)
    third_low = fma(z * z, horner(z, ATANH_WORDS), third_low)
    third, third_low = fast_two_sum(third, third_low)
    cubic, cubic_low = two_product(s, third)
    cubic_low = fma(s, third_low, fma(s_low, third, cubic_low))
    total, low = fast_two_sum(s, cubic)
    low = low + (s_low + cubic_low)
    total, low = fast_two_sum(2 * total, 2 * low)
    return k, (total, low)


def _in_base(x: Any, base: tuple[float, float], two: tuple[float, float]) -> Any:
    """The logarithm with ``base = 1 / ln b`` in two words, and ``two`` the logarithm of 2."""

    def of(x: Any, more: Any) -> Any:
        k, (high, low) = log_words(x)
        k = k if more is None else k - more
        y, error = two_product(high, base[0])
        error = fma(high, base[1], fma(low, base[0], error))
        whole, whole_low = two_product(k, two[0])
        total, rest = two_sum(whole, y)
        return total + (rest + (error + fma(k, two[1], whole_low)))

    def odd() -> list[Any]:
        return [_at_the_edges(x, of(*normal(x)))]

    return _is_odd_case(x).rarely([of(x, None)], odd)[0]


@of_floats
@in_double
def log2(x: Any) -> Any:
    """The logarithm to base 2. 1 ulp; whole numbers of powers of 2."""
    return _in_base(x, (1.4426950408889634, 2.0355273740931033e-17), (1.0, 0.0))


@of_floats
@in_double
def log10(x: Any) -> Any:
    """The logarithm to base 10. 1 ulp."""
    base = (0.4342944819032518, 1.098319650216765e-17)
    return _in_base(x, base, (0.3010299956639812, -2.8037281277851704e-18))


def log1p_to_1(e: Any) -> Any:
    """``log(1 + e)`` for e from 0 to 1. 2 ulp."""
    large = e > 0.41
    f = select(large, 0.5 * e - 0.5, e)
    return log_of(select(large, e.constant(1.0), 0.0), f)


@of_floats
def logaddexp(x1: Any, x2: Any) -> Any:
    """``log(e**x1 + e**x2)``. 3 ulp of the largest of x1, x2 and the result."""
    if x1.known == 0 or x2.known == 0:
        return softplus(x1 if x2.known == 0 else x2)
    larger = maximum(x1, x2)
    apart = larger + log1p_to_1(exp(minimum(x1, x2) - larger))
    return select(x1 == x2, x1 + LN_2, apart)  # infinities minus themselves


@of_floats
def logaddexp2(x1: Any, x2: Any) -> Any:
    """``log2(2**x1 + 2**x2)``. 3 ulp of the largest of x1, x2 and the result."""
    larger = maximum(x1, x2)
    apart = larger + log1p_to_1(exp2(minimum(x1, x2) - larger)) * LOG2_E
    return select(x1 == x2, x1 + 1, apart)


@of_floats
def softplus(x: Any) -> Any:
    """``log(1 + e**x)``. 2 ulp."""
    return maximum(x, 0) + log1p_to_1(exp_of_minus(absolute(x)))
