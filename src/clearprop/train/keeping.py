"""Checkpoints of a run, and how a run goes on from one."""

from __future__ import annotations

import time
import warnings
from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.data.preparing import Standardized
from clearprop.errors import DataError
from clearprop.train.checkpoint_file import Checkpoint
from clearprop.train.checkpoints import Checkpoints
from clearprop.train.first_samples import change, first_samples
from clearprop.train.metrics import Metrics, Row
from clearprop.train.sources import Source
from clearprop.train.updates import Prepare, Updates
from clearprop.trees import tree_leaves, tree_map


class Keeping:
    """Saves a run by steps and by time, and lets a new one go on where a saved one was.

    Everything that decides the numbers to come is saved: parameters and buffers, the state of the
    update rule, the position in the data with its generator, the numbers so far, and what watchers
    have noted.

    Parameters
    ----------
    checkpoints : Checkpoints
    model, updates, source, metrics, watchers
        The parts of the run.
    unit : Standardized, optional
        What is done to its targets.
    prepare : callable, optional
        What is done to its samples.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        model: Any,
        updates: Updates,
        source: Source,
        metrics: Metrics,
        watchers: Sequence[Any],
        unit: Standardized | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        self.checkpoints, self.model, self.updates = checkpoints, model, updates
        self.unit, self.prepare = unit, prepare
        self.source, self.metrics, self.watchers = source, metrics, watchers
        self._saved = -1
        self._when = time.monotonic()

    def resume(self) -> None:
        """Go on from the newest checkpoint that is whole, if there is one; say what differs."""
        latest = self.checkpoints.latest()
        notes = latest.notes()
        if latest.checkpoint is not None:
            notes.append(change(latest.checkpoint.facts.get("first_samples"), self._first_samples))
        for note in filter(None, notes):
            warnings.warn(f"train: {note}", RuntimeWarning, stacklevel=4)
        if latest.checkpoint is None:
            return
        arrays, facts = dict(latest.checkpoint.arrays), latest.checkpoint.facts
        check_unit(latest.checkpoint, self.unit)
        parts = {name: _within(arrays, name) for name in ("params", "state", "rule", "metrics")}
        _check(parts["params"], dict(self.model.params))
        _check(parts["state"], dict(getattr(self.model, "state", {})))
        state = dict(tree_leaves(self.updates.state, "rule"))
        _check(parts["rule"], state)
        self.model.params = parts["params"]
        if parts["state"]:
            self.model.state = parts["state"]
        kept = iter([parts["rule"][name] for name in state])
        self.updates.state = tree_map(lambda _: next(kept), self.updates.state)
        self.source.restore(facts["source"])
        self.metrics.iterations = self._saved = latest.checkpoint.step
        self.metrics.loss = array("d", parts["metrics"]["loss"].tolist())
        self.metrics.rows = [
            Row(int(row[0]), *row[1:]) for row in parts["metrics"]["rows"].tolist()
        ]
        for k, watcher in enumerate(self.watchers):
            known = k < len(facts["watchers"])  # one of an earlier version may have had fewer
            if known and hasattr(watcher, "restore"):
                watcher.restore(_within(arrays, f"watch{k}"), facts["watchers"][k])

    @cached_property
    def _first_samples(self) -> dict[str, Any] | None:
        return first_samples(self.source, self.prepare)

    def next_look(self, done: int) -> int:
        """Give the next update after which a checkpoint is due by its number."""
        every = self.checkpoints.every
        return (done // every + 1) * every

    def __call__(self) -> None:
        """Save, if it is time."""
        done = self.metrics.iterations
        late = time.monotonic() - self._when >= self.checkpoints.seconds
        if done > self._saved and (late or done % self.checkpoints.every == 0):
            self.save()

    def save(self) -> None:
        """Save now, unless this is saved already."""
        if self.metrics.iterations == self._saved:
            return
        arrays: dict[str, Any] = {
            **_named("params", self.model.params),
            **_named("state", getattr(self.model, "state", {})),
            **_named("rule", dict(tree_leaves(self.updates.state, "rule"))),
            "metrics/loss": np.array(self.metrics.loss[: self.metrics.iterations]),
            "metrics/rows": np.array(self.metrics.rows, float).reshape(-1, len(Row._fields)),
        }
        noted: list[Any] = []
        for k, watcher in enumerate(self.watchers):
            parts, facts = watcher.saved() if hasattr(watcher, "saved") else ({}, {})
            arrays |= _named(f"watch{k}", parts)
            noted.append(facts)
        facts = {
            "source": self.source.facts,
            "watchers": noted,
            "prepare_target": None if self.unit is None else self.unit.to_dict(),
            "first_samples": self._first_samples,
        }
        self.checkpoints.write(self.metrics.iterations, arrays, facts)
        self._saved, self._when = self.metrics.iterations, time.monotonic()


def check_unit(checkpoint: Checkpoint, unit: Standardized | None) -> None:
    """Refuse weights that were learned for targets in another unit.

    One of an earlier version does not say which; its targets may have been as they are.

    Parameters
    ----------
    checkpoint : Checkpoint
    unit : Standardized or None
        What is done to the targets now.

    Raises
    ------
    DataError
    """
    kept, now = checkpoint.facts.get("prepare_target"), None if unit is None else unit.to_dict()
    if kept == now:
        return
    if "prepare_target" not in checkpoint.facts:
        what, why = "does not say in which unit targets were", "it is of an earlier version"
    else:
        what = f"is of targets prepared with {_unit_said(kept)}, and now it is {_unit_said(now)}"
        why = "the samples are others, or prepare_target is"
    raise DataError(
        f"train: the checkpoint {what}.",
        where=repr(str(checkpoint.path)),
        why=f"{why}; its weights predict in the unit that they were learned in.",
        write="a run from the start, in another folder; or the samples and prepare_target of then",
    )


def _unit_said(unit: Mapping[str, Any] | None) -> str:
    if unit is None:
        return "nothing"
    return f"mean {unit['mean'][0]!r}, standard deviation {unit['std'][0]!r}"


def _named(part: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{part}/{name}": np.asarray(value) for name, value in arrays.items()}


def _within(arrays: Mapping[str, Any], part: str) -> dict[str, Any]:
    head = f"{part}/"
    return {name[len(head) :]: value for name, value in arrays.items() if name.startswith(head)}


def _check(saved: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Compare what was saved with what is there, before anything is changed."""
    forms = [
        {name: (np.shape(value), np.asarray(value).dtype) for name, value in part.items()}
        for part in (saved, here)
    ]
    if forms[0] == forms[1]:
        return
    name = next(n for n in [*forms[0], *forms[1]] if forms[0].get(n) != forms[1].get(n))
    both = [form.get(name) for form in forms]
    was, now = ("not there" if form is None else f"{form[1]} {form[0]}" for form in both)
    raise DataError(
        f"train: the checkpoint is of another run: {name} was {was}, and is {now}.",
        why="a run goes on with the network and the update rule that it was saved with.",
        write="checkpoints=Checkpoints(another_folder)",
    )
