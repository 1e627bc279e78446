"""Sums, means, extremes and running sums along axes."""

import math
from builtins import max as max_of

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from clearprop.kinds import COMPOSITE, OPAQUE, Reduce, Scan
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.extremes import clip as clip_primitive
from clearprop.rules.shape import broadcast_to

_AXES = [
    Case((3, 4)),
    Case((3, 4), axis=0),
    Case((2, 3, 4), axis=(0, -1)),
    Case((3, 4), axis=1, keepdims=True),
    Case(()),
]


def array_of(x):
    """Make an array of a list."""
    return x if hasattr(x, "dtype") else np.asarray(x)


def numbers_of(x):
    """Give the plain numbers of what may be recorded: to refuse what NumPy refuses, no more.

    A program does not look again; it computes with what it is given.
    """
    return np.asarray(getattr(x, "value", x))


def spread(dy, shape, axis, keepdims):
    """Give every element of a reduced array the cotangent of what it was reduced to."""
    if not keepdims and axis is not None and shape:
        axes = axis if isinstance(axis, tuple) else (axis,)
        dy = np.expand_dims(dy, tuple(a % len(shape) for a in axes))
    return broadcast_to(dy, shape=shape)


def count(shape, axis):
    """Count the elements that fall into one result of a reduction."""
    if axis is None:
        return math.prod(shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod(shape[a] for a in axes)


def axes_of(axis, ndim):
    """Give the axes of a reduction as NumPy counts them, from 0."""
    return tuple(range(ndim)) if axis is None else normalize_axis_tuple(axis, ndim)


def real_axis(axis, shape):
    """Give the axis of a reduction; NumPy's ufuncs take 0 and -1 for a number, which has none."""
    return axis if shape else None


def kept_shape(shape, axis, keepdims):
    """Give the shape of what is left of a reduction."""
    axes = axes_of(axis, len(shape))
    lengths = [1 if i in axes else n for i, n in enumerate(shape)]
    return tuple(n for i, n in enumerate(lengths) if keepdims or i not in axes)


def in_lines(a, axis):
    """Put the reduced axes last, as one."""
    shape = np.shape(a)
    axes = axes_of(axis, len(shape))
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    form = tuple(shape[i] for i in rest)
    if rest + axes != tuple(range(len(shape))):
        a = np.transpose(a, rest + axes)
    return np.reshape(a, (*form, count(shape, axis)))


def out_of_lines(x, shape, axis):
    """Undo `in_lines`."""
    axes = axes_of(axis, len(shape))
    order = tuple(i for i in range(len(shape)) if i not in axes) + axes
    x = np.reshape(x, tuple(shape[i] for i in order))
    return np.transpose(x, tuple(order.index(i) for i in range(len(shape))))


# np.sum(x) is np.add.reduce(x) after 2 µs of looking for a better one.
@primitive(
    kind=Reduce("+"),
    symbol="Σ",
    latex=r"\sum x",
    cases=_AXES,
    implementation=lambda a, *, axis=None, keepdims=False: np.add.reduce(
        a, axis=axis, keepdims=keepdims
    ),
)
def sum(a, *, axis=None, keepdims=False):
    return np.sum(a, axis=axis, keepdims=keepdims)


@sum.vjp("a", latex=r"\bar y\ \text{(repeated)}")
def _(dy, a_shape, *, axis, keepdims):
    return spread(dy, a_shape, axis, keepdims)


def _mean(a, *, axis=None, keepdims=False):
    if a.dtype not in (np.float32, np.float64):  # NumPy adds up in a wider type
        return np.mean(a, axis=axis, keepdims=keepdims)
    return np.add.reduce(a, axis=axis, keepdims=keepdims) / count(a.shape, axis)


@primitive(kind=Reduce("mean"), latex=r"\frac{1}{n}\sum x", cases=_AXES, implementation=_mean)
def mean(a, *, axis=None, keepdims=False):
    return np.mean(a, axis=axis, keepdims=keepdims)


@mean.vjp("a", latex=r"\bar y / n\ \text{(repeated)}")
def _(dy, a_shape, *, axis, keepdims):
    # Multiplied, not divided: a count above 65504 would be infinite in float16.
    return spread(dy * (1 / max_of(count(a_shape, axis), 1)), a_shape, axis, keepdims)


@primitive(
    kind=Reduce("max"),
    latex=r"\max x",
    cases=_AXES,
    implementation=lambda a, *, axis=None, keepdims=False: np.maximum.reduce(
        a, axis=axis, keepdims=keepdims
    ),
)
def max(a, *, axis=None, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims)


@primitive(
    kind=Reduce("min"),
    latex=r"\min x",
    cases=_AXES,
    implementation=lambda a, *, axis=None, keepdims=False: np.minimum.reduce(
        a, axis=axis, keepdims=keepdims
    ),
)
def min(a, *, axis=None, keepdims=False):
    return np.min(a, axis=axis, keepdims=keepdims)


@max.vjp("a", latex=r"\bar y\,[x = y]")
@min.vjp("a", latex=r"\bar y\,[x = y]")
def _(dy, y, a, a_shape, *, axis, keepdims):
    if not keepdims:
        form = kept_shape(a_shape, real_axis(axis, a_shape), True)
        dy, y = np.reshape(dy, form), np.reshape(y, form)
    # Where one is NaN, so is the result, and it is the NaN that moves it.
    chosen = (a == y) | np.isnan(a)
    ties = np.sum(chosen, axis=axis, keepdims=True)  # shared equally among them
    return np.where(chosen, dy / ties.astype(dy.dtype), 0.0)


@primitive(
    np.cumsum,
    kind=Scan("+"),
    latex=r"\sum_{j \le i} x_j",
    cases=[Case((5,)), Case((3, 4), axis=0), Case((3, 4), axis=-1), Case((2, 3))],
)
def cumsum(a, *, axis=None):
    return np.cumsum(a, axis=axis)


@composition(np.cumsum)
def cumsum_of(a, axis=None, dtype=None):
    return _narrowed(cumsum(chosen(a, dtype, True, 0), axis=axis), dtype)


@cumsum.vjp("a", latex=r"\sum_{j \ge i} \bar y_j")
def _(dy, a_shape, *, axis):
    along = 0 if axis is None else axis
    return np.reshape(np.flip(np.cumsum(np.flip(dy, along), axis=along), along), a_shape)


@primitive(
    kind=OPAQUE,
    symbol="Π",
    latex=r"\prod x",
    cases=[*_AXES, Case(np.array([[2.0, 0.0], [0.0, 0.0]]))],
)
def prod(a, *, axis=None, keepdims=False):
    return np.prod(a, axis=axis, keepdims=keepdims)


@prod.vjp("a", latex=r"\bar y \prod_{j \ne i} x_j")
def _(dy, a, *, axis, keepdims):
    axis = real_axis(axis, np.shape(a))
    x = in_lines(a, axis)
    before = delayed(np.cumprod(x, axis=-1), 1.0)
    after = np.flip(delayed(np.cumprod(np.flip(x, -1), axis=-1), 1.0), -1)
    others = out_of_lines(before * after, np.shape(a), axis)  # not y / x, which a 0 would spoil
    return spread(dy, np.shape(a), axis, keepdims) * others


@primitive(
    np.cumprod,
    kind=OPAQUE,
    latex=r"\prod_{j \le i} x_j",
    cases=[
        Case((5,)),
        Case((3, 4), axis=0),
        Case((2, 3)),
        Case(np.array([2.0, 0.0, 3.0, 0.0, 5.0]), axis=-1),
        Case((0,), axis=0),
    ],
)
def cumprod(a, *, axis=None):
    return np.cumprod(a, axis=axis)


@composition(np.cumprod)
def cumprod_of(a, axis=None, dtype=None):
    return _narrowed(cumprod(chosen(a, dtype, True, 0), axis=axis), dtype)


@cumprod.vjp("a", latex=r"\sum_{j \ge i} \bar y_j \prod_{k \le j,\,k \ne i} x_k")
def _(dy, y, a, *, axis):
    axis = real_axis(axis, np.shape(a))
    x = np.reshape(a, -1) if axis is None else np.moveaxis(a, axis, -1)
    if axis is not None:
        dy, y = np.moveaxis(dy, axis, -1), np.moveaxis(y, axis, -1)
    da = delayed(y, 1.0) * backward_recurrence(x, dy)
    return np.reshape(da, np.shape(a)) if axis is None else np.moveaxis(da, -1, axis)


@primitive(
    kind=OPAQUE,
    latex="y_i = x_i + f_i\\,y_{i-1}",
    cases=[Case((5,), (5,)), Case((2, 3), (2, 3)), Case((0,), (0,))],
)
def recurrence(factor, x):
    y = np.array(x)
    for i in range(1, y.shape[-1]):
        y[..., i] += factor[..., i] * y[..., i - 1]
    return y


@recurrence.vjp("factor", latex=r"y_{i-1} (\bar y_i + f_{i+1} (\bar y_{i+1} + \dots))")
def _(dy, y, factor):
    return delayed(y, 0.0) * backward_recurrence(factor, dy)


@recurrence.vjp("x", latex=r"\bar y_i + f_{i+1} (\bar y_{i+1} + \dots)")
def _(dy, factor):
    return backward_recurrence(factor, dy)


def backward_recurrence(factor, x):
    """Solve ``y[i] = x[i] + factor[i + 1] * y[i + 1]`` along the last axis."""
    return np.flip(recurrence(delayed(np.flip(factor, -1), 0.0), np.flip(x, -1)), -1)


def delayed(x, first):
    """Move a sequence on by one place, along the last axis."""
    return np.concatenate([np.zeros_like(x[..., :1]) + first, x[..., :-1]], axis=-1)


def _softmax(x, *, axis=-1):
    e = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    e /= np.add.reduce(e, axis=axis, keepdims=True)
    return e


@primitive(
    kind=COMPOSITE,
    latex=r"e^{x_i} / \sum_j e^{x_j}",
    cases=[Case((3, 4)), Case((5,)), Case((3, 4), axis=0)],
    implementation=_softmax,
)
def softmax(x, *, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@softmax.vjp("x", latex=r"y\,(\bar y - \sum_j \bar y_j y_j)")
def _(dy, y, *, axis):
    return y * (dy - np.sum(dy * y, axis=axis, keepdims=True))


@composition(np.sum)
def sum_of(a, axis=None, dtype=None, *, keepdims=False, initial=None, where=True):
    if dtype is not None or where is not True:
        a = chosen(a, dtype, where, 0)
    y = _narrowed(sum(a, axis=axis, keepdims=keepdims), dtype)
    return y if initial is None else y + _number(initial, y.dtype)


@composition(np.prod)
def prod_of(a, axis=None, dtype=None, *, keepdims=False, initial=None, where=True):
    if dtype is not None or where is not True:
        a = chosen(a, dtype, where, 1)
    y = _narrowed(prod(a, axis=axis, keepdims=keepdims), dtype)
    return y if initial is None else y * _number(initial, y.dtype)


@composition(np.mean)
def mean_of(a, axis=None, dtype=None, *, keepdims=False, where=True):
    if dtype is None and where is True:
        return mean(a, axis=axis, keepdims=keepdims)
    n = number_of(a, where, axis, keepdims)
    return share(np.sum(a, axis, dtype, keepdims=keepdims, where=where), n)


@composition(np.amax)
@composition(np.max)
def max_of_all(a, axis=None, *, keepdims=False, initial=None, where=True):
    if initial is None and where is True:
        return max(a, axis=axis, keepdims=keepdims)
    return _extreme(max, np.maximum, a, axis, keepdims, initial, where)


@composition(np.amin)
@composition(np.min)
def min_of_all(a, axis=None, *, keepdims=False, initial=None, where=True):
    if initial is None and where is True:
        return min(a, axis=axis, keepdims=keepdims)
    return _extreme(min, np.minimum, a, axis, keepdims, initial, where)


def chosen(a, dtype, where, otherwise):
    """Cast first, as NumPy does, and put what changes nothing where ``where`` is false."""
    if dtype is not None and np.dtype(dtype) != a.dtype:
        a = a.astype(dtype)
    if where is True:
        return a
    return np.where(np.broadcast_to(where, np.shape(a)), a, otherwise)


def _narrowed(y, dtype):
    """Give a result in the type that was asked for: small integers are added up in a wider one."""
    return y if dtype is None or y.dtype == np.dtype(dtype) else y.astype(dtype)


def _number(initial, dtype):
    if np.ndim(initial):
        raise ValueError("setting an array element with a sequence.")  # as NumPy has it
    if dtype.kind in "fc" and getattr(initial, "dtype", dtype) != dtype:
        return initial.astype(dtype)
    return initial


def _extreme(reduce, of_two, a, axis, keepdims, initial, where):
    if initial is None:
        raise ValueError(
            f"reduction operation '{of_two.__name__}' does not have an identity, "
            "so to use a where mask one has to specify 'initial'"
        )
    initial = _number(initial, a.dtype)
    a = chosen(a, None, where, initial)
    if 0 in np.shape(a) and not count(np.shape(a), axis):  # of nothing: what it started from
        return np.broadcast_to(initial, kept_shape(np.shape(a), axis, keepdims)).astype(a.dtype)
    return of_two(reduce(a, axis=axis, keepdims=keepdims), initial)


def number_of(a, where, axis, keepdims):
    """Count the elements that fall into one result: an int where it is the same for all."""
    if where is True:
        return count(np.shape(a), axis)
    return np.sum(np.where(where, np.ones_like(a, dtype=bool), False), axis=axis, keepdims=keepdims)


def share(total, n):
    """Divide by a count; an array of counts must not make float64 of float32."""
    return total / (n if isinstance(n, int | float) else n.astype(total.dtype))


@composition(np.ptp)
def ptp(a, axis=None, *, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@composition(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    limits = (-np.inf, np.inf)
    if a.dtype.kind in "iu":
        limits = (np.iinfo(a.dtype).min, np.iinfo(a.dtype).max)
        # a bound that no number of this type lies beyond is none, as in NumPy
        low = None if type(low) is int and low <= limits[0] else low
        high = None if type(high) is int and high >= limits[1] else high
    return clip_primitive(a, limits[0] if low is None else low, limits[1] if high is None else high)
