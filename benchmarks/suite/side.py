"""What a side of a comparison is: one library, in one form, doing one case."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

OURS = "clearprop"

Params = dict[str, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """What every side of a case is given: the same data, the same start."""

    x: np.ndarray  # float32, (60000, 784)
    t: np.ndarray  # int64, (60000,)
    verify: bool  # in a verification nothing is dropped: each library draws masks of its own
    threads: int

    def ratio(self, of_the_case: float) -> float:
        return 0.0 if self.verify else of_the_case


def _nothing() -> list[float]:
    return []


@dataclass(frozen=True)
class Run:
    """A side that has been started.

    `convert` turns a batch order, an array of indices (steps, batch), into what the library
    indexes with, and is not timed. `steps` makes these steps and gives all their losses.
    """

    convert: Callable[[np.ndarray], Any]
    steps: Callable[[Any], np.ndarray]
    probe: Callable[[], list[float]] = field(default=_nothing)  # more numbers to agree on


Start = Callable[[Problem], Run]


@dataclass(frozen=True)
class Side:
    """How a side is started, and how many steps it makes at once where not the case's number.

    `whole` says that the number of steps is compiled in: it cannot make a single one.
    """

    peer: str
    form: str
    start: Start
    chunk: int | None = None
    whole: bool = False

    @property
    def name(self) -> str:
        return f"{self.peer}, {self.form}" if self.form else self.peer


def affine(rng: np.random.Generator, number: int, fan_in: int, fan_out: int) -> Params:
    """Draw He's initial weights, (in, out), and no bias."""
    W = rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)
    return {f"W{number}": W.astype(np.float32), f"b{number}": np.zeros(fan_out, np.float32)}


def convolution(
    rng: np.random.Generator, number: int, inputs: int, filters: int, size: int
) -> Params:
    """Draw He's initial filters, (filters, channels, height, width), and no bias."""
    W = rng.standard_normal((filters, inputs, size, size)) * np.sqrt(2 / (inputs * size * size))
    return {f"W{number}": W.astype(np.float32), f"b{number}": np.zeros(filters, np.float32)}


def load(case_name: str) -> tuple[Any, list[Side]]:
    """Give a case and its sides, clearprop's first."""
    case = importlib.import_module(f"benchmarks.cases.{case_name}")

    def start(problem: Problem) -> Run:  # imported there alone: no peer pays for clearprop
        ours = importlib.import_module(f"benchmarks.compiled.{case_name}")
        return ours.start(problem)

    return case, [Side(OURS, "", start), *case.SIDES]


def run_of(case_name: str, side_name: str) -> tuple[Any, Side]:
    case, sides = load(case_name)
    return case, next(side for side in sides if side.name == side_name)
