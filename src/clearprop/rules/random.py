"""Randomness as a function: of a key, and of the position of the element, and of nothing else.

A mask drawn twice from one key is the same mask, so a dropout mask need not be kept for the
backward pass, and the pieces of a batch can draw their own parts of it.
"""

import numpy as np

from clearprop.kinds import RANDOM
from clearprop.primitive import Case, primitive


@primitive(
    kind=RANDOM,
    symbol="mask",
    no_derivative="a mask of zeros and ones; the key is no real number",
    cases=[Case(np.array([7, 1], dtype=np.uint64), shape=(4, 5), rate=0.3)],
)
def keep_mask(key, *, shape, rate):
    size = 1
    for length in shape:
        size *= length
    words = np.random.Philox(key=key).random_raw((size + 1) // 2).view(np.uint32)
    return words[:size].reshape(shape) >= np.uint32(rate * 2**32)
