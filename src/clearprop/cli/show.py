"""``clearprop show``: what a run was made from, how it went, and what it left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from clearprop.cli.completing import complete_runs
from clearprop.cli.explanation import explain
from clearprop.cli.files import must_be_no_file_of_a_run, must_be_writable
from clearprop.errors import ClearpropError, MissingExtraError, RunError

if TYPE_CHECKING:
    from clearprop.cli.screen import Screen
    from clearprop.nn.summary import Summary
    from clearprop.train import Row, Run

_T = TypeVar("_T")
WEIGHTS = "weights.safetensors"
_ROWS = 20  # of the table of epochs; a longer one loses its middle


def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="The folder of a run, its config.json, or its name in ./runs. "
            "A folder of runs is listed.",
            show_default="runs: the list",
            autocompletion=complete_runs,
        ),
    ] = "runs",
    whole: Annotated[
        bool,
        typer.Option("--all", help="Every line of the table of epochs, however long it is."),
    ] = False,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="[PATH.json]",
            help="JSON, to the screen or into a file: always all of it.",
        ),
    ] = None,
) -> None:
    """Show a run: what it was made from, how it ended, its epochs, layers and files.

    Without RUN, or with a folder of runs, it lists them, the newest first.

    A run that is still going, or was killed, is shown as far as it went. What a newer clearprop
    wrote, and this one does not know, is shown as it is written.

    Exit codes: 0 it is shown, 1 it is shown but for a file that is damaged or missing; an error
    says which, 2 there is no such run.

    For example:

    - `clearprop show`, and then

    - `clearprop show 2026-05-04_10-20-30`

    - `clearprop show runs/first --json | jq .result`
    """
    from clearprop.train.finding_runs import RUNS, holds_runs

    target = None if json in (None, "-") else Path(str(json))
    if target is not None:
        must_be_no_file_of_a_run(target)
        must_be_writable(target)
    folder = Path(run)
    if holds_runs(folder) or (folder == RUNS and folder.is_dir()):
        from clearprop.cli.show_list import show_list

        show_list(folder, json)
        return
    from clearprop.train import read_run

    shown = _Shown(read_run(run))
    if json is None:
        _print(shown, whole)
        if shown.problems:
            typer.echo()  # they stand apart
    else:
        from clearprop.cli.screen import write_json

        write_json(_facts(shown), json)
    for problem in shown.problems:
        explain(problem)
    if shown.problems:
        raise typer.Exit(1)


class _Shown:
    """A run, and what could not be read of it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.problems: list[ClearpropError] = []
        self.result = self._read(lambda: run.result, None)
        self.rows: list[Row] = self._read(lambda: run.rows, [])
        self.table: dict[str, list[Any]] = self._read(lambda: run.table, {})
        self._read(lambda: run.loss, None)  # not shown, but looked at
        self.iterations = self._read(lambda: run.iterations, None)
        self.asked = self._read(lambda: run.asked, None)
        self.kept = self._read(lambda: run.kept, None)
        self.layers, self.no_layers = self._layers()

    @property
    def last(self) -> Row | None:
        """The last row of the table."""
        return self.rows[-1] if self.rows else None

    def _read(self, what: Callable[[], _T], instead: _T) -> _T:
        try:
            return what()
        except (RunError, MissingExtraError) as error:
            if str(error) not in map(str, self.problems):  # several things stand in one file
                self.problems.append(error)
            return instead

    def _layers(self) -> tuple[Summary | None, str]:
        """Summarise the network, or say why it is not known here."""
        run = self.run
        try:
            network = run.untrained()
            summary = network.summary(run.input_shape)
        except ClearpropError as error:
            self._read(run.check_weights, None)
            parts = filter(None, (error.what, error.why))
            return None, " ".join(f"{part[:1].upper()}{part[1:]}" for part in parts)
        if WEIGHTS in run.files or self.result is not None:
            self._read(run.network, None)  # whether the weights are its own
        return summary, ""

    def arrays(self) -> dict[str, Any]:
        """Give the weights, where there are any."""
        return self._read(lambda: self.run.found_weights, {}) if WEIGHTS in self.run.files else {}


def _facts(shown: _Shown) -> dict[str, Any]:
    """Give all that is shown as JSON has it."""
    run, layers = shown.run, shown.layers
    names = list(shown.table)
    return {
        "path": str(run.path),
        "begun": run.begun.isoformat(timespec="seconds"),
        "ended": None if shown.result is None else run.ended,
        "settings": run.settings,
        "made_with": run.made_with,
        "command": run.command,
        "resumed": run.resumed,
        "iterations": shown.iterations,
        "asked": shown.asked,
        "kept_iteration": None if shown.kept is None else shown.kept.iteration,
        "result": shown.result,
        "epochs": [
            dict(zip(names, row, strict=True)) for row in zip(*shown.table.values(), strict=True)
        ],
        "parameters": None if layers is None else layers.parameters,
        "operations": None if layers is None else layers.operations,
        "layers": None if layers is None else [layer._asdict() for layer in layers.layers],
        "arrays": {
            name: {"shape": array.shape, "dtype": array.dtype.name}
            for name, array in sorted(shown.arrays().items())
        },
        "files": run.files,
        "problems": [str(problem) for problem in shown.problems],
    }


def _print(shown: _Shown, whole: bool) -> None:
    from clearprop.cli.screen import Screen

    screen = Screen()
    screen.line(f"{shown.run.path}, begun {shown.run.begun:%Y-%m-%d %H:%M}", "bold")
    _print_end(shown, screen)
    _print_origin(shown.run, screen)
    _print_epochs(shown, screen, whole)
    _print_layers(shown, screen)
    _print_files(shown.run, screen)
    _print_next(shown, screen)


def _print_end(shown: _Shown, screen: Screen) -> None:
    from clearprop.cli.screen import how_it_ended, written
    from clearprop.train.metrics import shown_epoch

    run, result = shown.run, shown.result
    of = f"{shown.iterations:,}" if shown.iterations is not None else "an unknown number of"
    if shown.asked is not None and shown.asked != shown.iterations:
        of = f"{of} of {shown.asked:,}"
    if result is None:
        if "result.json" in run.files:
            screen.line("How it ended cannot be read.", "red")
            return
        screen.prose(
            f"Not ended: it is still going, or was killed. It began "
            f"{_ago(datetime.now() - run.begun)} ago; saved so far are {of} iterations.",
            "yellow",
        )
        return
    ended = how_it_ended(run.ended)
    seconds = result.get("seconds")
    took = ""
    if seconds:
        took = f" in {written('seconds', seconds)} s, {run.iterations / seconds:,.0f} iterations/s"
    good = run.ended in ("as asked", "no better")
    if run.ended == "no better":
        ended, took = "early", f"{took}: no better any more; the best epoch is kept"
    screen.prose(f"Ended {ended} after {of} iterations{took}.", "" if good else "yellow")
    if ended == "by an error":
        screen.prose(str(run.ended), "red")
    known = ("ended", "iterations", "seconds", "kept_iteration", "weights_sha256")
    numbers = {name: value for name, value in result.items() if name not in known}
    if shown.kept is not None:  # earlier versions wrote those of the last epoch
        now = shown.kept._asdict()
        numbers |= {name: now[name] for name in numbers if name in now}
    if measured := [
        f"{_named(name, run)} {written(name, value)}"
        for name, value in numbers.items()
        if value is not None and written(name, value) != "-"
    ]:
        is_best = shown.kept is not None and shown.kept != shown.last
        of_which = f", of epoch {shown_epoch(shown.kept)}" if shown.kept and is_best else ""
        text = ", ".join(measured)
        screen.prose(f"{text[:1].upper()}{text[1:]}{of_which}.")


def _named(name: str, run: Run) -> str:
    """Name what was measured: the loss of a regression is the squared error."""
    if name == "test_loss" and run.data.get("classes", ()) is None:
        return "test squared error"
    return name.replace("_", " ").replace("r2", "R²")


def _ago(passed: timedelta) -> str:
    """Say how long ago in the largest unit.

    Examples
    --------
    >>> _ago(timedelta(seconds=50)), _ago(timedelta(minutes=1)), _ago(timedelta(hours=50))
    ('50 seconds', '1 minute', '2 days')
    """
    seconds = max(0, int(passed.total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "0 seconds"


def _print_origin(run: Run, screen: Screen) -> None:
    from clearprop.cli.screen import is_set, written
    from clearprop.train.comparing_runs import flat
    from clearprop.train.run_length import used_settings

    used = flat(used_settings(run.settings))
    settings = {name: value for name, value in used.items() if is_set(name, value)}
    made_with = flat(run.made_with)
    least = max(map(len, (*settings, *made_with)), default=0)
    screen.heading("Settings")
    screen.pairs(((name, _with_default(name, value)) for name, value in settings.items()), least)
    if made_with:
        screen.heading("Made with")
        screen.pairs(((name, written(name, value)) for name, value in made_with.items()), least)
    if run.command:
        screen.heading("Command")
        for command in (run.command, *run.resumed):
            screen.line(f"  {command}")


def _with_default(name: str, value: Any) -> str:
    from clearprop.cli.screen import written
    from clearprop.train import Settings

    if name == "data" and value is None:
        return f"{written(name, value)}, which comes with clearprop"
    defaults = vars(Settings())
    text = written(name, value)
    if name in defaults and value != defaults[name] and defaults[name] is not None:
        return f"{text:<12}  by default {written(name, defaults[name])}"
    return text


def _print_epochs(shown: _Shown, screen: Screen, whole: bool) -> None:
    from clearprop.cli.screen import WIDTH, padded, written
    from clearprop.train.metrics import Row
    from clearprop.train.progress import columns_of, format_row, header

    rows = shown.rows
    screen.heading("Epochs")
    if not rows:
        screen.line("  None is saved.")
        return
    columns = columns_of(rows[-1])
    is_regression = shown.run.data.get("classes", ()) is None
    loss = "squared error" if is_regression else "loss"
    lines = [header(columns, loss), *(format_row(row, columns, loss) for row in rows)]
    marked = shown.kept if shown.kept != shown.last else None
    left_out = []
    for name, cells in shown.table.items():
        if name in Row._fields or name == "mean_loss":
            continue
        texts = [name.replace("_", " "), *(written(name, cell) for cell in cells)]
        width = max(map(len, texts))
        if len(lines[0]) + 4 + width <= WIDTH:
            lines = [
                f"{line}  {padded(text, width, right=True)}"
                for line, text in zip(lines, texts, strict=True)
            ]
        else:
            left_out.append(name)
    if marked is not None:
        place = 1 + rows.index(marked)
        lines[place] = best = f"{lines[place]}  *"
    middle = slice(1 + _ROWS // 4, len(lines) - _ROWS + _ROWS // 4)
    if not whole and len(rows) > _ROWS + 1:
        hidden = len(lines[middle])
        is_hidden = marked is not None and best in lines[middle]
        told = [f"    …  {hidden:,} more with --all"]
        lines[middle] = [*told, best, "    …"] if is_hidden else told
    for line in lines:
        screen.line(f"  {line}")
    if marked is not None:
        screen.line("  * the best epoch: the weights are those of it.")
    if left_out:
        screen.prose(f"accuracy.csv also has: {', '.join(left_out)}.", indent="  ")


def _print_layers(shown: _Shown, screen: Screen) -> None:
    screen.heading("Layers")
    if shown.layers is not None:
        *table, notes = str(shown.layers).splitlines()
        for line in table:
            screen.line(f"  {line}")
        screen.prose(notes, indent="  ")
        return
    screen.prose(shown.no_layers, indent="  ")
    if arrays := shown.arrays():
        count = sum(array.size for array in arrays.values())
        screen.line(f"  The weights have {count:,} numbers:")
        screen.pairs(
            (name, f"{' × '.join(map(str, array.shape)) or '1'}  {array.dtype}")
            for name, array in sorted(arrays.items())
        )


def _print_files(run: Run, screen: Screen) -> None:
    from rich.cells import cell_len

    from clearprop.cli.screen import padded
    from clearprop.cli.train_texts import CONTENTS
    from clearprop.nn.summary import bytes_in_words

    known = [name for name in CONTENTS if name in run.files]
    names = [*known, *(name for name in run.files if name not in known)]
    width = max(map(cell_len, names))
    screen.heading("Files")
    rows = []
    for name in names:
        size = run.files[name]
        text = "folder" if size is None else bytes_in_words(size)
        label = f"{padded(name, width)}  {padded(text, 8, right=True)}"
        rows.append((label, CONTENTS.get(name, "")))
    screen.explained(rows)


def _print_next(shown: _Shown, screen: Screen) -> None:
    from clearprop.cli.run_state import failed_by_numbers, was_interrupted
    from clearprop.cli.screen import command
    from clearprop.cli.train_texts import calmer_command

    run = shown.run
    again = command("train", "--config", run.path / "config.json")
    steps = [("the same run again", again)]
    if failed_by_numbers(run):
        steps.insert(0, ("with smaller steps", calmer_command(run.path, run.settings.get("lr"))))
    if shown.iterations:
        steps.insert(0, ("beside another run", command("compare", run.path, "RUN")))
    if "report.html" in run.files:
        steps.insert(0, ("in a browser", str(run.path / "report.html")))
    if shown.result is None and not shown.problems:
        steps.insert(0, ("how far it is", command("show", run.path)))
    if was_interrupted(run):
        steps.insert(0, ("go on with it", command("train", "--resume", run.path)))
    screen.heading("Next")
    screen.pairs(steps)
