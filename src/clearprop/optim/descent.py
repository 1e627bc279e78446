"""Gradient descent: plain, with momentum, and with Nesterov's look ahead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.optim.nestings import check_gradients, for_each
from clearprop.optim.numbers import refused, within
from clearprop.optim.optimizer import RATE_OR_SCHEDULE, Optimizer, Rate
from clearprop.trees import tree_map


def sgd(params: Any, grads: Any, lr: Any) -> Any:
    r""":math:`\theta - \eta \, \partial L / \partial \theta`: one step down the gradient.

    Parameters
    ----------
    params : dict of ndarray, or any nesting of dicts, lists and tuples
        The parameters :math:`\theta`.
    grads : the same nesting
        Their gradients, each in the shape of its parameter, in units of loss per unit of it.
    lr : float
        The learning rate :math:`\eta`.

    Returns
    -------
    the same nesting
        New arrays, in the dtypes of the parameters when the gradients have them too.

    Raises
    ------
    ShapeError
        If the two nestings have different names, or an array and its gradient different shapes.

    Source
    ------
    H. Robbins and S. Monro, "A stochastic approximation method", Annals of Mathematical
    Statistics 22(3), 1951, equation (8), with a constant step.

    Examples
    --------
    >>> import numpy as np
    >>> params, grads = {"W": np.array([1.0, 2.0])}, {"W": np.array([10.0, -10.0])}
    >>> sgd(params, grads, lr=0.1)
    {'W': array([0., 3.])}
    """
    check_gradients(params, grads, "sgd", "optim.sgd(params, {}, lr)")
    if isinstance(lr, np.number | np.ndarray):
        lr = lr.item()  # a NumPy float64 would turn float32 parameters into float64
    return tree_map(lambda p, g: p - lr * g, params, grads)


@dataclass(frozen=True, repr=False)
class SGD(Optimizer):
    r""":math:`v \leftarrow \mu v + g`, :math:`\theta \leftarrow \theta - \eta v`.

    With ``nesterov`` it is :math:`\theta \leftarrow \theta - \eta (g + \mu v)`.

    Conventions and defaults are those of ``torch.optim.SGD`` (dampening 0). The documents write
    :math:`v \leftarrow \mu v - \eta g`, :math:`\theta \leftarrow \theta + v`: the same updates, as
    long as the learning rate does not change, and so are those of their Nesterov. Where it changes,
    a new rate here acts on all of :math:`v` at once, there on new gradients only.

    Parameters
    ----------
    lr : float, or a schedule
    momentum : float, default 0
        :math:`\mu`, from 0 to below 1. With 0 nothing is remembered.
    nesterov : bool, default False
        Take the gradient as after the next step of the momentum.
    weight_decay, clip_norm, clip_value
        See `Optimizer`.

    Attributes
    ----------
    state : "step"; "v", the velocity, with a momentum

    Raises
    ------
    OptionError
        A number is out of its range, or ``nesterov`` comes without a momentum.

    Source
    ------
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013,
    equations (1) to (4), with the learning rate outside of the velocity.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> rule, params = optim.SGD(0.1, momentum=0.5), {"W": np.array([1.0, 2.0])}
    >>> grads, state = {"W": np.array([10.0, -10.0])}, rule.init(params)
    >>> for _ in range(2):
    ...     params, state = rule.update(params, grads, state)
    >>> params, state
    ({'W': array([-1.5,  4.5])}, {'step': array(2), 'v': {'W': array([ 15., -15.])}})
    """

    lr: Rate = field(metadata=RATE_OR_SCHEDULE)
    momentum: float = field(default=0.0, metadata=within(0, 1, 0.9))
    nesterov: bool = field(default=False, metadata={"static": True})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise refused(
                self,
                "nesterov",
                self.nesterov,
                "It looks ahead along the momentum, and there is none.",
                "momentum=0.9, nesterov=True",
            )

    def remembers(self) -> tuple[str, ...]:
        """Name what is remembered: ``v`` where there is a momentum."""
        return ("v",) if self.momentum else ()

    def move(self, params: Any, grads: Any, lr: Any, step: Any, memory: Any) -> tuple[Any, Any]:
        """``v = μ v + g``, ``θ = θ - η v``, or ``θ - η (g + μ v)``."""
        along = grads
        if self.momentum:
            mu = self.momentum
            v = tree_map(lambda v, g: mu * v + g, memory["v"], grads)
            along = tree_map(lambda g, v: g + mu * v, grads, v) if self.nesterov else v
            memory = {"v": v}
        return for_each(lambda p, d, lr: p - lr * d, params, along, numbers=(lr,)), memory


@dataclass(frozen=True, repr=False)
class Momentum(SGD):
    """`SGD` with the momentum 0.9, under the name that the documents use.

    Examples
    --------
    >>> from clearprop import optim
    >>> optim.Momentum(0.01), optim.Momentum(0.01).momentum
    (Momentum(lr=0.01), 0.9)
    """

    lr: Rate = field(default=0.01, metadata=RATE_OR_SCHEDULE)
    momentum: float = field(default=0.9, metadata=within(0, 1, 0.9))


@dataclass(frozen=True, repr=False)
class Nesterov(SGD):
    """`SGD` with the momentum 0.9 and Nesterov's look ahead, under the name that the documents use.

    Examples
    --------
    >>> from clearprop import optim
    >>> optim.Nesterov(0.01, momentum=0.8), optim.Nesterov(0.01).nesterov
    (Nesterov(lr=0.01, momentum=0.8), True)
    """

    lr: Rate = field(default=0.01, metadata=RATE_OR_SCHEDULE)
    momentum: float = field(default=0.9, metadata=within(0, 1, 0.9))
    nesterov: bool = field(default=True, metadata={"static": True})
