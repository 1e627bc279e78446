"""The inverses of the hyperbolic functions. Bounds are in units in the last place (ulp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.machine.exponentials import LN_2
from clearprop.compile.machine.lanes import absolute, copysign, select, sqrt
from clearprop.compile.machine.logarithms import log1p
from clearprop.compile.machine.parts import in_double, of_floats

#: From here on 1 does not count beside x, and squares may overflow.
_LARGE = 1e18


def _log1p_or_twice(x: Any, more: Any) -> Any:
    """``log(1 + more)``, and where x is large ``log(2 x)``."""
    large = x > _LARGE
    return log1p(select(large, x, more)) + select(large, x.constant(LN_2), 0.0)


@of_floats
@in_double
def arcsinh(x: Any) -> Any:
    """``log(x + sqrt(x**2 + 1))``, near 0 too. 2.5 ulp."""
    size = absolute(x)
    square = size * size
    more = size + square / (1 + sqrt(1 + square))
    return copysign(_log1p_or_twice(size, more), x)


@of_floats
@in_double
def arccosh(x: Any) -> Any:
    """``log(x + sqrt(x**2 - 1))``; NaN below 1. 2.5 ulp."""
    above = x - 1
    y = _log1p_or_twice(x, above + sqrt(above * (above + 2)))
    return select(x >= 1, y, np.nan)


@of_floats
@in_double
def arctanh(x: Any) -> Any:
    """``log((1 + x) / (1 - x)) / 2``, near 0 too; NaN beyond 1. 2 ulp."""
    size = absolute(x)
    return copysign(0.5 * log1p(2 * size / (1 - size)), x)
