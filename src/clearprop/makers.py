"""NumPy's makers of arrays as the user's code sees them while it is differentiated."""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.buffers import Buffer, Recorded, as_view, is_recorded, recorded, unwrapped
from clearprop.errors import LostGradientError
from clearprop.operands import holds_recorded, stacked
from clearprop.places import current_line
from clearprop.protocols import MAKERS
from clearprop.tensor import Tensor


class _Thread(threading.local):
    depth = 0  # of functions running to be differentiated


thread = _Thread()


def _buffer(y: Any) -> Any:
    """Give a new array the way to become recorded; anything else stays."""
    if type(y) is np.ndarray and y.dtype.kind in "fiubc":
        return y.view(Buffer)
    return y


def _guarded(maker: Callable[..., Any]) -> Callable[..., Any]:
    is_empty = maker in (np.empty, np.empty_like)

    @functools.wraps(maker)
    def make(*args: Any, **kwargs: Any) -> Any:
        y = maker(*args, **kwargs)
        if not thread.depth:
            return y
        if is_empty and type(y) in (np.ndarray, Buffer) and y.dtype.kind in "fiubc":
            y.fill(0)  # what it happens to hold differs from run to run, and programs keep it
        return _buffer(y)

    return make


def _converting(maker: Callable[..., Any]) -> Callable[..., Any]:
    """Guard ``np.array`` and its like, which are also given recorded values, and lists of them."""
    copies = maker is np.array

    @functools.wraps(maker)
    def make(*args: Any, **options: Any) -> Any:
        if not thread.depth or not args or not holds_recorded(args[0]):
            y = maker(*args, **options)
            if not thread.depth or not args or y is args[0] or type(y) is Tensor:
                return y
            if y.base is None:
                return _buffer(y)
            given = args[0]
            if isinstance(given, Buffer) and (y.shape, y.strides) == (given.shape, given.strides):
                return given  # as NumPy gives an array back
            return as_view(y)
        y = stacked(unwrapped(args[0]))
        dtype = args[1] if len(args) > 1 else options.get("dtype")
        if dtype is not None and y.dtype != dtype:
            y = y.astype(dtype)
        elif maker is np.asfortranarray and not _lies(y, maker):
            y = np.copy(y.T).T  # what is a view of it depends on how it lies
        elif (copies and options.get("copy", True) is True) or not _lies(y, maker):
            y = np.copy(y)
        while y.ndim < options.get("ndmin", 0):
            y = y[None]
        return y

    return make


def _lies(y: Any, maker: Any) -> bool:
    """Whether an array lies in memory as it is asked to."""
    if maker is np.ascontiguousarray:
        return bool(y.flags.c_contiguous)
    return bool(y.flags.f_contiguous) if maker is np.asfortranarray else True


@functools.wraps(np.full)
def _full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    if not thread.depth or not is_recorded(fill_value):
        y = np.full(shape, fill_value, dtype, **options)
        return _buffer(y) if thread.depth else y
    value = stacked(unwrapped(fill_value))
    y = np.zeros(shape, value.dtype) + value
    return y if dtype is None else y.astype(dtype)


@functools.wraps(np.arange)
def _arange(*args: Any, **options: Any) -> Any:
    if not thread.depth or not any(map(is_recorded, args)):
        y = np.arange(*args, **options)
        return _buffer(y) if thread.depth else y
    start, step = (args[0] if len(args) > 1 else 0.0), (args[2] if len(args) > 2 else 1.0)
    plain = [a.value if isinstance(a, Tensor) else a for a in map(unwrapped, args)]
    y = start + step * np.arange(len(np.arange(*plain)))
    return y.astype(options["dtype"]) if "dtype" in options else y


@functools.wraps(np.isscalar)
def _isscalar(element: Any) -> bool:
    return np.isscalar(element.value if type(element) is Tensor else element)


@functools.wraps(np.ndenumerate, updated=())
def _ndenumerate(arr: Any) -> Any:
    if not thread.depth or not holds_recorded(arr):
        return np.ndenumerate(arr)
    a = stacked(unwrapped(arr))
    return ((index, a[index]) for index in np.ndindex(*a.shape))


@functools.wraps(np.nditer, updated=())
def _nditer(op: Any, *args: Any, **options: Any) -> Any:
    if thread.depth and holds_recorded(op):
        raise LostGradientError(
            "np.nditer of a recorded value would cut its gradient.",
            where=current_line(1),
            why="It walks over memory, which remembers nothing.",
            write="for index, value in np.ndenumerate(x): …, or functions of the whole array.",
        )
    return np.nditer(op, *args, **options)


class _ArrayType(type):
    """``np.ndarray`` as the user's code sees it: recorded arrays are arrays too."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value.value if type(value) is Tensor else value, np.ndarray)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return kind is Tensor or issubclass(kind, np.ndarray)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return np.ndarray(*args, **kwargs)


#: What is replaced, and by what.
REPLACED: list[tuple[Any, Any]] = [
    (np.full, _full),
    (np.arange, _arange),
    (np.isscalar, _isscalar),
    (np.ndenumerate, _ndenumerate),
    (np.nditer, _nditer),
    (np.ndarray, _ArrayType("ndarray", (np.ndarray,), {"__module__": "numpy"})),
    *(
        (maker, _converting(maker))
        for maker in (
            np.array,
            np.asarray,
            np.asanyarray,
            np.ascontiguousarray,
            np.asfortranarray,
            np.require,
        )
    ),
    *(
        (maker, _guarded(maker))
        for maker in (
            np.zeros,
            np.ones,
            np.empty,
            np.zeros_like,
            np.ones_like,
            np.empty_like,
            np.full_like,
            np.eye,
            np.identity,
            np.tri,
            np.copy,
            np.repeat,
            np.linspace,
            np.logspace,
            np.geomspace,
            np.fromiter,
            np.fromfunction,
        )
    ),
]


def _like(maker: Callable[..., Any]) -> Callable[..., Any]:
    """Make a Tensor, since ``like=`` was given one; of what holds no numbers, what NumPy makes."""

    def make(*args: Any, **options: Any) -> Any:
        y: Any = maker(*args, **options)
        if not isinstance(y, np.ndarray) or y.dtype.kind not in "fiub":
            return y
        return recorded(y) if isinstance(y, Recorded) else Tensor(np.array(y))

    return make


_REPLACED_BY = {id(original): replacement for original, replacement in REPLACED}
MAKERS.update(
    (maker, _like(_REPLACED_BY.get(id(maker), maker)))
    for maker in (
        *(np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray),
        *(np.require, np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.tri),
        *(np.arange, np.fromfunction, np.fromiter, np.frombuffer, np.fromfile, np.fromstring),
        *(np.loadtxt, np.genfromtxt),
    )
)


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def guarded_numpy() -> types.ModuleType:
    """Make the module that stands in the place of NumPy."""
    module = _Module("numpy", np.__doc__)
    module.__dict__.update(np.__dict__)
    for name, value in vars(np).items():
        if id(value) in _REPLACED_BY:
            setattr(module, name, _REPLACED_BY[id(value)])
    return module
