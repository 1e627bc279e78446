"""Activations: ReLU, sigmoid, tanh, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.exponential import sigmoid
from clearprop.rules.extremes import relu
from clearprop.rules.reduction import softmax


class ReLU(Layer):
    r"""``y = max(x, 0)``; backward ``dx = dy where x > 0, else 0``.

    At x = 0 the gradient is 0. ``dy`` is not written into.

    Forward
    -------
    x : ndarray, any shape

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, equations (5.7) and (5.8).

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.ReLU()
    >>> print(layer.forward([-1.0, 0.0, 2.0]), layer.backward([5.0, 5.0, 5.0]))
    [0. 0. 2.] [0. 0. 5.]
    """

    def compute(self, x: Any) -> Any:
        """``y = max(x, 0)``."""
        return relu(x)


class Sigmoid(Layer):
    r"""``y = 1 / (1 + exp(-x))``; backward ``dx = dy y (1 - y)``.

    One node for the chain of four that `Mul`, `Exp`, `Add` and `Reciprocal` make; finite for every
    finite x, also at -1e4 where that chain overflows.

    Forward
    -------
    x : ndarray, any shape

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, equations (5.9) and (5.12).

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.Sigmoid()
    >>> print(layer.forward([1, 1, 1]), layer.backward([1, 1, 1]))
    [0.73105858 0.73105858 0.73105858] [0.19661193 0.19661193 0.19661193]
    """

    def compute(self, x: Any) -> Any:
        """``y = 1 / (1 + exp(-x))``."""
        return sigmoid(x)


class Tanh(Layer):
    r"""``y = tanh(x)``; backward ``dx = dy (1 - y²)``.

    Forward
    -------
    x : ndarray, any shape

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    Y. LeCun et al., "Efficient BackProp", 1998, section 4.4.

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.Tanh()
    >>> print(layer.forward([0.0, 1.0]), layer.backward([1.0, 1.0]))
    [0.         0.76159416] [1.         0.41997434]
    """

    def compute(self, x: Any) -> Any:
        """``y = tanh(x)``."""
        return np.tanh(x)


class Softmax(Layer):
    r"""``y[j] = exp(x[j]) / Σ_l exp(x[l])``; backward ``dx = y (dy - Σ_l dy[l] y[l])``.

    The same as the product of ``dy`` with the full Jacobian ``y[j] (δ[j,k] - y[k])``, without
    making it. Finite for scores of any size. Each row sums to 1.

    Forward
    -------
    x : ndarray, shape (N, C) or (C,)
        Scores of C classes; the last axis is normalised.

    Raises
    ------
    ShapeError
        There is not one class.
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equations (4.104) and (4.106).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Softmax()
    >>> print(np.round(layer.forward([[1.0, 1.0, 3.0]]), 4))
    [[0.1065 0.1065 0.787 ]]
    >>> print(np.round(layer.backward([[0.0, 0.0, 1.0]]), 4))
    [[-0.0838 -0.0838  0.1676]]
    """

    def compute(self, x: Any) -> Any:
        """``y[j] = exp(x[j]) / Σ_l exp(x[l])``."""
        if not x.ndim or not x.shape[-1]:
            raise ShapeError(
                f"Softmax: x has shape {x.shape}.",
                where=current_line(1),
                why="Its last axis holds one score a class, (N, C) or (C,), and there is none.",
                write="x.reshape(N, C)",
            )
        return softmax(x)
