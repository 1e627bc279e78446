"""What went wrong in machine code, as the error that NumPy raises."""

from __future__ import annotations

import numpy as np

from clearprop.compile.table import NOT_POSITIVE_DEFINITE, SINGULAR


def error_of(what: int, index: int, axis: int, length: int) -> Exception:
    """Give the error that a program notes in the words of its trouble.

    Parameters
    ----------
    what : int
        `SINGULAR` and so on, of `clearprop.compile.table`.
    index, axis, length : int
        Of an index that is out of bounds.
    """
    if what == SINGULAR:
        return np.linalg.LinAlgError("Singular matrix")
    if what == NOT_POSITIVE_DEFINITE:
        return np.linalg.LinAlgError("Matrix is not positive definite")
    return IndexError(f"index {index} is out of bounds for axis {axis} with size {length}")
