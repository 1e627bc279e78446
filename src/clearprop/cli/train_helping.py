"""``clearprop train`` on a process that is not the first: it computes, and says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from clearprop.cli.explanation import explain
from clearprop.cli.train_request import load
from clearprop.cli.train_running import threads_set
from clearprop.errors import ClearpropError, NonFiniteError

if TYPE_CHECKING:
    from clearprop.train import Processes, Settings


def help_first(settings: Settings, processes: Processes) -> None:
    """Train with the first process, which shows and keeps the run; end as it ends."""
    import threadpoolctl

    from clearprop import train as training

    if not processes.agree(None):
        return  # there is nothing to do
    processes.names()
    samples = load(settings)
    weights, batches = settings.streams()
    network = training.build_for(settings, samples, weights)
    total = settings.total(len(samples.train.x))
    with (
        training.Stopping() as stopping,
        threads_set(settings.threads),
        threadpoolctl.threadpool_limits(settings.threads or 1, "blas"),
    ):
        try:
            training.fit(
                network,
                samples,
                optimizer=settings.rule(total),
                batch=settings.batch,
                iterations=total,
                replace=not settings.shuffle,
                validation=settings.validation,
                seed=batches,
                watch=stopping,
                interpret=settings.interpret,
                parallel=processes,
            )
        except NonFiniteError:  # on all of them; the first one says it
            raise typer.Exit(1) from None
        except ClearpropError as error:
            training.wait_for_turn()
            explain(error)
            processes.meet(ending=True)  # the first one is still saving, perhaps
            raise typer.Exit(2) from None
    if stopping.received is not None:
        raise typer.Exit(128 + stopping.received)


def together(processes: Processes) -> str:
    """Say which processes train, as a line; each of them has to ask."""
    return f"{processes.size} processes: {', '.join(processes.names())}\n"
