"""A table of vectors that is read by number: of words, of users, of positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import check_whole, parameter, row_numbers
from clearprop.nn.initial import Seed, gaussian
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.tensor import Tensor


class Embedding(Layer):
    r"""``y[n, t] = W[x[n, t]]``; backward ``dW[v] = Σ dy[n, t]`` over those n, t with x[n, t] = v.

    Whole numbers cannot move by a small amount: they have no gradient, and ``backward`` gives None.
    In a network it is the first layer.

    Parameters
    ----------
    W : ndarray of floats, shape (V, D)
        The table: a row for each of the numbers 0, …, V - 1; kept, not copied.

    Forward
    -------
    x : ndarray of whole numbers, shape (N,), (N, T) or any other
    y : ndarray, shape (N, D), (N, T, D): the shape of ``x``, and then D

    Raises
    ------
    BoundsError
        A number is below 0, or V or more. Where a compiled function is called directly it is an
        IndexError from V on, and numbers below 0 count from the end, as in NumPy; `train.fit`
        checks all samples before it starts.
    ShapeError
        ``W`` is no table.
    DTypeError
        ``x`` holds no whole numbers, or ``W`` is no array of floats.
    OrderError
        ``backward`` before ``forward``.

    Source
    ------
    Y. Bengio et al., "A neural probabilistic language model", 2003, section 2: the matrix C.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.Embedding(np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]))
    >>> layer
    Embedding(3 rows of 2, float64)
    >>> print(layer.forward([1, 2, 1]))
    [[1. 2.]
     [3. 4.]
     [1. 2.]]
    >>> layer.backward(np.ones((3, 2))) is None
    True
    >>> print(layer.dW)
    [[0. 0.]
     [2. 2.]
     [1. 1.]]
    """

    parameters = ("W",)
    whole_inputs = True

    def __init__(self, W: Any) -> None:
        self.W = parameter(W, "W", "Embedding")
        self.dW: Any = None
        _check(self.W)

    @classmethod
    def initial(
        cls, rows: int, features: int, *, seed: Seed, std: float = 1.0, dtype: Any = np.float64
    ) -> Embedding:
        """Make a table of random numbers.

        Parameters
        ----------
        rows, features : int
            V and D.
        seed : int or numpy.random.Generator
        std : float, default 1
            Their standard deviation.
        dtype : dtype, default float64
        """
        return cls(gaussian((rows, features), std=std, seed=seed, dtype=dtype))

    def taken(self, inputs: Any, parameters: Any) -> tuple[Any, ...]:
        """Give the input as an array of whole numbers that are rows of the table."""
        return tuple(row_numbers(x, len(parameters[0]), "Embedding") for x in inputs)

    def compute(self, x: Any, W: Any) -> Any:
        """``y = W[x]``."""
        _check(W)
        check_whole(x, "Embedding")
        if isinstance(x, Tensor) and not isinstance(W, Tensor):
            W = Tensor(W)  # NumPy would read the numbers, and they would not be on the record
        return W[x]

    def _options(self) -> str:
        return f"{self.W.shape[0]} rows of {self.W.shape[1]}, {self.W.dtype}"


def _check(W: Any) -> None:
    if W.ndim != 2:
        raise ShapeError(
            f"Embedding: W has shape {W.shape}.",
            where=current_line(1),
            why="It is a table, (V, D): a row of D features for each of V numbers.",
            write="W.reshape(V, D)",
        )
