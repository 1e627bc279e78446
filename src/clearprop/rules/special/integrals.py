"""The error function's family, normal and other distributions, and integrals without a closed form.

The body of each is SciPy's own function: there is no short text of it in NumPy.
"""

import numpy as np

from clearprop.outside import special
from clearprop.primitive import Case, primitive
from clearprop.rules.exponential import POSITIVE
from clearprop.rules.special.gamma import gammaln
from clearprop.rules.special.series import PARAMETER

_ONE, _TWO = [Case((3,))], [Case((2, 1), (3,))]


@primitive("scipy.special.erfc", latex=r"1 - \operatorname{erf} x", cases=_ONE)
def erfc(x):
    return special.erfc(x)


@erfc.vjp("x", latex=r"-\bar y\,\tfrac{2}{\sqrt\pi} e^{-x^2}")
def _(dy, x):
    return -dy * 1.1283791670955126 * np.exp(-x * x)


@primitive("scipy.special.erfcx", latex=r"e^{x^2} (1 - \operatorname{erf} x)", cases=_ONE)
def erfcx(x):
    return special.erfcx(x)


@erfcx.vjp("x", latex=r"\bar y\,(2 x y - \tfrac{2}{\sqrt\pi})")
def _(dy, y, x):
    return dy * (2 * x * y - 1.1283791670955126)


@primitive("scipy.special.erfi", latex=r"-i \operatorname{erf}(i x)", cases=_ONE)
def erfi(x):
    return special.erfi(x)


@erfi.vjp("x", latex=r"\bar y\,\tfrac{2}{\sqrt\pi} e^{x^2}")
def _(dy, x):
    return dy * 1.1283791670955126 * np.exp(x * x)


@primitive(
    "scipy.special.erfinv", latex=r"\operatorname{erf}^{-1} x", domain=(-0.8, 0.8), cases=_ONE
)
def erfinv(x):
    return special.erfinv(x)


@erfinv.vjp("x", latex=r"\bar y\,\tfrac{\sqrt\pi}{2} e^{y^2}")
def _(dy, y):
    return dy * 0.886226925452758 * np.exp(y * y)


@primitive(
    "scipy.special.erfcinv", latex=r"\operatorname{erf}^{-1}(1 - x)", domain=(0.2, 1.8), cases=_ONE
)
def erfcinv(x):
    return special.erfcinv(x)


@erfcinv.vjp("x", latex=r"-\bar y\,\tfrac{\sqrt\pi}{2} e^{y^2}")
def _(dy, y):
    return -dy * 0.886226925452758 * np.exp(y * y)


@primitive("scipy.special.dawsn", latex=r"e^{-x^2} \textstyle\int_0^x e^{t^2} dt", cases=_ONE)
def dawsn(x):
    return special.dawsn(x)


@dawsn.vjp("x", latex=r"\bar y\,(1 - 2 x y)")
def _(dy, y, x):
    return dy * (1 - 2 * x * y)


# ---- normal distribution ---------------------------------------------------------------------


@primitive("scipy.special.ndtr", latex=r"\Phi(x)", cases=_ONE)
def ndtr(x):
    return special.ndtr(x)


@ndtr.vjp("x", latex=r"\bar y\,\tfrac{1}{\sqrt{2\pi}} e^{-x^2 / 2}")
def _(dy, x):
    return dy * 0.3989422804014327 * np.exp(-x * x / 2)


@primitive("scipy.special.log_ndtr", latex=r"\ln \Phi(x)", cases=_ONE)
def log_ndtr(x):
    return special.log_ndtr(x)


@log_ndtr.vjp("x", latex=r"\bar y\,\tfrac{1}{\sqrt{2\pi}} e^{-x^2 / 2 - y}")
def _(dy, y, x):
    return dy * 0.3989422804014327 * np.exp(-x * x / 2 - y)


@primitive("scipy.special.ndtri", latex=r"\Phi^{-1}(x)", domain=(0.1, 0.9), cases=_ONE)
def ndtri(x):
    return special.ndtri(x)


@ndtri.vjp("x", latex=r"\bar y\,\sqrt{2\pi}\,e^{y^2 / 2}")
def _(dy, y):
    return dy * 2.5066282746310002 * np.exp(y * y / 2)


@primitive("scipy.special.ndtri_exp", latex=r"\Phi^{-1}(e^x)", domain=(-3.0, -0.3), cases=_ONE)
def ndtri_exp(x):
    return special.ndtri_exp(x)


@ndtri_exp.vjp("x", latex=r"\bar y\,\sqrt{2\pi}\,e^{x + y^2 / 2}")
def _(dy, y, x):
    return dy * 2.5066282746310002 * np.exp(x + y * y / 2)


@primitive("scipy.special.owens_t", latex=r"T(h, a)", cases=_TWO)
def owens_t(h, a):
    return special.owens_t(h, a)


@owens_t.vjp(
    "h", latex=r"-\bar y\,\tfrac{1}{2\sqrt{2\pi}} e^{-h^2 / 2} \operatorname{erf}(a h / \sqrt 2)"
)
def _(dy, h, a):
    return -dy * 0.19947114020071635 * np.exp(-h * h / 2) * (2 * ndtr(a * h) - 1)


@owens_t.vjp("a", latex=r"\bar y\,e^{-h^2 (1 + a^2) / 2} / (2\pi (1 + a^2))")
def _(dy, h, a):
    return dy * 0.15915494309189535 * np.exp(-h * h * (1 + a * a) / 2) / (1 + a * a)


# ---- other distributions ---------------------------------------------------------------------


@primitive(
    "scipy.special.stdtr", refused={"df": PARAMETER}, latex=r"P(T_\nu < x)", cases=[Case(2.5, (3,))]
)
def stdtr(df, x):
    return special.stdtr(df, x)


@stdtr.vjp(
    "x",
    latex=r"\bar y\,\tfrac{\Gamma((\nu + 1) / 2)}{\sqrt{\nu\pi}\,\Gamma(\nu / 2)}"
    r" (1 + x^2 / \nu)^{-(\nu + 1) / 2}",
)
def _(dy, df, x):
    return dy * np.exp(_student(df) - (df + 1) / 2 * np.log1p(x * x / df))


def _student(df):
    """Give the logarithm of the density of Student's distribution at 0."""
    return gammaln((df + 1) / 2) - gammaln(df / 2) - np.log(df * 3.141592653589793) / 2


@primitive(
    "scipy.special.chdtr",
    refused={"v": PARAMETER},
    latex=r"P(\chi^2_\nu < x)",
    domain=POSITIVE,
    cases=[Case(2.5, (3,))],
)
def chdtr(v, x):
    return special.chdtr(v, x)


@chdtr.vjp("x", latex=r"\bar y\,\tfrac12 (x/2)^{\nu/2 - 1} e^{-x/2} / \Gamma(\nu/2)")
def _(dy, v, x):
    return dy * np.exp((v / 2 - 1) * np.log(x / 2) - x / 2 - gammaln(v / 2)) / 2


@primitive(
    "scipy.special.chdtrc",
    refused={"v": PARAMETER},
    latex=r"P(\chi^2_\nu > x)",
    domain=POSITIVE,
    cases=[Case(2.5, (3,))],
)
def chdtrc(v, x):
    return special.chdtrc(v, x)


@chdtrc.vjp("x", latex=r"-\bar y\,\tfrac12 (x/2)^{\nu/2 - 1} e^{-x/2} / \Gamma(\nu/2)")
def _(dy, v, x):
    return -dy * np.exp((v / 2 - 1) * np.log(x / 2) - x / 2 - gammaln(v / 2)) / 2


@primitive(
    "scipy.special.pdtr",
    refused={"k": PARAMETER},
    latex=r"\textstyle\sum_{j \le k} e^{-m} m^j / j!",
    domain=POSITIVE,
    cases=[Case(2.5, (3,))],
)
def pdtr(k, m):
    return special.pdtr(k, m)


@pdtr.vjp("m", latex=r"-\bar y\,e^{-m} m^k / k!")
def _(dy, k, m):
    return -dy * np.exp(np.floor(k) * np.log(m) - m - gammaln(np.floor(k) + 1.0))


@primitive(
    "scipy.special.pdtrc",
    refused={"k": PARAMETER},
    latex=r"\textstyle\sum_{j > k} e^{-m} m^j / j!",
    domain=POSITIVE,
    cases=[Case(2.5, (3,))],
)
def pdtrc(k, m):
    return special.pdtrc(k, m)


@pdtrc.vjp("m", latex=r"\bar y\,e^{-m} m^k / k!")
def _(dy, k, m):
    return dy * np.exp(np.floor(k) * np.log(m) - m - gammaln(np.floor(k) + 1.0))


# ---- integrals -------------------------------------------------------------------------------


@primitive("scipy.special.expi", latex=r"\operatorname{Ei}(x)", domain=POSITIVE, cases=_ONE)
def expi(x):
    return special.expi(x)


@expi.vjp("x", latex=r"\bar y\,e^x / x")
def _(dy, x):
    return dy * np.exp(x) / x


@primitive("scipy.special.exp1", latex=r"E_1(x)", domain=POSITIVE, cases=_ONE)
def exp1(x):
    return special.exp1(x)


@exp1.vjp("x", latex=r"-\bar y\,e^{-x} / x")
def _(dy, x):
    return -dy * np.exp(-x) / x


@primitive(
    "scipy.special.expn",
    refused={"n": PARAMETER},
    latex=r"E_n(x)",
    domain=POSITIVE,
    cases=[Case(3, (3,))],
)
def expn(n, x):
    return special.expn(n, x)


@expn.vjp("x", latex=r"-\bar y\,E_{n - 1}(x)")
def _(dy, n, x):
    return -dy * expn(n - 1, x)


@primitive(
    "scipy.special.spence", latex=r"\operatorname{Li}_2(1 - x)", domain=(0.2, 0.8), cases=_ONE
)
def spence(x):
    return special.spence(x)


@spence.vjp("x", latex=r"\bar y \ln x / (1 - x)")
def _(dy, x):
    return dy * np.where(x == 1, -1, np.log(x) / np.where(x == 1, 1, 1 - x))


@primitive(
    "scipy.special.sici",
    outputs=2,
    latex=r"\operatorname{Si}(x),\ \operatorname{Ci}(x)",
    domain=POSITIVE,
    cases=_ONE,
)
def sici(x):
    return special.sici(x)


@sici.vjp("x", latex=r"(\bar y_1 \sin x + \bar y_2 \cos x) / x")
def _(dy, x):
    return (dy[0] * np.sin(x) + dy[1] * np.cos(x)) / x


@primitive(
    "scipy.special.shichi",
    outputs=2,
    latex=r"\operatorname{Shi}(x),\ \operatorname{Chi}(x)",
    domain=POSITIVE,
    cases=_ONE,
)
def shichi(x):
    return special.shichi(x)


@shichi.vjp("x", latex=r"(\bar y_1 \sinh x + \bar y_2 \cosh x) / x")
def _(dy, x):
    return (dy[0] * np.sinh(x) + dy[1] * np.cosh(x)) / x


@primitive("scipy.special.fresnel", outputs=2, latex=r"S(x),\ C(x)", cases=_ONE)
def fresnel(x):
    return special.fresnel(x)


@fresnel.vjp("x", latex=r"\bar y_1 \sin \tfrac{\pi x^2}{2} + \bar y_2 \cos \tfrac{\pi x^2}{2}")
def _(dy, x):
    return dy[0] * np.sin(x * x * 1.5707963267948966) + dy[1] * np.cos(x * x * 1.5707963267948966)


@primitive("scipy.special.wrightomega", latex=r"\omega(x),\ \omega + \ln \omega = x", cases=_ONE)
def wrightomega(x):
    return special.wrightomega(x)


@wrightomega.vjp("x", latex=r"\bar y\,y / (1 + y)")
def _(dy, y):
    return dy * y / (1 + y)
