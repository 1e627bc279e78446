"""Sums, means, extremes and running sums along axes."""

from builtins import max as max_of

import numpy as np

from clearprop.kinds import COMPOSITE, Reduce, Scan
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.arithmetic import clip as clip_primitive

_AXES = [
    Case((3, 4)),
    Case((3, 4), axis=0),
    Case((2, 3, 4), axis=(0, -1)),
    Case((3, 4), axis=1, keepdims=True),
    Case(()),
]


def spread(dy, shape, axis, keepdims):
    """Give every element of a reduced array the cotangent of what it was reduced to."""
    if not keepdims and axis is not None and shape:
        axes = axis if isinstance(axis, tuple) else (axis,)
        dy = np.expand_dims(dy, tuple(a % len(shape) for a in axes))
    return np.broadcast_to(dy, shape)


def count(shape, axis):
    """Count the elements that fall into one result of a reduction."""
    if axis is None:
        return int(np.prod(shape))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([shape[a] for a in axes]))


@primitive(np.sum, kind=Reduce("+"), symbol="Σ", latex=r"\sum x", cases=_AXES)
def sum(a, *, axis=None, keepdims=False):
    return np.sum(a, axis=axis, keepdims=keepdims)


@sum.vjp("a", latex=r"\bar y\ \text{(repeated)}")
def _(dy, a_shape, *, axis, keepdims):
    return spread(dy, a_shape, axis, keepdims)


@primitive(np.mean, kind=Reduce("mean"), latex=r"\frac{1}{n}\sum x", cases=_AXES)
def mean(a, *, axis=None, keepdims=False):
    return np.mean(a, axis=axis, keepdims=keepdims)


@mean.vjp("a", latex=r"\bar y / n\ \text{(repeated)}")
def _(dy, a_shape, *, axis, keepdims):
    # Multiplied, not divided: a count above 65504 would be infinite in float16.
    return spread(dy * (1 / max_of(count(a_shape, axis), 1)), a_shape, axis, keepdims)


@primitive(np.max, kind=Reduce("max"), latex=r"\max x", cases=_AXES)
def max(a, *, axis=None, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims)


@primitive(np.min, kind=Reduce("min"), latex=r"\min x", cases=_AXES)
def min(a, *, axis=None, keepdims=False):
    return np.min(a, axis=axis, keepdims=keepdims)


@max.vjp("a", latex=r"\bar y\,[x = y]")
@min.vjp("a", latex=r"\bar y\,[x = y]")
def _(dy, y, a, a_shape, *, axis, keepdims):
    chosen = a == spread(y, a_shape, axis, keepdims)
    ties = np.sum(chosen, axis=axis, keepdims=True)  # shared equally among them
    return np.where(chosen, spread(dy, a_shape, axis, keepdims), 0.0) / ties.astype(dy.dtype)


@primitive(
    np.cumsum,
    kind=Scan("+"),
    latex=r"\sum_{j \le i} x_j",
    cases=[Case((5,)), Case((3, 4), axis=0), Case((3, 4), axis=-1), Case((2, 3))],
)
def cumsum(a, *, axis=None):
    return np.cumsum(a, axis=axis)


@cumsum.vjp("a", latex=r"\sum_{j \ge i} \bar y_j")
def _(dy, a_shape, *, axis):
    along = 0 if axis is None else axis
    return np.reshape(np.flip(np.cumsum(np.flip(dy, along), axis=along), along), a_shape)


@primitive(
    kind=COMPOSITE,
    latex=r"e^{x_i} / \sum_j e^{x_j}",
    cases=[Case((3, 4)), Case((5,)), Case((3, 4), axis=0)],
)
def softmax(x, *, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@softmax.vjp("x", latex=r"y\,(\bar y - \sum_j \bar y_j y_j)")
def _(dy, y, *, axis):
    return y * (dy - np.sum(dy * y, axis=axis, keepdims=True))


@composition(np.var)
def var(a, axis=None, *, ddof=0, keepdims=False):
    centred = a - np.mean(a, axis=axis, keepdims=True)
    total = np.sum(centred * centred, axis=axis, keepdims=keepdims)
    return total / (count(np.shape(a), axis) - ddof)


@composition(np.std)
def std(a, axis=None, *, ddof=0, keepdims=False):
    return np.sqrt(var(a, axis, ddof=ddof, keepdims=keepdims))


@composition(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    return clip_primitive(a, -np.inf if low is None else low, np.inf if high is None else high)
