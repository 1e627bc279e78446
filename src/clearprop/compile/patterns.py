"""Index arrays as loops: when numbers in a row are those of nested loops with fixed steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_MOST_AXES = 5


def grid(columns: Sequence[Any]) -> tuple[int, ...] | None:
    """Give the lengths of nested loops in which every column counts with fixed steps.

    Columns are whole numbers, (n,) each; the outermost loop comes first; None where there are no
    such loops.
    """
    rest = np.stack(columns)
    lengths: list[int] = []
    while rest.shape[1] > 1:
        steps = rest[:, 1:2] - rest[:, :1]
        breaks = np.flatnonzero(np.any(np.diff(rest, axis=1) != steps, axis=0))
        length = int(breaks[0]) + 1 if breaks.size else rest.shape[1]
        if rest.shape[1] % length or len(lengths) == _MOST_AXES:
            return None
        blocks = rest.reshape(len(rest), -1, length)
        if np.any(blocks != blocks[:, :, :1] + steps[:, :, None] * np.arange(length)):
            return None
        lengths.append(length)
        rest = blocks[:, :, 0]
    return tuple(reversed(lengths)) or (1,)


def steps(array: Any) -> tuple[int, tuple[int, ...]] | None:
    """Give where an index array starts and its step along each axis; None if they vary."""
    if array.dtype.kind not in "iu" or not array.size:
        return None
    start = int(array.flat[0])
    found = []
    counted: Any = np.array(start)
    for axis, length in enumerate(array.shape):
        at = tuple(int(k == axis) for k in range(array.ndim))
        step = int(array[at]) - start if length > 1 else 0
        found.append(step)
        along = [1] * array.ndim
        along[axis] = length
        counted = counted + step * np.arange(length).reshape(along)
    return (start, tuple(found)) if np.array_equal(counted, array) else None


def order(columns: Sequence[Any]) -> Any:
    """Give the order in which columns are sorted, the first one above all."""
    return np.lexsort(tuple(reversed(columns)))


@dataclass
class Contraction:
    """Sums of products as a product of matrices: which elements of both they are.

    Attributes
    ----------
    left : ndarray of int, (batch, rows, terms)
    right : ndarray of int, (batch, terms, columns)
    lengths : tuple of int
        Of the loops over the results, in the order in which the product has them.
    axes : tuple of int
        Which of them is which loop, to transpose it.
    """

    left: Any
    right: Any
    lengths: tuple[int, ...]
    axes: tuple[int, ...]


def contraction(a: Any, b: Any) -> Contraction | None:
    """Find the product of matrices that is ``Σ_k left[a[m, k]] · right[b[m, k]]``, if it is one."""
    outer, inner = (a[:, 0], b[:, 0]), (a[0], b[0])
    lengths, terms = grid(outer), grid(inner)
    if lengths is None or terms is None or a.shape[1] < 2:
        return None
    for x in (a, b):
        if np.any(x != x[:, :1] + (x[0] - x[0, 0])):
            return None
    both = [x[:, 0].reshape(lengths) for x in (a, b)]
    moves = [_moves(x) for x in both]
    rows = [k for k in range(len(lengths)) if moves[0][k] and not moves[1][k]]
    columns = [k for k in range(len(lengths)) if moves[1][k] and not moves[0][k]]
    batch = [k for k in range(len(lengths)) if k not in rows and k not in columns]
    if (len(batch) == len(lengths)) or (batch and not (rows and columns)):
        return None
    axes = (*batch, *rows, *columns)
    m, n, batches = (math.prod(lengths[k] for k in part) for part in (rows, columns, batch))
    at_a, at_b = (x.transpose(axes).reshape(batches, m, n) for x in both)
    left = at_a[:, :, :1] + (a[0] - a[0, 0])
    right = at_b[:, :1, :] + (b[0] - b[0, 0])[:, None]
    return Contraction(left, right, tuple(lengths[k] for k in axes), axes)


def _moves(x: Any) -> list[bool]:
    found = steps(x)
    assert found is not None  # these are the loops it was found in
    return [step != 0 for step in found[1]]


def arranged(columns: list[Any]) -> tuple[Any, tuple[int, ...]]:
    """Choose an order, and the lengths of loops that read every column with fixed steps.

    If there are no such loops, it is one loop.
    """
    count = len(columns[0])
    found = order(columns)
    for at in (found, np.arange(count)):
        lengths = grid([column[at] for column in columns])
        if lengths is not None:
            return at, lengths
    return found, (count,)


def finer(lengths: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give a shape in the place of lengths of loops, if it only cuts them."""
    ends = [np.cumprod(n[::-1]).tolist() for n in (lengths, shape)]
    return shape if set(ends[0]) <= set(ends[1]) and ends[0][-1] == ends[1][-1] else lengths


def by_first(a: Any, b: Any) -> tuple[Any, Any]:
    """Sort the rows of two arrays by the first numbers in them."""
    at = order([a[:, 0], b[:, 0]])
    return a[at], b[at]
