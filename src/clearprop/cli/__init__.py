"""The command ``clearprop``: one file a command; what is slow to import is imported in it.

Exit codes: 0 as asked, 1 the answer is "no", 2 the request was wrong; 128 and the number of the
signal where one ended the command, so 130 after Ctrl-C.
"""

from __future__ import annotations

import errno
import io
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
from clearprop.cli.export import ExportCommand, export
from clearprop.cli.predict import predict
from clearprop.cli.serve import serve
from clearprop.cli.show import show
from clearprop.cli.source import source
from clearprop.cli.train import train
from clearprop.errors import ClearpropError

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


class _Commands(TyperGroup):
    """Commands whose errors are one paragraph, never a traceback."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the options; those of completion are said in one line of the epilog."""
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if parameter.name in ("install_completion", "show_completion"):
                parameter.hidden = True  # type: ignore[attr-defined]
        return parameters

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ClearpropError as error:
            if ctx.invoked_subcommand == "train":  # perhaps on several processes
                from clearprop.train.parallel.launch import end_all, wait_for_turn

                wait_for_turn()
                explain(error)
                end_all(2)
            else:
                explain(error)
            raise typer.Exit(2) from None
        except MemoryError as error:
            what = f"{ctx.invoked_subcommand}: there is not enough memory."
            explain(ClearpropError(what, why=f"{error}.", write="smaller sizes, or less data"))
            raise typer.Exit(2) from None
        except OSError as error:
            if error.filename is not None or error.errno not in _FULL:
                raise
            sys.stdout = io.StringIO()  # what still waits in the other is not tried again
            what = f"{ctx.invoked_subcommand}: the output cannot be written: {error.strerror}."
            explain(ClearpropError(what, why="it goes to a file.", write="a disk with room"))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


app = typer.Typer(
    name="clearprop",
    cls=_Commands,
    help="Clear backpropagation: write the forward pass in NumPy; read, check, see and run the "
    "backward pass.",
    epilog="Exit codes: 0 as asked, 1 the answer is no, 2 the request was wrong. "
    "`clearprop --install-completion` lets your shell complete commands, options and runs.",
    rich_markup_mode="markdown",  # paragraphs of docstrings flow
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command(context_settings={"allow_extra_args": True})(train)  # it says what they are
app.command(cls=CheckCommand)(show)
app.command(cls=CheckCommand)(compare)
app.command(cls=CheckCommand)(predict)
app.command(cls=ExportCommand)(export)
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
