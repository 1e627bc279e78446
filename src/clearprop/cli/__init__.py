"""The command ``clearprop``: one file a command; what is slow to import is imported in it.

Exit codes: 0 as asked, 1 the answer is "no", 2 the request was wrong; 128 and the number of the
signal where one ended the command, so 130 after Ctrl-C.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import clearprop
from clearprop.cli.check import CheckCommand, check
from clearprop.cli.compare import compare
from clearprop.cli.explain import ExplainCommand
from clearprop.cli.explain import explain as explain_formula
from clearprop.cli.explanation import explain
from clearprop.cli.serve import serve
from clearprop.cli.show import show
from clearprop.cli.source import source
from clearprop.cli.train import train
from clearprop.errors import ClearpropError


class _Commands(TyperGroup):
    """Commands whose errors are one paragraph, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ClearpropError as error:
            explain(error)
            raise typer.Exit(2) from None
        except MemoryError as error:
            what = f"{ctx.invoked_subcommand}: there is not enough memory."
            explain(ClearpropError(what, why=f"{error}.", write="smaller sizes, or less data"))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    name="clearprop",
    cls=_Commands,
    help="Clear backpropagation: write the forward pass in NumPy; read, check, see and run the "
    "backward pass.",
    epilog="Exit codes: 0 as asked, 1 the answer is no, 2 the request was wrong.",
    rich_markup_mode="markdown",  # paragraphs of docstrings flow
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(train)
app.command(cls=CheckCommand)(show)
app.command(cls=CheckCommand)(compare)
app.command(cls=CheckCommand)(check)
app.command("explain", cls=ExplainCommand)(explain_formula)
app.command()(serve)
app.command()(source)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clearprop {clearprop.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line, as ``clearprop`` and ``python -m clearprop`` do."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a path may hold what it cannot print
    app(prog_name="clearprop")
