"""Pooling: the largest element, or the mean, of each window of an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import check_images, check_window, whole_pair
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.convolution import conv2d, window_argmax

Pair = int | tuple[int, int]


class _Pool2d(Layer):
    """What both kinds of pooling share: the windows."""

    def __init__(self, size: Pair, stride: Pair | None = None, padding: Pair = 0) -> None:
        name = type(self).__name__
        self.size = whole_pair(size, "size", 1, name)
        self.stride = self.size if stride is None else whole_pair(stride, "stride", 1, name)
        self.padding = whole_pair(padding, "padding", 0, name)
        if self.padding[0] >= self.size[0] or self.padding[1] >= self.size[1]:
            raise ShapeError(
                f"{name}: padding is {padding!r}, size is {size!r}.",
                where=current_line(1),
                why="A window would lie in the padding altogether, and there is nothing to pool.",
                write=f"padding={min(self.size) // 2}",
            )

    def _check(self, x: Any) -> None:
        name = type(self).__name__
        check_images(x, name)
        check_window(x, self.size, self.padding, "the window", name)

    def _options(self) -> str:
        parts = [f"{self.size[0]}×{self.size[1]}", f"stride {self.stride[0]}×{self.stride[1]}"]
        if self.padding != (0, 0):
            parts.append(f"padding {self.padding[0]}×{self.padding[1]}")
        return ", ".join(parts)


class MaxPool2d(_Pool2d):
    r"""``y[n,c,i,j] = max x[n,c]`` over a window; backward, its first maximum gets ``dy[n,c,i,j]``.

    The window starts at ``(i s - p, j s - p)``. Among equal elements the first, in reading order,
    gets the whole gradient. Padding never wins.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), default size
    padding : int or (int, int), default 0
        Smaller than the window.

    Forward
    -------
    x : ndarray, shape (N, C, H, W)
    y : ndarray, shape (N, C, out_h, out_w), out_h = (H + 2 p - size) // s + 1

    Raises
    ------
    ShapeError
        ``x`` has not four axes; the window is larger than the padded image; a size, stride or
        padding is too small, or the padding is too large.
    DTypeError
        A size, stride or padding is no whole number; ``x`` holds no real numbers.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 7.3.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.MaxPool2d(2)
    >>> x = np.array([[1.0, 2.0, 0.0, 1.0], [3.0, 0.0, 1.0, 1.0]]).reshape(1, 1, 2, 4)
    >>> print(layer.forward(x)[0, 0], layer.backward(np.ones((1, 1, 1, 2)))[0, 0])
    [[3. 1.]] [[0. 0. 0. 1.]
     [1. 0. 0. 0.]]
    """

    def compute(self, x: Any) -> Any:
        """``y = max over each window``."""
        self._check(x)
        N, C, H, W = x.shape
        winners = window_argmax(x, size=self.size, stride=self.stride, padding=self.padding)
        pixels, chosen = np.reshape(x, (N, C, H * W)), winners.shape[2:]
        y = np.take_along_axis(pixels, np.reshape(winners, (N, C, chosen[0] * chosen[1])), axis=2)
        return np.reshape(y, (N, C, *chosen))


class AvgPool2d(_Pool2d):
    r"""``y[n,c,i,j] = mean x[n,c]`` over a window; backward, each element gets its share of dy.

    The window starts at ``(i s - p, j s - p)``. Padding counts as zeros: each sum is divided by the
    size of the whole window.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), default size
    padding : int or (int, int), default 0
        Smaller than the window.

    Forward
    -------
    x : ndarray, shape (N, C, H, W)
    y : ndarray, shape (N, C, out_h, out_w), out_h = (H + 2 p - size) // s + 1

    Raises
    ------
    ShapeError, DTypeError, OrderError
        As `MaxPool2d`.

    Source
    ------
    Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II.B.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.AvgPool2d(2)
    >>> x = np.array([[1.0, 2.0, 0.0, 1.0], [3.0, 0.0, 1.0, 1.0]]).reshape(1, 1, 2, 4)
    >>> print(layer.forward(x)[0, 0], layer.backward(np.ones((1, 1, 1, 2)))[0, 0])
    [[1.5  0.75]] [[0.25 0.25 0.25 0.25]
     [0.25 0.25 0.25 0.25]]
    """

    def compute(self, x: Any) -> Any:
        """``y = mean over each window``: a convolution of each channel with equal weights."""
        self._check(x)
        N, C, H, W = x.shape
        weights = np.full((1, 1, *self.size), 1 / (self.size[0] * self.size[1]), x.dtype)
        y = conv2d(
            np.reshape(x, (N * C, 1, H, W)),
            weights,
            stride=self.stride,
            padding=self.padding,
            dilation=(1, 1),
            groups=1,
        )
        return np.reshape(y, (N, C, *y.shape[2:]))


class GlobalAvgPool(Layer):
    r"""``y[n,c] = mean x[n,c]`` over all that is behind; backward, each element gets its share.

    Forward
    -------
    x : ndarray, shape (N, C, L), (N, C, H, W) or with more axes
    y : ndarray, shape (N, C)

    Raises
    ------
    ShapeError
        ``x`` has no axis behind the channels, or one of length 0.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    M. Lin, Q. Chen and S. Yan, "Network in network", 2013, arXiv:1312.4400, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.GlobalAvgPool()
    >>> print(layer.forward(np.arange(4.0).reshape(1, 1, 2, 2)), layer.backward([[1.0]]).tolist())
    [[1.5]] [[[[0.25, 0.25], [0.25, 0.25]]]]
    """

    def compute(self, x: Any) -> Any:
        """``y[n,c] = mean x[n,c]``."""
        if x.ndim < 3 or 0 in x.shape[2:]:
            raise ShapeError(
                f"GlobalAvgPool: x has shape {x.shape}.",
                where=current_line(1),
                why="The mean is that of the axes behind the channels, (N, C, …), and there is none"
                " of nothing.",
                write="at least one step or pixel." if x.ndim > 2 else "x.reshape(N, C, H, W)",
            )
        return np.mean(x, axis=tuple(range(2, x.ndim)))
