"""Random programs of two numbers, for the properties that any picture must have."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

_OPERATIONS = {
    "+": lambda a, b: a + b,
    "×": lambda a, b: np.sin(a) * b,
    "sin": lambda a, b: np.sin(a),
    "constant": lambda a, b: 0.5 * a,
    "max": lambda a, b: np.maximum(a, b) + 1,
}


def programs(longest=25):
    """Draw lists of steps: an operation, and how far back its operands are."""
    steps = st.tuples(st.sampled_from(sorted(_OPERATIONS)), st.integers(0, 9), st.integers(0, 9))
    return st.lists(steps, min_size=1, max_size=longest)


def run(program, *values):
    """Run a program; its result is the last value."""
    values = list(values)
    for operation, a, b in program:
        values.append(
            _OPERATIONS[operation](values[-1 - a % len(values)], values[-1 - b % len(values)])
        )
    return values[-1]
