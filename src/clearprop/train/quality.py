"""How far a regression is off, in the unit of its target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from clearprop.data import DataSet

_ROWS = 2_000  # predicted at once


class Quality(NamedTuple):
    """How good a regression is on its test samples.

    Attributes
    ----------
    mean_absolute_error : float
        In the unit of the target.
    r2 : float
        The part of the target's variance that is explained: 1 is perfect, 0 is as good as its mean;
        NaN where the target is constant.
    """

    mean_absolute_error: float
    r2: float


def quality_of(network: Any, data: DataSet) -> Quality | None:
    r"""Mean :math:`|y - t|`, and :math:`R^2 = 1 - \sum (y - t)^2 / \sum (t - \bar t)^2`.

    Returns
    -------
    Quality or None
        None for classes, where there is no test sample, and where predictions are not finite.

    Examples
    --------
    >>> from clearprop import nn
    >>> from clearprop.data import DataSet, Split, Standardized
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> same = Standardized((0.0,), (1.0,), "float64")
    >>> part = Split(x, np.array([[1.0], [2.0], [6.0]]))
    >>> quality_of(nn.Sequential(nn.ReLU()), DataSet("line", part, part, same, None))
    Quality(mean_absolute_error=1.0, r2=0.3571428571428571)
    """
    x, t = data.test
    if data.classes is not None or not len(x):
        return None
    starts = range(0, len(x), _ROWS)
    with np.errstate(over="ignore", invalid="ignore"):
        pieces = [data.predict(network, x[start : start + _ROWS]) for start in starts]
        y = np.concatenate(pieces)
        error = float(np.mean(np.abs(y - t)))
        spread = float(np.sum((t - t.mean()) ** 2))
        r2 = 1 - float(np.sum((y - t) ** 2)) / spread if spread > 0 else math.nan
    return Quality(error, r2) if math.isfinite(error) else None


def shown_amount(value: float) -> str:
    """Write a number in the unit of a target.

    Examples
    --------
    >>> shown_amount(12345.678), shown_amount(1.23456), shown_amount(0.00012345)
    ('12,346', '1.235', '0.0001234')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"
