"""One run like another: random draws of the user's code are the same each time."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_MAKE = np.random.default_rng


#: Generators that were made while files were loaded, and how they stood then.
_KEPT: list[tuple[np.random.Generator, Any]] = []
#: No literal is so large: such a seed is the time of day.
_CLOCK = 10**9


@contextmanager
def kept() -> Iterator[None]:
    """Remember the generators that modules of the user make, so that `reseed` sets them back."""

    @functools.wraps(_MAKE)
    def remembered(given: Any = None) -> Any:
        made = _MAKE(given)
        _KEPT.append((made, made.bit_generator.state))
        return made

    _KEPT.clear()
    before = np.random.default_rng
    np.random.default_rng = remembered  # type: ignore[assignment]
    try:
        yield
    finally:
        np.random.default_rng = before


def reseed(seed: int) -> None:
    """Set the seeds that all draws without a generator of their own depend on."""
    for generator, state in _KEPT:
        generator.bit_generator.state = state
    np.random.seed(seed)  # noqa: NPY002 -- users' code draws by it
    random.seed(seed)


@contextmanager
def frozen(seed: int = 0) -> Iterator[None]:
    """Seed every source of random numbers that has no seed of its own; put all back in the end.

    ``np.random.rand`` and the like, ``random``, and generators made by ``np.random.default_rng()``
    meanwhile. A dropout layer draws the same mask in each run, and so has a derivative. Within
    another ``frozen`` only the seeds are set: saving the states costs more than a small layer.
    """
    if np.random.default_rng is not _MAKE:
        reseed(seed)
        yield
        return
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002

    def seeded(given: Any = None) -> Any:
        clock = given is None or (isinstance(given, int) and given >= _CLOCK)
        return _MAKE(seed if clock else given)

    reseed(seed)
    np.random.default_rng = seeded  # type: ignore[assignment]
    try:
        yield
    finally:
        np.random.default_rng = _MAKE
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
