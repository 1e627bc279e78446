"""Randomness as a function: of a key, and of the position of the element, and of nothing else.

What is drawn twice from one key is the same, so a dropout mask need not be kept for the backward
pass, and the pieces of a batch can draw their own parts of it: the elements from ``first`` on.
"""

import numpy as np

from clearprop.kinds import RANDOM
from clearprop.primitive import Case, primitive


@primitive(
    kind=RANDOM,
    symbol="mask",
    no_derivative="a mask of zeros and ones; the key is no real number",
    cases=[
        Case(np.array([7, 1], dtype=np.uint64), shape=(4, 5), rate=0.3),
        Case(np.array([7, 1], dtype=np.uint64), shape=(2, 5), rate=0.3, first=11),
    ],
)
def keep_mask(key, *, shape, rate, first=0):
    size = 1
    for length in shape:
        size *= length
    made = np.random.Philox(key=key, counter=first // 8)  # it makes eight numbers at once
    skipped = first % 8
    words = made.random_raw((skipped + size + 1) // 2).view(np.uint32)
    return words[skipped : skipped + size].reshape(shape) >= np.uint32(rate * 2**32)


# float32 or float64: the numbers of np.random.Generator(np.random.Philox(key=key)).random(shape).
@primitive(
    kind=RANDOM,
    symbol="U",
    no_derivative="numbers from a key, which is no real number",
    cases=[
        Case(np.array([7, 1], dtype=np.uint64), shape=(4, 5), dtype=np.dtype("float64")),
        Case(np.array([7, 1], dtype=np.uint64), shape=(4, 5), dtype=np.dtype("float32")),
        Case(np.array([7, 1], dtype=np.uint64), shape=(3,), dtype=np.dtype("float64"), first=6),
        Case(np.array([7, 1], dtype=np.uint64), shape=(3,), dtype=np.dtype("float32"), first=13),
    ],
)
def uniform(key, *, shape, dtype, first=0):
    size = 1
    for length in shape:
        size *= length
    if dtype == np.float32:  # the upper 24 bits of each half of a word, the lower half first
        made, skipped = np.random.Philox(key=key, counter=first // 8), first % 8
        halves = made.random_raw((skipped + size + 1) // 2).view(np.uint32)
        halves = halves[skipped : skipped + size] >> 8
        return (halves.astype(np.float32) * np.float32(2.0**-24)).reshape(shape)
    made, skipped = np.random.Philox(key=key, counter=first // 4), first % 4
    words = made.random_raw(skipped + size)[skipped:]  # the upper 53 bits of each word
    return ((words >> 11) * 2.0**-53).reshape(shape)
