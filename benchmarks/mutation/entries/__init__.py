"""The layers of the corpus: how to run each, and its forward pass in PyTorch."""

from __future__ import annotations

from collections import Counter

from benchmarks.mutation.entries import (
    activations,
    attributes,
    functions,
    images,
    linear,
    lookalikes,
    losses,
    norms,
    pairs,
    plumbing,
    sequences,
)

ENTRIES = (
    *activations.ENTRIES,
    *linear.ENTRIES,
    *norms.ENTRIES,
    *images.ENTRIES,
    *losses.ENTRIES,
    *sequences.ENTRIES,
    *attributes.ENTRIES,
    *pairs.ENTRIES,
    *plumbing.ENTRIES,
    *functions.ENTRIES,
    *lookalikes.ENTRIES,
)
BY_NAME = {e.name: e for e in ENTRIES}
if len(BY_NAME) < len(ENTRIES):
    twice = [name for name, n in Counter(e.name for e in ENTRIES).items() if n > 1]
    raise ValueError(f"two entries have the same name: {twice}")
