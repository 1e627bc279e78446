"""Densities of real numbers, as SciPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.rules.exponential import erf, sigmoid
from clearprop.rules.special.bessel import i0, i0e
from clearprop.rules.special.elementary import log_expit, xlog1py, xlogy
from clearprop.rules.special.gamma import (
    betainc,
    betaincc,
    betaln,
    gammainc,
    gammaincc,
    gammaln,
)
from clearprop.rules.special.integrals import chdtr, chdtrc, log_ndtr, ndtr, stdtr
from clearprop.scipy.distributions import Continuous

_LOG_ROOT_2PI = 0.9189385332046727
_LOG_2 = 0.6931471805599453


class _Norm(Continuous):
    """The normal distribution."""

    def log_density(self, z: Any) -> Any:
        return -z * z / 2 - _LOG_ROOT_2PI

    def below(self, z: Any) -> Any:
        return ndtr(z)

    def above(self, z: Any) -> Any:
        return ndtr(-z)

    def log_below(self, z: Any) -> Any:
        return log_ndtr(z)

    def log_above(self, z: Any) -> Any:
        return log_ndtr(-z)


class _HalfNorm(Continuous):
    """The absolute value of a normal number."""

    lowest = 0.0

    def log_density(self, z: Any) -> Any:
        return _LOG_2 - _LOG_ROOT_2PI - z * z / 2

    def below(self, z: Any) -> Any:
        return erf(z / np.sqrt(2))

    def above(self, z: Any) -> Any:
        return 2 * ndtr(-z)


class _LogNorm(Continuous):
    """The exponential of a normal number, whose deviation is s."""

    shapes = ("s",)
    lowest = 0.0

    def log_density(self, z: Any, s: Any) -> Any:
        zero = z == 0
        log = np.log(np.where(zero, 1, z))
        return np.where(zero, -np.inf, -((log / s) ** 2) / 2 - np.log(s) - log - _LOG_ROOT_2PI)

    def below(self, z: Any, s: Any) -> Any:
        return ndtr(np.log(z) / s)

    def above(self, z: Any, s: Any) -> Any:
        return ndtr(-np.log(z) / s)

    def log_below(self, z: Any, s: Any) -> Any:
        return log_ndtr(np.log(z) / s)

    def log_above(self, z: Any, s: Any) -> Any:
        return log_ndtr(-np.log(z) / s)


class _T(Continuous):
    """Student's distribution; df may be infinite, and it is then the normal one."""

    shapes = ("df",)

    def log_density(self, z: Any, df: Any) -> Any:
        is_normal = np.isinf(df)
        n = np.where(is_normal, 1, df)
        constant = gammaln((n + 1) / 2) - gammaln(n / 2) - np.log(np.pi * n) / 2
        found = constant - (n + 1) / 2 * np.log1p(z * z / n)
        return np.where(is_normal, -z * z / 2 - _LOG_ROOT_2PI, found)

    def below(self, z: Any, df: Any) -> Any:
        return stdtr(df, z)

    def above(self, z: Any, df: Any) -> Any:
        return stdtr(df, -z)


class _Cauchy(Continuous):
    """Cauchy's distribution."""

    def log_density(self, z: Any) -> Any:
        return -np.log(np.pi) - np.log1p(z * z)

    def below(self, z: Any) -> Any:
        return np.arctan2(1.0, -z) / np.pi

    def above(self, z: Any) -> Any:
        return np.arctan2(1.0, z) / np.pi


class _HalfCauchy(Continuous):
    """The absolute value of a number of Cauchy's distribution."""

    lowest = 0.0

    def log_density(self, z: Any) -> Any:
        return np.log(2 / np.pi) - np.log1p(z * z)

    def below(self, z: Any) -> Any:
        return 2 / np.pi * np.arctan(z)

    def above(self, z: Any) -> Any:
        return 2 / np.pi * np.arctan2(1.0, z)


class _Laplace(Continuous):
    """Laplace's distribution."""

    def log_density(self, z: Any) -> Any:
        return -np.abs(z) - _LOG_2

    def below(self, z: Any) -> Any:
        tail = np.exp(-np.abs(z)) / 2
        return np.where(z > 0, 1 - tail, tail)

    def above(self, z: Any) -> Any:
        return self.below(-z)


class _Logistic(Continuous):
    """The logistic distribution."""

    def log_density(self, z: Any) -> Any:
        a = np.abs(z)
        return -a - 2 * np.log1p(np.exp(-a))

    def below(self, z: Any) -> Any:
        return sigmoid(z)

    def above(self, z: Any) -> Any:
        return sigmoid(-z)

    def log_below(self, z: Any) -> Any:
        return log_expit(z)

    def log_above(self, z: Any) -> Any:
        return log_expit(-z)


class _GumbelR(Continuous):
    """Gumbel's distribution of largest values."""

    def log_density(self, z: Any) -> Any:
        return -z - np.exp(-z)

    def below(self, z: Any) -> Any:
        return np.exp(-self._rate(z))

    def above(self, z: Any) -> Any:
        return -np.expm1(-self._rate(z))

    def _rate(self, z: Any) -> Any:
        return np.exp(np.minimum(-z, 80.0))  # more is as much, and would overflow: 0 times infinity

    def log_below(self, z: Any) -> Any:
        return -np.exp(-z)


class _VonMises(Continuous):
    """The distribution of angles of von Mises, on all reals."""

    shapes = ("kappa",)

    def allows(self, *shapes: Any) -> Any:
        return shapes[0] >= 0  # of 0, all angles are alike

    def log_density(self, z: Any, kappa: Any) -> Any:
        half = np.sin(z / 2)
        # The scaled function has a corner at 0, this density none; the plain one overflows.
        is_small = kappa < 1
        near = np.log(i0(np.where(is_small, kappa, 0.0))) - kappa
        far = np.log(i0e(np.where(is_small, 1.0, kappa)))
        return -2 * kappa * half * half - 2 * _LOG_ROOT_2PI - np.where(is_small, near, far)


class _Uniform(Continuous):
    """The uniform distribution from loc to loc + scale."""

    lowest, highest = 0.0, 1.0

    def log_density(self, z: Any) -> Any:
        return 0 * z

    def below(self, z: Any) -> Any:
        return z


class _Beta(Continuous):
    """The beta distribution."""

    shapes = ("a", "b")
    lowest, highest = 0.0, 1.0

    def log_density(self, z: Any, a: Any, b: Any) -> Any:
        return xlog1py(b - 1, -z) + xlogy(a - 1, z) - betaln(a, b)

    def below(self, z: Any, a: Any, b: Any) -> Any:
        return betainc(a, b, z)

    def above(self, z: Any, a: Any, b: Any) -> Any:
        return betaincc(a, b, z)


class _Expon(Continuous):
    """The exponential distribution; scale is one over the rate."""

    lowest = 0.0

    def log_density(self, z: Any) -> Any:
        return -z

    def below(self, z: Any) -> Any:
        return -np.expm1(-z)

    def above(self, z: Any) -> Any:
        return np.exp(-z)

    def log_above(self, z: Any) -> Any:
        return -z


class _Gamma(Continuous):
    """The gamma distribution; scale is one over the rate."""

    shapes = ("a",)
    lowest = 0.0

    def log_density(self, z: Any, a: Any) -> Any:
        return xlogy(a - 1, z) - z - gammaln(a)

    def below(self, z: Any, a: Any) -> Any:
        return gammainc(a, z)

    def above(self, z: Any, a: Any) -> Any:
        return gammaincc(a, z)


class _InvGamma(Continuous):
    """One over a number of the gamma distribution."""

    shapes = ("a",)
    lowest = 0.0

    def log_density(self, z: Any, a: Any) -> Any:
        zero = z == 0
        z = np.where(zero, 1, z)
        return np.where(zero, -np.inf, -(a + 1) * np.log(z) - gammaln(a) - 1 / z)

    def below(self, z: Any, a: Any) -> Any:
        return gammaincc(a, 1 / z)

    def above(self, z: Any, a: Any) -> Any:
        return gammainc(a, 1 / z)


class _Chi2(Continuous):
    """The distribution of a sum of df squares of normal numbers."""

    shapes = ("df",)
    lowest = 0.0

    def log_density(self, z: Any, df: Any) -> Any:
        return xlogy(df / 2 - 1, z) - z / 2 - gammaln(df / 2) - _LOG_2 * df / 2

    def below(self, z: Any, df: Any) -> Any:
        return chdtr(df, z)

    def above(self, z: Any, df: Any) -> Any:
        return chdtrc(df, z)


class _Pareto(Continuous):
    """Pareto's distribution."""

    shapes = ("b",)
    lowest, interior = 1.0, 2.0

    def log_density(self, z: Any, b: Any) -> Any:
        return np.log(b) - (b + 1) * np.log(z)

    def below(self, z: Any, b: Any) -> Any:
        return 1 - z**-b

    def above(self, z: Any, b: Any) -> Any:
        return z**-b


class _WeibullMin(Continuous):
    """Weibull's distribution of smallest values."""

    shapes = ("c",)
    lowest = 0.0

    def log_density(self, z: Any, c: Any) -> Any:
        return np.log(c) + xlogy(c - 1, z) - z**c

    def below(self, z: Any, c: Any) -> Any:
        return -np.expm1(-(z**c))

    def above(self, z: Any, c: Any) -> Any:
        return np.exp(-(z**c))

    def log_above(self, z: Any, c: Any) -> Any:
        return -(z**c)


class _Rayleigh(Continuous):
    """The length of a vector of two normal numbers."""

    lowest = 0.0

    def log_density(self, z: Any) -> Any:
        return np.log(z) - z * z / 2

    def below(self, z: Any) -> Any:
        return -np.expm1(-z * z / 2)

    def above(self, z: Any) -> Any:
        return np.exp(-z * z / 2)

    def log_above(self, z: Any) -> Any:
        return -z * z / 2


norm, halfnorm, lognorm, t = _Norm("norm"), _HalfNorm("halfnorm"), _LogNorm("lognorm"), _T("t")
cauchy, halfcauchy = _Cauchy("cauchy"), _HalfCauchy("halfcauchy")
laplace, logistic, gumbel_r = _Laplace("laplace"), _Logistic("logistic"), _GumbelR("gumbel_r")
vonmises, uniform, beta = _VonMises("vonmises"), _Uniform("uniform"), _Beta("beta")
expon, gamma, invgamma = _Expon("expon"), _Gamma("gamma"), _InvGamma("invgamma")
chi2, pareto = _Chi2("chi2"), _Pareto("pareto")
weibull_min, rayleigh = _WeibullMin("weibull_min"), _Rayleigh("rayleigh")
