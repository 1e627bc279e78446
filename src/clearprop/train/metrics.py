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
        Mean of the batches' losses since the row before, in the unit of `fit`; NaN in the first.
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


@dataclass(repr=False)
class Metrics:
    """The numbers of a run.

    Attributes
    ----------
    loss : array of float
        ``loss[i]`` is the mean loss of the batch for update ``i + 1``, before that update, in the
        unit of `fit`: nats per sample of a cross-entropy.
    rows : list of Row
        Before training, after each epoch, and at the end.
    iterations : int
        Updates made so far. Where the loss was not finite, one less than there are losses.
    optimizer_state : nested arrays
        What the optimizer remembers when the run has ended, however it did.

    Examples
    --------
    >>> Metrics(array("d", [2.25, 0.5]), [Row(2, 1.0, 1.375, 0.75, 0.5)], 2)
    Metrics of 2 iterations: loss 0.5000, train accuracy 0.7500, test accuracy 0.5000
    """

    loss: array[float] = field(default_factory=lambda: array("d"))
    rows: list[Row] = field(default_factory=list)
    iterations: int = 0
    optimizer_state: Any = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """Give one line: the loss of the last batch, and what was measured last."""
        said = [f"loss {shown_number(self.loss[-1])}"] if self.loss else []
        last = self.rows[-1]._asdict() if self.rows else {}
        for name, value in last.items():
            if name.endswith(("_accuracy", "_loss")) and not math.isnan(value):
                said.append(f"{name.replace('_', ' ')} {shown_number(value)}")
        of = f"Metrics of {self.iterations:,} iteration{'s' * (self.iterations != 1)}"
        return f"{of}: {', '.join(said)}" if said else of


def shown_number(value: float) -> str:
    """Give a loss or an accuracy as text; squared errors of prices have many digits.

    Examples
    --------
    >>> shown_number(0.3125), shown_number(26475203.957)
    ('0.3125', '2.648e+07')
    """
    return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"


_TINY = 1e-9  # of an epoch: what rounding may take away


def shown_epoch(row: Row) -> str:
    """Give the epoch of a row as text: which one ended with it, or how far it is between two.

    An epoch ends with the batch that reaches over its last sample.

    Examples
    --------
    >>> [shown_epoch(Row(n, n * 100 / 320, 2.3, 0.1, 0.1)) for n in (0, 4, 7, 8)]
    ['0', '1', '2', '2.5']
    >>> shown_epoch(Row(1, math.inf, 2.3, 0.1, 0.1))
    '-'
    """
    if not math.isfinite(row.epoch):  # a table that others wrote
        return "-"
    if not row.iteration:
        return "0"
    before = row.epoch * (row.iteration - 1) / row.iteration
    if math.floor(row.epoch + _TINY) > math.floor(before + _TINY):
        return f"{math.floor(row.epoch + _TINY):,}"
    return f"{row.epoch:,.1f}".removesuffix(".0")


def thinned(epochs: float, most: int = 50) -> int:
    """Say which epochs are shown of so many, every one, every 2nd, every 4th, …, at most `most`.

    Examples
    --------
    >>> thinned(16.7), thinned(100), thinned(3125)
    (1, 2, 64)
    """
    return 1 << max(0, math.ceil(math.log2(max(epochs, 1) / most)))


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
