"""Eigenvalues and singular values."""

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.complex import conjugated, is_complex
from clearprop.rules.linalg import POSITIVE, REGULAR, STACK, column
from clearprop.rules.linear import adjoint, transposed
from clearprop.rules.triangular import lower_half

WIDE = np.array([[1.0, 0.4, -0.3], [0.2, 2.0, 0.7]])


def over_differences(x):
    """Give ``1 / (x[j] - x[i])``, and 0 where they are equal."""
    d = np.expand_dims(x, -2) - column(x)
    same = d == 0
    return np.where(same, 0, 1 / np.where(same, 1, d))


def diagonal_of(x):
    """Put vectors on the diagonals of matrices."""
    return np.where(np.eye(x.shape[-1], dtype=bool), np.expand_dims(x, -2), 0)


@primitive(
    outputs=2,
    latex=r"A = V \operatorname{diag}(\lambda) V^{\mathsf T}",
    cases=[Case(POSITIVE), Case(np.stack([POSITIVE, REGULAR + REGULAR.T]))],
)
def eigh(a):
    return tuple(np.linalg.eigh(a))


@eigh.vjp(
    "a", latex=r"V (\operatorname{diag}\bar\lambda + F \circ V^{\mathsf T} \bar V) V^{\mathsf T}"
)
def _(dy, y):
    (dw, dv), (w, v) = dy, y
    inner = diagonal_of(dw) + over_differences(w) * (transposed(v) @ dv)
    g = conjugated(v) @ inner @ transposed(v)
    return lower_half(g + adjoint(g))  # of the triangle that NumPy reads


@composition(np.linalg.eigh)
def eigh_of_either(a, UPLO="L"):
    if UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")  # as NumPy has it
    pair = eigh(adjoint(a) if UPLO.upper() == "U" else a)
    return type(np.linalg.eigh(np.eye(1)))(*pair)


@composition(np.linalg.eigvalsh)
def eigvalsh(a, UPLO="L"):
    return np.linalg.eigh(a, UPLO).eigenvalues


@primitive(
    outputs=3,
    latex=r"A = U \operatorname{diag}(s) V^{\mathsf T}",
    cases=[Case(REGULAR), Case(WIDE), Case(WIDE.T), Case(STACK)],
)
def svd(a):
    return tuple(np.linalg.svd(a, full_matrices=False))


@svd.vjp("a", latex=r"U (\operatorname{diag}\bar s + \dots) V^{\mathsf T}")
def _(dy, y, a_shape):
    """J. Townsend, Differentiating the singular value decomposition (2016)."""
    (du, ds, dvh), (u, s, vh) = dy, y
    left, right = transposed(u) @ du, vh @ transposed(dvh)
    zero = s == 0
    over = np.where(zero, 0, 1 / np.where(zero, 1, s))
    if is_complex(u):  # the phases of a pair of vectors turn against each other
        phases = np.diagonal(left, axis1=-2, axis2=-1) + np.diagonal(right, axis1=-2, axis2=-1)
        ds = ds + 0.5j * np.imag(phases) * over
    f = over_differences(s * s)
    turned = f * (left - adjoint(left)) * np.expand_dims(s, -2)
    turned = turned + column(s) * f * (conjugated(right) - transposed(right))
    u, vh = conjugated(u), conjugated(vh)
    da = u @ (diagonal_of(ds) + turned) @ vh
    k = s.shape[-1]
    if a_shape[-2] > k:  # what of U and V lies outside their own spaces
        da = da + ((du - u @ left) * np.expand_dims(over, -2)) @ vh
    if a_shape[-1] > k:
        da = da + u @ (column(over) * (dvh - transposed(right) @ vh))
    return da


@primitive(
    symbol="σ",
    latex=r"\sigma_i(A)",
    cases=[Case(REGULAR), Case(WIDE), Case(WIDE.T), Case(STACK)],
)
def singular_values(a):
    return np.linalg.svd(a, compute_uv=False)


@singular_values.vjp("a", latex=r"U \operatorname{diag}(\bar y) V^{\mathsf T}")
def _(dy, y, a):
    u, _, vh = svd(a)
    u, vh = conjugated(u), conjugated(vh)
    return (u * np.expand_dims(np.where(y == 0, 0, dy), -2)) @ vh  # 0 at 0, as the norm


@composition(np.linalg.svd)
def svd_of_any_form(a, full_matrices=True, compute_uv=True, hermitian=False):
    if not compute_uv and not hermitian:
        return singular_values(a)
    if hermitian or (full_matrices and np.shape(a)[-1] != np.shape(a)[-2]):
        option = "hermitian=True" if hermitian else "full_matrices=True"
        raise MissingRuleError(
            f"np.linalg.svd(…, {option}) has no derivative here.",
            where=current_line(2),
            why="The vectors beyond the singular values are not determined."
            if not hermitian
            else "np.linalg.eigh is the decomposition of a symmetric matrix.",
            write="np.linalg.svd(a, full_matrices=False)",
        )
    return type(np.linalg.svd(np.eye(1)))(*svd(a))


@composition(np.linalg.svdvals)
def svdvals(x):
    return singular_values(x)


@composition(np.linalg.cond)
def cond(x, p=None):
    if p in (None, 2, -2):
        s = singular_values(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    inverse = np.linalg.inv(x)
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inverse, p, (-2, -1))
