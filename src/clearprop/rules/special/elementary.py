"""SciPy's functions that are elementary: differences, entropies, robust losses, degrees.

The bodies of most are NumPy text, so that generated source and compiled loops need no SciPy. The
interpreter calls SciPy's own function, which is the one the user called.
"""

import numpy as np

from clearprop.kinds import ELEMENTWISE
from clearprop.outside import special
from clearprop.primitive import Case, primitive
from clearprop.rules.exponential import POSITIVE, sigmoid
from clearprop.rules.special.series import hyp1f1

_INFINITY = float("inf")
_ONE, _TWO = [Case((3,))], [Case((2, 1), (3,))]


# ---- logistic ---------------------------------------------------------------------------------


@primitive(
    "scipy.special.logit",
    kind=ELEMENTWISE,
    latex=r"\ln\frac{x}{1 - x}",
    domain=(0.05, 0.95),
    cases=_ONE,
)
def logit(x):
    near = np.abs(x - 0.5) < 0.2
    s = np.where(near, 2 * (x - 0.5), 0)
    return np.where(near, np.log1p(s) - np.log1p(-s), np.log(x / (1 - x)))


@logit.vjp("x", latex=r"\bar y / (x(1 - x))")
def _(dy, x):
    return dy / (x * (1 - x))


@primitive(
    "scipy.special.log_expit",
    kind=ELEMENTWISE,
    symbol="log σ",
    instead_of_complex="-np.log(1 + np.exp(-z))",
    latex=r"\ln\sigma(x)",
    domain=(-6, 6),
    cases=_ONE,
)
def log_expit(x):
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


@log_expit.vjp("x", latex=r"\bar y\,\sigma(-x)")
def _(dy, x):
    return dy * sigmoid(-x)


# ---- exponentials and angles ------------------------------------------------------------------


@primitive("scipy.special.exp10", kind=ELEMENTWISE, latex="10^x", cases=_ONE)
def exp10(x):
    return np.power(10.0, x)


@exp10.vjp("x", latex=r"\bar y\,y \ln 10")
def _(dy, y):
    return dy * y * 2.302585092994046


@primitive(
    "scipy.special.exprel",
    kind=ELEMENTWISE,
    latex=r"(e^x - 1) / x",
    domain=(0.3, 3.0),
    cases=_ONE,
)
def exprel(x):
    return np.where(x == 0, 1, np.expm1(x) / np.where(x == 0, 1, x))


@exprel.vjp("x", latex=r"\tfrac12 \bar y\,{}_1F_1(2, 3, x)")
def _(dy, x):
    return dy * hyp1f1(2.0, 3.0, x) / 2  # (e^x (x - 1) + 1) / x^2, without its cancellation at 0


@primitive("scipy.special.cosm1", kind=ELEMENTWISE, latex=r"\cos x - 1", cases=_ONE)
def cosm1(x):
    half = np.sin(x / 2)
    return -2 * half * half


@cosm1.vjp("x", latex=r"-\bar y \sin x")
def _(dy, x):
    return -dy * np.sin(x)


@primitive(
    "scipy.special.powm1",
    latex="x_1^{x_2} - 1",
    domain=POSITIVE,
    cases=_TWO,
)
def powm1(x1, x2):
    return special.powm1(x1, x2)


@powm1.vjp("x1", latex=r"\bar y\,x_2 x_1^{x_2 - 1}")
def _(dy, x1, x2):
    return dy * x2 * x1 ** (x2 - 1)


@powm1.vjp("x2", latex=r"\bar y\,(y + 1) \ln x_1")
def _(dy, y, x1):
    return dy * (y + 1) * np.log(x1)


# ---- entropies --------------------------------------------------------------------------------


@primitive(
    "scipy.special.xlogy",
    kind=ELEMENTWISE,
    latex=r"x_1 \ln x_2",
    domain=POSITIVE,
    cases=_TWO,
)
def xlogy(x1, x2):
    zero = (x1 == 0) & ~np.isnan(x2)
    return np.where(zero, 0, x1 * np.log(np.where(zero, 1, x2)))


@xlogy.vjp("x1", latex=r"\bar y \ln x_2")
def _(dy, x2):
    return dy * np.log(x2)


@xlogy.vjp("x2", latex=r"\bar y\,x_1 / x_2")
def _(dy, x1, x2):
    return dy * _over(x1, x2)


def _over(x1, x2):
    """Give ``x1 / x2``, and 0 for ``0 / 0``."""
    return x1 / np.where((x1 == 0) & (x2 == 0), 1, x2)


@primitive(
    "scipy.special.xlog1py",
    kind=ELEMENTWISE,
    latex=r"x_1 \ln(1 + x_2)",
    domain=POSITIVE,
    cases=_TWO,
)
def xlog1py(x1, x2):
    zero = (x1 == 0) & ~np.isnan(x2)
    return np.where(zero, 0, x1 * np.log1p(np.where(zero, 0, x2)))


@xlog1py.vjp("x1", latex=r"\bar y \ln(1 + x_2)")
def _(dy, x2):
    return dy * np.log1p(x2)


@xlog1py.vjp("x2", latex=r"\bar y\,x_1 / (1 + x_2)")
def _(dy, x1, x2):
    return dy * _over(x1, 1 + x2)


@primitive("scipy.special.entr", kind=ELEMENTWISE, latex=r"-x \ln x", domain=POSITIVE, cases=_ONE)
def entr(x):
    inside = np.where(x > 0, x, 1)
    return np.where(x < 0, -_INFINITY, np.where(x == 0, 0, np.where(x > 0, -x * np.log(inside), x)))


@entr.vjp("x", latex=r"-\bar y\,(\ln x + 1)")
def _(dy, x):
    return -dy * (np.log(x) + 1)


@primitive(
    "scipy.special.rel_entr",
    kind=ELEMENTWISE,
    latex=r"x_1 \ln(x_1 / x_2)",
    domain=POSITIVE,
    cases=_TWO,
)
def rel_entr(x1, x2):
    both = (x1 > 0) & (x2 > 0)
    ratio = np.where(both, x1, 1) / np.where(both, x2, 1)
    outside = np.where((x1 == 0) & (x2 >= 0), 0, np.where(~np.isnan(x1 + x2), _INFINITY, x1 + x2))
    return np.where(both, x1 * np.log(ratio), outside)


@rel_entr.vjp("x1", latex=r"\bar y\,(\ln(x_1 / x_2) + 1)")
def _(dy, x1, x2):
    return dy * (np.log(x1 / x2) + 1)


@rel_entr.vjp("x2", latex=r"-\bar y\,x_1 / x_2")
def _(dy, x1, x2):
    return -dy * _over(x1, x2)


@primitive(
    "scipy.special.kl_div",
    kind=ELEMENTWISE,
    latex=r"x_1 \ln(x_1 / x_2) - x_1 + x_2",
    domain=((0.2, 1.0), (1.5, 3.0)),
    cases=_TWO,
)
def kl_div(x1, x2):
    both = (x1 > 0) & (x2 > 0)
    ratio = np.where(both, x1, 1) / np.where(both, x2, 1)
    outside = np.where((x1 == 0) & (x2 >= 0), x2, np.where(~np.isnan(x1 + x2), _INFINITY, x1 + x2))
    return np.where(both, x1 * np.log(ratio) - x1 + x2, outside)


@kl_div.vjp("x1", latex=r"\bar y \ln(x_1 / x_2)")
def _(dy, x1, x2):
    return dy * np.log(x1 / x2)


@kl_div.vjp("x2", latex=r"\bar y\,(1 - x_1 / x_2)")
def _(dy, x1, x2):
    return dy * (1 - _over(x1, x2))


# ---- robust losses ----------------------------------------------------------------------------


@primitive(
    "scipy.special.huber",
    kind=ELEMENTWISE,
    instead_of_complex="np.real(z) or np.abs(z): its rule is that of real numbers.",
    latex=r"\tfrac12 r^2,\ \delta(\lvert r \rvert - \tfrac12\delta)",
    domain=((0.5, 1.0), (-3.0, 3.0)),
    cases=_TWO,
)
def huber(delta, r):
    a = np.abs(r)
    inside = np.where(a <= delta, r * r / 2, delta * (a - delta / 2))
    return np.where(delta < 0, _INFINITY, inside)


@huber.vjp("delta", latex=r"\bar y \max(\lvert r \rvert - \delta, 0)")
def _(dy, delta, r):
    return dy * np.maximum(np.abs(r) - delta, 0)


@huber.vjp("r", latex=r"\bar y \min(\max(r, -\delta), \delta)")
def _(dy, delta, r):
    return dy * np.minimum(np.maximum(r, -delta), delta)


@primitive(
    "scipy.special.pseudo_huber",
    kind=ELEMENTWISE,
    latex=r"\delta^2 (\sqrt{1 + (r / \delta)^2} - 1)",
    domain=((0.5, 1.5), (-3.0, 3.0)),
    cases=_TWO,
)
def pseudo_huber(delta, r):
    v = r / np.where(delta == 0, 1, delta)
    inside = delta * delta * np.expm1(np.log1p(v * v) / 2)
    return np.where(delta < 0, _INFINITY, np.where(delta == 0, 0, inside))


@pseudo_huber.vjp("delta", latex=r"\bar y\,(2 y / \delta - r^2 / (\delta s))")
def _(dy, delta, r):
    v = r / np.where(delta == 0, 1, delta)
    s = np.sqrt(1 + v * v)
    return dy * delta * (2 * np.expm1(np.log1p(v * v) / 2) - v * v / s)


@pseudo_huber.vjp("r", latex=r"\bar y\,r / s,\ s = \sqrt{1 + (r / \delta)^2}")
def _(dy, delta, r):
    v = r / np.where(delta == 0, 1, delta)
    return dy * r / np.sqrt(1 + v * v) * (delta != 0)


# ---- angles in degrees --------------------------------------------------------------------------

_DEGREE = 0.017453292519943295  # in radians


@primitive("scipy.special.sindg", latex=r"\sin x°", domain=(-80, 80), cases=_ONE)
def sindg(x):
    return special.sindg(x)


@sindg.vjp("x", latex=r"\tfrac{\pi}{180} \bar y \cos x°")
def _(dy, x):
    return dy * _DEGREE * cosdg(x)


@primitive("scipy.special.cosdg", latex=r"\cos x°", domain=(-80, 80), cases=_ONE)
def cosdg(x):
    return special.cosdg(x)


@cosdg.vjp("x", latex=r"-\tfrac{\pi}{180} \bar y \sin x°")
def _(dy, x):
    return -dy * _DEGREE * sindg(x)


@primitive("scipy.special.tandg", latex=r"\tan x°", domain=(-80, 80), cases=_ONE)
def tandg(x):
    return special.tandg(x)


@tandg.vjp("x", latex=r"\tfrac{\pi}{180} \bar y\,(1 + y^2)")
def _(dy, y):
    return dy * _DEGREE * (1 + y * y)


@primitive("scipy.special.cotdg", latex=r"\cot x°", domain=(10, 80), cases=_ONE)
def cotdg(x):
    return special.cotdg(x)


@cotdg.vjp("x", latex=r"-\tfrac{\pi}{180} \bar y\,(1 + y^2)")
def _(dy, y):
    return -dy * _DEGREE * (1 + y * y)
