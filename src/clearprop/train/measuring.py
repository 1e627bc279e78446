"""How good a network is on samples: its loss, and the fraction that it classifies right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import ClearpropError, NonFiniteError
from clearprop.nn.sequential import Sequential
from clearprop.train.parallel.processes import Processes
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
    parallel : Processes, optional
        Each of which measures some of the samples.
    """

    def __init__(
        self,
        model: Any,
        prepare: Prepare | None,
        targets: Targets | None = None,
        *,
        compiled: bool,
        parallel: Processes | None = None,
    ) -> None:
        self._parallel = parallel
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
        if self._parallel is None:
            pieces = [self._piece(x, t, loss) for x, t in part.pieces(_PIECE)]
        else:
            turn = self._parallel.rank, self._parallel.size
            mine = [self._piece(x, t, loss) for x, t in part.pieces(_PIECE, *turn)]
            pieces = in_turn(self._parallel.collect(mine))
        hits, counts, losses, weights = zip(*pieces, strict=True)
        counted = [pair for pair in zip(losses, weights, strict=True) if pair[1]]
        accuracy = sum(hits) / sum(counts) if sum(counts) else math.nan
        return Measured(self.targets.own(_mean(counted)), accuracy)

    def _piece(self, x: Any, t: Any, loss: bool) -> tuple[int, int, float, float]:
        """Give what is right, of how many, the mean loss and how much it counts."""
        last, y = self.model.last_layer, self._predict(x)
        hits, value, weight = np.empty(0), 0.0, 0.0
        if last.classifies:
            hits = last.hits(y, t)
        if loss:
            targets = last.targets(self.targets(t), y)
            if weight := float(last.count(targets)):
                value = float(last.compute(y, t=targets))
        return int(np.count_nonzero(hits)), hits.size, value, weight


def in_turn(parts: Sequence[Sequence[Any]]) -> list[Any]:
    """Put in one row what was dealt out in turn.

    Examples
    --------
    >>> in_turn([["a", "c"], ["b"]])
    ['a', 'b', 'c']
    """
    rounds = zip_longest(*[[(each,) for each in part] for part in parts], fillvalue=())
    return [each for found in rounds for one in found for each in one]


def _mean(pairs: Sequence[tuple[float, float]]) -> float:
    if len(pairs) < 2:
        return pairs[0][0] if pairs else math.nan
    losses, weights = zip(*pairs, strict=True)
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
