"""Sines, their quotient, and the inverses. Bounds are in units in the last place (ulp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.machine.coefficients import ARCSIN, ARCTAN, COS_NEAR, SIN, SIN_NEAR
from clearprop.compile.machine.lanes import (
    absolute,
    bits,
    convert,
    copysign,
    fma,
    from_bits,
    isfinite,
    maximum,
    minimum,
    select,
    signbit,
    sqrt,
)
from clearprop.compile.machine.parts import (
    fast_two_sum,
    horner,
    in_double,
    magic,
    of_floats,
    two_product,
)
from clearprop.compile.machine.payne_hanek import far_reduced

PI = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)
PI_SHORT = (3.1415927410125732, -8.742277657347586e-08, -3.4302490200117637e-15)
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
#: Up to here a multiple of pi in three words is near enough; beyond, its digits are computed.
NEAR = {4: 1e5, 8: 1e9}


def _less(x: Any, n: Any, multiple: tuple[float, float, float]) -> tuple[Any, Any]:
    """``x - n * multiple`` in two words, for a whole or half n up to 2**30."""
    if x.fused:
        first = fma(-n, multiple[0], x)  # exact
    else:
        product, error = two_product(n, multiple[0])
        first = (x - product) - error
    product, error = two_product(n, multiple[1])
    r = first - product
    return r, ((first - r) - product) - fma(n, multiple[2], error)


def _sin_near(r: Any, low: Any) -> Any:
    z = r * r
    return r + fma(horner(z, SIN_NEAR) * z, r, low)


def _cos_near(r: Any, low: Any) -> Any:
    z = r * r
    half = 0.5 * z
    y = 1 - half
    return y + (((1 - y) - half) + fma(horner(z, COS_NEAR) * z, z, -r * low))


def _far(x: Any, quarters: int) -> Any:
    """``sin(x + quarters pi / 2)`` however large x is. 1 ulp."""
    wide = convert(x, np.float64)
    turn, r, low = far_reduced(wide, 5 if x.dtype.itemsize == 4 else 33)
    turn = turn + quarters
    y = select((turn & 1) == 0, _sin_near(r, low), _cos_near(r, low))
    y = from_bits(bits(y) ^ ((turn >> 1) << 63), np.float64)
    return convert(select(isfinite(wide), y, np.nan), x.dtype)


def _wave(x: Any, half: float) -> Any:
    """``sin x`` with half = 0, ``cos x`` with 0.5: the sine of what is left of multiples of pi."""
    size = x.dtype.itemsize
    count = x * (1 / np.pi) - half + magic(x) if half else fma(x, 1 / np.pi, magic(x))
    n = (count - magic(x)) + half if half else count - magic(x)
    flip = bits(count) + 1 if half else bits(count)
    if size == 4:
        r = x
        for part in PI_SHORT:
            r = fma(n, -part, r)
        z = r * r
        y = fma(horner(z, SIN) * z, r, r)
    else:
        r, low = _less(x, n, PI)
        z = r * r
        y = r + fma(horner(z, SIN) * z, r, fma(-0.5 * z, low, low))
    y = minimum(maximum(y, -1.0), 1.0)  # rounded, it may be one bit more
    return from_bits(bits(y) ^ (flip << (8 * size - 1)), x.dtype)


def _narrow(function: Any, x: Any) -> Any:
    """Compute for float32 by way of float64, where there is no fused product and sum."""
    return convert(function(convert(x, np.float64)), np.float32)


@of_floats
def sin(x: Any) -> Any:
    """The sine. 2 ulp, however large x is (slower beyond 1e5 in float32, 1e9 in float64)."""
    if x.dtype.itemsize == 4 and not x.fused:
        return _narrow(sin, x)
    y = select(x == 0, x, _wave(x, 0.0))
    near = absolute(x) <= NEAR[x.dtype.itemsize]
    return (~near).rarely([y], lambda: [_far(x, 0)])[0]


@of_floats
def cos(x: Any) -> Any:
    """The cosine. 2 ulp, however large x is (slower beyond 1e5 in float32, 1e9 in float64)."""
    if x.dtype.itemsize == 4 and not x.fused:
        return _narrow(cos, x)
    near = absolute(x) <= NEAR[x.dtype.itemsize]
    return (~near).rarely([_wave(x, 0.5)], lambda: [_far(x, 1)])[0]


@of_floats
@in_double
def tan(x: Any) -> Any:
    """The tangent. 2.5 ulp, however large x is (slower beyond 1e9)."""
    count = fma(x, 2 / np.pi, magic(x))
    r, low = _less(x, count - magic(x), HALF_PI)

    def far() -> list[Any]:
        turn, r, low = far_reduced(x, 33)
        return [turn, select(isfinite(x), r, np.nan), low]

    near = absolute(x) <= NEAR[8]
    turn, r, low = (~near).rarely([bits(count), r, low], far)
    s, c = _sin_near(r, low), _cos_near(r, low)
    odd = (turn & 1) != 0
    return select(x == 0, x, select(odd, -c, s) / select(odd, s, c))


def _arcsin_rest(x: Any, z: Any) -> Any:
    """``arcsin x - x`` for ``|x| <= 1/2``."""
    return horner(z, ARCSIN) * z * x


def _near_one(size: Any) -> tuple[Any, Any, Any, Any]:
    """Whether |x| > 1/2, and then the root s that makes ``arcsin|x| = pi/2 - 2 arcsin s``."""
    large = size > 0.5
    square = select(large, 0.5 - 0.5 * size, size * size)
    s = select(large, sqrt(square), size)
    return large, square, s, _arcsin_rest(s, square)


@of_floats
@in_double
def arcsin(x: Any) -> Any:
    """The angle whose sine is x; NaN beyond 1. 2 ulp."""
    large, _, s, rest = _near_one(absolute(x))
    y = select(large, HALF_PI[0] - (2 * s + (2 * rest - HALF_PI[1])), s + rest)
    return copysign(y, x)


@of_floats
@in_double
def arccos(x: Any) -> Any:
    """The angle whose cosine is x; NaN beyond 1. 2 ulp."""
    size = absolute(x)
    large, square, s, rest = _near_one(size)
    # What the root lost counts, for it is doubled.
    product, error = two_product(s, s)
    lost = select(large & (s > 0), ((square - product) - error) / (2 * s), 0)
    both = 2 * (s + (rest + lost))
    end = select(x > 0, both, PI[0] - (2 * s + (2 * (rest + lost) - PI[1])))
    middle = HALF_PI[0] - (x - (HALF_PI[1] - copysign(rest, x)))
    return select(large, end, middle)


def _angle(above: Any, below: Any) -> tuple[Any, Any]:
    """The angle of ``above / below``, both positive, in two words. 1 ulp."""
    swapped = above > below
    small, large = select(swapped, below, above), select(swapped, above, below)
    middle = small > 0.41421356237309503 * large
    t = select(middle, small - large, small) / select(middle, small + large, large)
    z = t * t
    rest = horner(z, ARCTAN) * z * t
    # pi/4 + t, t, pi/2 - t or pi/4 - t
    start = select(middle, 0.7853981633974483, select(swapped, HALF_PI[0], 0.0))
    start_low = select(middle, 3.061616997868383e-17, select(swapped, HALF_PI[1], 0.0))
    t, rest = select(swapped, -t, t), select(swapped, -rest, rest)
    total, low = fast_two_sum(start, t)
    return total, low + (rest + start_low)


@of_floats
@in_double
def arctan(x: Any) -> Any:
    """The angle whose tangent is x. 2 ulp."""
    size = absolute(x)
    angle, low = _angle(minimum(size, 1e300), x.constant(1.0))
    y = select(size < 1e-20, size, angle + low)
    return copysign(select(size >= 0, y, x), x)


@of_floats
@in_double
def arctan2(x1: Any, x2: Any) -> Any:
    """The angle of the point (x2, x1). 2 ulp."""
    above, below = absolute(x1), absolute(x2)
    # Near the largest and the least numbers the sums and quotients need room.
    largest = maximum(above, below)
    factor = select(largest > 1e300, 2.0**-60, select(largest < 1e-290, 2.0**60, x1.constant(1.0)))
    infinite = largest == np.inf
    up, along = (
        select(infinite, convert(size == np.inf, x1.dtype), size * factor)
        for size in (above, below)
    )
    along = select((above == 0) & (below == 0), 1, along)
    angle, low = _angle(up, along)
    left = signbit(x2)
    y = select(left, PI[0] - (angle - (PI[1] - low)), angle + low)
    # A quotient that is subnormal is the angle itself.
    y = select(~left & (up < along * 1e-20), above / select(below == 0, 1, below), y)
    return select((x1 != x1) | (x2 != x2), np.nan, copysign(y, x1))  # noqa: PLR0124
