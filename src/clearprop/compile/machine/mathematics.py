"""What NumPy's elementwise functions do, as machine code: a table by their names.

None of them calls a library. How far a result may be from the true one is stated where the function
is written; values at the edges (infinities, NaN, signed zeros) are NumPy's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compile.machine import (
    division,
    error_functions,
    exponentials,
    hyperbolic,
    logarithms,
    powers,
    trigonometry,
)
from clearprop.compile.machine.lanes import (
    absolute,
    ceil,
    convert,
    copysign,
    floor,
    fmax,
    fmin,
    in_floats,
    isfinite,
    isinf,
    isnan,
    maximum,
    meet,
    minimum,
    rint,
    select,
    signbit,
    sqrt,
    trunc,
)


def square(x: Any) -> Any:
    """``x * x``."""
    return x * x


def reciprocal(x: Any) -> Any:
    """``1 / x``; of an integer: the whole part of that, 0 where x is 0."""
    return 1 / x if x.dtype.kind == "f" else division.truncated_quotient(1, x)


def sign(x: Any) -> Any:
    """-1, 0 or 1; NaN of NaN."""
    if x.dtype.kind == "u":
        return select(x > 0, 1, x)
    signed = select(x > 0, 1, select(x < 0, -1, x))
    return select(x == 0, 0, signed) if x.dtype.kind == "f" else signed


def heaviside(x1: Any, x2: Any) -> Any:
    """0 below 0, 1 above, x2 at 0; NaN of NaN."""
    a, b = meet(x1, x2)
    return select(a < 0, 0, select(a > 0, 1, select(a == 0, b, a)))


def clip(x: Any, low: Any, high: Any) -> Any:
    """``minimum(maximum(x, low), high)``; a bound that is None is no bound."""
    if low is not None:
        x = maximum(x, low)
    return x if high is None else minimum(x, high)


def fabs(x: Any) -> Any:
    """``|x|`` as a float."""
    return absolute(in_floats(x))


def _logical(combine: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def function(x1: Any, x2: Any) -> Any:
        a, b = meet(x1, x2)
        return combine(convert(a, bool), convert(b, bool))

    return function


def logical_not(x: Any) -> Any:
    """Whether x is 0."""
    return ~convert(x, bool)


def _itself(x: Any) -> Any:
    return x


def deg2rad(x: Any) -> Any:
    """``x * (pi / 180)``, pi of x's dtype."""
    x = in_floats(x)
    return x * (x.dtype.type(np.pi) / x.dtype.type(180))


def rad2deg(x: Any) -> Any:
    """``x * (180 / pi)``, pi of x's dtype."""
    x = in_floats(x)
    return x * (x.dtype.type(180) / x.dtype.type(np.pi))


#: The functions by the names that NumPy's text has for them.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": absolute,
    "absolute": absolute,
    "add": operator.add,
    "arccos": trigonometry.arccos,
    "arccosh": hyperbolic.arccosh,
    "arcsin": trigonometry.arcsin,
    "arcsinh": hyperbolic.arcsinh,
    "arctan": trigonometry.arctan,
    "arctan2": trigonometry.arctan2,
    "arctanh": hyperbolic.arctanh,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "cbrt": powers.cbrt,
    "ceil": ceil,
    "clip": clip,
    "conjugate": _itself,
    "copysign": copysign,
    "cos": trigonometry.cos,
    "cosh": exponentials.cosh,
    "deg2rad": deg2rad,
    "divide": operator.truediv,
    "equal": operator.eq,
    "erf": error_functions.erf,
    "erfc": error_functions.erfc,
    "exp": exponentials.exp,
    "exp2": exponentials.exp2,
    "expm1": exponentials.expm1,
    "fabs": fabs,
    "floor": floor,
    "floor_divide": division.floor_divide,
    "fmax": fmax,
    "fmin": fmin,
    "fmod": division.fmod,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "heaviside": heaviside,
    "hypot": powers.hypot,
    "invert": operator.invert,
    "isfinite": isfinite,
    "isinf": isinf,
    "isnan": isnan,
    "left_shift": operator.lshift,
    "less": operator.lt,
    "less_equal": operator.le,
    "log": logarithms.log,
    "log10": logarithms.log10,
    "log1p": logarithms.log1p,
    "log2": logarithms.log2,
    "logaddexp": logarithms.logaddexp,
    "logaddexp2": logarithms.logaddexp2,
    "logical_and": _logical(operator.and_),
    "logical_not": logical_not,
    "logical_or": _logical(operator.or_),
    "logical_xor": _logical(operator.xor),
    "maximum": maximum,
    "minimum": minimum,
    "multiply": operator.mul,
    "negative": operator.neg,
    "not_equal": operator.ne,
    "positive": _itself,
    "power": powers.power,
    "rad2deg": rad2deg,
    "reciprocal": reciprocal,
    "remainder": division.remainder,
    "right_shift": operator.rshift,
    "rint": rint,
    "sigmoid": exponentials.sigmoid,
    "sign": sign,
    "signbit": signbit,
    "sin": trigonometry.sin,
    "sinh": exponentials.sinh,
    "softplus": logarithms.softplus,
    "sqrt": sqrt,
    "square": square,
    "subtract": operator.sub,
    "tan": trigonometry.tan,
    "tanh": exponentials.tanh,
    "trunc": trunc,
    "where": select,
}
