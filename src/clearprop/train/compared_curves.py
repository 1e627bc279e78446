"""The curves of several runs as one picture: the losses above, the accuracies below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.legible import legible_name
from clearprop.look import curve_colour
from clearprop.train.curves import (
    MOST_MARKERS,
    curve_axes,
    curve_style,
    running_mean,
    saved,
    scale_loss,
)
from clearprop.train.metrics import shown_accuracies
from clearprop.train.run import Run

_MARKERS = "os^Dv*PX"
_LOOKS = {"train": (":", 1.2, 2.5), "test": ("-", 1.6, 4), "validation": ("--", 1.2, 2.5)}
_TITLE = "running mean of the loss of each run, and its accuracies"
_LINE, _LETTERS, _LONGEST = 0.24, 95, 60  # of the legend: inches, and letters of the picture


def draw_compared(runs: Sequence[Run], names: Sequence[str], form: str = "png") -> bytes:
    """Draw the running mean of the loss of each run, and its accuracies.

    Parameters
    ----------
    runs : sequence of Run
        Finished or not; one without numbers has no curve, and the legend says so.
    names : sequence of str
        What they are called.
    form : {"png", "svg"}

    Returns
    -------
    bytes
        A picture 8 inches wide. Units as in `draw_curves`.

    Raises
    ------
    RunError
        A file of numbers is damaged.
    """
    labels = [_label(run, name) for run, name in zip(runs, names, strict=True)]
    columns = max(1, min(4, len(runs), _LETTERS // (max(map(len, labels)) + 8)))
    with curve_style():
        figure, above, below = curve_axes(_TITLE, _LINE * (1 + math.ceil(len(runs) / columns)))
        lines, measured = [], set()
        for number, run in enumerate(runs):
            style = {"color": curve_colour(number), "marker": _MARKERS[number % len(_MARKERS)]}
            lines.append(_draw_loss(above, run, style))
            measured |= _draw_accuracies(below, run, style)
        scale_loss(above, np.concatenate([run.loss for run in runs]))
        _name_dashes(below, [name for name in _LOOKS if name in measured])
        figure.legend(lines, labels, frameon=False, loc="lower center", ncols=columns)
        return saved(figure, _TITLE, form)


def _label(run: Run, name: str) -> str:
    """Name a run, and say how good it is."""
    name = legible_name(name)
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST // 2]}…{name[-_LONGEST // 2 :]}"
    name = name.replace("$", r"\$").lstrip("_") or name  # as text: no formula, not to be left out
    kept = run.kept
    if kept is not None and not math.isnan(kept.test_accuracy):
        return f"{name}: test {100 * kept.test_accuracy:.2f} %"
    return name if run.loss.size else f"{name}: no numbers yet"


def _draw_loss(axes: Any, run: Run, style: dict[str, Any]) -> Any:
    iterations, mean = running_mean(run.loss) if run.loss.size else ([], [])
    (line,) = axes.plot(iterations, mean, linewidth=1.6, markevery=0.1, markersize=4, **style)
    return line


def _draw_accuracies(axes: Any, run: Run, style: dict[str, Any]) -> set[str]:
    """Draw what was measured, and say what that is."""
    measured = shown_accuracies(run.rows)
    for name, shown in measured.items():
        iterations = [row.iteration for row in shown]
        values = [100 * getattr(row, f"{name}_accuracy") for row in shown]
        every = max(1, math.ceil(len(shown) / MOST_MARKERS))
        axes.plot(iterations, values, markevery=every, **_look(name), **style)
    return set(measured)


def _look(name: str) -> dict[str, Any]:
    dashes, width, size = _LOOKS[name]
    return {"linestyle": dashes, "linewidth": width, "markersize": size}


def _name_dashes(axes: Any, names: Sequence[str]) -> None:
    """Say which line is through the test samples; the colours are said elsewhere."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color="#1a1a1a", **_look(name)) for name in names]
    if lines:
        axes.legend(lines, names, frameon=False, loc="lower right")
