"""The numbers that a run leaves."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Row(NamedTuple):
    """How good the network is at one moment: a line of the table.

    Attributes
    ----------
    iteration : int
        Updates made so far.
    epoch : float
        Samples drawn so far, in units of the training set.
    loss : float
        Mean of the batches' losses since the row before, in nats per sample; NaN in the first.
    train_accuracy, test_accuracy : float
        Fractions of the samples, from 0 to 1; NaN where the loss knows no right and wrong, or there
        are no such samples.
    test_loss : float
        Mean over the test samples.
    validation_accuracy, validation_loss : float
        Of the samples that were set aside.
    """

    iteration: int
    epoch: float
    loss: float
    train_accuracy: float
    test_accuracy: float
    test_loss: float = math.nan
    validation_accuracy: float = math.nan
    validation_loss: float = math.nan


@dataclass
class Metrics:
    """The numbers of a run.

    Attributes
    ----------
    loss : array of float
        ``loss[i]`` is the mean loss of the batch for update ``i + 1``, before that update, in nats
        per sample.
    rows : list of Row
        Before training, after each epoch, and at the end.
    iterations : int
        Updates made so far. Where the loss was not finite, one less than there are losses.
    optimizer_state : nested arrays
        What the optimizer remembers when the run has ended, however it did.
    """

    loss: array[float] = field(default_factory=lambda: array("d"))
    rows: list[Row] = field(default_factory=list)
    iterations: int = 0
    optimizer_state: Any = field(default=None, repr=False, compare=False)


def shown_accuracies(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Name the accuracies that a chart shows, and the rows that it shows of them.

    The untrained network's would press all that follow into one line, where these are good.

    Examples
    --------
    >>> rows = [Row(0, 0.0, 2.3, 0.1, 0.1), Row(9, 1.0, 0.5, 0.8, 0.7), Row(18, 2.0, 0.4, 0.9, 0.8)]
    >>> {name: len(shown) for name, shown in shown_accuracies(rows).items()}
    {'train': 2, 'test': 2}
    """
    measured = {
        name: [getattr(row, f"{name}_accuracy") for row in rows]
        for name in ("train", "test", "validation")
    }
    measured = {name: of for name, of in measured.items() if of and not math.isnan(of[-1])}
    good = len(rows) > 2 and all(min(of[1:]) > 0.5 for of in measured.values())
    return {name: list(rows[good:]) for name in measured}
