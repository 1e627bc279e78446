"""Real and imaginary parts, and what rules need of complex numbers.

Cotangents are paired without conjugation, as in JAX and HIPS autograd: the rule of a holomorphic
function is the same text for real and for complex numbers. Only what is not holomorphic says so.
"""

import numpy as np

from clearprop.kinds import ELEMENTWISE, OPAQUE
from clearprop.primitive import Case, composition, primitive

#: A few numbers, none near an axis or near the cut of a root or a logarithm.
NUMBERS = np.array([[0.8 + 0.6j, 1.2 - 0.7j], [0.5 + 1.1j, 0.9 - 0.3j]])


def is_complex(x):
    """Whether a value is complex by its type."""
    return type(x) is complex or getattr(getattr(x, "dtype", None), "kind", "") == "c"


def conjugated(x):
    """Conjugate complex numbers, and leave others as they are, without a step on the record."""
    return np.conjugate(x) if is_complex(x) else x


@primitive(symbol="Re", kind=ELEMENTWISE, latex=r"\operatorname{Re} z", cases=[Case(NUMBERS)])
def real_part(z):
    return np.real(z)


@real_part.vjp("z", latex=r"\bar y")
def _(dy):
    return dy


@real_part.view
def _(base, y):
    return complex_of(y, np.imag(base))


@primitive(symbol="Im", kind=ELEMENTWISE, latex=r"\operatorname{Im} z", cases=[Case(NUMBERS)])
def imag_part(z):
    return np.imag(z)


@imag_part.vjp("z", latex=r"-i\,\bar y")
def _(dy):
    return dy * -1j


@imag_part.view
def _(base, y):
    return complex_of(np.real(base), y)


@primitive(
    kind=OPAQUE,
    symbol="x+iy",
    latex="x_1 + i x_2",
    cases=[Case((3, 4), (3, 4)), Case((3, 4), (4,)), Case((), ())],
)
def complex_of(x1, x2):
    # Not x1 + 1j * x2: the product would make a NaN of an infinite x2.
    y = np.empty(np.broadcast_shapes(np.shape(x1), np.shape(x2)), np.result_type(x1, x2, 1j))
    y.real, y.imag = x1, x2
    return y[()]


@complex_of.vjp("x1", latex=r"\operatorname{Re} \bar y")
def _(dy):
    return np.real(dy)


@complex_of.vjp("x2", latex=r"-\operatorname{Im} \bar y")
def _(dy):
    return -np.imag(dy)


@composition(np.real)
def real(val):
    return real_part(val) if is_complex(val) else val


@composition(np.imag)
def imag(val):
    return imag_part(val) if is_complex(val) else np.zeros_like(val)


@composition(np.angle)
def angle(z, deg=False):
    y = np.arctan2(np.imag(z), np.real(z))
    return y * (180 / np.pi) if deg else y


@composition(np.real_if_close)
def real_if_close(a, tol=100):
    if not is_complex(a):
        return a
    limit = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    return np.real(a) if np.all(np.abs(np.imag(a)) < limit) else a


@composition(np.isreal)
def isreal(x):
    return np.equal(np.imag(x), 0)


@composition(np.iscomplex)
def iscomplex(x):
    return np.not_equal(np.imag(x), 0)
