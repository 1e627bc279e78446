"""``clearprop explain``: a formula or a function forward and backward, as text, picture, page."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clearprop.cli.check import CheckCommand
from clearprop.cli.explanation import PROPOSED
from clearprop.cli.files import must_be_writable, write_whole
from clearprop.cli.given import must_be_new, split_given
from clearprop.errors import FormulaError, OptionError

if TYPE_CHECKING:
    from clearprop.tracing import Gradients

#: What is a file and no formula: formulas have no such words.
_FILE = re.compile(r".*\.(py|ipynb|md|txt)(:[^:]*)?", re.DOTALL | re.IGNORECASE)
_FORMS = ("", ".html", ".htm", ".svg")  #: how the files end that it writes
_INPUTS, _OUTPUT = "Inputs", "What comes out"


class ExplainCommand(CheckCommand):
    """``--json`` alone prints; a formula may begin with a minus sign."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a blank before what begins with a minus sign and is no option."""
        return super().parse_args(ctx, [f" {a}" if _is_negative(a) else a for a in args])


def _is_negative(word: str) -> bool:
    return word[:1] == "-" and word[1:2] not in ("", "-") and not word.startswith("-o")


def explain(
    formula: Annotated[
        str,
        typer.Argument(
            metavar="FORMULA | FILE:FUNCTION",
            help="An expression, or assignments on lines or between ; of which the last counts. "
            "Or a function or network of a .py, .ipynb, .md or .txt file: the file is executed.",
            show_default=False,
        ),
    ],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]…",
            help="x=1.5, x=[1,2] or W=[[1,2],[3,4]]; what is missing is proposed, and said.",
            show_default=False,
        ),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SIZES",
            help="An array of a shape, drawn at random: x=4,3.",
            show_default=False,
            rich_help_panel=_INPUTS,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="For what is drawn.", rich_help_panel=_INPUTS)
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The page, or the picture alone where it ends in .svg.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    text: Annotated[
        bool,
        typer.Option(
            "--text", help="The steps as text (without -o anyway).", rich_help_panel=_OUTPUT
        ),
    ] = False,
    svg: Annotated[
        bool,
        typer.Option(
            "--svg", help="The picture, to the screen or into FILE.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="[PATH.json]",
            help="The steps as JSON, to the screen or into a file.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    show: Annotated[
        bool,
        typer.Option("--open", help="Show the page in the browser.", rich_help_panel=_OUTPUT),
    ] = False,
) -> None:
    """Show a formula or a function forward and backward: every value, every derivative.

    A formula has names, numbers, + - * / ** @, comparisons and functions: exp(x), sum(x, axis=0),
    where(x > 0, x, 0), with or without np. in front. It is read by a list of what it may have and
    never run as Python.

    A FILE IS EXECUTED, in this process and without limits: its imports and definitions, and then
    the function, a few times. Do this with files that you trust.

    Exit codes: 0 it was computed, 1 a value or a derivative is NaN or infinite, 2 the formula or
    the request was wrong.

    For example:

    - `clearprop explain "price * count * tax" price=100 count=2 tax=1.1`

    - `clearprop explain "t = x + y; t**2" x=1 y=2 -o square.html`

    - `clearprop explain "sum(relu(x @ W))" --shape x=3,2 "W=[[1,-1],[2,0.5]]"`

    - `clearprop explain net.py:loss --shape x=4,3 -o loss.html`
    """
    json_path = None if json in (None, "-") else Path(str(json))
    for path in filter(None, (out, json_path)):
        must_be_writable(path)
    if out is not None and not svg and out.suffix.lower() not in _FORMS:
        raise OptionError(
            f"{out}: what is to be written into a file that ends in {out.suffix}?",
            why="the page is HTML and the picture SVG; others are written in Python, by to_png, "
            "to_pdf, to_dot and to_mermaid.",
            write=f"-o {out.with_suffix('.html')}, or {out.with_suffix('.svg')}",
        )
    explained = _function_explained if _FILE.fullmatch(formula) else _formula_explained
    gradients, notes = explained(formula, values or (), shape or (), seed)
    from clearprop.explain.steps import steps
    from clearprop.explain.telling import NOT_FINITE, as_data, as_text, of_sum

    told = steps(gradients)
    notes += of_sum(gradients)
    for note in notes:
        typer.echo(note, err=True)
    if json is not None:
        import json as writer

        data = {"formula": formula, "notes": notes, **as_data(told)}
        written = writer.dumps(data, indent=2, ensure_ascii=False)
        if json_path is None:
            typer.echo(written)
        else:
            write_whole(json_path, written + "\n")
    wants_picture = svg or (out is not None and out.suffix.lower() == ".svg")
    if out is not None:
        write_whole(out, gradients.to_svg() if wants_picture else gradients.to_html())
        typer.echo(f"{out}: {'the picture' if wants_picture else 'the page'}", err=True)
    elif svg:
        typer.echo(gradients.to_svg(), nl=False)
    silent = json == "-" or svg or out is not None
    if text or not silent:
        typer.echo(as_text(told))
    if show:
        _open(gradients.to_html() if out is None or wants_picture else "", out)
    if not told.finite:
        typer.echo(NOT_FINITE, err=True)
        raise typer.Exit(1)


def _formula_explained(
    text: str, values: Sequence[str], shapes: Sequence[str], seed: int
) -> tuple[Gradients, list[str]]:
    """Trace a formula, and go back; with what there is to say about it."""
    from clearprop.formula import Formula, pointed, run, written

    try:
        done = run(Formula(text), _given(values, shapes, seed))
    except FormulaError as error:
        if error.line:
            typer.echo(pointed(text, error), err=True)
        raise
    notes = []
    if done.proposed:
        shown = " ".join(f"'{name}={written(done.values[name])}'" for name in done.proposed)
        notes.append(f"{PROPOSED} {shown}")
    return done.gradients, notes


def _function_explained(
    target: str, values: Sequence[str], shapes: Sequence[str], seed: int
) -> tuple[Gradients, list[str]]:
    """Trace a function of a file, and go back; with what there is to say about it."""
    import numpy as np

    from clearprop import trace
    from clearprop.check.handwritten.probing import quiet
    from clearprop.cli.functions import find_call, printing_to_stderr
    from clearprop.trees import tree_map

    sizes = [item if "," in item else f"{item}," for item in shapes]
    call = find_call(target, [*values, *sizes], "explain", seed)
    with quiet(), printing_to_stderr():
        graph = trace(call.function, *call.arguments)
        ones = tree_map(lambda y: np.ones(np.shape(y))[()], graph.output)
        gradients = graph.backward(ones)
    notes = [f"{PROPOSED} {call.described()}"] if call.proposed else []
    return gradients, notes


def _given(values: Sequence[str], shapes: Sequence[str], seed: int) -> dict[str, Any]:
    import numpy as np

    from clearprop.check.handwritten.options import parse_shape
    from clearprop.formula.given import drawn, read_value

    found: dict[str, Any] = {}
    for item in values:
        split = split_given(item)
        if split is None or len(split[0]) > 1:
            raise OptionError(
                f"{item}: this is not a name, = and a value.",
                why="behind the formula, which is one argument in quotes, come the values.",
                write="x=1.5 (or 'W=[[1, 2], [3, 4]]' for an array)",
            )
        (name,), value = split
        must_be_new(name, found)
        found[name] = read_value(value, name)
    rng = np.random.default_rng(seed)
    for item in shapes:
        name, sizes = parse_shape(item)
        must_be_new(name, found)
        found[name] = drawn(sizes, name, rng)
    return found


def _open(text: str, path: Path | None) -> None:
    """Show a page in the browser; one that has no file gets one that stays until the next start."""
    import tempfile
    import webbrowser

    if text or path is None:
        with tempfile.NamedTemporaryFile(
            "w", prefix="clearprop-", suffix=".html", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        path = Path(file.name)
    if not webbrowser.open(path.absolute().as_uri()):
        typer.echo(f"No browser was found; the page is {path}", err=True)
        sys.stdout.flush()
