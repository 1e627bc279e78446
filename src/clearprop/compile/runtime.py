"""Scalar functions that compiled loops call, with NumPy's meaning."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(inline="always")
def maximum(a: Any, b: Any) -> Any:
    """Give the larger; NaN if either is."""
    return a if a >= b or np.isnan(a) else b


@numba.njit(inline="always")
def minimum(a: Any, b: Any) -> Any:
    """Give the smaller; NaN if either is."""
    return a if a <= b or np.isnan(a) else b


@numba.njit
def wrapped(i: Any, axis: Any, length: Any) -> Any:
    """Give an index as counted from the front; IndexError where there is no such element."""
    k = np.int64(i)
    if k < -length or k >= length:
        raise IndexError(k, axis, length)
    return k + length if k < 0 else k


_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


@numba.njit
def _high(a: Any, b: Any) -> Any:
    """Give the upper 64 bits of a product of two 64-bit numbers."""
    a0, a1, b0, b1 = a & _LOW, a >> _32, b & _LOW, b >> _32
    middle = a1 * b0 + (a0 * b0 >> _32)
    other = a0 * b1 + (middle & _LOW)
    return a1 * b1 + (middle >> _32) + (other >> _32)


@numba.njit
def keep_mask(y: Any, key: Any, limit: Any) -> None:
    """Fill a mask as `clearprop.rules.random.keep_mask` does, from Philox 4x64 with ten rounds.

    Source: J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011); NumPy's
    ``np.random.Philox`` gives the same words.
    """
    words = np.empty(4, np.uint64)
    for block in range((y.size + 7) // 8):
        c0, c1 = np.uint64(block + 1), np.uint64(0)
        c2, c3 = np.uint64(0), np.uint64(0)
        k0, k1 = key[0], key[1]
        for _ in range(10):
            h0, l0, h1, l1 = _high(_M0, c0), _M0 * c0, _high(_M1, c2), _M1 * c2
            c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
            k0, k1 = k0 + _W0, k1 + _W1
        words[0], words[1], words[2], words[3] = c0, c1, c2, c3
        for i in range(min(8, y.size - 8 * block)):
            word = words[i // 2]
            half = word & _LOW if i % 2 == 0 else word >> _32
            y[8 * block + i] = half >= np.uint64(limit)
