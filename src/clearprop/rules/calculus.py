"""Differences, integrals, interpolation and convolution along one axis."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from clearprop.kinds import OPAQUE
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.complex import conjugated, is_complex
from clearprop.rules.indexing import Slot, getitem
from clearprop.rules.reduction import array_of, axes_of


@primitive(
    kind=OPAQUE,
    latex=r"\sum_i a_i v_{k-i}",
    cases=[Case((5,), (3,)), Case((2,), (4,)), Case((1,), (1,))],
)
def convolve(a, v):
    return np.convolve(a, v)


@convolve.vjp("a", latex=r"\sum_k \bar y_k v_{k-i}")
def _(dy, v, a_shape):
    before = v.shape[0] - 1
    return convolve(dy, np.flip(v))[before : before + a_shape[0]]


@convolve.vjp("v", latex=r"\sum_k \bar y_k a_{k-i}")
def _(dy, a, v_shape):
    before = a.shape[0] - 1
    return convolve(dy, np.flip(a))[before : before + v_shape[0]]


@composition(np.convolve)
def convolve_in_part(a, v, mode="full"):
    shorter = min(np.size(a), np.size(v))
    return _part(np.atleast_1d(a), np.atleast_1d(v), mode, (shorter - 1) // 2)


@composition(np.correlate)
def correlate(a, v, mode="valid"):
    swapped = np.size(a) < np.size(v)  # NumPy then correlates v with a, and reverses the result
    shorter = min(np.size(a), np.size(v))
    return _part(a, conjugated(np.flip(v)), mode, shorter // 2 if swapped else (shorter - 1) // 2)


def _part(a, v, mode, same):
    mode = {0: "valid", 1: "same", 2: "full"}.get(mode, mode)  # what NumPy also takes
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")
    for x in (a, v):
        if np.ndim(x) != 1:
            deep = "too deep" if np.ndim(x) else "of too small depth"
            raise ValueError(f"object {deep} for desired array")  # as NumPy has it
    y = convolve(a, v)
    long, short = max(np.size(a), np.size(v)), min(np.size(a), np.size(v))
    if mode == "same":
        return y[same : same + long]
    return y if mode == "full" else y[short - 1 : long]


@composition(np.diff)
def diff(a, n=1, axis=-1, prepend=None, append=None):
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if n == 0:
        return a
    if prepend is not None or append is not None:
        ends = [_end(part, a, axis) for part in (prepend, append)]
        a = np.concatenate([part for part in (ends[0], a, ends[1]) if part is not None], axis=axis)
    before = (slice(None),) * normalize_axis_index(axis, a.ndim)
    for _ in range(n):
        later, earlier = a[(*before, slice(1, None))], a[(*before, slice(None, -1))]
        a = later != earlier if a.dtype == bool else later - earlier
    return a


def _end(part, a, axis):
    if part is None or np.ndim(part):
        return part
    form = list(np.shape(a))
    form[axis] = 1
    return np.broadcast_to(part, tuple(form))


def _along(a, axis, start, stop):
    return a[(slice(None),) * normalize_axis_index(axis, np.ndim(a)) + (slice(start, stop),)]


@composition(np.ediff1d)
def ediff1d(ary, to_end=None, to_begin=None):
    steps = np.diff(np.reshape(ary, -1))
    ends = [
        None if part is None else np.reshape(part, -1).astype(steps.dtype)
        for part in (to_begin, to_end)
    ]
    parts = [part for part in (ends[0], steps, ends[1]) if part is not None]
    return np.concatenate(parts) if len(parts) > 1 else steps


@composition(np.unwrap)
def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    p = array_of(p)
    steps = np.diff(p, axis=axis)
    dtype = np.result_type(steps.dtype, getattr(period, "dtype", period))
    discont = period / 2 if discont is None else discont
    is_whole = dtype.kind in "iu"
    half = period // 2 if is_whole else period / 2
    turned = np.remainder(steps + half, period) - half
    if not is_whole or period % 2 == 0:  # half a turn keeps its direction
        turned = np.where((turned == -half) & (steps > 0), half, turned)
    change = np.where(np.abs(steps) < discont, 0, turned - steps)
    rest = _along(p, axis, 1, None) + np.cumsum(change, axis)
    y = np.concatenate([_along(p, axis, None, 1), rest], axis=axis)
    return y if y.dtype == dtype else y.astype(dtype)


@composition(np.trapezoid)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    if x is not None:
        dx = np.diff(x, axis=axis if np.ndim(x) > 1 else -1)
        if np.ndim(dx) == 1:
            dx = _on_axis(dx, axis, np.ndim(y))
    return np.sum(dx * (_along(y, axis, 1, None) + _along(y, axis, None, -1)) / 2, axis=axis)


def _on_axis(x, axis, ndim):
    return np.reshape(x, (-1,) + (1,) * (ndim - 1 - normalize_axis_index(axis, ndim)))


@composition(np.gradient)
def gradient(f, *varargs, axis=None, edge_order=1):
    axes = axes_of(axis, np.ndim(f))
    for_all = len(varargs) == 1 and np.ndim(varargs[0]) == 0
    spacings = varargs * len(axes) if for_all else varargs
    if spacings and len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    found = tuple(
        _gradient(f, h, i, edge_order)
        for h, i in zip(spacings or (1.0,) * len(axes), axes, strict=True)
    )
    return found[0] if len(axes) == 1 else found


def _gradient(f, h, axis, edge_order):
    """Differentiate the parabola through three neighbours; at the ends, a line or a parabola."""
    n = np.shape(f)[axis]
    if n < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, "
            "at least (edge_order + 1) elements are required."
        )
    if np.ndim(h):  # coordinates
        if np.shape(h) != (n,):
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
            )
        steps = _on_axis(np.diff(array_of(h)), axis, np.ndim(f))
        if steps.dtype != f.dtype:
            steps = steps.astype(f.dtype)
        left, right = _along(steps, 0, None, -1), _along(steps, 0, 1, None)
    else:
        steps, left, right = None, h, h
    a, b, c = (_along(f, axis, i, n - 2 + i) for i in range(3))
    rise, fall = (c - b) / right, (b - a) / left
    inside = (rise * left + fall * right) / (left + right)
    first = last = h
    if steps is not None:
        first, last = _along(steps, 0, 0, 1), _along(steps, 0, -1, None)
    start = (_along(f, axis, 1, 2) - _along(f, axis, 0, 1)) / first
    end = (_along(f, axis, n - 1, n) - _along(f, axis, n - 2, n - 1)) / last
    if edge_order == 2:  # the parabola's slope at the end lies as far beyond the middle one
        start = 2 * start - _along(inside, axis, 0, 1)
        end = 2 * end - _along(inside, axis, n - 3, n - 2)
    y = np.concatenate([start, inside, end], axis=axis)
    return y if f.dtype.kind not in "fc" or y.dtype == f.dtype else y.astype(f.dtype)


@composition(np.interp)
def interp(x, xp, fp, left=None, right=None, period=None):
    # NumPy interpolates in double precision whatever it is given.
    x, xp = (array_of(p).astype(float) for p in (x, xp))
    fp = array_of(fp).astype(complex if is_complex(array_of(fp)) else float)
    if period is not None:
        if period == 0:
            raise ValueError("period must be a non-zero value")  # as NumPy has it
        period, left, right = abs(period), None, None
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    n = np.shape(xp)[0]
    if np.ndim(xp) != 1 or np.shape(fp) != (n,):
        raise ValueError("fp and xp are not of the same length.")  # as NumPy has it
    i = np.minimum(np.maximum(np.searchsorted(xp, x, side="right") - 1, 0), max(n - 2, 0))
    j = np.minimum(i + 1, n - 1)
    inside = (x >= xp[0]) & (x <= xp[-1])
    # Not p[k]: a plain array, asked for recorded positions, would read them as plain ones.
    left_x, right_x, left_y, right_y = (
        getitem(p, k, index=(Slot(0),)) for p in (xp, fp) for k in (i, j)
    )
    run = np.where(i == j, 1, right_x - left_x)  # a single point has no slope
    y = left_y + (right_y - left_y) / run * (np.where(inside, x, left_x) - left_x)
    y = np.where(x < xp[0], fp[0] if left is None else left, y)
    y = np.where(x > xp[-1], fp[-1] if right is None else right, y)
    return np.where(np.isnan(x), np.nan, y)


@composition(np.polyval)
def polyval(p, x):
    y = np.zeros_like(x)
    for coefficient in array_of(p):
        y = y * x + coefficient
    return y


if hasattr(np, "cumulative_sum"):  # from NumPy 2.1 on

    @composition(np.cumulative_sum)
    def cumulative_sum(x, *, axis=None, dtype=None, include_initial=False):
        return _cumulative(np.cumsum, x, axis, dtype, 0 if include_initial else None)

    @composition(np.cumulative_prod)
    def cumulative_prod(x, *, axis=None, dtype=None, include_initial=False):
        return _cumulative(np.cumprod, x, axis, dtype, 1 if include_initial else None)

    def _cumulative(accumulate, x, axis, dtype, initial):
        if axis is None and np.ndim(x) > 1:
            raise ValueError("For arrays which have more than one dimension axis is required.")
        axis = 0 if axis is None else axis
        y = accumulate(x, axis=axis, dtype=dtype)
        if initial is None:
            return y
        return np.concatenate([_end(np.full((), initial, y.dtype), y, axis), y], axis=axis)
