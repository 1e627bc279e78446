"""Linear algebra: systems of equations, determinants, norms, products of many matrices."""

import operator

import numpy as np

from clearprop.kinds import FACTORIZATION
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.complex import conjugated, is_complex
from clearprop.rules.linear import transposed
from clearprop.rules.reduction import axes_of

#: Well-conditioned matrices: drawn ones may be nearly singular, and no difference would be exact.
REGULAR = np.array([[2.0, 0.5, -0.3], [0.4, 1.5, 0.2], [-0.6, 0.1, 1.8]])
_B = np.array([[1.2, -0.7], [0.3, 0.9]])
STACK = np.stack([REGULAR, -REGULAR.T])
POSITIVE = REGULAR @ REGULAR.T


def column(x):
    """Give every element, or every row, an axis of its own."""
    return np.expand_dims(x, -1)


@primitive(
    kind=FACTORIZATION,
    latex=r"A^{-1} b",
    cases=[
        Case(REGULAR, (3,)),
        Case(REGULAR, (3, 2)),
        Case(STACK, (2, 3, 2)),
        Case(STACK, (3,)),
        Case(REGULAR, (2, 3, 1)),
    ],
)
def solve(a, b):
    return np.linalg.solve(a, b)


@solve.vjp("a", latex=r"-A^{-\mathsf T}\bar y\,y^{\mathsf T}")
def _(dy, y, a, b_shape):
    if len(b_shape) == 1:  # only then is b a vector, since NumPy 2.0
        return -np.linalg.solve(transposed(a), column(dy)) * np.expand_dims(y, -2)
    return -np.linalg.solve(transposed(a), dy) @ transposed(y)


@solve.vjp("b", latex=r"A^{-\mathsf T}\bar y")
def _(dy, a, b_shape):
    if len(b_shape) == 1:
        return np.linalg.solve(transposed(a), column(dy))[..., 0]
    return np.linalg.solve(transposed(a), dy)


@composition(np.linalg.tensorsolve)
def tensorsolve(a, b, axes=None):
    if axes is not None:
        a = np.moveaxis(a, axes, range(np.ndim(a) - len(axes), np.ndim(a)))
    form = np.shape(a)[np.ndim(b) :]
    n = int(np.prod(form))
    if np.size(a) != n * n:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )  # as NumPy has it
    return np.reshape(np.linalg.solve(np.reshape(a, (n, n)), np.ravel(b)), form)


@composition(np.linalg.tensorinv)
def tensorinv(a, ind=2):
    if ind <= 0:
        raise ValueError("Invalid ind argument.")  # as NumPy has it
    shape = np.shape(a)
    n = int(np.prod(shape[ind:]))
    return np.reshape(np.linalg.inv(np.reshape(a, (n, -1))), shape[ind:] + shape[:ind])


@primitive(
    np.linalg.inv,
    kind=FACTORIZATION,
    symbol="⁻¹",
    latex="A^{-1}",
    cases=[Case(REGULAR), Case(STACK)],
)
def inv(a):
    return np.linalg.inv(a)


@inv.vjp("a", latex=r"-y^{\mathsf T}\bar y\,y^{\mathsf T}")
def _(dy, y):
    return -transposed(y) @ dy @ transposed(y)


@primitive(
    np.linalg.det,
    kind=FACTORIZATION,
    latex=r"\det A",
    cases=[Case(REGULAR), Case(_B), Case(STACK)],
)
def det(a):
    return np.linalg.det(a)


@det.vjp("a", latex=r"\bar y\,\operatorname{cof} A")
def _(dy, a):
    return column(column(dy)) * cofactors(a)


@primitive(
    symbol="cof", latex=r"\operatorname{cof} A", cases=[Case(REGULAR), Case(_B), Case(STACK)]
)
def cofactors(a):
    # det(A) A⁻ᵀ without the inverse: finite where A is singular, as the cofactors are.
    u, s, vh = np.linalg.svd(a)
    others = np.where(
        np.eye(s.shape[-1], dtype=bool), np.ones_like(s[..., :1, None]), s[..., None, :]
    )
    signs = np.linalg.det(u) * np.linalg.det(vh)
    u, vh = conjugated(u), conjugated(vh)
    return signs[..., None, None] * (u * np.prod(others, axis=-1)[..., None, :]) @ vh


@cofactors.vjp("a", latex=r"\det A\,(\langle \bar y, B \rangle B - B \bar y^{\mathsf T} B)")
def _(dy, a):
    b = transposed(np.linalg.inv(a))  # B = A⁻ᵀ: the second derivative asks for a regular A
    inner = np.sum(dy * b, axis=(-2, -1), keepdims=True)
    return column(column(np.linalg.det(a))) * (inner * b - b @ transposed(dy) @ b)


@primitive(
    kind=FACTORIZATION,
    outputs=2,
    latex=r"\operatorname{sign} \det A,\ \log \lvert\det A\rvert",
    cases=[Case(REGULAR), Case(STACK)],
)
def slogdet(a):
    return tuple(np.linalg.slogdet(a))


@slogdet.vjp("a", latex=r"\bar y_2\,A^{-\mathsf T}")
def _(dy, y, a):
    over = dy[1]
    if is_complex(a):  # the sign turns; that of a real determinant is constant
        over = over + 1j * np.imag(y[0] * dy[0])
    return column(column(over)) * transposed(np.linalg.inv(a))


@composition(np.linalg.slogdet)
def named_slogdet(a):
    return type(np.linalg.slogdet(np.eye(1)))(*slogdet(a))


# ---- norms ----------------------------------------------------------------------------------


@primitive(
    symbol="‖x‖",
    latex=r"\lVert x \rVert",
    cases=[
        Case((3, 4)),
        Case((3, 4), axis=1),
        Case((2, 3, 4), axis=(0, 2), keepdims=True),
        Case(()),
    ],
)
def norm(x, *, axis=None, keepdims=False):
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


@norm.vjp("x", latex=r"\bar y\,x / y")
def _(dy, x, *, axis):
    length = norm(x, axis=axis, keepdims=True)
    over = np.reshape(dy, np.shape(length)) / np.where(length == 0, 1.0, length)
    return over * conjugated(x)  # 0 where x is 0: the least of its subgradients


@composition(np.linalg.norm)
def norm_of_any_order(x, ord=None, axis=None, keepdims=False):
    if isinstance(axis, list):
        axis = tuple(axis)
    axes = axis if isinstance(axis, tuple) else (axis,)
    whole = axis is None and ord is not None
    is_matrix = len(axes) == 2 or (whole and np.ndim(x) == 2)
    if whole and np.ndim(x) not in (1, 2):
        raise ValueError("Improper number of dimensions to norm.")  # as NumPy has it
    if ord is None or (ord == "fro" and is_matrix) or (ord == 2 and not is_matrix):
        return norm(
            x, axis=None if axis is None else axes if is_matrix else axes[0], keepdims=keepdims
        )
    if is_matrix and ord in (1, -1, np.inf, -np.inf):
        pair = axes_of((0, 1) if whole else axes, np.ndim(x))
        within, across = pair if abs(ord) == 1 else pair[::-1]
        sums = np.sum(np.abs(x), axis=within, keepdims=True)
        extreme = (np.max if ord > 0 else np.min)(sums, axis=across, keepdims=True)
        return extreme if keepdims else np.squeeze(extreme, axis=pair)
    if not is_matrix and ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if not is_matrix and ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(np.abs(x), axis=axis, keepdims=keepdims)
    if is_matrix and ord in (2, -2, "nuc"):
        pair = (0, 1) if whole else axes
        s = np.linalg.svd(np.moveaxis(x, pair, (-2, -1)), compute_uv=False)
        found = (np.sum if ord == "nuc" else np.max if ord == 2 else np.min)(s, axis=-1)
        return np.expand_dims(found, axes_of(pair, np.ndim(x))) if keepdims else found
    if is_matrix or not isinstance(ord, int | float | np.number):
        return np.linalg.norm(np.zeros(np.shape(x)), ord, axis)  # NumPy says what is wrong
    if ord == 0:
        return np.sum(
            np.not_equal(x, 0).astype(np.finfo(x.dtype).dtype), axis=axis, keepdims=keepdims
        )
    total = np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims)
    zero = total == 0  # there, 0: the least of its subgradients
    return np.where(zero, 0, np.where(zero, 1, total) ** (1 / ord))


@composition(np.linalg.vector_norm)
def vector_norm(x, *, axis=None, keepdims=False, ord=2):
    ndim = np.ndim(x)
    if axis is None or isinstance(axis, tuple):  # several axes are one long vector
        axes = axes_of(axis, ndim)
        rest = tuple(i for i in range(ndim) if i not in axes)
        lengths = tuple(np.shape(x)[i] for i in rest)
        found = np.linalg.norm(np.reshape(np.transpose(x, rest + axes), (*lengths, -1)), ord, -1)
        return np.expand_dims(found, tuple(sorted(axes))) if keepdims else found
    return np.linalg.norm(x, ord, axis, keepdims)


@composition(np.linalg.matrix_norm)
def matrix_norm(x, *, keepdims=False, ord="fro"):
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


# ---- products of many matrices --------------------------------------------------------------


@composition(np.linalg.matrix_power)
def matrix_power(a, n):
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    n = operator.index(n)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 0:
        return np.zeros_like(a) + np.eye(np.shape(a)[-1], dtype=a.dtype)
    result = None
    while True:  # by squaring: the bits of n say which squares are factors
        if n & 1:
            result = a if result is None else result @ a
        n >>= 1
        if not n:
            return result
        a = a @ a


@composition(np.linalg.multi_dot)
def multi_dot(arrays):
    arrays = list(arrays)
    shapes = [np.shape(a) for a in arrays]
    shapes[0] = (1, *shapes[0])[-2:]  # the first may be a row, the last a column
    shapes[-1] = (*shapes[-1], 1)[:2]
    sizes = [shape[0] for shape in shapes] + [shapes[-1][1]]
    order = _cheapest_order(sizes)

    def product(i, j):
        if i == j:
            return arrays[i]
        k = order[i, j][1]
        return product(i, k) @ product(k + 1, j)

    return product(0, len(arrays) - 1)


def _cheapest_order(sizes):
    """For each run of matrices, its cost in multiplications and where to split it.

    Source: T. H. Cormen et al., Introduction to Algorithms, section 15.2.
    """
    count = len(sizes) - 1
    best = {(i, i): (0, i) for i in range(count)}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            best[i, j] = min(
                (
                    best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1],
                    k,
                )
                for k in range(i, j)
            )
    return best
