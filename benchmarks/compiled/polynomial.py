from __future__ import annotations

import numpy as np

from benchmarks.compiled import loop
from benchmarks.suite import elements
from benchmarks.suite.side import Problem, Run


def start(problem: Problem) -> Run:
    return loop.function(
        problem, elements.argument(), lambda x: np.sum(((0.5 * x - 1.5) * x + 2.0) * x)
    )
