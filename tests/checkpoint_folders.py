"""Folders of checkpoints that tests write, and what they look for in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clearprop.train import Checkpoints


def made(folder: Path, *steps: int, keep: int = 3, **more: Any) -> None:
    with Checkpoints(folder, keep=keep, **more) as checkpoints:
        for step in steps:
            checkpoints.write(step, {"W": np.full(50, float(step))}, {"epoch": step})


def names(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.glob("step-*"))


def step_of(folder: Path) -> int:
    """Give the newest step, and check that its arrays are its own."""
    checkpoint = Checkpoints(folder).latest().required()
    np.testing.assert_array_equal(checkpoint.arrays["W"], np.full(50, float(checkpoint.step)))
    assert checkpoint.facts == {"epoch": checkpoint.step}
    return checkpoint.step
