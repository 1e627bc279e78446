"""Small autograd engines: a class of values whose operations keep how to go back.

``Value.exp`` makes a value and a function ``_backward`` beside it. Each operation is judged alone,
with a gradient that is given to its result; ``backward``, which puts them in order, is judged on a
graph in which values are used twice.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import (
    Driver,
    Given,
    Gradient,
    NoOutputError,
    Parameter,
    Run,
)
from clearprop.check.handwritten.model import Candidate, Place
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import node_of, place_of
from clearprop.check.handwritten.specs import Proposal, Spec, value

_GRADIENT = re.compile(r"^_?(grad|gradient|g|adjoint|deriv|derivative|diff)$")
_POSITIVE = re.compile(r"log|sqrt|pow")
#: Numbers that a gradient holds before; an operation must add to them.
_BEFORE = 0.75


def engine_of(kind: type, name: str, place: Place, namespace: dict[str, Any]) -> list[Candidate]:
    """Give the operations of an engine, and its backward; none where a class is no engine."""
    if not _is_engine(kind):
        return []
    found = []
    common: dict[str, Any] = {"style": "engine", "namespace": namespace}
    for operation, method in operations(kind).items():
        if not _goes_back(method):
            continue
        where = place_of(method)
        found.append(
            Candidate(f"{name}.{operation}", place=where, forward=method, backward=method, **common)
        )
        method.engine = kind  # type: ignore[attr-defined]
    ops = operations(kind)
    if "__add__" in ops and "__mul__" in ops:
        backward = vars(kind)["backward"]
        backward.engine = kind
        where = place_of(backward)
        found.append(
            Candidate(
                f"{name}.backward", place=where, forward=backward, backward=backward, **common
            )
        )
    return found


def _is_engine(kind: type) -> bool:
    init, backward = vars(kind).get("__init__"), vars(kind).get("backward")
    if not isinstance(init, FunctionType) or not isinstance(backward, FunctionType):
        return False
    if any(p.default is p.empty for p in list(inspect.signature(backward).parameters.values())[1:]):
        return False
    kept = _kept(kind)
    return any(_GRADIENT.match(n) for n in kept) and bool(_data_of(kind)) and bool(operations(kind))


def _kept(kind: type) -> dict[str, str]:
    """Give what the constructor keeps, and the text of it."""
    node = node_of(vars(kind)["__init__"])
    return {
        t.attr: ast.unparse(n.value)
        for n in (ast.walk(node) if node is not None else ())
        if isinstance(n, ast.Assign)
        for t in n.targets
        if isinstance(t, ast.Attribute)
    }


def _data_of(kind: type) -> str:
    """Name the attribute that holds the number: what is kept of the first argument."""
    names = list(inspect.signature(vars(kind)["__init__"]).parameters)[1:2]
    for attribute, text in _kept(kind).items():
        if names and re.search(rf"\b{names[0]}\b", text):
            return attribute
    return ""


def operations(kind: type) -> dict[str, FunctionType]:
    """Give the methods that make a new value of the class."""
    found = {}
    for name, item in vars(kind).items():
        node = node_of(item) if isinstance(item, FunctionType) else None
        if node is None or name in ("__init__", "backward", "__repr__"):
            continue
        made = (n for n in ast.walk(node) if isinstance(n, ast.Call))
        if any(_makes(n, kind, node) for n in made):
            found[name] = item
    return found


def _makes(call: ast.Call, kind: type, node: ast.FunctionDef) -> bool:
    """Whether a call makes the result: it is given more than a number to wrap."""
    name = ast.unparse(call.func)
    return (
        name in (kind.__name__, "type(self)", "self.__class__")
        and len([*call.args, *call.keywords]) > 1
    )


def _goes_back(method: FunctionType) -> bool:
    node = node_of(method)
    inner = [
        n for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.Lambda) and n is not node
    ]
    return bool(inner) and "grad" in ast.unparse(node)


class EngineDriver(Driver):
    """An operation of an engine, or its backward."""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.kind: Any = candidate.backward.engine
        self.data = _data_of(self.kind)
        self.gradient = next(n for n in _kept(self.kind) if _GRADIENT.match(n))
        self.whole = candidate.backward is vars(self.kind)["backward"]
        self.others = (
            [] if self.whole else list(inspect.signature(candidate.backward).parameters)[1:]
        )
        text = source.text(candidate.backward)
        self.wrapped = [n for n in self.others if re.search(rf"\b{n}\.{self.data}\b", text)]
        self.inputs = [Parameter("a"), Parameter("b")] if self.whole else [Parameter("self")]
        if not self.whole:
            parameters = inspect.signature(candidate.backward).parameters
            needed = [n for n in self.others if parameters[n].default is inspect.Parameter.empty]
            self.inputs += [Parameter(n) for n in needed]
        init = source.text(vars(self.kind)["__init__"])
        self.arrays = bool(re.search(r"\bnp\.|numpy", init + source.text(candidate.backward)))
        made = re.search(r"^\s*(\w+) = (?:[^=]*\b)?" + self.kind.__name__ + r"\(", text, re.M)
        self.arriving = f"{made[1]}.{self.gradient}" if made and not self.whole else ""
        self.closure = re.search(r"\b\w+\.(\w+) = (?:_?\w*back\w*|lambda\b)", text)

    @property
    def backward_function(self) -> Callable[..., Any]:
        """The method."""
        return self.candidate.backward  # type: ignore[no-any-return]

    def proposed(self) -> list[Proposal]:
        """See `Driver.proposed`."""
        from clearprop.check.handwritten.proposing import numbers_for

        names = [p.name for p in self.inputs]
        positive = bool(_POSITIVE.search(self.candidate.name.rpartition(".")[2]))
        kind = "positive" if positive else "array"
        dims = numbers_for({})
        number = Spec("positive") if positive else Spec("float")
        shapes: list[list[Spec]] = [[number for _ in names]]
        if self.arrays:
            same = [Spec(kind, ("N", "D")) for _ in names]
            wide = [Spec(kind, ("N", "D")), *(Spec(kind, ("D",)) for _ in names[1:])]
            product = [Spec(kind, ("N", "D")), *(Spec(kind, ("D", "M")) for _ in names[1:])]
            matmul = "matmul" in self.candidate.name or "dot" in self.candidate.name
            shapes = [product] if matmul else [same, wide] if names[1:] else [same]
            if self.whole:
                shapes = [same]
        found = []
        for specs in shapes:
            by_name = dict(zip(names, specs, strict=True))
            for name in names[1:]:
                if not self.whole and name not in self.wrapped:
                    by_name[name] = value(3)
            found.append(Proposal("rows", by_name, dims))
        return found

    def settings(self, proposal: Proposal) -> Iterable[Given]:
        """See `Driver.settings`: arrays of other shapes, which an operation may broadcast."""
        return [other.specs for other in self.proposed()[1:]]

    def moves(self, name: str, value: Any) -> bool:
        """See `Driver.moves`."""
        return name == "self" or self.whole or name in self.wrapped

    def start(self, given: Given) -> Run:
        """See `Driver.start`."""
        return Run(given=given)

    def _made(self, thing: Any) -> Any:
        return self.kind(float(thing) if np.ndim(thing) == 0 and not self.arrays else thing)

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        if self.whole:
            a, b = (self._made(run.given[n]) for n in ("a", "b"))
            c = a * b
            d = a + c
            out = d * c + a
            run.cache = {"a": a, "b": b}, out
        else:
            values = {
                p.name: self._made(run.given[p.name])
                if self.moves(p.name, 0)
                else run.given[p.name]
                for p in self.inputs
            }
            out = self.candidate.backward(**values)
            run.cache = {n: v for n, v in values.items() if isinstance(v, self.kind)}, out
        if not isinstance(out, self.kind):
            raise NoOutputError("it gives no value of its class")
        result = getattr(out, self.data)
        run.outputs = (result if np.ndim(result) else float(result),)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        values, out = run.cache
        if self.whole:
            out.backward()
            return
        for each in values.values():
            if getattr(each, self.gradient) is not None:
                setattr(each, self.gradient, self._filled(each, _BEFORE))
        setattr(out, self.gradient, upstream[0])
        getattr(out, self.closure[1] if self.closure else "_backward")()

    def _filled(self, each: Any, number: float) -> Any:
        shape = np.shape(getattr(each, self.data))
        return np.full(shape, number) if shape or self.arrays else number

    def ways(self) -> list[str]:
        """See `Driver.ways`."""
        return ["none"] if self.whole else ["upstream"]

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        values, _ = run.cache
        found = []
        for leaf in leaves:
            given = getattr(values[leaf], self.gradient)
            if given is not None and not self.whole:
                given = given - _BEFORE
            found.append(Gradient(f"{leaf}.{self.gradient}", leaf, given))
        return found

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`."""
        return []


__all__ = ["EngineDriver", "engine_of"]
