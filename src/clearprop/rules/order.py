"""Sorting: a position without a derivative, and the values found there."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.comparison import POSITION
from clearprop.rules.reduction import axes_of, in_lines, kept_shape


@primitive(
    np.argsort,
    no_derivative=POSITION,
    cases=[Case((3, 4)), Case((3, 4), axis=0, stable=True), Case((2, 3), axis=None)],
)
def argsort(a, *, axis=-1, kind=None, stable=None):
    return np.argsort(a, axis=axis, kind="stable" if stable else kind)


@primitive(
    np.argpartition,
    no_derivative=POSITION,
    cases=[Case((3, 4), kth=1), Case((3, 4), kth=(0, 2), axis=0)],
)
def argpartition(a, *, kth, axis=-1):
    return np.argpartition(a, kth, axis=axis)


@primitive(
    np.lexsort,
    no_derivative=POSITION,
    cases=[Case(np.array([2.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0]))],
)
def lexsort(*keys, axis=-1):
    return np.lexsort(keys, axis=axis)


@primitive(
    no_derivative=POSITION,
    cases=[Case((3, 4), axis=1), Case(np.array([1.0, 3.0, 3.0, 2.0, 4.0]), axis=0)],
)
def argmax_so_far(a, *, axis):
    largest = np.maximum.accumulate(a, axis=axis)
    first, before, after = (
        (slice(None),) * (axis % a.ndim) + (part,)
        for part in (slice(0, 1), slice(0, -1), slice(1, None))
    )
    # A NaN is larger than every number, and the first of them stays.
    rises = (a[after] > largest[before]) | (np.isnan(a[after]) & ~np.isnan(largest[before]))
    rises = np.concatenate([np.zeros(a[first].shape, bool), rises], axis=axis)
    positions = np.arange(a.shape[axis]).reshape((-1,) + (1,) * (a.ndim - 1 - axis % a.ndim))
    return np.maximum.accumulate(np.where(rises, positions, 0), axis=axis)


@composition(np.sort_complex)
def sort_complex(a):
    y = np.sort(a)
    if y.dtype.kind == "c":
        return y
    return y.astype(np.complex64 if y.dtype.char in "bhBH" else np.complex128)  # as NumPy has it


@composition(np.sort)
def sort(a, axis=-1, kind=None, *, stable=None):
    # Stable, whatever kind is asked for: equal elements keep their order, and their gradients.
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take_along_axis(a, np.argsort(a, axis=axis, kind="stable"), axis=axis)


@composition(np.partition)
def partition(a, kth, axis=-1):
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take_along_axis(a, np.argpartition(a, kth, axis=axis), axis=axis)


def running_max(a, axis=0):
    """As ``np.maximum.accumulate``; of equal elements the first has the gradient."""
    return np.take_along_axis(a, argmax_so_far(a, axis=axis), axis=axis)


def running_min(a, axis=0):
    """As ``np.minimum.accumulate``; of equal elements the first has the gradient."""
    return np.take_along_axis(a, argmax_so_far(-a, axis=axis), axis=axis)


#: How far between two elements a quantile lies: n·q + α + q(1 - α - β) - 1, as Hyndman and Fan.
_PLOTTING_POSITIONS = {
    "linear": (1, 1),
    "lower": (1, 1),
    "higher": (1, 1),
    "midpoint": (1, 1),
    "nearest": (1, 1),
    "interpolated_inverted_cdf": (0, 1),
    "hazen": (0.5, 0.5),
    "weibull": (0, 0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
#: Methods that choose elements, and do not go from one to the next; asked of NumPy.
_CHOOSING = ("inverted_cdf", "averaged_inverted_cdf", "closest_observation")
_ROUNDED: dict[str, Callable[..., Any]] = {
    "lower": np.floor,
    "higher": np.ceil,
    "nearest": np.rint,
    "midpoint": lambda v: (np.floor(v) + np.ceil(v)) / 2,
}


@composition(np.quantile)
def quantile(a, q, axis=None, *, method="linear", keepdims=False, weights=None):
    return _quantile(a, q, axis, method, keepdims, weights, skip_nan=False)


@composition(np.nanquantile)
def nanquantile(a, q, axis=None, *, method="linear", keepdims=False, weights=None):
    return _quantile(a, q, axis, method, keepdims, weights, skip_nan=True)


@composition(np.percentile)
def percentile(a, q, axis=None, *, method="linear", keepdims=False, weights=None):
    return _quantile(a, _hundredth(q), axis, method, keepdims, weights, skip_nan=False)


@composition(np.nanpercentile)
def nanpercentile(a, q, axis=None, *, method="linear", keepdims=False, weights=None):
    return _quantile(a, _hundredth(q), axis, method, keepdims, weights, skip_nan=True)


@composition(np.median)
def median(a, axis=None, *, keepdims=False):
    if not a.size:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if a.dtype.kind == "b":
        a = a.astype(float)  # NumPy takes the mean of the middle ones, which booleans have
    return _quantile(a, 0.5, axis, "linear", keepdims, skip_nan=False)


@composition(np.nanmedian)
def nanmedian(a, axis=None, *, keepdims=False):
    if a.dtype.kind == "b":
        return median(a, axis=axis, keepdims=keepdims)
    return _quantile(a, 0.5, axis, "linear", keepdims, skip_nan=True)


def _hundredth(q):
    return (np.array(q) if isinstance(q, list | tuple) else q) / 100


def _quantile(a, q, axis, method, keepdims, weights=None, *, skip_nan):
    axis = tuple(axis) if isinstance(axis, list) else axis
    if skip_nan and not a.size:
        return np.nanmean(a, axis=axis, keepdims=keepdims)  # as NumPy: of nothing, NaN
    if method not in (*_PLOTTING_POSITIONS, *_CHOOSING) or (weights is not None and skip_nan):
        raise MissingRuleError(
            f"A quantile with method={method!r} has no derivative here."
            if weights is None
            else "A quantile with weights= that passes over NaN has no derivative here.",
            where=current_line(2),
            why="Between two elements the gradient goes to both by what lies between them.",
            write=f"method= one of {[*_PLOTTING_POSITIONS, *_CHOOSING]}",
        )
    if method in _CHOOSING or weights is not None:
        return _chosen_quantile(a, q, axis, method, keepdims, weights, skip_nan)
    # A number is weak, so that float32 stays float32.
    weak = a.dtype if a.dtype.kind == "f" else float
    shares = np.full(1, q, weak) if isinstance(q, int | float) else np.reshape(q, -1)
    if not np.all((shares >= 0) & (shares <= 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    x = np.sort(in_lines(a, axis), axis=-1)  # NaN last
    n = np.shape(x)[-1]
    if skip_nan:
        n = np.expand_dims(np.sum(~np.isnan(x), axis=-1), -1).astype(x.dtype)
    alpha, beta = _PLOTTING_POSITIONS[method]
    at = (
        (n - 1) * shares
        if alpha == beta == 1
        else n * shares + (alpha + shares * (1 - alpha - beta) - 1)
    )
    at = np.maximum(np.minimum(_ROUNDED.get(method, lambda v: v)(at), n - 1), 0)
    lower = np.floor(at)
    upper = np.maximum(np.minimum(lower + 1, n - 1), 0)  # not a NaN beyond the last
    low, high = (_pick(x, i) for i in (lower, upper))
    y = low if method in ("lower", "higher", "nearest") else low + (high - low) * (at - lower)
    if not skip_nan:
        y = np.where(np.isnan(x[..., -1:]), np.nan, y)
    form = kept_shape(np.shape(a), axis, keepdims)
    return np.reshape(np.moveaxis(y, -1, 0), np.shape(q) + form)


def _chosen_quantile(a, q, axis, method, keepdims, weights, skip_nan):
    """Take the elements that NumPy takes: it is asked where they stand, among their numbers."""
    for what, given in (("q", q), ("weights", weights)):
        if getattr(given, "node", None) is not None:
            raise MissingRuleError(
                f"A quantile with method={method!r} and {what} computed from an argument has no "
                "derivative here.",
                where=current_line(2),
                why="Which element is chosen jumps as they move.",
                write=f"{what} that depends on no argument, or another method.",
            )
    x = in_lines(a, axis)
    order = np.argsort(x, axis=-1, kind="stable")
    x = np.take_along_axis(x, order, axis=-1)
    values, ranks = np.asarray(getattr(x, "value", x)), np.asarray(getattr(order, "value", order))
    if weights is not None:
        weights = _weights_in_lines(weights, np.shape(a), axis)
    shares = np.asarray(q)
    at = np.zeros((*values.shape[:-1], shares.size))
    for line in np.ndindex(values.shape[:-1]):
        n = np.sum(~np.isnan(values[line])) if skip_nan else values.shape[-1]
        sorted_weights = {} if weights is None else {"weights": weights[line][ranks[line]]}
        numbers = np.arange(float(max(n, 1)))
        at[line] = np.quantile(numbers, shares.reshape(-1), method=method, **sorted_weights)
    y = (_pick(x, np.floor(at)) + _pick(x, np.ceil(at))) / 2  # the mean of one, or of two
    if not skip_nan:
        y = np.where(np.isnan(x[..., -1:]), np.nan, y)
    dtype = np.quantile(np.zeros(2, x.dtype), q, method=method).dtype
    y = y if y.dtype == dtype else y.astype(dtype)
    form = kept_shape(np.shape(a), axis, keepdims)
    return np.reshape(np.moveaxis(y, -1, 0), shares.shape + form)


def _weights_in_lines(weights, shape, axis):
    weights = np.asarray(weights, float)
    if weights.shape != shape:
        axes = axes_of(axis, len(shape))
        weights = np.expand_dims(weights, tuple(i for i in range(len(shape)) if i not in axes))
    return in_lines(np.broadcast_to(weights, shape), axis)


def _pick(x, positions):
    index = positions.astype(int)
    return np.take_along_axis(
        x, np.reshape(index, (1,) * (np.ndim(x) - np.ndim(index)) + np.shape(index)), axis=-1
    )
