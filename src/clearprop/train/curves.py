"""The curves of a run as one picture: the loss above, the accuracies below."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.train.metrics import Metrics, Row, shown_accuracies

MOST_MARKERS = 60  #: points of a line; the markers of more would be a band
_INK, _GREY = "#1a1a1a", "#6b6b6b"
_LOSS = "#b3412f"
_COLOURS = {"train": "#1f5fa8", "test": "#d9822b", "validation": "#3a8f5c"}


def draw_curves(metrics: Metrics, title: str) -> bytes:
    """Draw the loss of every iteration, its running mean, and both accuracies.

    Parameters
    ----------
    metrics : Metrics
        The numbers of a run, finished or not.
    title : str
        What was trained, and how.

    Returns
    -------
    bytes
        A PNG, 1600 x 1400 pixels. Units: the loss as `fit` gives it, accuracies in percent.

    Examples
    --------
    >>> from array import array
    >>> rows = [Row(0, 0.0, float("nan"), 0.1, 0.1), Row(2, 1.0, 2.1, 0.5, 0.4)]
    >>> draw_curves(Metrics(array("d", [2.3, 1.9]), rows), "two iterations")[1:4]
    b'PNG'
    """
    with curve_style():
        figure, above, below = curve_axes(title)
        _draw_loss(above, np.asarray(metrics.loss))
        _draw_measured(below, metrics.rows)
        return saved(figure, title, "png")


@contextmanager
def curve_style() -> Iterator[None]:
    """Draw in the style of all curves; the reader's own matplotlibrc could hide a label."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def curve_axes(title: str, room: float = 0) -> tuple[Any, Any, Any]:
    """Make a figure, and its axes for the loss and for the accuracies, with room below them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    height = 7 + room  # inches, as the room
    bottom, top = (room + _BOTTOM) / height, (room + _TOP) / height
    figure = Figure(figsize=(8, height), dpi=200)
    FigureCanvasAgg(figure)
    margins = {**_MARGINS, "bottom": bottom, "top": top}
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw=margins)
    size = min(11.0, 11 * 92 / max(1, len(title)))  # so many fill the width
    figure.suptitle(title, fontsize=size, color=_INK, y=1 - _TITLE / height)
    above.set_ylabel("loss\n(mean of a batch)")
    below.set_ylabel("accuracy\n(% of the samples)")
    below.set_xlabel("iterations")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.xaxis.set_major_formatter("{x:,.0f}")
    return figure, above, below


def saved(figure: Any, title: str, form: str) -> bytes:
    """Give a figure as a file: the same bytes for the same figure."""
    content = io.BytesIO()
    about = {"Title": title, "Date": None} if form == "svg" else {"Title": title}
    figure.savefig(content, format=form, metadata=about)
    return content.getvalue()


#: Room for numbers of six digits; to have Matplotlib measure it would take as long as to draw.
_MARGINS = {"left": 0.14, "right": 0.955, "hspace": 0.05}
_BOTTOM, _TOP, _TITLE = 0.49, 6.65, 0.14  # inches from the bottom, and for the title from the top

_STYLE: Any = {
    "font.size": 10,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _INK,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "svg.hashsalt": "clearprop",
}


def _draw_loss(axes: Any, loss: npt.NDArray[np.float64]) -> None:
    iterations = np.arange(1, loss.size + 1)
    window = window_of(loss)
    few = loss.size < 50
    style = {"marker": "o", "markersize": 4} if few else {"alpha": 0.3, "linewidth": 0.6}
    axes.plot(iterations, loss, color=_LOSS, label="each batch", **style)
    if window > 1:
        label = f"mean of {window:,} batches"
        axes.plot(*running_mean(loss), color=_LOSS, linewidth=1.8, label=label)
    scale_loss(axes, loss)
    for line in axes.legend(frameon=False, loc="best" if few else "upper right").get_lines():
        line.set(alpha=max(0.5, line.get_alpha() or 1), linewidth=1.8)


def window_of(loss: npt.NDArray[np.float64]) -> int:
    """Give the number of batches of which a running mean is drawn."""
    return loss.size // 50


def running_mean(
    loss: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Give the iterations in the middle of each window, and the mean loss in it."""
    window = max(1, window_of(loss))
    iterations = np.arange(1, loss.size + 1)
    middles = iterations[window // 2 :][: max(0, loss.size - window + 1)]
    return middles, np.convolve(loss, np.full(window, 1 / window), mode="valid")


def scale_loss(axes: Any, loss: npt.NDArray[np.float64]) -> None:
    """Make the axis of the loss logarithmic, if all of it can stand there."""
    from matplotlib.ticker import LogLocator

    finite = loss[np.isfinite(loss)]
    if finite.size and finite.min() > 0:
        axes.set_yscale("log")
        close = finite.max() < 1e3 * finite.min()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if close else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")


def _draw_measured(axes: Any, rows: list[Row]) -> None:
    """Draw the accuracies or, where there is none, the losses of what is not trained with."""
    accuracies = shown_accuracies(rows)
    for name, shown in accuracies.items():
        values = [100 * getattr(row, f"{name}_accuracy") for row in rows]
        label = f"{name}, from {values[0]:.1f} % to {values[-1]:.2f} %"
        _draw_line(axes, shown, values[len(rows) - len(shown) :], name, label)
    axes.set_ylabel("accuracy\n(% of the samples)" if accuracies else "loss\n(mean over samples)")
    for name in () if accuracies else ("test", "validation"):
        values = [getattr(row, f"{name}_loss") for row in rows]
        if any(map(math.isfinite, values)):
            label = f"{name}, from {values[0]:.3g} to {values[-1]:.3g}"
            _draw_line(axes, rows, values, name, label)
            scale_loss(axes, np.array(values))
    if axes.get_lines():
        axes.legend(frameon=False, loc="lower right" if accuracies else "upper right")


def _draw_line(axes: Any, rows: list[Row], values: list[float], name: str, label: str) -> None:
    iterations = [row.iteration for row in rows]
    marker = "o" if len(rows) <= MOST_MARKERS else None
    axes.plot(iterations, values, color=_COLOURS[name], marker=marker, markersize=4, label=label)
