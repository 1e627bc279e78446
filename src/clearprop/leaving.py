"""Leaving the record: allowed where nothing is lost, an error where a gradient would be."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import LostGradientError, MissingMethodError
from clearprop.graph import TracedLeaf
from clearprop.idioms import unknown
from clearprop.operands import converts, instead_of_plain, writes_by_index
from clearprop.places import current_line, current_package
from clearprop.plumbing import is_asked_for


class Leaving:
    """What turns a Tensor into a plain number or array."""

    __slots__ = ()

    value: Any
    node: Any
    shape: Any

    def __bool__(self) -> bool:
        self._read("bool")
        return bool(self.value)

    def _read(self, how: str) -> None:
        node = self.node
        if node is not None and node.tape is not None and node.tape.is_staged:
            from clearprop.staged.reading import refuse_reading  # costs an import, and is rare

            refuse_reading(node, how)

    def plain(self, how: str, correct: str) -> Any:
        """Give the plain value of a constant; refuse where that would cut a gradient."""
        node = self.node
        if node is not None and node.active and is_asked_for([node]):
            from clearprop.scipys_own import lost  # for an error alone

            error = lost(f"a recorded value of shape {self.shape}")
            if error is not None:
                raise error
            where = current_line(2)
            if how == "float()" and writes_by_index(where) and not converts(where):
                how = "Writing into a plain array"
            raise LostGradientError(
                f"{how} of a recorded value of shape {self.shape} would cut its gradient.",
                where=where,
                why="The result would be a plain number that remembers nothing.",
                write=instead_of_plain(where, current_package(2))
                or f"{correct}; or .value, where the plain number is really wanted.",
            )
        self._read(how)
        return self.value

    def __float__(self) -> float:
        return float(self.plain("float()", "the expression without float()"))

    def __complex__(self) -> complex:
        return complex(self.plain("complex()", "the expression without complex()"))

    def __int__(self) -> int:
        if isinstance(self.node, TracedLeaf) and self.node.whole:
            return int(self.value)
        return int(self.plain("int()", "the expression without int()"))

    def __index__(self) -> int:
        if isinstance(self.node, TracedLeaf) and self.node.whole:
            return int(self.value)  # an argument n of range(n): it counts, and may vary too
        if self.shape and self.value.dtype.kind in "iu":
            return int(self.value.__index__())  # no number, which NumPy asks for before an array
        plain = self.plain("Indexing with the value", "an index that depends on no argument")
        return int(plain.__index__())

    def item(self, *index: Any) -> Any:
        """Give the Python number of a constant; a recorded value keeps ``.value`` for that."""
        return self.plain(".item()", "the expression without .item()").item(*index)

    def tolist(self) -> Any:
        """Give nested lists of a constant."""
        return self.plain(".tolist()", "the expression without .tolist()").tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        plain = self.plain("np.asarray()", "an np.* function applied to the value itself")
        return np.array(plain, dtype=dtype, copy=copy)

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    @property
    def flags(self) -> Any:
        """How the array lies in memory, as `numpy.ndarray.flags`."""
        return self.value.flags


class Missing:
    """An attribute that arrays have, here or elsewhere, and recorded values do not: it says why.

    One for each name, because a ``__getattr__`` would make every other attribute slow.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        raise unknown("A recorded value", self.name) or MissingMethodError(
            f"A recorded value has no .{self.name}.",
            where=current_line(2),
            why="It would give the memory or the plain numbers, which remember nothing.",
            write=f"x.value.{self.name}, where the plain numbers are really wanted.",
        )

    def __set__(self, instance: Any, value: Any) -> None:
        self.__get__(instance, type(instance))


#: What may be set on an array and not on a recorded value, and what to write instead.
_NEVER_SET = {
    "shape": "y = x.reshape(shape)",
    "dtype": "y = x.astype(dtype)",
    "strides": "a view, such as x[::2] or x.T",
}


def refuse_setting(kind: Any) -> None:
    """Let a class say of what cannot be set on its values what to write instead."""
    for name, instead in _NEVER_SET.items():
        setattr(kind, name, getattr(kind, name).setter(_refusing(name, instead)))


def _refusing(name: str, instead: str) -> Any:
    def refuse(self: Any, value: Any) -> None:
        raise MissingMethodError(
            f"The .{name} of a recorded value cannot be set.",
            where=current_line(2),
            why="What was computed from it would not know.",
            write=instead,
        )

    return refuse
