"""Modules of other packages that primitives call, imported when something of them is asked for."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any

from clearprop.errors import MissingExtraError


class Outside:
    """A module that the body of a primitive may name, as it names ``np``.

    Whoever writes a body as text writes the name of the module, and imports it (`imports_of`).

    Parameters
    ----------
    name : str
        ``scipy.special``.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name
        _NAMES.append(name)

    def __getattr__(self, attribute: str) -> Any:
        try:
            module = importlib.import_module(self.name)
        except ModuleNotFoundError as error:
            package = self.name.partition(".")[0]
            raise MissingExtraError(
                f"{self.name}.{attribute}: {package} is not installed.",
                why="There is no text of this function in NumPy alone.",
                write=f"pip install {package}",
            ) from error
        return getattr(module, attribute)


_NAMES: list[str] = []

special = Outside("scipy.special")
linalg = Outside("scipy.linalg")


def imports_of(texts: Iterable[str]) -> list[str]:
    """List the modules that generated lines name: NumPy, and those that primitives call."""
    whole = "\n".join(texts)
    found = ["numpy as np"] if "np." in whole else []
    found += [name for name in _NAMES if re.search(rf"\b{re.escape(name)}\.", whole)]
    return [f"import {name}" for name in found]


def packages_of(texts: Iterable[str]) -> list[str]:
    """List the packages besides NumPy that generated lines name."""
    packages = [line.split()[1].partition(".")[0] for line in imports_of(texts)]
    return [name for name in dict.fromkeys(packages) if name != "numpy"]
