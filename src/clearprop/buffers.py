"""Plain arrays that are made while a function is differentiated, and filled with recorded values.

``B = np.zeros((4, 4)); B[:2, :2] = A`` writes a recorded value into an array that NumPy made and
that cannot remember it. While a function is differentiated its ``np.zeros`` makes a `Buffer`: an
ndarray like any other, until the first recorded value is written to it. Then it becomes `Recorded`:
everything it is asked from there on is answered by a Tensor. Until the function has returned, its
memory is of a dtype that nothing computes with: C code, which would read it past us, raises. Plain
arrays that were made of the memory before find NaN. In the end the values go back into it.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from functools import cache, partial
from typing import Any

import numpy as np

from clearprop.errors import LostGradientError
from clearprop.operands import PLAIN
from clearprop.places import current_line
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
        if root is self:
            memory = np.ndarray.base.__get__(self)
            if type(memory) is np.ndarray and np.ndarray.base.__get__(memory) is None:
                _of_memory[id(memory)] = self
        else:
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

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        """As `numpy.ndarray.put`."""
        np.put(self, indices, values, mode=mode)

    @property
    def flat(self) -> Any:
        """As `numpy.ndarray.flat`."""
        return _FlatBuffer(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        self.flat[:] = value

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.fill_diagonal and is_recorded((*args[1:], *kwargs.values())):
            target: Any = recorded(args[0])
            return function(target, *args[1:], **kwargs)  # NumPy asks the array alone
        return as_view(super().__array_function__(function, types, args, kwargs))

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    @property
    def __clearprop_tensor__(self) -> Tensor:
        return recorded(self)


class _FlatBuffer:
    """The elements of a buffer in order, to be read and written."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def __setitem__(self, index: Any, value: Any) -> None:
        if is_recorded(value) or is_recorded(index):
            recorded(self._buffer).flat[index] = value
        else:
            self._plain[index] = value

    @property
    def _plain(self) -> Any:
        if type(self._buffer) is Recorded:
            return recorded(self._buffer).flat
        return np.ndarray.flat.__get__(self._buffer)

    def __getitem__(self, index: Any) -> Any:
        return self._plain[index]

    def __iter__(self) -> Any:
        return iter(self._plain)

    def __len__(self) -> int:
        return int(self._buffer.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._plain, dtype=dtype)


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

    def __del__(self) -> None:
        if "_tensor" in self.__dict__ and root_of(self) is self:
            memory = np.ndarray.view(self, np.ndarray).view(self.__dict__["_dtype"])
            _calls.written = _calls.written or _is_written(memory)

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
    *("base", "flags", "__del__"),
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
    return property(
        lambda self: getattr(recorded(self), name),
        lambda self, value: setattr(recorded(self), name, value),
    )


for _name in set(dir(np.ndarray)) - _OF_NUMPY:
    setattr(Recorded, _name, _answered_by_tensor(_name))


def _forget(views: dict[int, Any], key: int, _: Any) -> None:
    views.pop(key, None)


def root_of(buffer: Any) -> Buffer:
    """Give the buffer whose memory this one shows."""
    root = at = buffer
    while (below := _below(at)) is not None:
        at = below
        if isinstance(at, Buffer):
            root = at
    # A plain array that was made of a buffer refers to the memory, and no longer to the buffer.
    known = _of_memory.get(id(at))
    return root if known is None or np.ndarray.base.__get__(known) is not at else known


def _below(array: Any) -> Any:
    """Give the array that an array shows the memory of; sliding windows have a step between."""
    below = np.ndarray.base.__get__(array)
    while below is not None and not isinstance(below, np.ndarray):
        below = getattr(below, "base", None)
    return below


#: The buffer that was made of a plain array, by the identity of that array, which holds the memory.
_of_memory: weakref.WeakValueDictionary[int, Buffer] = weakref.WeakValueDictionary()


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


class _Calls(threading.local):
    """The buffers that became recorded while a function runs, in one thread."""

    def __init__(self) -> None:
        self.roots: list[weakref.ref[Buffer]] = []
        self.written = False  # whether one of them was written past us


_calls = _Calls()


def _become_recorded(root: Buffer) -> None:
    memory = np.ndarray.view(root, np.ndarray)
    root.__dict__["_tensor"] = Tensor(memory.copy(order="K"))
    _abandon(memory)
    for part in _parts(root):
        dtype = part.__dict__["_dtype"] = _dtype_of(part)
        part.__class__ = Recorded
        _set_dtype(part, nothing_computes_with(dtype))
    _calls.roots.append(weakref.ref(root))


def settle() -> bool:
    """Make plain arrays again of the buffers of a function that has returned, with their values.

    Returns whether one of them was written past us, by C code that asked for no dtype.
    """
    roots, _calls.roots = _calls.roots, []
    for ref in roots:
        root = ref()
        if root is None or type(root) is not Recorded:
            continue
        value = root._tensor.value
        for part in _parts(root):
            _set_dtype(part, part.__dict__.pop("_dtype"))
            part.__class__ = Buffer
            part.__dict__.pop("_tensor", None)
        memory = np.ndarray.view(root, np.ndarray)
        _calls.written = _calls.written or _is_written(memory)
        memory[...] = value
    written, _calls.written = _calls.written, False
    return written


def _abandon(memory: Any) -> None:
    """Fill the memory that a Tensor now answers for."""
    if memory.dtype.kind in "fc":
        memory.fill(np.nan)
    elif memory.dtype.kind in "iu":
        memory.fill(np.iinfo(memory.dtype).max)


def _is_written(memory: Any) -> bool:
    """Whether somebody has written to abandoned memory; of booleans nobody can say."""
    if memory.dtype.kind in "fc":
        return not np.isnan(memory).all()
    return memory.dtype.kind in "iu" and bool((memory != np.iinfo(memory.dtype).max).any())


def _parts(root: Buffer) -> list[Buffer]:
    views = [ref() for ref in list(root.__dict__.get("_views", {}).values())]
    return [root, *(view for view in views if view is not None)]


@cache
def nothing_computes_with(dtype: Any) -> Any:
    """Give a dtype of the same size; its text is what an error of C code will show."""
    form = f"i{max(dtype.itemsize // 2, 1)}"
    return np.dtype(
        {
            "names": ["this_array_became_recorded", "use_a_function_of_numpy"],
            "formats": [form, form],
            "offsets": [0, dtype.itemsize // 2],
            "itemsize": dtype.itemsize,
        }
    )


_SETTING_IS_DEPRECATED = np.lib.NumpyVersion(np.__version__) >= "2.5.0"


_dtype: Any = np.ndarray.dtype  # what stands behind the attribute, which `Recorded` replaces


def _dtype_of(array: Any) -> Any:
    return _dtype.__get__(array)


def _set_dtype(array: Any, dtype: Any) -> None:
    if not _SETTING_IS_DEPRECATED:
        _dtype.__set__(array, dtype)
        return
    with warnings.catch_warnings():  # a view would be another array, and everybody holds this one
        warnings.simplefilter("ignore", DeprecationWarning)
        _dtype.__set__(array, dtype)


def as_view(y: Any) -> Any:
    """Give a plain view of a buffer's memory the way to become recorded; anything else stays."""
    if type(y) in (tuple, list):  # np.broadcast_arrays
        return type(y)(map(as_view, y))
    if type(y) is not np.ndarray or y.base is None:
        return y
    made = y.view(Buffer)
    root = root_of(made)
    if root is made:
        return y
    made.__dict__["_root"] = root  # the memory alone does not keep it alive
    return made


def _view_of(root: Buffer, part: Buffer) -> Tensor:
    """Make the view of the root's Tensor that shows the elements that ``part`` shows."""
    if root.__dict__["_dtype"] != part.__dict__.get("_dtype", root.__dict__["_dtype"]):
        raise LostGradientError(
            "A view of another dtype shows the memory of an array that became recorded.",
            where=current_line(3),
            why="The bytes of recorded numbers are not there.",
            write="y.astype(dtype), in the place of y.view(dtype).",
        )
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
    layout = (view.shape, offset, view.strides, memory.strides)
    shows = _SameLayout(root._tensor, getitem, where, {"index": index}, layout)
    made._view = shows
    made._value = shows.laid_out(np.asarray(made._value))  # of no axes, it is an array too
    return made


class _SameLayout(View):
    """A view that lies in memory as NumPy's does: what is a view of it depends on that."""

    __slots__ = ("_layout",)

    def __init__(self, *step: Any) -> None:
        super().__init__(*step[:-1])
        self._layout = step[-1]

    def laid_out(self, gathered: Any) -> Any:
        """Give the elements as they lie in the array of the base, if it lies as it did."""
        shape, offset, strides, of_base = self._layout
        array = self.base._value
        if array.strides != of_base or not array.flags.forc:
            return gathered
        return np.ndarray(shape, array.dtype, array.data, offset, strides)

    def place_in_base(self, index: int, length: int) -> Any:
        """Give the index in the base of one element."""
        if self.rest[0].ndim > 1:
            return None
        return tuple(int(axis[index]) for axis in self.rest)

    def _take(self, tensor: Tensor) -> None:
        before = tensor._writes
        super()._take(tensor)
        if tensor._writes != before:
            tensor._value = self.laid_out(tensor._value)


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
