"""What the first process has read from a checkpoint, for all."""

from __future__ import annotations

from typing import Any

from clearprop.train.metrics import Metrics
from clearprop.train.parallel.processes import Processes
from clearprop.train.sources import Source
from clearprop.train.updates import Updates


def share(
    processes: Processes, model: Any, updates: Updates, source: Source, metrics: Metrics
) -> None:
    """Bring a run on all processes to where it is on the first one.

    Parameters
    ----------
    processes : Processes
    model, updates, source, metrics
        The parts of the run; those of the others are changed.
    """
    found = None
    if processes.is_first:
        params, state = dict(model.params), dict(model.state)
        found = params, state, updates.state, source.facts, metrics
    params, state, of_rule, place, known = processes.agree(found)
    if processes.is_first:
        return
    model.params = params
    if state:
        model.state = state
    updates.state = of_rule
    source.restore(place)
    metrics.iterations, metrics.loss, metrics.rows = known.iterations, known.loss, known.rows
