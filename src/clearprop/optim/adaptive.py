"""Rules with a learning rate for every number: AdaGrad, RMSprop, Adam, AdamW."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.optim.nestings import for_each, in_dtype
from clearprop.optim.numbers import within
from clearprop.optim.optimizer import RATE_OR_SCHEDULE, Optimizer, Rate
from clearprop.trees import tree_map

_INF = float("inf")


@dataclass(frozen=True, repr=False)
class AdaGrad(Optimizer):
    r""":math:`h \leftarrow h + g^2`, :math:`\theta \leftarrow \theta - \eta g / (\sqrt h + ε)`.

    Conventions and defaults are those of ``torch.optim.Adagrad`` (its ``lr_decay`` is a schedule
    here). The documents' AdaGrad is the same with ``eps=1e-7``.

    Parameters
    ----------
    lr : float, or a schedule, default 0.01
    eps : float, default 1e-10
    weight_decay, clip_norm, clip_value
        See `Optimizer`.

    Attributes
    ----------
    state : "step"; "h", the sum of squares

    Source
    ------
    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods", JMLR 12, 2011, section 1.1.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> rule, params = optim.AdaGrad(0.1), {"W": np.array([1.0, 2.0])}
    >>> rule.update(params, {"W": np.array([10.0, -0.1])}, rule.init(params))[0]
    {'W': array([0.9, 2.1])}
    """

    lr: Rate = field(default=0.01, metadata=RATE_OR_SCHEDULE)
    eps: float = field(default=1e-10, metadata=within(0, _INF, 1e-10))

    def remembers(self) -> tuple[str, ...]:
        """Name what is remembered: ``h``, the sum of squares."""
        return ("h",)

    def move(self, params: Any, grads: Any, lr: Any, step: Any, memory: Any) -> tuple[Any, Any]:
        """``h = h + g²``, ``θ = θ - η g / (√h + ε)``."""
        h = tree_map(lambda h, g: h + g * g, memory["h"], grads)
        return _along_root(params, grads, h, lr, self.eps), {"h": h}


@dataclass(frozen=True, repr=False)
class RMSprop(Optimizer):
    r""":math:`h \leftarrow \alpha h + (1 - \alpha) g^2`, then as `AdaGrad`.

    Conventions and defaults are those of ``torch.optim.RMSprop``, which has a momentum and a
    centring besides. The documents' RMSprop is the same with ``eps=1e-7``; their decay rate is
    ``alpha``.

    Parameters
    ----------
    lr : float, or a schedule, default 0.01
    alpha : float, default 0.99
        How much of the mean of squares stays, from 0 to below 1.
    eps : float, default 1e-8
    weight_decay, clip_norm, clip_value
        See `Optimizer`.

    Attributes
    ----------
    state : "step"; "h", the running mean of squares

    Source
    ------
    T. Tieleman and G. Hinton, Lecture 6.5 of "Neural networks for machine learning", 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> rule, params = optim.RMSprop(0.01), {"W": np.array([1.0, 2.0])}
    >>> rule.update(params, {"W": np.array([10.0, -0.1])}, rule.init(params))[0]
    {'W': array([0.9      , 2.0999999])}
    """

    lr: Rate = field(default=0.01, metadata=RATE_OR_SCHEDULE)
    alpha: float = field(default=0.99, metadata=within(0, 1, 0.99))
    eps: float = field(default=1e-8, metadata=within(0, _INF, 1e-8))

    def remembers(self) -> tuple[str, ...]:
        """Name what is remembered: ``h``, the running mean of squares."""
        return ("h",)

    def move(self, params: Any, grads: Any, lr: Any, step: Any, memory: Any) -> tuple[Any, Any]:
        """``h = α h + (1 - α) g²``, ``θ = θ - η g / (√h + ε)``."""
        a = self.alpha
        h = tree_map(lambda h, g: a * h + (1 - a) * (g * g), memory["h"], grads)
        return _along_root(params, grads, h, lr, self.eps), {"h": h}


def _along_root(params: Any, grads: Any, h: Any, lr: Any, eps: float) -> Any:
    return for_each(
        lambda p, g, h, lr: p - lr * g / (np.sqrt(h) + eps), params, grads, h, numbers=(lr,)
    )


@dataclass(frozen=True, repr=False)
class Adam(Optimizer):
    r"""Running means of the gradient and of its square, both corrected for their start at 0.

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2
        \qquad \theta \leftarrow \theta - \eta \,
        \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    :math:`t` is the number of this update, from 1. Conventions and defaults are those of
    ``torch.optim.Adam``, and of the paper. The documents' Adam puts the corrections into the
    learning rate, so that their ε (1e-7) is beside the uncorrected root: the same up to ε.

    Parameters
    ----------
    lr : float, or a schedule, default 0.001
    betas : (float, float), default (0.9, 0.999)
        Each from 0 to below 1.
    eps : float, default 1e-8
    weight_decay : float, default 0
        Added to the gradient, so that it is divided by the root, too; `AdamW` does otherwise.
    clip_norm, clip_value
        See `Optimizer`.

    Attributes
    ----------
    state : "step"; "m" and "v", the running means

    Source
    ------
    D. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> rule, params = optim.Adam(), {"W": np.array([1.0, 2.0])}
    >>> params, state = rule.update(params, {"W": np.array([10.0, -0.1])}, rule.init(params))
    >>> params
    {'W': array([0.999, 2.001])}
    """

    lr: Rate = field(default=0.001, metadata=RATE_OR_SCHEDULE)
    betas: tuple[float, float] = field(
        default=(0.9, 0.999), metadata={**within(0, 1, 0.9), "pair": True, "example": (0.9, 0.999)}
    )
    eps: float = field(default=1e-8, metadata=within(0, _INF, 1e-8))

    def remembers(self) -> tuple[str, ...]:
        """Name what is remembered: ``m`` and ``v``, the running means."""
        return "m", "v"

    def move(self, params: Any, grads: Any, lr: Any, step: Any, memory: Any) -> tuple[Any, Any]:
        """``θ = θ - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)``."""
        (b1, b2), eps, t = self.betas, self.eps, step + 1
        m = tree_map(lambda m, g: b1 * m + (1 - b1) * g, memory["m"], grads)
        v = tree_map(lambda v, g: b2 * v + (1 - b2) * (g * g), memory["v"], grads)
        numbers = lr / (1 - b1**t), np.sqrt(1 - b2**t)
        new = for_each(
            lambda p, m, v, rate, root: p - rate * m / (np.sqrt(v) / root + eps),
            params,
            m,
            v,
            numbers=numbers,
        )
        return new, {"m": m, "v": v}


@dataclass(frozen=True, repr=False)
class AdamW(Adam):
    r"""`Adam`, with :math:`\theta \leftarrow (1 - \eta\lambda)\,\theta` before each update.

    The decay of the weights is not divided by the root of the squares. Conventions and defaults
    are those of ``torch.optim.AdamW``.

    Parameters
    ----------
    lr, betas, eps, clip_norm, clip_value
        See `Adam`.
    weight_decay : float, default 0.01
        :math:`\lambda`, beside the learning rate of the update.

    Source
    ------
    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019, algorithm 2, with
    the learning rate beside the decay.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> rule, params = optim.AdamW(0.1, weight_decay=0.5), {"W": np.array([1.0, 2.0])}
    >>> rule.update(params, {"W": np.zeros(2)}, rule.init(params))[0]
    {'W': array([0.95, 1.9 ])}
    """

    weight_decay: float = field(default=0.01, kw_only=True, metadata=within(0, _INF, 0.01))

    def decay(self, params: Any, grads: Any, lr: Any) -> tuple[Any, Any]:
        """Take the decay from the parameters."""
        kept = 1 - lr * self.weight_decay
        return tree_map(lambda p: p * in_dtype(kept, p), params), grads
