"""Names that a text assumes: what books and courses define once and use in every chapter.

Each stands in only where the file does not define it, and a note says so. The functions are plain
NumPy, and run with the globals of the user's module, where arrays that they fill can be recorded.
"""

from __future__ import annotations

import abc
import builtins
import collections
import copy
import dataclasses
import functools
import itertools
import math
import types
import typing
from typing import Any

import numpy as np


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def softmax(x: Any) -> Any:
    """exp(x) / sum exp(x) over the last axis, shifted by the maximum."""
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def relu(x: Any) -> Any:
    """max(0, x)."""
    return np.maximum(0, x)


def tanh(x: Any) -> Any:
    """As `numpy.tanh`."""
    return np.tanh(x)


def one_hot(t: Any, classes: Any = None) -> Any:
    """Give a row with a single 1 for each label."""
    t = np.asarray(t)
    count = int(t.max()) + 1 if classes is None else classes
    return np.eye(count)[t]


def cross_entropy_error(y: Any, t: Any) -> Any:
    """-sum t log y / N; t holds labels, or rows of probabilities."""
    if y.ndim == 1:
        y = y.reshape(1, -1)
        t = t.reshape(1, -1) if t.size == y.size else t.reshape(-1)
    N = y.shape[0]
    if t.size == y.size:
        return -np.sum(t * np.log(np.maximum(y, 1e-37))) / N
    return -np.sum(np.log(np.maximum(y[np.arange(N), t.reshape(-1)], 1e-37))) / N


def mean_squared_error(y: Any, t: Any) -> Any:
    """Half of the sum of (y - t)²."""
    return 0.5 * np.sum((y - t) ** 2)


def sum_squared_error(y: Any, t: Any) -> Any:
    """Half of the sum of (y - t)²."""
    return 0.5 * np.sum((y - t) ** 2)


def im2col(input_data: Any, filter_h: Any, filter_w: Any, stride: Any = 1, pad: Any = 0) -> Any:
    """Lay the windows of images (N, C, H, W) into rows: (N out_h out_w, C filter_h filter_w)."""
    N, C, H, W = input_data.shape
    out_h = (H + 2 * pad - filter_h) // stride + 1
    out_w = (W + 2 * pad - filter_w) // stride + 1
    padded = np.pad(input_data, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    rows = (stride * np.arange(out_h))[:, None, None, None] + np.arange(filter_h)[:, None]
    columns = (stride * np.arange(out_w))[:, None, None] + np.arange(filter_w)
    windows = padded[:, :, rows, columns]  # N, C, out_h, out_w, filter_h, filter_w
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * out_h * out_w, C * filter_h * filter_w)


def col2im(
    col: Any, input_shape: Any, filter_h: Any, filter_w: Any, stride: Any = 1, pad: Any = 0
) -> Any:
    """Add the rows of `im2col` back to where they were taken from."""
    N, C, H, W = input_shape
    out_h = (H + 2 * pad - filter_h) // stride + 1
    out_w = (W + 2 * pad - filter_w) // stride + 1
    col = col.reshape(N, out_h, out_w, C, filter_h, filter_w).transpose(0, 3, 4, 5, 1, 2)
    image = np.zeros((N, C, H + 2 * pad, W + 2 * pad), dtype=col.dtype)
    for i in range(filter_h):
        for j in range(filter_w):
            last_i, last_j = i + stride * out_h, j + stride * out_w
            image[:, :, i:last_i:stride, j:last_j:stride] += col[:, :, i, j]
    return image[:, :, pad : H + pad, pad : W + pad]


_FUNCTIONS = (
    sigmoid,
    softmax,
    relu,
    tanh,
    one_hot,
    cross_entropy_error,
    mean_squared_error,
    sum_squared_error,
    im2col,
    col2im,
)

_OBJECTS: dict[str, Any] = {
    "np": np,
    "numpy": np,
    "math": math,
    "copy": copy,
    "itertools": itertools,
    "functools": functools,
    "partial": functools.partial,
    "reduce": functools.reduce,
    "collections": collections,
    "OrderedDict": collections.OrderedDict,
    "defaultdict": collections.defaultdict,
    "namedtuple": collections.namedtuple,
    "abc": abc,
    "ABC": abc.ABC,
    "ABCMeta": abc.ABCMeta,
    "abstractmethod": abc.abstractmethod,
    "dataclass": dataclasses.dataclass,
    "field": dataclasses.field,
    "typing": typing,
    **{
        name: getattr(typing, name)
        for name in typing.__all__
        if name in {"Any", "Callable", "ClassVar", "Dict", "Generic", "Iterable", "Iterator"}
        or name in {"List", "Literal", "NamedTuple", "Optional", "Sequence", "Set", "Tuple"}
        or name in {"Type", "TypeVar", "Union"}
    },
}

#: Every name that a text may assume.
NAMES = frozenset(_OBJECTS) | {f.__name__ for f in _FUNCTIONS}


def provide(names: set[str], namespace: dict[str, Any]) -> dict[str, Any]:
    """Put those of some names that the prelude has into a namespace, and give them.

    Functions come as copies that read their globals there, so ``np`` is put there with them.

    Examples
    --------
    >>> space = {}
    >>> list(provide({"softmax", "Affine"}, space))
    ['softmax']
    >>> space["softmax"](np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    given = {name: _OBJECTS[name] for name in sorted(names & set(_OBJECTS))}
    namespace.update(given)
    namespace.setdefault("__builtins__", builtins)  # a function looks for them when it is made
    for function in _FUNCTIONS:
        if function.__name__ in names:
            namespace.setdefault("np", np)
            copied = types.FunctionType(
                function.__code__, namespace, function.__name__, function.__defaults__
            )
            copied.__doc__ = function.__doc__
            copied.__module__ = "prelude"
            namespace[function.__name__] = given[function.__name__] = copied
    return given
