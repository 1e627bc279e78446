"""The curves of several runs as one picture: the losses above, the accuracies below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.legible import legible_name
from clearprop.look import curve_colour
from clearprop.train.curves import curve_axes, curve_style, running_mean, saved, scale_loss
from clearprop.train.metrics import shown_accuracies
from clearprop.train.reading_runs import Run

_MARKERS = "os^Dv*PX"
_TITLE = "running mean of the loss of each run, and its accuracies"
_ENTRIES = 8  # of a column of a legend; more would hide the curves


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
        A picture of 8 x 7 inches. Units as in `draw_curves`.

    Raises
    ------
    RunError
        A file of numbers is damaged.
    """
    with curve_style():
        figure, above, below = curve_axes(_TITLE)
        for number, (run, name) in enumerate(zip(runs, names, strict=True)):
            style = {"color": curve_colour(number), "marker": _MARKERS[number % len(_MARKERS)]}
            label = legible_name(name).replace("$", r"\$").removeprefix("_")  # text, not a formula
            _draw_loss(above, run, label, style)
            _draw_accuracies(below, run, label, style)
        scale_loss(above, np.concatenate([run.loss for run in runs]))
        columns = 1 + (len(runs) - 1) // _ENTRIES
        for axes, place in ((above, "upper right"), (below, "lower right")):
            if axes.get_legend_handles_labels()[0]:
                axes.legend(frameon=False, loc=place, ncols=columns)
        return saved(figure, _TITLE, form)


def _draw_loss(axes: Any, run: Run, label: str, style: dict[str, Any]) -> None:
    iterations, mean = running_mean(run.loss) if run.loss.size else ([], [])
    label = label if run.loss.size else f"{label} (no losses yet)"
    axes.plot(iterations, mean, label=label, linewidth=1.6, markevery=0.1, markersize=4, **style)


def _draw_accuracies(axes: Any, run: Run, label: str, style: dict[str, Any]) -> None:
    """Draw what was measured: with a line through the test samples, dotted for the training's."""
    rows = run.rows
    for name, shown in shown_accuracies(rows).items():
        values = [100 * getattr(row, f"{name}_accuracy") for row in shown]
        look = {"train": ":", "test": "-", "validation": "--"}[name]
        axes.plot(
            [row.iteration for row in shown],
            values,
            linestyle=look,
            linewidth=1.6 if name == "test" else 1.2,
            markersize=4 if name == "test" else 2.5,
            label=f"{label}, {name}: {values[-1]:.2f} %",
            **style,
        )
