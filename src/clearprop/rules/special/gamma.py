"""The gamma function's family.

The body of each is SciPy's own function: there is no short text of it in NumPy.
"""

import numpy as np

from clearprop.outside import special
from clearprop.primitive import Case, primitive
from clearprop.rules.exponential import POSITIVE
from clearprop.rules.special.series import PARAMETER

_ONE, _TWO = [Case((3,))], [Case((2, 1), (3,))]


@primitive("scipy.special.gammaln", latex=r"\ln \lvert\Gamma(x)\rvert", domain=POSITIVE, cases=_ONE)
def gammaln(x):
    return special.gammaln(x)


@gammaln.vjp("x", latex=r"\bar y\,\psi(x)")
def _(dy, x):
    return dy * digamma(x)


@primitive("scipy.special.loggamma", latex=r"\ln \Gamma(x)", domain=POSITIVE, cases=_ONE)
def loggamma(x):
    return special.loggamma(x)


@loggamma.vjp("x", latex=r"\bar y\,\psi(x)")
def _(dy, x):
    return dy * digamma(x)


@primitive("scipy.special.gamma", latex=r"\Gamma(x)", domain=POSITIVE, cases=_ONE)
def gamma(x):
    return special.gamma(x)


@gamma.vjp("x", latex=r"\bar y\,y\,\psi(x)")
def _(dy, y, x):
    return dy * y * digamma(x)


@primitive("scipy.special.rgamma", latex=r"1 / \Gamma(x)", domain=POSITIVE, cases=_ONE)
def rgamma(x):
    return special.rgamma(x)


@rgamma.vjp("x", latex=r"-\bar y\,y\,\psi(x)")
def _(dy, y, x):
    return -dy * y * digamma(x)


@primitive(
    "scipy.special.gammasgn",
    no_derivative="It is constant between the poles of the gamma function.",
    latex=r"\operatorname{sign} \Gamma(x)",
    domain=POSITIVE,
    cases=_ONE,
)
def gammasgn(x):
    return special.gammasgn(x)


@primitive(
    ["scipy.special.digamma", "scipy.special.psi"],
    instead_of_complex="np.real(z) or np.abs(z): its rule is that of real numbers.",
    latex=r"\psi(x)",
    domain=POSITIVE,
    cases=_ONE,
)
def digamma(x):
    return special.digamma(x)


@digamma.vjp("x", latex=r"\bar y\,\zeta(2, x)")
def _(dy, x):
    return dy * zeta(2.0, x)


@primitive(refused={"x": PARAMETER}, latex=r"\zeta(x, q)", domain=POSITIVE, cases=[Case(2.5, (3,))])
def zeta(x, q):
    return special.zeta(x, q)


@zeta.vjp("q", latex=r"-\bar y\,x\,\zeta(x + 1, q)")
def _(dy, x, q):
    return -dy * x * zeta(x + 1, q)


@primitive("scipy.special.beta", latex=r"B(a, b)", domain=POSITIVE, cases=_TWO)
def beta(a, b):
    return special.beta(a, b)


@beta.vjp("a", latex=r"\bar y\,y\,(\psi(a) - \psi(a + b))")
def _(dy, y, a, b):
    return dy * y * (digamma(a) - digamma(a + b))


@beta.vjp("b", latex=r"\bar y\,y\,(\psi(b) - \psi(a + b))")
def _(dy, y, a, b):
    return dy * y * (digamma(b) - digamma(a + b))


@primitive("scipy.special.betaln", latex=r"\ln \lvert B(a, b)\rvert", domain=POSITIVE, cases=_TWO)
def betaln(a, b):
    return special.betaln(a, b)


@betaln.vjp("a", latex=r"\bar y\,(\psi(a) - \psi(a + b))")
def _(dy, a, b):
    return dy * (digamma(a) - digamma(a + b))


@betaln.vjp("b", latex=r"\bar y\,(\psi(b) - \psi(a + b))")
def _(dy, a, b):
    return dy * (digamma(b) - digamma(a + b))


@primitive("scipy.special.poch", latex=r"\Gamma(x + m) / \Gamma(x)", domain=POSITIVE, cases=_TWO)
def poch(x, m):
    return special.poch(x, m)


@poch.vjp("x", latex=r"\bar y\,y\,(\psi(x + m) - \psi(x))")
def _(dy, y, x, m):
    return dy * y * (digamma(x + m) - digamma(x))


@poch.vjp("m", latex=r"\bar y\,y\,\psi(x + m)")
def _(dy, y, x, m):
    return dy * y * digamma(x + m)


@primitive(
    "scipy.special.binom", latex=r"\tbinom{n}{k}", domain=((3.2, 5.0), (0.2, 2.8)), cases=_TWO
)
def binom(n, k):
    return special.binom(n, k)


@binom.vjp("n", latex=r"\bar y\,y\,(\psi(n + 1) - \psi(n - k + 1))")
def _(dy, y, n, k):
    return dy * y * (digamma(n + 1.0) - digamma(n - k + 1.0))


@binom.vjp("k", latex=r"\bar y\,y\,(\psi(n - k + 1) - \psi(k + 1))")
def _(dy, y, n, k):
    return dy * y * (digamma(n - k + 1.0) - digamma(k + 1.0))


# ---- incomplete gamma and beta functions -----------------------------------------------------


@primitive(
    "scipy.special.gammainc",
    refused={"a": PARAMETER},
    latex=r"P(a, x)",
    domain=POSITIVE,
    cases=[Case(2.5, (3,))],
)
def gammainc(a, x):
    return special.gammainc(a, x)


@gammainc.vjp("x", latex=r"\bar y\,x^{a - 1} e^{-x} / \Gamma(a)")
def _(dy, a, x):
    return dy * np.exp((a - 1) * np.log(x) - x - gammaln(a))


@primitive(
    "scipy.special.gammaincc",
    refused={"a": PARAMETER},
    latex=r"Q(a, x)",
    domain=POSITIVE,
    cases=[Case(2.5, (3,))],
)
def gammaincc(a, x):
    return special.gammaincc(a, x)


@gammaincc.vjp("x", latex=r"-\bar y\,x^{a - 1} e^{-x} / \Gamma(a)")
def _(dy, a, x):
    return -dy * np.exp((a - 1) * np.log(x) - x - gammaln(a))


@primitive(
    "scipy.special.gammaincinv",
    refused={"a": PARAMETER},
    latex=r"P^{-1}(a, x)",
    domain=(0.2, 0.8),
    cases=[Case(2.5, (3,))],
)
def gammaincinv(a, x):
    return special.gammaincinv(a, x)


@gammaincinv.vjp("x", latex=r"\bar y\,\Gamma(a)\,e^y y^{1 - a}")
def _(dy, y, a):
    return dy * np.exp(y - (a - 1) * np.log(y) + gammaln(a))


@primitive(
    "scipy.special.gammainccinv",
    refused={"a": PARAMETER},
    latex=r"Q^{-1}(a, x)",
    domain=(0.2, 0.8),
    cases=[Case(2.5, (3,))],
)
def gammainccinv(a, x):
    return special.gammainccinv(a, x)


@gammainccinv.vjp("x", latex=r"-\bar y\,\Gamma(a)\,e^y y^{1 - a}")
def _(dy, y, a):
    return -dy * np.exp(y - (a - 1) * np.log(y) + gammaln(a))


@primitive(
    "scipy.special.betainc",
    refused={"a": PARAMETER, "b": PARAMETER},
    latex=r"I_x(a, b)",
    domain=(0.2, 0.8),
    cases=[Case(2.5, 1.5, (3,))],
)
def betainc(a, b, x):
    return special.betainc(a, b, x)


@betainc.vjp("x", latex=r"\bar y\,x^{a - 1} (1 - x)^{b - 1} / B(a, b)")
def _(dy, a, b, x):
    return dy * np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - betaln(a, b))


@primitive(
    "scipy.special.betaincc",
    refused={"a": PARAMETER, "b": PARAMETER},
    latex=r"1 - I_x(a, b)",
    domain=(0.2, 0.8),
    cases=[Case(2.5, 1.5, (3,))],
)
def betaincc(a, b, x):
    return special.betaincc(a, b, x)


@betaincc.vjp("x", latex=r"-\bar y\,x^{a - 1} (1 - x)^{b - 1} / B(a, b)")
def _(dy, a, b, x):
    return -dy * np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - betaln(a, b))


@primitive(
    "scipy.special.betaincinv",
    refused={"a": PARAMETER, "b": PARAMETER},
    latex=r"I^{-1}_x(a, b)",
    domain=(0.2, 0.8),
    cases=[Case(2.5, 1.5, (3,))],
)
def betaincinv(a, b, x):
    return special.betaincinv(a, b, x)


@betaincinv.vjp("x", latex=r"\bar y\,B(a, b)\,y^{1 - a} (1 - y)^{1 - b}")
def _(dy, y, a, b):
    return dy * np.exp(betaln(a, b) - (a - 1) * np.log(y) - (b - 1) * np.log1p(-y))


@primitive(
    "scipy.special.betainccinv",
    refused={"a": PARAMETER, "b": PARAMETER},
    latex=r"I^{-1}_{1 - x}(a, b)",
    domain=(0.2, 0.8),
    cases=[Case(2.5, 1.5, (3,))],
)
def betainccinv(a, b, x):
    return special.betainccinv(a, b, x)


@betainccinv.vjp("x", latex=r"-\bar y\,B(a, b)\,y^{1 - a} (1 - y)^{1 - b}")
def _(dy, y, a, b):
    return -dy * np.exp(betaln(a, b) - (a - 1) * np.log(y) - (b - 1) * np.log1p(-y))
