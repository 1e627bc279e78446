"""Exponentials, logarithms, and the smooth steps built from them."""

import numpy as np

from clearprop.kinds import ELEMENTWISE
from clearprop.primitive import Case, primitive
from clearprop.rules.complex import is_complex

POSITIVE = (0.2, 3.0)


@primitive(np.exp, latex="e^x")
def exp(x):
    return np.exp(x)


@exp.vjp("x", latex=r"\bar y\,y")
def _(dy, y):
    return dy * y


@primitive([np.expm1, "scipy.special.expm1"], latex="e^x - 1")
def expm1(x):
    return np.expm1(x)


@expm1.vjp("x", latex=r"\bar y\,(y + 1)")
def _(dy, y):
    return dy * (y + 1)


@primitive([np.exp2, "scipy.special.exp2"], latex="2^x")
def exp2(x):
    return np.exp2(x)


@exp2.vjp("x", latex=r"\bar y\,y \ln 2")
def _(dy, y):
    return dy * y * 0.6931471805599453


@primitive(np.log, latex=r"\ln x", domain=POSITIVE)
def log(x):
    return np.log(x)


@log.vjp("x", latex=r"\bar y / x")
def _(dy, x):
    return dy / x


@primitive([np.log1p, "scipy.special.log1p"], latex=r"\ln(1 + x)", domain=(-0.5, 2.0))
def log1p(x):
    return np.log1p(x)


@log1p.vjp("x", latex=r"\bar y / (1 + x)")
def _(dy, x):
    return dy / (1 + x)


@primitive(np.log2, latex=r"\log_2 x", domain=POSITIVE)
def log2(x):
    return np.log2(x)


@log2.vjp("x", latex=r"\bar y / (x \ln 2)")
def _(dy, x):
    return dy / (x * 0.6931471805599453)


@primitive(np.log10, latex=r"\log_{10} x", domain=POSITIVE)
def log10(x):
    return np.log10(x)


@log10.vjp("x", latex=r"\bar y / (x \ln 10)")
def _(dy, x):
    return dy / (x * 2.302585092994046)


@primitive(np.logaddexp, latex=r"\ln(e^{x_1} + e^{x_2})")
def logaddexp(x1, x2):
    larger = np.maximum(x1, x2)
    apart = larger + np.log1p(np.exp(np.minimum(x1, x2) - larger))
    return np.where(x1 == x2, x1 + 0.6931471805599453, apart)  # infinities minus themselves


@logaddexp.vjp("x1", latex=r"\bar y\,\sigma(x_1 - x_2)")
def _(dy, x1, x2):
    return dy * sigmoid(_apart(dy, x1, x2))


@logaddexp.vjp("x2", latex=r"\bar y\,\sigma(x_2 - x_1)")
def _(dy, x1, x2):
    return dy * sigmoid(_apart(dy, x2, x1))


def _apart(dy, x1, x2):
    """Give ``x1 - x2``, and 0 between equal infinities: each has half of the gradient."""
    same = (x1 == x2) & np.isinf(x2)
    zero = np.zeros_like(dy)  # of the result's dtype, where x1 and x2 may be Python numbers
    return np.where(same, zero, x1) - np.where(same, zero, x2)


@primitive(np.logaddexp2, latex=r"\log_2(2^{x_1} + 2^{x_2})")
def logaddexp2(x1, x2):
    larger = np.maximum(x1, x2)
    apart = larger + np.log1p(np.exp2(np.minimum(x1, x2) - larger)) * 1.4426950408889634
    return np.where(x1 == x2, x1 + 1.0, apart)  # infinities minus themselves


@logaddexp2.vjp("x1", latex=r"\bar y\,\sigma((x_1 - x_2) \ln 2)")
def _(dy, x1, x2):
    return dy * sigmoid(_apart(dy, x1, x2) * 0.6931471805599453)


@logaddexp2.vjp("x2", latex=r"\bar y\,\sigma((x_2 - x_1) \ln 2)")
def _(dy, x1, x2):
    return dy * sigmoid(_apart(dy, x2, x1) * 0.6931471805599453)


@primitive(np.tanh, latex=r"\tanh x", domain=(-3, 3))
def tanh(x):
    return np.tanh(x)


@tanh.vjp("x", latex=r"\bar y\,(1 - y^2)")
def _(dy, y):
    return dy * (1 - y * y)


@primitive(np.sinh, latex=r"\sinh x")
def sinh(x):
    return np.sinh(x)


@sinh.vjp("x", latex=r"\bar y \cosh x")
def _(dy, x):
    return dy * np.cosh(x)


@primitive(np.cosh, latex=r"\cosh x")
def cosh(x):
    return np.cosh(x)


@cosh.vjp("x", latex=r"\bar y \sinh x")
def _(dy, x):
    return dy * np.sinh(x)


@primitive(np.arcsinh, latex=r"\operatorname{arcsinh} x")
def arcsinh(x):
    return np.arcsinh(x)


@arcsinh.vjp("x", latex=r"\bar y / \sqrt{x^2 + 1}")
def _(dy, x):
    return dy / np.sqrt(x * x + 1)


@primitive(np.arccosh, latex=r"\operatorname{arccosh} x", domain=(1.3, 3.0))
def arccosh(x):
    return np.arccosh(x)


@arccosh.vjp("x", latex=r"\bar y / \sqrt{x^2 - 1}")
def _(dy, x):
    if is_complex(x):  # the root of the product has its cut elsewhere
        return dy / (np.sqrt(x - 1) * np.sqrt(x + 1))
    return dy / np.sqrt((x - 1) * (x + 1))


@primitive(np.arctanh, latex=r"\operatorname{arctanh} x", domain=(-0.8, 0.8))
def arctanh(x):
    return np.arctanh(x)


@arctanh.vjp("x", latex=r"\bar y / (1 - x^2)")
def _(dy, x):
    return dy / ((1 - x) * (1 + x))


def _sigmoid(x):
    if getattr(x, "dtype", None) in (np.complex128, np.complex64):
        raise TypeError("ufunc 'expit' not supported for complex numbers")  # as SciPy has it
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@primitive(
    "scipy.special.expit",
    implementation=_sigmoid,
    kind=ELEMENTWISE,
    symbol="σ",
    instead_of_complex="1 / (1 + np.exp(-z))",
    latex=r"\frac{1}{1 + e^{-x}}",
    domain=(-6, 6),
    cases=[Case((3, 4)), Case(())],
)
def sigmoid(x):
    e = np.exp(-np.abs(x))  # never above 1, so nothing overflows at -1000
    return np.where(x >= 0, 1, e) / (1 + e)


@sigmoid.vjp("x", latex=r"\bar y\,y(1 - y)")
def _(dy, y):
    return dy * y * (1 - y)


@primitive(
    "scipy.special.erf",
    kind=ELEMENTWISE,
    latex=r"\operatorname{erf} x",
    instead_of_complex="np.real(z), or a sum of terms: this erf is that of real numbers.",
    domain=(-3, 3),
    cases=[Case((3, 4)), Case(())],
)
def erf(x):
    # W. J. Cody, Rational Chebyshev approximations for the error function,
    # Mathematics of Computation 23 (1969): one rational function on |x| < 0.5, one beyond.
    a = np.abs(x)
    s = np.minimum(a, 0.5) * np.minimum(a, 0.5)
    p = (0.18577770618460315 * s + 3.1611237438705656) * s + 113.86415415105016
    p = (p * s + 377.485237685302) * s + 3209.3775891384695
    q = ((s + 23.601290952344122) * s + 244.02463793444417) * s + 1282.6165260773723
    q = q * s + 2844.236833439171
    t = np.minimum(np.maximum(a, 0.46875), 6.0)
    u = ((2.1531153547440385e-8 * t + 0.5641884969886701) * t + 8.883149794388376) * t
    u = ((u + 66.11919063714163) * t + 298.6351381974001) * t + 881.952221241769
    u = ((u * t + 1712.0476126340707) * t + 2051.0783778260716) * t + 1230.3393547979972
    v = ((t + 15.744926110709835) * t + 117.6939508913125) * t + 537.1811018620099
    v = ((v * t + 1621.3895745666903) * t + 3290.7992357334597) * t + 4362.619090143247
    v = (v * t + 3439.3676741437216) * t + 1230.3393548037495
    large = 1 - np.exp(-t * t) * u / v
    return np.where(a < 0.46875, x * p / q, np.where(x < 0, -large, large))


@erf.vjp("x", latex=r"\bar y\,\tfrac{2}{\sqrt\pi} e^{-x^2}")
def _(dy, x):
    return dy * 1.1283791670955126 * np.exp(-x * x)


@primitive(
    kind=ELEMENTWISE,
    symbol="log",
    latex=r"\ln\max(x, \epsilon)",
    domain=(0.0, 1.0),
    cases=[Case((3, 4), eps=1e-7), Case((3, 4), eps=0.25)],
)
def safe_log(x, *, eps):
    # Below eps the logarithm goes on as its tangent: finite, and the derivative stays true.
    return np.where(x < eps, float(np.log(eps)) + (x - eps) / eps, np.log(np.maximum(x, eps)))


@safe_log.vjp("x", latex=r"\bar y / \max(x, \epsilon)")
def _(dy, x, *, eps):
    return dy / np.maximum(x, eps)
