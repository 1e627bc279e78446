"""SciPy's distributions, with derivatives with respect to the argument and to all parameters."""

from __future__ import annotations

from typing import Any

from clearprop.errors import MissingMethodError
from clearprop.scipy.continuous import (
    beta,
    cauchy,
    chi2,
    expon,
    gamma,
    gumbel_r,
    halfcauchy,
    halfnorm,
    invgamma,
    laplace,
    logistic,
    lognorm,
    norm,
    pareto,
    rayleigh,
    t,
    uniform,
    vonmises,
    weibull_min,
)
from clearprop.scipy.discrete import bernoulli, binom, geom, nbinom, poisson
from clearprop.scipy.multivariate import dirichlet, multivariate_normal

__all__ = [
    "bernoulli",
    "beta",
    "binom",
    "cauchy",
    "chi2",
    "dirichlet",
    "expon",
    "gamma",
    "geom",
    "gumbel_r",
    "halfcauchy",
    "halfnorm",
    "invgamma",
    "laplace",
    "logistic",
    "lognorm",
    "multivariate_normal",
    "nbinom",
    "norm",
    "pareto",
    "poisson",
    "rayleigh",
    "t",
    "uniform",
    "vonmises",
    "weibull_min",
]


def __getattr__(name: str) -> Any:
    raise MissingMethodError(
        f"clearprop.scipy.stats has no {name}.",
        why="It has the distributions that models live on.",
        write="its log-density in np.* and scipy.special functions, which are recorded.",
    )
