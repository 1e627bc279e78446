"""The folder of a run, read: what its ``config.json`` says, and which files there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from clearprop.errors import OptionError, RunError
from clearprop.train.finding_runs import CONFIG, begun, find_run
from clearprop.train.run import Run
from clearprop.train.run_network import wrong_in
from clearprop.train.run_tables import damaged, read_json
from clearprop.train.settings import NAMES, Settings


def read_run(name: str | Path) -> Run:
    """Read the folder of a run.

    Its ``config.json`` is read at once; each other file when it is asked for, so that a run with
    a damaged file still gives the rest.

    Parameters
    ----------
    name : path
        The folder, its ``config.json``, or the name of a folder in ``runs``.

    Returns
    -------
    Run

    Raises
    ------
    RunError
        There is no such run, or its ``config.json`` cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from clearprop.train import RunFolder, Settings, config_text
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     folder = RunFolder(Path(parent, "first"))
    ...     folder.write("config.json", config_text(Settings(lr=0.2), {"numpy": "2.4.0"}, ""))
    ...     run = read_run(Path(parent, "first"))
    >>> run.name, run.settings["lr"], run.made_with, run.ended
    ('first', 0.2, {'numpy': '2.4.0'}, None)
    >>> [array.shape for array in run.untrained().params.values()]
    [(784, 50), (50,), (50, 10), (10,)]
    """
    path = find_run(name)
    config = read_json(path / CONFIG, "what the run was made from")
    settings, made_with = config.get("settings"), config.get("made_with", {})
    if not isinstance(settings, dict):
        raise damaged(path / CONFIG, 'it has no "settings"')
    if not isinstance(made_with, dict):
        raise damaged(path / CONFIG, 'it has a "made_with" that names no versions')
    if not isinstance(data := config.get("data", {}), dict):
        raise damaged(path / CONFIG, 'it has "data" that name nothing')
    if wrong := wrong_in(data):
        raise damaged(path / CONFIG, f'in its "data" {wrong}')
    return Run(
        path,
        {**_defaults(settings), **settings},
        made_with,
        data,
        str(config.get("command", "")),
        tuple(map(str, resumed)) if isinstance(resumed := config.get("resumed"), list) else (),
        datetime.fromtimestamp(begun(path)),
        _sizes(path),
        config.get("total"),
    )


def _defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give the settings that a configuration leaves out; none where it makes no sense here."""
    try:
        return asdict(Settings(**{name: settings[name] for name in NAMES if name in settings}))
    except (OptionError, TypeError):
        return {}


def _sizes(folder: Path) -> dict[str, int | None]:
    try:
        places = [place for place in sorted(folder.iterdir()) if not place.name.startswith(".")]
        return {place.name: None if place.is_dir() else place.lstat().st_size for place in places}
    except OSError as error:
        raise RunError(
            f"the folder of the run cannot be read: {error.strerror}.",
            where=repr(str(folder)),
            why="its files are looked for there.",
            write="a folder that you may read",
        ) from error
