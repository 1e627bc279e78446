"""Where a run is to be typed, and what a shell offers there."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import typer


def complete_runs(incomplete: str) -> list[str]:
    """Give the runs that a word may become: names in ``runs``, and paths.

    A run is a folder with a ``config.json``. Nothing else is offered, so that a shell falls back on
    its own names of files.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("first", "fine", "other"):
    ...         Path(folder, name).mkdir()
    ...     for name in ("first", "other"):
    ...         _ = Path(folder, name, "config.json").write_text("{}")
    ...     found = complete_runs(os.path.join(folder, "f"))
    >>> [os.path.basename(path) for path in found]
    ['first']
    """
    from clearprop.train.finding_runs import RUNS, is_run

    folder, _, start = incomplete.rpartition("/")
    found = []
    if not folder and not incomplete.startswith("/"):
        found = [name for name in _names(RUNS, incomplete) if is_run(RUNS / name)]
    before = incomplete[: len(incomplete) - len(start)]  # as it was typed
    where = Path(before or ".").expanduser()
    for name in _names(where, start):
        if is_run(where / name):
            found.append(before + name)
        elif any(is_run(where / name / inner) for inner in _names(where / name, "")):
            found.append(f"{before}{name}/")
    return list(dict.fromkeys(found))


def complete_setting(name: str) -> Callable[[str], list[str]]:
    """Make what offers the values of an option: those its setting may have, in their order.

    Examples
    --------
    >>> complete_setting("optimizer")("ada"), complete_setting("dtype")("")
    (['adagrad', 'adam', 'adamw'], ['float32', 'float64'])
    """

    def complete(incomplete: str) -> list[str]:
        from clearprop.train.named import NAMED  # when a shell asks: the package loads NumPy

        return [value for value in NAMED[name] if value.startswith(incomplete)]

    return complete


def _names(folder: Path, start: str) -> list[str]:
    """Name the folders in a folder that begin so; hidden ones where a dot is typed."""
    with suppress(OSError):
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
        return sorted(n for n in names if n.startswith(start) and (start or n[:1] != "."))
    return []


#: The run that a command is about.
RUN = typer.Argument(
    metavar="RUN",
    help="The folder of a run, its config.json, or its name in ./runs.",
    show_default=False,
    autocompletion=complete_runs,
)
