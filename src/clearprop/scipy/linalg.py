"""SciPy's linear algebra for recorded arrays: real and complex matrices, and stacks of them.

``check_finite``, ``overwrite_a`` and ``overwrite_b`` may be given and change nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import MissingMethodError, OptionError
from clearprop.rules import matrix_functions
from clearprop.rules.complex import conjugated
from clearprop.rules.linear import adjoint
from clearprop.rules.linear import transposed as transposed_of
from clearprop.scipy.arguments import array, numbers

_TRANSPOSED = {0: 0, 1: 1, 2: 1, "N": 0, "T": 1, "C": 1}


def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    r"""Solve :math:`A x = b` for a triangular A, of which the other triangle is not read.

    Parameters
    ----------
    a : array (..., M, M)
    b : array (M,) or (..., M, N)
    trans : {0, 1, 2, 'N', 'T', 'C'}
        Whether to solve for the transposed matrix; with 2 or 'C', for the adjoint one.
    lower : bool
        Whether the lower triangle is read; the upper by default.
    unit_diagonal : bool
        Whether the diagonal is taken as 1, and not read.
    overwrite_b, check_finite : bool
        Without effect here.

    Returns
    -------
    array
        Of the shape of ``b``.

    Raises
    ------
    LinAlgError
        If the matrix is singular.
    OptionError
        If ``trans`` is none of these.

    Notes
    -----
    Source: M. B. Giles, Collected matrix derivative results for forward and reverse mode
    algorithmic differentiation (2008), 2.3.1.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> L = np.array([[2.0, 0.0], [1.0, 4.0]])
    >>> print(cp.scipy.linalg.solve_triangular(L, np.array([2.0, 9.0]), lower=True))
    [1. 2.]
    """
    if trans not in _TRANSPOSED:
        raise OptionError(f"trans={trans!r}.", write="trans=0, or trans=1 for the transposed one.")
    options = {
        "trans": _TRANSPOSED[trans],
        "lower": bool(lower),
        "unit_diagonal": bool(unit_diagonal),
    }
    a = numbers(a)
    a = conjugated(a) if trans in (2, "C") else a
    return matrix_functions.solve_triangular(a, numbers(b), **options)


def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    r"""Factor :math:`A = U^{\mathsf H} U`, or :math:`A = L L^{\mathsf H}` with ``lower``.

    Parameters
    ----------
    a : array (..., M, M)
        Positive definite; only the triangle that is asked for is read, and the derivative is
        that of this triangle.
    lower : bool
        Whether to give L; U by default.
    overwrite_a, check_finite : bool
        Without effect here.

    Returns
    -------
    array (..., M, M)

    Raises
    ------
    LinAlgError
        If the matrix is not positive definite.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.scipy.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 10.0]])))
    [[2. 1.]
     [0. 3.]]
    """
    return np.linalg.cholesky(numbers(a), upper=not lower)


def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """Factor as `cholesky` does, for `cho_solve`.

    Parameters
    ----------
    a : array (..., M, M)
        Positive definite.
    lower : bool
        Whether to give the lower factor.
    overwrite_a, check_finite : bool
        Without effect here.

    Returns
    -------
    c : array (..., M, M)
        The factor; the other triangle is 0, where SciPy leaves what was there.
    lower : bool

    Raises
    ------
    LinAlgError
        If the matrix is not positive definite.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> A, b = np.array([[4.0, 2.0], [2.0, 10.0]]), np.array([6.0, 12.0])
    >>> print(cp.scipy.linalg.cho_solve(cp.scipy.linalg.cho_factor(A), b))
    [1. 1.]
    """
    return cholesky(a, lower), lower


def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    r"""Solve :math:`A x = b`, where A was factored by `cho_factor`.

    Parameters
    ----------
    c_and_lower : pair
        What `cho_factor` gave.
    b : array (M,) or (..., M, N)
    overwrite_b, check_finite : bool
        Without effect here.

    Returns
    -------
    array
        Of the shape of ``b``.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.scipy.linalg.cho_solve((np.eye(2) * 2, True), np.array([4.0, 8.0])))
    [1. 2.]
    """
    c, lower = c_and_lower
    z = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, z, trans=2 if lower else 0, lower=lower)


def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    r"""Solve :math:`A x = b`.

    Parameters
    ----------
    a : array (..., M, M)
    b : array (M,) or (..., M, N)
    lower : bool
        Which triangle is read of a symmetric or a positive definite A.
    overwrite_a, overwrite_b, check_finite : bool
        Without effect here.
    assume_a : str, optional
        ``'gen'``, ``'sym'``, ``'her'``, ``'pos'``, ``'upper triangular'`` or
        ``'lower triangular'``.
    transposed : bool
        Whether to solve for the transposed matrix.

    Returns
    -------
    array
        Of the shape of ``b``.

    Raises
    ------
    LinAlgError
        If the matrix is singular, or not positive definite where that was said.
    OptionError
        If ``assume_a`` is none of these.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.scipy.linalg.solve(np.diag([2.0, 4.0]), np.array([2.0, 8.0]), assume_a="pos"))
    [1. 2.]
    """
    a, b = numbers(a), numbers(b)
    if assume_a in ("pos", "positive definite"):
        a = conjugated(a) if transposed else a
        return cho_solve(cho_factor(a, lower), b)
    if assume_a in ("upper triangular", "lower triangular"):
        return solve_triangular(a, b, int(transposed), lower=assume_a.startswith("lower"))
    if assume_a in ("sym", "symmetric", "her", "hermitian"):
        half, diagonal = (np.tril(a, -1) if lower else np.triu(a, 1)), np.tril(np.triu(a))
        is_hermitian = assume_a.startswith("her")
        other = adjoint(half) if is_hermitian else transposed_of(half)
        a = half + other + (np.real(diagonal) if is_hermitian else diagonal)
    elif assume_a not in (None, "gen", "general"):
        raise OptionError(
            f"solve(…, assume_a={assume_a!r}) has no derivative here.",
            why="It is there for gen, sym, her, pos, upper triangular and lower triangular.",
            write="solve(a, b)",
        )
    return np.linalg.solve(transposed_of(a) if transposed else a, b)


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    r"""Compute :math:`A^{-1}`.

    Parameters
    ----------
    a : array (..., M, M)
    overwrite_a, check_finite : bool
        Without effect here.

    Returns
    -------
    array (..., M, M)

    Raises
    ------
    LinAlgError
        If the matrix is singular.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.scipy.linalg.inv(np.diag([2.0, 4.0])))
    [[0.5  0.  ]
     [0.   0.25]]
    """
    return np.linalg.inv(numbers(a))


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    r"""Compute :math:`\det A`.

    Parameters
    ----------
    a : array (..., M, M)
    overwrite_a, check_finite : bool
        Without effect here.

    Returns
    -------
    array (...)

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(f"{cp.scipy.linalg.det(np.diag([2.0, 4.0])):.1f}")
    8.0
    """
    return np.linalg.det(numbers(a))


def expm(A: Any) -> Any:
    r"""Compute the exponential of a matrix, :math:`\sum_k A^k / k!`.

    Parameters
    ----------
    A : array (..., M, M)

    Returns
    -------
    array (..., M, M)

    Notes
    -----
    Source: N. J. Higham, Functions of Matrices (2008), sections 3.2 and 10.3. The derivative is
    the exponential of a matrix of twice the size.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.grad(lambda A: np.trace(cp.scipy.linalg.expm(A)))(np.zeros((2, 2))))
    [[1. 0.]
     [0. 1.]]
    """
    return matrix_functions.expm(numbers(A))


def block_diag(*arrs: Any) -> Any:
    """Put matrices along a diagonal.

    Parameters
    ----------
    *arrs : array (M, N), (N,) or ()

    Returns
    -------
    array
        0 beside them.

    Raises
    ------
    ValueError
        If one has more than two axes, as SciPy has it.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(cp.scipy.linalg.block_diag([[1, 2]], 3))
    [[1 2 0]
     [0 0 3]]
    """
    given: Any = arrs or [[]]
    blocks = [np.atleast_2d(array(block)) for block in given]
    if any(np.ndim(block) > 2 for block in blocks):
        raise ValueError("arguments in the following positions have dimension greater than 2")
    dtype = np.result_type(*(block.dtype for block in blocks))
    width, before, rows = sum(np.shape(block)[1] for block in blocks), 0, []
    for block in blocks:
        height, own = np.shape(block)
        left = np.zeros((height, before), dtype)
        right = np.zeros((height, width - before - own), dtype)
        rows.append(np.concatenate((left, block, right), axis=1))
        before += own
    return np.concatenate(rows, axis=0)


def toeplitz(c: Any, r: Any = None) -> Any:
    r"""Make the matrix with :math:`A_{ij} = c_{i - j}` below the diagonal, :math:`r_{j - i}` above.

    Parameters
    ----------
    c : array (M,)
        The first column.
    r : array (N,), optional
        The first row, of which the first element is not read; the conjugate
        of ``c`` by default.

    Returns
    -------
    array (M, N)

    Examples
    --------
    >>> import clearprop as cp
    >>> print(cp.scipy.linalg.toeplitz([1, 2], [0, 3, 4]))
    [[1 3 4]
     [2 1 3]]
    """
    c = np.ravel(array(c))
    r = conjugated(c) if r is None else np.ravel(array(r))
    m, n = np.shape(c)[0], np.shape(r)[0]
    values = np.concatenate((c[::-1], r[1:]))
    return values[np.arange(n) - np.arange(m)[:, None] + (m - 1)]


def __getattr__(name: str) -> Any:
    if name in ("sqrtm", "logm"):
        why = "The derivative of this function of a matrix is not here."
    else:
        why = "It has those of SciPy's functions that have a derivative here."
    raise MissingMethodError(
        f"clearprop.scipy.linalg has no {name}.",
        why=why,
        write="@cp.primitive(...) with its rule, or np.linalg, which is recorded.",
    )
