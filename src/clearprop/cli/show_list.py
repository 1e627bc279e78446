"""What ``clearprop show`` says of a folder of runs: one line a run, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from clearprop.errors import RunError

_COLUMNS = ("run", "begun", "model", "iterations", "test accuracy", "ended")
_HEADS = ("run", "begun", "model", "iterations", "accuracy", "ended")
_LEAST = 9  # columns of a model that is shortened
_NUMBERS = ("iterations", "test accuracy")


def show_list(folder: Path, json: str | None) -> None:
    """Print the runs in a folder, or write them as JSON.

    Parameters
    ----------
    folder : path
        It is there.
    json : str or None
        ``-`` for the screen, or the path of a file.
    """
    from clearprop.cli.screen import Screen, command, write_json
    from clearprop.train import runs_in

    runs = runs_in(folder)
    facts = [_facts(run) for run in runs]
    if json is not None:
        write_json(facts, json)
        return
    screen = Screen()
    if not runs:
        screen.line(f"There is no run in {folder}; clearprop train makes one.")
        return
    others = sum(1 for place in folder.iterdir() if place.is_dir()) - len(runs)
    _print_table(facts, screen)
    screen.line()
    if others:
        screen.line(f"No runs: {others} other {'folder' if others == 1 else 'folders'}.")
    steps = [("all about a run", command("show", runs[0]))]
    ended = [run["path"] for run in facts if run["ended"] is not None]
    if len(ended) > 1:
        steps.append(("side by side", command("compare", *ended[1::-1])))
    screen.pairs(steps)


def _facts(path: Path) -> dict[str, Any]:
    """Give the line of a run; one that cannot be read is no reason to hide the others."""
    from clearprop.train import read_run
    from clearprop.train.finding_runs import begun

    try:
        run = read_run(path)
        result = run.result or {}
        return {
            "path": str(path),
            "run": run.name,
            "begun": run.begun.isoformat(timespec="seconds"),
            "model": run.settings.get("model"),
            "iterations": result.get("iterations"),
            "test accuracy": result.get("test_accuracy"),
            "r2": result.get("test_r2"),
            "ended": run.ended,
            "problem": None,
        }
    except RunError as error:
        facts = {**dict.fromkeys(_COLUMNS), "path": str(path), "run": path.name}
        began = datetime.fromtimestamp(begun(path)).isoformat(timespec="seconds")
        return {**facts, "begun": began, "problem": str(error)}


def _print_table(facts: Sequence[dict[str, Any]], screen: Any) -> None:
    """Print a line a run; where it is too long, without the time, and with less of the model."""
    from clearprop.cli.screen import WIDTH, padded

    lines = [dict(zip(_COLUMNS, _HEADS, strict=True)), *map(_cells, facts)]
    columns = list(_COLUMNS)
    if _width(lines, columns) > WIDTH:
        columns.remove("begun")
    if (excess := _width(lines, columns) - WIDTH) > 0:
        room = max(_LEAST, _widest(lines, "model") - excess)
        for line in lines:
            line["model"] = _shortened(line["model"], room)
    for number, line in enumerate(lines):
        cells = [
            padded(line[name], _widest(lines, name), right=name in _NUMBERS) for name in columns
        ]
        screen.line("  ".join(cells).rstrip(), "" if number else "bold")


def _width(lines: Sequence[dict[str, str]], columns: Sequence[str]) -> int:
    return sum(_widest(lines, name) + 2 for name in columns) - 2


def _widest(lines: Sequence[dict[str, str]], name: str) -> int:
    return max(cell_len(line[name]) for line in lines)


def _shortened(text: str, room: int) -> str:
    return text if cell_len(text) <= room else f"{text[: room - 1]}…"


def _cells(run: dict[str, Any]) -> dict[str, str]:
    from clearprop.cli.screen import how_it_ended, written

    ended = how_it_ended(run["ended"]).removeprefix("by ").removeprefix("an ")
    return {
        **{name: written(name, run[name]) for name in _COLUMNS},
        **({} if run.get("r2") is None else {"test accuracy": f"R² {run['r2']:.3f}"}),
        "begun": run["begun"][:16].replace("T", " "),
        "ended": "unreadable" if run["problem"] else ended,
    }
