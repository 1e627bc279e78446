"""What ``clearprop train`` is asked for: options, a configuration, a run that goes on, data."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from clearprop.errors import DataError, OptionError

if TYPE_CHECKING:
    from clearprop.data import DataSet
    from clearprop.train import Settings


def given_settings(ctx: typer.Context) -> dict[str, Any]:
    """Settings that the user wrote; what is merely a default must not overrule a configuration."""
    from clearprop.train import Settings

    given = {}
    for field in fields(Settings):
        source = ctx.get_parameter_source(field.name)
        if source is not None and source.name != "DEFAULT":
            given[field.name] = ctx.params[field.name]
    return given


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

    for name, value in given.items():
        option = name.replace("_", "-")
        check_setting(name, value, form=f"--{option} {{value}}")
    settings = {} if config is None else read_settings(config)
    if given.get("model", settings.get("model")) != settings.get("model"):
        settings.pop("hidden", None)  # it belonged to the other model
    settings |= given
    if settings.get("data") is not None:
        settings["data"] = str(Path(settings["data"]).absolute())  # the same from any folder
    return Settings(**settings)


def load(settings: Settings) -> DataSet:
    """Load what is to be trained with."""
    from clearprop import data

    given = settings.target
    target = int(given) if given is not None and given.lstrip("-").isdigit() else given
    try:
        return data.load(
            settings.data,
            seed=settings.seed,
            target=target,
            dtype=cast("Any", settings.dtype),
        )
    except DataError as error:
        write = "--data with a folder of IDX files, a CSV file or digits; or no --data for MNIST"
        raise DataError(error.what, where=error.where, why=error.why, write=write) from error
