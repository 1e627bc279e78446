"""Convolution of images."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, ShapeError
from clearprop.nn.checks import (
    check_images,
    check_vector,
    check_window,
    parameter,
    whole_pair,
)
from clearprop.nn.initial import Seed, Weights, drawn
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.convolution import conv2d


class Conv2d(Layer):
    r"""``y[n,f,i,j] = Σ x[n,c, i s + u d - p, j s + v d - p] W[f,c,u,v] + b[f]``.

    Backward, each from the other two: ``dx`` sends every ``dy`` back through the kernel,
    ``dW[f,c,u,v] = Σ x[n,c, i s + u d - p, …] dy[n,f,i,j]``, ``db[f] = Σ dy[n,f,i,j]``.

    Parameters
    ----------
    W : ndarray of floats, shape (F, C / groups, kernel height, kernel width)
        The kernels of F filters; kept, not copied.
    b : ndarray of floats, shape (F,) or (1, F)
    stride : int or (int, int), default 1
        ``s``: of rows, and of columns.
    padding : int or (int, int), default 0
        ``p``: rows of zeros above and below, columns of zeros left and right.
    dilation : int or (int, int), default 1
        ``d``: the distance between neighbouring kernel elements.
    groups : int, default 1
        Channels and filters are split into so many groups that do not see each other.

    Forward
    -------
    x : ndarray, shape (N, C, H, W)
    y : ndarray, shape (N, F, out_h, out_w), out_h = (H + 2 p - d (kernel height - 1) - 1) // s + 1

    Raises
    ------
    ShapeError
        ``x`` has not four axes or other channels than ``W``; ``b`` does not fit ``W``; the kernel
        is larger than the padded image; a stride, padding or dilation is too small; ``groups``
        does not divide the filters.
    DTypeError
        ``W`` or ``b`` is no array of floats; a stride, padding, dilation or ``groups`` is no whole
        number; ``x`` holds no real numbers.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
    relationships 6 and 15.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Conv2d(np.ones((1, 1, 2, 2)), np.zeros(1))
    >>> layer
    Conv2d(1 → 1, kernel 2×2, float64)
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> print(layer.forward(x)[0, 0])
    [[ 8. 12.]
     [20. 24.]]
    >>> print(layer.backward(np.ones((1, 1, 2, 2)))[0, 0])
    [[1. 2. 1.]
     [2. 4. 2.]
     [1. 2. 1.]]
    """

    parameters = ("W", "b")

    def __init__(
        self,
        W: Any,
        b: Any,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
    ) -> None:
        self.W = parameter(W, "W", "Conv2d")
        self.b = parameter(b, "b", "Conv2d")
        self.stride = whole_pair(stride, "stride", 1, "Conv2d")
        self.padding = whole_pair(padding, "padding", 0, "Conv2d")
        self.dilation = whole_pair(dilation, "dilation", 1, "Conv2d")
        self.groups = _groups(groups)
        self.dW: Any = None
        self.db: Any = None
        self._check(self.W, self.b)

    @classmethod
    def initial(
        cls,
        channels: int,
        filters: int,
        size: int | tuple[int, int],
        *,
        seed: Seed,
        std: float | None = None,
        weights: Weights = "he",
        dtype: Any = np.float64,
        **options: Any,
    ) -> Conv2d:
        """Make a layer with random kernels and biases of 0.

        Parameters
        ----------
        channels, filters : int
            C and F.
        size : int or (int, int)
            Height and width of the kernel.
        seed : int or numpy.random.Generator
        std : float, optional
            The standard deviation of the weights; 0.01 in the documents.
        weights : str or callable, default "he"
            As in `Affine.initial`.
        dtype : dtype, default float64
        **options
            ``stride``, ``padding``, ``dilation``, ``groups``.
        """
        size = whole_pair(size, "size", 1, "Conv2d")
        shape = (filters, channels // _groups(options.get("groups", 1)), *size)
        W = drawn(shape, weights, std, seed, dtype)
        return cls(W, np.zeros(filters, dtype), **options)

    def compute(self, x: Any, W: Any, b: Any) -> Any:
        """``y = x ⋆ W + b``."""
        self._check(W, b)
        check_images(x, "Conv2d")
        self._check_channels(x, W)
        check_window(x, self._span(W), self.padding, "the kernel", "Conv2d")
        y = conv2d(
            x,
            W,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        return y + np.reshape(b, (b.size, 1, 1))

    def _span(self, W: Any) -> tuple[int, int]:
        (height, width), (dh, dw) = W.shape[2:], self.dilation
        return (height - 1) * dh + 1, (width - 1) * dw + 1

    def _check(self, W: Any, b: Any) -> None:
        if W.ndim != 4 or 0 in W.shape:
            raise ShapeError(
                f"Conv2d: W has shape {W.shape}.",
                where=current_line(1),
                why="Kernels have four axes, (F, C / groups, height, width), none of length 0.",
                write="W[np.newaxis], for the kernel of one filter."
                if W.ndim == 3
                else "W.reshape(F, C, height, width)",
            )
        if W.shape[0] % self.groups:
            raise ShapeError(
                f"Conv2d: W has shape {W.shape}, groups is {self.groups}.",
                where=current_line(1),
                why=f"The {W.shape[0]} filters cannot be split into {self.groups} equal groups.",
                write="groups=1, or a number of filters that is a multiple of groups.",
            )
        why = f"W has shape {W.shape}, so there are {W.shape[0]} filters, and each has one bias."
        check_vector(b, "b", W.shape[0], why, "Conv2d")

    def _check_channels(self, x: Any, W: Any) -> None:
        channels = W.shape[1] * self.groups
        if x.shape[1] == channels:
            return
        raise ShapeError(
            f"Conv2d: x has shape {x.shape}, W has shape {W.shape}, groups is {self.groups}.",
            where=current_line(1),
            why=f"The kernels are for {channels} channels, x has {x.shape[1]}.",
            write="x.transpose(0, 3, 1, 2), if the channels are the last axis of x."
            if x.shape[3] == channels
            else f"W of shape ({W.shape[0]}, {x.shape[1] // self.groups}, …)",
        )

    def _options(self) -> str:
        F, C, height, width = self.W.shape
        parts = [f"{C * self.groups} → {F}", f"kernel {height}×{width}"]
        for name, plain in (("stride", 1), ("padding", 0), ("dilation", 1)):
            value = getattr(self, name)
            if value != (plain, plain):
                parts.append(f"{name} {value[0]}×{value[1]}")
        if self.groups != 1:
            parts.append(f"{self.groups} groups")
        return ", ".join([*parts, str(self.W.dtype)])


def _groups(groups: Any) -> int:
    try:
        number = operator.index(groups)
    except TypeError:
        raise DTypeError(
            f"Conv2d: groups is {groups!r}.",
            where=current_line(1),
            why="Groups of channels are counted in whole numbers.",
            write="groups=1",
        ) from None
    if number < 1:
        raise ShapeError(
            f"Conv2d: groups is {groups!r}.",
            where=current_line(1),
            why="There is at least one group of channels.",
            write="groups=1",
        )
    return number
