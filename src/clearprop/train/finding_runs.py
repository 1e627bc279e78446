"""Which folder is meant: a path, its config.json, or a name in ``runs``."""

from __future__ import annotations

import difflib
import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from clearprop.errors import RunError

RUNS = Path("runs")  #: where runs are, unless somebody says otherwise
CONFIG = "config.json"  #: what makes a folder a run: it is written first


def is_run(folder: Path) -> bool:
    """Whether a folder holds what a run leaves first, its ``config.json``."""
    with suppress(OSError):
        return (folder / CONFIG).is_file()
    return False


def holds_runs(folder: Path) -> bool:
    """Whether a folder is no run itself, and has some in it."""
    try:
        return folder.is_dir() and not is_run(folder) and any(map(is_run, folder.iterdir()))
    except OSError:  # a name that is too long, a folder that may not be read
        return False


def find_run(name: str | Path) -> Path:
    """Find the folder of a run.

    Parameters
    ----------
    name : path
        The folder, its ``config.json``, or the name of a folder in ``runs``.

    Returns
    -------
    path

    Raises
    ------
    RunError
        There is none, or it is no run.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "config.json").write_text("{}")
    ...     find_run(Path(folder, "config.json")) == find_run(folder) == Path(folder)
    True
    """
    path = Path(name)
    if path.name == CONFIG and is_run(path.parent):
        return path.parent
    bare = str(path) == path.name
    places = [path, RUNS / path] if bare else [path]
    for place in places:
        if is_run(place):
            return place
    for place in places:
        if _exists(place):
            raise _no_run(place)
    raise RunError(
        f"there is no run {str(name)!r}.",
        why=f"neither {' nor '.join(map(str, places))} is there, seen from {Path.cwd()}."
        if bare
        else f"it is looked for from {Path.cwd()}.",
        write=_proposed(path.name),
    )


def runs_in(folder: Path) -> list[Path]:
    """List the runs in a folder, newest first: by when they began.

    Raises
    ------
    RunError
        The folder cannot be read.
    """
    try:
        runs = [place for place in folder.iterdir() if is_run(place)]
        return sorted(runs, key=lambda run: (begun(run), run.name), reverse=True)
    except OSError as error:
        raise RunError(
            f"the folder cannot be read: {error.strerror}.",
            where=repr(str(folder)),
            why="the runs are looked for there.",
            write="a folder of runs, such as runs",
        ) from error


def _exists(place: Path) -> bool:
    with suppress(OSError):  # a name that is too long, a folder that may not be entered
        return place.exists()
    return False


def begun(run: Path) -> float:
    """Say when a run began, in seconds since 1970: as its ``config.json`` says.

    One that does not say it was written then.
    """
    with suppress(OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        written = json.loads((run / CONFIG).read_text("utf-8-sig")).get("begun")
        return datetime.fromisoformat(written).timestamp()
    with suppress(OSError):  # deleted a moment ago
        return (run / CONFIG).stat().st_mtime
    return 0.0


def _no_run(place: Path) -> RunError:
    if not place.is_dir():
        return RunError(
            "this is a file, and no run.",
            where=repr(str(place)),
            why="a run is a folder.",
            write=str(place.parent) if is_run(place.parent) else "a folder in runs",
        )
    if inside := runs_in(place):
        return RunError(
            f"this is no run, and holds {len(inside)}.",
            where=repr(str(place)),
            why=f"a run is a folder with a {CONFIG}.",
            write=f"{inside[0]}, which is the newest",
        )
    return RunError(
        "this folder is no run.",
        where=repr(str(place)),
        why=f"clearprop train leaves a {CONFIG} in the folder of a run, and there is none.",
        write=_proposed(place.name),
    )


def _proposed(name: str) -> str:
    """Name the run that is spelled most alike, or the newest."""
    found: list[Path] = []
    with suppress(RunError):
        found = runs_in(RUNS)
    by_name = {run.name: run for run in found}
    near = difflib.get_close_matches(name, by_name, 1)
    if near:
        return str(by_name[near[0]])
    return f"{found[0]}, which is the newest" if found else "clearprop train, which makes a run"
