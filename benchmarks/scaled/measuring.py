"""What the model of scaling needs, measured in one process, or in two that mpiexec has started.

python -m benchmarks.scaled.measuring FILE [--rounds N] [--whole] [--net NAME]

Everything is measured in turn, round after round, and the least of the rounds is kept: what else
the machine does only adds to it. Each round repeats a thing for a while, so that its mean is of
many, or of three where one takes long. FILE gets seconds, in JSON.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.parallel import NETS
from clearprop import optim, train
from clearprop.train.parallel.processes import Processes
from clearprop.train.parallel.step import updates_of
from clearprop.train.parallel.sums import over_processes
from clearprop.train.sources import Drawn, FromArrays
from clearprop.train.targets import Targets

# shards of a process, and samples of each
SHARDS = (1, 1), (1, 8), (1, 32), (1, 128), (1, 512), (4, 4), (4, 32), (8, 8)
FLOATS = 256, 4_000, 16_000, 64_000, 250_000, 1_000_000, 4_000_000  # of a sum
SAMPLES = 4_096
_WHILE = 0.2  # seconds
_LEAST = 2


class Updates:
    """Updates of a net, timed.

    Parameters
    ----------
    net : str
    batch : int
    processes : Processes
        Their sums are timed as well.
    """

    def __init__(self, net: str, batch: int, processes: Processes) -> None:
        build, shape, *_ = NETS[net]
        rng = np.random.default_rng(0)
        x = rng.normal(size=(SAMPLES, *shape)).astype(np.float32)
        t = rng.integers(0, 10, len(x))
        source = FromArrays(x, t, Drawn(SAMPLES, batch, np.random.default_rng(0)))
        parts = source, optim.SGD(1e-3), None, Targets()
        self.made, why = updates_of(build(), parts, processes, False)
        assert not why, why
        self.processes, self.summing = processes, 0.0
        total = processes.total

        def timed(parts: Any) -> Any:
            start = perf_counter()
            found = total(parts)
            self.summing += perf_counter() - start
            return found

        processes.total = timed  # type: ignore[method-assign]
        self()

    def __call__(self) -> tuple[float, float]:
        """Give the seconds of an update, and how many of them it sums."""
        done, self.summing, start = 0, 0.0, perf_counter()
        while done < _LEAST or self.processes.agree(perf_counter() - start < _WHILE):
            done += len(self.made.make(1 << 30))
        return (perf_counter() - start) / done, self.summing / done


def repeated(act: Callable[[], Any], together: Processes) -> tuple[float]:
    """Give the seconds of one, of as many as all processes do in a while."""
    act()
    done, start = 0, perf_counter()
    while done < _LEAST or together.agree(perf_counter() - start < _WHILE):
        count = max(1, done)
        for _ in range(count):
            act()
        done += count
    return ((perf_counter() - start) / done,)


def sums_of(count: int, processes: Processes) -> dict[str, Callable[[], Any]]:
    """Give what adds two arrays of so many floats here, and those of all processes."""
    own, other, result = (np.zeros(count, np.float32) for _ in range(3))
    found: dict[str, Callable[[], Any]] = {"adding": lambda: np.add(own, other, out=own)}
    if processes.size > 1:
        found["exact"] = lambda: over_processes(own, processes)
        found["fast"] = lambda: processes.comm.Allreduce(own, result)
    return found


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    said.add_argument("file", type=Path)
    said.add_argument("--rounds", type=int, default=7)
    said.add_argument("--whole", action="store_true", help="whole updates of all processes, too")
    said.add_argument("--net", choices=NETS, action="append")
    given = said.parse_args()
    exact, fast = train.mpi(), train.mpi(fast_sum=True)
    todo: dict[str, Callable[[], Any]] = {}
    for net in given.net or NETS:
        if exact.size == 1 or given.whole:
            for shards, samples in SHARDS:
                alone = Processes(None, shards, False)
                todo[f"computing/{net}/{shards}/{samples}"] = Updates(net, shards * samples, alone)
        if given.whole:
            for form, of in {"exact": exact, "fast": fast}.items():
                own = Processes(of.comm, of.shards, of.fast_sum)
                todo[f"whole/{net}/{form}"] = Updates(net, NETS[net][2], own)
    for count in FLOATS:
        for name, act in sums_of(count, exact).items():
            todo[f"{name}/{4 * count}"] = lambda act=act: repeated(act, exact)
    found = defaultdict(list)
    for _ in range(given.rounds):
        for key, act in todo.items():
            exact.meet()
            found[key].append(act())
    # the slower of the processes is the one that the other waits for
    of_all = exact.collect({key: np.min(each, axis=0) for key, each in found.items()})
    slowest = {key: np.max([each[key] for each in of_all], axis=0).tolist() for key in todo}
    if exact.is_first:
        given.file.write_text(json.dumps(slowest))


if __name__ == "__main__":
    main()
