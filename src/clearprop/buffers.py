"""Plain arrays that are made while a function is differentiated, and filled with recorded values.

``B = np.zeros((4, 4)); B[:2, :2] = A`` writes a recorded value into an array that NumPy made and
that cannot remember it. While a function is differentiated its ``np.zeros`` makes a `Buffer`: an
ndarray like any other, until the first recorded value is written to it. Then it becomes `Recorded`:
everything it is asked from there on is answered by a Tensor. The memory that it leaves behind is
filled with NaN, so that whoever reads it past us gets no wrong number.
"""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

import numpy as np

from clearprop.operands import PLAIN
from clearprop.rules.indexing import Slot, getitem
from clearprop.tensor import Tensor, record
from clearprop.trees import tree_map
from clearprop.views import View


class Buffer(np.ndarray):
    """A plain array, which a recorded value may be written to."""

    _tensor: Tensor
    _views: dict[int, weakref.ref[Buffer]]

    def __array_finalize__(self, made_from: Any) -> None:
        if type(self) is Recorded:  # made by NumPy in the likeness of one: no more than an array
            self.__class__ = Buffer  # type: ignore[assignment]
        root = root_of(self)
        if root is not self:
            views = root.__dict__.setdefault("_views", {})
            views[id(self)] = weakref.ref(self, partial(_forget, views, id(self)))
            if type(root) is Recorded:
                self.__class__ = Recorded

    def __setitem__(self, index: Any, value: Any) -> None:
        if is_recorded(value) or is_recorded(index):
            recorded(self)[index] = value
        else:
            super().__setitem__(index, value)

    def fill(self, value: Any) -> None:
        """As `numpy.ndarray.fill`."""
        self[...] = value

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.fill_diagonal and is_recorded((*args[1:], *kwargs.values())):
            target: Any = recorded(args[0])
            return function(target, *args[1:], **kwargs)  # NumPy asks the array alone
        return super().__array_function__(function, types, args, kwargs)

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    @property
    def __clearprop_tensor__(self) -> Tensor:
        return recorded(self)


class Recorded(Buffer):
    """A buffer that a recorded value was written to; a Tensor answers for it."""

    __clearprop_record__ = staticmethod(record)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        out = tuple(map(unwrapped, options.pop("out", ())))
        if out:
            options["out"] = out
        return getattr(ufunc, method)(*map(unwrapped, inputs), **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(*unwrapped(args), **unwrapped(kwargs))

    def __reduce__(self) -> Any:
        return recorded(self).__reduce__()

    @property
    def value(self) -> Any:
        """The plain array, as of a Tensor."""
        return recorded(self).value


#: What stays as NumPy has it; everything else is asked of the Tensor.
_OF_NUMPY = {
    *dir(object),
    *("__array_finalize__", "__array_ufunc__", "__array_function__", "__array_wrap__"),
    *("__array_interface__", "__array_struct__", "__array_priority__", "__array_namespace__"),
    *("__buffer__", "__class_getitem__", "__dlpack__", "__dlpack_device__", "__setstate__"),
    *("base", "flags"),
} - {
    "__repr__",
    "__str__",
    "__format__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
}


def _answered_by_tensor(name: str) -> Any:
    if callable(getattr(np.ndarray, name)):

        def method(self: Recorded, *args: Any, **kwargs: Any) -> Any:
            return getattr(recorded(self), name)(*args, **kwargs)

        method.__name__ = name
        return method
    return property(lambda self: getattr(recorded(self), name))


for _name in set(dir(np.ndarray)) - _OF_NUMPY:
    setattr(Recorded, _name, _answered_by_tensor(_name))


def _forget(views: dict[int, Any], key: int, _: Any) -> None:
    views.pop(key, None)


def root_of(buffer: Any) -> Buffer:
    """Give the buffer whose memory this one shows."""
    root = at = buffer
    while isinstance(at := np.ndarray.base.__get__(at), np.ndarray):
        if isinstance(at, Buffer):
            root = at
    return root  # type: ignore[no-any-return]


def recorded(buffer: Buffer) -> Tensor:
    """Give the Tensor that answers for a buffer; from now on it does."""
    found = buffer.__dict__.get("_tensor")
    if found is not None:
        return found  # type: ignore[no-any-return]
    root = root_of(buffer)
    if type(root) is not Recorded:
        _become_recorded(root)
    made = root._tensor if root is buffer else _view_of(root, buffer)
    buffer.__dict__["_tensor"] = made
    return made


def _become_recorded(root: Buffer) -> None:
    memory = np.ndarray.view(root, np.ndarray)
    root.__dict__["_tensor"] = Tensor(memory.copy(order="K"))
    if memory.dtype.kind == "f":
        memory.fill(np.nan)
    views = [ref() for ref in root.__dict__.get("_views", {}).values()]
    for part in [root, *views]:
        if part is not None:
            part.__class__ = Recorded


def _view_of(root: Buffer, part: Buffer) -> Tensor:
    """Make the view of the root's Tensor that shows the elements that ``part`` shows."""
    memory, view = np.ndarray.view(root, np.ndarray), np.ndarray.view(part, np.ndarray)
    numbers = np.empty_like(memory, dtype=np.intp)  # of the elements, laid out in the same way
    numbers[...] = np.arange(memory.size).reshape(memory.shape)
    step = memory.itemsize, numbers.itemsize
    offset = view.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
    shown = np.ndarray(
        view.shape,
        np.intp,
        buffer=numbers.data,
        offset=offset // step[0] * step[1],
        strides=tuple(s // step[0] * step[1] for s in view.strides),
    ).copy()
    where = np.unravel_index(shown, memory.shape)
    index = tuple(map(Slot, range(len(where))))
    made: Tensor = getitem(root._tensor, *where, index=index)
    if shown.ndim:
        made._view = View(root._tensor, getitem, where, {"index": index})
    return made


def is_recorded(value: Any) -> bool:
    """Whether a value, or something in it, is on a record."""
    kind = type(value)
    if kind in PLAIN:
        return False
    if kind is Tensor:
        return value.node is not None
    if kind is Recorded:
        return True
    return kind in (list, tuple) and any(map(is_recorded, value))


def unwrapped(tree: Any) -> Any:
    """Replace what became recorded by the Tensors that answer for it, in nested values too."""
    kind = type(tree)
    if kind is Tensor or kind in PLAIN:
        return tree
    return tree_map(_without_buffer, tree)


def _without_buffer(value: Any) -> Any:
    if type(value) is Recorded:
        return recorded(value)
    return np.asarray(value) if type(value) is Buffer else value
