"""Classes with a method that predicts and one that learns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
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
from clearprop.check.handwritten.driving_steps import (
    COUNT,
    DATA,
    OUTPUT,
    TARGET,
    TrainingDriver,
    roles_of,
    root_of,
    set_rate,
)
from clearprop.check.handwritten.implied import LOSSES, implied
from clearprop.check.handwritten.meaning import is_gradient_of, stems
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.state import arrays_in, attributes_of, copied, is_array
from clearprop.check.handwritten.steps import RATE
from clearprop.check.handwritten.training import trained_by


class MethodsDriver(TrainingDriver):
    """A class with a method that predicts and one that learns: ``feedforward``, ``backprop``."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        Driver.__init__(self, candidate, source)
        self.prepare()
        self._take(candidate)
        found = trained_by(self.cls)
        assert found is not None
        forward, self.backward_name, self.loss_names = found
        self.forward_name = forward
        self.takes = arguments_of(getattr(self.cls, self.backward_name), 1)
        self.first = arguments_of(getattr(self.cls, forward), 1)
        self.roles = roles_of(
            [p.name for p in self.takes if p.required and not OUTPUT.match(p.name)]
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
        set_rate(run.layer)
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
                (v for k, v in vars(run.layer).items() if OUTPUT.match(k) and is_array(v)), None
            )
        if isinstance(output, tuple):
            names = self.source.returned(getattr(self.cls, self.forward_name))
            at = next((i for i, n in enumerate(names) if OUTPUT.match(n)), None)
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
            if TARGET.search(p.name) and not OUTPUT.match(p.name):
                args.append(target)
            elif DATA.search(p.name):
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
            elif OUTPUT.match(p.name):
                args[p.name] = run.prediction
            elif p.required and COUNT.search(p.name):
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
            names = {root_of(leaf) for leaf in moved}
            alike = [leaf for leaf in leaves if root_of(leaf) in names or leaf in moved]
            return self.differences(run, held, self._rate(run), alike)
        found = self._listed(run, leaves)
        if not found and isinstance(run.result, dict | tuple):
            found = returned_gradients(run.result, self.returned, [], leaves)
        if not found:
            every = attributes_of(run.layer)
            for leaf in leaves:
                named = (
                    Gradient(label, leaf, value)
                    for label, value in every.items()
                    if is_array(value) and label not in leaves and is_gradient_of(label, leaf)
                )
                found += [g for g in [next(named, None)] if g is not None]
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
