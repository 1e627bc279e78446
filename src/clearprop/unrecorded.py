"""What NumPy lets a type override and has no derivative here: why, and what to write instead.

One line for a family; a name that has a rule is not asked for here. What is recorded without a
derivative (comparisons, positions, rounding) is a primitive with its reason, and not in this table.
"""

from __future__ import annotations

import re
import sys
from typing import Any, NamedTuple

import numpy as np


class Unrecorded(NamedTuple):
    """Why a function is refused, and what to write; ``{name}`` is its own name."""

    family: str
    why: str
    write: str


_TEXT = "Text has no derivative, and a recorded value is no text."
_DATES = "Dates have no derivative, and a recorded value is no date."
_FILES = "What is written to a file has left the record."
_FIELDS = "A record array has a type for each field, and no derivative as a whole."
#: Modules of NumPy 2.0, and of later ones, whose functions people write as ``np.emath.sqrt``.
_EMATH = re.compile(r"numpy\.lib\.(_scimath_impl|scimath)")
_COMPLEX = "Whether its result is complex depends on the numbers that it is given."

#: Names, as patterns; the first that fits.
_TABLE = {
    r"numpy\.(strings|char)\..*": Unrecorded("text", _TEXT, "np.strings.{name} of plain arrays"),
    r"numpy\.(\w*busday\w*|isnat|datetime_\w+)": Unrecorded(
        "dates", _DATES, "np.{name} of plain arrays of dates"
    ),
    r"numpy\.save\w*": Unrecorded("files", _FILES, "np.{name}(file, x.value)"),
    r"numpy\.lib\.recfunctions\..*": Unrecorded(
        "record arrays", _FIELDS, "an array of floats for each field"
    ),
    r"numpy\.(_ones_like|clip|real|imag)": Unrecorded(
        "inside NumPy", "It is what a public function of NumPy calls inside.", "np.{public}"
    ),
    r"numpy\.emath\.logn": Unrecorded(
        "complex numbers", _COMPLEX, "np.log(x + 0j) / np.log(n + 0j)"
    ),
    r"numpy\.emath\.power": Unrecorded("complex numbers", _COMPLEX, "(x + 0j) ** p"),
    r"numpy\.emath\..*": Unrecorded("complex numbers", _COMPLEX, "np.{name}(x + 0j)"),
}


def unrecorded(function: Any) -> Unrecorded | None:
    """Look up why a function has no rule; None where the table does not know it."""
    name = numpy_name(function)
    for pattern, found in _TABLE.items():
        if re.fullmatch(pattern, name):
            own = name.rpartition(".")[2]
            write = found.write.format(name=own, public=own.strip("_"))
            return found._replace(write=write)
    return None


def numpy_name(function: Any) -> str:
    """Give the name of a function with its module: ``numpy.linalg.qr``."""
    name = getattr(function, "__name__", str(function))
    if isinstance(function, np.ufunc):  # which does not know where it comes from
        return f"{_module_of_ufunc(function, name)}.{name}"
    module = getattr(function, "__module__", None) or "numpy"
    return f"{_EMATH.sub('numpy.emath', module)}.{name}"


def _module_of_ufunc(ufunc: np.ufunc, name: str) -> str:
    special = sys.modules.get("scipy.special")
    if getattr(special, name, None) is ufunc:
        return "scipy.special"
    is_of_text = not ufunc.types and (name.startswith("_") or hasattr(np.strings, name))
    return "numpy.strings" if is_of_text else "numpy"
