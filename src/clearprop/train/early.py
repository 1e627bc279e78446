"""Ending a run when it stops getting better, and keeping the best weights."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.errors import OptionError
from clearprop.optim.numbers import where_made
from clearprop.signatures import Told
from clearprop.train.metrics import Metrics, Row

_MEASURES = tuple(name for name in Row._fields if name not in ("iteration", "epoch"))


@dataclass
class EarlyStopping(Told):
    """End a run after some epochs that did not get better; a watcher for `fit`.

    Parameters
    ----------
    network : Sequential
        What is trained. At the end it gets back the arrays that it had when it was best.
    patience : int, default 5
        So many epochs may pass without a better one.
    by : str, default "validation_loss"
        What is measured: a name of `Row`. A loss is to be low, an accuracy high.
    least : float, default 0.0
        What counts as better is better by more than this.

    Attributes
    ----------
    best : Row or None
        The row of the best epoch so far.

    Raises
    ------
    OptionError
        There is no such measure, or it is not measured in this run.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn, train
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(60, 4))
    >>> t = (x[:, 0] + rng.normal(size=60) > 0).astype(int)  # half of it is noise
    >>> net = nn.TwoLayerNet(4, 50, 2, weight_init_std=1.0)
    >>> early = train.EarlyStopping(net, patience=3)
    >>> metrics = train.fit(
    ...     net, ((x, t), None), lr=0.5, batch=20, epochs=500, validation=0.3, watch=early
    ... )
    >>> len(metrics.rows) < 100, early.best.validation_loss < metrics.rows[-1].validation_loss
    (True, True)
    """

    network: Any = None
    patience: int = 5
    by: str = "validation_loss"
    least: float = 0.0
    best: Row | None = field(default=None, init=False)
    _arrays: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _seen: int = field(default=0, init=False, repr=False)
    _waited: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not hasattr(self.network, "params"):
            raise OptionError(
                f"EarlyStopping: network is {self.network!r:.60}.",
                where=where_made(),
                why="it keeps the best arrays of the network that is trained, to give them back.",
                write="early = train.EarlyStopping(net), then fit(net, …, watch=early)",
            )
        if self.by not in _MEASURES:
            raise OptionError(
                f"EarlyStopping: by is {self.by!r}.",
                why=f"what is measured is {', '.join(_MEASURES)}.",
                write='by="validation_loss"',
            )
        if self.patience < 1:
            raise OptionError(
                f"EarlyStopping: patience is {self.patience!r}.",
                why="at least one epoch has to pass before it can be said to be no better.",
                write="patience=5",
            )

    def __call__(self, metrics: Metrics) -> bool:
        """Look at the rows that are new; true when it has waited long enough."""
        for row in metrics.rows[self._seen :]:
            self._look(row)
        self._seen = len(metrics.rows)
        return self._waited >= self.patience

    def next_look(self, done: int) -> int:
        """No update but the last of an epoch matters."""
        return sys.maxsize

    def finish(self, metrics: Metrics) -> None:
        """Give the network the arrays of its best epoch."""
        arrays = {name: value.copy() for name, value in self._arrays.items()}
        for name in self.network.params:
            if name in arrays:
                self.network.params = {name: arrays[name]}
        for name in self.network.state:
            if name in arrays:
                self.network.state = {name: arrays[name]}

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give what a checkpoint keeps: arrays, and facts of what JSON has."""
        best = [] if self.best is None else list(self.best)
        arrays = {"row": np.array(best, float)}
        arrays |= {f"best/{name}": value for name, value in self._arrays.items()}
        return arrays, {"seen": self._seen, "waited": self._waited}

    def restore(self, arrays: Mapping[str, Any], facts: Mapping[str, int]) -> None:
        """Go on from what a checkpoint kept."""
        row = arrays["row"].tolist()
        self.best = Row(int(row[0]), *row[1:]) if row else None
        self._arrays = {
            name.partition("/")[2]: value for name, value in arrays.items() if name != "row"
        }
        self._seen, self._waited = facts["seen"], facts["waited"]

    def _look(self, row: Row) -> None:
        value = getattr(row, self.by)
        if math.isnan(value) and row.iteration:
            raise OptionError(
                f"EarlyStopping: {self.by} is not measured in this run.",
                why="there are no such samples, or the loss knows no right and wrong.",
                write="fit(…, validation=0.1)",
            )
        before = math.nan if self.best is None else getattr(self.best, self.by)
        gain = value - before if self.by.endswith("accuracy") else before - value
        if math.isnan(gain) or gain > self.least:
            self.best, self._waited = row, 0
            both = {**self.network.params, **self.network.state}
            self._arrays = {name: np.array(value) for name, value in both.items()}
        else:
            self._waited += 1
