"""How good a network is on samples: its loss, and the fraction that it classifies right."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import ClearpropError, NonFiniteError
from clearprop.nn.sequential import Sequential
from clearprop.train.prediction import prediction
from clearprop.train.splits import Subset
from clearprop.train.targets import Targets
from clearprop.train.updates import Prepare, prepared

_PIECE = 2_000  # samples measured at once: memory does not grow with them, and rows stay in cache


class Measured(NamedTuple):
    """How good a network is on some samples; NaN where that cannot be said.

    Attributes
    ----------
    loss : float
        The mean loss, in nats per sample where it is a cross-entropy; of a regression in the unit
        of the targets, or its square.
    accuracy : float
        The fraction classified right, from 0 to 1.
    """

    loss: float = math.nan
    accuracy: float = math.nan


class Measuring:
    """What a network of `clearprop.nn`, or any model with ``accuracy``, is measured with.

    Parameters
    ----------
    model : Model
    prepare : callable, optional
        What is done to samples before the network gets them.
    targets : Targets, optional
        What is done to targets; the loss is given in their own unit.
    compiled : bool
        Whether to predict in machine code, where that is what the model would predict.
    """

    def __init__(
        self,
        model: Any,
        prepare: Prepare | None,
        targets: Targets | None = None,
        *,
        compiled: bool,
    ) -> None:
        self.model, self.prepare = model, prepare
        self.targets = Targets() if targets is None else targets
        self._predict = prediction(model, prepare, compiled=compiled)

    def __call__(self, part: Subset, *, loss: bool = True) -> Measured:
        """Measure, piece by piece; the loss only where it is asked for."""
        if getattr(type(self.model), "accuracy", None) is not Sequential.accuracy:
            right = sum(
                round(self.model.accuracy(prepared(x, self.prepare), t) * len(x))
                for x, t in part.pieces(_PIECE)
            )
            return Measured(accuracy=right / part.samples)
        last, hits, count = self.model.last_layer, 0, 0
        losses: list[float] = []
        weights: list[float] = []
        for x, t in part.pieces(_PIECE):
            y = self._predict(x)
            if last.classifies:
                found = last.hits(y, t)
                hits, count = hits + int(np.count_nonzero(found)), count + found.size
            if loss:
                targets = last.targets(self.targets(t), y)
                if weight := last.count(targets):
                    weights.append(weight)
                    losses.append(float(last.compute(y, t=targets)))
        value = self.targets.own(_mean(losses, weights))
        return Measured(value, hits / count if count else math.nan)


def _mean(losses: list[float], weights: list[float]) -> float:
    if len(losses) < 2:
        return losses[0] if losses else math.nan
    return float(np.average(losses, weights=weights))


def first_not_finite(model: Any, x: Any, t: Any) -> str:
    """Name the first operation that makes a NaN or an infinity of a batch; "" if none is found."""
    from clearprop.explain.watching import debug_nans

    try:
        with debug_nans():
            model.loss_and_gradient(x, t)
    except NonFiniteError as error:
        found = model.outputs(x, train=True).items() if isinstance(model, Sequential) else ()
        layer = next((name for name, y in found if not np.isfinite(y).all()), "")
        return f"In {layer}, {error.what}" if layer else error.what
    except ClearpropError:
        pass
    return ""
