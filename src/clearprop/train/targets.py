"""Targets in their own unit, and in the one in which a network learns them."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.data.preparing import Standardized
from clearprop.errors import OptionError

_WRITE = "prepare_target=data.Standardized((t.mean(),), (t.std(),))"


class Targets:
    r"""What becomes of targets in a run: :math:`(t - \mu) / \sigma`, or nothing.

    Parameters
    ----------
    prepare : Standardized, optional
        Of one column.
    degree : int, default 0
        The power of the targets' unit that the loss is in.

    Examples
    --------
    >>> targets = Targets(Standardized((1000.0,), (100.0,)), degree=2)
    >>> targets(np.array([1100.0, 950.0])), targets.own(0.5)
    (array([ 1. , -0.5]), 5000.0)
    """

    def __init__(self, prepare: Standardized | None = None, degree: int = 0) -> None:
        self._prepare = prepare
        self._factor = 1.0 if prepare is None else prepare.std[0] ** degree

    def __call__(self, t: Any) -> Any:
        """Prepare targets of shape (N,), (N, 1) or any other; in NumPy, or on a record."""
        if self._prepare is None:
            return t
        mean, std = np.array(self._prepare.mean[0]), np.array(self._prepare.std[0])
        return (t - mean) / std

    def own(self, loss: float) -> float:
        """Give a loss of prepared targets in the unit of the targets themselves."""
        return loss * self._factor


def targets_of(model: Any, given: Standardized | None) -> Targets:
    """Say how a model learns its targets.

    Parameters
    ----------
    model : Model
    given : Standardized, optional

    Raises
    ------
    OptionError
        The loss has no unit, or there are more columns than one.
    """
    if given is None:
        return Targets()
    last = getattr(model, "last_layer", None)
    degree = getattr(last, "degree", None)
    if degree is not None and isinstance(given, Standardized) and len(given.std) == 1:
        return Targets(given, degree)
    name = type(model if last is None else last).__name__
    raise OptionError(
        f"train: prepare_target is {str(given)[:60]}.",
        why=f"the loss of {name} is not one of numbers."
        if degree is None
        else "it is a Standardized of one column, so that the loss has one unit.",
        write="loss=nn.MSE()" if degree is None else _WRITE,
    )
