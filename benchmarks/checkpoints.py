"""What a checkpoint every 100 updates costs a training run, within one run.

python benchmarks/checkpoints.py [--pairs N] [--block N] [--folder FOLDER] [--threads N]

The small convolutional network with Adam in float32, which has 430,000 parameters and two moments
of each: 5 MB a checkpoint, hashed and waited for until it is on the disk. Blocks of 100 updates
take turns: before the first update of every other one a checkpoint is begun, which is copied then
and written while the updates go on. Each block with one is compared with the two beside it, which
have none, so that nothing that changes slowly counts; the interval is that of the median, from
samples drawn again from the differences.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

import numpy as np

import clearprop as cp
from clearprop import data, nn, optim, train

WARM = 2  # pairs that are not counted: machine code is made, memory is asked for
DRAWN = 10_000


class Stopwatch:
    """A watcher that reads the clocks at the end of each block, before a checkpoint is begun."""

    def __init__(self, block: int) -> None:
        self.block = block
        self.read: list[tuple[float, float]] = []

    def __call__(self, metrics: Any) -> None:
        """Read them, where a block ends."""
        if metrics.iterations == self.block * len(self.read):
            self.read.append((perf_counter(), process_time()))

    def next_look(self, done: int) -> int:
        """Say after which update to look next."""
        return (done // self.block + 1) * self.block


class Timed(train.Checkpoints):
    """Checkpoints that note how long the training waits for each, and what the rest takes."""

    def __init__(self, folder: Path, every: int) -> None:
        super().__init__(folder, every=every)
        self.waited: list[float] = []
        self.rest: list[tuple[float, float]] = []  # by the clock, and of a processor

    def write(self, *given: Any) -> None:
        """Write one."""
        began = perf_counter()
        super().write(*given)
        self.waited.append(perf_counter() - began)

    def _store(self, *given: Any) -> None:
        clock, processor = perf_counter(), thread_time()
        super()._store(*given)
        self.rest.append((perf_counter() - clock, thread_time() - processor))


def blocks(digits: Any, pairs: int, block: int, folder: Path) -> tuple[Any, Timed]:
    """Train, and give seconds and seconds of processors of each block, those with one first."""
    net, watch = nn.SimpleConvNet(seed=0, dtype="float32"), Stopwatch(block)
    checkpoints = Timed(folder, every=2 * block)
    train.fit(
        net,
        (digits.train, None),
        optimizer=optim.Adam(0.001),
        batch=100,
        iterations=2 * block * (WARM + pairs + 1),
        prepare=digits.prepare,
        watch=watch,
        train_accuracy=False,
        checkpoints=checkpoints,
    )
    found = np.diff(np.array(watch.read), axis=0)
    return found[2 * WARM :], checkpoints


def said(name: str, times: Any, rng: np.random.Generator) -> str:
    """Compare each block that has a checkpoint with those beside it."""
    # times[0], times[2], …: the checkpoint is begun at their start; the first and the last are
    # without a neighbour on one side
    alone = (times[1:-2:2] + times[3::2]) / 2
    shares = (times[2:-1:2] - alone) / alone
    drawn = np.median(rng.choice(shares, (DRAWN, len(shares))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return (
        f"{name}: median {np.median(shares):+.2%}, 95 % [{low:+.2%}, {high:+.2%}] of "
        f"{np.median(alone):.3f} s a block, {len(shares)} pairs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--block", type=int, default=100)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="of which disk; by default the temporary one")
    given = parser.parse_args()
    cp.set_threads(given.threads)
    digits, rng = data.load("mnist"), np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        times, checkpoints = blocks(digits, given.pairs, given.block, Path(folder, "checkpoints"))
    print(f"a checkpoint every {given.block} updates, {given.threads} threads")
    print(said("by the clock", times[:, 0], rng))
    print(said("of processors", times[:, 1], rng))
    waited = 1e3 * np.median(checkpoints.waited[WARM:])
    clock, processor = 1e3 * np.median(checkpoints.rest[WARM:], axis=0)
    print(
        f"one takes {waited:.2f} ms of the thread that trains; and of another {processor:.2f} ms "
        f"of a processor, {clock:.1f} ms until it is on the disk"
    )


if __name__ == "__main__":
    main()
