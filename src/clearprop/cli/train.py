"""``clearprop train``: train a network on MNIST, watch it, and keep the run."""

from __future__ import annotations

import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clearprop.cli.explanation import explain
from clearprop.cli.train_request import given_settings, joined, load, to_resume
from clearprop.cli.train_texts import heading, listing, rerun_command, summary
from clearprop.errors import NonFiniteError

if TYPE_CHECKING:
    from clearprop.data import DataSet
    from clearprop.nn import Sequential
    from clearprop.train import (
        Metrics,
        Outcome,
        PlainProgress,
        Settings,
        Stopping,
    )

_RUN, _FILES = "The run", "Files and display"


def train(
    ctx: typer.Context,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|LAYERS",
            help="two-layer (a hidden layer with ReLU), linear (softmax regression), simple-conv, "
            'deep-conv, or the layers: "conv 30 5, relu, pool 2, affine 100, relu, affine 10".',
            rich_help_panel=_RUN,
        ),
    ] = "two-layer",
    hidden: Annotated[
        int | None,
        typer.Option(
            help="Hidden units of a model that is named.",
            show_default="50; of simple-conv 100",
            rich_help_panel=_RUN,
        ),
    ] = None,
    optimizer: Annotated[
        str,
        typer.Option(
            help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw.", rich_help_panel=_RUN
        ),
    ] = "sgd",
    lr: Annotated[
        float | None,
        typer.Option(
            help="Learning rate.",
            show_default="0.1 for sgd; momentum, nesterov, adagrad 0.01; the others 0.001",
            rich_help_panel=_RUN,
        ),
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            help="How the learning rate goes on: constant, cosine, step (a tenth after each third) "
            "or one-cycle.",
            rich_help_panel=_RUN,
        ),
    ] = "constant",
    weight_decay: Annotated[
        float | None,
        typer.Option(help="Weight decay.", show_default="0; for adamw 0.01", rich_help_panel=_RUN),
    ] = None,
    batch: Annotated[int, typer.Option(help="Samples in a batch.", rich_help_panel=_RUN)] = 100,
    iterations: Annotated[
        int, typer.Option(help="Updates of the weights.", rich_help_panel=_RUN)
    ] = 10_000,
    epochs: Annotated[
        float | None,
        typer.Option(
            help="Instead of iterations: how often to go through the samples.",
            show_default=False,
            rich_help_panel=_RUN,
        ),
    ] = None,
    shuffle: Annotated[
        bool,
        typer.Option(
            "--shuffle",
            help="Go through all samples in a random order, epoch after epoch, instead of drawing "
            "them with replacement.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    validation: Annotated[
        float | None,
        typer.Option(
            metavar="PART",
            help="Set a part of the samples aside, such as 0.1, and measure them after each epoch.",
            show_default=False,
            rich_help_panel=_RUN,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="EPOCHS",
            help="End when so many epochs were no better on the samples set aside; the weights are "
            "those of the best one.",
            show_default=False,
            rich_help_panel=_RUN,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(help="The same seed gives the same run, bit for bit.", rich_help_panel=_RUN),
    ] = 0,
    threads: Annotated[
        int | None,
        typer.Option(
            help="Threads. The numbers do not depend on it; with --interpret the last bits do.",
            show_default="all cores; with --interpret 1",
            rich_help_panel=_RUN,
        ),
    ] = None,
    interpret: Annotated[
        bool,
        typer.Option(
            "--interpret",
            help="Compute in NumPy, update by update, instead of in machine code: the same "
            "curve, more slowly.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    dtype: Annotated[
        str, typer.Option(help="float32 or float64.", rich_help_panel=_RUN)
    ] = "float32",
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|FILE.csv|digits",
            help="IDX files named as those of MNIST, a table, or the digits of scikit-learn.",
            show_default="the MNIST that comes with clearprop",
            rich_help_panel=_RUN,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="What is predicted, of a table.",
            show_default="the last column",
            rich_help_panel=_RUN,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The config.json of a run, to make the same run again; "
            "the options above change it.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Run folder, new or empty: nothing is ever overwritten.",
            show_default="runs/<date>_<time>",
            rich_help_panel=_FILES,
        ),
    ] = None,
    checkpoint: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Save the run after every N updates, to go on from there.",
            show_default="once a minute",
            rich_help_panel=_FILES,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with the run of this folder where it was interrupted, to the bit; with "
            "more --iterations or --epochs, where it ended.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Plain lines, as in a pipe or with NO_COLOR, instead of a live bar.",
            rich_help_panel=_FILES,
        ),
    ] = False,
) -> None:
    """Train a network and keep the run.

    Without options it is the two-layer network 784-50-10, ReLU and softmax with loss, learning
    rate 0.1, 10,000 iterations of batches of 100. The run folder gets the weights, the numbers,
    the curves, a report to look at, and a configuration that makes the same run again.

    It runs in machine code, many updates at a time; the first run of a network of this size
    compiles it, later ones find it on disk.

    Ctrl-C ends the training early and keeps what there is; the exit code is then 130. A run that
    was killed goes on with --resume RUN from its last checkpoint. Where the
    loss becomes NaN or infinite the run ends, what there is is kept, and the exit code is 1.
    """
    from clearprop import train as training

    given = given_settings(ctx)
    if resume is not None:
        config = to_resume(resume, given, config, out)
    settings = joined(given, config)
    training.require_extra()
    import threadpoolctl  # of the extra

    from clearprop.train.report import RunReport, report_page

    samples = load(settings)
    environment = training.describe_environment(
        None if settings.data is None else samples, machine_code=not settings.interpret
    )
    weights, batches = settings.streams()
    network = training.build_for(settings, samples, weights)
    folder = training.RunFolder(out) if resume is None else training.RunFolder.again(resume)
    command = shlex.join(["clearprop", *sys.argv[1:]])
    total = settings.total(len(samples.train.x))
    keeping = training.Checkpoints(
        folder.path / "checkpoints", every=checkpoint, made_with=environment
    )
    keeping.open()  # whoever else writes here is heard of before anything is written
    folder.write("config.json", training.config_text(settings, environment, command, samples))

    is_plain = plain or training.wants_plain()
    show = training.PlainProgress() if is_plain else training.LiveProgress(total)
    show.say(heading(settings, network, samples, total))
    if config is not None and not given and resume is None:
        before = training.read_config(config).get("made_with", environment)
        if changes := training.differences(before, environment):
            show.say(f"Not quite the run of {config}: {'; '.join(changes)}.\n")

    with training.Stopping() as stopping:
        with (
            _threads(settings.threads),
            threadpoolctl.threadpool_limits(settings.threads or 1, "blas"),
        ):
            diary = training.Diary(network, samples.train.x, total, samples.prepare)
            watch = [_Often(show), diary, _Often(lambda _: stopping.received is not None)]
            if settings.patience is not None:
                watch.append(training.EarlyStopping(network, settings.patience))
            outcome = _fit(
                network,
                samples,
                settings,
                show,
                stopping,
                seed=batches,
                watch=watch,
                checkpoints=keeping,
                resume=resume is not None,
            )
        rerun = rerun_command(folder)
        report = RunReport(
            settings, network, samples, outcome, diary, environment, command, again=rerun
        )
        files = training.run_files(settings, network, samples.shape, outcome)
        files["report.html"] = lambda: report_page(report)
        again = f"{rerun} --out FOLDER makes the same files, on a disk with room"
        folder.write_all(files, again)
    show.say(summary(outcome, total))
    show.say(listing(folder))
    if isinstance(outcome.failure, NonFiniteError):
        write = f"--lr {training.calmer(settings.lr or 1.0):g}"
        explain(NonFiniteError(outcome.failure.what, why=outcome.failure.why, write=write))
        raise typer.Exit(1)
    if stopping.received is not None:
        raise typer.Exit(128 + stopping.received)
    if outcome.failure is not None:
        raise outcome.failure


def _fit(
    network: Sequential,
    data: DataSet,
    settings: Settings,
    show: PlainProgress,
    stopping: Stopping,
    **parts: Any,
) -> Outcome:
    """Train until all is done, or a signal or an error comes: there is always an outcome."""
    from clearprop.train import Metrics, Outcome, fit

    metrics = Metrics()
    failure: BaseException | None = None
    total = settings.total(len(data.train.x))
    started = time.perf_counter()
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
    seconds = time.perf_counter() - started
    ended = "as asked"
    if stopping.received is not None and metrics.iterations < total:
        ended = stopping.received.name
    elif failure is not None:
        ended = getattr(failure, "what", None) or f"{type(failure).__name__}: {failure}"
    elif metrics.iterations < total:
        ended = "no better"
    return Outcome(metrics, seconds, ended, failure)


class _Often:
    """A watcher that is called several times a second, and waits for no update."""

    def __init__(self, look: Callable[[Any], Any]) -> None:
        self.look = look

    def __call__(self, metrics: Metrics) -> Any:
        return self.look(metrics)

    def next_look(self, done: int) -> int:
        return sys.maxsize


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
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
