"""``clearprop train``: train a network on MNIST, watch it, and keep the run."""

from __future__ import annotations

import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clearprop.cli.explanation import explain
from clearprop.errors import DataError, NonFiniteError

if TYPE_CHECKING:
    import numpy as np

    from clearprop.data import MNIST
    from clearprop.nn import Sequential
    from clearprop.train import (
        Diary,
        Metrics,
        Outcome,
        PlainProgress,
        RunFolder,
        Settings,
        Stopping,
    )

_RUN, _FILES = "The run", "Files and display"


def train(
    ctx: typer.Context,
    model: Annotated[
        str,
        typer.Option(
            help="two-layer (a hidden layer with ReLU) or linear (softmax regression).",
            rich_help_panel=_RUN,
        ),
    ] = "two-layer",
    hidden: Annotated[
        int, typer.Option(help="Hidden units of the two-layer model.", rich_help_panel=_RUN)
    ] = 50,
    lr: Annotated[float, typer.Option(help="Learning rate.", rich_help_panel=_RUN)] = 0.1,
    batch: Annotated[
        int,
        typer.Option(help="Images in a batch, drawn with replacement.", rich_help_panel=_RUN),
    ] = 100,
    iterations: Annotated[
        int, typer.Option(help="Updates of the weights.", rich_help_panel=_RUN)
    ] = 10_000,
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
            metavar="FOLDER",
            help="Four IDX files named as those of MNIST.",
            show_default="the MNIST that comes with clearprop",
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
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Plain lines, as in a pipe or with NO_COLOR, instead of a live bar.",
            rich_help_panel=_FILES,
        ),
    ] = False,
) -> None:
    """Train a network on MNIST and keep the run.

    Without options it is the two-layer network 784-50-10, ReLU and softmax with loss, learning
    rate 0.1, 10,000 iterations of batches of 100. The run folder gets the weights, the numbers,
    the curves, a report to look at, and a configuration that makes the same run again.

    It runs in machine code, many updates at a time; the first run of a network of this size
    compiles it, later ones find it on disk.

    Ctrl-C ends the training early and keeps what there is; the exit code is then 130. Where the
    loss becomes NaN or infinite the run ends, what there is is kept, and the exit code is 1.
    """
    from clearprop import train as training

    given = _given(ctx)
    settings = _settings(given, config)
    training.require_extra()
    import threadpoolctl  # of the extra

    from clearprop.data import scaled
    from clearprop.train.report import RunReport, report_page

    arrays = _load(settings)
    prepare = partial(scaled, dtype=settings.dtype)
    environment = training.describe_environment(
        None if settings.data is None else arrays, machine_code=not settings.interpret
    )
    weights, batches = settings.streams()
    network = training.build_model(settings, weights)
    folder = training.RunFolder(out)
    command = shlex.join(["clearprop", *sys.argv[1:]])
    folder.write("config.json", training.config_text(settings, environment, command))

    is_plain = plain or training.wants_plain()
    show = training.PlainProgress() if is_plain else training.LiveProgress(settings.iterations)
    show.say(_heading(settings, network, len(arrays.train.x)))
    if config is not None and not given:
        before = training.read_config(config).get("made_with", environment)
        if changes := training.differences(before, environment):
            show.say(f"Not quite the run of {config}: {'; '.join(changes)}.\n")

    with training.Stopping() as stopping:
        with (
            _threads(settings.threads),
            threadpoolctl.threadpool_limits(settings.threads or 1, "blas"),
        ):
            diary = training.Diary(network, arrays.train.x, settings.iterations, prepare)
            outcome = _fit(network, arrays, prepare, settings, batches, show, stopping, diary)
        rerun = _rerun(folder)
        report = RunReport(
            settings, network, arrays, prepare, outcome, diary, environment, command, again=rerun
        )
        files = training.run_files(settings, network.params, outcome)
        files["report.html"] = lambda: report_page(report)
        again = f"{rerun} --out FOLDER makes the same files, on a disk with room"
        folder.write_all(files, again)
    show.say(_summary(outcome, settings))
    show.say(_listing(folder))
    if isinstance(outcome.failure, NonFiniteError):
        write = f"--lr {training.calmer(settings.lr):g}"
        explain(NonFiniteError(outcome.failure.what, why=outcome.failure.why, write=write))
        raise typer.Exit(1)
    if stopping.received is not None:
        raise typer.Exit(128 + stopping.received)
    if outcome.failure is not None:
        raise outcome.failure


def _given(ctx: typer.Context) -> dict[str, Any]:
    """Settings that the user wrote; what is merely a default must not overrule a configuration."""
    from clearprop.train import Settings

    given = {}
    for field in fields(Settings):
        source = ctx.get_parameter_source(field.name)
        if source is not None and source.name != "DEFAULT":
            given[field.name] = ctx.params[field.name]
    return given


def _fit(
    network: Sequential,
    arrays: MNIST,
    prepare: Callable[[Any], Any],
    settings: Settings,
    batches: np.random.Generator,
    show: PlainProgress,
    stopping: Stopping,
    diary: Diary,
) -> Outcome:
    """Train until all is done, or a signal or an error comes: there is always an outcome."""
    from clearprop.train import Metrics, Outcome, fit

    watch = _Watch(show, diary, stopping)
    metrics = Metrics()
    failure: BaseException | None = None
    started = time.perf_counter()
    try:
        with show, _warnings_said(show):
            fit(
                network,
                arrays,
                lr=settings.lr,
                batch=settings.batch,
                iterations=settings.iterations,
                seed=batches,
                metrics=metrics,
                watch=watch,
                prepare=prepare,
                interpret=settings.interpret,
            )
    except (Exception, KeyboardInterrupt) as error:  # first all is saved, then it goes on
        failure = error
    seconds = time.perf_counter() - started
    ended = "as asked"
    if stopping.received is not None and metrics.iterations < settings.iterations:
        ended = stopping.received.name
    elif failure is not None:
        ended = getattr(failure, "what", None) or f"{type(failure).__name__}: {failure}"
    return Outcome(metrics, seconds, ended, failure)


class _Watch:
    """What looks on: the progress, the diary, and what ends a run."""

    def __init__(self, show: PlainProgress, diary: Diary, stopping: Stopping) -> None:
        self.show, self.diary, self.stopping = show, diary, stopping

    def __call__(self, metrics: Metrics) -> bool:
        self.show(metrics)
        self.diary(metrics)
        return self.stopping.received is not None

    def next_look(self, done: int) -> int:
        return self.diary.next_look(done)


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


def _settings(given: dict[str, Any], config: Path | None) -> Settings:
    """Join the defaults, the configuration and the options, each stronger than the one before."""
    from clearprop.train import Settings, check_setting, read_settings

    for name, value in given.items():
        check_setting(name, value, form="--{name} {value}")
    settings = {} if config is None else read_settings(config)
    if given.get("model", settings.get("model")) != settings.get("model"):
        settings.pop("hidden", None)  # it belonged to the other model
    settings |= given
    if settings.get("data") is not None:
        settings["data"] = str(Path(settings["data"]).absolute())  # the same from any folder
    return Settings(**settings)


def _load(settings: Settings) -> MNIST:
    from clearprop.data import mnist

    try:
        return mnist(settings.data, shape="flat")
    except DataError as error:
        if settings.data is None:
            raise
        write = "--data with the folder of the four files, or no --data for MNIST itself"
        raise DataError(error.what, where=error.where, why=error.why, write=write) from error


def _heading(settings: Settings, network: Any, images: int) -> str:
    from clearprop.train import layer_sizes

    sizes = "-".join(map(str, layer_sizes(settings)))
    count = sum(array.size for array in network.params.values())
    return (
        f"{settings.model} {sizes}, {count:,} parameters, {settings.dtype}, seed {settings.seed}\n"
        f"{settings.iterations:,} iterations, batches of {settings.batch:,} out of {images:,} "
        f"images, learning rate {settings.lr:g}\n"
    )


def _summary(outcome: Outcome, settings: Settings) -> str:
    done, seconds = outcome.metrics.iterations, outcome.seconds
    time_taken = f"{seconds:,.1f} s" if seconds >= 1 else f"{seconds:.2g} s"
    if outcome.ended == "as asked":
        count = "1 iteration" if done == 1 else f"{done:,} iterations"
        return f"\n{count} in {time_taken}: {done / seconds:,.0f} iterations/s."
    causes = {"SIGINT": "by Ctrl-C", "SIGTERM": "by SIGTERM", "SIGHUP": "by SIGHUP"}
    return (
        f"\nEnded {causes.get(outcome.ended, 'by an error')} after {done:,} of "
        f"{settings.iterations:,} iterations, {time_taken}; what there is is saved."
    )


_CONTENTS = {
    "report.html": "all of it to look at: curves, mistakes, weights, gradients, the graph",
    "weights.safetensors": "the weights at the end",
    "loss.csv": "the loss of every batch",
    "accuracy.csv": "the table above",
    "curves.png": "both as curves",
    "result.json": "how it ended, and how good it is",
    "config.json": "what it was made from",
}


def _listing(folder: RunFolder) -> str:
    lines = [f"  {name:<20} {_CONTENTS[name]}" for name in _CONTENTS if name in folder.files]
    return "\n".join([f"\n{folder.path}", *lines, "", f"Again: {_rerun(folder)}"])


def _rerun(folder: RunFolder) -> str:
    return shlex.join(["clearprop", "train", "--config", str(folder.path / "config.json")])
