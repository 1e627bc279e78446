"""How an array gets another shape without its numbers changing places, or whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from operator import mul


def fitted(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> str | None:
    """Write the expression that gives an array another shape; None where nobody can know it.

    ``np.reshape`` only where axes are joined, divided or are 1: it keeps the order of the numbers,
    so that for axes that have changed places it would give each number to another sample. Those
    are transposed.

    Examples
    --------
    >>> fitted("t", (300, 2, 12), (300, 12, 2)), fitted("t", (5, 1), (5,))
    ('t.transpose(0, 2, 1)', 'np.reshape(t, (5,))')
    >>> print(fitted("t", (6, 4), (12, 2)))
    None
    """
    ours, theirs = _borders(shape), _borders(wanted)
    if prod(shape) == prod(wanted) and (ours <= theirs or theirs <= ours):
        return f"np.reshape({name}, {wanted})"
    if sorted(shape) != sorted(wanted):
        return None
    axes = _axes(shape, wanted)
    return f"{name}.T" if axes == [1, 0] else f"{name}.transpose{tuple(axes)}"


def whole_samples(holds: str, axes: int) -> str:
    """Write what keeps the samples all of whose numbers are sound; of a sequence all its steps.

    Examples
    --------
    >>> whole_samples("np.isfinite(t)", 3)
    'keep = np.isfinite(t).all(axis=(1, 2)); x, t = x[keep], t[keep]'
    """
    over = "" if axes < 2 else ".all(axis=-1)" if axes == 2 else f".all(axis={(*range(1, axes),)})"
    return f"keep = {holds}{over}; x, t = x[keep], t[keep]"


def _borders(shape: Sequence[int]) -> set[int]:
    """Give the products of the first axes: where axes are joined, some of them are gone."""
    return {*accumulate(shape, mul)} - {1}


def _axes(shape: tuple[int, ...], wanted: tuple[int, ...]) -> list[int]:
    """Say which axis goes where; of several of one length, the one that stays."""
    axes: list[int] = []
    for place, size in enumerate(wanted):
        free = [axis for axis, own in enumerate(shape) if own == size and axis not in axes]
        axes.append(place if place in free else free[0])
    return axes
