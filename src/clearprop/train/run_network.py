"""What a run says of its network: whether it makes sense, and whether weights are of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from clearprop.train.models import CLASSES, PIXELS


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


def wrong_in(data: Mapping[str, Any]) -> str | None:
    """Say what in the description of the samples makes no sense, if something does."""
    shape, outputs = data.get("shape", [PIXELS]), data.get("outputs", CLASSES)
    if not (isinstance(shape, list) and shape and all(map(_is_count, shape))):
        return f"the shape is {str(shape)[:40]}"
    if not _is_count(outputs):
        return f"the outputs are {str(outputs)[:40]}"
    for name, count in (("classes", outputs), ("columns", math.prod(shape))):
        names = data.get(name)
        if names is None or (name == "columns" and names == []):
            continue  # there are none
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            return f"the {name} are {str(names)[:40]}"
        if len(names) != count:
            return f"there are {len(names)} {name} for {count}"
    return None


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0
