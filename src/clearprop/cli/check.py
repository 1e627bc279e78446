"""``clearprop check``: judge hand-written backward passes, and name the cause of what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer
from typer.core import TyperCommand

from clearprop.cli.files import must_be_writable, requested_files, split_name, write_whole
from clearprop.errors import OptionError

if TYPE_CHECKING:
    from clearprop.check.handwritten.model import FileReport
    from clearprop.check.handwritten.options import Options
    from clearprop.check.reports.grading import Grade

_INPUTS, _OUTPUT, _LIMITS = "Inputs", "Reports", "Limits"


class CheckCommand(TyperCommand):
    """``--json`` alone prints; with a path behind it, it writes a file."""

    #: Options whose value may be left out: how a value ends, and what stands for none.
    optional: ClassVar[dict[str, tuple[str, str]]] = {"--json": (".json", "-")}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put what stands for none behind an option that has no value."""
        args = list(args)
        ends = args.index("--") if "--" in args else len(args)
        for place, word in enumerate(args[:ends]):
            if word in self.optional:
                ending, none = self.optional[word]
                follower = args[place + 1] if place + 1 < ends else ""
                if follower != "-" and not follower.endswith(ending):
                    args[place] = f"{word}={none}"
        return super().parse_args(ctx, args)


def check(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE[:NAME]",
            help="A .py, .ipynb, .md or .txt file, a folder of them, or one layer or function of a "
            "file. Files are executed.",
            show_default=False,
        ),
    ],
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SIZES",
            help="The shape of an input: x=4,3, or Affine.x=4,3 for one layer only.",
            show_default="proposed from the code",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    reference: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Judge what has no forward as this function: softmax, sigmoid, …",
            show_default="proposed from name or heading",
            rich_help_panel=_INPUTS,
        ),
    ] = "",
    inputs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help='Values: x = [[1.0, 2.0]], or t = {shape = [4], high = 3, kind = "labels"}; '
            "those in a table [Affine] are for that layer only.",
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="For all that is drawn at random.", rich_help_panel=_INPUTS)
    ] = 0,
    samples: Annotated[
        int,
        typer.Option(
            min=1,
            help="At most so many elements of an argument are moved by the numerical derivative.",
            rich_help_panel=_INPUTS,
        ),
    ] = 500,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="[PATH.json]",
            help="JSON, to the screen or into a file.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="JUnit XML.", rich_help_panel=_OUTPUT),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A page with heat maps.", rich_help_panel=_OUTPUT),
    ] = None,
    rubric: Annotated[
        Path | None,
        typer.Option(
            "--grade",
            metavar="RUBRIC.toml",
            help="Points: [points] has lines such as Affine = 4, [deductions] such as sign = 0.5.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="The points, a line for each file.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            help="Also what was tried, why a convention is no fault, what has no backward.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    time_limit: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="For loading a file, and for each backward pass in it.",
            rich_help_panel=_LIMITS,
        ),
    ] = 10.0,
    memory_limit: Annotated[
        int,
        typer.Option(metavar="MB", min=256, help="For a file (Linux).", rich_help_panel=_LIMITS),
    ] = 2048,
    jobs: Annotated[int, typer.Option(min=1, help="Files at a time.", rich_help_panel=_LIMITS)] = 1,
    no_isolation: Annotated[
        bool,
        typer.Option(
            "--no-isolation",
            help="Execute the files in this process, without limits: for a debugger.",
            rich_help_panel=_LIMITS,
        ),
    ] = False,
    allow_unjudged: Annotated[
        bool,
        typer.Option(
            "--allow-unjudged",
            help="Exit code 0 although something could not be judged.",
            rich_help_panel=_LIMITS,
        ),
    ] = False,
) -> None:
    """Judge hand-written backward passes, and name the cause of what is wrong.

    Layers with forward and backward, pairs such as affine_forward and affine_backward, functions
    beside their derivatives: all that a file has is found, run, and compared with the exact
    derivative of its own forward. Each is a fault, a convention, correct, or not judged.

    THE FILES ARE EXECUTED, each in a process of its own with limits of time and memory. That
    protects from endless loops and crashes, not from malice: check files of strangers where such
    code may run.

    Exit codes: 0 all is right (conventions are), 1 a fault, or something that was not judged, or
    a FILE with no backward pass in it, 2 the request was wrong.

    For example:

    - `clearprop check layers.py`

    - `clearprop check layers.py:Affine --shape x=4,3`

    - `clearprop check notebook.ipynb --html report.html`

    - `clearprop check submissions/ --grade rubric.toml --csv points.csv --jobs 2`
    """
    from clearprop.check.handwritten.options import Options, parse_shapes, read_inputs
    from clearprop.check.reports.grading import grade, read_rubric

    if not 0 < time_limit <= 1e6:
        raise OptionError(
            f"--time-limit {time_limit:g}: this is no limit.",
            why="a limit is a number of seconds above 0.",
            write="--time-limit 10",
        )
    if csv is not None and rubric is None:
        raise OptionError(
            f"--csv {csv}: there are no points to write.",
            why="points come from a rubric.",
            write=f"--grade rubric.toml --csv {csv}",
        )
    requests = list(requested_files(files))
    rules = None if rubric is None else read_rubric(rubric)
    values = {} if inputs is None else read_inputs(inputs)
    shapes, several = parse_shapes(shape or ()), len(requests) > 1
    options = Options(shapes, values, reference, seed, samples, several=several)
    for path in filter(None, (None if json in (None, "-") else Path(str(json)), junit, html, csv)):
        must_be_writable(path)
    if no_isolation:
        reports = [_here(path, names, options) for path, names in requests]
    else:
        reports = _isolated(requests, options, time_limit, memory_limit, jobs)
    grades = [] if rules is None else [grade(report, rules) for report in reports]
    _show(reports, grades, json, verbose)
    _write_all(reports, grades, json, junit, html, csv)
    named = {path for path, _ in map(split_name, files) if not Path(path).is_dir()}
    if not _passes(reports, named, allow_unjudged):
        raise typer.Exit(1)


def _passes(reports: Sequence[FileReport], named: set[str], allow_unjudged: bool) -> bool:
    """Whether all is right. What was not judged is not, unless somebody said so."""
    from clearprop.check.handwritten.model import FAULT, NOT_JUDGED

    if any(report.count(FAULT) for report in reports):
        return False
    empty = [report for report in reports if not report.judgements]
    if len(empty) == len(reports):
        return False
    if allow_unjudged:
        return True
    # a folder may hold files without a backward pass; a file that was named may not
    return not any(r.count(NOT_JUDGED) for r in reports) and not any(r.file in named for r in empty)


def _here(path: str, names: tuple[str, ...], options: Options) -> FileReport:
    """Check in this process."""
    import importlib

    from clearprop.check.handwritten.model import FileReport, Judgement
    from clearprop.check.worker import JUDGE

    module, _, function = JUDGE.partition(":")
    judge = getattr(importlib.import_module(module), function)
    report = FileReport(path)
    for item in judge(path, names, options):
        if isinstance(item, FileReport):
            report = replace(report, bystanders=item.bystanders, notes=item.notes)
        elif isinstance(item, Judgement):
            report = replace(report, judgements=(*report.judgements, item))
    return report


def _isolated(
    requests: Sequence[tuple[str, tuple[str, ...]]],
    options: Options,
    seconds: float,
    megabytes: int,
    jobs: int,
) -> list[FileReport]:
    """Check each file in processes of its own; on a terminal, say which is at hand."""
    from clearprop.check.isolation import check_files_isolated
    from clearprop.check.worker import JUDGE

    limits: dict[str, Any] = {"seconds": seconds, "megabytes": megabytes, "judge": JUDGE}
    live = sys.stderr.isatty() and len(requests) > 1
    reports = []
    for report in check_files_isolated(requests, options, jobs=jobs, **limits):
        reports.append(report)
        if live:
            typer.echo(f"\r{len(reports)} of {len(requests)} files", err=True, nl=False)
    if live:
        typer.echo("\r" + " " * 40 + "\r", err=True, nl=False)
    return reports


def _show(
    reports: Sequence[FileReport], grades: Sequence[Grade], json: str | None, verbose: bool
) -> None:
    if json == "-":
        from clearprop.check.reports.json import to_json

        typer.echo(to_json(reports, grades))
        return
    from rich.console import Console

    from clearprop.check.reports.terminal import print_points, print_report

    console = Console(highlight=False)
    print_report(reports, console, verbose=verbose)
    print_points(grades, console)


def _write_all(
    reports: Sequence[FileReport],
    grades: Sequence[Grade],
    json: str | None,
    junit: Path | None,
    html: Path | None,
    csv: Path | None,
) -> None:
    if json not in (None, "-"):
        from clearprop.check.reports.json import to_json

        write_whole(Path(str(json)), to_json(reports, grades) + "\n")
    if junit is not None:
        from clearprop.check.reports.junit import to_junit

        write_whole(junit, to_junit(reports))
    if html is not None:
        from clearprop.check.reports.html import to_html

        write_whole(html, to_html(reports, grades))
    if csv is not None:
        from clearprop.check.reports.grading import to_csv

        write_whole(csv, to_csv(grades))
