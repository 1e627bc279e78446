"""What is left of a large angle, less multiples of pi/2.

After M. H. Payne and R. N. Hanek, Radian reduction for trigonometric functions, SIGNUM Newsletter
18 (1983): of the digits of 2/pi only those count that neither give multiples of 4, times the angle,
nor are too small. The angle's exponent says which; they are multiplied as whole numbers of 32 bits.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from clearprop.compile.machine.lanes import bits, convert, fma, from_bits, select
from clearprop.compile.machine.parts import fast_two_sum, two_product, two_sum

#: The binary digits of 2/pi after the point, by 32; two words of zeros before it.
_DIGITS = (
    "00000000 00000000 a2f9836e 4e441529 fc2757d1 f534ddc0 db629599 3c439041 fe5163ab debbc561 "
    "b7246e3a 424dd2e0 06492eea 09d1921c fe1deb1c b129a73e e88235f5 2ebb4484 e99c7026 b45f7e41 "
    "3991d639 835339f4 9c845f8b bdf9283b 1ff897ff de05980f ef2f118b 5a0a6d1f 6d367ecf 27cb09b7 "
    "4f463f66 9e5fea2d 7527bac7 ebe5f17b 3d0739f7 8a5292ea 6bfb5fb1 1f8d5d08 56033046 fc7b6bab "
    "f0cfbc20 9af4361d"
)
WORDS = [int(word, 16) for word in _DIGITS.split()]
_LOW = 0xFFFFFFFF
_PLACES = 5  # digits of 32 bits that are computed


def far_reduced(x: Any, last: int) -> list[Any]:
    """Give n and r of ``x = n pi/2 + r``, r in two words and at most pi/4.

    Parameters
    ----------
    x : Value of float64
        Not less than 1 in size. Of an infinity or NaN the result means nothing.
    last : int
        The first digit that the largest x needs: 5 for what float32 holds, 33 for float64.

    Returns
    -------
    n : Value of uint64
        Its lowest two bits say how many quarters of a turn.
    r, low : Value of float64
    """
    dtypes = (np.uint64, np.float64, np.float64)
    found: list[Any] = x.apart(f"far_reduced_{last}", dtypes, lambda x: _reduced(x, last))
    return found


def _reduced(x: Any, last: int) -> tuple[Any, Any, Any]:
    pattern = bits(x)
    exponent = (pattern >> 52) & 0x7FF
    fraction = (pattern & 0xFFFFFFFFFFFFF) | 0x10000000000000
    upper, lower = fraction >> 32, fraction & _LOW
    place = exponent - (1075 - 62)  # of the lowest bit that is looked at
    digits = _shifted_digits(place >> 5, place & 31, last, x)
    found: list[Any] = []
    carry = upper.constant(0)
    for k in reversed(range(_PLACES)):
        p, q = lower * digits[k], upper * digits[k + 1]
        total = (p & _LOW) + (q & _LOW) + carry
        carry = (total >> 32) + (p >> 32) + (q >> 32)
        found.insert(0, total & _LOW)
    # Two bits of quarters, and after them 128 bits of the rest.
    turn = found[0] >> 30
    high = (found[0] << 34) | (found[1] << 2) | (found[2] >> 30)
    low = (found[2] << 34) | (found[3] << 2) | (found[4] >> 30)
    over = high >> 63  # more than half a quarter: the next one, and back
    turn = turn + over
    high, low = high ^ (0 - over), low ^ (0 - over)
    first = convert(high >> 11, np.float64) * 2.0**-53
    second = convert(((high & 0x7FF) << 42) | (low >> 22), np.float64) * 2.0**-106
    third = convert(low & 0x3FFFFF, np.float64) * 2.0**-128
    part, rest = two_sum(first, second)
    part, rest = fast_two_sum(part, rest + third)
    r, error = two_product(part, 1.5707963267948966)
    error = fma(part, 6.123233995736766e-17, fma(rest, 1.5707963267948966, error))
    sign = (pattern >> 63) ^ over
    r, error = (from_bits(bits(y) ^ (sign << 63), np.float64) for y in (r, error))
    turn = select((pattern >> 63) == 0, turn, 0 - turn)
    return turn, r, error


def _shifted_digits(first: Any, shift: Any, last: int, x: Any) -> list[Any]:
    """Give the digits from number ``first`` on, moved up by ``shift`` bits."""
    need = _PLACES + 2
    steps = last.bit_length()
    chosen: list[Any] = [first.constant(w) for w in WORDS[: last + need]]
    for step in reversed(range(steps)):
        # After this step only the numbers below 2**step are left to be added.
        keep = need + 2**step - 1
        bit = ((first >> step) & 1) != 0
        ahead = [chosen[min(i + 2**step, len(chosen) - 1)] for i in range(keep)]
        chosen = [select(bit, a, b) for a, b in zip(ahead, chosen[:keep], strict=False)]
    pairs = itertools.pairwise(chosen)
    return [((((a << 32) | b) << shift) >> 32) for a, b in pairs]
