"""``clearprop serve``: the playground, in the browser."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def serve(
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Where to listen.", show_default="0, a free one"),
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
) -> None:
    """Play with formulas and watch a network learn, in the browser.

    Type an expression or a few assignments, and the picture with its values and derivatives
    follows. In the training room a network learns MNIST before your eyes.

    The server listens on 127.0.0.1 only, lets in whoever has the token in the printed address, and
    loads nothing from elsewhere. Formulas are read by a list of what they may have and never run
    as Python. It needs the extra `serve`: `pip install 'clearprop[serve]'`.

    Exit codes: 0 it was ended, 2 the port or a package was not to be had; 130 after Ctrl-C.
    """
    from clearprop.serve.serving import serve as run

    def say(line: str) -> None:
        typer.echo(line)
        sys.stdout.flush()

    run(port, not no_browser, say)
