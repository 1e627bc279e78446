"""``clearprop train``: train a network on MNIST, watch it, and keep the run."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clearprop.cli.completing import complete_runs, complete_setting
from clearprop.cli.explanation import explain
from clearprop.cli.train_helping import help_first, together
from clearprop.cli.train_request import (
    given_settings,
    joined,
    load,
    refuse_words,
    to_resume,
)
from clearprop.cli.train_resumed import Before, nothing_to_do, refuse_fewer
from clearprop.cli.train_running import Often, fit_all, threads_set
from clearprop.cli.train_texts import (
    heading,
    listing,
    rerun_command,
    shown_part,
    summary,
    table_heading,
)
from clearprop.errors import ClearpropError, NonFiniteError

_RUN, _FILES = "The run", "Files and display"


def train(
    ctx: typer.Context,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|LAYERS",
            autocompletion=complete_setting("model"),
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
            help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw.",
            autocompletion=complete_setting("optimizer"),
            rich_help_panel=_RUN,
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
            autocompletion=complete_setting("schedule"),
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
    shards: Annotated[
        int | None,
        typer.Option(
            help="Cut every batch into so many parts, a power of two, whose gradients are added in "
            "one order: the same bits on any number of processes up to it.",
            show_default="8 under mpiexec; else batches are not cut",
            rich_help_panel=_RUN,
        ),
    ] = None,
    fast_sum: Annotated[
        bool,
        typer.Option(
            "--fast-sum",
            help="One part for each process, added by MPI in an order of its own: faster, and the "
            "same curve to rounding.",
            rich_help_panel=_RUN,
        ),
    ] = False,
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
        str,
        typer.Option(
            help="float32 or float64.",
            autocompletion=complete_setting("dtype"),
            rich_help_panel=_RUN,
        ),
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
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of a table that is left out, such as one of numbers that only name the "
            "rows; again for each.",
            show_default="none",
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
            autocompletion=complete_runs,
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

    `mpiexec -n 4 clearprop train` trains on four processes, here or on several machines.

    Ctrl-C ends the training early and keeps what there is; the exit code is then 130. A run that
    was killed goes on with --resume RUN from its last checkpoint; of one that is finished, nothing
    is done. Where the loss becomes NaN or infinite the run ends, what there is is kept, and the
    exit code is 1.
    """
    from clearprop import train as training

    refuse_words(ctx.args)
    given = given_settings(ctx)
    if resume is not None:
        resume = training.find_run(resume)
        config = to_resume(resume, given, config, out)
    settings = joined(given, config)
    training.require_extra()
    processes = training.processes_of(settings.shards, settings.fast_sum)
    if processes is not None:
        processes.mine(settings.batch)  # what does not fit is refused before anything is written
        if resume is not None:
            training.refuse_other_start(settings.shards, settings.fast_sum)
        if not settings.fast_sum:
            settings = replace(settings, shards=processes.shards)
        if not processes.is_first:
            help_first(settings, processes)
            return
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
    before: Before | None = None
    keeping = training.Checkpoints(
        folder.path / "checkpoints", every=checkpoint, made_with=environment
    )
    keeping.open()  # whoever else writes here is heard of before anything is written
    if resume is not None:
        if done := nothing_to_do(resume, total):
            keeping.close()
            typer.echo(done)
            if processes is not None:
                processes.agree(False)
            return
        try:
            before = Before.of(resume, keeping, samples.unit(network), command)
            refuse_fewer(resume, before.step, total)
        except ClearpropError:
            keeping.close()
            raise
    first, resumed = (command, []) if before is None else (before.command, before.resumed)
    begun = datetime.now() if before is None else before.begun
    made_from = training.config_text(settings, environment, first, samples, resumed, begun)
    folder.write("config.json", made_from)
    folder.remove("result.json")  # a run that goes on has not ended

    every, told = shown_part(settings, samples, total)
    is_plain = plain or training.wants_plain()
    loss = "loss" if samples.classes is not None else "squared error"
    show = (
        training.PlainProgress(every, loss)
        if is_plain
        else training.LiveProgress(total, every, loss)
    )
    show.say(table_heading(samples) + heading(settings, network, samples, total))
    if processes is not None and processes.size > 1:
        processes.agree(True)
        show.say(together(processes))
    for line in filter(None, (before and before.told(), told)):
        show.say(f"{line}\n")
    if config is not None and not given and resume is None:
        made_with = training.read_config(config).get("made_with", environment)
        if changes := training.differences(made_with, environment):
            show.say(f"Not quite the run of {config}: {'; '.join(changes)}.\n")

    with training.Stopping() as stopping:
        with (
            threads_set(settings.threads),
            threadpoolctl.threadpool_limits(settings.threads or 1, "blas"),
        ):
            diary = training.Diary(
                network,
                samples.train.x,
                total,
                samples.prepare,
                compiled=not settings.interpret,
            )
            watch: list[Any] = [Often(show), diary, stopping]
            early = None
            if settings.patience is not None:
                early = training.EarlyStopping(network, settings.patience)
                watch.append(early)
            clock = training.Clock(0.0 if before is None else before.seconds)
            outcome = fit_all(
                network,
                samples,
                settings,
                show,
                stopping,
                clock=clock,
                early=early,
                seed=batches,
                watch=[*watch, clock],
                checkpoints=keeping,
                resume=resume is not None,
                parallel=processes,
            )
        outcome = outcome._replace(quality=training.quality_of(network, samples))
        rerun = rerun_command(folder)
        report = RunReport(
            settings,
            network,
            samples,
            outcome,
            diary,
            environment,
            "; ".join([first, *resumed]),
            again=rerun,
        )
        files = training.run_files(settings, network, samples.shape, outcome)
        files["report.html"] = lambda: report_page(report)
        again = f"{rerun} --out FOLDER makes the same files, on a disk with room"
        folder.write_all(files, again)
    show.say(summary(outcome, total, samples))
    show.say(listing(folder, settings, outcome))
    if isinstance(outcome.failure, NonFiniteError):
        write = outcome.failure.write
        if "lr=" in (write or ""):  # a rate, as it is written here
            write = f"--lr {training.calmer(settings.lr or 1.0):g}"
        explain(NonFiniteError(outcome.failure.what, why=outcome.failure.why, write=write))
        raise typer.Exit(1)
    if stopping.received is not None:
        raise typer.Exit(128 + stopping.received)
    if outcome.failure is not None:
        raise outcome.failure
