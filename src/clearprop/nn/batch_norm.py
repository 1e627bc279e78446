"""Batch normalisation: of features, of channels, or of each activation of an image."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import ShapeError
from clearprop.nn.checks import along_features, between, check_vector, parameter
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.normalization import normalize


class BatchNorm(Layer):
    r"""``y = γ (x - μ) / √(σ² + ε) + β``, with mean and variance of the batch, or running ones.

    Backward, in training, with ``x̂ = (x - μ) / √(σ² + ε)`` and means over the batch:
    ``dx = γ / √(σ² + ε) (dy - mean(dy) - x̂ mean(dy x̂))``, ``dγ = Σ dy x̂``, ``dβ = Σ dy``. Mean
    and variance depend on every sample, and the gradient flows through them too.

    Parameters
    ----------
    gamma, beta : ndarray of floats, shape (D,) or (1, D)
        For rows (N, D). For images (N, C, H, W) one for each channel, (C,); with
        `per_activation` one for each activation, (C·H·W,). Kept, not copied.
    momentum : float, default 0.9
        ``running = momentum running + (1 - momentum) batch``, after each call in training.
    running_mean, running_var : ndarray, shape (D,), optional
        What inference (``train=False``) normalises with; at first 0 and 1, so that an untrained
        layer changes little. (Some texts start the variance at 0: an inference before, or soon
        after, the start of training then multiplies by up to 1/√ε.)
    eps : float, default 10e-7
    per_activation : bool, default False

    Forward
    -------
    x : ndarray, shape (N, D) or (N, C, H, W); for inference also (D,)
    train : bool, default True
        The variance of the batch is the biased one, divided by the number of values.

    Raises
    ------
    ShapeError
        The features of ``x`` are not those of ``gamma`` and ``beta``; the batch is empty; a single
        sample in training.
    OptionError
        ``momentum`` or ``eps`` is out of range.
    DTypeError
        ``gamma`` or ``beta`` is no array of floats, or ``x`` holds no real numbers.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    S. Ioffe and C. Szegedy, "Batch normalization", 2015, arXiv:1502.03167, Algorithms 1 and 2, and
    for images section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.BatchNorm(np.ones(2), np.zeros(2))
    >>> print(np.round(layer.forward([[1.0, 10.0], [3.0, 30.0]]), 4))
    [[-1. -1.]
     [ 1.  1.]]
    >>> print(layer.running_mean, layer.backward(np.ones((2, 2))), layer.dbeta)
    [0.2 2. ] [[0. 0.]
     [0. 0.]] [2. 2.]
    """

    parameters = ("gamma", "beta")
    buffers = ("running_mean", "running_var")

    def __init__(
        self,
        gamma: Any,
        beta: Any,
        momentum: float = 0.9,
        running_mean: Any = None,
        running_var: Any = None,
        *,
        eps: float = 10e-7,
        per_activation: bool = False,
    ) -> None:
        self.gamma = parameter(gamma, "gamma", "BatchNorm")
        self.beta = parameter(beta, "beta", "BatchNorm")
        self.momentum = between(momentum, "momentum", 0.0, 1.0, "BatchNorm")
        self.eps = between(eps, "eps", 0.0, float("inf"), "BatchNorm")
        self.per_activation = per_activation
        features, dtype = (self.gamma.shape or (0,))[-1], self.gamma.dtype
        check_vector(self.gamma, "gamma", features, "Each feature has one scale.", "BatchNorm")
        why = f"gamma has shape {self.gamma.shape}, and each feature has one scale and one shift."
        check_vector(self.beta, "beta", features, why, "BatchNorm")
        self.dgamma: Any = None
        self.dbeta: Any = None
        self.running_mean = _statistic(running_mean, "running_mean", 0.0, features, dtype)
        self.running_var = _statistic(running_var, "running_var", 1.0, features, dtype)

    @classmethod
    def initial(cls, features: int, *, dtype: Any = np.float64, **options: Any) -> BatchNorm:
        """Make a layer with ``gamma`` 1 and ``beta`` 0 for a number of features or channels."""
        return cls(np.ones(features, dtype), np.zeros(features, dtype), **options)

    def compute(
        self, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any, *, train: bool
    ) -> Any:
        """``y = γ (x - μ) / √(σ² + ε) + β``, and the mean and variance seen."""
        shape = x.shape
        if self.per_activation and len(shape) == 4:
            x = np.reshape(x, (shape[0], prod(shape[1:])))
        _check(x, gamma, shape, train, self.per_activation)
        along = (gamma.size, 1, 1) if x.ndim == 4 else (gamma.size,)
        gamma, beta = along_features(gamma, along), along_features(beta, along)
        seen: tuple[Any, ...] = ()
        if train:
            xn, *seen_ = normalize(x, axis=(0, 2, 3) if x.ndim == 4 else (0,), eps=self.eps)
            seen = tuple(seen_)
        else:
            std = np.sqrt(along_features(running_var, along) + self.eps)
            xn = (x - along_features(running_mean, along)) / std
        y = gamma * xn + beta
        return (y if y.shape == shape else np.reshape(y, shape)), seen

    def advance(self, buffers: tuple[Any, ...], seen: tuple[Any, ...]) -> tuple[Any, ...]:
        """``running = momentum running + (1 - momentum) batch``."""
        return tuple(
            self.momentum * running + (1 - self.momentum) * np.reshape(batch, running.shape)
            for running, batch in zip(buffers, seen, strict=True)
        )

    def forward(self, x: Any, train: bool = True) -> Any:
        """Compute ``y``; in training also the running mean and variance. See `Layer.forward`."""
        return super().forward(x, train=train)

    def _options(self) -> str:
        kind = ", per_activation=True" if self.per_activation else ""
        return (
            f"{self.gamma.size} features, momentum={self.momentum:g}, eps={self.eps:g}{kind}, "
            f"{self.gamma.dtype}"
        )


def _statistic(given: Any, name: str, start: float, features: int, dtype: Any) -> npt.NDArray[Any]:
    if given is None:
        return np.full(features, start, dtype)
    given = parameter(given, name, "BatchNorm")
    check_vector(given, name, features, "Each feature has one.", "BatchNorm")
    return np.array(given, dtype).reshape(features)


def _check(x: Any, gamma: Any, shape: tuple[int, ...], train: bool, per_activation: bool) -> None:
    axes = (2, 4) if train else (1, 2, 4)
    found = 0 if x.ndim not in axes else x.shape[1 if x.ndim > 1 else 0]
    if found == gamma.size and (x.size or not train):
        return
    forms = f"(N, {gamma.size}) or (N, {gamma.size}, H, W)"
    if per_activation:
        forms = f"(N, {gamma.size}) or (N, C, H, W) with C·H·W = {gamma.size}"
    why = f"gamma has {gamma.size} features, so x is {forms}"
    write = f"gamma and beta of shape ({found},)" if found else f"x of shape {forms}"
    if train and shape == (gamma.size,):
        why = "One sample has no mean and variance to train with"
        write = "layer.forward(x, train=False)"
    elif found == gamma.size:
        why, write = "A batch of no samples has no mean and variance", "at least one sample."
    raise ShapeError(
        f"BatchNorm: x has shape {shape}, gamma has shape {gamma.shape}, train={train}.",
        where=current_line(1),
        why=f"{why}.",
        write=write,
    )
