"""The textbook's network: two affine layers, a ReLU between them, softmax with loss at the end."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clearprop.nn.activations import ReLU
from clearprop.nn.affine import Affine
from clearprop.nn.initial import Seed
from clearprop.nn.losses import SoftmaxWithLoss
from clearprop.nn.sequential import Sequential


class TwoLayerNet(Sequential):
    r"""``y = max(x W1 + b1, 0) W2 + b2``, with ``L`` the cross-entropy of ``softmax(y)``.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
    weight_init_std : float, default 0.01
        The standard deviation of the initial weights; the initial biases are 0.
    seed : int or numpy.random.Generator, default 0
        The same seed gives the same network.
    dtype : dtype, default float64

    Attributes
    ----------
    params : dict of str to ndarray
        ``W1`` (input_size, hidden_size), ``b1`` (hidden_size,), ``W2`` (hidden_size,
        output_size), ``b2`` (output_size,). See `Sequential`, whose methods ``predict``, ``loss``,
        ``accuracy``, ``gradient`` and ``numerical_gradient`` are the textbook's.

    Raises
    ------
    ShapeError, DTypeError, LabelError
        From the layer that is concerned.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.7.2: TwoLayerNet.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> net = nn.TwoLayerNet(input_size=4, hidden_size=5, output_size=3)
    >>> net
    TwoLayerNet(
      Affine1: Affine(4 → 5, float64)
      ReLU1: ReLU()
      Affine2: Affine(5 → 3, float64)
      loss: SoftmaxWithLoss()
    ) with 43 parameters
    >>> x, t = np.random.default_rng(1).random((3, 4)), np.array([0, 2, 1])
    >>> numerical, backprop = net.numerical_gradient(x, t), net.gradient(x, t)
    >>> all(np.allclose(numerical[key], backprop[key], atol=1e-9) for key in net.params)
    True
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        *,
        seed: Seed = 0,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        rng = np.random.default_rng(seed)
        super().__init__(
            Affine.initial(input_size, hidden_size, std=weight_init_std, seed=rng, dtype=dtype),
            ReLU(),
            Affine.initial(hidden_size, output_size, std=weight_init_std, seed=rng, dtype=dtype),
            loss=SoftmaxWithLoss(),
        )
