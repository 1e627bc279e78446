"""Linear algebra, shapes and selection: the values are NumPy's, the derivatives are right."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clearprop as cp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
Y = RNG.normal(size=(3, 4))
S = RNG.normal(size=(4, 4)) + 4 * np.eye(4)
T = RNG.normal(size=(2, 3, 4))
V = RNG.normal(size=3)
WINDOWS = np.lib.stride_tricks.sliding_window_view

LINEAR = {
    "einsum implicit": (lambda a, b: np.einsum("ij,kj", a, b), X, Y),
    "einsum spaces": (lambda a, b: np.einsum("ij , kj -> ik", a, b), X, Y),
    "einsum ellipsis": (lambda a, b: np.einsum("...ij,...kj->...ik", a, b), T, X),
    "einsum ellipsis, implicit": (lambda a, b: np.einsum("...j,j", a, b), T, X[0]),
    "einsum ellipsis that broadcasts": (
        lambda a, b: np.einsum("...i,...i->...", a, b),
        T[:, :1],
        X,
    ),
    "einsum trace": (lambda a: np.einsum("ii", a), S),
    "einsum diagonal": (lambda a: np.einsum("ii->i", a), S),
    "einsum diagonal beside": (lambda a, b: np.einsum("ii,ij->j", a, b), S[:3, :3], X),
    "einsum three": (lambda a, b, c: np.einsum("ij,kj,k->i", a, b, c), X, Y, V),
    "einsum three, optimized": (
        lambda a, b, c: np.einsum("ij,kj,k->i", a, b, c, optimize=True),
        X,
        Y,
        V,
    ),
    "einsum along a path": (
        lambda a, b, c: np.einsum("ij,kj,k->i", a, b, c, optimize=["einsum_path", (1, 2), (0, 1)]),
        X,
        Y,
        V,
    ),
    "einsum lists": (lambda a, b: np.einsum(a, [0, 1], b, [2, 1], [2, 0]), X, Y),
    "einsum lists, implicit": (lambda a, b: np.einsum(a, [27, 1], b, [3, 1]), X, Y),
    "einsum lists, ellipsis": (
        lambda a, b: np.einsum(a, [..., 0], b, [..., 0], [...]),
        T,
        X,
    ),
    "einsum of itself": (lambda a: np.einsum("ij,ij,ij->j", a, a, a), X),
    "einsum scalar": (lambda a, b: np.einsum(",i->i", a, b), V[0], V),
    "tensordot": (lambda a, b: np.tensordot(a, b, 1), T, X.T),
    "tensordot 0": (lambda a, b: np.tensordot(a, b, 0), V, X),
    "tensordot axes": (lambda a, b: np.tensordot(a, b, axes=([1, 2], [0, 1])), T, X),
    "tensordot one axis": (lambda a, b: np.linalg.tensordot(a, b, axes=(-1, 1)), T, X),
    "inner": (np.inner, T, X),
    "inner scalar": (np.inner, 2.0, X),
    "vdot": (np.vdot, X, Y),
    "vecdot": (np.vecdot, T, X),
    "vecdot axis": (lambda a, b: np.vecdot(a, b, axis=0), X, V[:, None]),
    "linalg.vecdot": (lambda a, b: np.linalg.vecdot(a, b, axis=-2), T, X),
    "linalg.matmul": (np.linalg.matmul, X, Y.T),
    "linalg.outer": (np.linalg.outer, V, X[0]),
    "kron": (np.kron, X[:2], Y[:, :2]),
    "kron of a vector": (np.kron, V, X),
    "cross": (np.cross, X[:, :3], V),
    "cross axis": (lambda a, b: np.cross(a, b, axis=0), X, Y),
    "cross axisc": (lambda a, b: np.cross(a, b, axisa=0, axisb=0, axisc=0), X, Y),
    "linalg.cross": (lambda a, b: np.linalg.cross(a, b, axis=0), X, Y),
    "trace": (np.trace, X),
    "trace offset": (lambda a: np.trace(a, 1, 2, 1), T),
    "linalg.trace": (lambda a: np.linalg.trace(a, offset=-1), T),
    "matrix_transpose": (np.matrix_transpose, T),
    "linalg.matrix_transpose": (np.linalg.matrix_transpose, T),
}

LINALG = {
    "solve": (np.linalg.solve, S, X.T),
    "solve stacked": (np.linalg.solve, np.stack([S, S.T]), X[0]),
    "inv": (np.linalg.inv, S),
    "det": (np.linalg.det, S),
    "det of a singular matrix": (np.linalg.det, np.outer(V, V) - np.diag([V[0] ** 2, 0, 0])),
    "slogdet": (lambda a: np.linalg.slogdet(a).logabsdet, -S[:3, :3]),
    "slogdet sign": (lambda a: np.linalg.slogdet(a)[0] * a, -S[:3, :3]),
    "cholesky": (np.linalg.cholesky, S @ S.T),
    "cholesky of a product": (lambda a: np.linalg.cholesky(a @ a.T), S),
    "cholesky upper": (lambda a: np.linalg.cholesky(a, upper=True), S @ S.T),
    "norm": (np.linalg.norm, X),
    "norm 2": (lambda a: np.linalg.norm(a, 2), V),
    "norm 1": (lambda a: np.linalg.norm(a, 1), V),
    "norm inf": (lambda a: np.linalg.norm(a, -np.inf), V),
    "norm fro": (lambda a: np.linalg.norm(a, "fro", keepdims=True), X),
    "norm axis": (lambda a: np.linalg.norm(a, axis=1, keepdims=True), T),
    "norm axes": (lambda a: np.linalg.norm(a, axis=(0, 2)), T),
    "matrix 1": (lambda a: np.linalg.norm(a, 1, keepdims=True), X),
    "matrix inf": (lambda a: np.linalg.norm(a, np.inf), X),
    "matrix 1, axes": (lambda a: np.linalg.norm(a, 1, (2, 0)), T),
    "matrix -inf, axes": (lambda a: np.linalg.norm(a, -np.inf, (0, 2)), T),
    "vector_norm": (lambda a: np.linalg.vector_norm(a, axis=(0, 2), keepdims=True), T),
    "vector_norm 1": (lambda a: np.linalg.vector_norm(a, ord=1), X),
    "matrix_norm": (lambda a: np.linalg.matrix_norm(a, ord=np.inf), T),
    "multi_dot": (lambda *a: np.linalg.multi_dot(a), V, X, S, X[0]),
    "multi_dot of matrices": (lambda *a: np.linalg.multi_dot(a), X.T, X, S),
    "matrix_power 5": (lambda a: np.linalg.matrix_power(a, 5), S / 4),
    "matrix_power -2": (lambda a: np.linalg.matrix_power(a, -2), S),
    "matrix_power 0": (lambda a: np.linalg.matrix_power(a, 0) + a, S),
}

SHAPE = {
    "reshape F": (lambda a: np.reshape(a, (4, -1), order="F"), X),
    "ravel F": (lambda a: a.ravel("F"), X),
    "flatten F": (lambda a: a.flatten("F"), X),
    "rollaxis": (lambda a: np.rollaxis(a, 2, 1), T),
    "permute_dims": (lambda a: np.permute_dims(a, (2, 0, 1)), T),
    "squeeze": (lambda a: a[:, None].squeeze(1), X),
    "expand_dims": (lambda a: np.expand_dims(a, (0, -1)), X),
    "diag of a vector": (lambda a: np.diag(a, -1), V),
    "diag of a matrix": (lambda a: np.diag(a, 1), X),
    "diagflat": (np.diagflat, X),
    "diagonal": (lambda a: a.diagonal(1, 1, 2), T),
    "linalg.diagonal": (np.linalg.diagonal, T),
    "tril": (lambda a: np.tril(a, 1), X),
    "triu": (np.triu, T),
    "tile": (lambda a: np.tile(a, (2, 1, 3)), X),
    "tile fewer": (lambda a: np.tile(a, 2), X),
    "repeat": (lambda a: a.repeat(2, axis=1), X),
    "repeat flat": (lambda a: np.repeat(a, 3), X),
    "repeat counts": (lambda a: np.repeat(a, [1, 0, 3], axis=0), X),
    "roll": (lambda a: np.roll(a, 2), X),
    "roll axes": (lambda a: np.roll(a, (1, -2), axis=(0, 1)), X),
    "roll one shift": (lambda a: np.roll(a, 1, axis=(0, 1)), X),
    "roll none": (lambda a: np.roll(a, 4, axis=1), X),
    **{f"rot90 {k}": (lambda a, k=k: np.rot90(a, k), X) for k in range(-1, 4)},
    "rot90 axes": (lambda a: np.rot90(a, 1, (2, 0)), T),
    "fliplr": (np.fliplr, X),
    "flipud": (np.flipud, X),
    "split": (lambda a: np.hstack(np.split(a, 2, axis=1)[::-1]), X),
    "array_split": (lambda a: np.array_split(a, 3, axis=1)[1], X),
    "array_split at": (lambda a: np.array_split(a, [1, 1, 9])[2], X),
    "hsplit": (lambda a: np.hsplit(a, [3])[1], X),
    "vsplit": (lambda a: np.vsplit(a, 3)[2], X),
    "dsplit": (lambda a: np.dsplit(a, 2)[1], T),
    "column_stack": (lambda a, v: np.column_stack([a, v]), X, V),
    "dstack": (lambda a, b: np.dstack([a, b]), X, Y),
    "append": (lambda a, b: np.append(a, b, axis=0), X, Y),
    "append flat": (np.append, X, V),
    "insert": (lambda a, v: np.insert(a, 1, v, axis=1), X, V),
    "insert several": (lambda a, v: np.insert(a, [0, 2, 2], v, axis=0), X, Y),
    "insert flat": (lambda a, v: np.insert(a, slice(0, 3), v), X, V),
    "insert a scalar": (lambda a, v: np.insert(a, [1], v, axis=1), X, V[0]),
    "insert columns": (lambda a, v: np.insert(a, [1], v, axis=1), X, Y),
    "delete": (lambda a: np.delete(a, [0, -1], axis=1), X),
    "delete flat": (lambda a: np.delete(a, 3), X),
    "atleast_1d": (np.atleast_1d, 2.0),
    "atleast_2d": (lambda a, b: np.atleast_2d(a, b)[0] * b, V, 2.0),
    "atleast_3d": (lambda a, b, c: sum(np.atleast_3d(a, b, c)), X, V[:, None], 2.0),
    "atleast_3d of a vector": (np.atleast_3d, V),
    "broadcast_arrays": (lambda a, b: np.broadcast_arrays(a, b)[1] * 1.0, X, X[0]),
    "resize": (lambda a: np.resize(a, (2, 7)), X),
    "meshgrid": (lambda a, b: np.stack(np.meshgrid(a, b)), V, X[0]),
    "meshgrid ij": (lambda a, b: np.meshgrid(a, b, indexing="ij")[0], V, X[0]),
    "meshgrid sparse": (lambda a, b: np.multiply(*np.meshgrid(a, b, sparse=True)), V, X[0]),
    "windows": (lambda a: WINDOWS(a, (2, 3)), X),
    "windows on one axis": (lambda a: WINDOWS(a, 2, axis=1), X),
    "windows twice": (lambda a: WINDOWS(a, (2, 2), axis=(1, 1)), X),
    **{
        f"pad {mode}": (lambda a, mode=mode: np.pad(a, ((1, 2), (0, 5)), mode), X)
        for mode in ("edge", "reflect", "symmetric", "wrap")
    },
}

MASK = Y > 0
SELECTION = {
    "take wrap": (lambda a: np.take(a, [-9, 1, 7], axis=1, mode="wrap"), X),
    "take clip": (lambda a: a.take([-9, 1, 70], mode="clip"), X),
    "choose": (lambda a, b: np.choose([0, 1, 1, 0], [a, b]), X, Y),
    "choose wrap": (lambda a: np.choose([[0], [5], [-1]], a, mode="wrap"), X),
    "select": (lambda a, b: np.select([a > 1, a > 0], [a, b], 7.0), X, Y),
    "select of the default": (lambda a, b: np.select([b > 0], [1.0], a), X, Y),
    "piecewise": (lambda a: np.piecewise(a, [a < 0, a > 1], [np.sin, 3.0, lambda z: z * z]), X),
    "piecewise of a number": (lambda a: np.piecewise(a, a > 1, [lambda z, n: z**n, 0.0], 3), 2.0),
    "extract": (lambda a: np.extract(a > 0, a), X),
    "compress": (lambda a: a.compress([False, True], axis=1), X),
    "ix_": (lambda a: a[np.ix_([0, 2], [True, False, True, True])], X),
    "masks": (lambda a: a[[True, False, True], [True, False, True, False]], X),
    "mask of an axis": (lambda a: a[:, :, [True, False, True, False]], T),
    "mask of two axes": (lambda a: a[:, MASK], T),
    "nonzero": (lambda a: a[np.nonzero(a > 0)] ** 2, X),
    "nonzero, the method": (lambda a: a[(a > 0).nonzero()] ** 2, X),
    "where of one argument": (lambda a: a[np.where(a > 0)] ** 2, X),
    "flatnonzero": (lambda a: np.ravel(a)[np.flatnonzero(a > 0)], X),
    "flat": (lambda a: sum(v * i for i, v in enumerate(a.flat)), X),
    "mT": (lambda a: a.mT @ a, T),
    "trace": (lambda a: a.trace(), X),
    "facts": (lambda a: a * (a.itemsize + a.nbytes + a.strides[0]), X),
}

if np.lib.NumpyVersion(np.__version__) < "2.5.0.dev0":  # later ones refuse vectors of the plane
    LINEAR["cross of the plane"] = (np.cross, X[:, :2], Y[:, :2])
    LINEAR["cross of plane and space"] = (np.cross, X[:, :2], Y[:, :3])

CASES = LINEAR | LINALG | SHAPE | SELECTION


@pytest.mark.parametrize("name", CASES)
def test_value_is_numpys_and_the_derivative_is_right(name):
    f, *args = CASES[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Arrays of 2-dimensional vectors", DeprecationWarning)
        expected = f(*map(np.asarray, args))
        found = cp.trace(f, *args).output
        assert found.shape == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
        report = cp.check(f, *args)
        assert report.ok, str(report)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays(name):
    f, *args = CASES[name]
    args = [np.float32(a) for a in args]
    gradients = cp.grad(lambda *a: np.sum(f(*a) * np.float32(2)), tuple(range(len(args))))(*args)
    for g in gradients:
        assert g.dtype == np.float32


def in_place_functions():
    def put(y, x):
        np.put(y, [0, -1, 0], x[0, :2] * 2)

    def put_wrap(y, x):
        y.put([40, 3], x[1, 1], mode="wrap")

    def place(y, x):
        np.place(y, x > 0, x[0, :3])

    def putmask(y, x):
        np.putmask(y, x > 0, x[1, :2])

    def copyto(y, x):
        np.copyto(y, x[0] * 3)

    def copyto_where(y, x):
        np.copyto(y[1:], x[0], where=x[1:] > 0)

    def put_along_axis(y, x):
        np.put_along_axis(y, np.argmax(x, axis=1, keepdims=True), x[:, :1] * 5, axis=1)

    def put_along_no_axis(y, x):
        np.put_along_axis(y, np.array([3, 5]), x[0, :2], axis=None)

    def fill_diagonal(y, x):
        np.fill_diagonal(y, x[0, :2] ** 2)

    def fill_diagonal_of_a_view(y, x):
        np.fill_diagonal(y.T, x[0, 0], wrap=True)

    def fill(y, x):
        y[1].fill(x[2, 2])

    def add_at(y, x):
        np.add.at(y, [0, 2, 0], x * x)

    def subtract_at(y, x):
        np.subtract.at(y, (slice(None), [1, 1]), x[:, :2] * x[0, 0])

    def multiply_at(y, x):
        np.multiply.at(y, [0, 2, 0], x * 2)

    def divide_at(y, x):
        np.divide.at(y, ([0, 0, 0], [1, 1, 2]), x[0, 0])

    def negative_at(y, x):
        np.negative.at(y, [0, 0, 1])

    def maximum_at_mask(y, x):
        np.maximum.at(y, Y > 0, 0.3)

    return [f for f in locals().values() if callable(f)]


IN_PLACE = in_place_functions()


@pytest.mark.parametrize("write", IN_PLACE, ids=lambda f: f.__name__)
def test_writing_in_place(write):
    def f(x):
        y = np.sin(x) + 2
        before = y * y
        write(y, x)
        return before + y * x

    np.testing.assert_array_equal(cp.trace(f, X.copy()).output, f(X.copy()))
    report = cp.check(f, X)
    assert report.ok, str(report)
    assert cp.check(cp.grad(lambda x: np.sum(np.sin(f(x)))), X).ok


@st.composite
def einsums(draw):
    """Any subscripts over few labels: repeated, summed away, broadcast along axes of length 1."""
    sizes = {i: draw(st.integers(1, 3)) for i in "ijk"}
    terms = draw(st.lists(st.text("ijk", max_size=3), min_size=1, max_size=3))
    # one length for each label of a term, now and then 1
    shapes = [
        [1 if draw(st.integers(0, 4)) == 0 and t.count(i) == 1 else sizes[i] for i in t]
        for t in terms
    ]
    used = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])
    subscripts = ",".join(terms) + draw(st.sampled_from(["->" + output, ""]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return subscripts, [rng.normal(size=shape) for shape in shapes]


@given(einsums())
@settings(max_examples=100, deadline=None)
def test_einsum_of_any_subscripts(example):
    subscripts, arrays = example

    def f(*operands):
        return np.einsum(subscripts, *operands)

    np.testing.assert_allclose(cp.trace(f, *arrays).output, f(*arrays), rtol=1e-14, atol=1e-14)
    report = cp.check(f, *arrays)
    assert report.ok, str(report)


def test_norm_has_derivative_zero_at_zero():
    np.testing.assert_array_equal(cp.grad(np.linalg.norm)(np.zeros(3)), np.zeros(3))
    rows = np.array([[3.0, 4.0], [0.0, 0.0]])
    found = cp.grad(lambda x: np.sum(np.linalg.norm(x, axis=1)))(rows)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 0.0]])


def test_det_has_a_derivative_where_it_is_zero():
    """The cofactors, and not det A times the inverse, which a singular matrix has not."""
    found = cp.grad(np.linalg.det)(np.diag([2.0, 3.0, 0.0]))
    np.testing.assert_allclose(found, np.diag([0.0, 0.0, 6.0]))
    np.testing.assert_allclose(cp.grad(np.linalg.det)(np.outer(V, V)), 0, atol=1e-15)


def test_cholesky_differentiates_what_numpy_reads():
    """The lower triangle; the derivative of a symmetric matrix comes out of (A + A.T) / 2."""
    a = S @ S.T

    def log_det(a):
        return 2 * np.sum(np.log(np.diagonal(np.linalg.cholesky(a))))

    inverse = np.linalg.inv(a)
    lower = np.tril(2 * inverse) - np.diag(np.diag(inverse))
    np.testing.assert_allclose(cp.grad(log_det)(a), lower, atol=1e-12)
    found = cp.grad(lambda a: log_det((a + a.T) / 2))(a)
    np.testing.assert_allclose(found, inverse, atol=1e-12)


@pytest.mark.parametrize("f", [np.linalg.inv, lambda a: np.linalg.solve(a, np.ones(2))])
def test_a_singular_matrix_is_numpys_error(f):
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        cp.grad(lambda a: np.sum(f(a)))(np.ones((2, 2)))


def test_diagonals_are_read_only():
    for view in (np.diagonal, np.diag):
        with pytest.raises(ValueError, match="read-only"):
            cp.grad(lambda x, view=view: view(x).__setitem__(0, 1.0))(X)


def test_split_parts_are_views():
    def f(x):
        y = x * 1.0
        left, _ = np.split(y, 2, axis=1)
        left[0] = x[2, :2] * 3
        return y

    np.testing.assert_array_equal(cp.trace(f, X).output, f(X))
    assert cp.check(f, X).ok


PLAIN = np.zeros((3, 4))  # made elsewhere, so that it cannot become recorded


@pytest.mark.parametrize(
    ("f", "error", "text"),
    [
        (lambda x: np.linalg.norm(x, 3), ValueError, "Invalid norm order for matrices."),
        (lambda x: np.linalg.norm(x[0], "fro"), ValueError, "Invalid norm order 'fro'"),
        (lambda x: np.einsum("ij->i", x, dtype=np.float32), TypeError, "rule 'safe'"),
        (
            lambda x: np.einsum("ij->i", x, order="Z"),
            cp.errors.MissingRuleError,
            r"np.einsum\(…, order='Z'\) has no derivative here. .* Write instead: .* without order",
        ),
        (
            np.linalg.svd,
            cp.errors.MissingRuleError,
            r"full_matrices=True\) has no derivative here. .* full_matrices=False\)",
        ),
        (lambda x: np.einsum("...j->j", x), ValueError, "ellipsis"),
        (lambda x: np.einsum("ij,jk->ik", x), ValueError, "fewer operands provided"),
        (lambda x: np.einsum("ij", x, x), ValueError, "more operands provided"),
        (
            lambda x: np.ravel(x, order="K"),
            cp.errors.MissingRuleError,
            r"np.reshape\(…, order='K'\) .* lie in memory",
        ),
        (
            lambda x: np.pad(x, 1, lambda *given: None),
            cp.errors.MissingRuleError,
            r"np.pad\(…, mode=<lambda>\) .* writes into plain arrays",
        ),
        (
            lambda x: np.put(PLAIN[0], [0], x[0, 0]),
            cp.errors.LostGradientError,
            r"np.put would write a recorded value into a plain array. .* np.zeros_like\(x\)",
        ),
        (
            lambda x: np.add.at(PLAIN, [0], x[0]),
            cp.errors.LostGradientError,
            r"np.add.at would write a recorded value into a plain array",
        ),
        (
            lambda x: np.copyto(PLAIN, x),
            cp.errors.LostGradientError,
            "np.copyto would write",
        ),
        (lambda x: np.choose([0, 3], [x[0, :2], x[1, :2]]), ValueError, "invalid entry"),
        (lambda x: np.split(x, 3, axis=1), ValueError, "equal division"),
    ],
)
def test_what_is_refused_says_why(f, error, text):
    with pytest.raises(error, match=text):
        cp.grad(lambda x: np.sum(f(x)))(X)


def test_multiply_at_needs_an_index_that_is_known():
    def f(x):
        y = x * 1.0
        np.multiply.at(y, np.argmax(x, axis=0), 2.0)
        return y

    with pytest.raises(cp.errors.MissingRuleError, match=r"np.multiply.at with an index that is"):
        cp.trace(f, X)
