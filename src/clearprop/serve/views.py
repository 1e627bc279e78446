"""What the pictures of the training room are drawn from: few numbers, however long it trains."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from clearprop.data.mnist import SIDE
from clearprop.serve.training import Training
from clearprop.train.diary import dead_units
from clearprop.train.report.mistakes import find_mistakes

SAMPLE = 1000  #: digits that accuracies are computed from
_POINTS = 250  # of a curve
_UNITS = 30  # whose weights are shown
_WRONG = 24  # digits that are shown


def look(training: Training) -> None:
    """Note the accuracies, on the first digits of both sets."""
    history = training.history
    if len(history.at) and history.at[-1] == training.iteration:
        return
    history.at.append(training.iteration)
    for (x, t), noted in zip(training.data, (history.train, history.test), strict=True):
        guesses = np.argmax(training.scores(x[:SAMPLE]), axis=-1)
        noted.append(float(np.mean(guesses == t[:SAMPLE])))


def curves(training: Training) -> dict[str, Any]:
    """Give the curves, thinned: points as pairs of iteration and value."""
    history = training.history
    return {
        "iteration": training.iteration,
        "epoch": round(
            training.iteration * training.settings.batch / len(training.data.train.x), 3
        ),
        "loss": thin(history.loss),
        "strength": [thin(noted) for noted in history.strength],
        "train": _at(history.at, history.train),
        "test": _at(history.at, history.test),
    }


def thin(values: Any) -> list[tuple[int, float | None]]:
    """Give the means of equal stretches, with the last iteration of each.

    Examples
    --------
    >>> thin([3.0, 1.0])
    [(1, 3.0), (2, 1.0)]
    >>> len(thin([0.0] * 10_000)) <= 250
    True
    """
    stretch = math.ceil(len(values) / _POINTS) or 1
    found = []
    for start in range(0, len(values), stretch):
        part = values[start : start + stretch]
        found.append((start + len(part), _finite(math.fsum(part) / len(part))))
    return found


def _at(at: Any, values: Any) -> list[tuple[int, float | None]]:
    stretch = math.ceil(len(at) / _POINTS) or 1
    places = list(range(0, len(at), stretch))
    if places and places[-1] != len(at) - 1:
        places.append(len(at) - 1)  # the newest is always there
    return [(int(at[i]), _finite(values[i])) for i in places]


def _finite(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def pictures(training: Training) -> dict[str, Any]:
    """Give the first layer's weights, the digits it gets wrong, and the dead units."""
    weights = np.nan_to_num(np.asarray(training.affines[0].W)[:, :_UNITS].T)
    largest = float(np.abs(weights).max()) or 1.0
    x, t = training.data.test.x[:SAMPLE], training.data.test.t[:SAMPLE]
    found = find_mistakes(training.scores, x, t)
    wrong = np.sort(found.wrong)  # in the order of the set: they stay where they are
    shown = [
        {
            "index": int(i),
            "truth": int(t[i]),
            "guess": int(found.taken_for[i]),
            "sure": _finite(found.probability[i]),
            "pixels": _text(x[i]),
        }
        for i in wrong[:_WRONG]
    ]
    dead = None
    if training.settings.activation == "relu":
        dead = int(np.count_nonzero(dead_units(training.outputs(x)["ReLU1"])))
    return {
        "side": SIDE,
        "largest": _finite(largest),
        "weights": [_text(np.round(unit / largest * 127).astype(np.int8)) for unit in weights],
        "units": training.settings.hidden,
        "wrong": shown,
        "wrong_count": len(wrong),
        "sample": len(x),
        "dead": dead,
    }


def _text(pixels: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode("ascii")
