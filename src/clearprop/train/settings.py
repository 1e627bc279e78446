"""What a training run is made from: its settings, their limits, and their form on disk."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import OptionError
from clearprop.train.models import MODELS

DTYPES = ("float32", "float64")


MOST_THREADS = 1024
MOST = 10**9  # of units, samples or iterations: beyond it NumPy's own errors would answer


def _whole(least: int, most: float) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        return _is_number(value, Integral) and bool(least <= value <= most)

    return holds


def _is_rate(value: Any) -> bool:
    # not so for NaN and infinity
    return _is_number(value, Real) and bool(0 < value <= sys.float_info.max)


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


class _Limit(NamedTuple):
    holds: Callable[[Any], bool]
    why: str
    example: Any


_MODEL_NAMES = ", ".join(f"{name} ({model.summary})" for name, model in MODELS.items())
_COUNT = f"is a whole number from 1 to {MOST:,}."
_LIMITS = {
    "model": _Limit(lambda v: v in tuple(MODELS), f"the models are {_MODEL_NAMES}.", "two-layer"),
    "hidden": _Limit(_whole(1, MOST), f"the number of hidden units {_COUNT}", 50),
    "lr": _Limit(_is_rate, "the learning rate is a positive, finite number.", 0.1),
    "batch": _Limit(_whole(1, MOST), f"the number of samples in a batch {_COUNT}", 100),
    "iterations": _Limit(_whole(1, MOST), f"the number of iterations {_COUNT}", 10_000),
    "epochs": _Limit(_is_rate, "the number of epochs is a positive, finite number.", 10),
    "validation": _Limit(
        lambda v: _is_rate(v) and v < 1,
        "the part of the samples that is set aside is between 0 and 1.",
        0.1,
    ),
    "seed": _Limit(_whole(0, math.inf), "a seed is a whole number, at least 0.", 0),
    "threads": _Limit(
        lambda v: v is None or _whole(1, MOST_THREADS)(v),
        f"the number of threads is from 1 to {MOST_THREADS:,}.",
        1,
    ),
    "interpret": _Limit(
        lambda v: isinstance(v, bool), "it is true for NumPy, false for machine code.", True
    ),
    "dtype": _Limit(lambda v: v in DTYPES, f"the dtypes are {' and '.join(DTYPES)}.", "float32"),
    "data": _Limit(
        lambda v: v is None or isinstance(v, str),
        "data is a folder of IDX files, or null for the MNIST that comes with clearprop.",
        None,
    ),
}


def check_setting(
    name: str, value: Any, *, where: str | None = None, form: str = "{name}={value!r}"
) -> None:
    """``value`` within the limits of the setting ``name``, or an error that says what they are.

    Parameters
    ----------
    name : {"model", "hidden", "lr", "batch", "iterations", "seed", "threads", "interpret", \
        "dtype", "data"}
        The setting.
    value : object
        What was given for it.
    where : str, optional
        The file that it stands in.
    form : str
        How the reader would write it: ``--{name} {value}`` on a command line.

    Raises
    ------
    OptionError
        `value` is out of the limits, or of another type.

    Examples
    --------
    >>> check_setting("lr", 0.1)
    >>> check_setting("lr", float("nan"))
    Traceback (most recent call last):
    clearprop.errors.OptionError: train: lr is nan. Why: the learning rate is a positive,
    finite number. Write instead: lr=0.1
    """
    limit = _LIMITS[name]
    if not limit.holds(value):
        raise OptionError(
            f"train: {name} is {value!r}.",
            where=where,
            why=limit.why,
            write=form.format(name=name, value=limit.example),
        )


@dataclass(frozen=True)
class Settings:
    """Everything that decides the numbers of a training run, apart from package versions.

    The defaults are the experiment that closes the document: 784-50-10 with ReLU, batches of 100
    drawn with replacement, learning rate 0.1, 10,000 iterations.

    Attributes
    ----------
    model : str
        A name of `MODELS`.
    hidden : int or None
        Hidden units; by default as the model says, and None where it has no hidden layer.
    lr : float
        The learning rate, in units of parameter per unit of gradient.
    batch : int
        Samples in a batch; they are drawn with replacement, so it may exceed the data.
    iterations : int
        Updates of the parameters.
    threads : int or None
        By default machine code has as many as there are cores, and its numbers do not depend on
        it; NumPy's BLAS has 1: there the last bits of a large product do, and so does a run.
    interpret : bool
        Whether to compute in NumPy, update by update, and not in machine code.
    seed : int
        Of the two streams of random numbers: initial weights, and batches.
    dtype : {"float32", "float64"}
        Of images, parameters and gradients.
    data : str or None
        A folder of IDX files; by default the MNIST that comes with clearprop.

    Raises
    ------
    OptionError
        If a value is out of its limits.

    Source
    ------
    "Using backpropagation: neural network training", the last section of the document on
    backpropagation.

    Examples
    --------
    >>> Settings(lr=0.5)
    Settings(model='two-layer', hidden=50, lr=0.5, batch=100, iterations=10000, seed=0,
             threads=None, interpret=False, dtype='float32', data=None)
    """

    model: str = "two-layer"
    hidden: int | None = None
    lr: float = 0.1
    batch: int = 100
    iterations: int = 10_000
    seed: int = 0
    threads: int | None = None
    interpret: bool = False
    dtype: str = "float32"
    data: str | None = None

    def __post_init__(self) -> None:
        check_setting("model", self.model)
        default = MODELS[self.model].hidden
        if self.hidden is None:
            object.__setattr__(self, "hidden", default)
        elif default is None:
            raise OptionError(
                f"train: hidden is {self.hidden!r}, for the model {self.model}.",
                why=f"{self.model} ({MODELS[self.model].summary}) has no hidden layer.",
                write="two-layer as the model, or no hidden",
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "hidden" or value is not None:
                check_setting(field.name, value)

    def streams(self) -> tuple[np.random.Generator, np.random.Generator]:
        """Random numbers of the initial weights, and independent ones of the batches."""
        weights, batches = np.random.SeedSequence(self.seed).spawn(2)
        return np.random.default_rng(weights), np.random.default_rng(batches)


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
    names = [field.name for field in fields(Settings)]
    for name, value in settings.items():
        if name not in names:
            raise OptionError(
                f"train: the setting {name!r} is unknown.",
                where=repr(str(path)),
                why=f"the settings are {', '.join(names)}.",
                write=f'"{_nearest(name, names)}": ...',
            )
        if name != "hidden" or value is not None:
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


def config_text(settings: Settings, made_with: Mapping[str, Any], command: str) -> bytes:
    """Text of ``config.json``: the settings, and what else made the numbers of the run.

    Parameters
    ----------
    settings : Settings
        What the run is made from.
    made_with : dict
        Versions, as from `describe_environment`.
    command : str
        What the user typed.

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
    config = {"settings": asdict(settings), "made_with": dict(made_with), "command": command}
    return (json.dumps(config, indent=2, default=float) + "\n").encode()


def _nearest(name: str, names: list[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, names, 1, 0)), names[0])
