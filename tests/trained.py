"""Runs for tests of what comes after training, and pictures for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from commands import run
from PIL import Image, ImageDraw


def train(out: Path, *words: object) -> Path:
    code, _, errors = run("train", "--plain", "--interpret", "--out", out, *words)
    assert code == 0, errors
    return out


def flowers(path: Path, count: int = 60) -> Path:
    """A table whose class is told by its columns: width below or above length."""
    rng = np.random.default_rng(0)
    lines = ["length,width,kind"]
    for number in range(count):
        kind = ("long", "wide")[number % 2]
        small, large = rng.uniform(1, 2), rng.uniform(4, 6)
        length, width = (large, small) if kind == "long" else (small, large)
        lines.append(f"{length:.4f},{width:.4f},{kind}")
    path.write_text("\n".join(lines) + "\n")
    return path


def houses(path: Path) -> Path:
    rng = np.random.default_rng(1)
    lines = ["price,area,rooms"]
    for area, rooms in rng.uniform(1, 5, (60, 2)):
        lines.append(f"{100 * area + 7 * rooms + 50:.4f},{area:.4f},{rooms:.4f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def picture_of(path: Path, digit: int = 1) -> Path:
    """Ink on paper: an upright stroke, or a ring."""
    picture = Image.new("RGB", (200, 200), "khaki")
    pencil = ImageDraw.Draw(picture)
    if digit == 1:
        pencil.line([(100, 30), (95, 170)], "navy", 14)
    else:
        pencil.ellipse((55, 30, 145, 170), None, "navy", 14)
    picture.save(path)
    return path
