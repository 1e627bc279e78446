"""Dropout, with masks that are a function of the seed and of the number of the call."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from clearprop.nn.checks import between
from clearprop.nn.drawing import Drawing
from clearprop.rules.random import keep_mask


class Dropout(Drawing):
    r"""``y = x m / (1 - ratio)``, in training only; backward ``dx = dy m / (1 - ratio)``.

    The mask ``m`` is 0 with probability ``ratio``, else 1. In inference ``y = x``. With
    ``inverted=False`` it is the variant that scales at inference: ``y = x m`` in training,
    ``y = x (1 - ratio)`` otherwise. Both have the same mean in training as in inference.

    The mask is computed from the seed, the layer's position in its network and the number of the
    call in training, and from nothing else: the same seed gives the same run, and a run goes on
    where it stopped once ``key`` is put back. ``backward`` uses the mask of its own forward.

    Parameters
    ----------
    ratio : float, default 0.5
        The fraction of elements dropped, from 0 up to, but not including, 1.
    seed : int, default 0
        From 0 to 2**64 - 1.
    inverted : bool, default True

    Attributes
    ----------
    key : ndarray of uint64, shape (2,)
        The seed, and the number of the next call in training.

    Forward
    -------
    x : ndarray, any shape
    train : bool, default True

    Raises
    ------
    OptionError
        ``ratio`` or ``seed`` is out of range.
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    G. E. Hinton et al., "Improving neural networks by preventing co-adaptation of feature
    detectors", 2012, arXiv:1207.0580.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Dropout(0.5, seed=0)
    >>> y = layer.forward(np.ones(8))
    >>> print(y)
    [0. 0. 2. 0. 0. 0. 0. 2.]
    >>> bool(np.all(layer.backward(np.ones(8)) == y))
    True
    >>> print(layer.forward(np.ones(8), train=False))
    [1. 1. 1. 1. 1. 1. 1. 1.]
    """

    _example = "0.5, "

    def __init__(self, ratio: float = 0.5, *, seed: int = 0, inverted: bool = True) -> None:
        self.ratio = between(ratio, "ratio", 0.0, 1.0, "Dropout")
        self.inverted = inverted
        super().__init__(seed)

    def compute(self, x: Any, key: Any, *, train: bool, first: int = 0) -> Any:
        """``y = x m / (1 - ratio)``."""
        keep = 1.0 - self.ratio
        if not train:
            return (x if self.inverted else x * keep), ()
        first *= prod(x.shape[1:])
        mask = keep_mask(key, shape=x.shape, rate=self.ratio, first=first)
        return np.where(mask, x / keep if self.inverted else x, 0.0), ()

    def _options(self) -> str:
        variant = "" if self.inverted else ", inverted=False"
        return f"{self.ratio:g}, {super()._options()}{variant}"
