"""Numerical derivatives: slow, independent of every rule, with an estimate of their error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import DTypeError, ShapeError


def numerical_gradient(f: Callable[[Any], Any], x: Any) -> Any:
    r"""Differentiate by central differences: :math:`(f(x + h) - f(x - h)) / 2h` for each element.

    The step is chosen for each element and dtype, :math:`h = \sqrt[3]{\epsilon}\,\max(1, |x_i|)`,
    where rounding and truncation weigh the same.

    Parameters
    ----------
    f : callable
        Takes an array like ``x``, returns one number.
    x : ndarray or float
        Of a float dtype (integers are taken as float64), or complex. It is not written to.

    Returns
    -------
    ndarray or float
        In the shape and dtype of ``x``; in units of ``f`` per unit of ``x``. For a complex
        ``x + iy`` it is :math:`\partial f/\partial x - i\,\partial f/\partial y`, as of `grad`.

    Raises
    ------
    DTypeError
        If ``x`` holds neither real nor complex numbers.
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
        for turn in _turns(x):
            # `right - left` is the step really taken, after rounding to the numbers there are.
            h = turn * step * max(1.0, abs(x[index]))
            right, left = _moved(x, index, h), _moved(x, index, -h)
            width = abs(right[index] - left[index])
            g[index] += (_number(f, right) - _number(f, left)) / width * np.conjugate(turn)
    return g[()]


def _turns(x: np.ndarray[Any, Any]) -> tuple[complex, ...]:
    """Give the directions in which an element may move."""
    return (1, 1j) if x.dtype.kind == "c" else (1,)


class Estimate(NamedTuple):
    """A numerical derivative and how far it may be off."""

    value: Any
    error: float


def derivatives(
    f: Callable[[Any], Any], x: np.ndarray[Any, Any], indices: list[tuple[int, ...]]
) -> Iterator[Estimate]:
    """Differentiate with respect to single elements, each with an estimate of its error."""
    for index in indices:
        value, error = 0.0, 0.0
        for turn in _turns(x):

            def along(t: float, index: tuple[int, ...] = index, turn: complex = turn) -> float:
                return _number(f, _moved(x, index, turn * t))

            found = extrapolated(along, max(1.0, float(abs(x[index]))))
            value = value + found.value * np.conjugate(turn)
            error = max(error, found.error)
        yield Estimate(value, error)


def extrapolated(f: Callable[[float], float], scale: float = 1.0) -> Estimate:
    r"""Differentiate ``f`` at 0 by central differences, extrapolated to step 0 (Richardson).

    :math:`D = (4 D_{h/2} - D_h) / 3`, whose error is of order :math:`h^4`; the estimate of the
    error is what the extrapolation changed, and the rounding of ``f``. Where that is large, as
    near a pole, smaller steps are tried. A kink shows as slopes to the left and to the right that
    do not come together as the step shrinks; the error is then their difference.
    """
    best = Estimate(np.nan, np.inf)
    middle = f(0.0)
    for h in (1e-3 * scale, 1e-4 * scale, 1e-5 * scale, 1e-6 * scale):
        right, left, near_right, near_left = f(h), f(-h), f(h / 2), f(-h / 2)
        size = np.max(np.abs([right, left, middle]))
        if not np.isfinite(size + near_right + near_left):
            continue
        wide, narrow = (right - left) / (2 * h), (near_right - near_left) / h
        value = (4 * narrow - wide) / 3
        rounding = 1e-15 * size / h
        # Of order h³ where f is smooth: the terms of order h² have cancelled in `value`.
        error = abs(wide - narrow) * h / scale + rounding
        jump = abs(right - 2 * middle + left) / h
        near_jump = 2 * abs(near_right - 2 * middle + near_left) / h
        if near_jump > 0.75 * jump and near_jump > 1e-3 * abs(value) + 8 * rounding:
            error = near_jump
        elif abs(wide - narrow) > 1e-3 * abs(value) + 8 * rounding:
            error = abs(wide - narrow)
        if error < best.error:
            best = Estimate(float(value), float(error))
        if error <= 1e-9 * max(1.0, abs(value)):
            break
    return best


def _floats(given: Any) -> np.ndarray[Any, Any]:
    x: np.ndarray[Any, Any] = np.asarray(given)
    if x.dtype.kind in "iu":
        x = x.astype(float)
    if x.dtype.kind not in "fc":
        raise DTypeError(
            f"numerical_gradient at x of {x.dtype}.",
            why="A step of size h needs real numbers.",
            write="x.astype(float)",
        )
    return x


def _moved(x: np.ndarray[Any, Any], index: tuple[int, ...], t: complex) -> Any:
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
