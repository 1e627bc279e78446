"""What a run shows while it runs: the table of accuracies, and on a terminal a bar below it."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from clearprop.train.metrics import Metrics, Row

_COLUMNS = (
    "train accuracy",
    "test accuracy",
    "validation accuracy",
    "test loss",
    "validation loss",
)
_REFRESH = 0.2  # seconds: drawing more often would take time from the training


def wants_plain() -> bool:
    """Whether the output is no terminal to draw on: a pipe, TERM=dumb, or NO_COLOR is set."""
    return bool(
        not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    )


def columns_of(row: Row) -> list[str]:
    """Name what the table shows: accuracies, where there are any, and otherwise losses."""
    measured = [name for name in _COLUMNS if not math.isnan(_value(row, name))]
    return [name for name in measured if name.endswith("accuracy")] or measured


def header(columns: Sequence[str]) -> str:
    """Give the names of the columns."""
    return "  ".join(["epoch  iteration    loss", *columns])


def format_row(row: Row, columns: Sequence[str]) -> str:
    r"""One line of the table.

    Examples
    --------
    >>> row = Row(1200, 2.0, 0.3125, 0.9225, 0.9244)
    >>> print(header(columns_of(row)) + "\n" + format_row(row, columns_of(row)))
    epoch  iteration    loss  train accuracy  test accuracy
        2      1,200  0.3125          0.9225         0.9244
    """
    loss = f"{row.loss:.4f}" if row.loss == row.loss else "-"
    epoch = f"{row.epoch:.1f}".removesuffix(".0")
    measured = [f"{_value(row, name):>{len(name)}.4f}" for name in columns]
    return "  ".join([f"{epoch:>5}", f"{row.iteration:>9,}", f"{loss:>6}", *measured])


def _value(row: Row, column: str) -> float:
    value: float = getattr(row, column.replace(" ", "_"))
    return value


class PlainProgress:
    """The table as plain lines, for files, pipes and terminals that cannot draw.

    Output that nobody takes any more (a closed pipe, a terminal that is gone) does not end a run:
    from then on it goes on in silence.
    """

    def __init__(self) -> None:
        self._shown = 0
        self._columns: list[str] = []
        self._silent = False

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is to be cleared away."""

    def __call__(self, metrics: Metrics) -> None:
        """Show the rows that are new."""
        for row in metrics.rows[self._shown :]:
            if self._shown == 0:
                self._columns = columns_of(row)
                self.say(header(self._columns), "bold")
            self.say(format_row(row, self._columns))
            self._shown += 1

    def say(self, text: str, style: str = "") -> None:
        """Print one line, in a style of Rich where there are styles."""
        if self._silent:
            return
        try:
            self._print(text, style)
        except OSError:
            self._silent = True
            with suppress(OSError), Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())  # Python flushes stdout at its end

    def _print(self, text: str, style: str) -> None:
        print(text, flush=True)


class LiveProgress(PlainProgress):
    """The table, and below it a bar with the speed, the time left and the loss."""

    def __init__(self, iterations: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__()
        self._console = Console(highlight=False)
        self._progress = Progress(
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(bar_width=20),  # never to the edge: the terminal adds ^C, and would wrap
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left  {task.fields[loss]}"),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._progress.add_task("", total=iterations, speed="", loss="")
        self._drawn = self._start = time.perf_counter()
        self._done = 0

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        self._drawn = self._start = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._progress.stop()
        except OSError:
            self._silent = True

    def __call__(self, metrics: Metrics) -> None:
        """Show the rows that are new, and now and then the bar."""
        super().__call__(metrics)
        now = time.perf_counter()
        recent = metrics.loss[self._done :] if now > self._drawn + _REFRESH else ()
        if self._silent or not recent:
            return
        self._drawn, self._done = now, len(metrics.loss)
        try:
            self._progress.update(
                self._task,
                completed=self._done,
                speed=f"{self._done / (now - self._start):,.0f} iterations/s",
                loss=f"loss {sum(recent) / len(recent):.4f}",
                refresh=True,
            )
        except OSError:
            self._silent = True

    def _print(self, text: str, style: str) -> None:
        self._console.print(text, style=style or None, markup=False, soft_wrap=True)
