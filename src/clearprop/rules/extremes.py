"""The larger, the smaller, the chosen: selection element by element, with its ties and its NaN."""

import numpy as np

from clearprop.kinds import ELEMENTWISE
from clearprop.primitive import Case, primitive


@primitive(np.maximum, symbol="max", latex=r"\max(x_1, x_2)")
def maximum(x1, x2):
    return np.maximum(x1, x2)


@maximum.vjp("x1", latex=r"\bar y\,[x_1 > x_2]")
def _(dy, x1, x2):
    return _share(dy, (x1 > x2) | np.isnan(x1), x1 == x2)  # a NaN wins


@maximum.vjp("x2", latex=r"\bar y\,[x_2 > x_1]")
def _(dy, x1, x2):
    return _share(dy, (x2 > x1) | (np.isnan(x2) & ~np.isnan(x1)), x1 == x2)


@primitive(np.minimum, symbol="min", latex=r"\min(x_1, x_2)")
def minimum(x1, x2):
    return np.minimum(x1, x2)


@minimum.vjp("x1", latex=r"\bar y\,[x_1 < x_2]")
def _(dy, x1, x2):
    return _share(dy, (x1 < x2) | np.isnan(x1), x1 == x2)


@minimum.vjp("x2", latex=r"\bar y\,[x_2 < x_1]")
def _(dy, x1, x2):
    return _share(dy, (x2 < x1) | (np.isnan(x2) & ~np.isnan(x1)), x1 == x2)


@primitive(np.fmax, latex=r"\max(x_1, x_2)")
def fmax(x1, x2):
    return np.fmax(x1, x2)


@fmax.vjp("x1", latex=r"\bar y\,[x_1 > x_2]")
def _(dy, x1, x2):
    return _share(dy, (x1 > x2) | np.isnan(x2), x1 == x2)  # a NaN loses


@fmax.vjp("x2", latex=r"\bar y\,[x_2 > x_1]")
def _(dy, x1, x2):
    return _share(dy, (x2 > x1) | (np.isnan(x1) & ~np.isnan(x2)), x1 == x2)


@primitive(np.fmin, latex=r"\min(x_1, x_2)")
def fmin(x1, x2):
    return np.fmin(x1, x2)


@fmin.vjp("x1", latex=r"\bar y\,[x_1 < x_2]")
def _(dy, x1, x2):
    return _share(dy, (x1 < x2) | np.isnan(x2), x1 == x2)


@fmin.vjp("x2", latex=r"\bar y\,[x_2 < x_1]")
def _(dy, x1, x2):
    return _share(dy, (x2 < x1) | (np.isnan(x1) & ~np.isnan(x2)), x1 == x2)


def _share(dy, wins, ties):
    """Give the gradient to the winner; a tie is shared half and half (as JAX and HIPS autograd)."""
    return np.where(ties, dy / 2, np.where(wins, dy, 0.0))


@primitive(
    np.where,
    kind=ELEMENTWISE,
    constants=("condition",),
    latex=r"x\ \text{where}\ c\ \text{else}\ x'",
    cases=[
        Case(np.array([[True, False, True], [False, True, True]]), (2, 3), (2, 3)),
        Case(np.array([True, False, True]), (2, 3), ()),
    ],
)
def where(condition, x, x_else):
    return np.where(condition, x, x_else)


@where.vjp("x", latex=r"\bar y\ \text{where}\ c")
def _(dy, condition):
    return np.where(condition, dy, 0.0)


@where.vjp("x_else", latex=r"\bar y\ \text{where not}\ c")
def _(dy, condition):
    return np.where(condition, 0.0, dy)


@primitive(
    kind=ELEMENTWISE,
    latex=r"\operatorname{clip}(x, a, b)",
    domain=((-2, 2), (-1, -0.1), (0.1, 1)),
    cases=[Case((3, 4), -1.0, 1.0), Case((5,), 0.0, 0.5), Case((3, 4), (4,), ())],
)
def clip(x, low, high):
    return np.minimum(np.maximum(x, low), high)


@clip.vjp("x", latex=r"\bar y\,[a \le x \le b]")
def _(dy, x, low, high):
    return np.where((x >= low) & (x <= high), dy, 0.0)  # the bounds themselves still pass


@clip.vjp("low", latex=r"\bar y\,[x < a \le b]")
def _(dy, x, low, high):
    return np.where((x < low) & (low <= high), dy, 0.0)


@clip.vjp("high", latex=r"\bar y\,[b < \max(x, a)]")
def _(dy, x, low, high):
    return np.where((x > high) | (low > high), dy, 0.0)


@primitive(symbol="ReLU", kind=ELEMENTWISE, latex=r"\max(x, 0)", cases=[Case((3, 4)), Case(())])
def relu(x):
    return np.maximum(x, 0)


@relu.vjp("x", latex=r"\bar y\,[y > 0]")
def _(dy, y):
    return np.where(y <= 0, 0.0, dy)  # 0 at x = 0, as the documents have it; not 0 at NaN
