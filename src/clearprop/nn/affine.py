"""The fully connected layer, and the step from images to rows."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import along_features, check_vector, parameter
from clearprop.nn.initial import Seed, gaussian, he
from clearprop.nn.layer import Layer
from clearprop.places import current_line


class Affine(Layer):
    r"""``y = x W + b``; backward ``dx = dy Wᵀ``, ``dW = xᵀ dy``, ``db = Σ_N dy``.

    Parameters
    ----------
    W : ndarray of floats, shape (D, n)
        The weights; kept, not copied.
    b : ndarray of floats, shape (n,) or (1, n)
        The biases; ``db`` has the same shape.
    last_axis : bool, default False
        Take each place of ``x`` on its own, as each step of a sequence.

    Forward
    -------
    x : ndarray, shape (N, D), or (D,) for a single sample
        Images (N, C, H, W) are read as rows of D = C·H·W features; ``dx`` has the shape of ``x``.
        With ``last_axis`` of any shape (…, D).
    y : ndarray, shape (N, n) or (n,); with ``last_axis`` (…, n)

    Raises
    ------
    ShapeError
        The features of ``x``, the rows of ``W`` or the length of ``b`` do not fit together.
    DTypeError
        ``W`` or ``b`` is no array of floats, or ``x`` holds no real numbers.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, equation (5.13).

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Affine(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -0.5]))
    >>> layer
    Affine(2 → 2, float64)
    >>> print(layer.forward([[1.0, 1.0]]), layer.backward([[1.0, 0.0]]))
    [[4.5 5.5]] [[1. 3.]]
    >>> print(layer.dW, layer.db)
    [[1. 0.]
     [1. 0.]] [1. 0.]
    """

    parameters = ("W", "b")

    def __init__(self, W: Any, b: Any, *, last_axis: bool = False) -> None:
        self.W = parameter(W, "W", "Affine")
        self.b = parameter(b, "b", "Affine")
        self.last_axis = last_axis
        self.dW: Any = None
        self.db: Any = None
        _check(self.W, self.b)

    @classmethod
    def initial(
        cls,
        inputs: int,
        outputs: int,
        *,
        seed: Seed,
        std: float | None = None,
        last_axis: bool = False,
        dtype: Any = np.float64,
    ) -> Affine:
        """Make a layer with random weights and biases of 0.

        Parameters
        ----------
        inputs, outputs : int
            The numbers of features D and n.
        seed : int or numpy.random.Generator
            One generator for all layers of a network gives each its own numbers.
        std : float, optional
            The standard deviation of the weights; by default that of `he`.
        last_axis : bool, default False
        dtype : dtype, default float64
        """
        shape = (inputs, outputs)
        if std is None:
            W = he(shape, seed=seed, dtype=dtype)
        else:
            W = gaussian(shape, std=std, seed=seed, dtype=dtype)
        return cls(W, np.zeros(outputs, dtype), last_axis=last_axis)

    def compute(self, x: Any, W: Any, b: Any) -> Any:
        """``y = x W + b``."""
        _check(W, b)
        rows = _rows_of_places(x) if self.last_axis else _rows(x)
        if not rows.ndim or rows.shape[-1] != W.shape[0]:
            raise _wrong_features(x, W, self.last_axis)
        y = rows @ W + along_features(b, W.shape[1:])
        return np.reshape(y, (*x.shape[:-1], W.shape[1])) if self.last_axis and x.ndim > 2 else y

    def _options(self) -> str:
        last = ", last_axis=True" if self.last_axis else ""
        return f"{self.W.shape[0]} → {self.W.shape[1]}{last}, {self.W.dtype}"


class Flatten(Layer):
    r"""``y[n] = x[n]`` as one row: (N, C, H, W) becomes (N, C·H·W); backward gives the images back.

    Forward
    -------
    x : ndarray, shape (N, …), or (D,), which stays as it is
    y : ndarray, shape (N, product of the rest)
        As NumPy's reshape, a view where it can be one.

    Raises
    ------
    ShapeError
        ``x`` is a number.
    OrderError, ShapeError, DTypeError
        As every layer, see `Layer`.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 7.2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Flatten()
    >>> print(layer.forward(np.ones((2, 3, 4, 4))).shape, layer.backward(np.ones((2, 48))).shape)
    (2, 48) (2, 3, 4, 4)
    """

    def compute(self, x: Any) -> Any:
        """``y[n] = x[n]`` as one row."""
        if not x.ndim:
            raise ShapeError(
                f"Flatten: x has shape {x.shape}.",
                where=current_line(1),
                why="Its first axis holds the samples.",
                write="x.reshape(1, 1)",
            )
        return _rows(x)


def _rows(x: Any) -> Any:
    if x.ndim <= 2:
        return x
    return np.reshape(x, (x.shape[0], prod(x.shape[1:])))  # -1 would fail for an empty batch


def _rows_of_places(x: Any) -> Any:
    return x if x.ndim <= 2 else np.reshape(x, (prod(x.shape[:-1]), x.shape[-1]))


def _check(W: Any, b: Any) -> None:
    if W.ndim != 2:
        raise ShapeError(
            f"Affine: W has shape {W.shape}.",
            where=current_line(1),
            why="W has one row for each feature of x and one column for each output, (D, n).",
            write="W.reshape(D, n)",
        )
    why = f"W has shape {W.shape}, so there are {W.shape[1]} outputs, and each has one bias."
    check_vector(b, "b", W.shape[1], why, "Affine")


def _wrong_features(x: Any, W: Any, last_axis: bool) -> ShapeError:
    D = W.shape[0]
    forms = f"(…, {D})" if last_axis else f"(N, {D}) or ({D},)"
    if x.size == D:
        write = f"x.reshape({D})"
    elif last_axis:
        write = f"W of shape ({x.shape[-1] if x.ndim else 1}, {W.shape[1]})"
    elif x.ndim > 2 and x.shape[-1] == D:
        write = "last_axis=True, for each place of x on its own."
    elif x.ndim == 2 and x.shape[0] == D:
        write = "x.T, with one row for each sample."
    else:
        write = f"W of shape ({prod(x.shape[1:]) if x.ndim > 1 else x.size}, {W.shape[1]})"
    return ShapeError(
        f"Affine: x has shape {x.shape}, W has shape {W.shape}.",
        where=current_line(1),
        why=f"W has {D} rows, so a sample has {D} features: x is {forms}.",
        write=write,
    )
