"""Workers: started, asked in turn, and ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np

from benchmarks.suite.side import Side
from benchmarks.suite.threads import environment

PAUSE = 0.4  # seconds before each sample: so long do threads of OpenBLAS spin, others less
START_LIMIT = 300.0  # seconds for the import, the first call and a first chunk
FEWEST = 3  # rounds, where a case takes longer than its budget


class NotAvailableError(Exception):
    """A side does not run here; the text says why."""


@dataclass
class Place:
    """Where the workers of a run find the data, and keep what they compile."""

    data: Path
    cache: Path


class Worker:
    """One side of one case, in a process of its own."""

    def __init__(self, case: str, side: Side, threads: int, place: Place, *flags: str) -> None:
        self.side = side
        self._began = monotonic()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in close()
        command = [sys.executable, "-m", "benchmarks.suite.worker"]
        self._process = subprocess.Popen(
            [*command, case, side.name, str(threads), str(place.data), *flags],
            env=environment(threads, place.cache),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ready(self) -> dict[str, Any]:
        """Wait until the side has made its first steps; give what it says of them."""
        limit = threading.Timer(START_LIMIT, self._process.kill)
        limit.start()
        try:
            return dict(self._answer())
        finally:
            limit.cancel()

    def sample(self) -> float:
        """Give the seconds of one step, over a chunk of them."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> float:
        """End the process; give the seconds that it has lived."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()
        return monotonic() - self._began

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._process.wait()
        self._errors.seek(0)
        said = [text for text in self._errors.read().splitlines() if text.strip()]
        if self._process.returncode == -signal.SIGKILL:
            said = [f"ended after {monotonic() - self._began:.0f} s"]
        self.close()
        raise NotAvailableError(said[-1].strip() if said else f"exit {self._process.returncode}")


def once(case: str, side: Side, threads: int, place: Place, *flags: str) -> dict[str, Any]:
    """Run a whole process: import, data, first call, one chunk of steps."""
    worker = Worker(case, side, threads, place, *flags)
    facts = worker.ready()
    return facts | {"whole process": worker.close()}


def interleaved(workers: list[Worker], rounds: int, budget: float) -> dict[str, list[float]]:
    """Give the seconds of one step, sample by sample: A, B, C, A, B, C, …"""
    times: dict[str, list[float]] = {worker.side.name: [] for worker in workers}
    for worker in workers:
        worker.sample()  # warm
    began = monotonic()
    for done in range(rounds):
        if done >= FEWEST and monotonic() - began > budget:
            break
        for worker in workers:
            sleep(PAUSE)
            times[worker.side.name].append(worker.sample())
    return times


def spread(samples: list[float]) -> dict[str, float]:
    """Give the median, and what 10 % and 90 % of the samples are below."""
    p10, median, p90 = np.quantile(samples, [0.1, 0.5, 0.9])
    return {"median": float(median), "p10": float(p10), "p90": float(p90), "rounds": len(samples)}


def ratio(theirs: list[float], ours: list[float]) -> dict[str, float]:
    """Give the spread of their time over ours, round by round."""
    return spread([a / b for a, b in zip(theirs, ours, strict=True)])
