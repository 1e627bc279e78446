"""How a command says what was wrong, and what it chose itself."""

from __future__ import annotations

import os
import sys

import typer

from clearprop.errors import ClearpropError
from clearprop.legible import legible

PROPOSED = "Proposed, for nothing was given:"  #: before arguments, as they can be typed


def explain(error: ClearpropError) -> None:
    """Print an error as one paragraph on stderr, in red up to its first colon on a terminal."""
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = typer.style("error:", fg="red", bold=True) if coloured else "error:"
    typer.echo(f"{label} {legible(str(error))}", err=True)
