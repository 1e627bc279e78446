"""Reading and writing by index: each read a step, each write a new version."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.graph import ABSENT, ElementNode, Node, part_node
from clearprop.operands import refuse_dropping
from clearprop.places import current_line
from clearprop.rules import indexing
from clearprop.views import View, shares_memory


class Elements:
    """What a Tensor does with ``x[i]``, ``x[i] = …`` and ``x += …``."""

    __slots__ = ()

    _node: Node | None

    def __getitem__(self: Any, index: Any) -> Any:
        if self._view is not None:
            if type(index) is int and self._view.is_stale() and (there := self._in_base(index)):
                return there[0][there[1]]
            self._view.refresh(self)
        node = self._node
        if type(index) is int and node is not None and node.tape is None:
            return self._element(index, node)
        skeleton, arrays = indexing.split(index)
        if not arrays and node is not None and node.tape is None:
            return self._part(skeleton, node)
        return self._run(indexing.getitem, (self, *arrays), {"index": skeleton})

    def _part(self: Any, skeleton: tuple[Any, ...], node: Node) -> Any:
        """Record ``x[1:, None]``: what `record` does, by the shortest way."""
        y = self._value[skeleton]
        step = part_node(indexing.getitem, node, {"index": skeleton}, y)
        result = type(self)(y, step)
        if shares_memory(y, self._value):
            result._view = View(self, indexing.getitem, (), step.attributes)
        return result

    def _element(self: Any, index: int, node: Node) -> Any:
        """Record ``x[3]``: what `record` does, by the shortest way."""
        y = self._value[index]
        shape = y.shape
        step = ElementNode(indexing.getitem, node, None, ABSENT, index, shape, y.dtype)
        result = type(self)(y, step)
        if shape:
            result._view = View(self, indexing.getitem, (), step.attributes)
        return result

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        if isinstance(self._value, np.generic):
            raise TypeError(f"{type(self._value).__name__} does not support item assignment")
        if type(index) is int:
            if self._view is not None:
                there = self._in_base(index) if _is_lean(value) and value is not self else None
                if there:
                    self._view.leave(self)
                    there[0][there[1]] = value
                    return
            elif self._assign_element(value, index):
                return
        skeleton, arrays = indexing.split(index)
        self._assign(value, arrays, skeleton)

    def _in_base(self: Any, index: int) -> tuple[Any, Any] | None:
        """Say where in its base an element of a view stands; None where it is not one element.

        A loop over ``row[i] = …`` then writes to the base alone; the row is taken again in the end.
        """
        base, length = self._view.base, len(self._value)
        if not _is_lean(base) or not -length <= index < length:
            return None
        place = self._view.place_in_base(index % length, length)
        return None if place is None else (base, place)

    def _assign(self: Any, value: Any, arrays: tuple[Any, ...], skeleton: tuple[Any, ...]) -> None:
        """Write by index: in place where nobody else holds the array, else into a copy."""
        attributes = {"index": skeleton}
        if self.dtype.kind != "c":
            refuse_dropping(_dtype_of(value), self.dtype, current_line(2))
        if self._view is not None:
            self._view.refresh(self)  # before it is asked who holds the array
        if sys.getrefcount(self._value) == _HELD_ONCE and self._is_ours():
            y = self._run(indexing.setitem, (self, value, *arrays), attributes, in_place=True)
        else:
            y = self._run(indexing.setitem, (self, value, *arrays), attributes)
        self._become(y)

    def _assign_element(self: Any, value: Any, index: int) -> bool:
        """Record ``x[3] = y`` of numbers: what `_assign` does, by the shortest way."""
        node = self._node
        if node is None or len(node.shape) != 1:
            return False
        if sys.getrefcount(self._value) != _HELD_ONCE or not self._is_ours():
            return False
        source: Node | None = None
        if type(value) is type(self):
            source = value.node
            value = value._value
        if type(value) is not node.dtype.type or (source is not None and source.tape is not None):
            return False
        self._value[index] = value
        form = (index, node.shape, node.dtype)
        self._node = ElementNode(indexing.setitem, node, source, None, *form)
        self._writes += 1
        return True

    def _is_ours(self: Any) -> bool:
        """Whether an array that no other name leads to may be written: no trace keeps it."""
        flags = self._value.flags
        return (
            flags.owndata
            and flags.writeable
            and self._value.dtype.kind in "fc"
            and (self._node is None or self._node.tape is None)
        )

    def _become(self: Any, y: Any) -> None:
        """Take the value of a new version; what was recorded from the old one stays right."""
        value, old = y._value, self._value
        if isinstance(old, np.ndarray) and not isinstance(value, np.ndarray):
            value = np.asarray(value)  # an array of no axes stays one
        elif self._view is None and value.strides != old.strides and old.flags.forc:
            value = np.empty_like(old)  # it lies as it did: what is a view of it depends on that
            value[...] = y._value
        self._value, self._node = value, y._node
        self._writes += 1
        if self._view is not None:
            self._view.write(y)

    def _update(self: Any, y: Any) -> Any:
        """Finish ``self += …``: arrays change for all who hold them, numbers are replaced."""
        if isinstance(self._value, np.generic):
            return y
        if y.shape != self.shape:
            raise ShapeError(
                f"An in-place operation gives shape {y.shape} to an array of shape {self.shape}.",
                where=current_line(2),
                why="In place, the shape cannot change.",
                write="y = y + x, instead of y += x.",
            )
        if y.dtype.kind == "c":
            refuse_dropping(y.dtype, self.dtype, current_line(2))
        self._become(y if y.dtype == self.dtype else y.astype(self.dtype))
        return self


def _dtype_of(value: Any) -> Any:
    """Give the dtype of what is assigned, as far as it tells complex numbers from others."""
    found = getattr(value, "dtype", None)
    if found is None and type(value) in (complex, list, tuple) and np.iscomplexobj(value):
        return np.dtype(complex)
    return found


def _is_lean(value: Any) -> bool:
    """Whether a value is on no trace, which is to show the steps as they stand in the code."""
    node = getattr(value, "node", None)
    return node is None or node.tape is None


class _Alone:
    """A stand-in for a Tensor that alone holds its array."""

    __slots__ = ("_value",)
    _value: Any

    def references(self) -> int:
        return sys.getrefcount(self._value)


def _held_once() -> int:
    """Count the references to an array that one Tensor alone holds, as `_assign` counts them."""
    alone = _Alone()
    alone._value = np.empty(1)
    return alone.references()


_HELD_ONCE = _held_once()
