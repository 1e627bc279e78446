"""What commands that tell of runs write: text for 80 columns, and JSON."""

from __future__ import annotations

import json
import math
import shlex
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from clearprop.cli.files import write_whole
from clearprop.legible import legible, legible_name

_UNSET = {"threads": "default", "data": "MNIST"}  # what settings are where nobody set them
WIDTH = 80  #: columns that text is written for, whatever the terminal has


class Screen:
    """Lines on the screen: bold headings on a terminal, and plain text anywhere else.

    What can be copied, such as a path or a command, is never broken.
    """

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._begun = False

    @property
    def has_blocks(self) -> bool:
        """Whether half-block letters can be written."""
        return self._console.encoding.lower().startswith("utf")

    @property
    def has_colours(self) -> bool:
        """Whether there are many colours."""
        many = self._console.color_system in ("truecolor", "256")
        return many and not self._console.no_color

    def beside(self, picture: Text | None, width: int, text: str, style: str) -> None:
        """Print a line of a picture that has so many columns, and a text beside it."""
        line = picture.copy() if picture is not None else Text(" " * width)
        if text:
            line.append("   ").append(legible_name(text), style)
        self._begun = True
        self._console.print(line)

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line, as long as it is."""
        self._begun = True
        self._console.print(Text(legible(text), style=style))

    def heading(self, text: str) -> None:
        """Print a heading, apart from what is above."""
        if self._begun:
            self.line()
        self.line(text, "bold")

    def prose(self, text: str, style: str = "", indent: str = "") -> None:
        """Print sentences, in lines of `WIDTH`."""
        wrapped = textwrap.wrap(
            legible_name(text),
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in wrapped or [""]:
            self.line(line, style)

    def pairs(self, rows: Iterable[tuple[str, str]], least: int = 0) -> None:
        """Print names, and beside each what there is to say."""
        rows = [(legible_name(name), legible_name(text)) for name, text in rows]
        width = max([least, *(cell_len(name) for name, _ in rows)])
        for name, text in rows:
            self.line(f"  {padded(name, width)}  {text}".rstrip())

    def explained(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print names, and beside each sentences, in lines of `WIDTH`."""
        rows = [(legible_name(name), text) for name, text in rows]
        width = 2 + max((cell_len(name) for name, _ in rows), default=0) + 2
        for name, text in rows:
            lines = textwrap.wrap(text, max(WIDTH - width, 20)) or [""]
            for number, line in enumerate(lines):
                start = "" if number else f"  {name}"
                self.line(f"{padded(start, width)}{line}".rstrip())


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Fill up to so many columns of a terminal; letters of East Asia take two."""
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def written(name: str, value: Any) -> str:
    """Write a setting, or a number of a result, as a reader takes it.

    Examples
    --------
    >>> written("iterations", 10000), written("seed", 10000), written("interpret", False)
    ('10,000', '10000', 'no')
    >>> written("test accuracy", 0.94837), written("lr", 1e30), written("hidden", None)
    ('0.9484', '1e+30', '-')
    """
    if value is None and name in _UNSET:
        return _UNSET[name]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name != "seed":
        return f"{value:,}"
    if isinstance(value, float):
        return _number(name, value)
    if isinstance(value, str | int):
        return legible_name(str(value))
    return legible_name(json.dumps(value))


def _number(name: str, value: float) -> str:
    if "accuracy" in name or "loss" in name:
        from clearprop.train.metrics import shown_number

        return shown_number(value)
    if name.endswith("error"):
        from clearprop.train.quality import shown_amount

        return shown_amount(value)
    if name.endswith(("r2", "R²")):
        return f"{value:.3f}"
    if name == "seconds":
        return f"{value:,.1f}" if value >= 1 else f"{value:.2g}"
    if name == "iterations/s" and value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}" if name == "iterations/s" else f"{value:.10g}"


def how_it_ended(ended: str | None) -> str:
    """Say in two words how a run ended.

    Examples
    --------
    >>> how_it_ended("as asked"), how_it_ended("SIGINT"), how_it_ended("train: …")
    ('as asked', 'by Ctrl-C', 'by an error')
    >>> how_it_ended("no better")
    'no better'
    """
    words = {
        None: "not yet",
        "as asked": "as asked",
        "no better": "no better",
        "SIGINT": "by Ctrl-C",
    }
    if ended in words:
        return words[ended]
    return f"by {ended}" if str(ended).startswith("SIG") else "by an error"


def is_set(name: str, value: Any) -> bool:
    """Whether there is something to say of a setting."""
    return value is not None or name in _UNSET


def command(*words: str | Path) -> str:
    """Write a command so that it can be typed."""
    return shlex.join(["clearprop", *map(str, words)])


def write_json(value: Any, target: str) -> None:
    """Write JSON to the screen (``-``) or into a file; what is not finite is null."""
    text = json.dumps(_finite(value), indent=2, allow_nan=False, default=str)
    if target == "-":
        typer.echo(text)
    else:
        write_whole(Path(target), text + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        inner = sorted(value) if isinstance(value, set | frozenset) else value
        return [_finite(one) for one in inner]
    return value
