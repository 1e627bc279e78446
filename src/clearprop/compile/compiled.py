"""A compiled function: traced for the shapes it meets, cut into pieces, run."""

from __future__ import annotations

import contextlib
import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compile.program import Program
from clearprop.errors import DTypeError
from clearprop.places import current_line
from clearprop.staged.two_runs import staged
from clearprop.tensor import Tensor
from clearprop.trees import structure, tree_leaves, tree_map

_MOST_PROGRAMS = 64  # kept by one function; what has not been called for longest goes


class Compiled:
    """What `cp.compile` gives: call it as the function it was made from."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._last: Program | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled loops; trace and compile first where these shapes are new."""
        leaves = [leaf for _, leaf in tree_leaves((args, kwargs))]
        if any(isinstance(leaf, Tensor) and leaf.node is not None for leaf in leaves):
            return self._f(*args, **kwargs)  # it is being differentiated: the record must see it
        plain = tree_map(_plain, args)
        values = [leaf for _, leaf in tree_leaves(plain)]
        key = (
            structure((plain, kwargs)),
            tuple(map(_signature, values)),
            tuple(_constant(leaf) for _, leaf in tree_leaves(kwargs)),
        )
        try:
            program = self._programs.get(key)
        except TypeError:
            raise _refused(args, kwargs) from None
        if program is None:
            program = self._programs[key] = Program(staged(self._f, plain, kwargs))
            while len(self._programs) > _MOST_PROGRAMS:
                self._programs.popitem(last=False)
        elif program is not self._last:
            with contextlib.suppress(KeyError):  # another thread may have dropped it just now
                self._programs.move_to_end(key)
        self._last = program
        return program([np.asarray(v) for v in map(_number, values) if _is_array(v)])

    @property
    def source(self) -> str:
        """The loops, as the Python text that Numba compiles (of the latest call)."""
        return "" if self._last is None else self._last.source

    @property
    def plan(self) -> str:
        """What is a loop nest and what remains a NumPy call (of the latest call)."""
        return "" if self._last is None else self._last.plan


def _plain(value: Any) -> Any:
    """Give an argument as the compiled pieces read it: native numbers, one after the other."""
    if isinstance(value, Tensor):
        value = value.value
    if _is_array(value):
        return np.asarray(value, value.dtype.newbyteorder("="), order="C")[()]
    return value


def _number(value: Any) -> Any:
    return np.float64(value) if type(value) in (float, int) else value


def _is_array(value: Any) -> bool:
    is_array = isinstance(value, np.ndarray | np.generic)
    return is_array and value.dtype.kind in "fiub" and not isinstance(value, np.ma.MaskedArray)


def _signature(value: Any) -> Any:
    """Give what a program is made for: the shape and dtype of data, the value of the rest.

    A Python integer is both: it may be differentiated, and ``range(n)`` may count with it.
    """
    if _is_array(value):
        return (value.shape, value.dtype)
    return float if type(value) is float else _constant(value)


def _constant(value: Any) -> Any:
    return (type(value), value)  # 1, 1.0 and True are equal


def _refused(args: Any, kwargs: Any) -> DTypeError:
    """Say which argument is neither data nor a constant that can be recognised again."""
    keys = [(name, value, _signature(value)) for name, value in tree_leaves(args, "args")]
    keys += [(name, value, _constant(value)) for name, value in tree_leaves(kwargs, "kwargs")]
    keys.append(("A static field of an argument", "unhashable", structure((args, kwargs))))
    name, value, _ = next(key for key in keys if not _is_hashable(key[2]))
    is_array = isinstance(value, np.ndarray)
    is_masked = isinstance(value, np.ma.MaskedArray)
    what = (
        f"an array of {value.dtype}" if is_array and not is_masked else f"a {type(value).__name__}"
    )
    return DTypeError(
        f"{name} of a compiled function is {what}.",
        where=current_line(2),
        why="Positional arrays of numbers are data; anything else is a constant of the program, "
        "and has to be hashable.",
        write="arrays of numbers by position, and constants as numbers, strings or tuples.",
    )


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True
