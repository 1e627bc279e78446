"""Long short-term memory: a layer that reads a sequence step by step."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import parameter
from clearprop.nn.initial import Seed, xavier
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.exponential import sigmoid


class LSTM(Layer):
    r"""``h[t] = o tanh(c[t])``, ``c[t] = f c[t-1] + i g``, from ``x[t]`` and ``h[t-1]``.

    The gates are four pieces of one product: ``(i, f, g, o) = x[t] Wx + h[t-1] Wh + b``, then the
    sigmoid of i, f and o and tanh of g. The state starts at ``h = c = 0``. Backward goes through
    all steps (backpropagation through time); the gradients of ``Wx``, ``Wh`` and ``b`` are sums
    over them.

    Parameters
    ----------
    Wx : ndarray of floats, shape (D, 4 H)
    Wh : ndarray of floats, shape (H, 4 H)
    b : ndarray of floats, shape (4 H,)
        For D features and a state of H numbers; the columns are those of i, f, g, o. Kept, not
        copied.
    last : bool, default False
        Give the last step alone.

    Forward
    -------
    x : ndarray, shape (N, T, D)
        N sequences of T steps.
    y : ndarray, shape (N, T, H), or (N, H) with ``last``
        ``h`` at each step. Of no steps, the last is the start, 0.

    Raises
    ------
    ShapeError
        ``Wx``, ``Wh`` and ``b`` do not fit together, or ``x`` does not fit them.
    DTypeError
        A parameter is no array of floats, or ``x`` holds no real numbers.
    OrderError
        ``backward`` before ``forward``.

    Notes
    -----
    With the weights of PyTorch's ``nn.LSTM(D, H, batch_first=True)``: ``Wx = weight_ih_l0.T``,
    ``Wh = weight_hh_l0.T``, ``b = bias_ih_l0 + bias_hh_l0``.

    Source
    ------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997, with the forget gate of
    F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget", 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.LSTM.initial(3, 5, seed=0, last=True)
    >>> layer
    LSTM(3 → 5, last=True, float64)
    >>> y = layer.forward(np.ones((2, 7, 3)))
    >>> print(y.shape, layer.backward(np.ones((2, 5))).shape, layer.dWh.shape)
    (2, 5) (2, 7, 3) (5, 20)
    """

    parameters = ("Wx", "Wh", "b")

    def __init__(self, Wx: Any, Wh: Any, b: Any, *, last: bool = False) -> None:
        self.Wx = parameter(Wx, "Wx", "LSTM")
        self.Wh = parameter(Wh, "Wh", "LSTM")
        self.b = parameter(b, "b", "LSTM")
        self.last = last
        self.dWx: Any = None
        self.dWh: Any = None
        self.db: Any = None
        _check(self.Wx, self.Wh, self.b)

    @classmethod
    def initial(
        cls,
        features: int,
        state: int,
        *,
        seed: Seed,
        forget_bias: float = 1.0,
        last: bool = False,
        dtype: Any = np.float64,
    ) -> LSTM:
        """Make a layer with random weights, of `initial.xavier` for each gate.

        Parameters
        ----------
        features, state : int
            D and H.
        seed : int or numpy.random.Generator
        forget_bias : float, default 1
            The biases of the forget gate; with 1 the layer remembers from the start (R. Jozefowicz
            et al., 2015). The other biases are 0.
        last : bool, default False
        dtype : dtype, default float64
        """
        rng = np.random.default_rng(seed)
        Wx, Wh = (
            np.concatenate([xavier((n, state), seed=rng, dtype=dtype) for _ in range(4)], axis=1)
            for n in (features, state)
        )
        b = np.zeros(4 * state, dtype)
        b[state : 2 * state] = forget_bias
        return cls(Wx, Wh, b, last=last)

    def compute(self, x: Any, Wx: Any, Wh: Any, b: Any) -> Any:
        """Read the sequences, step by step."""
        _check(Wx, Wh, b)
        _check_sequences(x, Wx)
        H = Wh.shape[0]
        states: list[Any] = []
        c: Any = None
        for t in range(x.shape[1]):
            # Not one product for all steps: the gradient of its pieces would be put together from
            # arrays of all steps. And the first step adds nothing of a state that is 0.
            z = x[:, t] @ Wx + b
            z = z + states[-1] @ Wh if states else z
            added = sigmoid(z[:, :H]) * np.tanh(z[:, 2 * H : 3 * H])
            c = sigmoid(z[:, H : 2 * H]) * c + added if states else added
            states.append(sigmoid(z[:, 3 * H :]) * np.tanh(c))
        if not states:
            kind = np.result_type(x.dtype, Wx.dtype)
            return np.zeros((len(x), H) if self.last else (len(x), 0, H), kind)
        return states[-1] if self.last else np.stack(states, axis=1)

    def _options(self) -> str:
        last = ", last=True" if self.last else ""
        return f"{self.Wx.shape[0]} → {self.Wh.shape[0]}{last}, {self.Wx.dtype}"


def _check(Wx: Any, Wh: Any, b: Any) -> None:
    H = Wh.shape[0] if Wh.ndim else 0
    if Wh.shape == (H, 4 * H) and Wx.ndim == 2 and Wx.shape[1:] == b.shape == (4 * H,):
        return
    raise ShapeError(
        f"LSTM: Wx has shape {Wx.shape}, Wh has shape {Wh.shape}, b has shape {b.shape}.",
        where=current_line(1),
        why="For D features and a state of H numbers they are (D, 4 H), (H, 4 H) and (4 H,): four "
        "gates.",
        write="nn.LSTM(Wx.T, Wh.T, b)"
        if Wh.ndim == 2 and Wh.shape[0] == 4 * Wh.shape[1]
        else "nn.LSTM.initial(D, H, seed=0)",
    )


def _check_sequences(x: Any, Wx: Any) -> None:
    if x.ndim == 3 and x.shape[2] == Wx.shape[0]:
        return
    D = Wx.shape[0]
    write = f"Wx of shape ({x.shape[2]}, {Wx.shape[1]})" if x.ndim == 3 else f"x.reshape(N, T, {D})"
    raise ShapeError(
        f"LSTM: x has shape {x.shape}, Wx has shape {Wx.shape}.",
        where=current_line(1),
        why=f"Sequences are (N, T, {D}): samples, steps, features.",
        write="x[np.newaxis], a batch of one sequence." if x.shape[1:] == (D,) else write,
    )
