"""What a checkpoint every 100 updates costs a training run: with and without, in turn.

python benchmarks/checkpoints.py [--rounds N] [--updates N] [--folder FOLDER]

The small convolutional network with Adam, which has 430,000 parameters and two moments of each:
5 MB a checkpoint, hashed and waited for until it is on the disk.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np

from clearprop import data, nn, optim, train


class AfterTheFirst:
    """A watcher that notes when the first update is made, and lets the others run on."""

    began = 0.0

    def __call__(self, metrics: Any) -> None:
        """Note it."""
        self.began = self.began or perf_counter()

    def next_look(self, done: int) -> int:
        """Say after which update to look next."""
        return 1 if done < 1 else sys.maxsize


def seconds(digits: Any, updates: int, folder: Path | None) -> float:
    """Train, and give how long the updates after the first took, until all is on the disk."""
    net = nn.SimpleConvNet(seed=0, dtype="float32")
    watch = AfterTheFirst()
    with ExitStack() as stack:
        kept = {}
        if folder is not None:
            checkpoints = stack.enter_context(train.Checkpoints(folder, every=100))
            kept = {"checkpoints": checkpoints}
        train.fit(
            net,
            (digits.train, None),
            optimizer=optim.Adam(0.001),
            batch=100,
            iterations=updates,
            prepare=digits.prepare,
            watch=watch,
            train_accuracy=False,
            **kept,
        )
    return perf_counter() - watch.began


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    said.add_argument("--rounds", type=int, default=7)
    said.add_argument("--updates", type=int, default=600)
    said.add_argument("--folder", type=Path, help="of which disk; by default the temporary one")
    given = said.parse_args()
    digits = data.load("mnist")
    seconds(digits, 10, None)  # makes the machine code
    ratios = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            sleep(0.4)
            without = seconds(digits, given.updates, None)
            sleep(0.4)
            with_them = seconds(digits, given.updates, Path(folder) / "checkpoints")
        ratios.append(with_them / without)
        print(f"{without:.3f} s without, {with_them:.3f} s with: {ratios[-1] - 1:+.1%}", flush=True)
    low, high = np.quantile(ratios, [0.1, 0.9]) - 1
    print(f"median {statistics.median(ratios) - 1:+.1%} [{low:+.1%}, {high:+.1%}]")


if __name__ == "__main__":
    main()
