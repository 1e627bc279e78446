"""Normalisation over a batch, with the rule that hand-derived code gets wrong most often."""

import numpy as np

from clearprop.kinds import COMPOSITE
from clearprop.primitive import Case, primitive
from clearprop.rules.reduction import count


@primitive(
    kind=COMPOSITE,
    outputs=3,
    symbol="normalize",
    latex=r"(x - \mu) / \sqrt{\sigma^2 + \epsilon}",
    cases=[Case((5, 3), axis=(0,), eps=1e-5), Case((3, 2, 4, 4), axis=(0, 2, 3), eps=1e-3)],
)
def normalize(x, *, axis, eps):
    mu = np.mean(x, axis=axis, keepdims=True)
    xc = x - mu
    var = np.mean(xc * xc, axis=axis, keepdims=True)
    return xc / np.sqrt(var + eps), mu, var


@normalize.vjp("x", latex=r"\frac{\bar y - \overline{\bar y} - y\,\overline{\bar y y}}{\sigma}")
def _(dy, y, x_shape, *, axis, eps):
    (dyn, dmu, dvar), (xn, _, var) = dy, y
    std = np.sqrt(var + eps)
    n = count(x_shape, axis)
    through_mean = np.mean(dyn, axis=axis, keepdims=True)
    through_var = np.mean(dyn * xn, axis=axis, keepdims=True)
    own = (dyn - through_mean - xn * through_var) / std
    return own + (dmu + 2 * dvar * xn * std) * (1 / n)
