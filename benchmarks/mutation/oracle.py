"""Whether a layer's gradients are right, by PyTorch's autograd in float64."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import CodeType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.mutation.entries import BY_NAME
from benchmarks.mutation.entries.lazily import torch
from benchmarks.mutation.entry import CASES, Draw, Entry
from benchmarks.mutation.limits import TooSlow, limited

SEEDS = range(6)
SECONDS = 5

Values = dict[str, Any]
Gradients = dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """Inputs, upstream derivatives and what autograd makes of them; then those of a next batch."""

    values: Values
    upstream: tuple[Any, ...]
    outputs: tuple[Any, ...]
    expected: Gradients
    later: Probe | None = None
    unit: bool = False


@dataclass(frozen=True)
class Decision:
    """What the oracle saw: behaviour is "" where every gradient was right."""

    behaviour: str = ""
    gradients: tuple[str, ...] = ()


def truth(entry: Entry, values: Values, upstream: tuple[Any, ...] | None, seed: int) -> Probe:
    """Run PyTorch, with random upstream derivatives where none are given."""
    asked = set(entry.gives.values())
    v = SimpleNamespace(**values)
    leaves = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray | float):
            t = torch.tensor(value)
            if name in asked:
                leaves[name] = t.requires_grad_()
            setattr(v, name, t)
    outputs = entry.truth(v)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    if upstream is None:
        draw = Draw(1000 + seed)
        upstream = tuple(np.asarray(1.7 * draw(*o.shape)) for o in outputs)
        if not entry.upstream:
            upstream = (np.asarray(1.0),)
    total = sum((o * torch.tensor(u)).sum() for o, u in zip(outputs, upstream, strict=True))
    grads = torch.autograd.grad(total, list(leaves.values()))
    expected = {n: g.numpy() for n, g in zip(leaves, grads, strict=True)}
    return Probe(values, upstream, tuple(o.detach().numpy() for o in outputs), expected)


@cache
def probes(name: str) -> tuple[Probe, ...]:
    """The runs that decide, of one layer."""
    entry = BY_NAME[name]
    result = []
    for seed in SEEDS:
        sizes = CASES[seed % len(CASES)]
        values = entry.values(sizes, Draw(seed))
        first = truth(entry, {**values, "drawn": drawn(values)}, None, seed)
        # the next batch has another size, in every second probe
        larger = SimpleNamespace(**{**vars(sizes), "N": sizes.N + 2 * (seed % 2)})
        fresh = entry.values(larger, Draw(seed + 500))
        kept = set(values) - set(entry.inputs)
        shared = {n: fresh[n] if n in entry.inputs or n == "seed" else values[n] for n in values}
        assert kept <= set(shared)
        later = truth(entry, {**shared, "drawn": drawn(values) + drawn(shared)}, None, seed + 500)
        result.append(
            Probe(first.values, first.upstream, first.outputs, first.expected, later=later)
        )
    scalar = entry.upstream and result[0].upstream[0].shape == () and len(result[0].upstream) == 1
    if scalar and entry.style == "layer":
        # a loss: first as the last layer, with an upstream derivative of one
        ones = [truth(entry, p.values, (np.asarray(1.0),), 0) for p in result[: len(CASES)]]
        last = (Probe(p.values, p.upstream, p.outputs, p.expected, unit=True) for p in ones)
        result = [*last, *result]
    return tuple(result)


def drawn(values: Values) -> list[tuple[int, ...]]:
    """The shapes for which a layer with a generator of its own has drawn."""
    return [values["x"].shape] if hasattr(values.get("x"), "shape") else []


class Session:
    """A layer in use."""

    def __init__(self, entry: Entry, namespace: dict[str, Any], values: Values) -> None:
        self.entry = entry
        self.namespace = namespace
        self.values: Any = None
        self.layer: Any = None
        self.outputs: tuple[Any, ...] = ()
        if entry.style in ("layer", "values", "network"):
            self.layer = entry.make(namespace[entry.name], SimpleNamespace(**values))

    def forward(self, values: Values) -> tuple[Any, ...]:
        e, f = self.entry, self.namespace
        self.values = SimpleNamespace(**values)
        args = [values[n] for n in e.inputs]
        if "seed" in values:
            np.random.seed(values["seed"])  # noqa: NPY002
        if e.style == "loss and gradient":
            return ()
        if e.style == "pair":
            *outputs, self.cache = f[e.forward](*args)
        elif e.style == "derivative":
            outputs = [f[e.forward](*args)]
        elif e.style == "network":
            outputs = [self.layer.loss(*args)]
        else:
            r = self.layer.forward(*args)
            r = eval(e.out, {"r": r, "o": self.layer})
            outputs = list(r) if isinstance(r, tuple) else [r]
        self.outputs = tuple(outputs)
        return self.outputs

    def backward(self, upstream: tuple[Any, ...]) -> Gradients:
        """Every gradient by name; one that is not there is an Exception in its place."""
        e, o = self.entry, self.layer
        args = [getattr(self.values, n) for n in e.inputs]
        if e.call is not None:
            r = e.call(o, *upstream, self.values, self.outputs)
        elif e.style == "pair":
            r = self.namespace[e.name](*upstream, self.cache)
        elif e.style == "derivative":
            r = self.namespace[e.name](*args)
            r = None if r is None else upstream[0] * r
        elif e.style == "loss and gradient":
            r = self.namespace[e.name](*args)
        elif e.style == "network":
            r = o.gradient(*args)
        else:
            r = o.backward(*upstream)
        found: Gradients = {}
        for where, name in e.gives.items():
            try:
                found[name] = copy.deepcopy(eval(where, {"r": r, "o": o}))
            except Exception as error:
                found[name] = error
        return found


def compare(found: Gradients, expected: Gradients, tolerance: float) -> dict[str, str]:
    """What is wrong with each gradient that is."""
    wrong = {}
    for name, e in expected.items():
        f = found[name]
        if f is None or isinstance(f, Exception):
            wrong[name] = "missing"
            continue
        try:
            f = np.asarray(f, dtype=float)
        except (TypeError, ValueError):
            wrong[name] = "missing"
            continue
        if f.shape != e.shape:
            wrong[name] = "shape"
        elif not np.all(np.abs(f - e) <= tolerance * max(np.abs(e).max(initial=0), 1e-9)):
            wrong[name] = "value"
    return wrong


def arrays(values: Values) -> dict[str, Any]:
    return {n: a for n, a in values.items() if isinstance(a, np.ndarray)}


def examine(entry: Entry, namespace: dict[str, Any], probe: Probe) -> tuple[str, set[str]]:
    """The first thing that goes wrong with one probe."""
    values = copy.deepcopy(probe.values)
    upstream = copy.deepcopy(probe.upstream)
    session = Session(entry, namespace, values)
    try:
        session.forward(values)
        shown = copy.deepcopy(session.outputs)
        found = session.backward(upstream)
    except Exception:
        return "raises", set(entry.gives.values())
    wrong = compare(found, probe.expected, entry.tolerance)
    for kind in ("missing", "shape", "value"):
        if kind in wrong.values():
            return kind, set(wrong)
    given = {**arrays(values), **{f"upstream {i}": u for i, u in enumerate(upstream)}}
    if entry.updates:
        return in_use(entry, namespace, session, probe)
    before = {**probe.values, **{f"upstream {i}": u for i, u in enumerate(probe.upstream)}}
    if any(not np.array_equal(a, before[n]) for n, a in given.items()):
        return "writes", set()
    if any(not np.array_equal(a, b) for a, b in zip(session.outputs, shown, strict=True)):
        return "writes output", set()
    return in_use(entry, namespace, session, probe)


def in_use(entry: Entry, namespace: Any, session: Session, probe: Probe) -> tuple[str, set[str]]:
    """A second backward, a next batch, two forwards before a backward."""

    def tried(steps: Callable[[], Gradients], expected: Gradients) -> set[str]:
        try:
            return set(compare(steps(), expected, entry.tolerance))
        except Exception:
            return set(entry.gives.values())

    wrong = tried(lambda: session.backward(copy.deepcopy(probe.upstream)), probe.expected)
    if wrong and not entry.updates:
        return "second", wrong
    if probe.later is None:
        return "", set()
    later = copy.deepcopy(probe.later)

    def next_batch() -> Gradients:
        session.forward(later.values)
        return session.backward(later.upstream)

    def two_forwards() -> Gradients:
        values = copy.deepcopy(probe.values)
        other = Session(entry, namespace, values)
        other.forward(values)
        other.forward(later.values)
        return other.backward(copy.deepcopy(later.upstream))

    for steps in (two_forwards,) if entry.updates else (next_batch, two_forwards):
        wrong = tried(steps, later.expected)
        if wrong:
            return "next", wrong
    return "", set()


def _not_a_number(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(*args: Any, **options: Any) -> Any:
        array = make(*args, **options)
        if array.dtype.kind == "f":
            array.fill(np.nan)
        return array

    return made


@contextmanager
def unfilled() -> Iterator[None]:
    """Let `np.empty` give NaN, so that what was never written is seen every time."""
    with (
        patch.object(np, "empty", _not_a_number(np.empty)),
        patch.object(np, "empty_like", _not_a_number(np.empty_like)),
    ):
        yield


def decide(entry: Entry, code: str | CodeType) -> Decision:
    """What a file's code does: "" where it is right in everything that was tried."""
    namespace: dict[str, Any] = {"__name__": entry.file}
    expected = probes(entry.name)
    seen: list[str] = []
    gradients: set[str] = set()
    try:
        with (
            limited(SECONDS),
            unfilled(),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            exec(code, namespace)
            for number, probe in enumerate(expected):
                behaviour, wrong = examine(entry, namespace, probe)
                if behaviour:
                    upstream_only = any(p.unit for p in expected) and not probe.unit and not seen
                    seen.append("upstream" if upstream_only else behaviour)
                    gradients |= wrong
                if seen and number >= len(CASES) - 1:
                    break
    except TooSlow:
        return Decision("hangs")
    return Decision(seen[0], tuple(sorted(gradients))) if seen else Decision()
