"""The training that ``clearprop train`` starts: watched, ended by a signal, timed."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.data import DataSet
    from clearprop.nn import Sequential
    from clearprop.train import (
        Clock,
        EarlyStopping,
        Metrics,
        Outcome,
        PlainProgress,
        Settings,
        Stopping,
    )


def fit_all(
    network: Sequential,
    data: DataSet,
    settings: Settings,
    show: PlainProgress,
    stopping: Stopping,
    *,
    clock: Clock,
    early: EarlyStopping | None,
    **parts: Any,
) -> Outcome:
    """Train until all is done, or a signal or an error comes: there is always an outcome."""
    from clearprop.train import Metrics, Outcome, fit

    metrics = Metrics()
    failure: BaseException | None = None
    total = settings.total(len(data.train.x))
    try:
        with show, _warnings_said(show):
            fit(
                network,
                data,
                optimizer=settings.rule(total),
                batch=settings.batch,
                iterations=total,
                replace=not settings.shuffle,
                validation=settings.validation,
                metrics=metrics,
                interpret=settings.interpret,
                **parts,
            )
    except (Exception, KeyboardInterrupt) as error:  # first all is saved, then it goes on
        failure = error
    seconds = clock.seconds
    show.finish(metrics)
    ended = "as asked"
    if stopping.received is not None and metrics.iterations < total:
        ended = stopping.received.name
    elif failure is not None:
        ended = getattr(failure, "what", None) or f"{type(failure).__name__}: {failure}"
    elif metrics.iterations < total:
        ended = "no better"
    kept = early.best if early is not None and failure is None else None
    return Outcome(metrics, seconds, ended, failure, kept=kept)


class Often:
    """A watcher that is called several times a second, and waits for no update."""

    def __init__(self, look: Callable[[Any], Any]) -> None:
        self.look = look

    def __call__(self, metrics: Metrics) -> Any:
        """Look."""
        return self.look(metrics)

    def next_look(self, done: int) -> int:
        """No update matters."""
        return sys.maxsize


@contextmanager
def threads_set(count: int | None) -> Iterator[None]:
    """Run machine code on so many threads."""
    from clearprop import set_threads

    if count is None:
        yield
        return
    set_threads(count)
    try:
        yield
    finally:
        set_threads(None)


@contextmanager
def _warnings_said(show: PlainProgress) -> Iterator[None]:
    """Let warnings be lines between those of the table."""

    def say(message: Warning | str, *_: object, **__: object) -> None:
        show.say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = say  # catch_warnings puts the old one back
        yield
