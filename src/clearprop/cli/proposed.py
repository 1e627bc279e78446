"""Arguments that a function accepts, proposed from its names and code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.check.handwritten.attempts import Attempts
from clearprop.check.handwritten.driving import Driver, Run, arguments_of, call, outputs_of
from clearprop.check.handwritten.model import Candidate, Place
from clearprop.check.handwritten.proposing import numbers_for, proposals
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.specs import Dims, Proposal, Spec, value
from clearprop.check.handwritten.texts import Texts, read_texts

_SECONDS = 2.0  # of processor time


def proposed_arguments(
    function: Callable[..., Any], given: dict[str, Any], seed: int = 0
) -> dict[str, Any] | None:
    """Find values for all parameters that have no default; None where nothing is accepted.

    Examples
    --------
    >>> def affine(x, W, b):
    ...     return x @ W + b
    >>> found = proposed_arguments(affine, {})
    >>> {name: array.shape for name, array in found.items()}
    {'x': (4, 3), 'W': (3, 5), 'b': (5,)}
    """
    driver = _Forward(function)
    texts = read_texts(driver, [function])
    specs: dict[str, Spec] = {}
    for name, thing in given.items():
        if isinstance(thing, dict) and name in texts.keys:  # the other entries are proposed
            specs |= {f"{name}[{key!r}]": value(inner) for key, inner in thing.items()}
        else:
            specs[name] = value(thing)
    attempt = Attempts(driver, seed)
    free = _first(driver, texts, {}, attempt)
    if free is not None and specs:  # x of 8 rows: then t has 8 labels
        like = free.resized(numbers_for(free.dims | _sizes(free, specs))).with_specs(specs)
        free = like if attempt(like) is None else _first(driver, texts, specs, attempt)
    return None if free is None else free.draw(seed)


def _first(
    driver: Driver, texts: Texts, specs: dict[str, Spec], attempt: Attempts
) -> Proposal | None:
    return next(proposals(driver, texts, specs, attempt, lambda _: True, _SECONDS), None)


def _sizes(free: Proposal, given: dict[str, Spec]) -> Dims:
    """Read off what was given which numbers the letters of a proposal stand for."""
    sizes: Dims = {}
    for name, spec in given.items():
        letters = free.specs[name].shape if name in free.specs else ()
        shape = np.shape(spec.value) if isinstance(spec.value, np.ndarray) else ()
        if len(shape) == len(letters):
            found = zip(letters, shape, strict=True)
            sizes = {letter: n for letter, n in found if isinstance(letter, str)} | sizes
    return sizes


class _Forward(Driver):
    """A function alone, without a backward."""

    def __init__(self, function: Callable[..., Any]) -> None:
        code = getattr(function, "__code__", None)
        file = getattr(code, "co_filename", "")
        name = getattr(function, "__name__", "f")
        place = Place(file, getattr(code, "co_firstlineno", 0))
        super().__init__(Candidate(name, "derivative", place, function, function), Source())
        self.inputs = arguments_of(function, 0)

    def forward(self, run: Run) -> tuple[Any, ...]:
        given = {p.name: run.given[p.name] for p in self.inputs if p.name in run.given}
        run.outputs = outputs_of(call(self.candidate.forward, self.inputs, given))
        return run.outputs
