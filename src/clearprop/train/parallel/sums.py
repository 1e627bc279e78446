"""Sums over the shards of a batch, whoever has them: in one order, so that they have the same bits.

The shards are the leaves of a tree of pairs. A process adds its own branch; then those with
neighbouring branches exchange halves of what they have, then those whose pairs are neighbours, and
so on: each element meets the others in the order of the tree, whoever adds it. At the end the parts
come back the same way. A sum in any order costs as much: no process sends more than two arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.kinds import OPAQUE
from clearprop.primitive import Primitive
from clearprop.staged.reading import is_staging

Array = npt.NDArray[Any]

_SHORT = 4096  # bytes; what takes so few is sent whole, in half as many messages


class Exchange(Protocol):
    """What sends arrays from one process to another, and back.

    Attributes
    ----------
    rank : int
        Which of the processes this is.
    size : int
        How many there are.
    """

    rank: int
    size: int

    def swap(self, given: Array, partner: int, taken: Array) -> None:
        """Send an array to another process, and write what it sends into ``taken``."""


class Summing(Protocol):
    """What adds arrays over all shards of a batch."""

    def total(self, parts: Sequence[Array]) -> Array:
        """Give the sum of the arrays that the shards have; here are those of this process."""


def branch(parts: Sequence[Any]) -> Any:
    """Add arrays in pairs, and pairs of pairs; their number is a power of two.

    Examples
    --------
    >>> import numpy as np
    >>> float(branch([np.float32(1e8), np.float32(1), np.float32(-1e8), np.float32(1)]))
    0.0
    """
    level = list(parts)
    while len(level) > 1:
        level = [np.add(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def over_processes(own: Array, exchange: Exchange) -> Array:
    """Add an array of each process in the order of the tree; ``own`` is used up.

    Parameters
    ----------
    own : ndarray
        What this process has, the same shape everywhere.
    exchange : Exchange
        Between a number of processes that is a power of two.

    Returns
    -------
    ndarray
        The same bits everywhere.
    """
    flat = np.ascontiguousarray(own).reshape(-1)
    if flat.nbytes <= _SHORT:
        taken = np.empty_like(flat)
        for distance in _distances(exchange.size):
            exchange.swap(flat, exchange.rank ^ distance, taken)
            flat = flat + taken
        return flat.reshape(own.shape)
    low, high = 0, flat.size
    halves = []
    for distance in _distances(exchange.size):
        middle = (low + high) // 2
        mine, other = slice(low, middle), slice(middle, high)
        if exchange.rank & distance:
            mine, other = other, mine
        taken = np.empty(mine.stop - mine.start, flat.dtype)
        exchange.swap(flat[other], exchange.rank ^ distance, taken)
        flat[mine] += taken
        halves.append((mine, other, exchange.rank ^ distance))
        low, high = mine.start, mine.stop
    for mine, other, partner in reversed(halves):
        exchange.swap(flat[mine], partner, flat[other])
    return flat.reshape(own.shape)


def _distances(size: int) -> list[int]:
    return [1 << k for k in range(size.bit_length() - 1)]


def _total(*parts: Any, by: Summing) -> Any:
    if is_staging.get():  # a program is made, on each process as often as it takes: shapes alone
        return np.array(branch(parts))
    return by.total(parts)


#: The sum over all shards, of the arrays of this process's and of those elsewhere.
TOTAL = Primitive(_total, name="total", kind=OPAQUE)


@TOTAL.vjp("parts")
def _(dy: Any, *, by: Summing) -> Any:
    return dy  # whoever reads a total as `shared` has the sum over all shards in dy


def _shared(x: Any, *, count: int, by: Summing) -> Any:
    return np.array(np.broadcast_to(x, (count, *np.shape(x))))


#: What all shards read: a row for each shard of this process. Its gradient is a sum over all.
SHARED = Primitive(_shared, name="shared", kind=OPAQUE)


@SHARED.vjp("x")
def _(dy: Any, *, count: int, by: Summing) -> Any:
    return TOTAL(*(dy[k] for k in range(count)), by=by)
