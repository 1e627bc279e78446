"""Prove that every layer of the corpus is right: `python -m benchmarks.mutation.originals`."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.mutation.entries import ENTRIES
from benchmarks.mutation.entry import Entry
from benchmarks.mutation.oracle import Session, decide, probes


def forward_differs(entry: Entry) -> bool:
    """Whether the forward pass gives other numbers than PyTorch's."""
    namespace: dict[str, object] = {}
    exec(entry.source, namespace)
    if entry.style == "loss and gradient":
        return False
    for probe in probes(entry.name):
        found = Session(entry, namespace, probe.values).forward(probe.values)
        for f, e in zip(found, probe.outputs, strict=True):
            loss_of_each = e.shape == () and np.ndim(f) == 1
            got = np.mean(f) if loss_of_each else np.asarray(f)
            if got.shape != e.shape or np.abs(got - e).max() > entry.tolerance * np.abs(e).max():
                return True
    return False


def main() -> int:
    wrong = 0
    for entry in ENTRIES:
        decision = decide(entry, entry.source)
        if decision.behaviour or forward_differs(entry):
            wrong += 1
            print(f"{entry.file}.py  {entry.name}: {decision or 'forward differs'}")
    print(f"{len(ENTRIES)} layers, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
