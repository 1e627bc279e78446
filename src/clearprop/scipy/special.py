"""Special functions that SciPy has in Python, for recorded arrays too."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import MissingMethodError
from clearprop.operands import holds_recorded
from clearprop.outside import special
from clearprop.rules import reduction
from clearprop.rules.special import gamma as gamma_rules
from clearprop.scipy.arguments import constant, floats, result
from clearprop.transforms import stop_gradient


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    r"""Compute :math:`\ln \sum_i b_i e^{a_i}` without overflow.

    Parameters
    ----------
    a : array
    axis : int or tuple of int, optional
        All of them by default.
    b : array, optional
        Weights, broadcast against ``a``; they may be negative.
    keepdims : bool
        Whether summed axes stay, with length 1.
    return_sign : bool
        Whether to give the logarithm of the absolute value, and the sign of the sum.

    Returns
    -------
    array, or a pair of them
        -inf where the sum is 0; NaN where it is negative and no sign is asked for.

    Notes
    -----
    Source: P. Blanchard, D. J. Higham and N. J. Higham, Accurately computing the log-sum-exp and
    softmax functions, IMA Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.grad(cp.scipy.special.logsumexp)(np.log([1.0, 3.0])))
    [0.25 0.75]
    """
    a = floats(a)
    weights = None if b is None else floats(b) + np.zeros_like(a)
    a = a if weights is None else np.where(weights == 0, -np.inf, a)
    largest = _largest(a, axis)
    terms = np.exp(a - largest) if weights is None else weights * np.exp(a - largest)
    total = np.sum(terms, axis=axis, keepdims=True)
    sign = np.sign(total)
    size = np.abs(total)
    empty = size == 0
    log = np.where(empty, -np.inf, np.log(np.where(empty, 1, size)) + largest)
    if not return_sign and weights is not None:
        log = np.where(sign < 0, np.nan, log)
    if not keepdims:
        axes = tuple(range(np.ndim(log))) if axis is None else axis
        log, sign = np.squeeze(log, axis=axes), np.squeeze(sign, axis=axes)
    return (result(log), result(sign)) if return_sign else result(log)


def _largest(x: Any, axis: Any) -> Any:
    """Give the largest exponent as a constant; 0 where it is infinite, so that none is NaN."""
    largest = stop_gradient(np.max(x, axis=axis, keepdims=True))
    return np.where(np.isfinite(largest), largest, 0)


def softmax(x: Any, axis: Any = None) -> Any:
    r"""Compute :math:`e^{x_i} / \sum_j e^{x_j}`.

    Parameters
    ----------
    x : array
    axis : int or tuple of int, optional
        Along which it adds up to 1; all of them by default.

    Returns
    -------
    array
        Of the shape of ``x``.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(cp.scipy.special.softmax([0.0, 0.0]))
    [0.5 0.5]
    """
    return result(reduction.softmax(floats(x), axis=axis))


def log_softmax(x: Any, axis: Any = None) -> Any:
    r"""Compute :math:`x_i - \ln \sum_j e^{x_j}`.

    Parameters
    ----------
    x : array
    axis : int or tuple of int, optional
        All of them by default.

    Returns
    -------
    array
        Of the shape of ``x``.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(np.exp(cp.scipy.special.log_softmax([0.0, 0.0])))
    [0.5 0.5]
    """
    x = floats(x)
    shifted = x - _largest(x, axis)
    return result(shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)))


def softplus(x: Any) -> Any:
    r"""Compute :math:`\ln(1 + e^x)`.

    Parameters
    ----------
    x : array

    Returns
    -------
    array
        Of the shape of ``x``.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(cp.grad(cp.scipy.special.softplus)(0.0))
    0.5
    """
    return result(np.logaddexp(0.0, floats(x)))


def polygamma(n: Any, x: Any) -> Any:
    r"""Compute the n-th derivative of digamma, :math:`(-1)^{n + 1}\,n!\,\zeta(n + 1, x)`.

    Parameters
    ----------
    n : array of int
        A constant.
    x : array

    Returns
    -------
    array

    Notes
    -----
    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, 6.4.10.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(f"{cp.scipy.special.polygamma(1, 1.0):.6f}")
    1.644934
    """
    n, x = constant(n, "The order of polygamma"), floats(x)
    if not n.ndim and n == 0:
        return result(gamma_rules.digamma(x))
    factor = (-1.0) ** (n + 1) * special.gamma(n + 1.0)
    order = np.where(n == 0, 1.0, n)
    found = factor * gamma_rules.zeta(order + 1.0, x)
    return result(np.where(n == 0, gamma_rules.digamma(x), found) if n.ndim else found)


def multigammaln(a: Any, d: int) -> Any:
    r"""Compute the logarithm of the multivariate gamma function.

    .. math:: \tfrac{d(d - 1)}{4} \ln \pi + \sum_{j=1}^{d} \ln \Gamma(a - \tfrac{j - 1}{2})

    Parameters
    ----------
    a : array
        Larger than ``(d - 1) / 2``.
    d : int
        The dimension.

    Returns
    -------
    array
        Of the shape of ``a``.

    Raises
    ------
    ValueError
        If a plain ``a`` is too small, as SciPy has it.

    Notes
    -----
    Source: R. J. Muirhead, Aspects of Multivariate Statistical Theory (1982), theorem 2.1.12.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(f"{cp.scipy.special.multigammaln(3.0, 2):.6f}")
    1.550195
    """
    a = floats(a)
    if not holds_recorded(a) and np.any(a <= 0.5 * (d - 1)):  # a program has no branches
        raise ValueError(f"condition a ({a}) > 0.5 * (d-1) ({0.5 * (d - 1)}) not met")
    halves = np.arange(d) / 2
    sums = np.sum(gamma_rules.gammaln(np.expand_dims(a, -1) - halves), axis=-1)
    return result(sums + d * (d - 1) * 0.25 * np.log(np.pi))


def zeta(x: Any, q: Any = None) -> Any:
    r"""Compute Hurwitz' zeta function, :math:`\sum_{k \ge 0} (k + q)^{-x}`; Riemann's for q = 1.

    Parameters
    ----------
    x : array
        A constant: with respect to it there is no derivative here.
    q : array, optional

    Returns
    -------
    array

    Raises
    ------
    MissingRuleError
        If the derivative with respect to ``x`` is asked for.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(f"{cp.grad(lambda q: cp.scipy.special.zeta(2.0, q))(1.0):.6f}")
    -2.404114
    """
    return result(gamma_rules.zeta(floats(x), floats(1.0 if q is None else q)))


def comb(N: Any, k: Any) -> Any:
    r"""Compute the binomial coefficient :math:`\tbinom{N}{k}` of real numbers.

    Parameters
    ----------
    N, k : array

    Returns
    -------
    array
        0 where ``k`` is not in 0 … ``N``.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(cp.scipy.special.comb(5, 2))
    10.0
    """
    N, k = floats(N), floats(k)
    inside = (k <= N) & (N >= 0) & (k >= 0)
    found = gamma_rules.binom(np.where(inside, N, 1.0), np.where(inside, k, 0.0))
    return result(np.where(inside, found, 0.0))


def __getattr__(name: str) -> Any:
    """Give SciPy's own ufunc: it is recorded as it is, or says that it has no derivative."""
    if not name.startswith("_"):
        try:
            found = getattr(special, name)
        except AttributeError:
            found = None
        if isinstance(found, np.ufunc):
            return found
    raise MissingMethodError(
        f"clearprop.scipy.special has no {name}.",
        why="It has those of SciPy's functions that have a derivative here.",
        write="@cp.primitive(...) with its rule, or functions that have one.",
    )
