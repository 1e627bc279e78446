"""Polynomials by their coefficients, the highest power first; and the line through measured points.

Each takes `numpy.poly1d` too, and then gives one, as NumPy does.
"""

import warnings

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.places import current_line
from clearprop.primitive import composition
from clearprop.rules.complex import conjugated, is_complex
from clearprop.rules.reduction import array_of, numbers_of


def _coefficients(p):
    return np.atleast_1d(p.coeffs if isinstance(p, np.poly1d) else array_of(p))


def _like(y, *given):
    """Give a polynomial object where one was given."""
    return np.poly1d(y) if any(isinstance(p, np.poly1d) for p in given) else y


def _in_front(p, count):
    return np.concatenate([np.zeros(count, p.dtype), p]) if count > 0 else p


@composition(np.polyadd)
def polyadd(a1, a2):
    return _like(_termwise(np.add, a1, a2), a1, a2)


@composition(np.polysub)
def polysub(a1, a2):
    return _like(_termwise(np.subtract, a1, a2), a1, a2)


def _termwise(combine, a1, a2):
    a, b = _coefficients(a1), _coefficients(a2)
    return combine(_in_front(a, len(b) - len(a)), _in_front(b, len(a) - len(b)))


@composition(np.polymul)
def polymul(a1, a2):
    a, b = (_from_first(p, p != 0) for p in map(_coefficients, (a1, a2)))
    return _like(np.convolve(a, b), a1, a2)


def _from_first(p, is_one):
    """Cut a polynomial off before its first coefficient that is one; the last one stays."""
    is_last = np.arange(len(p)) == len(p) - 1
    return p[(np.cumsum(is_one) > 0) | is_last]


@composition(np.polydiv)
def polydiv(u, v):
    divided, by = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    rest = divided.astype(np.result_type(divided, by))
    scale, parts = 1.0 / by[0], []
    for k in range(len(divided) - len(by) + 1):
        parts.append(scale * rest[k])
        change = np.pad(parts[-1] * by, (k, len(rest) - k - len(by)))
        rest = rest - change
    quotient = np.stack(parts) if parts else np.zeros(1, rest.dtype)
    rest = _from_first(rest, np.abs(rest) > 1e-8)  # what NumPy takes for 0
    return _like(quotient, u, v), _like(rest, u, v)


@composition(np.polyder)
def polyder(p, m=1):
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")  # as NumPy has it
    y = _coefficients(p)
    for _ in range(int(m)):
        y = y[:-1] * np.arange(len(y) - 1, 0, -1)
    return _like(y, p)


@composition(np.polyint)
def polyint(p, m=1, k=None):
    m = int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")  # as NumPy has it
    parts = k if isinstance(k, list | tuple) else [np.zeros(m) if k is None else k]
    constants = np.concatenate([np.atleast_1d(part) for part in parts])
    if len(constants) == 1 < m:
        constants = constants * np.ones(m)
    if len(constants) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    y = _coefficients(p)
    for i in range(m):
        y = np.concatenate([y / np.arange(len(y), 0, -1), constants[i : i + 1]])
    return _like(y, p)


@composition(np.poly)
def poly(seq_of_zeros):
    zeros = np.atleast_1d(array_of(seq_of_zeros))
    if np.ndim(zeros) == 2 and len(zeros) == zeros.shape[1] > 0:
        zeros = np.linalg.eigvals(zeros)
    elif np.ndim(zeros) != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")  # as NumPy has it
    y = np.ones(1, zeros.dtype)
    for i in range(len(zeros)):
        y = np.append(y, np.zeros(1, y.dtype)) - zeros[i] * _in_front(y, 1)
    if is_complex(zeros) and _is_conjugate(numbers_of(zeros)):
        y = np.real(y)
    return y if len(zeros) else 1.0


def _is_conjugate(zeros):
    """Whether these are the zeros of a real polynomial."""
    return np.array_equal(np.sort(zeros), np.sort(np.conjugate(zeros)))


@composition(np.roots)
def roots(p):
    """Give the eigenvalues of the companion matrix; zeros at the end are roots at 0."""
    p = np.atleast_1d(array_of(p))
    if p.ndim != 1:
        raise ValueError("Input must be a rank-1 array.")  # as NumPy has it
    places = np.flatnonzero(numbers_of(p))
    if not places.size:
        return np.array([])
    p, at_zero = p[places[0] : places[-1] + 1], np.shape(p)[0] - places[-1] - 1
    count = np.shape(p)[0] - 1
    if not count:
        return np.zeros(at_zero)
    below = np.eye(count - 1, count)
    found = np.linalg.eigvals(np.vstack([np.reshape(-p[1:] / p[0], (1, count)), below]))
    return np.concatenate([found, np.zeros(at_zero)])


@composition(np.vander)
def vander(x, N=None, increasing=False):
    x = array_of(x)
    if np.ndim(x) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")  # as NumPy has it
    count = len(x) if N is None else N
    dtype = np.promote_types(x.dtype, int)
    if count <= 0:
        return np.zeros((len(x), 0), dtype)
    powers = [np.ones_like(x)]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    y = np.stack(powers if increasing else powers[::-1], axis=1)
    return y if y.dtype == dtype else y.astype(dtype)


# ---- the polynomial of least squares ------------------------------------------------------------


@composition(np.polyfit)
def polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    if full:
        raise MissingRuleError(
            "np.polyfit(…, full=True) has no derivative here.",
            where=current_line(2),
            why="Rank and singular values are facts about x; the residuals follow from the fit.",
            write="c = np.polyfit(x, y, deg); np.sum((y - np.polyval(c, x)) ** 2)",
        )
    x, y = array_of(x) + 0.0, array_of(y) + 0.0
    order = int(deg) + 1
    _refuse_points(x, y, w, deg)
    columns = np.vander(x, order)
    right = y
    if w is not None:
        w = array_of(w) + 0.0
        columns = columns * w[:, None]
        right = right * (w[:, None] if np.ndim(y) == 2 else w)
    scale = np.sqrt(np.sum(columns * columns, axis=0))
    if rcond is None:
        rcond = float(len(x) * np.finfo(x.dtype).eps)
    scaled = columns / scale
    found = np.linalg.pinv(scaled, rcond) @ right
    if np.linalg.matrix_rank(numbers_of(scaled), rtol=rcond) != order:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=3)
    fitted = found / (scale[:, None] if np.ndim(y) == 2 else scale)
    if not cov:
        return fitted
    spread = np.linalg.inv(scaled.T @ scaled) / np.outer(scale, scale)
    if cov != "unscaled":
        if len(x) <= order:
            raise ValueError(
                "the number of data points must exceed order to scale the covariance matrix"
            )  # as NumPy has it
        off = right - scaled @ found
        factor = np.real(np.sum(off * conjugated(off), axis=0)) / (len(x) - order)
        spread = spread[:, :, None] * factor if np.ndim(y) == 2 else spread * factor
    elif np.ndim(y) == 2:
        spread = spread[:, :, None]
    return fitted, spread


def _refuse_points(x, y, w, deg):
    """Refuse what NumPy refuses, in its words."""
    if deg < 0:
        raise ValueError("expected deg >= 0")
    if np.ndim(x) != 1:
        raise TypeError("expected 1D vector for x")
    if not np.size(x):
        raise TypeError("expected non-empty vector for x")
    if np.ndim(y) not in (1, 2):
        raise TypeError("expected 1D or 2D array for y")
    if len(x) != len(y):
        raise TypeError("expected x and y to have same length")
    if w is not None and np.ndim(w) != 1:
        raise TypeError("expected a 1-d array for weights")
    if w is not None and len(w) != len(y):
        raise TypeError("expected w and y to have the same length")
