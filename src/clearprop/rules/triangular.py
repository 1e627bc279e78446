"""Systems with a triangle, which the record may show a matrix to be, and Cholesky's factors."""

import numpy as np

from clearprop.kinds import FACTORIZATION
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.arithmetic import conjugate
from clearprop.rules.complex import conjugated
from clearprop.rules.linalg import POSITIVE, REGULAR, STACK, column, solve
from clearprop.rules.linear import adjoint, transposed
from clearprop.rules.shape import transpose

#: A triangle of several blocks.
LONG = np.tril(1 / (1 + np.arange(70)[::-1, np.newaxis]) + np.eye(70))

WHOLE = 32  # rows of a matrix that is not taken apart into blocks


@primitive(
    latex="L^{-1} b",
    cases=[
        Case(np.tril(REGULAR), (3, 2)),
        Case(np.tril(REGULAR), (3,), trans=True),
        Case(np.tril(STACK), (2, 3, 2), trans=True),
        Case(LONG, (70,)),
        Case(LONG, (70, 1), trans=True),
    ],
)
def solve_lower(a, b, *, trans=False):
    # Substitution, by blocks: a third of the work of np.linalg.solve. It reads the lower
    # triangle alone. With trans it solves for the transposed one, which begins at its end.
    given = b if b.ndim > 1 else b[:, np.newaxis]
    y = np.empty(given.shape, np.result_type(a, b))
    for i in range(0, a.shape[-1], 32)[:: -1 if trans else 1]:
        rows, done = slice(i, i + 32), slice(i + 32, None) if trans else slice(i)
        own = np.tril(a[..., rows, rows])
        beside = a[..., done, rows].mT if trans else a[..., rows, done]
        left = given[..., rows, :] - beside @ y[..., done, :]
        y[..., rows, :] = np.linalg.solve(own.mT if trans else own, left)
    return np.reshape(y, b.shape)


@solve_lower.vjp("a", latex=r"-\operatorname{tril}(L^{-\mathsf T}\bar y\,y^{\mathsf T})")
def _(dy, y, a, b_shape, *, trans):
    db = solve_lower(a, dy, trans=not trans)
    left, right = (y, db) if trans else (db, y)
    if len(b_shape) == 1:
        return np.tril(column(left) * -np.expand_dims(right, -2))
    return np.tril(left @ -transposed(right))


@solve_lower.vjp("b", latex=r"L^{-\mathsf T}\bar y")
def _(dy, a, *, trans):
    return solve_lower(a, dy, trans=not trans)


@primitive(
    kind=FACTORIZATION,
    latex=r"L,\ L L^{\mathsf T} = A",
    cases=[Case(POSITIVE), Case(np.stack([POSITIVE, POSITIVE + np.eye(3)]))],
)
def cholesky(a):
    return np.linalg.cholesky(a)


@cholesky.vjp("a", latex=r"L^{-\mathsf T}\,\Phi(L^{\mathsf T} \bar y)\,L^{-1}")
def _(dy, y):
    """S. F. Walter, Structured higher-order algorithmic differentiation (2012), (3.69)."""
    if np.shape(y)[-1] > WHOLE:
        return cholesky_pullback(dy, y)
    inner = lower_half(transposed(y) @ dy)
    half = np.linalg.solve(adjoint(y), transposed(inner))
    right = np.linalg.solve(transposed(y), transposed(half))
    # NumPy reads the lower triangle alone. So does the derivative: what lies above has none, and
    # an element below stands for its mirror image too.
    return lower_half(right + adjoint(right))


@primitive(
    latex=r"L^{-\mathsf T}\,\Phi(L^{\mathsf T} x)\,L^{-1}",
    cases=[
        Case((3, 3), np.linalg.cholesky(POSITIVE)),
        Case((2, 3, 3), np.linalg.cholesky(np.stack([POSITIVE, POSITIVE + np.eye(3)]))),
    ],
)
def cholesky_pullback(x, factor):
    # The gradient of A from that of its factor, by blocks of columns, the last one first: a sixth
    # of the work of the formula, which is that of a single block. It reads both below the diagonal.
    # I. Murray, Differentiation of the Cholesky decomposition (2016), section 4.2.
    x = x.conj()
    h = np.empty(factor.shape, np.result_type(x, factor))  # of all of A: Hermitian
    for i in range(0, factor.shape[-1], 48)[::-1]:
        rows, done = slice(i, i + 48), slice(i + 48, None)
        below, own = factor[..., done, rows], np.tril(factor[..., rows, rows]).mT.conj()
        left = x[..., done, rows] - h[..., done, done] @ below
        beside = np.linalg.solve(own, left.mT.conj())
        inner = lower_half(own @ (x[..., rows, rows] - beside @ below))
        half = np.linalg.solve(own, inner.mT.conj())
        right = np.linalg.solve(own, half.mT.conj())
        h[..., rows, done], h[..., done, rows] = beside, beside.mT.conj()
        h[..., rows, rows] = right + right.mT.conj()
    return lower_half(h).conj()


@cholesky_pullback.vjp(
    "x", latex=r"L\,\Phi(L^{-1} V L^{-\mathsf T}),\ V = \bar y + \bar y^{\mathsf T}"
)
def _(dy, factor):
    return np.tril(factor) @ lower_half(_between(dy, factor))


@cholesky_pullback.vjp(
    "factor", latex=r"\operatorname{tril}(x\,\Phi(N)^{\mathsf T} - S L N), S = y + y^{\mathsf T}"
)
def _(dy, y, x, factor):
    inner = _between(dy, factor)
    whole = y + adjoint(y)
    turned = conjugated(np.tril(factor) @ inner)
    return np.tril(np.tril(x) @ transposed(lower_half(inner)) - whole @ turned)


def _between(dy, factor):
    """Give ``L⁻¹ V L⁻ᴴ``, where V is Hermitian and has a cotangent below its diagonal."""
    half = lower_half(dy)
    return solve_lower(factor, adjoint(solve_lower(factor, half + adjoint(half))))


def lower_half(x):
    """Keep the lower triangle, and half of the diagonal."""
    return (np.tril(x) + np.tril(x, -1)) / 2


@composition(np.linalg.cholesky)
def cholesky_of_either(a, *, upper=False):
    if upper:
        return adjoint(cholesky(adjoint(a)))
    return cholesky(a)


# ---- what the record says of a matrix ------------------------------------------------------------


def triangle_of(x):
    """Say which triangle a matrix is by its record: 'lower', 'upper', or '' where it may be none.

    A result of `cholesky` is one, and so is what that is, transposed or conjugated.
    """
    node, is_upper = getattr(x, "node", None), False
    while node is not None and node.primitive in (transpose, conjugate):
        if node.primitive is transpose:
            *others, last_but_one, last = range(len(node.shape))
            axes = node.attributes.get("axes") or (last, last_but_one, *others[::-1])
            if axes != (*others, last, last_but_one):
                return ""
            is_upper = not is_upper
        node = node.inputs[0]
    if node is None or node.primitive is not cholesky:
        return ""
    return "upper" if is_upper else "lower"


@composition(np.linalg.solve)
def solve_by_form(a, b):
    # Small systems stay as they are: the calls take longer than the work, and compiled they are
    # machine code.
    shape, form = np.shape(a), getattr(b, "shape", ())
    fits = shape[:-1] == (form if len(form) == 1 else form[:-1])
    if fits and len(shape) > 1 and shape[-1] > WHOLE and b.dtype.char in "fdFD":
        triangle = triangle_of(a)
        if triangle == "lower":
            return solve_lower(a, b)
        if triangle == "upper":
            return solve_lower(transposed(a), b, trans=True)
    return solve(a, b)
