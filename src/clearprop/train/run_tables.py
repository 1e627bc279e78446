"""The files of a run, each read whole and looked at; one that is damaged is said, and why."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import RunError
from clearprop.extras import require


def damaged(path: Path, problem: str) -> RunError:
    """Make the error for a file of a run that is not as clearprop leaves it."""
    config = path.with_name("config.json")
    again = f"clearprop train --config {config} makes the run again"
    return RunError(
        f"{path.name} is damaged: {problem}.",
        where=repr(str(path)),
        why="clearprop writes its files in whole; this one was changed, or its disk was.",
        write="a copy of it as clearprop train left it" if path == config else again,
    )


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises
    ------
    RunError
        It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(
            f"{path.name} cannot be read: {error.strerror}.",
            where=repr(str(path)),
            why="it is a file of the run.",
            write="a run that you may read",
        ) from error


def check_sha256(path: Path, kept: Any) -> None:
    """Compare a file with its SHA-256.

    Raises
    ------
    RunError
        It cannot be read, or has another one.
    """
    if sha256(read_bytes(path)).hexdigest() != kept:
        raise damaged(path, "its SHA-256 is not the one that result.json has of it")


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    RunError
        It cannot be read, or is none; ``what`` says what should be there.
    """
    content = read_bytes(path)
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"it is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise damaged(path, f"it does not say {what}")
    return value


def read_losses(path: Path) -> npt.NDArray[np.float64]:
    """Read ``loss.csv``: the losses of iterations 1, 2, 3, …

    Raises
    ------
    RunError
        It cannot be read, or is not of this form.
    """
    lines = _lines(path)
    if lines[0] != "iteration,loss":
        raise damaged(path, f"its first line is {lines[0][:40]!r}, and not 'iteration,loss'")
    if len(lines) == 1:
        return np.empty(0)
    if not all(map(str.strip, lines)):
        raise damaged(path, "it has an empty line")
    try:
        numbers = np.loadtxt(lines[1:], delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        raise damaged(path, f"{error}".rstrip(".")) from error
    counted = np.arange(1, len(lines))
    if numbers.shape != (len(counted), 2) or (numbers[:, 0] != counted).any():
        raise damaged(path, "its iterations are not 1, 2, 3, …")
    return np.ascontiguousarray(numbers[:, 1])


def read_table(path: Path, numbers: Collection[str]) -> dict[str, list[Any]]:
    """Read ``accuracy.csv`` column by column; an empty cell is NaN.

    Parameters
    ----------
    path : path
    numbers : collection of str
        The columns that hold nothing else; another one may hold text.

    Raises
    ------
    RunError
        It cannot be read, or is not of this form.
    """
    lines = _lines(path)
    try:
        names, *rows = csv.reader(lines, strict=True)
    except csv.Error as error:
        raise damaged(path, f"{error}") from error
    if "iteration" not in names or len(set(names)) < len(names):
        raise damaged(path, f"its columns are {', '.join(names)}"[:120])
    for line, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise damaged(path, f"line {line} has {len(row)} columns instead of {len(names)}")
    columns: dict[str, list[Any]] = {}
    for place, name in enumerate(names):
        cells = [row[place] for row in rows]
        try:
            columns[name] = [float(cell) if cell else math.nan for cell in cells]
        except ValueError as error:
            if name in numbers:
                raise damaged(path, f"{name}: {error}") from error
            columns[name] = cells
    if not all(i >= 0 and i.is_integer() for i in columns["iteration"]):
        raise damaged(path, "its iterations are no whole numbers")
    columns["iteration"] = [int(i) for i in columns["iteration"]]
    return columns


def read_arrays(path: Path, content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of a safetensors file.

    Raises
    ------
    RunError
        The content is not of this form, or has a dtype that NumPy has not.
    MissingExtraError
        There is no safetensors.
    """
    load = require("safetensors.numpy", "train", "reads the weights").load
    try:
        arrays: dict[str, npt.NDArray[Any]] = load(content)
    except MemoryError:
        raise
    except Exception as error:  # its own class, and KeyError for a dtype that NumPy has not
        raise damaged(path, f"it is no safetensors file for NumPy: {error}".rstrip(".")) from error
    return arrays


def _lines(path: Path) -> list[str]:
    """Give the lines of a text that ends with a whole one."""
    content = read_bytes(path)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is no text: {error}") from error
    if not text.endswith("\n"):
        raise damaged(path, "its last line has no end" if text else "it is empty")
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n")
