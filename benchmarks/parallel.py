"""Training on two processes of one thread, and on one process of two: time of an update, in turn.

python benchmarks/parallel.py [--net NAME] [--rounds N]

Each round starts, one after the other: one process with whole batches, one with batches cut into 8
shards, two processes with shards, and two with --fast-sum. Beside the time of an update stands how
much of it the processes exchange, waiting for each other included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from clearprop import nn, optim, train


def _wide() -> nn.Sequential:
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for _ in range(4):
        layers += [nn.Affine.initial(1024, 1024, seed=rng, dtype="float32"), nn.ReLU()]
    last = nn.Affine.initial(1024, 10, seed=rng, dtype="float32")
    return nn.Sequential(*layers, last, loss=nn.SoftmaxWithLoss())


NETS = {
    # name: network, shape of a sample, batch, updates
    "two-layer": (lambda: nn.TwoLayerNet(784, 50, 10, dtype="float32"), (784,), 128, 3_000),
    "small conv": (lambda: nn.SimpleConvNet(seed=0), (1, 28, 28), 128, 150),
    "wide": (_wide, (1024,), 128, 60),
}
FORMS = {
    "1 process × 2 threads": (1, 2, {}),
    "1 × 2, 8 shards": (1, 2, {"shards": 8}),
    "2 processes × 1 thread": (2, 1, {"shards": 8}),
    "2 × 1, fast sum": (2, 1, {"fast_sum": True}),
}


class Timed:
    """A watcher that notes when the first updates are made."""

    def __init__(self, first: int) -> None:
        self.first, self.began, self.done = first, 0.0, 0

    def __call__(self, metrics: Any) -> None:
        """Note it."""
        if not self.began and metrics.iterations >= self.first:
            self.began, self.done = perf_counter(), metrics.iterations

    def next_look(self, done: int) -> int:
        """Say after which update to look next."""
        return self.first if done < self.first else sys.maxsize

    def share(self, collect: Any) -> None:
        """Be called on all processes."""


def one_run(net: str, options: dict[str, Any]) -> None:
    """Train, as one of the processes; the first prints the seconds of an update, and of summing."""
    build, shape, batch, updates = NETS[net]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4_096, *shape)).astype(np.float32)
    t = rng.integers(0, 10, len(x))
    spent = 0.0
    processes = train.mpi(**options) if options else None
    watch = Timed(max(10, updates // 10))
    if processes is not None:
        total = processes.total

        def timed(parts: Any) -> Any:
            nonlocal spent
            start = perf_counter()
            found = total(parts)
            if watch.began:
                spent += perf_counter() - start
            return found

        processes.total = timed  # type: ignore[method-assign]
    train.fit(
        build(),
        ((x, t), None),
        optimizer=optim.SGD(0.01),
        batch=batch,
        iterations=updates,
        watch=watch,
        train_accuracy=False,
        parallel=processes,
    )
    made = updates - watch.done
    if processes is None or processes.is_first:
        print(json.dumps([(perf_counter() - watch.began) / made, spent / made]))


def started(net: str, form: str) -> tuple[float, float]:
    """Run a form in processes of its own; give the seconds of an update, and of summing."""
    count, threads, options = FORMS[form]
    mpiexec = Path(sysconfig.get_path("scripts")) / "mpiexec"
    words = [sys.executable, __file__, "--net", net, "--run", json.dumps(options)]
    command = words if not options else [str(mpiexec), "-n", str(count), *words]
    environment = {**os.environ, "CLEARPROP_THREADS": str(threads), "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    step, summing = json.loads(found.stdout.splitlines()[-1])
    return step, summing


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    said.add_argument("--net", choices=NETS)
    said.add_argument("--rounds", type=int, default=5)
    said.add_argument("--run", help=argparse.SUPPRESS)
    given = said.parse_args()
    if given.run is not None:
        one_run(given.net, json.loads(given.run))
        return
    for net in NETS if given.net is None else [given.net]:
        rounds = [{form: started(net, form) for form in FORMS} for _ in range(given.rounds)]
        print(f"{net}, batches of {NETS[net][2]}", flush=True)
        for form in FORMS:
            steps = [found[form][0] for found in rounds]
            ratios = [found[form][0] / found["1 process × 2 threads"][0] for found in rounds]
            summing = statistics.median(found[form][1] / found[form][0] for found in rounds)
            print(
                f"  {form:24} {statistics.median(steps) * 1e6:10,.0f} µs "
                f"[{min(steps) * 1e6:,.0f}, {max(steps) * 1e6:,.0f}]"
                f"  {statistics.median(ratios):5.2f} × the first"
                f"  {summing:6.1%} summing",
                flush=True,
            )


if __name__ == "__main__":
    main()
