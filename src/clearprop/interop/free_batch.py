"""A program for any number of samples, out of programs for some.

A program is for the shapes that were traced: the number of samples stands in it as a number. So it
is written for three numbers of samples. Where the texts differ in a number alone, and that number
is ``a N + b`` or ``1 / (a N)`` in all three, it is written so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

#: Numbers of samples, three at a time: primes, which no other length of an array is by chance.
#: With the first, some lines may be laid out otherwise for numbers of other lengths.
SIZES = ((11, 13, 17), (29, 31, 37), (101, 103, 107))

_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?![\w.])")


def for_any(texts: Sequence[str], sizes: Sequence[int]) -> str | None:
    """Write for N samples what is written for some numbers of samples.

    Parameters
    ----------
    texts : sequence of str
        One program, written for each number of samples.
    sizes : sequence of int
        At least three.

    Returns
    -------
    str or None
        None where the texts differ in more than such numbers.

    Examples
    --------
    >>> texts = [f"dy * {1 / (n * 5)!r} + np.zeros(({n * 3}, 7))" for n in (11, 13, 17)]
    >>> for_any(texts, (11, 13, 17))
    'dy * (1 / (5 * N)) + np.zeros((3 * N, 7))'
    """
    parts = [_NUMBER.split(text) for text in texts]
    if any(len(part) != len(parts[0]) for part in parts):
        return None
    made: list[str] = []
    for place, found in enumerate(zip(*parts, strict=True)):
        if all(each == found[0] for each in found):
            made.append(found[0])
            continue
        before, after = "".join(made[-1:]), parts[0][place + 1 : place + 2]
        formula = _formula(found, sizes, before) if place % 2 else None
        if formula is None:
            return None
        is_alone = before.endswith(("(", ", ", "=")) and "".join(after).startswith((")", ","))
        made.append(formula if formula == "N" or is_alone else f"({formula})")
    return "".join(made)


def uses(text: str) -> bool:
    """Whether code computes with N, in more than its comments."""
    return any(re.search(r"\bN\b", line.partition("#")[0]) for line in text.split("\n"))


def _formula(texts: Sequence[str], sizes: Sequence[int], before: str) -> str | None:
    if all(text.isdecimal() for text in texts):
        return _line([int(text) for text in texts], sizes)
    values = [float(text) for text in texts]
    kind = np.float32 if before.endswith("np.float32(") else np.float64
    product = Fraction(values[0] * sizes[0]).limit_denominator(1_000_000)
    above, below = product.numerator, product.denominator
    exact = (kind(above / (below * n)) == kind(v) for n, v in zip(sizes, values, strict=True))
    if not above or not all(exact):
        return None
    return f"{above} / N" if below == 1 else f"{above} / ({below} * N)"


def _line(values: Sequence[int], sizes: Sequence[int]) -> str | None:
    """Write ``a N + b``."""
    a, rest = divmod(values[1] - values[0], sizes[1] - sizes[0])
    b = values[0] - a * sizes[0]
    if rest or not a or any(a * n + b != value for n, value in zip(sizes, values, strict=True)):
        return None
    product = "N" if a == 1 else f"{a} * N"
    return product if not b else f"{product} {'+' if b > 0 else '-'} {abs(b)}"
