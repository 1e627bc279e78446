"""A layer of fixed numbers: from standard deviations back to a unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import DTypeError, OptionError, ShapeError
from clearprop.nn.layer import Layer
from clearprop.places import current_line


class Rescaling(Layer):
    r"""``y = s x + m``, of numbers that are not trained; backward ``dx = s dy``.

    At the end of a network it gives predictions their unit: the standard deviation and the mean of
    what was trained for. `train.Run.network` ends with one, where the run is a regression.

    Parameters
    ----------
    scale, offset : float or array_like of shape (J,)
        ``s`` and ``m``, for all outputs or for each of J.
    dtype : dtype, optional
        Of the computation and of ``y``: ``"float64"`` after a network of float32 keeps the
        digits of numbers that differ by far less than their mean. By default that of ``x``.

    Forward
    -------
    x : ndarray, shape (N, J) or any other
        The last axis is that of ``s`` and ``m``.

    Raises
    ------
    OptionError
        A number is not finite, or there are more axes than one.
    ShapeError
        There are not as many ``s`` or ``m`` as outputs: nothing is broadcast.
    DTypeError
        The dtype is neither float32 nor float64.
    OrderError
        As every layer, see `Layer`.

    Source
    ------
    F. Chollet et al., *Keras*, 2015: the layer of this name.

    Examples
    --------
    >>> from clearprop import nn
    >>> layer = nn.Rescaling(100.0, 1000.0)
    >>> print(layer.forward([[0.5], [-2.0]]).ravel(), layer.backward([[1.0], [1.0]]).ravel())
    [1050.  800.] [100. 100.]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, dtype: Any = None) -> None:
        self.scale, self.offset = _fixed(scale, "scale"), _fixed(offset, "offset")
        self.dtype = None if dtype is None else _float_dtype(dtype)

    def compute(self, x: Any) -> Any:
        """``y = s x + m``."""
        for name, fixed in (("scale", self.scale), ("offset", self.offset)):
            if fixed.ndim and fixed.shape != x.shape[-1:]:
                raise ShapeError(
                    f"Rescaling: x has shape {x.shape}, {name} has shape {fixed.shape}.",
                    where=current_line(1),
                    why="There is one number for all outputs, or one for each.",
                    write="nn.Rescaling(scale, offset) with single numbers",
                )
        if self.dtype is not None:
            x = x.astype(self.dtype)
        return x * self.scale.astype(x.dtype) + self.offset.astype(x.dtype)

    def _options(self) -> str:
        dtype = "" if self.dtype is None else f", dtype={self.dtype.name}"
        return f"scale={self.scale.tolist()}, offset={self.offset.tolist()}{dtype}"


def _float_dtype(dtype: Any) -> Any:
    if dtype in ("float32", "float64", np.float32, np.float64):
        return np.dtype(dtype)
    raise DTypeError(
        f"Rescaling: dtype is {dtype!r}.",
        where=current_line(2),
        why="It gives floats, float32 or float64.",
        write='nn.Rescaling(t.std(), t.mean(), dtype="float64")',
    )


def _fixed(value: Any, name: str) -> Any:
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.ndim > 1 or not np.isfinite(array).all():
        raise OptionError(
            f"Rescaling: {name} is {value!r}.",
            where=current_line(1),
            why="It is a finite number, or one for each output.",
            write="nn.Rescaling(t.std(), t.mean())",
        )
    array.flags.writeable = False
    return array
