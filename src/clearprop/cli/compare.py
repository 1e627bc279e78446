"""``clearprop compare``: runs side by side: what differs, and which became better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.cells import cell_len

from clearprop.cli.completing import complete_runs
from clearprop.cli.files import must_be_no_file_of_a_run, must_be_writable
from clearprop.errors import OptionError

if TYPE_CHECKING:
    from clearprop.cli.screen import Screen
    from clearprop.train import Comparison, Run

_T = TypeVar("_T")

_FORMS = ("png", "svg")
_LONGEST = 24  # columns of a value beside others; a longer one stands on a line of its own
_GAP = 3  # columns between values, one of them for the mark
_HASH, _HASH_SHOWN = "data_sha256", 8  # and as many of its characters
_LABEL = 28  # columns of the longest name of a result, as a rule


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Two or more, each the folder of a run, its config.json, or its name in ./runs.",
            show_default=False,
            autocompletion=complete_runs,
        ),
    ],
    curves: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png|svg",
            help="Draw the loss and the accuracies of all runs into one picture.",
        ),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(metavar="[PATH.json]", help="JSON, to the screen or into a file."),
    ] = None,
) -> None:
    """Compare runs: the settings and versions that differ, and the results, the best marked *.

    Accuracies and losses are those of the saved weights: after the last iteration, or of the best
    epoch where that is kept; where the runs are of different
    length, also those after the last iteration at which all were measured.

    Runs on other data, of another length, or that have not ended, are compared as far as that
    goes, and it is said.

    Exit codes: 0 they are compared, 2 there is no such run, or a file of it is damaged.

    For example:

    - `clearprop compare first second`

    - `clearprop compare runs/* --curves curves.png`
    """
    from clearprop.train import compare_runs, read_run

    target = None if json in (None, "-") else Path(str(json))
    form = None if curves is None else _form(curves)
    for path in filter(None, (target, curves)):
        must_be_no_file_of_a_run(path)
        must_be_writable(path)
    read = [read_run(name) for name in runs]
    comparison = compare_runs(read)
    if curves is not None and form is not None:
        _draw(read, comparison, curves, form)
    if json is not None:
        from clearprop.cli.screen import write_json

        write_json(_facts(read, comparison, curves), json)
    else:
        _print(runs, comparison, curves)


def _form(curves: Path) -> str:
    form = curves.suffix.lower().removeprefix(".")
    if form not in _FORMS:
        raise OptionError(
            f"--curves {curves}: this is no name of a picture.",
            why=f"its ending says what is drawn: .{' or .'.join(_FORMS)}.",
            write=f"--curves {curves.with_suffix('.png') if curves.name else 'curves.png'}",
        )
    return form


def _draw(runs: Sequence[Run], comparison: Comparison, curves: Path, form: str) -> None:
    from clearprop.cli.files import write_whole_bytes
    from clearprop.extras import require
    from clearprop.train.compared_curves import draw_compared

    require("matplotlib.backends.backend_agg", "train", "draws the curves", "compare")
    write_whole_bytes(curves, draw_compared(runs, comparison.names, form))


def _facts(runs: Sequence[Run], comparison: Comparison, curves: Path | None) -> dict[str, Any]:
    return {
        "runs": [
            {"name": name, "path": str(run.path)}
            for name, run in zip(comparison.names, runs, strict=True)
        ],
        "settings": comparison.settings,
        "made_with": comparison.made_with,
        "same": comparison.same,
        "results": comparison.results,
        "common_iteration": comparison.common,
        "best": comparison.best,
        "notes": comparison.notes,
        "curves": None if curves is None else str(curves),
    }


def _print(runs: Sequence[str], comparison: Comparison, curves: Path | None) -> None:
    from clearprop.cli.screen import Screen, how_it_ended, is_set, written

    screen = Screen()
    ended = [
        how_it_ended(run).removeprefix("by ").removeprefix("an ")
        for run in comparison.results["ended"]
    ]
    results = _shown({**comparison.results, "ended": ended})
    versions = {name: of for name, of in comparison.made_with.items() if name != _HASH}
    hashes = comparison.made_with.get(_HASH, ())
    data = {"SHA-256": [h and f"{str(h)[:_HASH_SHOWN]}…" for h in hashes]} if hashes else {}
    tables: dict[str, Mapping[str, Any]] = {
        "Settings that differ": comparison.settings,
        "Versions that differ": versions,
        "Data that differ": data,
        "Results, * the best" if comparison.best else "Results": results,
    }
    print_table = _Tables(screen, _heads(comparison, screen, runs), tables)
    print_table("Settings that differ")
    if comparison.same:
        shown = (
            f"{name}={written(name, value)}"
            for name, value in comparison.same.items()
            if is_set(name, value)
        )
        screen.prose(f"The same in all: {', '.join(shown)}.")
    print_table("Versions that differ")
    if not versions:
        screen.line()
        screen.line("Versions and processor are the same.")
    print_table("Data that differ")
    print_table(list(tables)[-1], _shown(comparison.best))
    if comparison.notes:
        screen.heading("To keep in mind")
        for note in comparison.notes:
            screen.prose(note, indent="  ")
    screen.heading("Next")
    if curves is None:
        from clearprop.cli.screen import command

        drawn = command("compare", *runs, "--curves", "curves.png")
        screen.pairs([("their curves", drawn)])
    else:
        screen.pairs([("their curves", str(curves))])


def _shown(results: Mapping[str, _T]) -> dict[str, _T]:
    """Name results as a reader knows them."""
    return {name.replace("r2", "R²"): of for name, of in results.items()}


def _heads(comparison: Comparison, screen: Screen, runs: Sequence[str]) -> list[str]:
    """Name the columns: by the runs, or by numbers where those are too long to stand together."""
    from clearprop.cli.screen import WIDTH

    names = list(comparison.names)
    room = (WIDTH - _LABEL) // len(names) - _GAP
    if max(map(cell_len, names)) <= min(room, _LONGEST):
        return names
    heads = [f"({number})" for number in range(1, len(names) + 1)]
    for head, run in zip(heads, runs, strict=True):
        screen.line(f"{head}  {run}")
    return heads


class _Tables:
    """Tables of one width, in blocks of as many runs as stand side by side."""

    def __init__(
        self, screen: Screen, heads: Sequence[str], tables: Mapping[str, Mapping[str, Any]]
    ) -> None:
        from clearprop.cli.screen import written

        self._screen, self._heads = screen, heads
        self._cells = {
            title: {name: [written(name, value) for value in row] for name, row in rows.items()}
            for title, rows in tables.items()
        }
        short = {
            name: row for rows in self._cells.values() for name, row in rows.items() if _fits(row)
        }
        titles = [title for title, rows in self._cells.items() if rows]
        self._label = max(cell_len(text) for text in ("", *short, *(t[2:] for t in titles)))
        self._width = max(cell_len(text) for row in (heads, *short.values()) for text in row)

    def __call__(self, title: str, best: Mapping[str, frozenset[int]] | None = None) -> None:
        """Print a table, if it has rows; what is too long for a column stands below."""
        from clearprop.cli.screen import WIDTH

        rows = self._cells[title]
        together = max(1, (WIDTH - 2 - self._label) // (self._width + _GAP))
        blocks = range(0, len(self._heads), together) if any(map(_fits, rows.values())) else ()
        for start in blocks:
            block = range(start, min(start + together, len(self._heads)))
            head = [self._heads[k] for k in block]
            self._screen.heading(self._line("" if start else title, head))
            for name, row in rows.items():
                if _fits(row):
                    marked = (best or {}).get(name, ())
                    cells = [row[k] + ("*" if k in marked else " ") for k in block]
                    self._screen.line(self._line(f"  {name}", cells))
        if rows and not blocks:
            self._screen.heading(title)
        for name, row in rows.items():
            if not _fits(row):
                self._screen.line(f"  {name}")
                self._screen.pairs((f"  {heads}", text) for heads, text in self._grouped(row))

    def _grouped(self, row: Sequence[str]) -> list[tuple[str, str]]:
        """Give each text once, with the runs that have it."""
        groups: dict[str, list[str]] = {}
        for head, text in zip(self._heads, row, strict=True):
            groups.setdefault(text, []).append(head)
        most = max(groups, key=lambda text: len(groups[text]))
        rest = groups.pop(most) if len(groups[most]) > 2 else []
        grouped = [(", ".join(heads), text) for text, heads in groups.items()]
        return [*grouped, ("the others", most)] if rest else grouped

    def _line(self, name: str, cells: Sequence[str]) -> str:
        from clearprop.cli.screen import padded

        values = (
            padded(cell if cell[-1:] in " *" else f"{cell} ", self._width + _GAP, right=True)
            for cell in cells
        )
        return f"{padded(name, self._label + 2)}{''.join(values)}".rstrip()


def _fits(row: Sequence[str]) -> bool:
    return max(map(cell_len, row)) <= _LONGEST
