"""The transforms of Box and Cox, and their inverses, as NumPy text."""

import numpy as np

from clearprop.kinds import ELEMENTWISE
from clearprop.primitive import Case, primitive
from clearprop.rules.exponential import POSITIVE
from clearprop.rules.special.series import hyp1f1, hyp2f1

_TWO = [Case((2, 1), (3,))]


@primitive(
    "scipy.special.boxcox",
    kind=ELEMENTWISE,
    latex=r"(x^\lambda - 1) / \lambda",
    domain=(POSITIVE, (0.5, 2.0)),
    cases=_TWO,
)
def boxcox(x, lmbda):
    zero = lmbda == 0
    log = np.log(x)
    return np.where(zero, log, np.expm1(lmbda * log) / np.where(zero, 1, lmbda))


@boxcox.vjp("x", latex=r"\bar y\,x^{\lambda - 1}")
def _(dy, x, lmbda):
    return dy * x ** (lmbda - 1)


@boxcox.vjp("lmbda", latex=r"\tfrac12 \bar y \ln^2 x\,{}_1F_1(2, 3, \lambda \ln x)")
def _(dy, x, lmbda):
    log = np.log(x)
    return dy * log * log * hyp1f1(2.0, 3.0, lmbda * log) / 2


@primitive(
    "scipy.special.boxcox1p",
    kind=ELEMENTWISE,
    latex=r"((1 + x)^\lambda - 1) / \lambda",
    domain=(POSITIVE, (0.5, 2.0)),
    cases=_TWO,
)
def boxcox1p(x, lmbda):
    zero = lmbda == 0
    log = np.log1p(x)
    return np.where(zero, log, np.expm1(lmbda * log) / np.where(zero, 1, lmbda))


@boxcox1p.vjp("x", latex=r"\bar y\,(1 + x)^{\lambda - 1}")
def _(dy, x, lmbda):
    return dy * (1 + x) ** (lmbda - 1)


@boxcox1p.vjp("lmbda", latex=r"\tfrac12 \bar y \ln^2(1 + x)\,{}_1F_1(2, 3, \lambda \ln(1 + x))")
def _(dy, x, lmbda):
    log = np.log1p(x)
    return dy * log * log * hyp1f1(2.0, 3.0, lmbda * log) / 2


@primitive(
    "scipy.special.inv_boxcox",
    kind=ELEMENTWISE,
    latex=r"(1 + \lambda x)^{1 / \lambda}",
    domain=(POSITIVE, (0.5, 2.0)),
    cases=_TWO,
)
def inv_boxcox(x, lmbda):
    zero = lmbda == 0
    return np.exp(np.where(zero, x, np.log1p(lmbda * x) / np.where(zero, 1, lmbda)))


@inv_boxcox.vjp("x", latex=r"\bar y\,y / (1 + \lambda x)")
def _(dy, y, x, lmbda):
    return dy * y / (1 + lmbda * x)


@inv_boxcox.vjp("lmbda", latex=r"-\tfrac12 \bar y\,y\,x^2\,{}_2F_1(2, 2, 3, -\lambda x)")
def _(dy, y, x, lmbda):
    return -dy * y * x * x * hyp2f1(2.0, 2.0, 3.0, -lmbda * x) / 2


@primitive(
    "scipy.special.inv_boxcox1p",
    kind=ELEMENTWISE,
    latex=r"(1 + \lambda x)^{1 / \lambda} - 1",
    domain=(POSITIVE, (0.5, 2.0)),
    cases=_TWO,
)
def inv_boxcox1p(x, lmbda):
    zero = lmbda == 0
    return np.expm1(np.where(zero, x, np.log1p(lmbda * x) / np.where(zero, 1, lmbda)))


@inv_boxcox1p.vjp("x", latex=r"\bar y\,(y + 1) / (1 + \lambda x)")
def _(dy, y, x, lmbda):
    return dy * (y + 1) / (1 + lmbda * x)


@inv_boxcox1p.vjp("lmbda", latex=r"-\tfrac12 \bar y\,(y + 1)\,x^2\,{}_2F_1(2, 2, 3, -\lambda x)")
def _(dy, y, x, lmbda):
    return -dy * (y + 1) * x * x * hyp2f1(2.0, 2.0, 3.0, -lmbda * x) / 2
