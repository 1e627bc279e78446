"""One run like another: random draws of the user's code are the same each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def frozen(seed: int = 0) -> Iterator[None]:
    """Seed every source of random numbers that has no seed of its own; put all back in the end.

    ``np.random.rand`` and the like, ``random``, and generators made by ``np.random.default_rng()``
    meanwhile. A dropout layer draws the same mask in each run, and so has a derivative.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    make = np.random.default_rng

    def seeded(given: Any = None) -> Any:
        return make(seed if given is None else given)

    np.random.seed(seed)
    random.seed(seed)
    np.random.default_rng = seeded
    try:
        yield
    finally:
        np.random.default_rng = make
        np.random.set_state(numpy_state)
        random.setstate(python_state)
