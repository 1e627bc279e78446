"""How good a network is on samples: its loss, and the fraction that it classifies right."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import ClearpropError, NonFiniteError
from clearprop.nn.sequential import Sequential
from clearprop.train.prediction import CompiledPrediction
from clearprop.train.updates import CannotCompileError, Prepare, prepared

_PIECE = 10_000  # samples predicted at once: memory does not grow with the data


class Measured(NamedTuple):
    """How good a network is on some samples; NaN where that cannot be said.

    Attributes
    ----------
    loss : float
        The mean loss, in nats per sample where it is a cross-entropy.
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
    compiled : bool
        Whether to predict in machine code, where that is what the model would predict.
    """

    def __init__(self, model: Any, prepare: Prepare | None, *, compiled: bool) -> None:
        self.model, self.prepare = model, prepare
        self._predict = self._interpreted
        if compiled:
            with suppress(CannotCompileError):
                self._predict = CompiledPrediction(model, prepare)

    def __call__(self, x: Any, t: Any, *, loss: bool = True) -> Measured:
        """Measure; the loss only where it is asked for."""
        pieces = [slice(start, start + _PIECE) for start in range(0, len(x), _PIECE)]
        if getattr(type(self.model), "accuracy", None) is not Sequential.accuracy:
            right = sum(
                round(self.model.accuracy(prepared(x[p], self.prepare), t[p]) * len(x[p]))
                for p in pieces
            )
            return Measured(accuracy=right / len(x))
        last = self.model.last_layer
        y = np.concatenate([self._predict(x[p]) for p in pieces])
        return Measured(
            float(last.compute(y, t=last.targets(t, y))) if loss else math.nan,
            float(np.mean(last.hits(y, t))) if last.classifies else math.nan,
        )

    def _interpreted(self, x: Any) -> Any:
        return self.model.predict(prepared(x, self.prepare))


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
