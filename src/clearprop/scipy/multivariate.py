"""Densities of vectors, as SciPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import OptionError, ShapeError
from clearprop.rules.linear import transposed
from clearprop.rules.special.elementary import xlogy
from clearprop.rules.special.gamma import gammaln
from clearprop.scipy.arguments import floats, result
from clearprop.scipy.distributions import Frozen
from clearprop.scipy.linalg import solve_triangular


class _Multivariate:
    name = ""

    def logpdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        raise NotImplementedError

    def pdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the density."""
        return np.exp(self.logpdf(x, *args, **kwds))

    def __call__(self, *args: Any, **kwds: Any) -> Frozen:
        """Give a distribution with these parameters."""
        return Frozen(self, args, kwds)

    def __repr__(self) -> str:
        return f"clearprop.scipy.stats.{self.name}"


class _MultivariateNormal(_Multivariate):
    """The normal distribution of vectors."""

    name = "multivariate_normal"

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        r"""Compute the logarithm of the density, through Cholesky's factor of the covariance.

        .. math:: -\tfrac12 (x - \mu)^{\mathsf T} \Sigma^{-1} (x - \mu)
                  - \tfrac12 \ln \det \Sigma - \tfrac n2 \ln 2\pi

        Parameters
        ----------
        x : array (..., n)
        mean : array (n,), optional
            0 by default.
        cov : array (n, n), (n,) or number
            A vector is a diagonal, a number a multiple of the unit matrix. Both triangles have a
            derivative, each half of it, as a symmetric matrix should.
        allow_singular : bool
            Only False has a derivative here.

        Returns
        -------
        array (...)

        Raises
        ------
        LinAlgError
            If the covariance is not positive definite.
        OptionError
            With ``allow_singular``.
        ShapeError
            If mean and covariance are not of one dimension.

        Notes
        -----
        Source: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning
        (2006), (2.29) and algorithm 2.1.

        Examples
        --------
        >>> import numpy as np, clearprop as cp
        >>> logpdf = cp.scipy.stats.multivariate_normal.logpdf
        >>> print(cp.grad(logpdf)(np.array([1.0, 2.0]), np.zeros(2), np.diag([1.0, 4.0])))
        [-1.  -0.5]
        """
        if allow_singular:
            raise OptionError(
                "multivariate_normal with allow_singular=True has no derivative here.",
                why="The rank of a matrix jumps.",
                write="cov + 1e-9 * np.eye(n)",
            )
        cov = floats(1.0 if cov is None else cov)
        n = np.size(mean) if mean is not None else cov.shape[0] if cov.ndim else 1
        mean = np.zeros(n) if mean is None else np.reshape(floats(mean), (n,))
        if cov.ndim < 2:
            cov = cov * np.eye(n)
        if cov.shape != (n, n):
            raise ShapeError(
                f"multivariate_normal: mean {mean.shape}, cov {cov.shape}.",
                why=f"A mean of {n} numbers has a covariance of shape {(n, n)}.",
            )
        x = floats(x)
        if x.ndim == 0:
            x = np.reshape(x, (1,))
        elif x.ndim == 1 and n == 1:
            x = np.expand_dims(x, -1)
        factor = np.linalg.cholesky((cov + transposed(cov)) / 2)
        apart = np.reshape(x - mean, (-1, n))
        z = solve_triangular(factor, transposed(apart), lower=True)
        squares = np.reshape(np.sum(z * z, axis=0), np.shape(x)[:-1])
        log_det = 2 * np.sum(np.log(np.diagonal(factor)))
        return result(np.squeeze(-(squares + log_det + n * np.log(2 * np.pi)) / 2))


class _Dirichlet(_Multivariate):
    """Dirichlet's distribution of shares."""

    name = "dirichlet"

    def logpdf(self, x: Any, alpha: Any) -> Any:
        r"""Compute the logarithm of the density.

        .. math:: \sum_i (\alpha_i - 1) \ln x_i + \ln \Gamma(\sum_i \alpha_i)
                  - \sum_i \ln \Gamma(\alpha_i)

        Parameters
        ----------
        x : array (K,) or (K, n)
            The shares of a sample are along the first axis; whether they add up to 1 is not
            looked at. Of ``K - 1`` shares, the last is what is missing to 1.
        alpha : array (K,)

        Returns
        -------
        array () or (n,)

        Raises
        ------
        ShapeError
            If there are other than K or K - 1 shares.

        Notes
        -----
        Source: S. Kotz, N. Balakrishnan and N. L. Johnson, Continuous Multivariate Distributions
        (2000), chapter 49.

        Examples
        --------
        >>> import clearprop as cp
        >>> print(f"{cp.scipy.stats.dirichlet.logpdf([0.2, 0.8], [1.0, 2.0]):.6f}")
        0.470004
        """
        x, alpha = floats(x), floats(alpha)
        count = np.size(alpha)
        if x.shape[0] == count - 1:
            x = np.concatenate((x, np.expand_dims(1 - np.sum(x, axis=0), 0)), axis=0)
        if x.shape[0] != count or np.ndim(alpha) != 1:
            raise ShapeError(
                f"dirichlet: x {x.shape}, alpha {alpha.shape}.",
                why=f"x has {count} shares along its first axis, or one less.",
            )
        constant = gammaln(np.sum(alpha)) - np.sum(gammaln(alpha))
        constant = np.where(np.all(alpha > 0), constant, np.nan)
        powers = np.reshape(alpha - 1, (count,) + (1,) * (x.ndim - 1))
        return result(constant + np.sum(xlogy(powers, x), axis=0))


multivariate_normal, dirichlet = _MultivariateNormal(), _Dirichlet()
