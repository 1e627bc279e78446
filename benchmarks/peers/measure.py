"""Timing in turn, and the rows of the table."""

from __future__ import annotations

import gc
import statistics
import tracemalloc
from collections.abc import Callable, Iterable
from time import perf_counter, sleep
from typing import Any

import numpy as np

Step = Callable[[], Any]
Row = dict[str, Any]

BUDGET = 25.0  # seconds for the timing of one case
PAUSE = 0.02  # seconds before each sample
FEWEST = 3  # rounds, where a single one takes long
SAMPLE = 0.03  # a sample lasts at least so many seconds: steps are repeated, as in a loop
OURS = "clearprop"  # what the names of our rows begin with


def interleaved(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Give the seconds of one call, sample by sample: A, B, C, A, B, C, …

    The garbage collector is on, as in any program; what one library left behind is collected
    before the next is timed, so that nobody pays for another's cycles: the young objects before
    every sample, all of them once a round and before a step so long that there may be old ones.
    The pause lets the threads of one BLAS stop spinning before those of another are woken.
    """
    calls = {}
    for name, step in steps.items():
        step()
        start = perf_counter()
        step()
        calls[name] = max(1, round(SAMPLE / (perf_counter() - start)))
    times: dict[str, list[float]] = {name: [] for name in steps}
    began = perf_counter()
    for done in range(rounds):
        if done >= FEWEST and perf_counter() - began > BUDGET:
            break
        gc.collect()
        for name, step in steps.items():
            gc.collect(1 if calls[name] > 1 else 2)
            sleep(PAUSE)
            if calls[name] > 1:
                step()  # caches are warm again
            start = perf_counter()
            for _ in range(calls[name]):
                step()
            times[name].append((perf_counter() - start) / calls[name])
    return times


def compared(steps: dict[str, Step], rounds: int, targets: dict[str, float]) -> list[Row]:
    """Time, and compare each peer with our faster row.

    A target is the least ratio of a peer's median to ours; it holds for all rows whose names
    begin with its name.
    """
    times = interleaved(steps, rounds)
    medians = {name: statistics.median(samples) for name, samples in times.items()}
    best = min(median for name, median in medians.items() if name.startswith(OURS))
    rows = []
    for name, samples in times.items():
        p10, p90 = np.quantile(samples, [0.1, 0.9])
        row = {"name": name, "unit": "s", "median": medians[name], "p10": p10, "p90": p90}
        row |= {"rounds": len(samples), "ratio": medians[name] / best}
        least = next((t for peer, t in targets.items() if name.startswith(peer)), None)
        if least is not None:
            row |= {"target": f"≥ {least:g} ×", "met": bool(row["ratio"] >= least)}
        rows.append(row)
    return rows


def quantity(name: str, samples: Iterable[float], unit: str, most: float | None = None) -> Row:
    """Make a row of any other number, with the most that it may be."""
    values = list(samples)
    p10, p90 = np.quantile(values, [0.1, 0.9])
    row = {"name": name, "unit": unit, "median": statistics.median(values), "p10": p10, "p90": p90}
    row["rounds"] = len(values)
    if most is not None:
        row |= {"target": f"≤ {most:g} {unit}", "met": bool(row["median"] <= most)}
    return row


def growth(name: str, medians: dict[int, float]) -> Row:
    """Make a row that says how the cost of one element grows from the least n to the largest."""
    least, *_, largest = sorted(medians)
    times = medians[largest] / largest / (medians[least] / least)
    return quantity(f"{name}: cost of one, n = {largest:,} to n = {least:,}", [times], "×", 1.5)


def peak(step: Step) -> int:
    """Give the most bytes that were allocated at once; slow, so never in a timed run."""
    gc.collect()
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def agree(found: dict[str, Any], rtol: float, atol: float = 0.0) -> None:
    """Assert that all libraries give the same numbers."""
    (first, expected), *others = found.items()
    for name, values in others:
        for ours, theirs in zip(expected, values, strict=True):
            message = f"{first} and {name} differ"
            theirs = np.asarray(theirs)  # noqa: PLW2901
            assert theirs.shape == np.shape(ours), f"{message} in shape"
            np.testing.assert_allclose(theirs, ours, rtol=rtol, atol=atol, err_msg=message)
