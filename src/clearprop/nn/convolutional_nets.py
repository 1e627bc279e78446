"""The textbook's convolutional networks: a small one, and a deep one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from clearprop.nn.initial import Seed
from clearprop.nn.losses import SoftmaxWithLoss
from clearprop.nn.sequential import Sequential
from clearprop.nn.spec import layers_of


class SimpleConvNet(Sequential):
    r"""Convolution, ReLU, max pooling, affine, ReLU, affine, softmax with loss.

    Parameters
    ----------
    input_shape : sequence of int, default (1, 28, 28)
        Channels, height and width of an image.
    filters, kernel : int, default 30 and 5
        Of the convolution, without padding; a pool takes the largest of 2 x 2.
    hidden, classes : int, default 100 and 10
        Units of the two affine layers.
    weight_init_std : float, default 0.01
        The standard deviation of the initial weights; the initial biases are 0.
    seed : int or numpy.random.Generator, default 0
    dtype : dtype, default float64

    Raises
    ------
    OptionError
        The image is too small for the kernel, or a number is none.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 7.5.

    Examples
    --------
    >>> from clearprop import nn
    >>> nn.SimpleConvNet(dtype="float32")
    SimpleConvNet(
      Conv2d1: Conv2d(1 → 30, kernel 5×5, float32)
      ReLU1: ReLU()
      MaxPool2d1: MaxPool2d(2×2, stride 2×2)
      Affine1: Affine(4320 → 100, float32)
      ReLU2: ReLU()
      Affine2: Affine(100 → 10, float32)
      loss: SoftmaxWithLoss()
    ) with 433,890 parameters
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 28, 28),
        filters: int = 30,
        kernel: int = 5,
        hidden: int = 100,
        classes: int = 10,
        weight_init_std: float = 0.01,
        *,
        seed: Seed = 0,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        line = f"conv {filters} {kernel}, relu, pool 2, affine {hidden}, relu, affine {classes}"
        layers = layers_of(line, input_shape, seed=seed, std=weight_init_std, dtype=dtype)
        super().__init__(*layers, loss=SoftmaxWithLoss())


class DeepConvNet(Sequential):
    r"""Six convolutions of 3 x 3 in three blocks, two affine layers, dropout, softmax with loss.

    A block is convolution, ReLU, convolution, ReLU, max pooling of 2 x 2; the blocks have 16, 32
    and 64 filters. Weights are initialised for ReLU (`initial.he`).

    Parameters
    ----------
    input_shape : sequence of int, default (1, 28, 28)
    hidden, classes : int, default 50 and 10
        Units of the two affine layers; dropout stands between them.
    ratio : float, default 0.5
        Of the units that dropout leaves out.
    seed : int or numpy.random.Generator, default 0
    dtype : dtype, default float64

    Raises
    ------
    OptionError
        The image is too small, or a number is none.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 8.1.1. The book has a second dropout
    behind the last affine layer, which sets scores to 0 in training; here there is none.

    Examples
    --------
    >>> from clearprop import nn
    >>> net = nn.DeepConvNet(dtype="float32")
    >>> [name for name in net.layers if name.startswith("Conv")][-1], net.params["W7"].shape
    ('Conv2d6', (1024, 50))
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (1, 28, 28),
        hidden: int = 50,
        classes: int = 10,
        ratio: float = 0.5,
        *,
        seed: Seed = 0,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        # the second padding of 2 makes 16 of 14 pixels, which two pools halve
        blocks = (
            f"conv {n} 3 pad 1, relu, conv {n} 3 pad {pad}, relu, pool 2"
            for n, pad in ((16, 1), (32, 2), (64, 1))
        )
        line = f"{', '.join(blocks)}, affine {hidden}, relu, dropout {ratio}, affine {classes}"
        super().__init__(
            *layers_of(line, input_shape, seed=seed, dtype=dtype), loss=SoftmaxWithLoss()
        )
