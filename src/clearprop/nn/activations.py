"""Activations: functions of each number alone, and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import OptionError, ShapeError
from clearprop.nn.checks import between
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.exponential import erf, sigmoid
from clearprop.rules.extremes import relu
from clearprop.rules.loss import log_softmax
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
        _check_classes("Softmax", x)
        return softmax(x)


class LogSoftmax(Layer):
    r"""``y[j] = x[j] - ln Σ_l exp(x[l])``; backward ``dx = dy - exp(y) Σ_l dy[l]``.

    The logarithms of the probabilities that `Softmax` gives, as `NLL` and `KL` take them. Finite
    for finite scores of any size, where the logarithm of a softmax is -inf.

    Forward
    -------
    x : ndarray, shape (N, C), (C,) or any other
        Scores of C classes; the last axis is normalised.

    Raises
    ------
    ShapeError
        There is not one class.
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, equations (4.104) and (4.106),
    of which it is the logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.LogSoftmax()
    >>> print(np.round(layer.forward([[1.0, 1.0, 3.0], [0.0, 0.0, 1e4]]), 4))
    [[-2.2395e+00 -2.2395e+00 -2.3950e-01]
     [-1.0000e+04 -1.0000e+04  0.0000e+00]]
    >>> print(np.round(layer.backward([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), 4))
    [[-0.1065 -0.1065  0.213 ]
     [ 1.      0.     -1.    ]]
    """

    def compute(self, x: Any) -> Any:
        """``y[j] = x[j] - ln Σ_l exp(x[l])``."""
        _check_classes("LogSoftmax", x)
        return log_softmax(x)


def _check_classes(name: str, x: Any) -> None:
    if not x.ndim or not x.shape[-1]:
        raise ShapeError(
            f"{name}: x has shape {x.shape}.",
            where=current_line(1),
            why="Its last axis holds one score a class, (N, C) or (C,), and there is none.",
            write="x.reshape(N, C)",
        )


class GELU(Layer):
    r"""``y = x Φ(x)``, ``Φ(x) = (1 + erf(x / √2)) / 2``; backward ``dx = dy (Φ(x) + x φ(x))``.

    ``φ`` is the density of the normal distribution, ``Φ`` its integral. With
    ``approximate="tanh"`` it is ``y = x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2``, which is off by
    up to 0.0005, and its own derivative.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        True and False are taken for "tanh" and "none".

    Forward
    -------
    x : ndarray, any shape

    Raises
    ------
    OptionError
        ``approximate`` is neither.
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    D. Hendrycks and K. Gimpel, "Gaussian error linear units (GELUs)", 2016, arXiv:1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.GELU()
    >>> print(np.round(layer.forward([-1.0, 0.0, 2.0]), 4), np.round(layer.backward(np.ones(3)), 4))
    [-0.1587  0.      1.9545] [-0.0833  0.5     1.0852]
    >>> print(np.round(nn.GELU(approximate="tanh").forward([-1.0, 0.0, 2.0]), 4))
    [-0.1588  0.      1.9546]
    """

    def __init__(self, approximate: str | bool = "none") -> None:
        kind = ("none", "tanh")[approximate] if isinstance(approximate, bool) else approximate
        if kind not in ("none", "tanh"):
            raise OptionError(
                f"GELU: approximate is {approximate!r}.",
                where=current_line(1),
                why="It is computed with erf, or approximated with tanh.",
                write='nn.GELU(approximate="tanh")',
            )
        self.approximate = kind

    def compute(self, x: Any) -> Any:
        """``y = x Φ(x)``."""
        if self.approximate == "tanh":
            return 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))
        return 0.5 * x * (1 + erf(x * 0.7071067811865476))

    def _options(self) -> str:
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class SiLU(Layer):
    r"""``y = x σ(x)``; backward ``dx = dy σ(x) (1 + x (1 - σ(x)))``, with the sigmoid ``σ``.

    Forward
    -------
    x : ndarray, any shape

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    P. Ramachandran, B. Zoph and Q. V. Le, "Searching for activation functions", 2017,
    arXiv:1710.05941: Swish with β = 1.

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.SiLU()
    >>> print(layer.forward([0.0, 1.0]), layer.backward([1.0, 1.0]))
    [0.         0.73105858] [0.5        0.92767051]
    """

    def compute(self, x: Any) -> Any:
        """``y = x σ(x)``."""
        return x * sigmoid(x)


class LeakyReLU(Layer):
    r"""``y = x where x > 0, else s x``; backward ``dx = dy where x > 0, else s dy``.

    At x = 0 the gradient is ``s dy``: with s = 0 it is `ReLU`.

    Parameters
    ----------
    slope : float, default 0.01
        ``s``, from 0 up to, but not including, 1.

    Forward
    -------
    x : ndarray, any shape

    Raises
    ------
    OptionError
        ``slope`` is out of range.
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, "Rectifier nonlinearities improve neural network
    acoustic models", 2013, equation (2).

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.LeakyReLU(0.25)
    >>> print(layer.forward([-4.0, 0.0, 2.0]), layer.backward([1.0, 1.0, 1.0]))
    [-1.  0.  2.] [0.25 0.25 1.  ]
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = between(slope, "slope", 0.0, 1.0, "LeakyReLU")

    def compute(self, x: Any) -> Any:
        """``y = x where x > 0, else s x``."""
        return np.where(x > 0, x, self.slope * x)

    def _options(self) -> str:
        return f"{self.slope:g}"


class Softplus(Layer):
    r"""``y = ln(1 + exp(x))``; backward ``dx = dy σ(x)``, with the sigmoid ``σ``.

    Finite for every finite x, and to the last digit for large ones, where frameworks that switch
    to ``y = x`` at 20 are off by 2e-9.

    Forward
    -------
    x : ndarray, any shape

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing",
    2001, equation (4).

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.Softplus()
    >>> print(layer.forward([0.0, 1000.0]), layer.backward([1.0, 1.0]))
    [6.93147181e-01 1.00000000e+03] [0.5 1. ]
    """

    def compute(self, x: Any) -> Any:
        """``y = ln(1 + exp(x))``."""
        # not np.logaddexp(x, 0), which warns of NaN; at 0 each half of maximum's tie is right
        return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
