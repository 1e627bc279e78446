"""A backward without a forward, judged by a named reference."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from clearprop.check.handwritten.attempts import NoSetupError
from clearprop.check.handwritten.driving import (
    Driver,
    Given,
    Gradient,
    Parameter,
    Run,
    chained,
    returned_gradients,
)
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.driving_functions import DerivativeDriver
from clearprop.check.handwritten.meaning import (
    is_cache,
    is_gradient_of,
    is_target,
    is_upstream,
)
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
                setattr(run.layer, name, _value(self.reference, run, role))
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args: dict[str, Any] = {}
        for i, p in enumerate(self.upstreams):
            last = len(self.upstreams) > 1 == i and not any(
                is_target(q.name) for q in self.upstreams
            )
            if self.reference.target and (is_target(p.name) or last):
                args[p.name] = run.given[self.reference.target]
            elif i == 0:
                role = self.reference.given
                args[p.name] = upstream[0] if role == "dy" else _value(self.reference, run, role)
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


class FunctionReferenceDriver(DerivativeDriver):
    """A function that is a backward or a derivative, with the forward of a reference.

    What its arguments hold is said by their names. A lone argument, or a cache, holds the input or
    the output (two ways); that of something with parameters, all that forward was given.
    """

    def __init__(self, candidate: Candidate, source: Source, reference: Reference) -> None:
        Driver.__init__(self, candidate, source)
        self.reference = reference
        self.inputs = [Parameter(name) for name in reference.arguments]
        self.takes = [
            Parameter(n) for n, required in parameters_of(candidate.backward, 0) if required
        ]
        self.returned = source.returned(candidate.backward)
        self.upstream = "input"
        chained = candidate.style == "pair" and not reference.target
        names = [p.name for p in self.takes]
        self.incoming = next(filter(is_upstream, names), names[0]) if chained and names else ""
        names = [name for name in names if name != self.incoming]
        self.roles = {name: self._role(name, names) for name in names}
        self.parts = self._parts()

    def _role(self, name: str, names: list[str]) -> str:
        if self.reference.target and is_target(name):
            return self.reference.target
        if is_cache(name):
            return "cache"
        role = self.reference.attributes.get(name, "")
        alone = len(names) - bool(self.reference.target) == 1 and not self.reference.parameters
        if role in ("x", "y") or (not role and alone):
            return "either"
        if not role:
            raise NoSetupError(f"it has no forward, and nothing says what {name} holds")
        return role

    def _parts(self) -> tuple[str, ...]:
        """Say what the cache holds where backward takes it apart: input and output."""
        given = "p" if "p" in self.reference.values else "y"
        name = next((name for name, role in self.roles.items() if role == "cache"), "")
        text = self.source.text(self.candidate.backward)
        if not name or self.reference.target or self.reference.parameters:
            return ()
        if re.search(rf"\b{name}\[[01]\]", text):
            return "x", given
        names = re.search(rf"\(?(\w+), (\w+)\)? = {name}\b", text)
        if names is None:
            return ()
        roles = [self.reference.attributes.get(part, "") for part in names.groups()]
        return (given, "x") if roles[0] in ("y", "p") else ("x", given)

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["input", "output"]

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        values = [run.given[name] for name in self.reference.arguments]
        run.outputs = (self.reference.forward(*values),)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args = {name: self._held(run, role) for name, role in self.roles.items()}
        if self.incoming:
            run.result = self.candidate.backward(**args, **{self.incoming: upstream[0]})
        else:
            run.result = chained(upstream[0], self.candidate.backward(**args))

    def _held(self, run: Run, role: str) -> Any:
        if role == "cache" and self.reference.parameters:
            return tuple(run.given[name] for name in self.reference.arguments)
        if role == "cache" and self.parts:
            return tuple(_value(self.reference, run, part) for part in self.parts)
        if role in ("either", "cache"):
            given = "p" if "p" in self.reference.values else "y"
            role = "x" if self.upstream == "input" else given
        return _value(self.reference, run, role)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = [leaf for leaf in leaves if leaf != self.reference.target]
        return returned_gradients(run.result, self.returned, leaves, leaves)


def reference_driver(candidate: Candidate, source: Source, reference: Reference) -> Driver:
    """Give the driver of a backward that has no forward: a class, an object, or a function."""
    kind = FunctionReferenceDriver if inspect.isroutine(candidate.backward) else ReferenceDriver
    return kind(candidate, source, reference)


def _value(reference: Reference, run: Run, role: str) -> Any:
    if role in run.given:
        return run.given[role]
    make: Callable[..., Any] = reference.values[role]
    values = [run.given[name] for name in reference.arguments]
    return make(*values[: len(inspect.signature(make).parameters)])


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
