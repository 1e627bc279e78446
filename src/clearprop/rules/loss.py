"""Losses whose fused form is stable where the composition is not."""

import numpy as np

from clearprop.kinds import COMPOSITE, ELEMENTWISE
from clearprop.primitive import Case, primitive
from clearprop.rules.exponential import sigmoid
from clearprop.rules.reduction import softmax


def _softmax_cross_entropy(x, t):
    shifted = x - np.maximum.reduce(x, axis=-1, keepdims=True)
    log_total = np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True))
    np.subtract(log_total, shifted, out=shifted)
    if not np.isfinite(shifted).all():
        shifted = np.where(t == 0, 0.0, shifted)
    return np.add.reduce(t * shifted, axis=-1)


@primitive(
    kind=COMPOSITE,
    implementation=_softmax_cross_entropy,
    symbol="softmax + CE",
    latex=r"-\sum_j t_j \ln \operatorname{softmax}(x)_j",
    cases=[Case((3, 4), (3, 4)), Case((5,), (5,))],
)
def softmax_cross_entropy(x, t):
    shifted = x - np.max(x, axis=-1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    # A score of -inf beside a target of 0 costs nothing, where 0 · inf would be NaN.
    return np.sum(t * np.where(t == 0, 0.0, log_total - shifted), axis=-1)


@softmax_cross_entropy.vjp("x", latex=r"\bar y\,(\operatorname{softmax}(x) - t)")
def _(dy, x, t):
    total = np.sum(t, axis=-1, keepdims=True)  # 1 for probabilities
    return dy[..., None] * (softmax(x) * total - t)


@softmax_cross_entropy.vjp("t", latex=r"-\bar y \ln \operatorname{softmax}(x)")
def _(dy, x):
    shifted = x - np.max(x, axis=-1, keepdims=True)
    log_total = np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    return dy[..., None] * (log_total - shifted)


def _log_softmax(x):
    shifted = x - np.maximum.reduce(x, axis=-1, keepdims=True)
    shifted -= np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True))
    return shifted


@primitive(
    kind=COMPOSITE,
    implementation=_log_softmax,
    symbol="log softmax",
    latex=r"\ln \operatorname{softmax}(x)_i",
    cases=[Case((3, 4)), Case((5,))],
)
def log_softmax(x):
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


@log_softmax.vjp("x", latex=r"\bar y - \operatorname{softmax}(x) \sum_j \bar y_j")
def _(dy, x):
    return dy - softmax(x) * np.sum(dy, axis=-1, keepdims=True)


@primitive(
    kind=ELEMENTWISE,
    symbol="σ + BCE",
    instead_of_complex="np.real(z) or np.abs(z): a loss compares real numbers.",
    latex=r"-t \ln \sigma(x) - (1 - t) \ln(1 - \sigma(x))",
    domain=((-6, 6), (0, 1)),
    cases=[Case((3, 4), (3, 4)), Case((3, 4), (4,))],
)
def sigmoid_cross_entropy(x, t):
    return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))


@sigmoid_cross_entropy.vjp("x", latex=r"\bar y\,(\sigma(x) - t)")
def _(dy, x, t):
    return dy * (sigmoid(x) - t)


@sigmoid_cross_entropy.vjp("t", latex=r"-\bar y\,x")
def _(dy, x):
    return -dy * x
