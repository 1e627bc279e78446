"""Numbers as they stand in a picture: short, and never saying more than they know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

_LARGEST = 3  # a matrix with longer axes is shown by its shape, mean and spread
_LONGEST = 24  # and so is a vector that takes more characters


@dataclass(frozen=True)
class Shown:
    """A value as text: lines of one cell each, or the rows of a small matrix."""

    rows: tuple[tuple[str, ...], ...]
    matrix: bool = False

    @property
    def line(self) -> str:
        """The whole on one line."""
        rows = [", ".join(row) for row in self.rows]
        return f"[{', '.join(f'[{row}]' for row in rows)}]" if self.matrix else " ".join(rows)


def plain(text: str) -> Shown:
    """Show a text as it is."""
    return Shown(((text,),))


def describe(value: Any, shape: bool = True) -> Shown:
    """Show a value: a number, a small vector or matrix, or shape and mean ± spread.

    Parameters
    ----------
    value : number or ndarray
    shape : bool
        Whether to say the shape of a larger array; a derivative has that of its value.

    Returns
    -------
    Shown

    Examples
    --------
    >>> import numpy as np
    >>> describe(1.1 * 200).line, describe(np.float32(2.2)).line
    ('220', '2.2')
    >>> describe(np.eye(2)).line
    '[[1, 0], [0, 1]]'
    >>> describe(np.arange(100.0)).line
    '(100,) 49.5 ± 28.9'
    """
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        return plain(shape_text(array.shape))
    if array.ndim == 0:
        return plain(number(array[()]))
    if array.ndim == 1 and 0 < array.size < _LONGEST / 2:
        text = f"[{', '.join(number(x, 4) for x in array)}]"
        if len(text) <= _LONGEST:
            return plain(text)
    if array.ndim == 2 and array.size and max(array.shape) <= _LARGEST:
        return Shown(tuple(tuple(number(x, 4) for x in row) for row in array), matrix=True)
    rows = (shape_text(array.shape), _summary(array))
    return Shown(tuple((row,) for row in (rows if shape else rows[1:])))


def constant(value: Any) -> str:
    """Show a constant: a number as it is, an array as its shape."""
    array = np.asarray(value)
    return shape_text(array.shape) if array.ndim else number(array[()])


def number(x: Any, digits: int = 6) -> str:
    """Write one number with the given number of significant digits, or fewer.

    Examples
    --------
    >>> number(220.00000000000003), number(1e6), number(-0.0), number(1 - 2j)
    ('220', '1e6', '0', '1-2j')
    """
    if isinstance(x, bool | np.bool):
        return str(bool(x))
    if isinstance(x, complex | np.complexfloating):
        imaginary = number(x.imag, digits)
        sign = "" if imaginary.startswith("-") else "+"
        return f"{number(x.real, digits)}{sign}{imaginary}j"
    if isinstance(x, int | np.integer) and abs(int(x)) < 10**9:
        return str(int(x))
    mantissa, e, exponent = f"{float(x):.{digits}g}".partition("e")
    if mantissa == "-0":
        return "0"
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as NumPy does."""
    return str(tuple(int(n) for n in shape))


def _summary(array: Any) -> str:
    if array.size == 0:
        return "empty"
    kind = array.dtype.kind
    if kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} true"
    if kind in "iu":
        return f"{number(array.min())} … {number(array.max())}"
    finite = int(np.count_nonzero(np.isfinite(array)))
    if finite < array.size:
        return f"{array.size - finite} of {array.size} not finite"
    if kind == "c":
        return f"|z| {_mean_and_spread(np.abs(array))}"
    return _mean_and_spread(array)


def _mean_and_spread(array: Any) -> str:
    eps = np.finfo(array.dtype).eps
    array = np.asarray(array, np.float64)
    largest = np.abs(array).max()
    if largest == 0:
        return "0 ± 0"
    scaled = array / largest  # squares of the values themselves might overflow
    mean, spread = scaled.mean() * largest, scaled.std() * largest
    if abs(mean) < eps * largest:  # what rounding left of 0
        mean = 0.0
    return f"{number(mean, 3)} ± {number(spread, 3)}"
