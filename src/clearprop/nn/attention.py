"""Self-attention: every step of a sequence looks at the others."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.nn.checks import check_vector, parameter, whole_number
from clearprop.nn.initial import Seed, xavier
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.rules.reduction import softmax


class MultiHeadAttention(Layer):
    r"""``y = (head_1, …, head_h) Wo + bo``, ``head = softmax(q kᵀ / √d) v`` of its own features.

    ``q = x Wq + bq``, ``k = x Wk + bk``, ``v = x Wv + bv``; each of the h heads has
    ``d = D / h`` neighbouring columns of them.

    Parameters
    ----------
    Wq, Wk, Wv, Wo : ndarray of floats, shape (D, D)
    bq, bk, bv, bo : ndarray of floats, shape (D,) or (1, D)
        Kept, not copied.
    heads : int
        ``h``, which divides D.
    causal : bool, default False
        No step looks at later ones.

    Forward
    -------
    x : ndarray, shape (N, T, D)
        N sequences of T steps.
    y : ndarray, shape (N, T, D)

    Raises
    ------
    ShapeError
        The parameters do not fit together; ``heads`` does not divide D; ``x`` does not fit, or its
        sequences have no steps.
    DTypeError
        A parameter is no array of floats; ``heads`` is no whole number; ``x`` holds no real
        numbers.
    OrderError
        ``backward`` before ``forward``.

    Notes
    -----
    With the weights of PyTorch's ``nn.MultiheadAttention(D, h, batch_first=True)``:
    ``Wq, Wk, Wv = np.split(in_proj_weight.T, 3, axis=1)``,
    ``bq, bk, bv = np.split(in_proj_bias, 3)``, ``Wo = out_proj.weight.T``, ``bo = out_proj.bias``.

    Source
    ------
    A. Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> layer = nn.MultiHeadAttention.initial(8, heads=2, seed=0, causal=True)
    >>> layer
    MultiHeadAttention(8 features, 2 heads, causal=True, float64)
    >>> x = np.random.default_rng(0).normal(size=(3, 5, 8))
    >>> y = layer.forward(x)
    >>> print(y.shape, bool(np.allclose(layer.forward(x[:, :2]), y[:, :2])))
    (3, 5, 8) True
    """

    parameters = ("Wq", "Wk", "Wv", "Wo", "bq", "bk", "bv", "bo")

    def __init__(
        self,
        Wq: Any,
        Wk: Any,
        Wv: Any,
        Wo: Any,
        bq: Any,
        bk: Any,
        bv: Any,
        bo: Any,
        *,
        heads: int,
        causal: bool = False,
    ) -> None:
        given = (Wq, Wk, Wv, Wo, bq, bk, bv, bo)
        for name, value in zip(self.parameters, given, strict=True):
            setattr(self, name, parameter(value, name, "MultiHeadAttention"))
            setattr(self, f"d{name}", None)
        self.causal = causal
        why = "It is a number of heads that look at the sequence, each at its own features."
        self.heads = whole_number(heads, "heads", 1, "MultiHeadAttention", why)
        self._check(self.arrays(self.parameters))

    @classmethod
    def initial(
        cls,
        features: int,
        *,
        heads: int,
        seed: Seed,
        causal: bool = False,
        dtype: Any = np.float64,
    ) -> MultiHeadAttention:
        """Make a layer with random weights, of `initial.xavier`, and biases of 0.

        Parameters
        ----------
        features : int
            D.
        heads : int
        seed : int or numpy.random.Generator
        causal : bool, default False
        dtype : dtype, default float64
        """
        rng = np.random.default_rng(seed)
        weights = [xavier((features, features), seed=rng, dtype=dtype) for _ in range(4)]
        biases = [np.zeros(features, dtype) for _ in range(4)]
        return cls(*weights, *biases, heads=heads, causal=causal)

    def compute(
        self, x: Any, Wq: Any, Wk: Any, Wv: Any, Wo: Any, bq: Any, bk: Any, bv: Any, bo: Any
    ) -> Any:
        """Let each step look at the others."""
        self._check((Wq, Wk, Wv, Wo, bq, bk, bv, bo))
        _check_sequences(x, len(Wq))
        N, T, D = x.shape
        size = D // self.heads
        rows = np.reshape(x, (N * T, D))

        def of_heads(W: Any, b: Any) -> Any:  # (N, heads, T, size)
            return np.transpose(np.reshape(rows @ W + b, (N, T, self.heads, size)), (0, 2, 1, 3))

        q, k, v = of_heads(Wq, bq), of_heads(Wk, bk), of_heads(Wv, bv)
        scores = q @ np.transpose(k, (0, 1, 3, 2)) * (1 / sqrt(size))
        if self.causal:
            scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
        seen = np.transpose(softmax(scores) @ v, (0, 2, 1, 3))
        return np.reshape(np.reshape(seen, (N * T, D)) @ Wo + bo, (N, T, D))

    def _check(self, arrays: tuple[Any, ...]) -> None:
        weights, biases = arrays[:4], arrays[4:]
        D = weights[0].shape[0] if weights[0].ndim else 0
        for name, W in zip(self.parameters, weights, strict=False):
            if W.shape != (D, D):
                raise ShapeError(
                    f"MultiHeadAttention: {name} has shape {W.shape}, Wq has shape "
                    f"{weights[0].shape}.",
                    where=current_line(1),
                    why="For D features each of the four is (D, D).",
                    write="Wq, Wk, Wv = np.split(in_proj_weight.T, 3, axis=1)"
                    if W.ndim == 2 and 3 * min(W.shape) == max(W.shape)
                    else "nn.MultiHeadAttention.initial(D, heads=2, seed=0)",
                )
        for name, b in zip(self.parameters[4:], biases, strict=True):
            why = f"Wq has shape {weights[0].shape}, and each feature has one bias."
            check_vector(b, name, D, why, "MultiHeadAttention")
        if not D or D % self.heads:
            raise ShapeError(
                f"MultiHeadAttention: Wq has shape {weights[0].shape}, heads is {self.heads}.",
                where=current_line(1),
                why=f"The {D} features cannot be split among {self.heads} heads equally.",
                write="heads=1, or a number of features that is a multiple of heads.",
            )

    def _options(self) -> str:
        W: Any = self.arrays(("Wq",))[0]
        causal = ", causal=True" if self.causal else ""
        return f"{len(W)} features, {self.heads} heads{causal}, {W.dtype}"


def _check_sequences(x: Any, D: int) -> None:
    if x.ndim == 3 and x.shape[2] == D and x.shape[1]:
        return
    why, write = f"Sequences are (N, T, {D}): samples, steps, features.", f"x.reshape(N, T, {D})"
    if x.shape[1:] == (D,):
        write = "x[np.newaxis], a batch of one sequence."
    elif x.ndim == 3 and x.shape[2] == D:
        why, write = "A sequence of no steps has nothing to look at.", "at least one step."
    raise ShapeError(
        f"MultiHeadAttention: x has shape {x.shape}, Wq has shape {(D, D)}.",
        where=current_line(1),
        why=why,
        write=write,
    )
