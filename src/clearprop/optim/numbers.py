"""The numbers of optimisers and schedules: which are allowed, checked when one is made."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, ValuesView
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from clearprop.errors import OptionError
from clearprop.places import current_line
from clearprop.tensor import Tensor

_MOST_SHOWN = 200  # characters of a value that is refused


def within(low: float, high: float, example: float, *, above: bool = False) -> dict[str, Any]:
    """Give the metadata of a field: a number from low (or above it) to below high.

    It is static: passed to a compiled function, it is a constant of the program.
    """
    return {"static": True, "range": (low, high, above), "example": example}


def whole(example: int) -> dict[str, Any]:
    """Give the metadata of a field: a whole number of updates, at least 1."""
    return {"static": True, "whole": True, "example": example}


#: Of a learning rate: data of a compiled function that it is passed to, so not static.
RATE = {"range": (0.0, math.inf, False), "example": 0.01}


class Numbers:
    """Base of the frozen dataclasses here: their numbers are checked, their repr is short."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if "example" in field.metadata and not _is_default(field, value):
                object.__setattr__(self, field.name, _checked(self, field, value))

    def __repr__(self) -> str:
        own: Any = fields(self)  # type: ignore[arg-type]
        first, *more = sorted(own, key=lambda field: field.kw_only is True)
        more = [field for field in more if not _is_default(field, getattr(self, field.name))]
        said = [f"{field.name}={getattr(self, field.name)!r}" for field in (first, *more)]
        return f"{type(self).__name__}({', '.join(said)})"


def _is_default(field: Any, value: Any) -> bool:
    if field.default is MISSING or isinstance(value, Tensor):
        return False
    return type(value) is type(field.default) and value == field.default


def _checked(owner: Numbers, field: Any, value: Any) -> Any:
    """Give a number as a Python number; what is recorded cannot be looked at, and stays."""
    if isinstance(value, Tensor):
        return value
    if field.metadata.get("pair"):
        return _checked_pair(owner, field, value)
    if field.metadata.get("callable") and callable(value) and not isinstance(value, type):
        return value
    if field.metadata.get("callable") and is_nested(value):
        name = type(owner).__name__
        raise holds_no_parameters(name, field.name, value, field.metadata["example"], where_made())
    number = _as_number(value)
    if field.metadata.get("whole"):
        if number >= 1 and number.is_integer():
            return int(number)
        why = "Updates are counted in whole numbers, from 1 on."
    else:
        low, high, above = field.metadata["range"]
        if (low < number if above else low <= number) and number < high:
            return number
        start = f"above {low:g}" if above else f"from {low:g} on"
        finite, end = ("finite ", "") if math.isinf(high) else ("", f" and below {high:g}")
        why = f"It is a {finite}number {start}{end}."
        if field.metadata.get("callable"):
            why = why[:-1] + ", or a function that gives one for the number of updates made."
    raise refused(owner, field.name, value, why, f"{field.name}={field.metadata['example']}")


def _checked_pair(owner: Numbers, field: Any, value: Any) -> tuple[float, float]:
    low, high, _ = field.metadata["range"]
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    numbers = tuple(_as_number(part) for part in value) if is_pair else ()
    if is_pair and all(low <= number < high for number in numbers):
        return numbers[0], numbers[1]
    raise refused(
        owner,
        field.name,
        value,
        f"They are two numbers, each from {low:g} on, and below {high:g}.",
        f"{field.name}={field.metadata['example']}",
    )


def is_nested(value: Any) -> bool:
    """Whether it may be parameters, and not a number."""
    return isinstance(value, dict | list | tuple | Iterator | ValuesView)


def holds_no_parameters(
    rule: str, name: str, value: Any, lr: Any, where: str | None
) -> OptionError:
    """Make the error of a rule that is given parameters, as PyTorch's are."""
    return OptionError(
        f"{rule}: {name} is {_shown(value)}.",
        where=where,
        why="A rule holds no parameters: they are given to each update.",
        write=f"rule = {rule}({lr!r}), then rule.update(params, grads, state)",
    )


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else f"of type {type(value).__name__}"


def where_made() -> str | None:
    """Describe the user's line that makes the dataclass whose ``__post_init__`` is running."""
    frame, depth = sys._getframe(), 1
    while frame.f_code.co_name != "__init__" and frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1  # the text of a dataclass's __init__ is nobody's
    return current_line(depth + 1)


def refused(owner: Any, name: str, value: Any, why: str, write: str) -> OptionError:
    """Make the error of an option that has no meaning."""
    return OptionError(
        f"{type(owner).__name__}: {name} is {_shown(value)}.",
        where=where_made(),
        why=why,
        write=write,
    )


def _as_number(value: Any) -> float:
    """Give a number as a Python float, which is weak beside float32; anything else as NaN."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "fiu":
        is_number = True
    return float(value) if is_number else math.nan
