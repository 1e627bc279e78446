"""Commands without what nobody looks at, and 40 and 20 images, to train on in a moment."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer


@pytest.fixture(autouse=True, scope="session")
def _commands_are_made_once() -> Iterator[None]:
    """Let Typer's runner make its command of the functions once: it would for every request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the charts of a run empty: they take most of the time of a short one.

    For tests that look at how long a run is, or at its columns. How charts are drawn is tested in
    `test_curves.py` and `test_report.py`, and that every command of `test_train.py` writes them.
    """
    monkeypatch.setattr("clearprop.train.saving.draw_curves", lambda *_: b"\x89PNG\r\n\x1a\n")
    monkeypatch.setattr("clearprop.train.report.charts._chart", lambda *_: "<svg></svg>")


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
