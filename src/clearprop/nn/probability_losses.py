"""Losses of log-probabilities: of the right class, and of a whole distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.nn.class_weights import (
    checked_ignore,
    checked_weights,
    shown_weights,
    weight_of,
    weights_like,
)
from clearprop.nn.losses import Loss


class NLL(Loss):
    r"""``L = -Σ_n Σ_j w[j] t[n,j] x[n,j] / Σ_n Σ_j w[j] t[n,j]``: the mean over the samples.

    Of log-probabilities ``x``; backward ``dx = -dL w t / Σ w t``. Without weights it is the mean
    over the N samples, in nats per sample; with them each sample counts as its class does, and the
    sum is divided by the sum of these weights, as in PyTorch's ``NLLLoss``. A log-probability of
    -inf beside a target of 0 costs nothing.

    `LogSoftmax` makes log-probabilities of scores; `SoftmaxWithLoss` does both in one.

    Parameters
    ----------
    class_weights : array_like, shape (C,), optional
        ``w``: how much each class counts, from 0 on. A batch in which nothing counts gives NaN.
    ignore : int, optional
        A class number that stands where nothing is to be predicted, as in `SoftmaxWithLoss`.

    Forward
    -------
    x : ndarray, shape (N, C), (C,) or (N, T, C)
        Logarithms of the probabilities of C classes. That they sum to 1 is not asked.
    t : array_like, shape of x, or without its last axis: (N,), () or (N, T)
        One-hot rows, or rows of probabilities; or class numbers.

    Raises
    ------
    LabelError
        A label is fractional, NaN or out of range, or the shape of ``t`` does not fit.
    ShapeError
        The batch is empty, ``x`` has another number of axes, or other classes than the weights.
    OptionError
        A weight is negative, NaN or infinite, or all are 0.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equation (4.108).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> loss = nn.NLL()
    >>> print(loss.forward(np.log([[0.5, 0.5], [0.25, 0.75]]), [0, 1]).round(6))
    0.490415
    >>> print(loss.backward() + 0.0)
    [[-0.5  0. ]
     [ 0.  -0.5]]
    """

    def __init__(self, *, class_weights: Any = None, ignore: int | None = None) -> None:
        self.class_weights = checked_weights(class_weights, "NLL")
        self.ignore = checked_ignore(ignore, "NLL")

    def compute(self, x: Any, *, t: Any, of: Any = None) -> Any:
        """``L = -Σ w t x / Σ w t``; of a part of a batch, ``of`` is what all labels count."""
        w = weights_like(self.class_weights, x, "NLL")
        if w is None and self.ignore is None:
            return -np.mean(np.sum(t * np.where(t == 0, 0.0, x), axis=-1))
        t = t if w is None else w * t
        return -np.sum(t * np.where(t == 0, 0.0, x)) / (np.sum(t) if of is None else of)

    def count(self, t: Any) -> Any:
        """``Σ w t``, without weights the number of labels that are not ignored."""
        return weight_of(self, t)

    def _options(self) -> str:
        said = [shown_weights(self.class_weights)] if self.class_weights is not None else []
        said += [f"ignore={self.ignore}"] if self.ignore is not None else []
        return ", ".join(said)


class KL(Loss):
    r"""``L = 1/N Σ_n Σ_j t[n,j] (ln t[n,j] - x[n,j])``; backward ``dx = -dL t / N``.

    The Kullback-Leibler divergence of the probabilities ``t`` from those whose logarithms are
    ``x``: the sum over the classes, the mean over the samples (of sequences, over all their
    steps), in nats. That is
    PyTorch's ``KLDivLoss(reduction="batchmean")``; its default divides by C as well. Where t is 0
    a class costs nothing, whatever its log-probability.

    Forward
    -------
    x : ndarray, shape (N, C), (C,) or (N, T, C)
        Logarithms of the probabilities of C classes. That they sum to 1 is not asked.
    t : array_like, shape of x
        Rows of probabilities; or, as of the other losses, class numbers.

    Raises
    ------
    LabelError
        A row is negative or does not sum to 1, or the shape of ``t`` does not fit.
    ShapeError
        The batch is empty, or ``x`` has another number of axes.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equation (1.113).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> loss = nn.KL()
    >>> print(loss.forward(np.log([[0.5, 0.5]]), [[0.25, 0.75]]).round(6), loss.backward())
    0.130812 [[-0.25 -0.75]]
    """

    def compute(self, x: Any, *, t: Any) -> Any:
        """``L = 1/N Σ t (ln t - x)``."""
        costs = np.log(np.where(t == 0, 1.0, t)) - np.where(t == 0, 0.0, x)
        return np.mean(np.sum(t * costs, axis=-1))
