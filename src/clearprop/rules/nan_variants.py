"""The reductions that pass over NaN: it counts for nothing, in the value and in the derivative."""

import numpy as np

from clearprop.primitive import composition
from clearprop.rules.statistics import root, var


@composition(np.nansum)
def nansum(a, axis=None, dtype=None, *, keepdims=False, initial=None, where=True):
    present = np.where(np.isnan(a), 0, a)
    return np.sum(present, axis, dtype, keepdims=keepdims, initial=initial, where=where)


@composition(np.nanprod)
def nanprod(a, axis=None, dtype=None, *, keepdims=False, initial=None, where=True):
    present = np.where(np.isnan(a), 1, a)
    return np.prod(present, axis, dtype, keepdims=keepdims, initial=initial, where=where)


@composition(np.nanmean)
def nanmean(a, axis=None, dtype=None, *, keepdims=False, where=True):
    return np.mean(a, axis, dtype, keepdims=keepdims, where=~np.isnan(a) & where)


@composition(np.nanvar)
def nanvar(
    a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, mean=None, correction=None
):
    given = {"keepdims": keepdims, "mean": mean, "correction": correction}
    present = ~np.isnan(a) & where
    y = var(a, axis, dtype, ddof=ddof, where=present, **given)
    if a.dtype.kind != "f":
        return y
    n = np.sum(present, axis=axis, keepdims=keepdims)
    return np.where(n <= (ddof if correction is None else correction), np.nan, y)


@composition(np.nanstd)
def nanstd(
    a, axis=None, dtype=None, *, ddof=0, keepdims=False, where=True, mean=None, correction=None
):
    given = {"keepdims": keepdims, "where": where, "mean": mean, "correction": correction}
    return root(nanvar(a, axis, dtype, ddof=ddof, **given))


@composition(np.nanmax)
def nanmax(a, axis=None, *, keepdims=False, initial=None, where=True):
    return _extreme_of_the_present(np.max, -np.inf, a, axis, keepdims, initial, where)


@composition(np.nanmin)
def nanmin(a, axis=None, *, keepdims=False, initial=None, where=True):
    return _extreme_of_the_present(np.min, np.inf, a, axis, keepdims, initial, where)


def _extreme_of_the_present(extreme, worst, a, axis, keepdims, initial, where):
    if a.dtype.kind != "f":
        options = {} if initial is None else {"initial": initial}
        return extreme(a, axis, keepdims=keepdims, where=where, **options)
    if where is not True and initial is None:
        extreme(np.zeros(np.shape(a)), axis, where=np.zeros(1, bool))  # NumPy says what is missing
    left_out = np.isnan(a) if where is True else np.isnan(a) | ~np.broadcast_to(where, np.shape(a))
    present = np.where(left_out, worst, a)
    if initial is not None:
        return extreme(present, axis, keepdims=keepdims, initial=initial)
    y = extreme(present, axis, keepdims=keepdims)
    return np.where(np.all(left_out, axis=axis, keepdims=keepdims), np.nan, y)


@composition(np.nancumsum)
def nancumsum(a, axis=None, dtype=None):
    return np.cumsum(np.where(np.isnan(a), 0, a), axis=axis, dtype=dtype)


@composition(np.nancumprod)
def nancumprod(a, axis=None, dtype=None):
    return np.cumprod(np.where(np.isnan(a), 1, a), axis=axis, dtype=dtype)
