"""``x.flat``: the elements in one line, to be run through, read and written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class Flat:
    """As `numpy.flatiter`: what is written to it is written to the array."""

    __slots__ = ("_next", "base")

    def __init__(self, base: Any) -> None:
        self.base = base
        self._next: Iterator[Any] | None = None

    def __len__(self) -> int:
        return int(self.base.size)

    def __iter__(self) -> Iterator[Any]:
        return iter(np.ravel(self.base))

    def __next__(self) -> Any:
        if self._next is None:
            self._next = iter(self)
        return next(self._next)

    def __getitem__(self, index: Any) -> Any:
        part = np.ravel(self.base)[index]
        return np.copy(part) if np.ndim(part) else part

    def __setitem__(self, index: Any, value: Any) -> None:
        places = np.arange(self.base.size)[getattr(index, "value", index)]
        np.put(self.base, places, value)
