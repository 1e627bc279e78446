"""What a training run is made from: its settings, their limits, and their form on disk."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from clearprop import optim
from clearprop.errors import OptionError
from clearprop.train.named import DTYPES, MODELS, RULES, SCHEDULES

MAY_BE_NONE = (
    *("hidden", "lr", "weight_decay", "epochs", "validation", "patience", "target", "without"),
    "shards",
)
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
    "model": _Limit(
        lambda v: isinstance(v, str) and (v in MODELS or " " in v.strip() or "," in v),
        f"the models are {_MODEL_NAMES}; or the layers are named, with commas between them.",
        "two-layer",
    ),
    "hidden": _Limit(_whole(1, MOST), f"the number of hidden units {_COUNT}", 50),
    "optimizer": _Limit(lambda v: v in RULES, f"the update rules are {', '.join(RULES)}.", "adam"),
    "schedule": _Limit(
        lambda v: v in SCHEDULES, f"the schedules are {', '.join(SCHEDULES)}.", "cosine"
    ),
    "weight_decay": _Limit(
        lambda v: _is_number(v, Real) and bool(0 <= v <= sys.float_info.max),
        "the weight decay is a finite number, at least 0.",
        1e-4,
    ),
    "patience": _Limit(_whole(1, MOST), f"the number of epochs to wait {_COUNT}", 5),
    "shuffle": _Limit(lambda v: isinstance(v, bool), "it is true or false.", True),
    "target": _Limit(
        lambda v: isinstance(v, str), "it names the column of a table, or counts it.", "price"
    ),
    "without": _Limit(
        lambda v: isinstance(v, list | tuple) and all(isinstance(name, str) for name in v),
        "it names columns of a table, or counts them.",
        ["id"],
    ),
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
    "shards": _Limit(
        lambda v: _whole(1, MOST)(v) and not v & (v - 1),
        "the shards of a batch are added in pairs, and pairs of pairs: they are a power of two.",
        8,
    ),
    "fast_sum": _Limit(lambda v: isinstance(v, bool), "it is true or false.", True),
    "interpret": _Limit(
        lambda v: isinstance(v, bool), "it is true for NumPy, false for machine code.", True
    ),
    "dtype": _Limit(lambda v: v in DTYPES, f"the dtypes are {' and '.join(DTYPES)}.", "float32"),
    "data": _Limit(
        lambda v: v is None or isinstance(v, str),
        "data is a folder of IDX files, a CSV file, digits, or null for MNIST.",
        None,
    ),
}


def _scheduled(name: str, lr: float, total: int) -> Any:
    kind = SCHEDULES[name]
    if kind is None:
        return lr
    if kind == "StepDecay":
        return optim.StepDecay(lr, every=max(1, -(-total // 3)))
    return getattr(optim, kind)(lr, total)


def set_aside(samples: int, part: float) -> int:
    """Give the number of samples that are set aside."""
    return max(1, round(part * samples))


def check_setting(
    name: str, value: Any, *, where: str | None = None, form: str = "{name}={value!r}"
) -> None:
    """``value`` within the limits of the setting ``name``, or an error that says what they are.

    Parameters
    ----------
    name : str
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
        A name of `MODELS`, or a line that names the layers, as `nn.layers_of` takes it.
    hidden : int or None
        Hidden units; by default as the model says, and None where it has no hidden layer.
    optimizer : str
        A name of `RULES`.
    lr : float
        The learning rate, in units of parameter per unit of gradient; by default that of the rule.
    schedule : str
        How the learning rate goes on from there: a name of `SCHEDULES`.
    weight_decay : float or None
        As the rule takes it; by default 0, and 0.01 for adamw.
    batch : int
        Samples in a batch.
    iterations : int
        Updates of the parameters.
    epochs : float or None
        In the place of iterations: how often to go through the samples.
    shuffle : bool
        Whether an epoch is all samples in a random order. Otherwise they are drawn with
        replacement, as in the documents.
    validation : float or None
        The part of the samples to train with that is set aside, and measured after each epoch.
    patience : int or None
        The run ends after so many epochs without a lower loss of those set aside, and the weights
        are those of the best epoch.
    threads : int or None
        By default machine code has as many as there are cores, and its numbers do not depend on
        it; NumPy's BLAS has 1: there the last bits of a large product do, and so does a run.
    shards : int or None
        Into how many parts a batch is cut, which several processes may have, and whose gradients
        are added in one order; by default it is not cut, and where ``mpiexec`` has started several
        processes, into 8.
    fast_sum : bool
        Whether each process has one part, and MPI adds in an order of its own.
    interpret : bool
        Whether to compute in NumPy, update by update, and not in machine code.
    seed : int
        Of the two streams of random numbers: initial weights, and batches.
    dtype : {"float32", "float64"}
        Of samples, parameters and gradients.
    data : str or None
        What `data.load` takes: a folder of IDX files, a CSV file, "digits"; by default the MNIST
        that comes with clearprop.
    target : str or None
        Of a table: the column that is predicted, by default the last.
    without : tuple of str or None
        Of a table: the columns that are left out.

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
    Settings(model='two-layer', hidden=50, optimizer='sgd', lr=0.5, schedule='constant',
             weight_decay=None, batch=100, iterations=10000, epochs=None, shuffle=False,
             validation=None, patience=None, seed=0, threads=None, shards=None, fast_sum=False,
             interpret=False, dtype='float32', data=None, target=None, without=None)
    """

    model: str = "two-layer"
    hidden: int | None = None
    optimizer: str = "sgd"
    lr: float | None = None
    schedule: str = "constant"
    weight_decay: float | None = None
    batch: int = 100
    iterations: int = 10_000
    epochs: float | None = None
    shuffle: bool = False
    validation: float | None = None
    patience: int | None = None
    seed: int = 0
    threads: int | None = None
    shards: int | None = None
    fast_sum: bool = False
    interpret: bool = False
    dtype: str = "float32"
    data: str | None = None
    target: str | None = None
    without: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_setting("model", self.model)
        check_setting("optimizer", self.optimizer)
        if self.lr is None:
            object.__setattr__(self, "lr", RULES[self.optimizer][1])
        known = MODELS.get(self.model)
        default = None if known is None else known.hidden
        if self.hidden is None:
            object.__setattr__(self, "hidden", default)
        elif default is None:
            summary = "its layers say how large they are" if known is None else known.summary
            raise OptionError(
                f"train: hidden is {self.hidden!r}, for the model {self.model}.",
                why=f"{self.model} ({summary}) has no hidden layer."
                if known is not None
                else f"{summary}.",
                write="two-layer as the model, or no hidden",
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in MAY_BE_NONE or value is not None:
                check_setting(field.name, value)
        if self.without is not None:
            object.__setattr__(self, "without", tuple(self.without))  # JSON has lists
        if self.patience is not None and self.validation is None:
            raise OptionError(
                f"train: patience is {self.patience!r}, and no samples are set aside.",
                why="the run ends when the loss of samples that are not trained with stays high.",
                write="--validation 0.1",
            )

    def rule(self, total: int) -> Any:
        """Give the update rule, for a run of so many updates.

        Examples
        --------
        >>> Settings(optimizer="adam", schedule="cosine").rule(500)
        Adam(lr=Cosine(lr=0.001, total=500))
        """
        assert self.lr is not None
        lr = _scheduled(self.schedule, self.lr, total)
        decay = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        return getattr(optim, RULES[self.optimizer][0])(lr=lr, **decay)

    def total(self, samples: int) -> int:
        """Give the number of updates, with so many samples, of which some may be set aside."""
        if self.epochs is None:
            return self.iterations
        return max(1, math.ceil(self.epochs * self.trained_on(samples) / self.batch))

    def trained_on(self, samples: int) -> int:
        """Give the number of samples that are trained on, of so many that there are."""
        return samples - (0 if self.validation is None else set_aside(samples, self.validation))

    def streams(self) -> tuple[np.random.Generator, np.random.Generator]:
        """Random numbers of the initial weights, and independent ones of the batches."""
        weights, batches = np.random.SeedSequence(self.seed).spawn(2)
        return np.random.default_rng(weights), np.random.default_rng(batches)


NAMES = [field.name for field in fields(Settings)]  #: of all settings
