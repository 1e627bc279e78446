"""A data set of 40 and 20 images, small enough to train on in a moment."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest


def as_idx(array: np.ndarray) -> bytes:
    start = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return start + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of IDX files: noise, and two bright columns that tell the class."""
    folder = tmp_path_factory.mktemp("digits")
    rng = np.random.default_rng(0)
    for name, count in (("train", 40), ("t10k", 20)):
        t = np.arange(count) % 10
        x = rng.integers(0, 60, (count, 28, 28))
        for column in (0, 1):
            x[np.arange(count), :, 2 * t + column] += 150
        (folder / f"{name}-images-idx3-ubyte").write_bytes(as_idx(x))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(as_idx(t))
    return folder
