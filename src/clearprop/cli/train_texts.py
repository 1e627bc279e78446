"""What ``clearprop train`` says before and after a run."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.data import DataSet
    from clearprop.train import Outcome, RunFolder, Settings


def heading(settings: Settings, network: Any, data: DataSet, total: int) -> str:
    """Say what is trained, with what, and how."""
    from clearprop.train import title_of

    count = sum(array.size for array in network.params.values())
    thing = "image" if len(data.shape) == 3 else "row"
    rule = "" if settings.optimizer == "sgd" else f"{settings.optimizer}, "
    trained = settings.trained_on(len(data.train.x))
    things = thing if trained == 1 else f"{thing}s"
    apart = len(data.train.x) - trained
    set_apart = f" ({apart:,} more are set aside)" if apart else ""
    goes_on = "" if settings.schedule == "constant" else f", {settings.schedule}"
    return (
        f"{title_of(settings, network)}, {count:,} parameters, {settings.dtype}, "
        f"seed {settings.seed}\n"
        f"{total:,} iterations, batches of {settings.batch:,} out of {trained:,} "
        f"{things}{set_apart}, {rule}learning rate {settings.lr:g}{goes_on}\n"
    )


_NAMES = 60  # letters of the names of columns in one line


def table_heading(data: DataSet) -> str:
    """Say what of a table is given and what is predicted, and which columns only count its rows."""
    if not data.columns:
        return ""
    from clearprop.data.counting import counting_columns
    from clearprop.legible import legible_name

    count, shown = len(data.columns), list(map(_column, data.columns))
    while len(", ".join(shown)) > _NAMES and len(shown) > 1:
        shown.pop()
    names = ", ".join(shown) + (", …" if len(shown) < count else "")
    kind = "a regression" if data.classes is None else f"{len(data.classes):,} classes"
    target = legible_name(repr(data.target))
    lines = [f"{count:,} input{'s' * (count != 1)}: {names}; target {target}, {kind}"]
    for name in counting_columns(data):
        option = shlex.join(["--without", name])
        lines.append(f"{legible_name(repr(name))} only counts the rows: {option} leaves it out")
    return "\n".join(lines) + "\n"


def _column(name: str) -> str:
    from clearprop.legible import legible_name

    return legible_name(name if len(name) <= _NAMES else f"{name[:_NAMES]}…") or "''"


def summary(outcome: Outcome, total: int, data: DataSet) -> str:
    """Say how the run ended, and of a regression how good it is."""
    if outcome.quality is None:
        return _ended(outcome, total)
    from clearprop.legible import legible_name
    from clearprop.train.quality import shown_amount

    error, r2 = outcome.quality
    explained = "" if math.isnan(r2) else f"; R² {r2:.3f}"
    return (
        f"{_ended(outcome, total)}\n"
        f"On the {len(data.test.x):,} test rows the predicted {legible_name(repr(data.target))} is "
        f"off by {shown_amount(error)} on average (mean absolute error){explained}."
    )


def shown_part(settings: Settings, data: DataSet, total: int) -> tuple[int, str]:
    """Give which epochs get a line, every one or every so many, and what there is to say of it."""
    from clearprop.train.metrics import thinned

    trained = settings.trained_on(len(data.train.x))
    things = "image" if len(data.shape) == 3 else "row"
    lines = []
    if trained == 1:
        lines.append(f"warning: there is only 1 {things} to train on: nothing follows from it.")
    an_epoch = max(trained, 1) / settings.batch  # in iterations
    every = thinned(total / max(an_epoch, 1.0))
    if every > 1:
        ending = "nd" if every % 10 == 2 and every % 100 != 12 else "th"
        row = "epoch" if an_epoch >= 1 else "line"
        lines.append(f"Every {every:,}{ending} {row} is shown; all are in accuracy.csv.")
    return every, "\n".join(lines)


def _ended(outcome: Outcome, total: int) -> str:
    from clearprop.train.metrics import shown_epoch

    done, seconds = outcome.metrics.iterations, outcome.seconds
    time_taken = f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds:.2g} s"
    if outcome.ended == "as asked":
        count = "1 iteration" if done == 1 else f"{done:,} iterations"
        return f"\n{count} in {time_taken}: {done / seconds:,.0f} iterations/s."
    if outcome.ended == "no better":
        best = "" if outcome.kept is None else f", {shown_epoch(outcome.kept)}"
        return (
            f"\nEnded after {done:,} of {total:,} iterations, {time_taken}: no better any more; "
            f"the weights are those of the best epoch{best}."
        )
    causes = {"SIGINT": "by Ctrl-C", "SIGTERM": "by SIGTERM", "SIGHUP": "by SIGHUP"}
    return (
        f"\nEnded {causes.get(outcome.ended, 'by an error')} after {done:,} of "
        f"{total:,} iterations, {time_taken}; what there is is saved."
    )


CONTENTS = {
    "report.html": "all of it to look at: curves, mistakes, weights, gradients, the graph",
    "weights.safetensors": "the weights at the end, or of the best epoch with --patience",
    "loss.csv": "the loss of every batch",
    "accuracy.csv": "the table above",
    "curves.png": "both as curves",
    "result.json": "how it ended, and how good it is",
    "config.json": "what it was made from",
    "checkpoints": "where --resume goes on",
}


def listing(folder: RunFolder, settings: Settings, outcome: Outcome) -> str:
    """Name the files, and what can be done with them."""
    named = {name: name for name in CONTENTS if name in folder.files}
    if (folder.path / "checkpoints").is_dir():
        named["checkpoints"] = "checkpoints/"
    lines = [f"  {named[name]:<20} {CONTENTS[name]}" for name in named]
    steps = [("Again", rerun_command(folder))]
    if outcome.diverged:
        steps.append(("Calmer", calmer_command(folder.path, settings.lr)))
    else:
        predict = shlex.join(["clearprop", "predict", str(folder.path)])
        steps.append(("Predict", f"{predict} FILE…"))
        finished = outcome.ended in ("as asked", "no better")
        name = "Longer" if finished else "Go on"
        steps.append((name, longer(folder.path, vars(settings), outcome.ended)))
    further = [f"{name}: {command}" for name, command in steps]
    return "\n".join([f"\n{folder.path}", *lines, "", *further])


def longer(run: Path, settings: Mapping[str, Any], ended: str | None) -> str:
    """Give the command that goes on with a run: to its end, or where it is there, twice as far.

    Examples
    --------
    >>> longer(Path("runs/a"), {"epochs": 10.0, "iterations": 10000}, "as asked")
    'clearprop train --resume runs/a --epochs 20'
    >>> longer(Path("runs/a"), {"epochs": None, "iterations": 500}, "SIGINT")
    'clearprop train --resume runs/a'
    >>> longer(Path("runs/a"), {"epochs": None, "iterations": 500, "patience": 3}, "no better")
    'clearprop train --config runs/a/config.json --patience 6'
    """
    if ended == "no better" and isinstance(patience := settings.get("patience"), int):
        config = str(run / "config.json")
        words = ["--config", config, "--patience", str(2 * patience)]
    else:
        words = ["--resume", str(run)]
        name = "iterations" if settings.get("epochs") is None else "epochs"
        length = settings.get(name)
        if ended == "as asked" and isinstance(length, int | float):
            words += [f"--{name}", f"{2 * length:.12g}"]
    return shlex.join(["clearprop", "train", *words])


def calmer_command(run: Path, lr: Any) -> str:
    """Give the command that makes a run again whose numbers became infinite, with smaller steps."""
    from clearprop.train import calmer

    known = isinstance(lr, int | float) and not isinstance(lr, bool) and 0 < lr < 1e300
    config = str(run / "config.json")
    given = f"{calmer(float(lr)):g}" if known else "0.01"
    return shlex.join(["clearprop", "train", "--config", config, "--lr", given])


def rerun_command(folder: RunFolder) -> str:
    """Give the command that makes the same run."""
    return shlex.join(["clearprop", "train", "--config", str(folder.path / "config.json")])
