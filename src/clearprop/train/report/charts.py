"""The charts of a run's report: SVG that stands in a page and takes its colours."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.look import CURVES
from clearprop.train.curves import MOST_MARKERS
from clearprop.train.metrics import Row, shown_accuracies

#: Matplotlib wants colours; in the picture they become the page's variables, light and dark.
_INK, _SOFT, _LINE = "#010101", "#020202", "#030303"
_VARIABLES = {_INK: "--ink", _SOFT: "--muted", _LINE: "--edge"}
_SERIES = tuple(f"#0401{n:02x}" for n in range(CURVES))
_VARIABLES |= {colour: f"--curve-{n}" for n, colour in enumerate(_SERIES)}
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))

_LONG = {"train": "training"}
_FEW = 8  # points that each have a tick of their own
_POINTS = 600  # of a line: more than the chart has pixels would only weigh

#: Room for numbers of six digits; to have Matplotlib measure it would take as long as to draw.
_MARGINS = {"left": 0.12, "right": 0.95, "top": 0.97, "bottom": 0.15}

_STYLE: Any = {
    "font.size": 10,
    "svg.fonttype": "none",
    "text.color": _INK,
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _LINE,
    "axes.axisbelow": True,
    "legend.labelcolor": _INK,
}


def loss_chart(loss: Sequence[float]) -> str:
    """Draw the loss of the batches: how far it reaches, and its running mean.

    Parameters
    ----------
    loss : sequence of float
        Of each batch, in the unit of `fit`; what is not finite is left out.

    Returns
    -------
    str
        An SVG element.
    """
    values = np.asarray(loss, float)
    at = np.arange(1, values.size + 1)
    at, values = at[np.isfinite(values)], values[np.isfinite(values)]

    def draw(axes: Any) -> None:
        colour = _SERIES[0]
        if values.size <= _POINTS:
            axes.plot(at, values, color=colour, linewidth=1, marker="o", markersize=3)
        else:
            pieces = np.array_split(np.arange(values.size), _POINTS // 2)
            middle = [at[p].mean() for p in pieces]
            low, high = ([function(values[p]) for p in pieces] for function in (np.min, np.max))
            axes.fill_between(
                middle, low, high, color=colour, alpha=0.25, linewidth=0, label="lowest to highest"
            )
            axes.plot(
                middle,
                [values[p].mean() for p in pieces],
                color=colour,
                linewidth=1.8,
                label="mean",
            )
            axes.legend(frameon=False)
        axes.set_ylabel("loss of a batch")
        _logarithmic(axes, values)

    return _chart("loss", "The loss of the batches over the iterations", draw)


def accuracy_chart(rows: Sequence[Row], things: str = "images", best: int | None = None) -> str:
    """Draw the accuracies on both sets, in percent, as an SVG element.

    Parameters
    ----------
    rows : sequence of Row
    things : str
        What the samples are called.
    best : int, optional
        The iteration that is marked: the weights are of it.
    """
    shown = shown_accuracies(rows)
    at = [row.iteration for row in next(iter(shown.values()), [])]
    lines = {
        f"on the {_LONG.get(name, name)} {things}": [
            100 * getattr(row, f"{name}_accuracy") for row in part
        ]
        for name, part in shown.items()
    }

    def draw(axes: Any) -> None:
        if best is not None:
            axes.axvline(best, color=_SOFT, linewidth=1, linestyle=":", label="the best epoch")
        _lines(axes, at, lines, markers=len(at) <= MOST_MARKERS)
        axes.set_ylabel("classified right (%)")

    return _chart("accuracy", "The accuracies over the iterations", draw, at)


def norm_chart(at: Sequence[int], norms: Mapping[str, Sequence[float]]) -> str:
    """Draw the norm of each layer's gradient, on a logarithmic scale, as an SVG element."""

    def draw(axes: Any) -> None:
        _lines(axes, at, norms, markers=len(at) < 20)
        axes.set_ylabel("norm of the gradient")
        _logarithmic(axes, np.concatenate([np.asarray(v, float) for v in norms.values()]))

    return _chart("norms", "The norm of each layer's gradient over the iterations", draw)


def dead_chart(at: Sequence[int], dead: Mapping[str, Sequence[float]]) -> str:
    """Draw the fraction of dead units of each layer, in percent, as an SVG element."""

    def draw(axes: Any) -> None:
        shares = {name: [100 * part for part in parts] for name, parts in dead.items()}
        _lines(axes, at, shares, markers=len(at) <= MOST_MARKERS)
        axes.set_ylabel("dead units (%)")
        axes.set_ylim(bottom=0, top=max(5.0, 1.1 * max(map(max, shares.values()))))

    return _chart("dead", "The share of dead units over the iterations", draw, at)


def _lines(
    axes: Any, at: Sequence[int], lines: Mapping[str, Sequence[float]], *, markers: bool
) -> None:
    style = {"marker": "o", "markersize": 3.5} if markers else {}
    for number, (name, values) in enumerate(lines.items()):
        axes.plot(
            at[: len(values)],
            values,
            color=_SERIES[number % len(_SERIES)],
            linestyle=_DASHES[number % len(_DASHES)],
            linewidth=1.6 if len(values) <= MOST_MARKERS else 1.1,
            label=name,
            **style,
        )
    axes.legend(frameon=False)


def _logarithmic(axes: Any, values: npt.NDArray[np.float64]) -> None:
    from matplotlib.ticker import LogLocator

    values = values[np.isfinite(values)]
    if not values.size or values.min() <= 0:
        return
    axes.set_yscale("log")
    close = values.max() < 1e3 * values.min()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if close else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def _ticks(at: Sequence[int], left: float, right: float) -> list[int]:
    """Give the iterations of a few points, with room for a number at each; otherwise none."""
    apart = min((b - a for a, b in itertools.pairwise(at)), default=right - left)
    return list(at) if len(at) <= _FEW and apart >= (right - left) / _FEW else []


def _chart(name: str, title: str, draw: Any, at: Sequence[int] = ()) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, MaxNLocator

    with mpl.rc_context():
        mpl.rcdefaults()  # the reader's own matplotlibrc could hide a label
        mpl.rcParams.update(_STYLE | {"svg.hashsalt": name})
        figure = Figure(figsize=(7, 3.2))
        FigureCanvasSVG(figure)
        axes = figure.subplots(gridspec_kw=_MARGINS)
        draw(axes)
        axes.set_xlabel("iterations")
        left, right = axes.get_xlim()
        if right - left < 1:  # one moment: Matplotlib would zoom into it
            axes.set_xlim((left + right) / 2 - 1, (left + right) / 2 + 1)
        ticks = _ticks(at, *axes.get_xlim())
        integers = MaxNLocator(integer=True, min_n_ticks=1)
        axes.xaxis.set_major_locator(FixedLocator(ticks) if ticks else integers)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator")))
    return _in_page(text.getvalue(), title)


def _in_page(svg: str, title: str) -> str:
    """Take the prologue off, the fixed size and colours, and the names that nothing refers to."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    referred = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in referred else "", svg)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 var(--font)", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    head = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", svg[: svg.index(">") + 1])
    head = re.sub(r' width="[^"]*"', "", head)
    head = head[:-1] + f' role="img" class="chart"><title>{title}</title>'
    return head + svg[svg.index(">") + 1 :].strip()
