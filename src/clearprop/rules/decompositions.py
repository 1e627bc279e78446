"""QR, eigenvalues of any matrix, the pseudoinverse, and least squares."""

import numpy as np

from clearprop.errors import MissingRuleError, StagingError
from clearprop.kinds import OPAQUE
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.comparison import CONSTANT
from clearprop.rules.complex import conjugated, is_complex
from clearprop.rules.linalg import REGULAR, STACK
from clearprop.rules.linear import adjoint, transposed
from clearprop.rules.spectral import WIDE, diagonal_of, over_differences, singular_values

#: A pair of complex eigenvalues and a real one.
_TURNING = np.array([[0.3, -1.2, 0.2], [1.1, 0.4, -0.5], [0.1, 0.6, 2.0]])


@primitive(
    outputs=2,
    kind=OPAQUE,
    latex="A = Q R",
    cases=[Case(REGULAR), Case(WIDE), Case(WIDE.T), Case(STACK)],
)
def qr(a):
    return tuple(np.linalg.qr(a))


@qr.vjp("a", latex=r"(\bar Q + Q\,\operatorname{sym} \operatorname{triu}(\dots)) R^{-\mathsf T}")
def _(dy, y):
    """S. F. Walter and L. Lehmann, Algorithmic differentiation of linear algebra (2010)."""
    (dq, dr), (q, r) = dy, y
    k = np.shape(q)[-1]
    beyond = None
    if np.shape(r)[-1] > k:  # the first columns say what Q is; R has the others in terms of it
        beyond = conjugated(q) @ dr[..., k:]
        dq = dq + conjugated(q @ r[..., k:]) @ adjoint(dr[..., k:])
        r, dr = r[..., :k], dr[..., :k]
    t = dr @ transposed(r) - transposed(q) @ dq
    half = (np.triu(t) + np.triu(t, 1)) / 2
    g = dq + conjugated(q) @ (half + adjoint(half))
    da = transposed(np.linalg.solve(r, transposed(g)))
    return da if beyond is None else np.concatenate([da, beyond], axis=-1)


@composition(np.linalg.qr)
def qr_in_any_mode(a, mode="reduced"):
    if mode == "r":
        return qr(a)[1]
    rows, columns = np.shape(a)[-2:]
    if mode == "raw" or (mode == "complete" and rows > columns):
        raise MissingRuleError(
            f"np.linalg.qr(…, mode={mode!r}) has no derivative here.",
            where=current_line(2),
            why="LAPACK's reflectors are no function of the matrix alone."
            if mode == "raw"
            else "The columns of Q beyond those of the matrix are not determined.",
            write="np.linalg.qr(a), which is mode='reduced'.",
        )
    if mode not in ("reduced", "complete"):
        raise ValueError(f"Unrecognized mode '{mode}'")  # as NumPy has it
    return type(np.linalg.qr(np.eye(1)))(*qr(a))


@primitive(
    outputs=2,
    kind=OPAQUE,
    latex=r"A = V \operatorname{diag}(\lambda) V^{-1}",
    cases=[Case(REGULAR + np.diag([0, 1, 3.0])), Case(_TURNING), Case(np.stack([_TURNING] * 2))],
)
def eig(a):
    w, v = np.linalg.eig(a)
    return w + 0j, v + 0j  # of a real matrix NumPy gives real numbers where all are


@eig.vjp(
    "a",
    latex=r"V^{-\mathsf T} (\operatorname{diag}\bar\lambda + F \circ V^{\mathsf T} \bar V) "
    r"V^{\mathsf T}",
)
def _(dy, y):
    """M. B. Giles, Collected matrix derivative results (2008), 3.1; vectors of length 1."""
    (dw, dv), (w, v) = dy, y
    along = np.sum(dv * v, axis=-2, keepdims=True)
    # Their phase is the one in which the largest element is real, as LAPACK has it.
    size = np.where(np.imag(v) == 0, np.abs(v), -1)
    places = np.reshape(np.arange(np.shape(v)[-1]), (-1, 1))
    largest = places == np.argmax(size, axis=-2, keepdims=True)
    turn = np.where(largest, np.imag(along) / np.where(largest, v, 1), 0)
    dv = dv - np.real(along) * np.conjugate(v) - 1j * turn
    inner = diagonal_of(dw) + over_differences(w) * (transposed(v) @ dv)
    return np.linalg.solve(transposed(v), inner @ transposed(v))


@composition(np.linalg.eig)
def named_eig(a):
    w, v = eig(a)
    if _is_real(a, w):
        w, v = np.real(w), np.real(v)
    return type(np.linalg.eig(np.eye(1)))(w, v)


@composition(np.linalg.eigvals)
def eigvals(a):
    w = eig(a)[0]
    return np.real(w) if _is_real(a, w) else w


def _is_real(a, w):
    """Whether NumPy gives real eigenvalues: of a real matrix, where all of them are."""
    if is_complex(a):
        return False
    tape = getattr(getattr(w, "node", None), "tape", None)
    if tape is not None and tape.is_staged:
        raise StagingError(
            "The eigenvalues of a real matrix are real or complex, as its numbers have it.",
            where=current_line(3),
            why="A program is made for one type of number.",
            write="np.linalg.eig(a.astype(complex)); or np.linalg.eigh, of a symmetric matrix.",
        )
    return not np.any(np.imag(w))


@primitive(
    kind=OPAQUE,
    symbol="⁺",
    latex="A^+",
    cases=[Case(REGULAR), Case(WIDE), Case(WIDE.T), Case(STACK), Case(WIDE, rcond=0.01)],
)
def pinv(a, *, rcond=None):
    return np.linalg.pinv(a, rcond=rcond)


@pinv.vjp("a", latex=r"-A^{+\mathsf T} \bar y\,A^{+\mathsf T} + \dots")
def _(dy, y, a):
    """G. H. Golub and V. Pereyra, The differentiation of pseudo-inverses (1973)."""
    back = transposed(dy)
    inside = back @ y
    outside_rows = (back - a @ (y @ back)) @ y @ adjoint(y)
    outside_columns = adjoint(y) @ y @ (back - (back @ y) @ a)
    return conjugated(outside_rows + outside_columns) - transposed(y @ inside)


@composition(np.linalg.pinv)
def pinv_of(a, rcond=None, hermitian=False, *, rtol=np._NoValue):
    if rcond is None:
        rcond = None if rtol is np._NoValue else rtol
        if rtol is None:
            rcond = _least(a)
    if hermitian:  # NumPy reads the lower triangle
        below = np.tril(a, -1)
        a = below + adjoint(below) + diagonal_of(np.real(np.diagonal(a, axis1=-2, axis2=-1)))
    return pinv(a, rcond=rcond)


def _least(a):
    """Give the share of the largest singular value below which one is rounding."""
    return float(max(np.shape(a)[-2:]) * np.finfo(a.dtype).eps)


@primitive(
    np.linalg.matrix_rank, kind=OPAQUE, no_derivative=CONSTANT, cases=[Case(REGULAR), Case(STACK)]
)
def matrix_rank(a, *, tol=None, hermitian=False, rtol=None):
    return np.linalg.matrix_rank(a, tol, hermitian, rtol=rtol)


@composition(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    if np.ndim(a) != 2:
        raise np.linalg.LinAlgError(
            f"{np.ndim(a)}-dimensional array given. Array must be two-dimensional"
        )  # as NumPy has it
    a, b = (x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b))
    rows, columns = np.shape(a)
    rcond = _least(a) if rcond is None else rcond
    x = pinv(a, rcond=rcond) @ b
    rank = np.linalg.matrix_rank(a, rtol=max(rcond, np.finfo(a.dtype).eps))
    off = np.reshape(b - a @ x, (rows, -1))
    squares = np.sum(np.real(off) ** 2 + np.imag(off) ** 2, axis=0)
    # NumPy gives them only where the equations are too many and the solution is unique.
    told = np.broadcast_to((rank == columns) & (rows > columns), np.shape(squares))
    return x, squares[told], rank.astype(np.intc), singular_values(a)
