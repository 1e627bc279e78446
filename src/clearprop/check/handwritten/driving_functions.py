"""Pairs of functions, functions beside their derivative, and those that return both."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.check.handwritten.bodies import unread_gradients
from clearprop.check.handwritten.driving import (
    Driver,
    Gradient,
    NoOutputError,
    Parameter,
    Run,
    arguments_of,
    call,
    chained,
    outputs_of,
    returned_gradients,
    same_output,
)
from clearprop.check.handwritten.meaning import (
    is_cache,
    is_parameter,
    is_prediction,
    is_target,
    is_upstream,
    stems,
)
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import function_of

_COST = re.compile(
    r"^(compute_|calc_|calculate_|get_)?(cost|loss)(_function|_fn|_func)?(_with_\w+)?$", re.I
)


_PREDICTED = re.compile(r"^(A[L\d]?|a\d?|y_?hat|y_?pred\w*|out(put)?s?|pred\w*|probs?|h|Z\d?)$")


class PairDriver(Driver):
    """Two functions: forward gives (out, cache), backward takes (dout, cache)."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.inputs = arguments_of(candidate.forward, 0)
        self.upstreams = arguments_of(candidate.backward, 0)
        self.returned = source.returned(candidate.backward)
        self.given_back = source.returned(candidate.forward)
        self.takes_cache = any(is_cache(p.name) for p in self.upstreams) or (
            len(self.upstreams) == 2
            and len(self.given_back) == 2
            and not any(p.name in {q.name for q in self.inputs} for p in self.upstreams)
        )

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        if not self._takers():
            return ["none"]
        outputs = len(self.given_back) - self.takes_cache
        return ["upstream", "first"] if outputs > len(self._takers()) > 0 else ["upstream"]

    @cached_property
    def filled(self) -> str:
        """Name the dictionary of gradients that backward is given to add to; "" for none."""
        text = self.source.text(self.candidate.backward)
        found = (n for n in self._takers() if re.search(rf"\b{n}\[['\"]\w+['\"]\] \+=", text))
        return next(found, "")

    def _takers(self) -> list[str]:
        """Name the arguments of backward that take a gradient which comes in."""
        names = {p.name for p in self.inputs}
        taken = [p.name for p in self.upstreams if p.required and not is_cache(p.name)]
        if len(taken) > 1 and set(taken) <= names and any(n in ("y", "Y") for n in taken):
            return []  # the data and the target again: it begins at a cost
        return [
            p.name
            for p in self.upstreams
            if not is_cache(p.name) and (p.name not in names or p.name == self.upstreams[0].name)
        ]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        result = call(self.candidate.forward, self.inputs, given)
        if self.filled:
            raise NoOutputError(f"its backward adds to {self.filled}, which nothing here makes")
        if self.takes_cache and isinstance(result, tuple) and len(result) > 1:
            *outputs, run.cache = result
            run.outputs = tuple(outputs)
        else:
            run.outputs = outputs_of(result)
        if self.upstream == "first":
            run.outputs = run.outputs[: len(self._takers())]
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        rest = list(upstream)
        args: dict[str, Any] = {}
        takers = self._takers()
        for i, p in enumerate(self.upstreams):
            if is_cache(p.name) or (self.takes_cache and i == 1 and len(self.upstreams) == 2):
                args[p.name] = run.cache
            elif p.name in takers and rest:
                args[p.name] = tuple(rest) if len(takers) == 1 and len(rest) > 1 else rest.pop(0)
            elif p.name in run.given:
                args[p.name] = run.given[p.name]
            elif p.required and same_output(p.name, self.given_back):
                args[p.name] = run.outputs[0]
        run.result = call(self.candidate.backward, self.upstreams, args)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        inputs = [p.name for p in self.inputs if p.name in leaves]
        if not self._takers():  # it begins at a cost, and learns
            leaves = [x for x in leaves if x not in inputs]
            inputs = []
        documented = self.source.says_order(self.backward_function, self.returned)
        found = returned_gradients(run.result, self.returned, inputs, leaves, documented)
        return self.restored(run, found)

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`; of what begins at a cost, the data need no gradient."""
        owed = super().owed(leaves, given)
        names = {p.name for p in self.inputs}
        return owed if self._takers() else [x for x in owed if x not in names]


class CostDriver(PairDriver):
    """A backward that begins at the targets: the forward and the file's cost are behind it.

    ``A2, cache = forward_propagation(X, parameters)``, ``compute_cost(A2, Y)`` and
    ``backward_propagation(parameters, cache, X, Y)``.
    """

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.cost, self.target = cost_of(candidate) or (None, "")
        known = {p.name for p in self.inputs}
        asked = arguments_of(self.cost, 0) if self.cost is not None else []
        both = {p.name for p in self.upstreams} & {p.name for p in asked} - known - {self.target}
        self.more = [p for p in asked if p.name in both and not _PREDICTED.match(p.name)]
        self.inputs = [*self.inputs, *self.more, Parameter(self.target)]
        self.upstream = "none"

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["none"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        if self.cost is None:
            raise NoOutputError(f"its backward begins at {self.target}, and no cost is known")
        taken = self.inputs[: len(self.inputs) - 1 - len(self.more)]
        given = {p.name: run.given[p.name] for p in self.inputs[:-1]}
        *outputs, run.cache = call(self.candidate.forward, taken, given)
        run.prediction = outputs[0]
        target = run.given[self.target]
        if np.ndim(target) > 1 and np.size(target) != np.size(outputs[0]):
            raise NoOutputError(f"{self.target} has not the size of what is predicted")
        known = {self.target: run.given[self.target]} | given
        args = [
            known[p.name] if p.name in known else outputs[0] for p in arguments_of(self.cost, 0)
        ]
        run.outputs = (self.cost(*args),)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args: dict[str, Any] = {}
        for p in self.upstreams:
            known = run.given.get(p.name, run.prediction)
            args[p.name] = run.cache if is_cache(p.name) else known
        run.result = call(self.candidate.backward, self.upstreams, args)

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`; the data need no gradient."""
        return [x for x in super().owed(leaves, given) if x not in {p.name for p in self.inputs}]


def begins_at_target(candidate: Candidate) -> str:
    """Name the target at which a backward begins that takes no gradient; "" for none."""
    taken = [p.name for p in arguments_of(candidate.backward, 0)]
    known = {p.name for p in arguments_of(candidate.forward, 0)}
    if any(is_upstream(name) and not is_cache(name) for name in taken):
        return ""
    targets = (n for n in taken if is_target(n) or n in ("y", "Y"))
    return next((n for n in targets if n not in known), "")


def cost_of(candidate: Candidate) -> tuple[Callable[..., Any] | None, str] | None:
    """Give the function of the file that compares what forward gives with a target."""
    target = begins_at_target(candidate)
    known = {target, *(p.name for p in arguments_of(candidate.forward, 0))}
    for name, found in candidate.namespace.items():
        if _COST.match(name) and inspect.isfunction(found):
            names = [p.name for p in arguments_of(found, 0)]
            taken = {p.name for p in arguments_of(candidate.backward, 0)}
            unknown = [n for n in names if n not in known]
            if len(unknown) > 1:
                unknown = [n for n in unknown if n not in taken]
            if target in names and len(unknown) == 1:
                return found, target
    return None, target


class LossGradientDriver(Driver):
    """A function that returns its value and the gradients of it."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.inputs = arguments_of(candidate.backward, 0)
        self.returned = source.returned(candidate.backward)
        first = self.returned[0] if self.returned else ""
        self.gradient_first = bool(stems(first)) and not any(stems(n) for n in self.returned[1:])
        self.upstream = "none"

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["none"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        result = call(self.candidate.backward, self.inputs, given)
        if not isinstance(result, tuple) or len(result) < 2:
            raise NoOutputError("it does not return a value and its gradients")
        last = isinstance(result[0], dict) and not isinstance(result[-1], dict)
        parts = (result[-1], *result[:-1]) if self.gradient_first or last else result
        run.result = parts[1] if len(parts) == 2 else tuple(parts[1:])
        run.outputs = (parts[0],)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """Do nothing: the gradients came with the value."""

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`: what it computes and keeps to itself is owed as well."""
        leaves = list(leaves)
        of_kept = {
            stem for name in unread_gradients(self.candidate.backward) for stem in stems(name)
        }
        kept = [x for x in leaves if x not in given and x in of_kept]
        return [*kept, *(x for x in super().owed(leaves, given) if x not in kept)]

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        if run.result is None:
            return []
        names = self.returned[:-1] if self.gradient_first else self.returned[1:]
        inputs = [p.name for p in self.inputs if p.name in leaves]
        return returned_gradients(run.result, names, inputs, leaves)


class DerivativeDriver(Driver):
    """A function beside its derivative; what it gives is multiplied by the upstream gradient."""

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The function itself, where it is a method of an object or has arguments bound."""
        function: Callable[..., Any] = function_of(self.candidate.backward)
        return getattr(function, "func", function)

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.inputs = arguments_of(candidate.forward, 0)
        self.takes = arguments_of(candidate.backward, 0)
        self.returned = source.returned(candidate.backward)
        self.upstream = "input"

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["input", "output"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        names = [p.name for p in self.inputs]
        left = [p.name for p in self.takes if p.required and p.name not in names]
        spare = [name for name in names if name not in {p.name for p in self.takes}]
        if unknown := left[max(len(spare), 1) :]:
            raise NoOutputError(f"its derivative takes {', '.join(unknown)}, which it does not")
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        run.outputs = outputs_of(call(self.candidate.forward, self.inputs, given))
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args = {p.name: run.given[p.name] for p in self.takes if p.name in run.given}
        left = [p for p in self.takes if p.name not in args and p.required]
        for p, q in zip(left, [q for q in self.inputs if q.name not in args], strict=False):
            args[p.name] = run.given[q.name]
        if self.upstream == "output" and self.takes:
            args[self.takes[0].name] = run.outputs[0]
        result = call(self.candidate.backward, self.takes, args)
        run.result = chained(upstream[0], result)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = list(leaves)
        inputs = [p.name for p in self.inputs if p.name in leaves]
        named = [n for n in inputs if is_prediction(n)]
        if named and not isinstance(run.result, tuple):
            inputs = named
        documented = self.source.says_order(self.backward_function, self.returned)
        return returned_gradients(run.result, self.returned, inputs, leaves, documented)

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`; of a loss, the gradient of what is predicted."""
        owed = super().owed(leaves, given)
        if given and all(map(is_parameter, given)):  # of a cost, by its parameters
            owed = [x for x in owed if is_parameter(x)]
        named = [p.name for p in self.inputs if is_prediction(p.name)]
        return [x for x in owed if not named or x in named]
