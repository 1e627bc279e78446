"""Hypergeometric functions, elliptic integrals and orthogonal polynomials: what SciPy sums.

The body of each is SciPy's own function: there is no short text of it in NumPy.
"""

from clearprop.outside import special
from clearprop.primitive import Case, primitive

PARAMETER = "The derivative with respect to a parameter is no function that SciPy has."
_ONE = [Case((3,))]


@primitive(
    "scipy.special.hyp1f1",
    refused={"a": PARAMETER, "b": PARAMETER},
    latex=r"{}_1F_1(a, b, x)",
    cases=[Case(1.5, 2.5, (3,))],
)
def hyp1f1(a, b, x):
    return special.hyp1f1(a, b, x)


@hyp1f1.vjp("x", latex=r"\bar y\,\tfrac{a}{b}\,{}_1F_1(a + 1, b + 1, x)")
def _(dy, a, b, x):
    return dy * hyp1f1(a + 1, b + 1, x) * (a / b)


@primitive(
    "scipy.special.hyp2f1",
    refused={"a": PARAMETER, "b": PARAMETER, "c": PARAMETER},
    latex=r"{}_2F_1(a, b, c, x)",
    domain=(-0.8, 0.8),
    cases=[Case(0.5, 1.5, 2.5, (3,))],
)
def hyp2f1(a, b, c, x):
    return special.hyp2f1(a, b, c, x)


@hyp2f1.vjp("x", latex=r"\bar y\,\tfrac{a b}{c}\,{}_2F_1(a + 1, b + 1, c + 1, x)")
def _(dy, a, b, c, x):
    return dy * hyp2f1(a + 1, b + 1, c + 1, x) * (a * b / c)


@primitive(
    "scipy.special.hyp0f1",
    refused={"v": PARAMETER},
    latex=r"{}_0F_1(v, x)",
    cases=[Case(1.5, (3,))],
)
def hyp0f1(v, x):
    return special.hyp0f1(v, x)


@hyp0f1.vjp("x", latex=r"\bar y\,{}_0F_1(v + 1, x) / v")
def _(dy, v, x):
    return dy * hyp0f1(v + 1, x) / v


@primitive(
    "scipy.special.hyperu",
    refused={"a": PARAMETER, "b": PARAMETER},
    latex=r"U(a, b, x)",
    domain=(0.5, 2.0),
    cases=[Case(1.5, 2.5, (3,))],
)
def hyperu(a, b, x):
    return special.hyperu(a, b, x)


@hyperu.vjp("x", latex=r"-\bar y\,a\,U(a + 1, b + 1, x)")
def _(dy, a, b, x):
    return -dy * a * hyperu(a + 1, b + 1, x)


# ---- elliptic integrals ----------------------------------------------------------------------


@primitive("scipy.special.ellipk", latex=r"K(x)", domain=(-0.8, 0.8), cases=_ONE)
def ellipk(x):
    return special.ellipk(x)


@ellipk.vjp("x", latex=r"\tfrac{\pi}{8} \bar y\,{}_2F_1(\tfrac32, \tfrac32, 2, x)")
def _(dy, x):
    return dy * 0.39269908169872414 * hyp2f1(1.5, 1.5, 2.0, x)


@primitive("scipy.special.ellipkm1", latex=r"K(1 - x)", domain=(0.2, 1.8), cases=_ONE)
def ellipkm1(x):
    return special.ellipkm1(x)


@ellipkm1.vjp("x", latex=r"-\tfrac{\pi}{8} \bar y\,{}_2F_1(\tfrac32, \tfrac32, 2, 1 - x)")
def _(dy, x):
    return -dy * 0.39269908169872414 * hyp2f1(1.5, 1.5, 2.0, 1 - x)


@primitive("scipy.special.ellipe", latex=r"E(x)", domain=(-0.8, 0.8), cases=_ONE)
def ellipe(x):
    return special.ellipe(x)


@ellipe.vjp("x", latex=r"-\tfrac{\pi}{8} \bar y\,{}_2F_1(\tfrac12, \tfrac32, 2, x)")
def _(dy, x):
    return -dy * 0.39269908169872414 * hyp2f1(0.5, 1.5, 2.0, x)


# ---- orthogonal polynomials ------------------------------------------------------------------


@primitive(
    "scipy.special.eval_jacobi",
    refused={"n": PARAMETER, "alpha": PARAMETER, "beta": PARAMETER},
    latex=r"P_n^{(\alpha, \beta)}(x)",
    domain=(-0.9, 0.9),
    cases=[Case(3, 0.5, 1.5, (3,))],
)
def eval_jacobi(n, alpha, beta, x):
    return special.eval_jacobi(n, alpha, beta, x)


@eval_jacobi.vjp(
    "x", latex=r"\tfrac12 \bar y\,(n + \alpha + \beta + 1)\,P_{n - 1}^{(\alpha + 1, \beta + 1)}(x)"
)
def _(dy, n, alpha, beta, x):
    return dy * ((n + alpha + beta + 1) / 2) * eval_jacobi(n - 1, alpha + 1, beta + 1, x)


@primitive(
    "scipy.special.eval_legendre",
    refused={"n": PARAMETER},
    latex=r"P_n(x)",
    domain=(-0.9, 0.9),
    cases=[Case(3, (3,))],
)
def eval_legendre(n, x):
    return special.eval_legendre(n, x)


@eval_legendre.vjp("x", latex=r"\tfrac12 \bar y\,(n + 1)\,P_{n - 1}^{(1, 1)}(x)")
def _(dy, n, x):
    return dy * ((n + 1) / 2) * eval_jacobi(n - 1, 1.0, 1.0, x)


@primitive(
    "scipy.special.eval_gegenbauer",
    refused={"n": PARAMETER, "alpha": PARAMETER},
    latex=r"C_n^{(\alpha)}(x)",
    domain=(-0.9, 0.9),
    cases=[Case(3, 0.5, (3,))],
)
def eval_gegenbauer(n, alpha, x):
    return special.eval_gegenbauer(n, alpha, x)


@eval_gegenbauer.vjp("x", latex=r"2 \bar y\,\alpha\,C_{n - 1}^{(\alpha + 1)}(x)")
def _(dy, n, alpha, x):
    return 2 * dy * alpha * eval_gegenbauer(n - 1, alpha + 1, x)


@primitive(
    "scipy.special.eval_chebyt",
    refused={"n": PARAMETER},
    latex=r"T_n(x)",
    domain=(-0.9, 0.9),
    cases=[Case(3, (3,))],
)
def eval_chebyt(n, x):
    return special.eval_chebyt(n, x)


@eval_chebyt.vjp("x", latex=r"\bar y\,n\,U_{n - 1}(x)")
def _(dy, n, x):
    return dy * n * eval_chebyu(n - 1, x)


@primitive(
    "scipy.special.eval_chebyu",
    refused={"n": PARAMETER},
    latex=r"U_n(x)",
    domain=(-0.9, 0.9),
    cases=[Case(3, (3,))],
)
def eval_chebyu(n, x):
    return special.eval_chebyu(n, x)


@eval_chebyu.vjp("x", latex=r"2 \bar y\,C_{n - 1}^{(2)}(x)")
def _(dy, n, x):
    return 2 * dy * eval_gegenbauer(n - 1, 2.0, x)


@primitive(
    "scipy.special.eval_genlaguerre",
    refused={"n": PARAMETER, "alpha": PARAMETER},
    latex=r"L_n^{(\alpha)}(x)",
    cases=[Case(3, 0.5, (3,))],
)
def eval_genlaguerre(n, alpha, x):
    return special.eval_genlaguerre(n, alpha, x)


@eval_genlaguerre.vjp("x", latex=r"-\bar y\,L_{n - 1}^{(\alpha + 1)}(x)")
def _(dy, n, alpha, x):
    return -dy * eval_genlaguerre(n - 1, alpha + 1, x)


@primitive(
    "scipy.special.eval_laguerre", refused={"n": PARAMETER}, latex=r"L_n(x)", cases=[Case(3, (3,))]
)
def eval_laguerre(n, x):
    return special.eval_laguerre(n, x)


@eval_laguerre.vjp("x", latex=r"-\bar y\,L_{n - 1}^{(1)}(x)")
def _(dy, n, x):
    return -dy * eval_genlaguerre(n - 1, 1.0, x)


@primitive(
    "scipy.special.eval_hermite",
    refused={"n": PARAMETER},
    latex=r"H_n(x)",
    cases=[Case(3, (3,))],
)
def eval_hermite(n, x):
    return special.eval_hermite(n, x)


@eval_hermite.vjp("x", latex=r"2 \bar y\,n\,H_{n - 1}(x)")
def _(dy, n, x):
    return 2 * dy * n * eval_hermite(abs(n - 1), x)


@primitive(
    "scipy.special.eval_hermitenorm",
    refused={"n": PARAMETER},
    latex=r"\mathit{He}_n(x)",
    cases=[Case(3, (3,))],
)
def eval_hermitenorm(n, x):
    return special.eval_hermitenorm(n, x)


@eval_hermitenorm.vjp("x", latex=r"\bar y\,n\,\mathit{He}_{n - 1}(x)")
def _(dy, n, x):
    return dy * n * eval_hermitenorm(abs(n - 1), x)
