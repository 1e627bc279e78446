"""What recording one scalar operation costs beyond NumPy's own call, and what the record keeps."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from peers.measure import Row, agree, interleaved, quantity

import clearprop as cp

TITLE = "Overhead of one recorded scalar operation beyond NumPy's own call"
N = 10_000


def times_constant(x: Any) -> Any:
    y = x
    for _ in range(N):
        y = y * 1.0001
    return y


def times_recorded(x: Any) -> Any:
    y = x
    for _ in range(N):
        y = y * x
    return y


def sine(x: Any) -> Any:
    y = x
    for _ in range(N):
        y = np.sin(y)
    return y


def bytes_kept(f: Callable[[Any], Any], x: Any) -> float:
    """Give the bytes that live as long as the result does, per operation."""
    gc.collect()
    tracemalloc.start()
    y = f(x)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del y
    return kept / N


def measure(rounds: int) -> list[Row]:
    rows = []
    number, recorded = np.float64(1.0), cp.tensor(1.0)
    for name, f in (("y * 1.0001", times_constant), ("y * x", times_recorded), ("np.sin", sine)):
        agree({"NumPy": [f(number)], "clearprop": [f(recorded).value]}, rtol=1e-14)
        both = cp.value_and_grad(f)
        steps = {
            "plain": lambda f=f: f(number),
            "forward": lambda f=f: f(recorded),
            "both": lambda both=both: both(number),
        }
        times = {k: np.array(v) / N * 1e6 for k, v in interleaved(steps, rounds).items()}
        beyond = times["forward"] - times["plain"]
        rows += [
            quantity(f"clearprop, {name}: recording", beyond, "µs", 1.5),
            quantity(f"clearprop, {name}: kept", [bytes_kept(f, recorded)], "bytes", 400),
            quantity(f"clearprop, {name}: backward", times["both"] - times["forward"], "µs"),
            quantity(f"NumPy alone, {name}", times["plain"], "µs"),
        ]
    return rows
