"""Losses of classes: one number for a batch, the mean over its samples, in nats per sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.data.labels import as_class_indices
from clearprop.nn.checks import between, real_inputs
from clearprop.nn.class_weights import (
    checked_ignore,
    checked_weights,
    shown_weights,
    weight_of,
    weights_like,
)
from clearprop.nn.layer import Layer
from clearprop.nn.targets import binary_targets, class_targets
from clearprop.rules.exponential import safe_log, sigmoid
from clearprop.rules.loss import sigmoid_cross_entropy, softmax_cross_entropy
from clearprop.rules.reduction import softmax
from clearprop.tensor import Tensor

_TINY = float(np.finfo(np.float32).tiny)  # 1 / eps stays finite in float32


class Loss(Layer):
    """``L = forward(x, t)``, then ``dx = backward()``: base of the losses.

    A subclass says what it computes from ``x`` and the prepared labels, how labels are prepared
    (``targets``) and which predictions are right (``hits``).

    Attributes
    ----------
    classifies : bool
        Whether a prediction is right or wrong, so that there is an accuracy.
    ignore : int or None
        The class number of what does not count, neither in the loss nor in the accuracy.
    degree : int or None
        Of a loss of numbers: the power of their unit that it is in, 2 of a squared error. Targets
        may then be brought to another unit for the training, and the loss back.
    """

    classifies = True
    ignore: int | None = None
    degree: int | None = None
    _scores: Any = None  # of the last forward

    def compute(self, x: Any, *, t: Any) -> Any:
        """Compute the loss, a mean over the batch, from the predictions and the prepared labels.

        It is one number, whatever the size of the batch: a mean and no sum, so that the learning
        rate, and the loss of several batches by `count`, mean the same for each.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def targets(self, t: Any, x: Any) -> Any:
        """Check the labels, and give them the shape and dtype in which ``compute`` takes them."""
        return class_targets(t, x, type(self).__name__, self.ignore)

    def count(self, t: Any) -> Any:
        """Say how much samples with these prepared labels count in the mean over several batches.

        ``Σ count(t) compute(x, t) / Σ count(t)`` over the batches is the loss of them all. It is
        their number, a Python float; where it depends on the labels it is a NumPy number, and
        ``compute`` takes as ``of`` what to divide by in the place of it.
        """
        return float(len(t))

    def hits(self, x: Any, t: Any) -> npt.NDArray[np.bool_]:
        """Say of each sample whether its prediction is right: the highest score is its label's.

        Of sequences, of each step; what is ignored is left out.
        """
        if self.ignore is not None and np.shape(t) == x.shape[:-1]:
            kept = np.asarray(t) != self.ignore
            x, t = x[kept], np.asarray(t)[kept]
        classes = as_class_indices(t, x.shape, caller="accuracy")
        return np.asarray(np.argmax(x, axis=-1) == classes)

    def probabilities(self, x: Any) -> Any:
        """Give those of what a network predicts, in its shape: softmax, of scores.

        The softmax of log-probabilities is what they are the logarithms of.
        """
        return softmax(x)

    def forward(self, x: Any, t: Any) -> Any:
        """Compute the loss.

        Parameters
        ----------
        x : ndarray
            Scores or probabilities, see the layer.
        t : array_like
            Labels, see the layer. They are checked, and copied.

        Returns
        -------
        NumPy scalar, in the dtype of x
            The mean over the samples; see the layer.
        """
        self._pullback = None  # as in Layer.forward, should the labels be refused
        (x,) = real_inputs((x,), (), type(self).__name__)
        self._scores = None if isinstance(x, Tensor) else x  # a record is not kept alive
        return super().forward(x, t=self.targets(t, x))

    def backward(self, dy: Any = 1.0) -> Any:
        """Compute ``dx``, in the shape of ``x``; ``dy`` is 1 where the loss is the end."""
        return super().backward(dy)


class CrossEntropy(Loss):
    r"""``L = -1/N Σ_n Σ_j t[n,j] ln p[n,j]``, of probabilities; backward ``dp = -dL t / (N p)``.

    Below ``eps`` the logarithm goes on as its tangent at ``eps``: ``ln p`` becomes
    ``ln eps + (p - eps) / eps`` and ``1/p`` becomes ``1/eps``. So the loss at p = 0 is
    ``1 - ln eps`` (17.12 for the default), the gradient there is finite, ``-1 / (N eps)``, and it
    still is the derivative of the value that is returned. From ``eps`` to 1 nothing is changed.

    For scores rather than probabilities, `SoftmaxWithLoss` is faster and exact.

    Parameters
    ----------
    eps : float, default 1e-7

    Forward
    -------
    x : ndarray, shape (N, C), (C,) or (N, T, C)
        Probabilities of C classes, as from `Softmax`. That they sum to 1 is not asked.
    t : array_like, shape of x, or without its last axis: (N,), () or (N, T)
        One-hot rows, or rows of probabilities; or class numbers.

    Raises
    ------
    LabelError
        A label is fractional, NaN or out of range, or the shape of ``t`` does not fit.
    ShapeError
        The batch is empty, or ``x`` has another number of axes.
    OptionError
        ``eps`` is not between 0 and 1.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equation (4.108).

    Examples
    --------
    >>> from clearprop import nn
    >>> loss = nn.CrossEntropy()
    >>> print(round(float(loss.forward([[0.5, 0.5], [0.25, 0.75]], [0, 1])), 6))
    0.490415
    >>> print(loss.backward())
    [[-1.         -0.        ]
     [-0.         -0.66666667]]
    """

    def __init__(self, eps: float = 1e-7) -> None:
        self.eps = between(eps, "eps", _TINY, 1.0, "CrossEntropy")

    def compute(self, x: Any, *, t: Any) -> Any:
        """``L = -1/N Σ t ln p``."""
        return -np.mean(np.sum(t * safe_log(x, eps=self.eps), axis=-1))

    def probabilities(self, x: Any) -> Any:
        """Give ``x``, which they are."""
        return x


class SoftmaxWithLoss(Loss):
    r"""``L = -1/N Σ_n Σ_j t[n,j] ln softmax(x[n])[j]``; backward ``dx = dL (y - t) / N``.

    Of scores: softmax and cross-entropy in one, finite and exact for scores of any size. After
    ``forward``, ``y`` holds the probabilities.

    With label smoothing ε and class weights w it is, with ``s = (1 - ε) t + ε / C``,
    ``L = -Σ_n Σ_j w[j] s[n,j] ln softmax(x[n])[j] / Σ_n Σ_j w[j] t[n,j]``: the sum is divided by
    the weights of the labels, as PyTorch's ``CrossEntropyLoss`` does for class numbers. (For rows
    of probabilities that one divides by N; here all forms of the same labels give the same loss.)

    Of sequences, scores (N, T, C) of T steps, it is the mean over all N·T steps; what `ignore`
    marks is none of them.

    Parameters
    ----------
    label_smoothing : float, default 0
        ``ε``, from 0 to below 1: the part of each label that all classes share.
    class_weights : array_like, shape (C,), optional
        ``w``: how much each class counts, from 0 on. A batch in which nothing counts gives NaN.
    ignore : int, optional
        A class number that stands where nothing is to be predicted, such as -1 behind the end of a
        short sequence.

    Forward
    -------
    x : ndarray, shape (N, C), (C,) or (N, T, C)
        Scores of C classes; of any shape, the last axis being the classes.
    t : array_like, shape of x, or without its last axis: (N,), () or (N, T)
        One-hot rows, or rows of probabilities; or class numbers.

    Raises
    ------
    LabelError
        A label is fractional, NaN or out of range, or the shape of ``t`` does not fit.
    ShapeError
        The batch is empty, ``x`` has another number of axes, or other classes than the weights.
    OptionError
        The smoothing is not between 0 and 1; a weight is negative, NaN or infinite, or all are 0.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.6.3. Smoothing: C. Szegedy et al.,
    "Rethinking the inception architecture for computer vision", 2016, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> loss = nn.SoftmaxWithLoss()
    >>> print(round(float(loss.forward([[2.0, 1.0, 0.0]], [0])), 6))
    0.407606
    >>> print(np.round(loss.y, 4), np.round(loss.backward(), 4))
    [[0.6652 0.2447 0.09  ]] [[-0.3348  0.2447  0.09  ]]
    >>> print(loss.forward([1e4, -1e4], 1), loss.backward())
    20000.0 [ 1. -1.]
    >>> loss = nn.SoftmaxWithLoss(label_smoothing=0.1, class_weights=[1, 2, 1])
    >>> print(round(float(loss.forward([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]], [0, 1])), 6))
    1.091966
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weights: Any = None,
        ignore: int | None = None,
    ) -> None:
        name = type(self).__name__
        self.label_smoothing = between(label_smoothing, "label_smoothing", 0.0, 1.0, name, 0.1)
        self.class_weights = checked_weights(class_weights, name)
        self.ignore = checked_ignore(ignore, name)

    def compute(self, x: Any, *, t: Any, of: Any = None) -> Any:
        """``L = -1/N Σ t ln softmax(x)``, of smoothed and weighted labels where that is asked.

        Of a part of a batch, ``of`` is what the labels of all count.
        """
        w, smoothed = weights_like(self.class_weights, x, type(self).__name__), t
        if self.label_smoothing:
            share = 1.0 if self.ignore is None else np.sum(t, axis=-1, keepdims=True)
            smoothed = (1 - self.label_smoothing) * t + self.label_smoothing / x.shape[-1] * share
        if w is None and self.ignore is None:
            return np.mean(softmax_cross_entropy(x, smoothed))
        if w is None:
            return np.sum(softmax_cross_entropy(x, smoothed)) / (np.sum(t) if of is None else of)
        costs = softmax_cross_entropy(x, w * smoothed)
        return np.sum(costs) / (np.sum(w * t) if of is None else of)

    def count(self, t: Any) -> Any:
        """``Σ w t``, without weights the number of labels that are not ignored."""
        return weight_of(self, t)

    def _options(self) -> str:
        said = [f"label_smoothing={self.label_smoothing:g}"] if self.label_smoothing else []
        said += [shown_weights(self.class_weights)] if self.class_weights is not None else []
        said += [f"ignore={self.ignore}"] if self.ignore is not None else []
        return ", ".join(said)

    @property
    def y(self) -> Any:
        """The probabilities of the last forward; None before it."""
        return None if self._scores is None else self.probabilities(self._scores)


class _Binary(Loss):
    """What the losses of outputs between 0 and 1 share."""

    _threshold = 0.5

    def targets(self, t: Any, x: Any) -> Any:
        return binary_targets(t, x, type(self).__name__)

    def probabilities(self, x: Any) -> Any:
        """Give ``x``, which they are."""
        return x

    def hits(self, x: Any, t: Any) -> npt.NDArray[np.bool_]:
        """Say of each output whether it is on the side of its label."""
        return np.asarray((x > self._threshold) == (binary_targets(t, x, "accuracy") > 0.5))


class BinaryCrossEntropy(_Binary):
    r"""``L = -1/N Σ (t ln p + (1 - t) ln(1 - p))``; backward ``dp = dL (p - t) / (N p (1 - p))``.

    Of probabilities. Where p or 1 - p is below ``eps``, its logarithm goes on as the tangent at
    ``eps`` (see `CrossEntropy`): the loss is finite at p = 0 and p = 1, and so is its gradient,
    which still is the derivative of the value that is returned. In between nothing is changed.

    For scores rather than probabilities, `SigmoidWithLoss` is exact.

    Parameters
    ----------
    eps : float, default 1e-7

    Forward
    -------
    x : ndarray, shape (N, J) or (N,)
        Probabilities of J outputs that each are 0 or 1, as from `Sigmoid`. The loss is summed over
        the outputs and is the mean over the samples. A single sample of J outputs is (1, J).
    t : array_like, shape of x, or (N,) beside (N, 1)
        0, 1, or the probability of 1.

    Raises
    ------
    LabelError
        A label is below 0, above 1 or NaN, or the shape of ``t`` does not fit.
    ShapeError
        The batch is empty, or ``x`` has more than two axes.
    OptionError
        ``eps`` is not between 0 and 1.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equation (4.90).

    Examples
    --------
    >>> from clearprop import nn
    >>> loss = nn.BinaryCrossEntropy()
    >>> print(round(float(loss.forward([0.5, 0.75], [1, 1])), 6), loss.backward())
    0.490415 [-1.         -0.66666667]
    """

    def __init__(self, eps: float = 1e-7) -> None:
        self.eps = between(eps, "eps", _TINY, 1.0, "BinaryCrossEntropy")

    def compute(self, x: Any, *, t: Any) -> Any:
        """``L = -1/N Σ (t ln p + (1 - t) ln(1 - p))``."""
        gain = t * safe_log(x, eps=self.eps) + (1 - t) * safe_log(1 - x, eps=self.eps)
        return -_sample_mean(gain)


class SigmoidWithLoss(_Binary):
    r"""``L = -1/N Σ (t ln σ(x) + (1 - t) ln(1 - σ(x)))``; backward ``dx = dL (σ(x) - t) / N``.

    Of scores: sigmoid and binary cross-entropy in one, finite and exact for scores of any size.
    After ``forward``, ``y`` holds the probabilities.

    Forward
    -------
    x : ndarray, shape (N, J) or (N,)
        Scores of J outputs that each are 0 or 1. The loss is summed over the outputs and is the
        mean over the samples. A single sample of J outputs is (1, J).
    t : array_like, shape of x, or (N,) beside (N, 1)
        0, 1, or the probability of 1.

    Raises
    ------
    LabelError
        A label is below 0, above 1 or NaN, or the shape of ``t`` does not fit.
    ShapeError
        The batch is empty, or ``x`` has more than two axes.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equations (4.90) and (4.91).

    Examples
    --------
    >>> from clearprop import nn
    >>> loss = nn.SigmoidWithLoss()
    >>> print(loss.forward([0.0, -1e4], [1, 1]).round(4), loss.backward())
    5000.3466 [-0.25 -0.5 ]
    >>> print(loss.y)
    [0.5 0. ]
    """

    _threshold = 0.0

    def compute(self, x: Any, *, t: Any) -> Any:
        """``L = 1/N Σ (max(x, 0) - x t + ln(1 + exp(-|x|)))``."""
        return _sample_mean(sigmoid_cross_entropy(x, t))

    def probabilities(self, x: Any) -> Any:
        """Give that of 1, of each output: ``1 / (1 + exp(-x))``."""
        return sigmoid(x)

    @property
    def y(self) -> Any:
        """The probabilities of the last forward; None before it."""
        return None if self._scores is None else self.probabilities(self._scores)


def _sample_mean(terms: Any) -> Any:
    """Sum over the outputs, and take the mean over the samples."""
    return np.mean(np.sum(terms, axis=-1) if terms.ndim == 2 else terms)
