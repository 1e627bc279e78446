"""One run like another: random draws of the user's code are the same each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_MAKE = np.random.default_rng


def reseed(seed: int) -> None:
    """Set the seeds that all draws without a generator of their own depend on."""
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
        return _MAKE(seed if given is None else given)

    reseed(seed)
    np.random.default_rng = seeded  # type: ignore[assignment]
    try:
        yield
    finally:
        np.random.default_rng = _MAKE
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
