"""What ``clearprop train`` says before and after a run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.data import DataSet
    from clearprop.train import Outcome, RunFolder, Settings


def heading(settings: Settings, network: Any, data: DataSet, total: int) -> str:
    """Say what is trained, with what, and how."""
    from clearprop.train import title_of

    count = sum(array.size for array in network.params.values())
    things = "images" if len(data.shape) == 3 else "rows"
    rule = "" if settings.optimizer == "sgd" else f"{settings.optimizer}, "
    goes_on = "" if settings.schedule == "constant" else f", {settings.schedule}"
    return (
        f"{title_of(settings, network)}, {count:,} parameters, {settings.dtype}, "
        f"seed {settings.seed}\n"
        f"{total:,} iterations, batches of {settings.batch:,} out of {len(data.train.x):,} "
        f"{things}, {rule}learning rate {settings.lr:g}{goes_on}\n"
    )


def summary(outcome: Outcome, total: int) -> str:
    """Say how the run ended."""
    done, seconds = outcome.metrics.iterations, outcome.seconds
    time_taken = f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds:.2g} s"
    if outcome.ended == "as asked":
        count = "1 iteration" if done == 1 else f"{done:,} iterations"
        return f"\n{count} in {time_taken}: {done / seconds:,.0f} iterations/s."
    if outcome.ended == "no better":
        return (
            f"\nEnded after {done:,} of {total:,} iterations, {time_taken}: no better any more; "
            "the weights are those of the best epoch."
        )
    causes = {"SIGINT": "by Ctrl-C", "SIGTERM": "by SIGTERM", "SIGHUP": "by SIGHUP"}
    return (
        f"\nEnded {causes.get(outcome.ended, 'by an error')} after {done:,} of "
        f"{total:,} iterations, {time_taken}; what there is is saved."
    )


CONTENTS = {
    "report.html": "all of it to look at: curves, mistakes, weights, gradients, the graph",
    "weights.safetensors": "the weights at the end",
    "loss.csv": "the loss of every batch",
    "accuracy.csv": "the table above",
    "curves.png": "both as curves",
    "result.json": "how it ended, and how good it is",
    "config.json": "what it was made from",
}


def listing(folder: RunFolder) -> str:
    """Name the files, and what makes them again."""
    lines = [f"  {name:<20} {CONTENTS[name]}" for name in CONTENTS if name in folder.files]
    further = [
        f"Again: {rerun_command(folder)}",
        f"Longer: {shlex.join(['clearprop', 'train', '--resume', str(folder.path)])} "
        "--iterations …",
    ]
    return "\n".join([f"\n{folder.path}", *lines, "", *further])


def rerun_command(folder: RunFolder) -> str:
    """Give the command that makes the same run."""
    return shlex.join(["clearprop", "train", "--config", str(folder.path / "config.json")])
