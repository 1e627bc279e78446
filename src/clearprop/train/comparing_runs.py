"""What differs between runs, and how good each became."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearprop.errors import OptionError
from clearprop.train.metrics import Row
from clearprop.train.run import Run
from clearprop.train.run_length import used_settings

_MACHINE = ("system", "machine_code", "blas")  #: what decides how long a run takes


@dataclass(frozen=True)
class Comparison:
    """Runs side by side: each tuple has one element for each run, None where it has no such.

    Attributes
    ----------
    names : tuple of str
        Short, and different from each other.
    settings, made_with : dict of str to tuple
        Those that differ. What is nested has names with dots.
    same : dict
        The settings that do not.
    results : dict of str to tuple
        How each ended, and how good it became.
    best : dict of str to set of int
        The runs that are best in a result: some, and not all.
    common : int or None
        The last iteration after which all were measured, where they are of different length; the
        results have rows for it.
    notes : tuple of str
        What is to be kept in mind.
    """

    names: tuple[str, ...]
    settings: dict[str, tuple[Any, ...]]
    made_with: dict[str, tuple[Any, ...]]
    same: dict[str, Any]
    results: dict[str, tuple[Any, ...]]
    best: dict[str, frozenset[int]]
    common: int | None
    notes: tuple[str, ...]


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Compare two runs or more.

    Parameters
    ----------
    runs : sequence of Run
        Finished or not.

    Returns
    -------
    Comparison

    Raises
    ------
    OptionError
        There is only one run, or one is given twice.
    RunError
        A file of a run is damaged.
    """
    _must_differ(runs)
    for run in runs:
        run.check_weights()  # the numbers here are theirs
    settings = _side_by_side([used_settings(run.settings) for run in runs])
    made_with = _differing(_side_by_side([run.made_with for run in runs]))
    data = len({_data_of(run) for run in runs}) > 1
    common = _common_iteration(runs)
    results = _results(runs, common)
    lengths = [run.iterations for run in runs]
    best = {}
    for name, values in results.items():
        of_samples = any(word in name for word in ("accuracy", "loss", "error", "r2"))
        if not (data and of_samples) and not (name == "seconds" and len(set(lengths)) > 1):
            best[name] = _best(name, values)
    return Comparison(
        _names(runs),
        _differing(settings),
        made_with,
        {name: values[0] for name, values in settings.items() if _is_same(values)},
        results,
        {name: those for name, those in best.items() if those},
        common,
        tuple(_notes(runs, settings, made_with, data, common)),
    )


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give what is nested names with dots.

    Examples
    --------
    >>> flat({"lr": 0.1, "rule": {"name": "sgd"}})
    {'lr': 0.1, 'rule.name': 'sgd'}
    """
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            found |= flat(inner, f"{prefix}{name}.")
        else:
            found[prefix + name] = inner
    return found


def _must_differ(runs: Sequence[Run]) -> None:
    write = "clearprop compare RUN RUN; clearprop show lists them"
    if len(runs) < 2:
        shown = f"only {runs[0].path}" if runs else "no run"
        raise OptionError(f"compare: {shown} is given.", why="it takes two to differ.", write=write)
    seen: set[Any] = set()
    for run in runs:
        if run.path.resolve() in seen:
            raise OptionError(
                f"compare: {run.path} is given twice.", why="a run is as it is.", write=write
            )
        seen.add(run.path.resolve())


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    names = [run.name for run in runs]
    return tuple(names if len(set(names)) == len(names) else [str(run.path) for run in runs])


def _side_by_side(parts: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    flats = [flat(part) for part in parts]
    names = dict.fromkeys(name for part in flats for name in part)
    return {name: tuple(part.get(name) for part in flats) for name in names}


def _is_same(values: Sequence[Any]) -> bool:
    return len({json.dumps(value, sort_keys=True) for value in values}) == 1


def _differing(rows: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {name: values for name, values in rows.items() if not _is_same(values)}


def _data_of(run: Run) -> str:
    """Tell data apart: by their checksum, and without one by where they are."""
    return json.dumps(run.made_with.get("data_sha256") or run.settings.get("data"))


def _common_iteration(runs: Sequence[Run]) -> int | None:
    """Find the last iteration after which all were measured, if they ended at different ones.

    Those that were never measured are not asked.
    """
    measured = [{row.iteration for row in run.rows if row.iteration} for run in runs]
    measured = [of for of in measured if of]
    if len({max(of) for of in measured}) < 2:
        return None
    return max(set.intersection(*measured), default=None)


def _results(runs: Sequence[Run], common: int | None) -> dict[str, tuple[Any, ...]]:
    columns = dict.fromkeys(
        name for run in runs for name in run.table if name not in ("iteration", "epoch")
    )
    results: dict[str, tuple[Any, ...]] = {
        "ended": tuple(run.ended for run in runs),
        "iterations": tuple(run.iterations for run in runs),
    }
    if any(_kept(run) is not None for run in runs):
        results["weights after"] = tuple(
            run.iterations if _kept(run) is None else _kept(run) for run in runs
        )
    for name in sorted(columns, key=_kind):
        shown = name.replace("_", " ")
        results[shown] = tuple(_at(run, name, _kept(run)) for run in runs)
        if common is not None:
            results[f"{shown} at {common:,}"] = tuple(_at(run, name, common) for run in runs)
    results["seconds"] = tuple((run.result or {}).get("seconds") for run in runs)
    results["iterations/s"] = tuple(map(_speed, runs))
    known = {"ended", "iterations", "seconds", "kept_iteration", "weights_sha256", *Row._fields}
    more = [{k: v for k, v in (run.result or {}).items() if k not in known} for run in runs]
    for name, values in _side_by_side(more).items():
        results.setdefault(name.replace("_", " "), values)
    return results


def _kind(column: str) -> int:
    """Order columns: accuracies, losses, and what else there is; a stable sort keeps the rest."""
    return next((i for i, word in enumerate(("accuracy", "loss")) if word in column), 2)


def _at(run: Run, column: str, iteration: int | None) -> Any:
    """Give a number of the table after an iteration, or at the end; None for what is not there."""
    values = dict(zip(run.table.get("iteration", ()), run.table.get(column, ()), strict=False))
    value = values.get(max(values, default=0) if iteration is None else iteration)
    return None if isinstance(value, float) and math.isnan(value) else value


def _kept(run: Run) -> int | None:
    """Give the iteration that the weights are of, where these are not the last ones."""
    kept = run.kept
    return None if kept is None or kept == run.rows[-1] else kept.iteration


def _speed(run: Run) -> float | None:
    seconds = (run.result or {}).get("seconds")
    return run.iterations / seconds if seconds else None


def _best(name: str, values: Sequence[Any]) -> frozenset[int]:
    """Find the best of some numbers; nothing where all are as good, or nobody knows what is."""
    numbers = {i: value for i, value in enumerate(values) if isinstance(value, int | float)}
    if "accuracy" in name or name in ("iterations/s", "test r2"):
        choose = max
    elif "loss" in name or name.endswith("error") or name == "seconds":
        choose = min
    else:
        return frozenset()
    if len(set(numbers.values())) < 2:
        return frozenset()
    best = choose(numbers.values())
    return frozenset(i for i, value in numbers.items() if value == best)


def _notes(
    runs: Sequence[Run],
    settings: Mapping[str, tuple[Any, ...]],
    made_with: Mapping[str, tuple[Any, ...]],
    data: bool,
    common: int | None,
) -> list[str]:
    notes = []
    names = _names(runs)
    for name, run in zip(names, runs, strict=True):
        if run.ended is None:
            notes.append(f"{name} has not ended: it is still going, or was killed.")
        elif run.ended == "no better":
            notes.append(
                f"{name} ended early, as it became no better: its numbers are those of the best "
                "epoch, which is kept."
            )
        elif run.ended != "as asked" and not run.ended.startswith("SIG"):
            notes.append(f"{name} ended by an error: {run.ended}")
    if data:
        notes.append(
            "The runs are on different data: their losses and accuracies are not of the same "
            "samples, and none is marked."
        )
    lengths = [f"{run.iterations:,}" for run in runs]
    if len(set(lengths)) > 1:
        if common is None:
            after = "they were never measured after the same number of them"
        else:
            after = f"the rows 'at {common:,}' are after as many of them"
        notes.append(f"The runs are of different length, {_listed(lengths)} iterations: {after}.")
    batches = settings.get("batch", ())
    if batches and not _is_same(batches):
        notes.append("The batches are of different size: an iteration sees more or fewer samples.")
    if others := [name for name in _MACHINE if name in made_with]:
        notes.append(f"The times were not taken on the same machine: see {_listed(others)}.")
    return notes


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
