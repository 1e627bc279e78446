"""An array filled element by element from a recorded vector: is it linear?"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Any

import mygrad as mg
import numpy as np
from peers.measure import Row, agree, growth, interleaved, quantity

import clearprop as cp

TITLE = "B[i] = np.sin(x[i]), element by element: forward and backward (autograd refuses)"
SIZES = (5_000, 20_000, 80_000)
FEW = 2_000
PATIENCE = 60.0  # seconds that one call may take


def filled(x: Any) -> Any:
    B = np.zeros_like(x)
    for i in range(len(x)):
        B[i] = np.sin(x[i])
    return np.sum(B * B)


def of_clearprop(n: int) -> Any:
    return cp.value_and_grad(filled)(np.linspace(0, 1, n))


def of_mygrad(n: int) -> Any:
    x = mg.tensor(np.linspace(0, 1, n))
    B = mg.zeros_like(x)
    for i in range(n):
        B[i] = mg.sin(x[i])
    y = mg.sum(B * B)
    y.backward()
    return y.item(), x.grad


def expected(n: int) -> Any:
    s = np.sin(np.linspace(0, 1, n))
    return np.sum(s * s), 2 * s * np.cos(np.linspace(0, 1, n))


def measure(rounds: int) -> list[Row]:
    agree({"by hand": expected(FEW), "clearprop": of_clearprop(FEW)}, rtol=1e-12)
    rows, medians = [], {}
    cost = FEW, _seconds(partial(of_clearprop, FEW))
    for n in SIZES:
        if cost[1] * (n / cost[0]) ** 2 > PATIENCE:  # if it were quadratic
            rows.append({"name": f"clearprop, n = {n:,}: not run, it might take over a minute"})
            continue
        samples = interleaved({"": partial(of_clearprop, n)}, min(rounds, 10))[""]
        rows.append(quantity(f"clearprop, n = {n:,}", samples, "s"))
        medians[n] = rows[-1]["median"]
        cost = n, medians[n]
    if len(medians) > 1:
        rows.append(growth("clearprop", medians))
    rows.append(_mygrad_row(rounds))
    return rows


def _mygrad_row(rounds: int) -> Row:
    """Time MyGrad at a small n, beside clearprop at the same."""
    try:
        agree({"by hand": expected(FEW), "MyGrad": of_mygrad(FEW)}, rtol=1e-12)
    except Exception as error:  # whatever it says is the result
        return {"name": f"MyGrad, n = {FEW:,}: {type(error).__name__}: {error}"[:90]}
    steps = {"us": partial(of_clearprop, FEW), "MyGrad": partial(of_mygrad, FEW)}
    times = interleaved(steps, min(rounds, 10))
    row = quantity(f"MyGrad, n = {FEW:,}", times["MyGrad"], "s")
    row["ratio"] = float(np.median(times["MyGrad"]) / np.median(times["us"]))
    return row


def _seconds(step: Any) -> float:
    start = perf_counter()
    step()
    return perf_counter() - start
