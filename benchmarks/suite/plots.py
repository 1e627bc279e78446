"""The plot: for each case the time of a step of every side, clearprop's as a line through them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

COLOURS = {
    "clearprop": "#0072b2",
    "PyTorch": "#d55e00",
    "JAX": "#009e73",
    "NumPy": "#999999",
    "micrograd": "#cc79a7",
    "machine": "#000000",
}


def plot(results: list[dict[str, Any]], file: Path) -> None:
    """Write one panel for each case and number of threads."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    most = max(len(found["rows"]) for found in results)
    size = (7.5, len(results) * (0.2 * most + 0.9))  # as wide as a page
    figure, axes = plt.subplots(len(results), figsize=size, squeeze=False, layout="constrained")
    for ax, found in zip(axes.flat, results, strict=True):
        timed = [row for row in found["rows"] if "step" in row]
        names = [row["side"] for row in timed]
        for y, row in enumerate(timed):
            step, colour = row["step"], COLOURS.get(row["peer"], "#56b4e9")
            spread = [[step["median"] - step["p10"]], [step["p90"] - step["median"]]]
            spread = [[1e3 * v[0]] for v in spread]
            ax.errorbar(1e3 * step["median"], y, xerr=spread, fmt="o", color=colour, capsize=3)
            ax.annotate(
                _number(1e3 * step["median"]),
                (1e3 * step["median"], y),
                (0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=colour,
            )
        ax.set_yticks(range(len(timed)), names, fontsize=8)
        ax.set_ylim(len(timed) - 0.4, -0.9)
        ax.set_xscale("log")
        times = [row["step"]["median"] for row in timed]
        is_wide = max(times) > 1000 * min(times)
        ax.xaxis.set_major_locator(LogLocator(subs=(1,) if is_wide else (1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: _number(ms)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="x", labelsize=8)
        ax.margins(x=0.12)
        ax.grid(axis="x", which="both", color="0.9")
        threads = f"{found['threads']} thread" + "s" * (found["threads"] > 1)
        title = textwrap.fill(f"{found['title']}; {threads}", 72)
        ax.set_title(title, fontsize=8, loc="left")
        ax.set_xlabel("ms a step: median, 10 % to 90 %", fontsize=8)
        for row in timed:
            if row["peer"] == "clearprop":
                ax.axvline(
                    1e3 * row["step"]["median"],
                    color=COLOURS["clearprop"],
                    lw=4,
                    alpha=0.2,
                    zorder=0,
                )
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _number(ms: float) -> str:
    return f"{ms:,.0f}" if ms >= 1000 else f"{ms:.3g}"
