"""Functions of integers, which have no derivative; recorded, since programs compute with them."""

import numpy as np

from clearprop.kinds import OPAQUE
from clearprop.primitive import Case, primitive

WHOLE = "a function of integers: there is nothing to differentiate"
_PAIRS = [Case(np.array([12, 18, 7]), np.array([8, 27, 14])), Case(np.int64(12), np.array([5, 9]))]
_SHIFTS = [Case(np.array([1, 6, -9]), np.array([3, 0, 1]))]
_BITS = np.array([[1, 0, 1], [0, 0, 1]], np.uint8)


@primitive(np.gcd, kind=OPAQUE, no_derivative=WHOLE, cases=_PAIRS)
def gcd(x1, x2):
    return np.gcd(x1, x2)


@primitive(np.lcm, kind=OPAQUE, no_derivative=WHOLE, cases=_PAIRS)
def lcm(x1, x2):
    return np.lcm(x1, x2)


@primitive(np.left_shift, kind=OPAQUE, symbol="<<", no_derivative=WHOLE, cases=_SHIFTS)
def left_shift(x1, x2):
    return np.left_shift(x1, x2)


@primitive(np.right_shift, kind=OPAQUE, symbol=">>", no_derivative=WHOLE, cases=_SHIFTS)
def right_shift(x1, x2):
    return np.right_shift(x1, x2)


@primitive(np.bitwise_count, kind=OPAQUE, no_derivative=WHOLE, cases=[Case(np.array([7, 0, -3]))])
def bitwise_count(x):
    return np.bitwise_count(x)


@primitive(
    np.packbits,
    no_derivative=WHOLE,
    cases=[Case(_BITS), Case(_BITS, axis=1), Case(_BITS, bitorder="little")],
)
def packbits(a, *, axis=None, bitorder="big"):
    return np.packbits(a, axis=axis, bitorder=bitorder)


@primitive(
    np.unpackbits,
    no_derivative=WHOLE,
    cases=[
        Case(np.array([[7], [130]], np.uint8)),
        Case(np.array([[7], [130]], np.uint8), axis=1, count=5, bitorder="little"),
    ],
)
def unpackbits(a, *, axis=None, count=None, bitorder="big"):
    return np.unpackbits(a, axis=axis, count=count, bitorder=bitorder)
