"""Layer normalisation: each sample with its own mean and variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import between, parameter
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.normalization import normalize


class LayerNorm(Layer):
    r"""``y = γ (x - μ) / √(σ² + ε) + β``, with mean and variance over the last axes of each sample.

    Backward, with ``x̂ = (x - μ) / √(σ² + ε)``, ``d = γ dy`` and means over these axes:
    ``dx = (d - mean(d) - x̂ mean(d x̂)) / √(σ² + ε)``, ``dγ = Σ dy x̂``, ``dβ = Σ dy``. No sample
    depends on another, so training and inference are the same.

    Parameters
    ----------
    gamma, beta : ndarray of floats, shape (D,), or that of the last axes of x
        Kept, not copied.
    eps : float, default 1e-5

    Forward
    -------
    x : ndarray, shape (…, D): (N, D), (N, T, D), (D,); or (…, *gamma.shape)
        The variance is the biased one, divided by the number of values.

    Raises
    ------
    ShapeError
        The last axes of ``x`` are not those of ``gamma``; ``gamma`` is empty or a number; ``beta``
        has another shape.
    OptionError
        ``eps`` is out of range.
    DTypeError
        ``gamma`` or ``beta`` is no array of floats, or ``x`` holds no real numbers.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016, arXiv:1607.06450,
    equation (4).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.LayerNorm(np.ones(2), np.zeros(2))
    >>> print(np.round(layer.forward([[1.0, 3.0], [50.0, 10.0]]), 4))
    [[-1.  1.]
     [ 1. -1.]]
    >>> print(layer.backward(np.ones((2, 2))), layer.dbeta)
    [[0. 0.]
     [0. 0.]] [2. 2.]
    """

    parameters = ("gamma", "beta")

    def __init__(self, gamma: Any, beta: Any, *, eps: float = 1e-5) -> None:
        self.gamma = parameter(gamma, "gamma", "LayerNorm")
        self.beta = parameter(beta, "beta", "LayerNorm")
        self.eps = between(eps, "eps", 0.0, float("inf"), "LayerNorm")
        self.dgamma: Any = None
        self.dbeta: Any = None
        _check(self.gamma, self.beta)

    @classmethod
    def initial(
        cls, shape: int | tuple[int, ...], *, dtype: Any = np.float64, **options: Any
    ) -> LayerNorm:
        """Make a layer with ``gamma`` 1 and ``beta`` 0.

        Parameters
        ----------
        shape : int or tuple of int
            The number of features D, or the shape of the last axes.
        dtype : dtype, default float64
        **options
            ``eps``.
        """
        return cls(np.ones(shape, dtype), np.zeros(shape, dtype), **options)

    def compute(self, x: Any, gamma: Any, beta: Any) -> Any:
        """``y = γ (x - μ) / √(σ² + ε) + β``."""
        _check(gamma, beta)
        first = x.ndim - gamma.ndim
        if first < 0 or x.shape[first:] != gamma.shape:
            raise ShapeError(
                f"LayerNorm: x has shape {x.shape}, gamma has shape {gamma.shape}.",
                where=current_line(1),
                why=f"The last axes of x are normalised, and have the shape {gamma.shape}.",
                write=f"nn.LayerNorm.initial({x.shape[-1]})" if x.ndim else "x.reshape(1, 1)",
            )
        xn, _, _ = normalize(x, axis=tuple(range(first, x.ndim)), eps=self.eps)
        return gamma * xn + beta

    def _options(self) -> str:
        shape = self.gamma.shape
        of = f"{shape[0]} features" if len(shape) == 1 else f"shape {shape}"
        return f"{of}, eps={self.eps:g}, {self.gamma.dtype}"


def _check(gamma: Any, beta: Any) -> None:
    if not gamma.ndim or not gamma.size:
        raise ShapeError(
            f"LayerNorm: gamma has shape {gamma.shape}.",
            where=current_line(1),
            why="Each feature has one scale, and there is at least one feature.",
            write="nn.LayerNorm.initial(D)",
        )
    if beta.shape != gamma.shape:
        raise ShapeError(
            f"LayerNorm: beta has shape {beta.shape}, gamma has shape {gamma.shape}.",
            where=current_line(1),
            why="Each feature has one scale and one shift.",
            write=f"np.zeros({gamma.shape})",
        )
