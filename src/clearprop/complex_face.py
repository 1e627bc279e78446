"""The real and the imaginary part of a Tensor, as attributes of an array."""

from __future__ import annotations

from typing import Any

import numpy as np


class ComplexFace:
    """``z.conj()``, ``z.real`` and ``z.imag``, which are views that can be written to."""

    __slots__ = ()

    def conj(self: Any) -> Any:
        """As `numpy.conjugate`."""
        return np.conjugate(self)

    conjugate = conj

    @property
    def real(self: Any) -> Any:
        """As `numpy.real`: of real numbers, these numbers; of complex ones, a view."""
        return np.real(self)

    @real.setter
    def real(self: Any, value: Any) -> None:
        self._set_part("real", value)

    @property
    def imag(self: Any) -> Any:
        """As `numpy.imag`: of real numbers, 0; of complex ones, a view."""
        return np.imag(self)

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        self._set_part("imag", value)

    def _set_part(self: Any, part: str, value: Any) -> None:
        if not isinstance(self.value, np.ndarray):
            raise AttributeError(
                f"attribute {part!r} of {type(self.value).__name__!r} objects is not writable"
            )
        if self.dtype.kind == "c":
            getattr(self, part)[...] = value
        elif part == "real":
            self[...] = value
        else:
            raise TypeError("array does not have imaginary part to set")  # as NumPy has it
