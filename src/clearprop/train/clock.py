"""How long a run took, over all the times that it went on."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from clearprop.train.metrics import Metrics


class Clock:
    """Counts the seconds of a run; a watcher for `fit`, so that checkpoints keep them.

    Parameters
    ----------
    before : float, default 0.0
        What the run has taken already, as far as that is known without its checkpoint.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.restore({}, {"seconds": 60.0})
    >>> 60 <= clock.seconds < 120
    True
    """

    def __init__(self, before: float = 0.0) -> None:
        self._before = before
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """All seconds so far."""
        return self._before + time.perf_counter() - self._started

    def __call__(self, metrics: Metrics) -> None:
        """Look at nothing: it runs by itself."""

    def next_look(self, done: int) -> int:
        """No update matters."""
        return sys.maxsize

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give what a checkpoint keeps: no arrays, and the seconds."""
        return {}, {"seconds": self.seconds}

    def restore(self, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self._before = max(self._before, float(facts.get("seconds", 0.0)))
