"""What a run leaves in its folder: weights, numbers, curves and its result."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np

import clearprop
from clearprop.errors import NonFiniteError
from clearprop.train.curves import draw_curves
from clearprop.train.metrics import Metrics, Row
from clearprop.train.models import layer_sizes, title_of
from clearprop.train.quality import Quality
from clearprop.train.settings import Settings


class Outcome(NamedTuple):
    """How a run ended.

    Attributes
    ----------
    metrics : Metrics
        Its numbers.
    seconds : float
        How long the training took, the accuracies included.
    ended : str
        ``"as asked"``, the name of a signal such as ``"SIGINT"``, or the message of an error.
    failure : exception or None
        The error.
    quality : Quality or None
        Of a regression: how far it is off on the test samples.
    kept : Row or None
        The row that the weights are of, where the best are kept; otherwise it is the last.
    """

    metrics: Metrics
    seconds: float
    ended: str
    failure: BaseException | None = None
    quality: Quality | None = None
    kept: Row | None = None

    @property
    def row(self) -> Row | None:
        """The row that the weights are of, if anything was measured."""
        rows = self.metrics.rows
        return self.kept or (rows[-1] if rows else None)

    @property
    def diverged(self) -> bool:
        """Whether it ended as its numbers were no longer finite."""
        return isinstance(self.failure, NonFiniteError)


def run_files(
    settings: Settings, network: Any, shape: Sequence[int], outcome: Outcome
) -> dict[str, Callable[[], bytes]]:
    """Name the files of a run, dearest first, and what makes the content of each.

    Parameters
    ----------
    settings : Settings
        What the run was made from.
    network : Sequential
        With the weights it ended with.
    shape : sequence of int
        Of one sample.
    outcome : Outcome
        How it ended.

    Returns
    -------
    dict
        For `RunFolder.write_all`.
    """
    metrics = outcome.metrics
    made = metrics.iterations if outcome.kept is None else outcome.kept.iteration
    content = cache(lambda: weights(settings, network, shape, made))
    return {
        "weights.safetensors": content,
        "loss.csv": lambda: loss_table(metrics),
        "accuracy.csv": lambda: accuracy_table(metrics),
        "result.json": lambda: result_text(outcome, sha256(content()).hexdigest()),
        "curves.png": lambda: draw_curves(metrics, _title(settings, network, metrics)),
    }


def weights(settings: Settings, network: Any, shape: Sequence[int], iterations: int) -> bytes:
    """Weights as safetensors; the metadata say of which model, as JSON under ``clearprop``.

    Running means and the like are there too.
    """
    from safetensors.numpy import save

    made = {
        "model": settings.model,
        "sizes": layer_sizes(network),
        "shape": list(shape),
        "dtype": settings.dtype,
        "seed": settings.seed,
        "iterations": iterations,
        "version": clearprop.__version__,
    }
    named = {**network.params, **network.state}
    arrays = {name: np.ascontiguousarray(value) for name, value in named.items()}
    # One entry, because safetensors writes several in an order that changes from run to run.
    return save(arrays, metadata={"clearprop": json.dumps(made)})


def loss_table(metrics: Metrics) -> bytes:
    """CSV, a line an iteration: the loss of its batch before its update, in the unit of `fit`.

    Examples
    --------
    >>> from array import array
    >>> print(loss_table(Metrics(array("d", [2.5, 1.25]))).decode(), end="")
    iteration,loss
    1,2.5
    2,1.25
    """
    lines = (f"{i},{loss!r}\n" for i, loss in enumerate(metrics.loss, start=1))
    return ("iteration,loss\n" + "".join(lines)).encode()


def accuracy_table(metrics: Metrics) -> bytes:
    """CSV, a line an epoch: the state after so many iterations; accuracies as fractions.

    What was not measured has no column.
    """
    rows = metrics.rows
    measured = [
        name for name in Row._fields if not all(math.isnan(getattr(row, name)) for row in rows)
    ]
    lines = (",".join(repr(getattr(row, name)) for name in measured) + "\n" for row in rows)
    names = ["mean_loss" if name == "loss" else name for name in measured]
    return (",".join(names) + "\n" + "".join(lines)).encode()


def result_text(outcome: Outcome, weights_sha256: str) -> bytes:
    """JSON: how the run ended, after how many iterations and seconds, and how good it is.

    What was not measured is null: JSON has no NaN. It is how good the weights are that it leaves.
    """
    row = outcome.row
    result: dict[str, Any] = {
        "ended": outcome.ended,
        "iterations": outcome.metrics.iterations,
        "seconds": round(outcome.seconds, 3),
        "train_accuracy": _finite(row.train_accuracy if row else None),
        "test_accuracy": _finite(row.test_accuracy if row else None),
        "test_loss": _finite(row.test_loss if row else None),
    }
    if outcome.quality is not None:
        result |= {f"test_{n}": _finite(v) for n, v in outcome.quality._asdict().items()}
    if outcome.kept is not None:
        result["kept_iteration"] = outcome.kept.iteration
    result["weights_sha256"] = weights_sha256
    return (json.dumps(result, indent=2, allow_nan=False) + "\n").encode()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _title(settings: Settings, network: Any, metrics: Metrics) -> str:
    rule = "" if settings.optimizer == "sgd" else f"{settings.optimizer}, "
    model = shorten(title_of(settings, network), 40, placeholder=" …")
    return (
        f"{model}, {settings.dtype}: {metrics.iterations:,} iterations, "
        f"batches of {settings.batch:,}, {rule}learning rate {settings.lr:g}, seed {settings.seed}"
    )
