"""The modified Bessel functions that NumPy's window of Kaiser is made of."""

import numpy as np

from clearprop.primitive import Case, composition, primitive
from clearprop.rules.reduction import array_of


@primitive(
    symbol="Iₙ",
    instead_of_complex="np.real(z) or np.abs(z): its rule is that of real numbers.",
    latex=r"I_n(x)",
    domain=(-9.0, 9.0),
    cases=[Case((3, 4)), Case((3,), n=1), Case((), n=2), Case((0, 3), n=1)],
)
def bessel_i(x, *, n=0):
    if n == 0:
        return np.i0(x)
    # The mean of cosh or sinh of x cos θ, times cos nθ, over a quarter of a turn. The rule of the
    # midpoints is exact for periodic functions: what is left out is I of order 256 and more.
    angles = (np.arange(64) + 0.5) * (np.pi / 128)
    of = np.expand_dims(x, -1) * np.cos(angles).astype(x.dtype)
    y = np.cosh(of) if n % 2 == 0 else np.sinh(of)
    return y @ (np.cos(n * angles) / 64).astype(x.dtype)


@bessel_i.vjp("x", latex=r"\bar y\,(I_{n-1}(x) + I_{n+1}(x)) / 2")
def _(dy, x, *, n):
    if n == 0:
        return dy * bessel_i(x, n=1)
    return dy * (bessel_i(x, n=n - 1) + bessel_i(x, n=n + 1)) / 2


@composition(np.i0)
def i0(x):
    x = array_of(x)
    return bessel_i(x if x.dtype.kind == "f" else x.astype(float))
