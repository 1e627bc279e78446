"""The constants of generated text: a number in its place, an array above the functions.

An array too large to be read is not written at all: it becomes a parameter, which the caller has.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from clearprop.source.literals import is_uniform, progression, written

LARGEST_IN_PLACE = 8  # elements of an array that stands where it is used
LARGEST = 1000  # elements of an array that is written at all


class Constants:
    """The arrays that a program uses besides its arguments.

    Parameters
    ----------
    f : callable
        The user's function: arrays that it can see have a name.
    unique : callable
        Gives a name that nobody else has.
    bare : bool
        Whether every float of the program is a float64, so that a plain number will do.

    Attributes
    ----------
    written : dict of str to ndarray
        Those above the functions.
    parameters : dict of str to ndarray
        Those that the caller passes by name.
    """

    def __init__(self, f: Callable[..., Any], unique: Callable[[str], str], bare: bool) -> None:
        self.written: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self._unique = unique
        self._bare = bare
        self._names: dict[Any, str] = {}
        self._seen = _arrays_of(f)

    def expression(self, value: Any) -> ast.expr:
        """Write a constant operand."""
        if not isinstance(value, np.ndarray) or _is_short(value):
            plain = self._bare and type(value) is np.float64
            return written(float(value) if plain else value)
        key = _key(value)
        if value.ndim == 2 and key not in self._names and _key(value.T) in self._names:
            name = self._names[_key(value.T)]
            return ast.Attribute(ast.Name(name, ast.Load()), "T", ast.Load())
        if key not in self._names:
            name = self._names[key] = self._unique(self._wanted(value))
            held = self.parameters if value.size > LARGEST else self.written
            held[name] = value
        return ast.Name(self._names[key], ast.Load())

    def _wanted(self, value: Any) -> str:
        for name, array in self._seen.items():
            alike = (array.shape, array.dtype) == (value.shape, value.dtype)
            if array is value or (alike and array.tobytes() == value.tobytes()):
                return name
        return "data" if value.size > LARGEST else "constant"


def _key(value: Any) -> Any:
    return value.dtype.str, value.shape, value.tobytes()


def _is_short(value: Any) -> bool:
    return value.size <= LARGEST_IN_PLACE or is_uniform(value) or progression(value) is not None


def _arrays_of(f: Callable[..., Any]) -> dict[str, Any]:
    """Give the arrays that a function finds outside of itself, by name."""
    while hasattr(f, "__wrapped__"):
        f = f.__wrapped__
    if not isinstance(f, FunctionType):
        return {}
    found = {name: f.__globals__[name] for name in f.__code__.co_names if name in f.__globals__}
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # it is not bound yet
            continue
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
