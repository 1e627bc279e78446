"""Histograms: linear in the weights; which bin a number falls into is piecewise constant."""

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.places import current_line
from clearprop.primitive import composition
from clearprop.rules.indexing import Slot, unindex
from clearprop.rules.reduction import array_of, numbers_of


@composition(np.histogram_bin_edges)
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    a = np.ravel(array_of(a))
    return _edges(a, bins, range, a.dtype)


def _edges(a, bins, limits, dtype=None):
    """Give the ends of the bins; in the type of the numbers, where one is given."""
    if isinstance(bins, str):
        raise MissingRuleError(
            f"np.histogram(…, bins={bins!r}) has no derivative here.",
            where=current_line(2),
            why="How many bins there are jumps as the numbers move.",
            write=f"bins=len(np.histogram_bin_edges(x.value, {bins!r})) - 1",
        )
    if np.ndim(bins) == 1:
        edges = array_of(bins)
        if np.any(np.diff(numbers_of(edges)) < 0):
            raise ValueError("`bins` must increase monotonically, when an array")  # as NumPy has it
        return edges
    if np.ndim(bins) > 1:
        raise ValueError("`bins` must be 1d, when an array")  # as NumPy has it
    if bins < 1:
        raise ValueError("`bins` must be positive, when an integer")  # as NumPy has it
    first, last = _limits(a, limits)
    if dtype is not None:
        dtype = np.result_type(*(getattr(x, "dtype", x) for x in (first, last)), dtype)
        dtype = np.result_type(dtype, float) if dtype.kind in "iub" else dtype
    return np.linspace(first, last, int(bins) + 1, dtype=dtype)


def _limits(a, limits):
    if limits is None:
        first, last = (np.min(a), np.max(a)) if np.size(a) else (0.0, 1.0)
    else:
        first, last = limits
        if numbers_of(first) > numbers_of(last):
            raise ValueError("max must be larger than min in range parameter.")  # as NumPy has it
    if not np.isfinite([numbers_of(first), numbers_of(last)]).all():
        raise ValueError(f"range of [{first}, {last}] is not finite")
    # A range without width gets one.
    half = np.where(first == last, 0.5, 0.0)
    weak = half.astype(first.dtype) if hasattr(first, "dtype") else float(half)
    return first - weak, last + weak


def _bin_of(x, edges):
    """Give the number of the bin, from 1; 0 and the last are outside."""
    number = np.searchsorted(edges, x, side="right")
    return np.where(x == edges[-1], number - 1, number)  # the last bin has both its ends


def _counted(numbers, weights, size):
    ones = np.ones(np.shape(numbers), int) if weights is None else weights
    return unindex(ones, numbers, shape=(size,), index=(Slot(0),))


@composition(np.histogram)
def histogram(a, bins=10, range=None, density=None, weights=None):
    a = array_of(a)
    if weights is not None:
        weights = array_of(weights)
        if np.shape(weights) != np.shape(a):
            raise ValueError("weights should have the same shape as a.")  # as NumPy has it
        weights = np.ravel(weights)
    a = np.ravel(a)
    edges = _edges(a, bins, range, a.dtype)
    y = _counted(_bin_of(a, edges), weights, len(edges) + 1)[1:-1]
    return (y / np.diff(edges).astype(float) / np.sum(y), edges) if density else (y, edges)


@composition(np.histogramdd)
def histogramdd(sample, bins=10, range=None, density=None, weights=None):
    columns = _columns(sample)
    count = len(columns)
    if not hasattr(bins, "__len__") or isinstance(bins, str):
        bins = [bins] * count
    limits = [None] * count if range is None else range
    if len(bins) != count:
        raise ValueError(
            "The dimension of bins must be equal to the dimension of the sample x."
        )  # as NumPy has it
    if len(limits) != count:
        raise ValueError("range argument must have one entry per dimension")
    edges = [_edges(*each) for each in zip(columns, bins, limits, strict=True)]
    form = tuple(len(e) + 1 for e in edges)
    places = [_bin_of(x, e) for x, e in zip(columns, edges, strict=True)]
    flat = np.ravel_multi_index(tuple(places), form)
    size = int(np.prod(form))
    y = _counted(flat, None if weights is None else array_of(weights), size).astype(float)
    y = np.reshape(y, form)[(slice(1, -1),) * count]
    if density:
        total = np.sum(y)
        for axis, e in enumerate(edges):
            y = y / np.reshape(np.diff(e), (-1,) + (1,) * (count - axis - 1))
        y = y / total
    return y, edges


def _columns(sample):
    if hasattr(sample, "dtype") and np.ndim(sample) == 2:
        return [sample[:, i] for i in np.arange(sample.shape[1])]
    if hasattr(sample, "dtype"):
        return [np.ravel(sample)]
    return [array_of(x) for x in sample]


@composition(np.histogram2d)
def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")  # as NumPy has it
    if hasattr(bins, "__len__") and len(bins) not in (1, 2):
        bins = [bins, bins]  # the edges of both
    counts, (first, second) = np.histogramdd([x, y], bins, range, density, weights)
    return counts, first, second
