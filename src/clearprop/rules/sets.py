"""The different elements of arrays: of equal ones the first has the gradient."""

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from clearprop.primitive import Case, composition, primitive
from clearprop.rules.comparison import POSITION
from clearprop.rules.reduction import array_of, numbers_of

# Of integers: the lengths depend on the numbers, and those of floats are moved in tests.
_EQUAL = np.array([2, 1, 2, 5, 1])


@primitive(
    outputs=3,
    no_derivative=POSITION,
    cases=[
        Case(_EQUAL),
        Case(np.array([[1, 2], [0, 3], [1, 2]]), axis=0),
        Case(_EQUAL, equal_nan=False),
        Case(_EQUAL, is_sorted=False),
    ],
)
def places_of_unique(a, *, axis=None, equal_nan=True, is_sorted=True):
    values, first, inverse, counts = np.unique(a, True, True, True, axis=axis, equal_nan=equal_nan)
    if not is_sorted:  # in the order in which NumPy gives them, which is its own affair
        order = np.searchsorted(values, np.unique_values(a))
        first, inverse, counts = first[order], np.argsort(order)[inverse], counts[order]
    return first, inverse, counts


@composition(np.unique)
def unique(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    *,
    equal_nan=True,
    sorted=True,
):
    ar = array_of(ar)
    if axis is not None:
        axis = normalize_axis_index(axis, np.ndim(ar))
    first, inverse, counts = places_of_unique(
        ar,
        axis=axis,
        equal_nan=equal_nan,
        is_sorted=sorted or bool(return_index or return_inverse or return_counts),
    )
    values = np.ravel(ar)[first] if axis is None else np.take(ar, first, axis=axis)
    wanted = ((return_index, first), (return_inverse, inverse), (return_counts, counts))
    asked = tuple(part for is_asked, part in wanted if is_asked)
    return (values, *asked) if asked else values


@composition(np.unique_values)
def unique_values(x):
    return unique(x, equal_nan=False, sorted=False)


class UniqueCounts(NamedTuple):
    """As the result of `numpy.unique_counts`."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """As the result of `numpy.unique_inverse`."""

    values: Any
    inverse_indices: Any


class UniqueAll(NamedTuple):
    """As the result of `numpy.unique_all`."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


@composition(np.unique_counts)
def unique_counts(x):
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


@composition(np.unique_inverse)
def unique_inverse(x):
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


@composition(np.unique_all)
def unique_all(x):
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


# ---- of two arrays ------------------------------------------------------------------------------


@composition(np.union1d)
def union1d(ar1, ar2):
    return np.unique(np.concatenate([np.ravel(ar1), np.ravel(ar2)]))


@composition(np.intersect1d)
def intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    ar1, at1 = _each_once(ar1, assume_unique)
    ar2, at2 = _each_once(ar2, assume_unique)
    both = np.concatenate([ar1, ar2])
    order = np.argsort(both, kind="stable")
    both = both[order]
    twice = np.flatnonzero(both[1:] == both[:-1])
    if not return_indices:
        return both[twice]
    return both[twice], at1[order[twice]], at2[order[twice + 1] - len(ar1)]


def _each_once(x, is_known):
    """Give the different elements of an array, and where the first of each is."""
    x = np.ravel(x)
    return (x, np.arange(x.size)) if is_known else np.unique(x, return_index=True)


@composition(np.setdiff1d)
def setdiff1d(ar1, ar2, assume_unique=False):
    ar1, _ = _each_once(ar1, assume_unique)
    return ar1[np.isin(ar1, ar2, invert=True)]


@composition(np.setxor1d)
def setxor1d(ar1, ar2, assume_unique=False):
    parts = [_each_once(ar, assume_unique)[0] for ar in (ar1, ar2)]
    both = np.sort(np.concatenate(parts))
    if not both.size:
        return both
    differs = np.concatenate([[True], both[1:] != both[:-1], [True]])
    return both[differs[1:] & differs[:-1]]


# ---- zeros at the ends, and grids of indices ----------------------------------------------------


@composition(np.trim_zeros)
def trim_zeros(filt, trim="fb", axis=None):
    if not {*trim.lower()} <= {"f", "b"} or len({*trim.lower()}) != len(trim):
        raise ValueError(f"unexpected character(s) in `trim`: {trim.lower()!r}")  # as NumPy has it
    ndim = np.ndim(filt)
    axes = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
    y = filt
    for i in axes:
        others = tuple(j for j in range(ndim) if j != i)
        holds = np.any(filt != 0, axis=others) if others else filt != 0
        kept = np.ones(len(holds), bool)
        if "f" in trim.lower():
            kept = kept & (np.cumsum(holds) > 0)
        if "b" in trim.lower():
            kept = kept & (np.cumsum(holds[::-1])[::-1] > 0)
        y = np.compress(kept & np.any(holds), y, axis=i)
    return y


@composition(np.ix_)
def ix_(*args):
    grids = []
    for position, given in enumerate(args):
        x = array_of(given)
        if np.ndim(x) != 1:
            raise ValueError("Cross index must be 1 dimensional")  # as NumPy has it
        x = np.flatnonzero(x) if x.dtype == bool else x if np.size(x) else x.astype(np.intp)
        grids.append(np.reshape(x, (1,) * position + (-1,) + (1,) * (len(args) - position - 1)))
    return tuple(grids)


@composition(np.ravel_multi_index)
def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    dims = (dims,) if isinstance(dims, int | np.integer) else tuple(dims)
    modes = mode if isinstance(mode, tuple) else (mode,) * len(dims)
    if len(multi_index) != len(dims):
        raise ValueError("parameter multi_index must be a sequence of length " + str(len(dims)))
    steps = np.cumprod((1, *(dims if order == "F" else dims[::-1])))[:-1]
    y: Any = 0
    for x, n, how, step in zip(
        multi_index, dims, modes, steps if order == "F" else steps[::-1], strict=True
    ):
        if how == "raise" and np.any((numbers_of(x) < 0) | (numbers_of(x) >= n)):
            raise ValueError("invalid entry in coordinates array")  # as NumPy has it
        at = x % n if how == "wrap" else np.clip(x, 0, n - 1) if how == "clip" else x
        y = y + at * int(step)
    return y
