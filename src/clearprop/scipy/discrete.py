"""Probabilities of whole numbers, as SciPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.rules.special.elementary import xlog1py, xlogy
from clearprop.rules.special.gamma import betainc, betaincc, gammaln
from clearprop.rules.special.integrals import pdtr, pdtrc
from clearprop.scipy.distributions import Discrete


def _is_share(p: Any) -> Any:
    return (p >= 0) & (p <= 1)


class _Poisson(Discrete):
    """Poisson's distribution."""

    shapes = ("mu",)

    def allows(self, *shapes: Any) -> Any:
        return shapes[0] >= 0

    def log_density(self, k: Any, mu: Any) -> Any:
        return xlogy(k, mu) - gammaln(k + 1) - mu

    def below(self, k: Any, mu: Any) -> Any:
        return pdtr(k, mu)

    def above(self, k: Any, mu: Any) -> Any:
        return pdtrc(k, mu)


class _Binom(Discrete):
    """The number of successes in n trials."""

    shapes: tuple[str, ...] = ("n", "p")

    def allows(self, *shapes: Any) -> Any:
        n, p = shapes
        return (n >= 0) & (np.floor(n) == n) & _is_share(p)

    def _limits(self, *shapes: Any) -> tuple[Any, Any]:
        return 0.0, shapes[0]

    def _inside(self, *shapes: Any) -> Any:
        return 0.0

    def log_density(self, k: Any, n: Any, p: Any) -> Any:
        ways = gammaln(n + 1) - (gammaln(k + 1) + gammaln(n - k + 1))
        return ways + xlogy(k, p) + xlog1py(n - k, -p)

    def below(self, k: Any, n: Any, p: Any) -> Any:
        return betaincc(k + 1, np.where(n > k, n - k, 1.0), p)

    def above(self, k: Any, n: Any, p: Any) -> Any:
        return betainc(k + 1, np.where(n > k, n - k, 1.0), p)


class _Bernoulli(_Binom):
    """0 or 1."""

    shapes = ("p",)

    def allows(self, *shapes: Any) -> Any:
        return _is_share(shapes[0])

    def _limits(self, *shapes: Any) -> tuple[Any, Any]:
        return 0.0, 1.0

    def log_density(self, k: Any, p: Any) -> Any:  # type: ignore[override]
        return xlogy(k, p) + xlog1py(1 - k, -p)

    def below(self, k: Any, p: Any) -> Any:  # type: ignore[override]
        return 1 - p + 0 * k

    def above(self, k: Any, p: Any) -> Any:  # type: ignore[override]
        return p + 0 * k


class _NBinom(Discrete):
    """The number of failures before the n-th success."""

    shapes = ("n", "p")

    def allows(self, *shapes: Any) -> Any:
        n, p = shapes
        return (n > 0) & (p > 0) & (p <= 1)

    def log_density(self, k: Any, n: Any, p: Any) -> Any:
        ways = gammaln(n + k) - gammaln(k + 1) - gammaln(n)
        return ways + n * np.log(p) + xlog1py(k, -p)

    def below(self, k: Any, n: Any, p: Any) -> Any:
        return betainc(n, k + 1, p)

    def above(self, k: Any, n: Any, p: Any) -> Any:
        return betaincc(n, k + 1, p)


class _Geom(Discrete):
    """The number of trials up to the first success."""

    shapes = ("p",)
    lowest = 1.0

    def allows(self, *shapes: Any) -> Any:
        return (shapes[0] > 0) & (shapes[0] <= 1)

    def log_density(self, k: Any, p: Any) -> Any:
        return xlog1py(k - 1, -p) + np.log(p)

    def below(self, k: Any, p: Any) -> Any:
        return -np.expm1(np.log1p(-p) * k)

    def above(self, k: Any, p: Any) -> Any:
        return np.exp(np.log1p(-p) * k)

    def log_above(self, k: Any, p: Any) -> Any:
        return np.log1p(-p) * k


poisson, binom, bernoulli = _Poisson("poisson"), _Binom("binom"), _Bernoulli("bernoulli")
nbinom, geom = _NBinom("nbinom"), _Geom("geom")
