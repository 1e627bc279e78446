"""Bessel functions and Airy's, by M. Abramowitz and I. A. Stegun, sections 9.1, 9.6 and 10.4.

The body of each is SciPy's own function: there is no short text of it in NumPy.
"""

import numpy as np

from clearprop.outside import special
from clearprop.primitive import Case, primitive
from clearprop.rules.exponential import POSITIVE

ORDER = "The derivative of a Bessel function with respect to its order has no closed form."
_ONE, _OF_ORDER = [Case((3,))], [Case(1.5, (3,))]


@primitive("scipy.special.j0", latex=r"J_0(x)", cases=_ONE)
def j0(x):
    return special.j0(x)


@j0.vjp("x", latex=r"-\bar y\,J_1(x)")
def _(dy, x):
    return -dy * j1(x)


@primitive("scipy.special.j1", latex=r"J_1(x)", cases=_ONE)
def j1(x):
    return special.j1(x)


@j1.vjp("x", latex=r"\tfrac12 \bar y\,(J_0(x) - J_2(x))")
def _(dy, x):
    return dy * (j0(x) - jv(2, x)) / 2


@primitive("scipy.special.y0", latex=r"Y_0(x)", domain=POSITIVE, cases=_ONE)
def y0(x):
    return special.y0(x)


@y0.vjp("x", latex=r"-\bar y\,Y_1(x)")
def _(dy, x):
    return -dy * y1(x)


@primitive("scipy.special.y1", latex=r"Y_1(x)", domain=POSITIVE, cases=_ONE)
def y1(x):
    return special.y1(x)


@y1.vjp("x", latex=r"\bar y\,(Y_0(x) - y / x)")
def _(dy, y, x):
    return dy * (y0(x) - y / x)


@primitive("scipy.special.i0", latex=r"I_0(x)", cases=_ONE)
def i0(x):
    return special.i0(x)


@i0.vjp("x", latex=r"\bar y\,I_1(x)")
def _(dy, x):
    return dy * i1(x)


@primitive("scipy.special.i1", latex=r"I_1(x)", cases=_ONE)
def i1(x):
    return special.i1(x)


@i1.vjp("x", latex=r"\tfrac12 \bar y\,(I_0(x) + I_2(x))")
def _(dy, x):
    return dy * (i0(x) + iv(2, x)) / 2


@primitive("scipy.special.i0e", latex=r"e^{-\lvert x \rvert} I_0(x)", cases=_ONE)
def i0e(x):
    return special.i0e(x)


@i0e.vjp("x", latex=r"\bar y\,(e^{-\lvert x \rvert} I_1(x) - \operatorname{sign}(x)\,y)")
def _(dy, y, x):
    return dy * (i1e(x) - np.sign(x) * y)


@primitive("scipy.special.i1e", latex=r"e^{-\lvert x \rvert} I_1(x)", cases=_ONE)
def i1e(x):
    return special.i1e(x)


@i1e.vjp(
    "x",
    latex=r"\tfrac12 \bar y\,e^{-\lvert x \rvert} (I_0(x) + I_2(x))"
    r" - \bar y \operatorname{sign}(x)\,y",
)
def _(dy, y, x):
    return dy * ((i0e(x) + ive(2, x)) / 2 - np.sign(x) * y)


@primitive("scipy.special.k0", latex=r"K_0(x)", domain=POSITIVE, cases=_ONE)
def k0(x):
    return special.k0(x)


@k0.vjp("x", latex=r"-\bar y\,K_1(x)")
def _(dy, x):
    return -dy * k1(x)


@primitive("scipy.special.k1", latex=r"K_1(x)", domain=POSITIVE, cases=_ONE)
def k1(x):
    return special.k1(x)


@k1.vjp("x", latex=r"-\bar y\,(K_0(x) + y / x)")
def _(dy, y, x):
    return -dy * (k0(x) + y / x)


@primitive("scipy.special.k0e", latex=r"e^x K_0(x)", domain=POSITIVE, cases=_ONE)
def k0e(x):
    return special.k0e(x)


@k0e.vjp("x", latex=r"\bar y\,(y - e^x K_1(x))")
def _(dy, y, x):
    return dy * (y - k1e(x))


@primitive("scipy.special.k1e", latex=r"e^x K_1(x)", domain=POSITIVE, cases=_ONE)
def k1e(x):
    return special.k1e(x)


@k1e.vjp("x", latex=r"\bar y\,(y - e^x K_0(x) - y / x)")
def _(dy, y, x):
    return dy * (y - k0e(x) - y / x)


# ---- of any order ----------------------------------------------------------------------------


@primitive(
    ["scipy.special.jv", "scipy.special.jn"],
    refused={"v": ORDER},
    latex=r"J_\nu(x)",
    domain=POSITIVE,
    cases=_OF_ORDER,
)
def jv(v, x):
    return special.jv(v, x)


@jv.vjp("x", latex=r"\tfrac12 \bar y\,(J_{\nu - 1}(x) - J_{\nu + 1}(x))")
def _(dy, v, x):
    return dy * (jv(v - 1, x) - jv(v + 1, x)) / 2


@primitive(
    "scipy.special.yv", refused={"v": ORDER}, latex=r"Y_\nu(x)", domain=POSITIVE, cases=_OF_ORDER
)
def yv(v, x):
    return special.yv(v, x)


@yv.vjp("x", latex=r"\tfrac12 \bar y\,(Y_{\nu - 1}(x) - Y_{\nu + 1}(x))")
def _(dy, v, x):
    return dy * (yv(v - 1, x) - yv(v + 1, x)) / 2


@primitive(
    "scipy.special.iv", refused={"v": ORDER}, latex=r"I_\nu(x)", domain=POSITIVE, cases=_OF_ORDER
)
def iv(v, x):
    return special.iv(v, x)


@iv.vjp("x", latex=r"\tfrac12 \bar y\,(I_{\nu - 1}(x) + I_{\nu + 1}(x))")
def _(dy, v, x):
    return dy * (iv(v - 1, x) + iv(v + 1, x)) / 2


@primitive(
    "scipy.special.ive",
    refused={"v": ORDER},
    instead_of_complex="np.real(z) or np.abs(z): its rule is that of real numbers.",
    latex=r"e^{-\lvert x \rvert} I_\nu(x)",
    domain=POSITIVE,
    cases=_OF_ORDER,
)
def ive(v, x):
    return special.ive(v, x)


@ive.vjp(
    "x",
    latex=r"\tfrac12 \bar y\,e^{-\lvert x \rvert} (I_{\nu - 1}(x) + I_{\nu + 1}(x))"
    r" - \bar y \operatorname{sign}(x)\,y",
)
def _(dy, y, v, x):
    return dy * ((ive(v - 1, x) + ive(v + 1, x)) / 2 - np.sign(x) * y)


@primitive(
    "scipy.special.kv", refused={"v": ORDER}, latex=r"K_\nu(x)", domain=POSITIVE, cases=_OF_ORDER
)
def kv(v, x):
    return special.kv(v, x)


@kv.vjp("x", latex=r"-\tfrac12 \bar y\,(K_{\nu - 1}(x) + K_{\nu + 1}(x))")
def _(dy, v, x):
    return -dy * (kv(v - 1, x) + kv(v + 1, x)) / 2


@primitive(
    "scipy.special.kve",
    refused={"v": ORDER},
    latex=r"e^x K_\nu(x)",
    domain=POSITIVE,
    cases=_OF_ORDER,
)
def kve(v, x):
    return special.kve(v, x)


@kve.vjp("x", latex=r"\bar y\,y - \tfrac12 \bar y\,e^x (K_{\nu - 1}(x) + K_{\nu + 1}(x))")
def _(dy, y, v, x):
    return dy * (y - (kve(v - 1, x) + kve(v + 1, x)) / 2)


@primitive(
    "scipy.special.yn",
    refused={"n": ORDER},
    latex=r"Y_n(x)",
    domain=POSITIVE,
    cases=[Case(2, (3,))],
)
def yn(n, x):
    return special.yn(n, x)


@yn.vjp("x", latex=r"\tfrac12 \bar y\,(Y_{n - 1}(x) - Y_{n + 1}(x))")
def _(dy, n, x):
    return dy * (yn(n - 1, x) - yn(n + 1, x)) / 2


@primitive(
    "scipy.special.kn",
    refused={"n": ORDER},
    latex=r"K_n(x)",
    domain=POSITIVE,
    cases=[Case(2, (3,))],
)
def kn(n, x):
    return special.kn(n, x)


@kn.vjp("x", latex=r"-\tfrac12 \bar y\,(K_{n - 1}(x) + K_{n + 1}(x))")
def _(dy, n, x):
    return -dy * (kn(abs(n - 1), x) + kn(n + 1, x)) / 2


@primitive(
    "scipy.special.airy",
    outputs=4,
    latex=r"\operatorname{Ai}, \operatorname{Ai}', \operatorname{Bi}, \operatorname{Bi}'",
    cases=_ONE,
)
def airy(x):
    return tuple(special.airy(x))


@airy.vjp("x", latex=r"\bar y_1 y_2 + \bar y_2\,x\,y_1 + \bar y_3 y_4 + \bar y_4\,x\,y_3")
def _(dy, y, x):
    return dy[0] * y[1] + dy[1] * x * y[0] + dy[2] * y[3] + dy[3] * x * y[2]
