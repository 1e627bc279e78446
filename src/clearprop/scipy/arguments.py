"""What the functions here make of their arguments: arrays, recorded or plain."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import DTypeError
from clearprop.operands import holds_recorded, stacked
from clearprop.places import current_line


def array(value: Any) -> Any:
    """Give a recorded value as it is, nested lists of such stacked, anything else as an array."""
    return stacked(value) if holds_recorded(value) else np.asarray(value)


def floats(value: Any) -> Any:
    """Give an array of floats, as SciPy makes of whole numbers.

    Raises
    ------
    DTypeError
        If the numbers are complex: their imaginary parts would be lost.
    """
    value = numbers(value)
    if value.dtype.kind == "c":
        raise DTypeError(
            f"An argument of shape {value.shape} is of {value.dtype}; this function of cp.scipy "
            "takes real numbers.",
            where=current_line(2),
            why="The imaginary parts would be lost.",
            write="np.real(z), or the formula in np.* functions, which take complex numbers.",
        )
    return value


def numbers(value: Any) -> Any:
    """Give an array of floats or of complex numbers."""
    value = array(value)
    return value if value.dtype.kind in "fc" else value.astype(float)


def constant(value: Any, what: str) -> Any:
    """Give a plain array; a recorded value whose gradient would be asked for is refused."""
    if not holds_recorded(value):
        return np.asarray(value)
    return array(value).plain(what, "cp.stop_gradient(x), where it is to be a constant")


def result(value: Any) -> Any:
    """Give a number where a plain result has no axes, as SciPy does."""
    return value if holds_recorded(value) else value[()]
