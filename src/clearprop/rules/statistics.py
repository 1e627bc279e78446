"""Averages, variances and correlations, counts with weights, and evenly spaced numbers."""

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.places import current_line
from clearprop.primitive import composition
from clearprop.rules.complex import complex_of, conjugated, is_complex
from clearprop.rules.indexing import Slot, unindex
from clearprop.rules.reduction import array_of, axes_of, chosen, count, number_of, numbers_of, share


@composition(np.average)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    if weights is None:
        y = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.zeros_like(y) + count(np.shape(a), axis)
        return (y, total) if returned else y
    weights = array_of(weights)
    axis = axis if axis is None else axes_of(axis, np.ndim(a))
    if np.shape(weights) != np.shape(a):
        axes = axes_of(axis, np.ndim(a))
        if axis is None or np.shape(weights) != tuple(np.shape(a)[i] for i in axes):
            raise ValueError("Shape of weights must be consistent with shape of a along axis.")
        order = sorted(range(len(axes)), key=axes.__getitem__)
        rest = tuple(i for i in range(np.ndim(a)) if i not in axes)
        weights = np.expand_dims(np.transpose(weights, tuple(order)), rest)
        weights = np.broadcast_to(weights, np.shape(a))
    kind = np.result_type(a.dtype, weights.dtype, *([] if a.dtype.kind in "fc" else [float]))
    total = np.sum(weights, axis=axis, dtype=kind, keepdims=keepdims)
    y = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (y, total) if returned else y


@composition(np.var)
def var(
    a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, mean=None, correction=None
):
    if dtype is not None:
        a = a.astype(dtype)
    centre = np.mean(a, axis=axis, keepdims=True, where=where) if mean is None else mean
    # Masked before it is squared: 2 · NaN · 0 would be NaN in the gradient.
    centred = chosen(a - centre, None, where, 0)
    if is_complex(centred):
        squares = np.square(np.real(centred)) + np.square(np.imag(centred))
    else:
        squares = centred * centred
    total = np.sum(squares, axis=axis, keepdims=keepdims)
    n = number_of(a, where, axis, keepdims)
    return share(total, freedom(n, ddof if correction is None else correction))


def freedom(n, ddof):
    """Count what is free to vary: not less than 0."""
    left = n - ddof
    return max(left, 0) if isinstance(left, int | float) else np.maximum(left, 0)


@composition(np.std)
def std(
    a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, mean=None, correction=None
):
    given = {"keepdims": keepdims, "where": where, "mean": mean, "correction": correction}
    return root(var(a, axis, dtype, ddof=ddof, **given))


def root(variance):
    """Take the root, with derivative 0 where nothing varies: the least of its subgradients."""
    still = variance == 0
    return np.where(still, 0, np.sqrt(np.where(still, 1, variance)))


@composition(np.cov)
def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    x = _variables(m, rowvar, np.ndim(m) != 1, dtype)
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar, np.atleast_2d(y).shape[0] != 1, dtype)])
    if x.shape[0] == 0:
        return np.zeros((0, 0))
    if ddof is None:
        ddof = 0 if bias else 1
    weights = _weights(x.shape[1], fweights, aweights)
    if weights is None:
        centred = x - np.mean(x, axis=1, keepdims=True)
        return np.squeeze(centred @ conjugated(np.transpose(centred))) / freedom(x.shape[1], ddof)
    total = np.sum(weights)
    centred = x - np.expand_dims(np.sum(x * weights, axis=1) / total, -1)
    n = total - ddof
    if ddof and aweights is not None:
        n = total - ddof * np.sum(weights * aweights) / total
    return np.squeeze(centred @ conjugated(np.transpose(centred * weights))) / n


def _variables(m, rowvar, may_be_columns, dtype):
    m = m if hasattr(m, "dtype") else np.asarray(m)
    x = np.atleast_2d(m.astype(np.result_type(m.dtype, float) if dtype is None else dtype))
    return np.transpose(x) if not rowvar and may_be_columns else x


def _weights(n, fweights, aweights):
    for weights, name in ((fweights, "fweights"), (aweights, "aweights")):
        if weights is not None and np.shape(weights) != (n,):
            raise RuntimeError(f"incompatible numbers of samples and {name}")  # as NumPy has it
    if fweights is None or aweights is None:
        given = aweights if fweights is None else fweights
        return np.asarray(given) if isinstance(given, list | tuple) else given
    return np.multiply(fweights, aweights)


@composition(np.corrcoef)
def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    c = np.cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    r = c / np.expand_dims(deviation, 1) / deviation
    if is_complex(r):  # NumPy keeps each part between -1 and 1
        return complex_of(np.clip(np.real(r), -1, 1), np.clip(np.imag(r), -1, 1))
    return np.clip(r, -1, 1)


@composition(np.bincount)
def bincount(x, weights=None, minlength=0):
    if getattr(x, "node", None) is not None:
        raise MissingRuleError(
            "np.bincount of numbers computed from an argument has no derivative here.",
            where=current_line(2),
            why="How many there are says how long the result is.",
            write="numbers that depend on no argument, or np.add.at(np.zeros_like(y), x, weights).",
        )
    counts = np.bincount(x, minlength=minlength)  # NumPy refuses what are no counts
    if weights is None:
        return counts
    if np.shape(weights) != np.shape(x):
        raise ValueError("The weights and list don't have the same length.")  # as NumPy has it
    index = np.asarray(x)
    return unindex(weights.astype(float), index, shape=counts.shape, index=(Slot(0),))


@composition(np.linspace)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")  # as NumPy has it
    start, stop = (np.asarray(x) if isinstance(x, list | tuple) else x for x in (start, stop))
    kinds = [getattr(x, "dtype", x) for x in (start, stop)]
    kind = np.result_type(*kinds, float(num))
    delta = np.subtract(stop, start)
    delta = delta if delta.dtype == kind else delta.astype(kind)
    parts = num - 1 if endpoint else num
    step = delta / parts if parts > 0 else np.nan
    form = (-1,) + (1,) * np.ndim(delta)
    y = np.reshape(np.arange(num, dtype=kind), form) * (step if parts > 0 else delta) + start
    if endpoint and num > 1:
        last = np.expand_dims(np.broadcast_to(stop, np.shape(delta)), 0)
        y = np.concatenate([y[:-1], last.astype(kind)])
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    if dtype is not None:
        y = (np.floor(y) if np.dtype(dtype).kind in "iu" else y).astype(dtype)
    return (y, step) if retstep else y


@composition(np.logspace)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    base = base if np.ndim(base) == 0 else np.expand_dims(base, axis)
    y = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else y.astype(dtype)


@composition(np.geomspace)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    kinds = [x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype for x in (start, stop)]
    kind = np.result_type(*kinds, float if dtype is None else dtype, np.float16)
    ends = [x if hasattr(x, "dtype") else np.asarray(x) for x in (start, stop)]
    start, stop = (x if x.dtype == kind else x.astype(kind) for x in ends)
    if np.any(numbers_of(start) == 0) or np.any(numbers_of(stop) == 0):
        raise ValueError("Geometric sequence cannot include zero")  # as NumPy has it
    sign = np.sign(start)
    between = np.logspace(
        np.log10(start * sign), np.log10(stop * sign), num, endpoint=endpoint, base=10.0
    )
    # The ends are what was asked for; the logarithm of them is not, to the last bit.
    start, stop = np.broadcast_arrays(start * sign, stop * sign)
    parts = [np.expand_dims(start, 0), between[1:-1]]
    if num > 1:
        parts.append(np.expand_dims(stop, 0) if endpoint else between[-1:])
    y = np.concatenate(parts) * sign if num > 0 else between
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    return y if y.dtype == (dtype or kind) else y.astype(dtype or kind)
