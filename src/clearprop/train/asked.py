"""What `fit` is asked for: a model, a rule, a length, checkpoints; checked before anything runs."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from clearprop.errors import OptionError
from clearprop.nn.sequential import Sequential
from clearprop.optim import SGD
from clearprop.places import current_line
from clearprop.train.checkpoints import Checkpoints
from clearprop.train.named import RULES
from clearprop.train.settings import check_setting
from clearprop.train.sources import Source
from clearprop.train.updates import Rule

_LR = 0.1


class Length(NamedTuple):
    """How long a run is to be."""

    most: int
    epochs: float

    def is_reached(self, iterations: int, source: Source) -> bool:
        """Say whether it is as long."""
        return iterations >= self.most or source.epoch(iterations) >= self.epochs

    def first_end(self, done: int, until: int, source: Source) -> int:
        """Give the update after which the run has ended, if it comes before another one."""
        if math.isinf(self.epochs) or until <= done:
            return until
        later = range(done + 1, until)
        return done + 1 + bisect_left(later, True, key=lambda n: self.is_reached(n, source))


def length_of(iterations: int | None, epochs: float | None) -> Length:
    """Give how long the run is to be.

    Raises
    ------
    OptionError
        A number is out of its limits, or there are two.
    """
    if epochs is None:
        iterations = 10_000 if iterations is None else iterations
        check_setting("iterations", iterations)
        return Length(int(iterations), math.inf)
    if iterations is not None:
        raise OptionError(
            f"train: iterations is {iterations!r} and epochs is {epochs!r}.",
            why="each says how long the run is.",
            write=f"epochs={epochs!r}",
        )
    check_setting("epochs", epochs)
    return Length(sys.maxsize, float(epochs))


def rule_of(optimizer: Any, lr: float | None) -> Rule:
    """Give the update rule that is asked for.

    Raises
    ------
    OptionError
        It is none, or there are two learning rates.
    """
    if optimizer is None:
        check_setting("lr", lr := _LR if lr is None else lr)
        return SGD(float(lr))
    if isinstance(optimizer, str | type) or not hasattr(optimizer, "update"):
        is_class = isinstance(optimizer, type)
        found = f"the class {optimizer.__name__}" if is_class else f"{optimizer!r:.60}"
        raise OptionError(
            f"train: optimizer is {found}.",
            where=current_line(1),
            why="it is an update rule with its numbers.",
            write=f"optimizer={_rule_meant(optimizer, lr)}",
        )
    if lr is not None:
        raise OptionError(
            f"train: lr is {lr!r}, beside an optimizer.",
            why="the optimizer has a learning rate of its own.",
            write=f"optimizer=optim.{type(optimizer).__name__}(lr={lr!r})",
        )
    return cast("Rule", optimizer)


def _rule_meant(optimizer: Any, lr: float | None) -> str:
    name = str(getattr(optimizer, "__name__", optimizer))
    kind, own = RULES.get(name.lower(), RULES["adam"])
    return f"optim.{kind}(lr={own if lr is None else lr})"


def check_model(model: Any) -> None:
    """Refuse what cannot be trained: a class, samples in the model's place, no loss.

    Raises
    ------
    OptionError
        It is no network.
    OrderError
        It has no loss.
    """
    if isinstance(model, type) or not hasattr(model, "loss_and_gradient"):
        found = f"the class {model.__name__}" if isinstance(model, type) else f"of {type(model)}"
        raise OptionError(
            f"train: model is {found}.",
            where=current_line(1),
            why="it is a network with a loss.",
            write="fit(net, ((x, t), None)), with net = nn.Sequential(…, loss=nn.MSE())",
        )
    if isinstance(model, Sequential):
        model.needed_loss("train.fit")


def watchers_of(watch: Any) -> tuple[Any, ...]:
    """Give those that watch a run.

    Raises
    ------
    OptionError
        One is none.
    """
    watchers = tuple(watch) if isinstance(watch, Sequence) else (watch,)
    for each in watchers:
        if not callable(each):
            raise OptionError(
                f"train: watch is {watch!r:.60}.",
                where=current_line(1),
                why=f"{each!r:.60} cannot be called: a watcher is a function of the metrics.",
                write="watch=train.PlainProgress(), or several in a list; or no watch",
            )
    return watchers


def check_prepare(prepare: Any) -> None:
    """Refuse what prepares no samples.

    Raises
    ------
    OptionError
    """
    if prepare is not None and not callable(prepare):
        raise OptionError(
            f"train: prepare is {prepare!r:.60}.",
            where=current_line(1),
            why="it is a function of the samples, in NumPy.",
            write="prepare=lambda x: x / np.float32(255)",
        )


def generator_of(seed: Any) -> np.random.Generator:
    """Give the generator of the batches.

    Raises
    ------
    OptionError
        NumPy makes none of the seed.
    """
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"train: seed is {seed!r:.60}.",
            where=current_line(1),
            why="a seed is a whole number, at least 0, or a numpy.random.Generator.",
            write="seed=0",
        ) from error


def as_checkpoints(given: Any) -> Checkpoints:
    """Give the checkpoints in a folder, if a path is given.

    Raises
    ------
    OptionError
        It is neither.
    """
    if isinstance(given, str | PathLike):
        return Checkpoints(Path(given))
    if isinstance(given, Checkpoints):
        return given
    raise OptionError(
        f"train: checkpoints is {given!r:.60}.",
        where=current_line(1),
        why="it is a folder, or a train.Checkpoints with its numbers.",
        write='checkpoints="folder", or checkpoints=train.Checkpoints("folder", every=1000)',
    )
