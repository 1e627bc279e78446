"""What the machine can do at best, measured in turn with the sides: products, and copying."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from benchmarks.suite.side import Problem, Run, Start

MACHINE = "machine"


def products(flop: float) -> Start:
    """Time the same number of operations in NumPy's product of two 1024 x 1024 matrices."""

    def start(problem: Problem) -> Run:
        n = 1024
        rng = np.random.default_rng(0)
        A, B = rng.random((2, n, n), dtype=np.float32)
        C = np.empty((n, n), np.float32)
        rows = [n] * int(flop // (2 * n**3))
        rows.append(round((flop - 2 * n**3 * len(rows)) / (2 * n * n)))

        def steps(order: np.ndarray) -> np.ndarray:
            for _ in order:
                for m in rows:
                    np.matmul(A[:m], B, out=C[:m])
            return np.zeros(len(order))

        return Run(lambda order: order, steps)

    return start


def copying(n: int) -> Start:
    """Time copying n float32: what reading an input and writing a gradient costs at least."""

    def start(problem: Problem) -> Run:
        x = np.ones(n, np.float32)
        y = np.ones(n, np.float32)
        edges = [n * k // problem.threads for k in range(problem.threads + 1)]
        parts = [slice(a, b) for a, b in pairwise(edges)]
        pool = ThreadPoolExecutor(problem.threads)

        def steps(order: np.ndarray) -> np.ndarray:
            for _ in order:
                for _ in pool.map(lambda part: np.copyto(y[part], x[part]), parts):
                    pass
            return np.zeros(len(order))

        return Run(lambda order: order, steps)

    return start
