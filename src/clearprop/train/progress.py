"""What a run shows while it runs: the table of accuracies, and on a terminal a bar below it."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from clearprop.train.metrics import Metrics, Row, shown_epoch, shown_number

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


def header(columns: Sequence[str], loss: str = "loss") -> str:
    """Give the names of the columns; the loss may have a name that says more."""
    names = [name.replace("loss", loss) for name in columns]
    return "  ".join([f"epoch  iteration  {loss:>6}", *names])


def format_row(row: Row, columns: Sequence[str], loss: str = "loss") -> str:
    r"""One line of the table.

    Examples
    --------
    >>> row = Row(1200, 2.0, 0.3125, 0.9225, 0.9244)
    >>> print(header(columns_of(row)) + "\n" + format_row(row, columns_of(row)))
    epoch  iteration    loss  train accuracy  test accuracy
        2      1,200  0.3125          0.9225         0.9244
    """
    mean = shown_number(row.loss) if row.loss == row.loss else "-"
    measured = [
        f"{shown_number(_value(row, name)):>{len(name.replace('loss', loss))}}" for name in columns
    ]
    width = max(6, len(loss))
    parts = [f"{shown_epoch(row):>5}", f"{row.iteration:>9,}", f"{mean:>{width}}", *measured]
    return "  ".join(parts)


def _value(row: Row, column: str) -> float:
    value: float = getattr(row, column.replace(" ", "_"))
    return value


class PlainProgress:
    """The table as plain lines, for files, pipes and terminals that cannot draw.

    Output that nobody takes any more (a closed pipe, a terminal that is gone) does not end a run:
    from then on it goes on in silence.

    Parameters
    ----------
    every : int, default 1
        Which rows have a line: every one, every second, …; the last one always has.
    loss : str
        What the loss is called.
    """

    def __init__(self, every: int = 1, loss: str = "loss") -> None:
        self._every, self._loss = every, loss
        self._seen = self._shown = 0
        self._columns: list[str] = []
        self._silent = False

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is to be cleared away."""

    def __call__(self, metrics: Metrics) -> None:
        """Show the rows that are new."""
        for row in metrics.rows[self._seen :]:
            if self._seen % self._every == 0:
                self._show(row)
            self._seen += 1

    def finish(self, metrics: Metrics) -> None:
        """Show the last row, if it is not shown yet."""
        self._seen = len(metrics.rows)
        if metrics.rows and metrics.rows[-1].iteration > self._shown:
            self._show(metrics.rows[-1])

    def _show(self, row: Row) -> None:
        if not self._columns:
            self._columns = columns_of(row)
            self.say(header(self._columns, self._loss), "bold")
        self.say(format_row(row, self._columns, self._loss))
        self._shown = row.iteration

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

    def __init__(self, iterations: int, every: int = 1, loss: str = "loss") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__(every, loss)
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
        self._first: int | None = None  # iterations that were made before, where a run goes on

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
        if self._first is None:
            self._first = self._done = len(metrics.loss)
        now = time.perf_counter()
        recent = metrics.loss[self._done :] if now > self._drawn + _REFRESH else ()
        if self._silent or not recent:
            return
        self._drawn, self._done = now, len(metrics.loss)
        try:
            self._progress.update(
                self._task,
                completed=self._done,
                speed=f"{(self._done - self._first) / (now - self._start):,.0f} iterations/s",
                loss=f"{self._loss} {shown_number(sum(recent) / len(recent))}",
                refresh=True,
            )
        except OSError:
            self._silent = True

    def _print(self, text: str, style: str) -> None:
        self._console.print(text, style=style or None, markup=False, soft_wrap=True)
