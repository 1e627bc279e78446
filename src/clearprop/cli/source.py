"""``clearprop source``: the backward pass of a function as a NumPy program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clearprop.cli.explanation import PROPOSED


def source(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE:FUNCTION",
            help="A function of a .py, .ipynb, .md or .txt file. The file is executed.",
            show_default=False,
        ),
    ],
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE",
            help="Example arguments: x=3.5, x=4,3 for a shape, 't=[0, 1, 2]', params.W=3,5.",
            show_default="proposed from names and code",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Where to write it.", show_default="the screen"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="For arguments that are drawn.")] = 0,
) -> None:
    """Write a function and its backward pass as a module that imports only NumPy.

    The module has forward, backward and gradients, with your variable names; above the lines of
    backward stands the line of forward that they are the derivative of.

    The program is for arguments of the shapes that are given. What is not given keeps its default;
    what has none is proposed, and said on the error stream.

    THE FILE IS EXECUTED, in this process and without limits: its imports and definitions, and then
    the function, a few times. Do this with files that you trust.

    Exit codes: 0 it is written, 2 the request was wrong, or the function has no such program.

    For example:

    - `clearprop source net.py:loss`

    - `clearprop source net.py:loss x=100,784 -o net_backward.py`

    - `clearprop source page.md:f x=3.5 'y=[[1.0, 2.0]]'`
    """
    from clearprop import source as write
    from clearprop.check.handwritten.probing import quiet
    from clearprop.cli.files import must_be_writable, write_whole
    from clearprop.cli.functions import find_call, printing_to_stderr

    if out is not None:
        must_be_writable(out)
    call = find_call(target, given or [], "source", seed)
    with quiet(), printing_to_stderr():
        text = write(call.function, *call.arguments)
    if call.proposed:
        typer.echo(f"{PROPOSED} {call.described()}", err=True)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_whole(out, text)
