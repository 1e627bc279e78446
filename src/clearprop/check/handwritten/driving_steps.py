"""Networks that learn in place: steps of training, and classes with a method that trains."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import (
    LEARNING_RATE,
    Driver,
    Given,
    Gradient,
    NoOutputError,
    Parameter,
    Run,
    arguments_of,
)
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.implied import LOSSES, implied
from clearprop.check.handwritten.meaning import last_of
from clearprop.check.handwritten.model import CONVENTION, Candidate, Finding
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.state import (
    arrays_in,
    copied,
    exchange,
    is_array,
    is_real,
)
from clearprop.check.handwritten.steps import RATE, Step

#: What a network is taught with, by the names of arguments.
TARGET = re.compile(
    r"^([ytYTl]|y_?\w{0,5}|d)$|target|label|true|desired|expected|outputs?$|teacher|answer", re.I
)
DATA = re.compile(r"^(x\w{0,2}|inp\w*|data|features?|a0|img|image|sample)$|input|^x_", re.I)
COUNT = re.compile(r"epoch|iter|steps?$|^n$|num_|times", re.I)
OUTPUT = re.compile(r"^(o|out|outputs?|y_?hat|pred\w*|al|a\d|y_?pred\w*|result|probs?)$", re.I)

#: A loss that the code computes itself.
WRITTEN = "its own loss"


@dataclass(frozen=True)
class Training:
    """What a candidate of style ``training`` is made of, where it has no class with methods."""

    step: Step
    prelude: Any
    arguments: tuple[Parameter, ...] = ()
    known: tuple[str, ...] = ()
    owner: type | None = None


class TrainingDriver(LayerDriver):
    """What learns in place: its gradients are what it takes from its parameters."""

    starts = True

    def prepare(self) -> None:
        """Set what all of them have."""
        self.loose: list[str] = []
        self.upstreams: list[Parameter] = []
        self.returned: list[str] = []
        self.rate = "the rate"
        self.factor = 1.0
        self.inputs = []
        self.constructor = []
        self.forward_name = self.backward_name = ""
        self.fixed: Given = {}

    def moves(self, name: str, value: Any) -> bool:
        """See `Driver.moves`; the data need no gradient."""
        return False

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`."""
        return []

    def rescaled(self, comparisons: list[Any]) -> bool:
        """Take a factor that gradients have in common for a part of the step's size.

        Whatever most of them have in common is none of their faults: a loss that is not written
        down may be of one sample or of all.
        """
        ratios = []
        for c in comparisons:
            if c.found is None or c.found.shape != c.expected.shape or not np.any(c.expected):
                continue
            ratio = float(np.sum(c.found * c.expected) / np.sum(c.expected**2))
            near = np.max(np.abs(c.found - ratio * c.expected))
            if near <= 1e-7 * np.max(np.abs(c.expected)) * max(ratio, 1e-12) and ratio > 0:
                ratios.append(ratio)
        best = max(ratios, key=lambda r: (_alike(ratios, r), abs(r - 1) < 1e-9), default=1.0)
        if abs(best - 1) < 1e-9 or _alike(ratios, best) == _alike(ratios, 1.0):
            return False
        self.factor *= best
        return True

    def conventions(self, run: Run) -> list[Finding]:
        """See `Driver.conventions`."""
        said = []
        if self.upstream != WRITTEN and self.upstream not in self.losses():
            sentence = (
                "no loss is written down that it follows; it is judged as the gradient of "
                f"{self.upstream}."
            )
            said.append(Finding(CONVENTION, "implied-loss", sentence))
        elif self.factor != 1.0:
            sentence = (
                f"all gradients are {self.factor:.4g} times those of the loss: the size of the "
                "step makes good for it."
            )
            said.append(Finding(CONVENTION, "implied-loss", sentence))
        return said

    def sizes(self) -> list[dict[str, int]]:
        """Give what the weights of an object say of its data, where nothing else does."""
        if any(p.required for p in self.constructor) or self.cls is object:
            return []
        try:
            arrays = [v for v in arrays_in(self.cls()).values() if is_real(v) and v.ndim == 2]
        except Exception:
            return []
        if not arrays:
            return []
        first, last = arrays[0].shape, arrays[-1].shape
        return [_apart(first[0], last[1]), _apart(first[1], last[0])]

    def losses(self) -> list[str]:
        """Name the losses that the code computes."""
        return []

    def differences(self, run: Run, after: Given, rate: float, leaves: list[str]) -> list[Gradient]:
        """Give what was taken from each parameter, in sizes of the step."""
        return [
            Gradient(_label(leaf), leaf, (run.parameters[leaf] - after[leaf]) / rate / self.factor)
            for leaf in leaves
            if leaf in run.parameters
            and is_array(after.get(leaf))
            and np.shape(after[leaf]) == np.shape(run.parameters[leaf])
        ]


def _apart(inputs: int, outputs: int) -> dict[str, int]:
    """Give sizes of data and outputs, and another for the samples."""
    return {
        "D": inputs,
        "M": outputs,
        "N": next(n for n in (4, 5, 7) if n not in (inputs, outputs)),
    }


def _label(leaf: str) -> str:
    """Call a gradient ``dW``, or ``dweights[0]``."""
    return f"d{last_of(leaf)}" if not re.search(r"\[\d+\]$", leaf) else f"d{leaf}"


def _alike(ratios: list[float], one: float) -> int:
    return sum(abs(r - one) <= 1e-6 * abs(one) for r in ratios)


class StepDriver(TrainingDriver):
    """A step of a training loop, in a script, a function or a method."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        Driver.__init__(self, candidate, source)
        self.prepare()
        self.training: Training = candidate.backward.training
        self.step = self.training.step
        roles = roles_of([p.name for p in self.training.arguments if p.required])
        self.roles = roles
        named = [Parameter(roles.get(p.name, p.name), p.default) for p in self.training.arguments]
        self.inputs = [p for p in named if p.name and not _is_control(p.name)]
        self.cls = self.training.owner or object
        self.template = None
        if self.training.owner is not None:
            init = inspect.getattr_static(self.cls, "__init__")
            own = "__init__" in {n for b in self.cls.__mro__[:-1] for n in vars(b)}
            self.constructor = arguments_of(init, 1) if own else []
        self.upstream = self.ways()[0]

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The statements that learn."""
        return self.candidate.backward  # type: ignore[no-any-return]

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return [*([WRITTEN] if self.step.loss else []), *(LOSSES if self.step.output else [])]

    def start(self, given: Given) -> Run:
        """See `Driver.start`."""
        env: dict[str, Any] = {}
        layer: Any = Held()
        if self.training.owner is not None:
            made = {p.name: given[p.name] for p in self.constructor if p.name in given}
            layer = env["self"] = self.cls(**made)
            set_rate(layer)
        else:
            held = self.candidate.namespace
            env |= {n: copied(held[n]) for n in self.training.known if n in held}
        for p in self.training.arguments:
            name = self.roles.get(p.name, p.name)
            if name in given:
                env[p.name] = copied(given[name])
            elif RATE.match(p.name):
                env[p.name] = LEARNING_RATE
            elif COUNT.search(p.name) and p.required:
                env[p.name] = 1
            elif not p.required:
                env[p.name] = p.default
        if self.training.prelude is not None:
            env |= _called(self.training.prelude, env)
        if self.step.rate and not self.step.rate.startswith("self."):
            env[self.step.rate] = LEARNING_RATE
        if self.training.owner is None:
            for name in self.step.parameters:
                layer[name] = redrawn(env.get(name))
        held = {k: v for k, v in arrays_in(layer).items() if k in given}
        exchange(layer, {id(v): given[k] for k, v in held.items() if v is not given[k]})
        return Run(layer=layer, given=given, cache=env)

    def _now(self, run: Run) -> dict[str, Any]:
        held = dict(run.layer) if isinstance(run.layer, Held) else {}
        return {**run.cache, **held}

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given, found = _called(self.candidate.forward, self._now(run))
        run.cache = run.cache | found
        if self.upstream == WRITTEN:
            loss = given[0]
            if np.size(loss) != 1:
                raise NoOutputError(f"{self.step.loss} is no number")
            run.outputs = (np.sum(loss),)
        else:
            run.outputs = (implied(self.upstream, given[1], given[2]),)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        run.parameters = {k: copied(v) for k, v in arrays_in(run.layer).items()}
        found = _called(self.candidate.backward, self._now(run))
        if isinstance(run.layer, Held):
            run.layer = Held({n: found[n] for n in self.step.parameters if n in found})
        run.result = found

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        rate = LEARNING_RATE if self.step.rate else self.step.scale
        made = self.differences(run, arrays_in(run.layer), rate, list(leaves))
        moved = set(self.step.parameters)
        made = [g for g in made if root_of(g.leaf) in moved]
        names = {last_of(root_of(k)): last_of(v) for k, v in self.step.gradients.items()}
        return [replace(g, label=names.get(last_of(g.leaf), g.label)) for g in made]


class Held(dict):  # type: ignore[type-arg]
    """The parameters of a step, by name."""


def _called(function: Any, env: dict[str, Any]) -> Any:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return function(**{n: env.get(n) for n in names})


def redrawn(value: Any) -> Any:
    """Give other numbers: with those of a file, a kink may be on one side for all of them."""
    if not is_real(value):
        return value
    spread = max(float(np.std(value)), 0.3)
    return value + spread * np.random.normal(size=value.shape)  # noqa: NPY002


def root_of(leaf: str) -> str:
    """Give what a step learns that a leaf is part of: ``W1``, ``self.weights``."""
    found = re.match(r"\['(\w+)'\]", leaf)
    return found[1] if found else "self." + re.match(r"\w+", leaf)[0]  # type: ignore[index]


def set_rate(layer: Any) -> None:
    """Give the sizes of a step that an object keeps a known value."""
    for name, value in list(vars(layer).items()):
        if RATE.match(name) and isinstance(value, float | int):
            setattr(layer, name, LEARNING_RATE)


def _is_control(name: str) -> bool:
    return bool(RATE.match(name) or COUNT.search(name))


def roles_of(names: list[str]) -> dict[str, str]:
    """Say which argument is the data and which the target, by names that proposals know."""
    roles: dict[str, str] = {}
    target = next((n for n in names if TARGET.search(n) and not DATA.search(n)), "")
    data = next((n for n in names if DATA.search(n) and n != target), "")
    data = data or next((n for n in names if n != target and not _is_control(n)), "")
    if target:
        roles[target] = "target"
    if data:
        roles[data] = "x"
    return roles
