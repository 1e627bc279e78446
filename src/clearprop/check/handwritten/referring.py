"""A backward without a forward, judged by a named reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from clearprop.check.handwritten.driving import (
    Given,
    Gradient,
    LayerDriver,
    Parameter,
    Run,
    returned_gradients,
)
from clearprop.check.handwritten.meaning import is_gradient_of, is_target
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.references import Reference
from clearprop.check.handwritten.source import Source, parameters_of
from clearprop.check.handwritten.state import attributes_of, is_array


class ReferenceDriver(LayerDriver):
    """The backward of a class, with the forward of a reference.

    The object is made without its constructor where that fails; what backward reads of it is what
    the reference says that such an attribute holds.
    """

    def __init__(self, candidate: Candidate, source: Source, reference: Reference) -> None:
        super().__init__(candidate, source)
        self.reference = reference
        self.inputs = [Parameter(name) for name in reference.arguments]
        self.constructor = []
        self.loose = []
        self.reads = source.read_of_self(self.backward_function)
        self.upstream = "none" if reference.target else "upstream"

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return [self.upstream]

    def start(self, given: Given) -> Run:
        """See `Driver.start`."""
        try:
            layer = self.cls()
        except Exception:
            layer = object.__new__(self.cls)
        return Run(layer=layer, given=given)

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        values = [run.given[name] for name in self.reference.arguments]
        run.outputs = (self.reference.forward(*values),)
        for name in self.reads:
            role = self.reference.attributes.get(name)
            if role is not None:
                setattr(run.layer, name, self._value(run, role))
        return run.outputs

    def _value(self, run: Run, role: str) -> Any:
        if role in run.given:
            return run.given[role]
        make: Callable[..., Any] = self.reference.values[role]
        values = [run.given[name] for name in self.reference.arguments]
        return make(*values[: len(inspect.signature(make).parameters)])

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args: dict[str, Any] = {}
        for i, p in enumerate(self.upstreams):
            if self.reference.target and is_target(p.name):
                args[p.name] = run.given[self.reference.target]
            elif i == 0:
                role = self.reference.given
                args[p.name] = upstream[0] if role == "dy" else self._value(run, role)
        run.result = getattr(run.layer, self.backward_name)(**args)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = [leaf for leaf in leaves if leaf != self.reference.target]
        inputs = [leaf for leaf in leaves if leaf not in self.reference.parameters]
        found = returned_gradients(run.result, self.returned, inputs, leaves)
        done = {g.leaf for g in found}
        names = {leaf: [leaf] for leaf in leaves}
        for attribute, role in self.reference.attributes.items():
            names.setdefault(role, []).append(attribute)
        for label, value in attributes_of(run.layer).items():
            for leaf in leaves:
                known = any(is_gradient_of(label, name) for name in names[leaf])
                if leaf not in done and known and (is_array(value) or value is None):
                    found.append(Gradient(label, leaf, value))
                    done.add(leaf)
        return found


def broken_constructor(candidate: Candidate) -> BaseException | None:
    """Give what the constructor of a class without a forward raises, if it takes no arguments."""
    required = [p for p in parameters_of(candidate.backward.__init__, 1) if p[1]]
    if required or "__init__" not in vars(candidate.backward):
        return None
    try:
        candidate.backward()
    except Exception as error:
        return error
    return None
