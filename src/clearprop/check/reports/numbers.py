"""Numbers written so that a wrong one looks different from the right one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_MOST_DECIMALS = 9  # more are hard to read: powers of ten are written then
_EXACT = 17  # digits that tell any two doubles apart


def writer(values: Array, pairs: tuple[Array, Array] | None = None) -> Callable[[Any], str]:
    """Choose one way to write all of some numbers.

    Parameters
    ----------
    values : ndarray
        All that is to be written.
    pairs : (ndarray, ndarray), optional
        Numbers that differ: as few digits are written as show that each does.

    Returns
    -------
    callable
        From a number to its text.

    Examples
    --------
    >>> write = writer(np.array([0.25, -1.5]))
    >>> write(0.25), write(-1.5), write(float("nan"))
    ('0.25', '-1.50', 'nan')
    >>> right, wrong = np.array([1.0]), np.array([1.0000003])
    >>> write = writer(np.concatenate([right, wrong]), (right, wrong))
    >>> write(1.0), write(1.0000003)
    ('1.0000000', '1.0000003')
    """
    if values.dtype.kind == "c":
        return _first([_complex(digits) for digits in (3, 6, 12, _EXACT)], pairs)
    if values.dtype.kind not in "biuf":
        return str
    real = values.astype(np.float64)
    finite = real[np.isfinite(real)]
    largest = float(np.max(np.abs(finite), initial=0.0))
    candidates = [_general(digits) for digits in (4, 6, 8, 10, 12, 15, _EXACT)]
    if largest == 0 or 1e-3 <= largest < 1e6:
        fewest = _decimals(finite, largest)
        candidates = [*(_fixed(d) for d in range(fewest, _MOST_DECIMALS)), *candidates]
    return _first(candidates, pairs)


def _first(
    candidates: list[Callable[[Any], str]], pairs: tuple[Array, Array] | None
) -> Callable[[Any], str]:
    for write in candidates:
        if pairs is None or all(write(a) != write(b) for a, b in zip(*pairs, strict=True)):
            return write
    return candidates[-1]


def _decimals(finite: Array, largest: float) -> int:
    """As many as are needed for four digits of the largest; fewer where the rest are zeros."""
    enough = 3 if largest < 1 else max(0, 3 - int(np.floor(np.log10(largest))))
    enough += largest < 0.1
    enough += largest < 0.01
    for decimals in range(enough + 2):  # two more, where that is all of it
        if np.array_equal(np.round(finite, decimals), finite):
            return decimals
    return enough


def _fixed(decimals: int) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        text = f"{float(value):.{decimals}f}"
        return text[1:] if text.startswith("-") and not text.strip("-0.") else text

    return write


def _general(digits: int) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        text = f"{float(value):.{digits}g}"
        return "0" if text == "-0" else text

    return write


def _complex(digits: int) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        return f"{complex(value):.{digits}g}"

    return write
