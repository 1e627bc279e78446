"""Convolution of images and of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import (
    check_images,
    check_vector,
    check_window,
    parameter,
    whole_number,
    whole_pair,
)
from clearprop.nn.initial import Seed, gaussian, he
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
        self.groups = _groups(groups, "Conv2d")
        self.dW: Any = None
        self.db: Any = None
        _check_kernels(self.W, self.b, self.groups, ("height", "width"), "Conv2d")

    @classmethod
    def initial(
        cls,
        channels: int,
        filters: int,
        size: int | tuple[int, int],
        *,
        seed: Seed,
        std: float | None = None,
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
            The standard deviation of the weights; by default that of `initial.he`.
        dtype : dtype, default float64
        **options
            ``stride``, ``padding``, ``dilation``, ``groups``.
        """
        size = whole_pair(size, "size", 1, "Conv2d")
        shape = (filters, channels // _groups(options.get("groups", 1), "Conv2d"), *size)
        W = he(shape, seed=seed, dtype=dtype)
        if std is not None:
            W = gaussian(shape, std=std, seed=seed, dtype=dtype)
        return cls(W, np.zeros(filters, dtype), **options)

    def compute(self, x: Any, W: Any, b: Any) -> Any:
        """``y = x ⋆ W + b``."""
        _check_kernels(W, b, self.groups, ("height", "width"), "Conv2d")
        check_images(x, "Conv2d")
        last_is = "x.transpose(0, 3, 1, 2), if the channels are the last axis of x."
        _check_channels(x, W, self.groups, last_is, "Conv2d")
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


class Conv1d(Layer):
    r"""``y[n,f,i] = Σ x[n,c, i s + u d - p] W[f,c,u] + b[f]``: `Conv2d` along one axis.

    Parameters
    ----------
    W : ndarray of floats, shape (F, C / groups, k)
        The kernels of F filters; kept, not copied.
    b : ndarray of floats, shape (F,) or (1, F)
    stride : int, default 1
        ``s``.
    padding : int, default 0
        ``p``: zeros before and behind.
    dilation : int, default 1
        ``d``: the distance between neighbouring kernel elements.
    groups : int, default 1
        Channels and filters are split into so many groups that do not see each other.

    Forward
    -------
    x : ndarray, shape (N, C, L)
        Sequences of L steps, the channels before the steps.
    y : ndarray, shape (N, F, out), out = (L + 2 p - d (k - 1) - 1) // s + 1

    Raises
    ------
    ShapeError
        ``x`` has not three axes or other channels than ``W``; ``b`` does not fit ``W``; the kernel
        is longer than the padded sequence; a stride, padding or dilation is too small; ``groups``
        does not divide the filters.
    DTypeError
        ``W`` or ``b`` is no array of floats; a stride, padding, dilation or ``groups`` is no whole
        number; ``x`` holds no real numbers.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    A. Waibel et al., "Phoneme recognition using time-delay neural networks", 1989.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Conv1d(np.ones((1, 1, 2)), np.zeros(1))
    >>> layer
    Conv1d(1 → 1, kernel 2, float64)
    >>> print(layer.forward(np.arange(4.0).reshape(1, 1, 4)), layer.backward(np.ones((1, 1, 3))))
    [[[1. 3. 5.]]] [[[1. 2. 2. 1.]]]
    """

    parameters = ("W", "b")

    def __init__(
        self,
        W: Any,
        b: Any,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        self.W = parameter(W, "W", "Conv1d")
        self.b = parameter(b, "b", "Conv1d")
        why = "Steps of a sequence are counted in whole numbers, here from {} on."
        self.stride = whole_number(stride, "stride", 1, "Conv1d", why.format(1))
        self.padding = whole_number(padding, "padding", 0, "Conv1d", why.format(0))
        self.dilation = whole_number(dilation, "dilation", 1, "Conv1d", why.format(1))
        self.groups = _groups(groups, "Conv1d")
        self.dW: Any = None
        self.db: Any = None
        _check_kernels(self.W, self.b, self.groups, ("length",), "Conv1d")

    @classmethod
    def initial(
        cls,
        channels: int,
        filters: int,
        size: int,
        *,
        seed: Seed,
        std: float | None = None,
        dtype: Any = np.float64,
        **options: Any,
    ) -> Conv1d:
        """Make a layer with random kernels and biases of 0.

        Parameters
        ----------
        channels, filters : int
            C and F.
        size : int
            The length k of the kernel.
        seed : int or numpy.random.Generator
        std : float, optional
            The standard deviation of the weights; by default that of `initial.he`.
        dtype : dtype, default float64
        **options
            ``stride``, ``padding``, ``dilation``, ``groups``.
        """
        size = whole_number(size, "size", 1, "Conv1d", "A kernel has at least one element.")
        shape = (filters, channels // _groups(options.get("groups", 1), "Conv1d"), 1, size)
        W = he(shape, seed=seed, dtype=dtype)
        if std is not None:
            W = gaussian(shape, std=std, seed=seed, dtype=dtype)
        return cls(W[:, :, 0], np.zeros(filters, dtype), **options)

    def compute(self, x: Any, W: Any, b: Any) -> Any:
        """``y = x ⋆ W + b``: of images that are one pixel high."""
        _check_kernels(W, b, self.groups, ("length",), "Conv1d")
        self._check_input(x, W)
        (N, C, L), (F, each, k) = x.shape, W.shape
        y = conv2d(
            np.reshape(x, (N, C, 1, L)),
            np.reshape(W, (F, each, 1, k)),
            stride=(1, self.stride),
            padding=(0, self.padding),
            dilation=(1, self.dilation),
            groups=self.groups,
        )
        return np.reshape(y, (N, F, y.shape[3])) + np.reshape(b, (F, 1))

    def _check_input(self, x: Any, W: Any) -> None:
        if x.ndim != 3:
            raise ShapeError(
                f"Conv1d: x has shape {x.shape}.",
                where=current_line(1),
                why="Sequences have three axes: (N, C, L), samples, channels, steps.",
                write="x[np.newaxis], a batch of one sequence (C, L)."
                if x.ndim == 2
                else "x.reshape(N, C, L)",
            )
        last_is = "x.transpose(0, 2, 1), if the channels are the last axis of x."
        _check_channels(x, W, self.groups, last_is, "Conv1d")
        span = (W.shape[2] - 1) * self.dilation + 1
        length = x.shape[2] + 2 * self.padding
        if span > length:
            raise ShapeError(
                f"Conv1d: the kernel spans {span} steps, the sequence with its padding has "
                f"{length}; x has shape {x.shape}.",
                where=current_line(1),
                why="Not one position of it fits.",
                write=f"padding={(span - x.shape[2] + 1) // 2}, or a smaller one.",
            )

    def _options(self) -> str:
        F, C, k = self.W.shape
        parts = [f"{C * self.groups} → {F}", f"kernel {k}"]
        for name, plain in (("stride", 1), ("padding", 0), ("dilation", 1)):
            if getattr(self, name) != plain:
                parts.append(f"{name} {getattr(self, name)}")
        if self.groups != 1:
            parts.append(f"{self.groups} groups")
        return ", ".join([*parts, str(self.W.dtype)])


def _groups(groups: Any, layer: str) -> int:
    why = "Groups of channels are counted in whole numbers, and there is at least one."
    return whole_number(groups, "groups", 1, layer, why)


def _check_kernels(W: Any, b: Any, groups: int, sizes: tuple[str, ...], layer: str) -> None:
    axes, words = 2 + len(sizes), {3: "three", 4: "four"}
    if W.ndim != axes or 0 in W.shape:
        raise ShapeError(
            f"{layer}: W has shape {W.shape}.",
            where=current_line(1),
            why=f"Kernels have {words[axes]} axes, (F, C / groups, {', '.join(sizes)}), none of "
            "length 0.",
            write="W[np.newaxis], for the kernel of one filter."
            if W.ndim == axes - 1
            else f"W.reshape(F, C, {', '.join(sizes)})",
        )
    if W.shape[0] % groups:
        raise ShapeError(
            f"{layer}: W has shape {W.shape}, groups is {groups}.",
            where=current_line(1),
            why=f"The {W.shape[0]} filters cannot be split into {groups} equal groups.",
            write="groups=1, or a number of filters that is a multiple of groups.",
        )
    why = f"W has shape {W.shape}, so there are {W.shape[0]} filters, and each has one bias."
    check_vector(b, "b", W.shape[0], why, layer)


def _check_channels(x: Any, W: Any, groups: int, last_is: str, layer: str) -> None:
    channels = W.shape[1] * groups
    if x.shape[1] == channels:
        return
    raise ShapeError(
        f"{layer}: x has shape {x.shape}, W has shape {W.shape}, groups is {groups}.",
        where=current_line(1),
        why=f"The kernels are for {channels} channels, x has {x.shape[1]}.",
        write=last_is
        if x.shape[-1] == channels
        else f"W of shape ({W.shape[0]}, {x.shape[1] // groups}, …)",
    )
