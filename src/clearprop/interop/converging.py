"""Whether training has come to anything: a network against one answer for all samples."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from clearprop.nn.losses import Loss
from clearprop.nn.sequential import Sequential
from clearprop.places import is_users

from sklearn.exceptions import ConvergenceWarning

_ROWS = 2_000  # that are looked at, spread over all
_WORSE = 1.1  # of columns that are too large; that a run was short is nothing to warn of
_LITTLE = 0.05  # where all is the same, there is little to be better than
_DIVERGED = 10  # more than an untrained network has
_LARGE = 30  # means and standard deviations of columns that are no longer about 1


def warn_if_worse_than_constant(
    name: str, network: Sequential, loss: Loss, X: Any, t: Any, row: Any
) -> None:
    """Warn if the loss is above that of a constant prediction.

    Parameters
    ----------
    name : str
        Of the estimator.
    network : Sequential
        What was trained.
    loss : Loss
    X, t : ndarray
        What with.
    row : ndarray, shape (outputs,)
        The best scores that are the same for all samples.

    Warns
    -----
    ConvergenceWarning
    """
    part = slice(None, None, -(-len(X) // _ROWS))
    X, t = X[part], t[part]
    with np.errstate(all="ignore"):
        y = network.predict(X)
        constant = np.broadcast_to(row.astype(y.dtype), y.shape)
        found, least = (
            float(loss.compute(each, t=loss.targets(t, each))) for each in (y, constant)
        )
        if not found > _WORSE * least + _LITTLE:
            return
        rows = X.reshape(len(X), -1)
        size = max(np.abs(rows.mean(axis=0)).max(), rows.std(axis=0).max()) if rows.size else 0.0
    large = not network.whole_inputs and size > _LARGE
    if not (large or found > _DIVERGED * least + _LITTLE):
        return
    why = (
        f"X has columns of size {size:.3g}, and is taken as it is."
        if large
        else "The learning rate is too large for these samples."
    )
    write = (
        f"make_pipeline(StandardScaler(), {name}(…))" if large else "a smaller learning_rate_init"
    )
    warnings.warn(
        f"{name}: the loss is {found:.4g}, and {least:.4g} where one prediction is made for all "
        f"samples. Why: {why} Write instead: {write}",
        ConvergenceWarning,
        stacklevel=_depth(),
    )


def _depth() -> int:
    """Count the frames from the function that warns to the line of who called the estimator."""
    depth = 1
    while (frame := sys._getframe(depth)).f_back is not None and not is_users(frame.f_code):
        depth += 1
    return depth
