"""Schedules: the learning rate as a pure function of the number of updates made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.optim.numbers import RATE, Numbers, whole, within
from clearprop.signatures import Told

_INF = float("inf")


@dataclass(frozen=True, repr=False)
class Schedule(Told, Numbers):
    """Base of the schedules: frozen dataclasses that are called with the number of updates made.

    ``schedule(0)`` is the learning rate of the first update. The number may be an int, an array of
    them (all the rates, for a plot) or a recorded value, so that a schedule is part of a compiled
    step. The rate comes in float64; an optimiser takes it in the dtype of each parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> optim.StepDecay(0.1, every=2)(np.arange(5))
    array([0.1  , 0.1  , 0.01 , 0.01 , 0.001])
    """

    def __call__(self, step: Any) -> Any:
        """Give the learning rate of the update after ``step`` of them."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it gives")


@dataclass(frozen=True, repr=False)
class StepDecay(Schedule):
    """``lr γ^(step // every)``: as ``torch.optim.lr_scheduler.StepLR``.

    Parameters
    ----------
    lr : float
    every : int
        After so many updates each; StepLR's ``step_size``, where it is stepped at every update.
    gamma : float, default 0.1
        What the rate is multiplied by, above 0.

    Examples
    --------
    >>> from clearprop import optim
    >>> schedule = optim.StepDecay(0.5, every=100, gamma=0.5)
    >>> float(schedule(99)), float(schedule(100)), float(schedule(200))
    (0.5, 0.25, 0.125)
    """

    lr: float = field(metadata=RATE)
    every: int = field(metadata=whole(1000))
    gamma: float = field(default=0.1, metadata=within(0, _INF, 0.1, above=True))

    def __call__(self, step: Any) -> Any:
        """``lr γ^(step // every)``."""
        return self.lr * np.power(self.gamma, step // self.every)


@dataclass(frozen=True, repr=False)
class Exponential(Schedule):
    """``lr γ^step``: as ``torch.optim.lr_scheduler.ExponentialLR``, stepped at every update.

    Parameters
    ----------
    lr : float
    gamma : float
        What the rate is multiplied by after each update, above 0.

    Examples
    --------
    >>> from clearprop import optim
    >>> round(float(optim.Exponential(0.1, gamma=0.999)(1000)), 6)
    0.03677
    """

    lr: float = field(metadata=RATE)
    gamma: float = field(metadata=within(0, _INF, 0.999, above=True))

    def __call__(self, step: Any) -> Any:
        """``lr γ^step``."""
        return self.lr * np.power(self.gamma, step)


@dataclass(frozen=True, repr=False)
class Cosine(Schedule):
    """From ``lr`` down to ``least`` along half a cosine, in ``total`` updates; then ``least``.

    As ``torch.optim.lr_scheduler.CosineAnnealingLR`` with ``T_max=total``, ``eta_min=least``, up to
    ``total`` updates; after them that one rises again.

    Parameters
    ----------
    lr : float
    total : int
    least : float, default 0

    Source
    ------
    I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    equation (5), without restarts.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> print(optim.Cosine(0.1, total=100)(np.array([0, 50, 100, 200])).round(4))
    [0.1  0.05 0.   0.  ]
    """

    lr: float = field(metadata=RATE)
    total: int = field(metadata=whole(10_000))
    least: float = field(default=0.0, metadata=within(0, _INF, 0.0))

    def __call__(self, step: Any) -> Any:
        """``least + (lr - least) (1 + cos(π step / total)) / 2``."""
        return _along_cosine(self.lr, self.least, np.minimum(step, self.total) / self.total)


@dataclass(frozen=True, repr=False)
class WarmUp(Schedule):
    """First up to the rate of ``after`` in equal parts, then ``after`` from its beginning.

    As ``torch.optim.lr_scheduler.SequentialLR`` of ``LinearLR(start_factor=start,
    total_iters=updates)`` and the other: ``after`` counts from the end of the warming up.

    Parameters
    ----------
    after : a schedule, or float
        Another schedule, or any function of the number of updates, or a rate that stays.
    updates : int
        How many updates the warming up takes.
    start : float, default 1/3
        The part of the rate to begin with, above 0 and below 1.

    Source
    ------
    P. Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2: gradual warmup.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> schedule = optim.WarmUp(optim.Cosine(0.1, total=100), updates=10, start=0.1)
    >>> print(schedule(np.array([0, 5, 10, 60, 110])).round(4))
    [0.01  0.055 0.1   0.05  0.   ]
    """

    after: float | Callable[[Any], Any] = field(metadata={**RATE, "callable": True})
    updates: int = field(metadata=whole(100))
    start: float = field(default=1 / 3, metadata=within(0, 1, 0.1, above=True))

    def __call__(self, step: Any) -> Any:
        """``after(0)`` times a part that rises to 1, then ``after(step - updates)``."""
        rate: Any = self.after
        if callable(rate):
            rate = rate(np.maximum(step - self.updates, 0))  # its first one during warming up
        part = np.minimum(step, self.updates) / self.updates
        return rate * (self.start + (1 - self.start) * part)


@dataclass(frozen=True, repr=False)
class OneCycle(Schedule):
    """Up to ``lr`` and down to almost nothing, both along half a cosine.

    As ``torch.optim.lr_scheduler.OneCycleLR`` with ``max_lr=lr``, ``total_steps=total``, in its two
    phases and for the learning rate alone: a momentum stays as it is (``cycle_momentum=False``).
    It starts at ``lr / div_factor``, is at ``lr`` after ``pct_start · total - 1`` updates, and at
    ``lr / div_factor / final_div_factor`` after ``total - 1``, the last; there it stays.

    Parameters
    ----------
    lr : float
        The largest.
    total : int
        Of updates.
    pct_start : float, default 0.3
        The part of them in which the rate rises, from 0 to below 1.
    div_factor, final_div_factor : float, default 25 and 10,000
        How many times smaller the first is than the largest, and the last than the first.

    Source
    ------
    L. N. Smith and N. Topin, "Super-convergence", 2018, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import optim
    >>> print(optim.OneCycle(0.1, total=11, pct_start=0.5)(np.arange(11)).round(3))
    [0.004 0.015 0.044 0.076 0.097 0.098 0.083 0.057 0.029 0.008 0.   ]
    """

    lr: float = field(metadata=RATE)
    total: int = field(metadata=whole(10_000))
    pct_start: float = field(default=0.3, metadata=within(0, 1, 0.3))
    div_factor: float = field(default=25.0, metadata=within(0, _INF, 25.0, above=True))
    final_div_factor: float = field(default=1e4, metadata=within(0, _INF, 1e4, above=True))

    def __call__(self, step: Any) -> Any:
        """Along half a cosine from the first to the largest, then from there to the last."""
        first = self.lr / self.div_factor
        last, top = self.total - 1, max(self.pct_start * self.total - 1, 0.0)
        up = np.minimum(step, top) / top if top > 0 else 1.0
        down = np.clip((step - top) / max(last - top, 1e-300), 0.0, 1.0)
        rising = _along_cosine(first, self.lr, up)
        falling = _along_cosine(self.lr, first / self.final_div_factor, down)
        return np.where(step <= top, rising, falling)


def _along_cosine(start: Any, end: Any, part: Any) -> Any:
    return end + (start - end) * (1 + np.cos(np.pi * part)) / 2
