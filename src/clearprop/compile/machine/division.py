"""Division with a rest, as NumPy does it: of floats exactly, of integers downwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.machine.lanes import (
    Value,
    absolute,
    bits,
    convert,
    copysign,
    floor,
    fma,
    from_bits,
    isnan,
    meet,
    select,
    trunc,
)


def fmod(x1: Any, x2: Any) -> Any:
    """Give the rest of a division towards 0: it has the sign of x1. Exact."""
    a, b = _operands(x1, x2)
    return _float_rest(a, b) if a.dtype.kind == "f" else _whole(a, b)[1]


def remainder(x1: Any, x2: Any) -> Any:
    """Give the rest of a division downwards: it has the sign of x2."""
    a, b = _operands(x1, x2)
    if a.dtype.kind != "f":
        return _downwards(a, b)[1]
    rest = _float_rest(a, b)
    moved = select((rest != 0) & ((b < 0) != (rest < 0)), rest + b, rest)
    return select(moved == 0, copysign(0.0, b), moved)


def floor_divide(x1: Any, x2: Any) -> Any:
    """Give the quotient, rounded downwards."""
    a, b = _operands(x1, x2)
    if a.dtype.kind != "f":
        return _downwards(a, b)[0]
    rest = _float_rest(a, b)
    quotient = (a - rest) / b
    quotient = select((rest != 0) & ((b < 0) != (rest < 0)), quotient - 1, quotient)
    below = floor(quotient)
    whole = select(quotient - below > 0.5, below + 1, below)
    whole = select(quotient == 0, copysign(0.0, a / b), whole)
    return select((b == 0) | isnan(rest), select(b == 0, a / b, rest), whole)


def truncated_quotient(x1: Any, x2: Any) -> Any:
    """Give the quotient of integers, rounded towards 0; 0 of a division by 0."""
    return _whole(*_operands(x1, x2))[0]


def _operands(x1: Any, x2: Any) -> tuple[Any, Any]:
    a, b = meet(x1, x2)
    if a.dtype.kind == "b":
        a, b = convert(a, np.int8), convert(b, np.int8)
    return a, b


def _whole(a: Value, b: Value) -> tuple[Any, Any]:
    """Divide integers towards 0; by 0 gives 0, and what overflows wraps, as in NumPy."""
    signed = a.dtype.kind == "i"
    impossible = b == 0
    wraps = b == -1 if signed else impossible
    divisor = select(impossible | wraps, 1, b)
    quotient, rest = a._apply("quotient", a.dtype, divisor), a._apply("rest", a.dtype, divisor)
    if signed:
        quotient = select(wraps, -a, quotient)
    return select(impossible, 0, quotient), select(impossible, 0, rest)


def _downwards(a: Value, b: Value) -> tuple[Any, Any]:
    quotient, rest = _whole(a, b)
    if a.dtype.kind == "i":
        below = (rest != 0) & ((rest < 0) != (b < 0))
        quotient, rest = select(below, quotient - 1, quotient), select(below, rest + b, rest)
    return quotient, rest


def _float_rest(a: Any, b: Any) -> Any:
    """Give a - b * trunc(a / b) without an error.

    While the quotient has too many bits, a multiple of b is taken away that leaves fewer: each
    step takes some twenty (float32) or fifty (float64) bits off the quotient.
    """
    size, divisor = absolute(a), absolute(b)
    few = 20 if a.dtype.itemsize == 4 else 50
    exponent = _exponent(divisor)
    possible = (size < np.inf) & (divisor > 0)

    def unfinished(rest: Any) -> Any:
        return possible & (rest >= divisor)

    def step(rest: Any) -> list[Any]:
        # A power of 2 times the divisor, so that the quotient of the two has few bits.
        shift = _exponent(rest) - exponent - few
        near = shift <= 0
        multiple = select(near, divisor, _times_power(divisor, shift))
        quotient = trunc(rest / multiple)
        less = _less_product(rest, quotient, multiple)
        less = select(less < 0, less + multiple, less)
        less = select(less >= multiple, less - multiple, less)
        return [select(unfinished(rest), less, rest)]

    (rest,) = a.repeat([select(possible, size, 0)], unfinished, step)
    wrong = ~possible | isnan(b)
    rest = select(wrong, np.nan, rest)
    return copysign(rest, a)


def _less_product(a: Any, quotient: Any, b: Any) -> Any:
    """Give ``a - quotient * b`` exactly, where that is a number of this dtype."""
    if a.fused:
        return fma(-quotient, b, a)
    # In two halves, so that each product is exact.
    mask = 0xFFFFF000 if a.dtype.itemsize == 4 else 0xFFFFFFFFF8000000
    high = from_bits(bits(quotient) & mask, a.dtype)
    low = quotient - high
    top = from_bits(bits(b) & mask, a.dtype)
    bottom = b - top
    return (((a - high * top) - high * bottom) - low * top) - low * bottom


def _exponent(x: Any) -> Any:
    """Give the exponent of a number that is not negative, up to a constant."""
    tiny = float(np.finfo(x.dtype).tiny)
    normal = bits(select(x < tiny, x * 2.0**60, x))
    found = convert(normal >> (23 if x.dtype.itemsize == 4 else 52), f"i{x.dtype.itemsize}")
    return select(x < tiny, found - 60, found)


def _times_power(x: Any, n: Any) -> Any:
    """Give ``x * 2**n`` for n > 0, where that is finite: in steps, as 2**n may be too large."""
    bias, fraction = (127, 23) if x.dtype.itemsize == 4 else (1023, 52)
    quarter = n >> 2
    for part in (quarter, quarter, quarter, n - 3 * quarter):
        x = x * from_bits(convert((part + bias) << fraction, f"u{x.dtype.itemsize}"), x.dtype)
    return x
