"""Numerical derivatives: slow, independent of every rule, and with an estimate of their own error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import DTypeError, ShapeError


def numerical_gradient(f: Callable[[Any], Any], x: Any) -> Any:
    r"""Differentiate by central differences, :math:`(f(x + h) - f(x - h)) / 2h`, element by element.

    The step is chosen for each element and dtype, :math:`h = \sqrt[3]{\epsilon}\,\max(1, |x_i|)`,
    where rounding and truncation weigh the same.

    Parameters
    ----------
    f : callable
        Takes an array like ``x``, returns one number.
    x : ndarray or float
        Of a float dtype (integers are taken as float64). It is not written to.

    Returns
    -------
    ndarray or float
        In the shape and dtype of ``x``; in units of ``f`` per unit of ``x``.

    Raises
    ------
    DTypeError
        If ``x`` holds no real numbers.
    ShapeError
        If ``f`` does not return one number.

    Notes
    -----
    Two calls of ``f`` an element: for a network of a million parameters that is two million forward
    passes, where backpropagation needs one forward and one backward pass.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.check import numerical_gradient
    >>> print(np.round(numerical_gradient(lambda x: np.sum(x * x), np.array([3.0, 4.0])), 6))
    [6. 8.]
    """
    x = _floats(x)
    step = np.finfo(x.dtype).eps ** (1 / 3)
    g = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        # `right - left` is the step really taken, after rounding to the numbers there are.
        h = step * max(1.0, abs(float(x[index])))
        right, left = _moved(x, index, h), _moved(x, index, -h)
        width = float(right[index]) - float(left[index])
        g[index] = (_number(f, right) - _number(f, left)) / width
    return g[()]


class Estimate(NamedTuple):
    """A numerical derivative and how far it may be off."""

    value: float
    error: float


def derivatives(
    f: Callable[[Any], Any], x: np.ndarray[Any, Any], indices: list[tuple[int, ...]]
) -> Iterator[Estimate]:
    """Differentiate with respect to single elements, each with an estimate of its error."""
    for index in indices:

        def along(t: float, index: tuple[int, ...] = index) -> float:
            return _number(f, _moved(x, index, t))

        yield extrapolated(along, max(1.0, abs(float(x[index]))))


def extrapolated(f: Callable[[float], float], scale: float = 1.0) -> Estimate:
    r"""Differentiate ``f`` at 0 by central differences, extrapolated to step 0 (Richardson).

    :math:`D = (4 D_{h/2} - D_h) / 3`, whose error is of order :math:`h^4`; the estimate of the
    error is what the extrapolation changed, and the rounding of ``f``. Where that is large, as
    beside a kink or a pole, smaller steps are tried.
    """
    best = Estimate(np.nan, np.inf)
    for h in (1e-3 * scale, 1e-4 * scale, 1e-5 * scale, 1e-6 * scale):
        values = [f(h), f(-h), f(h / 2), f(-h / 2)]
        if not np.all(np.isfinite(values)):
            continue
        wide, narrow = (values[0] - values[1]) / (2 * h), (values[2] - values[3]) / h
        value = (4 * narrow - wide) / 3
        rounding = 2.2e-16 * float(np.max(np.abs(values))) / h
        # The extrapolated value is off by far less than `narrow`: h²-terms have cancelled.
        error = abs(wide - narrow) * h / scale + 4 * rounding
        disagreement = abs(wide - narrow)
        if disagreement > 1e-3 * max(abs(value), 1e-6):
            error = disagreement  # no smooth function here: a kink, a jump, a pole
        if error < best.error:
            best = Estimate(value, error)
        if error <= 1e-9 * max(1.0, abs(value)):
            break
    return best


def _floats(x: Any) -> np.ndarray[Any, Any]:
    x = np.asarray(x)
    if x.dtype.kind in "iu":
        x = x.astype(float)
    if x.dtype.kind != "f":
        raise DTypeError(
            f"numerical_gradient at x of {x.dtype}.",
            why="A step of size h needs real numbers.",
            write="x.astype(float)",
        )
    return x


def _moved(x: np.ndarray[Any, Any], index: tuple[int, ...], t: float) -> Any:
    moved = x.copy()
    moved[index] += t
    return moved


def _number(f: Callable[[Any], Any], x: Any) -> float:
    y = f(x if x.ndim else x[()])
    if np.shape(y) != ():
        raise ShapeError(
            f"The function to differentiate gave shape {np.shape(y)}.",
            why="A gradient is that of one number.",
            write="lambda x: np.sum(f(x))",
        )
    return float(y)
