"""The residual block: what its layers compute is added to what they were given."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.chain import Chain, no_chain
from clearprop.nn.layer import Layer
from clearprop.places import current_line


class Residual(Chain):
    r"""``y = x + f(x)``, with ``f`` a chain of layers; backward ``dx = dy + fᵀ dy``.

    Parameters
    ----------
    *layers : Layer
        ``f``, in the order of the forward pass; a `Residual` may stand among them. What ``f`` gives
        has the shape of ``x``.

    Attributes
    ----------
    layers : dict of str to Layer
        By the names Affine1, ReLU1, Affine2, …; each has its gradients ``dW, db`` after
        ``backward``.
    parameters, buffers : tuple of str
        Those of the layers, numbered as in a network: W1, b1, gamma2, …, and
        ``BatchNorm1.running_var``. In a network the block's name stands before them:
        ``Residual1.W1``.

    Forward
    -------
    x : ndarray, as the first layer takes it
    train : bool, default True
        For the layers that ask, such as `Dropout` and `BatchNorm`.

    Raises
    ------
    ShapeError
        ``f(x)`` has another shape than ``x``.
    OptionError
        There is no layer, a layer takes two inputs or whole numbers, or stands there twice.
    OrderError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. He et al., "Deep residual learning for image recognition", 2015, arXiv:1512.03385,
    equation (1).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> block = nn.Residual(nn.Affine(2 * np.eye(2), np.zeros(2)), nn.ReLU())
    >>> block
    Residual(
      Affine1: Affine(2 → 2, float64)
      ReLU1: ReLU()
    )
    >>> print(block.forward([[1.0, -1.0]]), block.backward([[1.0, 1.0]]))
    [[ 3. -1.]] [[3. 1.]]
    >>> list(nn.Sequential(block, nn.Affine.initial(2, 3, seed=0)).params)
    ['Residual1.W1', 'Residual1.b1', 'W1', 'b1']
    """

    is_plain = False

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        if self.whole_inputs:
            problem = "takes whole numbers, to which nothing can be added"
            raise no_chain("Residual", f"{next(iter(self.layers.values()))!r} {problem}")

    def compute(self, x: Any, *arrays: Any, train: bool = False) -> Any:
        """Compute ``y = x + f(x)``; see `Sequential.compute`."""
        y, seen = self._run(x, arrays, train)
        if np.shape(y) != np.shape(x):
            raise ShapeError(
                f"Residual: x has shape {np.shape(x)}, f(x) has shape {np.shape(y)}.",
                where=current_line(1),
                why="They are added, element by element.",
                write="layers that give the shape that they are given, such as a last "
                "nn.Affine.initial(n, D, seed=0) with the D features of x.",
            )
        y = x + y
        return (y, seen) if self.buffers else y
