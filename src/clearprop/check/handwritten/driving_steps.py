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
    returned_gradients,
)
from clearprop.check.handwritten.bodies import of_globals
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.driving_functions import LossGradientDriver
from clearprop.check.handwritten.implied import LOSSES, implied
from clearprop.check.handwritten.meaning import is_gradient_of, last_of, stems
from clearprop.check.handwritten.model import CONVENTION, Candidate, Finding
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.specs import Proposal, Spec
from clearprop.check.handwritten.state import (
    arrays_in,
    attributes_of,
    copied,
    exchange,
    is_array,
    is_real,
)
from clearprop.check.handwritten.steps import RATE, Step

_NUMBERS = {"N": 4, "D": 3, "M": 5, "H": 6, "T": 4, "V": 9, "K": 2}
#: What a network is taught with, by the names of arguments.
TARGET = re.compile(
    r"^([ytYTl]|y_?\w{0,5}|d)$|target|label|true|desired|expected|outputs?$|teacher|answer", re.I
)
_DATA = re.compile(r"^(x\w{0,2}|inp\w*|data|features?|a0|img|image|sample)$|input|^x_", re.I)
_COUNT = re.compile(r"epoch|iter|steps?$|^n$|num_|times", re.I)
_OUTPUT = re.compile(r"^(o|out|outputs?|y_?hat|pred\w*|al|a\d|y_?pred\w*|result|probs?)$", re.I)

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
            sentence = f"no loss is written down that it follows; it is judged as the gradient of {self.upstream}."
            said.append(Finding(CONVENTION, "implied-loss", sentence))
        elif self.factor != 1.0:
            sentence = f"all gradients are {self.factor:.4g} times those of the loss: the size of the step makes good for it."
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
        roles = _roles([p.name for p in self.training.arguments if p.required])
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
        layer: Any = _Held()
        if self.training.owner is not None:
            made = {p.name: given[p.name] for p in self.constructor if p.name in given}
            layer = env["self"] = self.cls(**made)
            _set_rate(layer)
        else:
            held = self.candidate.namespace
            env |= {n: copied(held[n]) for n in self.training.known if n in held}
        for p in self.training.arguments:
            name = self.roles.get(p.name, p.name)
            if name in given:
                env[p.name] = copied(given[name])
            elif RATE.match(p.name):
                env[p.name] = LEARNING_RATE
            elif _COUNT.search(p.name) and p.required:
                env[p.name] = 1
            elif not p.required:
                env[p.name] = p.default
        if self.training.prelude is not None:
            env |= _called(self.training.prelude, env)
        if self.step.rate and not self.step.rate.startswith("self."):
            env[self.step.rate] = LEARNING_RATE
        if self.training.owner is None:
            for name in self.step.parameters:
                layer[name] = _redrawn(env.get(name))
        held = {k: v for k, v in arrays_in(layer).items() if k in given}
        exchange(layer, {id(v): given[k] for k, v in held.items() if v is not given[k]})
        return Run(layer=layer, given=given, cache=env)

    def _now(self, run: Run) -> dict[str, Any]:
        return run.cache | (dict(run.layer) if isinstance(run.layer, _Held) else {})

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
        if isinstance(run.layer, _Held):
            run.layer = _Held({n: found[n] for n in self.step.parameters if n in found})
        run.result = found

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        rate = LEARNING_RATE if self.step.rate else self.step.scale
        made = self.differences(run, arrays_in(run.layer), rate, list(leaves))
        moved = {n for n in self.step.parameters}
        made = [g for g in made if _root(g.leaf) in moved]
        names = {last_of(_root(k)): last_of(v) for k, v in self.step.gradients.items()}
        return [replace(g, label=names.get(last_of(g.leaf), g.label)) for g in made]


class _Held(dict):  # type: ignore[type-arg]
    """The parameters of a step, by name."""


def _called(function: Any, env: dict[str, Any]) -> Any:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return function(**{n: env.get(n) for n in names})


def _redrawn(value: Any) -> Any:
    """Give other numbers: with those of a file, a kink may be on one side for all of them."""
    if not is_real(value):
        return value
    spread = max(float(np.std(value)), 0.3)
    return value + spread * np.random.normal(size=value.shape)  # noqa: NPY002


def _root(leaf: str) -> str:
    found = re.match(r"\['(\w+)'\]", leaf)
    return found[1] if found else "self." + re.match(r"\w+", leaf)[0]  # type: ignore[index]


def _set_rate(layer: Any) -> None:
    for name, value in list(vars(layer).items()):
        if RATE.match(name) and isinstance(value, float | int):
            setattr(layer, name, LEARNING_RATE)


def _is_control(name: str) -> bool:
    return bool(RATE.match(name) or _COUNT.search(name))


def _roles(names: list[str]) -> dict[str, str]:
    """Say which argument is the data and which the target, by names that proposals know."""
    roles: dict[str, str] = {}
    target = next((n for n in names if TARGET.search(n) and not _DATA.search(n)), "")
    data = next((n for n in names if _DATA.search(n) and n != target), "")
    data = data or next((n for n in names if n != target and not _is_control(n)), "")
    if target:
        roles[target] = "target"
    if data:
        roles[data] = "x"
    return roles


class GlobalsDriver(LossGradientDriver):
    """A function that returns a loss and the gradients of arrays of its module: ``lossFun``."""

    rate = ""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.names = of_globals(candidate.backward, candidate.namespace)

    def moves(self, name: str, value: Any) -> bool:
        """See `Driver.moves`."""
        return False

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`."""
        return []

    def proposed(self) -> list[Proposal]:
        """See `Driver.proposed`: labels of as many kinds as an array has columns, and a state."""
        shapes = [np.shape(self.candidate.namespace[n]) for n in self.names]
        square = next((s[0] for s in shapes if len(s) == 2 and s[0] == s[1] > 1), 0)
        sizes = {n for s in shapes for n in s if n not in (1, square)}
        found = []
        for size in sorted(sizes):
            specs: dict[str, Spec] = {}
            for p in self.inputs:
                if not p.required:
                    continue
                if re.match(r"^(h|a|c|s|prev|state|hidden)", p.name):
                    specs[p.name] = Spec("array", (square, 1))
                else:
                    specs[p.name] = Spec("labels", ("T",), of="V")
            found.append(Proposal("indices", specs, (_NUMBERS | {"V": size, "T": 4})))
        return found

    def start(self, given: Given) -> Run:
        """See `Driver.start`."""
        held = {n: _redrawn(self.candidate.namespace[n]) for n in self.names}
        layer = _Held(held)
        exchange(layer, {id(v): given[k] for k, v in arrays_in(layer).items() if k in given})
        return Run(layer=layer, given=given)

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        namespace = self.candidate.namespace
        before = {n: namespace[n] for n in self.names}
        namespace.update(run.layer)
        try:
            return super().forward(run)
        finally:
            namespace.update(before)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        found = []
        for label, value in zip(self.returned[1:], run.result, strict=False):
            for leaf in leaves:
                if last_of(leaf) in stems(label):
                    found.append(Gradient(label, leaf, value))
        return found


class MethodsDriver(TrainingDriver):
    """A class with a method that predicts and one that learns: ``feedforward``, ``backprop``."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        from clearprop.check.handwritten.training import trained_by

        Driver.__init__(self, candidate, source)
        self.prepare()
        self._take(candidate)
        found = trained_by(self.cls)
        assert found is not None
        forward, self.backward_name, self.loss_names = found
        self.forward_name = forward
        self.takes = arguments_of(getattr(self.cls, self.backward_name), 1)
        self.first = arguments_of(getattr(self.cls, forward), 1)
        self.roles = _roles(
            [p.name for p in self.takes if p.required and not _OUTPUT.match(p.name)]
        )
        has_data = any(p.required for p in self.first)
        names = set(self.roles.values()) | ({"x"} if has_data else set())
        targets = [p.name for p in self.constructor if TARGET.search(p.name)]
        self.inputs = [Parameter(n) for n in ("x", "target") if n in names]
        self.kept = targets[0] if targets and "target" not in names else ""
        if not self.kept and "target" not in names:
            self.inputs.append(Parameter("target"))
        self.returned = source.returned(self.backward_function)
        self.upstream = self.ways()[0]

    @property
    def backward_function(self) -> Callable[..., Any]:
        """See `LayerDriver.backward_function`."""
        return inspect.getattr_static(self.cls, self.backward_name)  # type: ignore[no-any-return]

    def losses(self) -> list[str]:
        """See `TrainingDriver.losses`."""
        return self.loss_names

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return (
            self.loss_names if self.forward_name in self.loss_names else [*self.loss_names, *LOSSES]
        )

    def start(self, given: Given) -> Run:
        """See `Driver.start`."""
        run = super().start(given)
        _set_rate(run.layer)
        return run

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        if self.forward_name in self.loss_names:
            run.outputs = (np.sum(self._loss(run, None, run.given["target"])),)
            return run.outputs
        args = [run.given["x"]] if any(p.required for p in self.first) else []
        output = getattr(run.layer, self.forward_name)(*args)
        target = run.given[self.kept or "target"]
        if output is None:
            output = next(
                (v for k, v in vars(run.layer).items() if _OUTPUT.match(k) and is_array(v)), None
            )
        if isinstance(output, tuple):
            names = self.source.returned(getattr(self.cls, self.forward_name))
            at = next((i for i, n in enumerate(names) if _OUTPUT.match(n)), None)
            at = (
                at if at is not None else next((i for i, n in enumerate(names) if "out" in n), None)
            )
            output = output[-1 if at is None or at >= len(output) else at]
        if isinstance(output, list):
            output = output[-1]
        if output is None or not is_array(output):
            raise NoOutputError(f"{self.forward_name} gives no output")
        run.prediction = output
        if self.upstream in self.loss_names:
            run.outputs = (np.sum(self._loss(run, output, target)),)
        else:
            run.outputs = (implied(self.upstream, output, target),)
        return run.outputs

    def _loss(self, run: Run, output: Any, target: Any) -> Any:
        args = []
        for p in arguments_of(getattr(self.cls, self.upstream), 1):
            if not p.required:
                continue
            if TARGET.search(p.name) and not _OUTPUT.match(p.name):
                args.append(target)
            elif _DATA.search(p.name):
                args.append(run.given["x"])
            else:
                args.append(output)
        value = getattr(run.layer, self.upstream)(*args)
        if value is None or np.size(value) != 1:
            raise NoOutputError(f"{self.upstream} gives no number")
        return value

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        run.parameters = {k: copied(v) for k, v in arrays_in(run.layer).items()}
        args: dict[str, Any] = {}
        for p in self.takes:
            if RATE.match(p.name):
                args[p.name] = LEARNING_RATE
            elif self.roles.get(p.name):
                args[p.name] = run.given[self.roles[p.name]]
            elif _OUTPUT.match(p.name):
                args[p.name] = run.prediction
            elif p.required and _COUNT.search(p.name):
                args[p.name] = 1
            elif p.required:
                raise NoOutputError(
                    f"{self.backward_name} takes {p.name}, which nothing here makes"
                )
        run.result = getattr(run.layer, self.backward_name)(**args)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = [leaf for leaf in leaves if leaf not in run.given or leaf in run.parameters]
        data = {p.name for p in self.inputs} | {p.name for p in self.constructor}
        leaves = [leaf for leaf in leaves if leaf not in data]
        held = arrays_in(run.layer)
        moved = [
            leaf
            for leaf in leaves
            if is_array(held.get(leaf))
            and not np.array_equal(held[leaf], run.parameters.get(leaf, 0))
        ]
        if moved:
            names = {_root(leaf) for leaf in moved}
            alike = [leaf for leaf in leaves if _root(leaf) in names or leaf in moved]
            return self.differences(run, held, self._rate(run), alike)
        found = self._listed(run, leaves)
        if not found and isinstance(run.result, dict | tuple):
            found = returned_gradients(run.result, self.returned, [], leaves)
        if not found:
            every = attributes_of(run.layer)
            for leaf in leaves:
                for label, value in every.items():
                    if is_array(value) and label not in leaves and is_gradient_of(label, leaf):
                        found.append(Gradient(label, leaf, value))
                        break
        return [replace(g, value=g.value / self.factor) if is_array(g.value) else g for g in found]

    def _rate(self, run: Run) -> float:
        text = self.source.text(self.backward_function)
        own = any(RATE.match(n) and re.search(rf"\b{n}\b", text) for n in vars(run.layer))
        return LEARNING_RATE if own or any(RATE.match(p.name) for p in self.takes) else 1.0

    def _listed(self, run: Run, leaves: list[str]) -> list[Gradient]:
        """Match lists of gradients with lists of parameters: ``nabla_w`` with ``weights``."""
        parts = run.result if isinstance(run.result, tuple) else (run.result,)
        lists: dict[str, list[str]] = {}
        for leaf in leaves:
            match = re.match(r"(\w+)\[\d+\]$", leaf)
            if match:
                lists.setdefault(match[1], []).append(leaf)
        found: list[Gradient] = []
        free = dict(lists)
        for at, part in enumerate(parts):
            if not isinstance(part, list):
                continue
            label = self.returned[at] if len(self.returned) == len(parts) else ""
            named = [n for n in free if any(n.startswith(s) for s in stems(label) if s)]
            shapes = [getattr(v, "shape", ()) for v in part]
            fits = [n for n in free if shapes == [run.parameters[x].shape for x in free[n]]]
            chosen = next((n for n in [*fits, *named] if len(free[n]) == len(part)), "")
            for i, leaf in enumerate(free.pop(chosen, [])):
                found.append(Gradient(f"{label or 'd' + chosen}[{i}]", leaf, part[i]))
        return found
