"""Augmentation: layers that change the samples in training, and nothing in prediction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import between, check_images, whole_pair
from clearprop.nn.drawing import Drawing
from clearprop.places import current_line
from clearprop.rules.random import keep_mask, uniform

Pair = int | tuple[int, int]


class RandomShift(Drawing):
    r"""``y[n,c,i,j] = x[n,c,i-a_n,j-b_n]``, in training only; zeros come in at the edges.

    Every image moves by a whole number of pixels of its own, down by ``a`` and to the right by
    ``b``, each of ``-pixels, …, pixels`` with the same probability. All its channels move together.
    In prediction ``y = x``. Backward, the gradient moves back; what was moved out of the image
    gets 0.

    The numbers are computed from the seed, the layer's position in its network and the number of
    the call in training, and from nothing else; see `Dropout`.

    Parameters
    ----------
    pixels : int or (int, int)
        The most that an image moves: along rows and columns, or (rows, columns).
    seed : int, default 0
        From 0 to 2**64 - 1.

    Attributes
    ----------
    key : ndarray of uint64, shape (2,)
        The seed, and the number of the next call in training.

    Forward
    -------
    x : ndarray, shape (N, C, H, W)
    train : bool, default True
    y : ndarray, shape (N, C, H, W)

    Raises
    ------
    ShapeError
        ``x`` has not four axes, or ``pixels`` is negative or no pair.
    DTypeError
        ``pixels`` or ``seed`` is no whole number; ``x`` holds no real numbers.
    OptionError
        ``seed`` is out of range.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    P. Simard et al., "Best practices for convolutional neural networks applied to visual document
    analysis", 2003, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.RandomShift(1, seed=1)
    >>> print(layer.forward(np.arange(1.0, 10).reshape(1, 1, 3, 3))[0, 0])
    [[0. 0. 0.]
     [2. 3. 0.]
     [5. 6. 0.]]
    """

    _example = "2, "

    def __init__(self, pixels: Pair, *, seed: int = 0) -> None:
        self.pixels = whole_pair(pixels, "pixels", 0, "RandomShift")
        super().__init__(seed)

    def compute(self, x: Any, key: Any, *, train: bool, first: int = 0) -> Any:
        """``y[n,c,i,j] = x[n,c,i-a_n,j-b_n]``."""
        check_images(x, "RandomShift")
        if not train:
            return x, ()
        return _cut_out(x, key, x.shape[2:], self.pixels, first), ()

    def _options(self) -> str:
        return f"{self.pixels[0]}×{self.pixels[1]}, {super()._options()}"


class RandomCrop(Drawing):
    r"""``y[n,c,i,j] = x[n,c,i+a_n,j+b_n]``, a part of each image; in prediction the central one.

    Around the image are ``padding`` rows and columns of zeros. In training, every image is cut at a
    place of its own, each place with the same probability; in prediction, with ``H + 2 p - size``
    rows left over, half of them (rounded down) are left out above, and so for columns. With the
    size of the image itself and ``padding=p`` this is `RandomShift` by ``p``.

    The numbers are computed from the seed, the layer's position in its network and the number of
    the call in training, and from nothing else; see `Dropout`.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of ``y``.
    padding : int or (int, int), default 0
    seed : int, default 0
        From 0 to 2**64 - 1.

    Attributes
    ----------
    key : ndarray of uint64, shape (2,)
        The seed, and the number of the next call in training.

    Forward
    -------
    x : ndarray, shape (N, C, H, W)
    train : bool, default True
    y : ndarray, shape (N, C, \*size)

    Raises
    ------
    ShapeError
        ``x`` has not four axes, or with its padding is smaller than ``size``; a size or padding is
        too small.
    DTypeError
        A size, padding or ``seed`` is no whole number; ``x`` holds no real numbers.
    OptionError
        ``seed`` is out of range.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.RandomCrop(2)
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> print(layer.forward(x)[0, 0], layer.forward(x, train=False)[0, 0], sep="\n")
    [[0. 1.]
     [4. 5.]]
    [[ 5.  6.]
     [ 9. 10.]]
    """

    _example = "28, padding=2, "

    def __init__(self, size: Pair, padding: Pair = 0, *, seed: int = 0) -> None:
        self.size = whole_pair(size, "size", 1, "RandomCrop")
        self.padding = whole_pair(padding, "padding", 0, "RandomCrop")
        super().__init__(seed)

    def compute(self, x: Any, key: Any, *, train: bool, first: int = 0) -> Any:
        """``y[n,c,i,j] = x[n,c,i+a_n,j+b_n]``."""
        check_images(x, "RandomCrop")
        self._check_size(x.shape)
        if train:
            return _cut_out(x, key, self.size, self.padding, first), ()
        (h, w), padded = self.size, _padded(x, self.padding)
        a, b = ((n - m) // 2 for n, m in zip(padded.shape[2:], self.size, strict=True))
        return padded[:, :, a : a + h, b : b + w], ()

    def _check_size(self, shape: tuple[int, ...]) -> None:
        room = tuple(n + 2 * p for n, p in zip(shape[2:], self.padding, strict=True))
        if self.size[0] <= room[0] and self.size[1] <= room[1]:
            return
        short = (m - n for m, n in zip(self.size, shape[2:], strict=True))
        raise ShapeError(
            f"RandomCrop: size is {self.size[0]}×{self.size[1]} pixels, the image with its padding "
            f"has {room[0]}×{room[1]}; x has shape {shape}.",
            where=current_line(1),
            why="Not one place for it fits.",
            write=f"padding={(max(short) + 1) // 2}, or a smaller size.",
        )

    def _options(self) -> str:
        size, padding = (f"{a}×{b}" for a, b in (self.size, self.padding))
        return f"{size}, padding {padding}, {super()._options()}"


class RandomFlip(Drawing):
    r"""``y[n,c,i,j] = x[n,c,i,W-1-j]``, left and right exchanged, for half of the images.

    In training, every image is turned with probability 1/2, in all its channels; in prediction
    ``y = x``. Backward, the gradient is turned back.

    The numbers are computed from the seed, the layer's position in its network and the number of
    the call in training, and from nothing else; see `Dropout`.

    Parameters
    ----------
    seed : int, default 0
        From 0 to 2**64 - 1.

    Attributes
    ----------
    key : ndarray of uint64, shape (2,)
        The seed, and the number of the next call in training.

    Forward
    -------
    x : ndarray, shape (N, C, H, W)
    train : bool, default True
    y : ndarray, shape (N, C, H, W)

    Raises
    ------
    ShapeError
        ``x`` has not four axes.
    DTypeError
        ``seed`` is no whole number; ``x`` holds no real numbers.
    OptionError
        ``seed`` is out of range.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.RandomFlip(seed=0)
    >>> print(layer.forward(np.arange(8.0).reshape(4, 1, 1, 2)).reshape(4, 2))
    [[1. 0.]
     [3. 2.]
     [4. 5.]
     [7. 6.]]
    """

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(seed)

    def compute(self, x: Any, key: Any, *, train: bool, first: int = 0) -> Any:
        """``y[n,c,i,j] = x[n,c,i,W-1-j]``, or ``x``."""
        check_images(x, "RandomFlip")
        if not train:
            return x, ()
        stays = keep_mask(key, shape=(x.shape[0], 1, 1, 1), rate=0.5, first=first)
        return np.where(stays, x, x[..., ::-1]), ()


class Noise(Drawing):
    r"""``y = x + std z`` with ``z`` normally distributed, in training only; backward ``dx = dy``.

    Every element gets a ``z`` of its own, from two uniform numbers ``u, v`` by Box and Muller's
    :math:`z = \sqrt{-2 \ln(1 - u)} \cos 2\pi v`. In prediction ``y = x``. The uniform numbers
    have 24 bits whatever the dtype of ``x`` is, so no ``z`` is beyond ±5.77.

    The numbers are computed from the seed, the layer's position in its network and the number of
    the call in training, and from nothing else; see `Dropout`.

    Parameters
    ----------
    std : float
        Standard deviation, in units of ``x``; at least 0.
    seed : int, default 0
        From 0 to 2**64 - 1.

    Attributes
    ----------
    key : ndarray of uint64, shape (2,)
        The seed, and the number of the next call in training.

    Forward
    -------
    x : ndarray, any shape
    train : bool, default True
    y : ndarray, shape of x

    Raises
    ------
    OptionError
        ``std`` is negative or not finite; ``seed`` is out of range.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", 1958.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Noise(0.1, seed=0)
    >>> y = layer.forward(np.ones((1000, 10)))
    >>> print(round(float(y.mean()), 2), round(float(y.std()), 2))
    1.0 0.1
    """

    _example = "0.1, "

    def __init__(self, std: float, *, seed: int = 0) -> None:
        self.std = between(std, "std", 0.0, math.inf, "Noise")
        super().__init__(seed)

    def compute(self, x: Any, key: Any, *, train: bool, first: int = 0) -> Any:
        """``y = x + std sqrt(-2 log(1 - u)) cos(2π v)``."""
        if not train:
            return x, ()
        # In float32 whatever x is, so that its dtype does not change the numbers.
        shape = (*x.shape, 2)
        drawn = uniform(
            key, shape=shape, dtype=np.dtype(np.float32), first=first * math.prod(shape[1:])
        )
        drawn = drawn.astype(np.result_type(x.dtype, np.float32))  # for halves, 1 - u could be 0
        radius = np.sqrt(-2.0 * np.log(1.0 - drawn[..., 0]))
        z = radius * np.cos(2.0 * math.pi * drawn[..., 1])
        return x + self.std * z.astype(x.dtype), ()

    def _options(self) -> str:
        return f"{self.std:g}, {super()._options()}"


def _cut_out(x: Any, key: Any, size: tuple[int, int], padding: tuple[int, int], first: int) -> Any:
    """Cut a part out of every padded image, at a place of its own."""
    x = _padded(x, padding)
    count, _, *lengths = x.shape
    # In float64 whatever x is, so that its dtype does not change the places.
    drawn = uniform(key, shape=(count, 2), dtype=np.dtype(np.float64), first=2 * first)
    for k, form in enumerate(((count, 1, size[0], 1), (count, 1, 1, size[1]))):
        corner = np.floor(drawn[:, k : k + 1] * (lengths[k] - size[k] + 1)).astype(np.int64)
        places = corner + np.arange(size[k])
        x = np.take_along_axis(x, np.reshape(places, form), axis=2 + k)
    return x


def _padded(x: Any, padding: tuple[int, int]) -> Any:
    """Put zeros around every image."""
    if padding == (0, 0):
        return x
    return np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
