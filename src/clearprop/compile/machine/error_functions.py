"""The error function and its complement. Bounds are in units in the last place (ulp)."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.machine.coefficients import ERF, ERFC, ERFC_LOG2
from clearprop.compile.machine.exponentials import exp, exp2_bounded
from clearprop.compile.machine.lanes import absolute, copysign, fma, minimum, select
from clearprop.compile.machine.parts import horner, in_double, of_floats, two_product

#: From here on erf rounds to 1.
_ONE = {4: 4.0, 8: 6.05}


@of_floats
def erf(x: Any) -> Any:
    """The error function: up to 1 by a polynomial, beyond as ``1 - 2**p(|x|)``. 2 ulp."""
    size = absolute(x)
    far = minimum(size, _ONE[x.dtype.itemsize])
    large = 1 - exp2_bounded(-far * horner(far, ERFC_LOG2))
    return select(size < 1, fma(horner(x * x, ERF), x, x), copysign(large, x))


@of_floats
@in_double
def erfc(x: Any) -> Any:
    """``1 - erf x``, also where that is tiny. 1 ulp in float32, 6 in float64."""
    size = minimum(absolute(x), 28.0)
    square, lost = two_product(size, size)
    e = exp(-square)
    below = 1 / (size + 4)
    scaled = horner((size - 4) * below, ERFC) / (1 + 2 * size)
    tail = fma(-lost, e, e) * scaled
    near = 1 - fma(horner(x * x, ERF), x, x)
    y = select(absolute(x) < 0.5, near, select(x < 0, 2 - tail, tail))
    return select(x >= -np.inf, y, x)
