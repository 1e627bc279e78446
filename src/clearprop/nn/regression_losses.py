"""Losses of numbers: mean squared and absolute errors, and Huber's between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import OptionError
from clearprop.nn.losses import Loss
from clearprop.nn.targets import number_targets
from clearprop.places import current_line


class _Regression(Loss):
    """What the losses of numbers share: the mean of one term for each number of ``x``."""

    classifies = False

    def targets(self, t: Any, x: Any) -> Any:
        return number_targets(t, x, type(self).__name__)

    def hits(self, x: Any, t: Any) -> npt.NDArray[np.bool_]:
        """Refuse: a number that is predicted is near, and never right.

        Raises
        ------
        OptionError
        """
        raise self._no_classes("accuracy", "A predicted number is nearer or farther, not right.")

    def probabilities(self, x: Any) -> Any:
        """Refuse: there are no classes.

        Raises
        ------
        OptionError
        """
        raise self._no_classes("probabilities", "A number is predicted, and no chance of it.")

    def _no_classes(self, what: str, why: str) -> OptionError:
        return OptionError(
            f"{what}: the loss is {type(self).__name__}, which is of numbers, not of classes.",
            where=current_line(2),
            why=why,
            write="net.loss(x, t), or np.mean(np.abs(net.predict(x) - t)).",
        )


class MSE(_Regression):
    r"""``L = 1/M Σ (x - t)²``, M the count of all numbers; backward ``dx = dL 2 (x - t) / M``.

    The mean is over the samples *and* over the outputs of each, as in PyTorch's ``MSELoss``: with J
    outputs, M = N·J. The documents' sum of squares, ``1/2 Σ (x - t)²``, is M/2 times as much.

    Forward
    -------
    x : ndarray, shape (N, J), (N,), () or any other
        Predictions.
    t : array_like of real numbers, shape of x, or (N,) beside (N, 1)
        What they should be. Nothing is broadcast.

    Raises
    ------
    LabelError
        ``t`` has another shape, is NaN or infinite, or holds no real numbers.
    ShapeError
        The batch is empty.
    OptionError
        ``hits`` was asked for, by ``accuracy``: no predicted number is exactly right.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equation (3.12), times 2/N.

    Examples
    --------
    >>> from clearprop import nn
    >>> loss = nn.MSE()
    >>> print(loss.forward([1.0, 2.0], [0, 4]), loss.backward())
    2.5 [ 1. -2.]
    """

    degree = 2

    def compute(self, x: Any, *, t: Any) -> Any:
        """``L = 1/M Σ (x - t)²``."""
        return np.mean((x - t) ** 2)


class MAE(_Regression):
    r"""``L = 1/M Σ |x - t|``, M the count of all numbers; backward ``dx = dL sign(x - t) / M``.

    The mean is over the samples *and* over the outputs of each, as in PyTorch's ``L1Loss``. Where x
    is t, the gradient is 0.

    Forward
    -------
    x : ndarray, shape (N, J), (N,), () or any other
        Predictions.
    t : array_like of real numbers, shape of x, or (N,) beside (N, 1)
        What they should be. Nothing is broadcast.

    Raises
    ------
    LabelError, ShapeError, OptionError, OrderError, DTypeError
        As `MSE`.

    Source
    ------
    T. Hastie, R. Tibshirani and J. Friedman, *The Elements of Statistical Learning*, 2009, section
    10.6: absolute loss.

    Examples
    --------
    >>> from clearprop import nn
    >>> loss = nn.MAE()
    >>> print(loss.forward([1.0, 2.0], [0, 4]), loss.backward())
    1.5 [ 0.5 -0.5]
    """

    degree = 1

    def compute(self, x: Any, *, t: Any) -> Any:
        """``L = 1/M Σ |x - t|``."""
        return np.mean(np.abs(x - t))


class Huber(_Regression):
    r"""``L = 1/M Σ h(x - t)``: ``h(d) = d²/2`` up to ``|d| = δ``, ``δ (|d| - δ/2)`` beyond.

    Backward ``dx = dL clip(x - t, -δ, δ) / M``. The mean is over the samples *and* over the outputs
    of each, as in PyTorch's ``HuberLoss``; its ``SmoothL1Loss`` is the same divided by δ.

    Parameters
    ----------
    delta : float, default 1
        ``δ``, above 0, in units of x.

    Forward
    -------
    x : ndarray, shape (N, J), (N,), () or any other
        Predictions.
    t : array_like of real numbers, shape of x, or (N,) beside (N, 1)
        What they should be. Nothing is broadcast.

    Raises
    ------
    OptionError
        ``delta`` is not above 0, or as `MSE`.
    LabelError, ShapeError, OrderError, DTypeError
        As `MSE`.

    Source
    ------
    P. J. Huber, "Robust estimation of a location parameter", 1964, section 6, example (iii).

    Examples
    --------
    >>> from clearprop import nn
    >>> loss = nn.Huber(delta=1.0)
    >>> print(loss.forward([0.5, 4.0], [0, 0]), loss.backward())
    1.8125 [0.25 0.5 ]
    """

    degree = 2  # where δ is in the same unit

    def __init__(self, delta: float = 1.0) -> None:
        is_number = isinstance(delta, int | float | np.number) and not isinstance(delta, bool)
        if not (is_number and 0 < delta < math.inf):
            raise OptionError(
                f"Huber: delta is {delta!r}.",
                where=current_line(1),
                why="It is a finite number above 0, the error from which on it counts singly.",
                write="delta=1.0",
            )
        self.delta = float(delta)

    def compute(self, x: Any, *, t: Any) -> Any:
        """``L = 1/M Σ h(x - t)``."""
        d = np.abs(x - t)
        near = np.minimum(d, self.delta)
        return np.mean(near * (d - 0.5 * near))  # d²/2, or δ (d - δ/2): nothing is squared

    def _options(self) -> str:
        return f"delta={self.delta:g}"
