"""What ``clearprop train`` is asked for: options, a configuration, a run that goes on, data."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from clearprop.errors import DataError, OptionError

_ANY_DATA = "--data with a folder of IDX files, a CSV file or digits; or no --data for MNIST"

if TYPE_CHECKING:
    from clearprop.data import DataSet
    from clearprop.train import Settings


def given_settings(ctx: typer.Context) -> dict[str, Any]:
    """Settings that the user wrote; what is merely a default must not overrule a configuration."""
    from clearprop.train.settings import NAMES

    given = {}
    for name in NAMES:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            given[name] = ctx.params[name]
    return given


def refuse_words(words: Sequence[str]) -> None:
    """Refuse what stands without an option, and say which one it belongs to."""
    from clearprop.train import MODELS
    from clearprop.train.finding_runs import RUNS, is_run

    if not words:
        return
    word = words[0]
    write = "clearprop train --help, which lists the options"
    if is_run(Path(word)) or is_run(RUNS / word):
        write = shlex.join(["clearprop", "train", "--resume", word])
    elif Path(word).exists() or word == "digits" or word.endswith((".csv", ".csv.gz")):
        write = shlex.join(["clearprop", "train", "--data", word])
    elif word in MODELS:
        write = shlex.join(["clearprop", "train", "--model", word])
    raise OptionError(
        f"train: {word!r} stands without an option.",
        why="what is trained, and with which data, is said by options.",
        write=write,
    )


def to_resume(run: Path, given: dict[str, Any], config: Path | None, out: Path | None) -> Path:
    """Give the configuration of the run that goes on; refuse what would make it another run."""
    for name, value in (("config", config), ("out", out)):
        if value is not None:
            raise OptionError(
                f"train: --{name} stands beside --resume.",
                why="a run goes on in its own folder, as it was configured.",
                write=f"--resume {run}",
            )
    if other := sorted(given.keys() - {"iterations", "epochs", "threads"}):
        name = other[0].replace("_", "-")
        raise OptionError(
            f"train: --{name} stands beside --resume.",
            why="a run goes on as it began; only its length and its threads can be changed.",
            write=f"--resume {run} --iterations 20000",
        )
    return run / "config.json"


def joined(given: dict[str, Any], config: Path | None) -> Settings:
    """Join the defaults, the configuration and the options, each stronger than the one before."""
    from clearprop.train import Settings, check_setting, read_settings

    if given.keys() >= {"iterations", "epochs"}:
        raise OptionError(
            f"train: --iterations is {given['iterations']} and --epochs is {given['epochs']:g}.",
            why="each says how long the run is.",
            write=f"--epochs {given['epochs']:g}",
        )

    for name, value in given.items():
        option = name.replace("_", "-")
        check_setting(name, value, form=f"--{option} {{value}}")
    settings = {} if config is None else read_settings(config)
    if given.get("model", settings.get("model")) != settings.get("model"):
        settings.pop("hidden", None)  # it belonged to the other model
    if "iterations" in given:
        settings.pop("epochs", None)  # the length is measured in the other unit from now on
    settings |= given
    if settings.get("data") not in (None, "mnist", "digits"):
        settings["data"] = str(Path(settings["data"]).absolute())  # the same from any folder
    return Settings(**settings)


def load(settings: Settings) -> DataSet:
    """Load what is to be trained with."""
    from clearprop import data

    try:
        return data.load(
            settings.data,
            seed=settings.seed,
            target=settings.target,
            without=settings.without or (),
            dtype=cast("Any", settings.dtype),
        )
    except (DataError, OptionError) as error:
        said = as_options(error.write or "")
        raise type(error)(error.what, where=error.where, why=error.why, write=said) from error


def as_options(remedy: str) -> str:
    """Say to somebody at a command line what `data.load` says to somebody who called it.

    Examples
    --------
    >>> as_options("the file without this column; load(path, without=('id',)) leaves it out")
    'the file without this column; --without id leaves it out'
    >>> as_options("load(path, target='price')")
    '--target price'
    >>> as_options("load(path) with more rows.")
    '--data with a folder of IDX files, a CSV file or digits; or no --data for MNIST'
    """
    call = re.search(r"(?:data\.)?load\(path, (target|without)=(.*?)\)(?= leaves|$)", remedy)
    if call is None:
        return _ANY_DATA if re.search(r"load(_idx)?\(|task=|test=", remedy) else remedy
    value = ast.literal_eval(call[2])
    names = value if isinstance(value, tuple) else (value,)
    words = " ".join(f"--{call[1]} {shlex.quote(str(name))}" for name in names)
    return remedy[: call.start()] + words + remedy[call.end() :]
