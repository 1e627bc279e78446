"""One case with one number of threads: every side measured, compared and judged."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite.machine_rate import MACHINE
from benchmarks.suite.processes import (
    NotAvailableError,
    Place,
    Worker,
    interleaved,
    once,
    ratio,
    spread,
)
from benchmarks.suite.side import OURS, Side, load

RTOL = {"losses": 1e-3, "probe": 1e-4}  # float32, ten steps, other orders of summation
ATOL = {"losses": 1e-5, "probe": 1e-5}

Result = dict[str, Any]


def chosen(name: str, peers: set[str] | None) -> tuple[Any, list[Side]]:
    """Give a case and the sides that are asked for; clearprop and the machine always are."""
    case, sides = load(name)
    always = {OURS, MACHINE}
    return case, [s for s in sides if peers is None or s.peer in always or s.peer.lower() in peers]


def prepared(folder: Path) -> dict[str, str]:
    """Write the data where the workers find them: the MNIST of clearprop, or noise of its shape."""
    try:
        from clearprop.data import mnist

        x, t = mnist(dtype="float32", shape="flat").train
        source = "MNIST"
    except Exception as error:
        rng = np.random.default_rng(0)
        x, t = rng.random((60_000, 784), dtype=np.float32), rng.integers(0, 10, 60_000)
        source = f"noise of the shape of MNIST ({error})"
    np.save(folder / "x.npy", x)
    np.save(folder / "t.npy", t)
    return {"data": source}


def measure(
    name: str,
    threads: int,
    data: Path,
    *,
    peers: set[str] | None,
    rounds: int,
    budget: float,
    cold: bool,
) -> Result:
    """Time the sides of a case in turn, after each has had its cold and its cached process."""
    case, sides = chosen(name, peers)
    found: Result = {"case": name, "title": case.TITLE, "threads": threads, "rows": []}
    missing: dict[str, str] = {}
    workers: list[Worker] = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as cache:
        place = Place(data, Path(cache))
        try:
            for side in sides:
                row: Result = {"side": side.name, "peer": side.peer}
                found["rows"].append(row)
                try:
                    if cold and side.peer != MACHINE:
                        row["cold"] = once(name, side, threads, place)
                        row["cached"] = once(name, side, threads, place)
                    worker = Worker(name, side, threads, place)
                    row["timed"] = worker.ready()
                    workers.append(worker)
                except NotAvailableError as error:
                    row["not available"] = missing[side.name] = str(error)
            times = interleaved(workers, rounds, budget)
        finally:
            for worker in workers:
                worker.close()
    ours = times.get(OURS)
    for row in found["rows"]:
        if (samples := times.get(row["side"])) is not None:
            row |= {"samples": samples, "step": spread(samples)}
            if ours is not None and row["side"] != OURS:
                row["ratio"] = ratio(samples, ours)
    found["goals"] = goals(case, found["rows"])
    return found


def goals(case: Any, rows: list[Result]) -> list[Result]:
    """Compare clearprop with the best form of each peer: what was the least asked, what the aim."""
    found = []
    for peer, floor in case.FLOOR.items():
        goal: Result = {"against": peer, "floor": floor, "aim": case.AIM.get(peer)}
        timed = [row for row in rows if row["peer"] == peer and "step" in row]
        if timed:
            best = min(timed, key=lambda row: row["step"]["median"])
            goal["best form"] = best["side"]
            if "ratio" in best:
                goal |= {"ratio": best["ratio"], "met": best["ratio"]["median"] >= floor}
        found.append(goal)
    rate = getattr(case, "BEST_RATE", None)
    if rate is not None:
        goal = {"against": "machine, share of its rate", "floor": None, "aim": rate}
        row = next((row for row in rows if row["peer"] == MACHINE and "ratio" in row), None)
        if row is not None:
            goal["ratio"] = row["ratio"]
        found.append(goal)
    return found


def verify(name: str, data: Path, peers: set[str] | None) -> Result:
    """Let every side make the same ten steps, and compare the losses with the first one's."""
    case, sides = chosen(name, peers)
    found: Result = {"case": name, "title": case.TITLE, "rows": []}
    expected: Result | None = None
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as cache:
        for side in sides:
            if side.peer == MACHINE:
                continue
            row: Result = {"side": side.name}
            found["rows"].append(row)
            try:
                facts = once(name, side, 1, Place(data, Path(cache)), "--verify")
            except NotAvailableError as error:
                row["not available"] = str(error)
                continue
            row |= {"losses": facts["losses"], "probe": facts["probe"]}
            if expected is None:
                expected, found["compared with"] = row, side.name
            row["error"] = max(_error(row, expected, key) for key in ("losses", "probe"))
            row["agrees"] = row["error"] <= 1
    return found


def _error(row: Result, expected: Result, key: str) -> float:
    """Give the largest difference, in units of what is allowed."""
    ours, theirs = np.array(row[key]), np.array(expected[key])
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return math.inf
    allowed = ATOL[key] + RTOL[key] * np.abs(theirs)
    return float(np.max(np.abs(ours - theirs) / allowed, initial=0.0))
