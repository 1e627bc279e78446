"""Initial weights: random numbers whose spread keeps signals at one size from layer to layer."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import OptionError, ShapeError
from clearprop.places import current_line

Seed = int | np.random.Generator


def gaussian(
    shape: tuple[int, ...], *, std: float = 0.01, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ N(0, std²)``.

    Parameters
    ----------
    shape : tuple of int
    std : float, default 0.01
    seed : int or numpy.random.Generator
        Drawn in float64 and then rounded to `dtype`, so that one seed gives the same network in
        both precisions.
    dtype : dtype, default float64

    Returns
    -------
    ndarray, shape `shape`

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 4.5.1: weight_init_std.

    Examples
    --------
    >>> from clearprop.nn import initial
    >>> initial.gaussian((2, 2), std=0.01, seed=0, dtype="float32").dtype
    dtype('float32')
    """
    numbers = np.random.default_rng(seed).standard_normal(shape)
    return (std * numbers).astype(dtype)


def he(
    shape: tuple[int, ...], *, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ N(0, 2 / inputs)``, for layers followed by ReLU.

    Parameters
    ----------
    shape : (D, n) for `Affine`, (F, C, kernel size, …) for convolutions
        The inputs of one output are D, or C times the product of the kernel's sizes.
    seed : int or numpy.random.Generator
    dtype : dtype, default float64

    Returns
    -------
    ndarray, shape `shape`

    Raises
    ------
    ShapeError
        The shape is of neither form.

    Source
    ------
    K. He et al., "Delving deep into rectifiers", 2015, equation (10).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.nn import initial
    >>> print(np.round(np.std(initial.he((200, 100), seed=0)), 2))
    0.1
    """
    return gaussian(shape, std=sqrt(2 / max(_fans(shape)[0], 1)), seed=seed, dtype=dtype)


def xavier(
    shape: tuple[int, ...], *, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ N(0, 2 / (inputs + outputs))``, for layers followed by tanh or sigmoid.

    Parameters and result are as in `he`.

    Source
    ------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation (12).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.nn import initial
    >>> print(np.round(np.std(initial.xavier((100, 100), seed=0)), 2))
    0.1
    """
    return gaussian(shape, std=sqrt(2 / max(sum(_fans(shape)), 1)), seed=seed, dtype=dtype)


def he_uniform(
    shape: tuple[int, ...], *, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ U(-r, r)``, r = √(6 / inputs): the spread of `he`, with an end.

    Parameters and result are as in `he`. PyTorch's ``kaiming_uniform_(nonlinearity="relu")``.

    Source
    ------
    K. He et al., "Delving deep into rectifiers", 2015, equation (10), for a uniform distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.nn import initial
    >>> W = initial.he_uniform((200, 100), seed=0)
    >>> print(np.round(np.std(W), 2), np.abs(W).max() <= np.sqrt(6 / 200))
    0.1 True
    """
    return _uniform(shape, sqrt(6 / max(_fans(shape)[0], 1)), seed, dtype)


def xavier_uniform(
    shape: tuple[int, ...], *, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``W ~ U(-r, r)``, r = √(6 / (inputs + outputs)): the spread of `xavier`, with an end.

    Parameters and result are as in `he`. PyTorch's ``xavier_uniform_``.

    Source
    ------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010, equation (16).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.nn import initial
    >>> W = initial.xavier_uniform((100, 100), seed=0)
    >>> print(np.round(np.std(W), 2), np.abs(W).max() <= np.sqrt(6 / 200))
    0.1 True
    """
    return _uniform(shape, sqrt(6 / max(sum(_fans(shape)), 1)), seed, dtype)


def orthogonal(
    shape: tuple[int, ...], *, gain: float = 1.0, seed: Seed, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    r"""``Wᵀ W = gain² 1`` where W is tall, ``W Wᵀ = gain² 1`` where it is wide: lengths stay.

    Among all such matrices each is as likely as any other. The kernels of a convolution are rows
    of a matrix, a row for each filter, as in PyTorch's ``orthogonal_``.

    Parameters
    ----------
    shape : (D, n) for `Affine`, (F, C, kernel size, …) for convolutions
    gain : float, default 1
        √2 for layers followed by ReLU.
    seed : int or numpy.random.Generator
    dtype : dtype, default float64

    Returns
    -------
    ndarray, shape `shape`

    Raises
    ------
    ShapeError
        The shape is of neither form.

    Source
    ------
    A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks", 2014; F. Mezzadri, "How to generate random matrices from the
    classical compact groups", 2007, for the signs.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.nn import initial
    >>> W = initial.orthogonal((4, 2), seed=0)
    >>> print(np.round(W.T @ W, 12) + 0.0)
    [[1. 0.]
     [0. 1.]]
    """
    _fans(shape)
    rows, columns = shape[0], prod(shape[1:])
    numbers = np.random.default_rng(seed).standard_normal((rows, columns))
    Q, R = np.linalg.qr(numbers if rows >= columns else numbers.T)
    signs = np.where(np.diagonal(R) < 0, -1.0, 1.0)  # QR alone prefers some matrices to others
    Q = gain * (Q * signs)
    return np.ascontiguousarray((Q if rows >= columns else Q.T).reshape(shape), dtype)


#: What a layer's ``initial(..., weights=...)`` may be called by name.
NAMED = {
    "he": he,
    "he_uniform": he_uniform,
    "xavier": xavier,
    "xavier_uniform": xavier_uniform,
    "orthogonal": orthogonal,
}

#: A name, or a function ``f(shape, seed=..., dtype=...)``.
Weights = str | Callable[..., Any]


def drawn(
    shape: tuple[int, ...], weights: Weights, std: float | None, seed: Seed, dtype: Any
) -> Any:
    """Draw the weights of a layer, by name or by a function, or with a standard deviation.

    Raises
    ------
    OptionError
        The name is unknown, or the function gives another shape.
    """
    if std is not None:
        return gaussian(shape, std=std, seed=seed, dtype=dtype)
    draw = NAMED.get(weights) if isinstance(weights, str) else weights
    if not callable(draw):
        raise OptionError(
            f"weights is {weights!r}.",
            where=current_line(1),
            why=f"It is one of {', '.join(map(repr, NAMED))}, or a function of a shape, with seed= "
            "and dtype=.",
            write="weights='he', or std=0.01 for a standard deviation.",
        )
    W = draw(shape, seed=seed, dtype=dtype)
    if np.shape(W) != shape:
        raise OptionError(
            f"weights gave an array of shape {np.shape(W)}.",
            where=current_line(1),
            why=f"The weights of this layer have the shape {shape}, which the function is given.",
            write="weights=lambda shape, seed, dtype: initial.he(shape, seed=seed, dtype=dtype)",
        )
    return W


def _uniform(
    shape: tuple[int, ...], r: float, seed: Seed, dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).uniform(-r, r, shape).astype(dtype)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Give how many inputs an output has, and how many outputs an input goes to."""
    if len(shape) == 2:
        return shape
    if len(shape) > 2:
        return prod(shape[1:]), shape[0] * prod(shape[2:])
    raise ShapeError(
        f"Weights of shape {shape} are those of no layer here.",
        where=current_line(1),
        why="How many inputs an output has is known for (D, n) and for (F, C, kernel size, …).",
        write="initial.gaussian(shape, std=0.01, seed=0)",
    )


#: What they are called in other frameworks.
_ELSEWHERE = {
    **dict.fromkeys(("kaiming_normal", "kaiming_normal_", "he_normal"), "he"),
    **dict.fromkeys(("kaiming_uniform", "kaiming_uniform_"), "he_uniform"),
    **dict.fromkeys(
        ("xavier_normal", "xavier_normal_", "glorot_normal", "glorot", "Xavier"), "xavier"
    ),
    **dict.fromkeys(("xavier_uniform_", "glorot_uniform"), "xavier_uniform"),
    **dict.fromkeys(("orthogonal_", "Orthogonal"), "orthogonal"),
    **dict.fromkeys(("normal", "normal_", "randn"), "gaussian"),
}


def __getattr__(name: str) -> Any:
    here = _ELSEWHERE.get(name)
    hint = f" Here it is initial.{here}." if here else ""
    if name in ("zeros", "zeros_", "ones", "ones_"):
        hint = f" Here it is np.{name.rstrip('_')}."
    raise AttributeError(f"module 'clearprop.nn.initial' has no attribute {name!r}.{hint}")
