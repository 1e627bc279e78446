"""The nodes of a hand-drawn computational graph: multiply, add, exponential, reciprocal."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.nn.layer import Layer


class Mul(Layer):
    r"""``z = x y``; backward ``dx = dz y``, ``dy = dz x``.

    Forward
    -------
    x, y : ndarray or number, of shapes that broadcast
        The gradient of each comes back in its own shape.

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.4.1: MulLayer.

    Examples
    --------
    Two apples at 100 each, 10 % tax:

    >>> from clearprop import nn
    >>> apple, tax = nn.Mul(), nn.Mul()
    >>> price = tax.forward(apple.forward(100, 2), 1.1)  # (1), (2)
    >>> dapple_price, dtax = tax.backward(1)             # (2)
    >>> dapple, dcount = apple.backward(dapple_price)    # (1)
    >>> print(f"{price:.1f}: {dapple:.1f} {dcount:.1f} {dtax:.1f}")
    220.0: 2.2 110.0 200.0
    """

    def compute(self, x: Any, y: Any) -> Any:
        """``z = x y``."""
        return x * y

    def forward(self, x: Any, y: Any) -> Any:
        """``z = x y``; see `Layer.forward`."""
        return super().forward(x, y)


class Add(Layer):
    r"""``z = x + y``; backward ``dx = dz``, ``dy = dz``, two arrays of their own.

    Forward
    -------
    x, y : ndarray or number, of shapes that broadcast
        The gradient of each comes back in its own shape.

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.4.2: AddLayer.

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.Add()
    >>> print(layer.forward(10.0, 5.0), [float(d) for d in layer.backward(1.3)])
    15.0 [1.3, 1.3]
    """

    def compute(self, x: Any, y: Any) -> Any:
        """``z = x + y``."""
        return x + y

    def forward(self, x: Any, y: Any) -> Any:
        """``z = x + y``; see `Layer.forward`."""
        return super().forward(x, y)


class Exp(Layer):
    r"""``y = exp(x)``; backward ``dx = dy y``.

    Forward
    -------
    x : ndarray or number, any shape

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.5.2, step 3.

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.Exp()
    >>> print(layer.forward([0.0, 1.0]), layer.backward([1.0, 1.0]))
    [1.         2.71828183] [1.         2.71828183]
    """

    def compute(self, x: Any) -> Any:
        """``y = exp(x)``."""
        return np.exp(x)


class Reciprocal(Layer):
    r"""``y = 1 / x``; backward ``dx = -dy y²``.

    At 0 it is infinite, with NumPy's warning.

    Forward
    -------
    x : ndarray or number, any shape

    Raises
    ------
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.5.2, step 1.

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.Reciprocal()
    >>> print(layer.forward([1.0, 2.0]), layer.backward([1.0, 1.0]))
    [1.  0.5] [-1.   -0.25]
    """

    def compute(self, x: Any) -> Any:
        """``y = 1 / x``."""
        return np.reciprocal(x)
