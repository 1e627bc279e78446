"""The settings of a run on disk: ``config.json``, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.data.fill import border_of, fill_of
from clearprop.errors import OptionError
from clearprop.train.settings import MAY_BE_NONE, NAMES, Settings, check_setting

if TYPE_CHECKING:
    from clearprop.data import DataSet


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings in a ``config.json``, each within its limits; those left out are default.

    Parameters
    ----------
    path : path
        The ``config.json`` of a run, or a file of one's own: ``{"settings": {"lr": 0.2}}``.

    Returns
    -------
    dict
        The keyword arguments of `Settings`.

    Raises
    ------
    OptionError
        The file cannot be read, is not of this form, or a setting is unknown or out of its limits.
    """
    config = read_config(path)
    settings: dict[str, Any] = config["settings"]
    for name, value in settings.items():
        if name not in NAMES:
            raise OptionError(
                f"train: the setting {name!r} is unknown.",
                where=repr(str(path)),
                why=f"the settings are {', '.join(NAMES)}.",
                write=f'"{_nearest(name, NAMES)}": ...',
            )
        if name not in MAY_BE_NONE or value is not None:
            check_setting(name, value, where=repr(str(path)), form='"{name}": {value}')
    return settings


def read_config(path: Path) -> dict[str, Any]:
    """Read a ``config.json``: at least ``{"settings": {...}}``.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    dict
        All of it; the settings are not yet checked.

    Raises
    ------
    OptionError
        The file cannot be read, or is not of this form.
    """
    write = "--config runs/NAME/config.json"
    try:
        config = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        inside = path / "config.json"
        raise OptionError(
            f"train: the configuration cannot be read: {error.strerror}.",
            where=repr(str(path)),
            why="--config takes the config.json of a run.",
            write=f"--config {inside}" if inside.is_file() else write,
        ) from error
    except (ValueError, RecursionError) as error:
        raise OptionError(
            f"train: the configuration is not JSON: {error}.",
            where=repr(str(path)),
            why="--config takes the config.json of a run.",
            write=write,
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("settings"), dict):
        problem = 'has no "settings"'
    elif not isinstance(config.get("made_with", {}), dict):
        problem = 'has a "made_with" that names no versions'
    else:
        return config
    raise OptionError(
        f"train: the configuration {problem}.",
        where=repr(str(path)),
        why='it is of the form {"settings": {"lr": 0.1, ...}, "made_with": {...}}.',
        write=write,
    )


def config_text(
    settings: Settings,
    made_with: Mapping[str, Any],
    command: str,
    data: DataSet | None = None,
    resumed: Sequence[str] = (),
    begun: datetime | None = None,
) -> bytes:
    """Text of ``config.json``: the settings, and what else made the numbers of the run.

    Parameters
    ----------
    settings : Settings
        What the run is made from.
    made_with : dict
        Versions, as from `describe_environment`.
    command : str
        What the user typed.
    data : DataSet, optional
        What it is trained on: what becomes of a sample before the network gets it, and the names of
        the classes, are kept for predictions.
    resumed : sequence of str
        What the user typed to go on with the run, in order.
    begun : datetime, optional
        When the run began; by default that is when the file is written.

    Returns
    -------
    bytes
        JSON, which `read_settings` reads.

    Examples
    --------
    >>> text = config_text(Settings(lr=0.2), {"numpy": "2.4.0"}, "clearprop train --lr 0.2")
    >>> json.loads(text)["settings"]["lr"]
    0.2
    """
    config: dict[str, Any] = {
        "settings": asdict(settings),
        "made_with": dict(made_with),
        "command": command,
    }
    if resumed:
        config["resumed"] = list(resumed)
    if begun is not None:
        config["begun"] = begun.astimezone().isoformat()
    if data is not None:
        config["total"] = settings.total(len(data.train.x))
        config["data"] = {
            "name": data.name,
            "shape": data.shape,
            "outputs": data.train.t.shape[1] if data.classes is None else len(data.classes),
            "classes": data.classes,
            "columns": data.columns,
            "target": data.target,
            "without": data.without,
            "prepare": data.prepare.to_dict(),
            "prepare_target": data.prepare_target.to_dict() if data.prepare_target else None,
        }
        if len(data.shape) == 3 and data.shape[0] == 1:
            config["data"]["fill"] = fill_of(data.train.x)
            config["data"]["border"] = border_of(data.train.x)
    return (json.dumps(config, indent=2, default=float) + "\n").encode()


def _nearest(name: str, names: list[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, names, 1, 0)), names[0])
