"""Whether weights are those of a network, and whether a version is newer than another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def misfit(
    expected: Mapping[str, npt.NDArray[Any]], found: Mapping[str, npt.NDArray[Any]]
) -> str | None:
    """Say in which array two networks are not the same, if they are not."""
    for name, array in expected.items():
        if name not in found:
            return f"there is no {name}"
        there = found[name]
        if there.shape != array.shape:
            return f"{name} is {there.shape}, and {array.shape} in the model"
        if there.dtype != array.dtype:
            return f"{name} is of {there.dtype}, and of {array.dtype} in the model"
    return next((f"the model has no {name}" for name in found if name not in expected), None)


def version_numbers(version: str) -> list[int]:
    """Give the numbers that a version begins with.

    Examples
    --------
    >>> version_numbers("0.10.2rc1") > version_numbers("0.9")
    True
    """
    start = re.match(r"\d+(\.\d+)*", version)
    return [int(part) for part in start[0].split(".")] if start else []
