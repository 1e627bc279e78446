"""Every option of every real ufunc, and every method: NumPy's values, true derivatives."""

import warnings

import numpy as np
import pytest
from agreeing import agree, parts

import clearprop as cp

RNG = np.random.default_rng(0)
A = RNG.uniform(0.6, 0.9, (3, 4))
B = RNG.uniform(1.2, 1.9, (3, 4))
MASK = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], bool)
EXPONENTS = np.array([1, -2, 0, 3])

#: With a derivative, or with one that is 0: all that give floats from floats.
UFUNCS = {
    u.__name__: u
    for u in (getattr(np, name) for name in dir(np))
    if isinstance(u, np.ufunc)
    and u.signature is None
    and u.types[-1][-1] != "?"
    and any("d" in t.split("->")[0] and "d" in t.split("->")[1] for t in u.types)
    and u is not np.spacing
}
SINGLE = {name: u for name, u in UFUNCS.items() if u.nout == 1}
BINARY = {name: u for name, u in SINGLE.items() if u.nin == 2 and u is not np.ldexp}
REORDERABLE = [np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin]
REORDERABLE += [np.hypot, np.logaddexp, np.logaddexp2]

each_ufunc = pytest.mark.parametrize("u", UFUNCS.values(), ids=UFUNCS)
each_single = pytest.mark.parametrize("u", SINGLE.values(), ids=SINGLE)
each_binary = pytest.mark.parametrize("u", BINARY.values(), ids=BINARY)


def operands(u):
    return (B,) if u is np.arccosh else (A, B)[: 1 if u is np.ldexp else u.nin]


def call(u, xs, *out, **options):
    return u(*xs, *((EXPONENTS,) if u is np.ldexp else ()), *out, **options)


def targets(u, x):
    """Make arrays to write into: what they hold depends on x, so that it has a gradient."""
    made = [x * x + i for i in range(u.nout)]
    if u is np.frexp:
        made[1] = np.zeros_like(x, dtype=np.int32)
    return tuple(made)


@each_ufunc
def test_where_keeps_what_out_held(u):
    def f(*xs):
        out = targets(u, xs[0])
        call(u, xs, where=MASK, out=out)
        return out

    agree(f, *operands(u))


@pytest.mark.filterwarnings("ignore:Passing more than 2 positional:DeprecationWarning")
@each_ufunc
def test_out_by_position(u):
    def f(*xs):
        out = targets(u, xs[0])
        call(u, xs, *out)
        return out

    agree(f, *operands(u), second=False)


@each_ufunc
def test_out_may_be_an_operand(u):
    def f(*xs):
        t = xs[0] * 1.0
        result = call(u, (t, *xs[1:]), out=(t,) + (None,) * (u.nout - 1))
        return (t, *parts(result)[1:])

    agree(f, *operands(u), second=False)


@each_ufunc
def test_dtype_casting_and_what_changes_nothing(u):
    options = {"dtype": np.float64, "casting": "same_kind", "order": "F", "subok": True}
    if u is not np.frexp:
        agree(lambda *xs: call(u, xs, **options), *operands(u), second=False)
    try:
        expected = parts(call(u, operands(u), dtype=np.float32))
    except TypeError:  # NumPy has no loop for that
        with pytest.raises(TypeError, match=r"No loop matching|Cannot cast"):
            cp.vjp(lambda *xs: call(u, xs, dtype=np.float32), *operands(u))
        return
    narrow = parts(cp.vjp(lambda *xs: call(u, xs, dtype=np.float32), *operands(u))[0])
    for y, e in zip(narrow, expected, strict=True):
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, e)


@each_single
def test_at_with_duplicates(u):
    def f(*xs):
        t = xs[0] * 1.0
        others = [x[[0, 1, 1]] for x in xs[1:]]
        if u is np.ldexp:
            others = [np.array([[1], [2], [3]])]
        u.at(t, [0, 2, 0], *others)
        return t

    x = operands(u)[0]
    if u in (np.arccosh, np.arctanh):  # twice would leave their domain
        x = np.tanh(x) if u is np.arctanh else np.cosh(2 * x)
    if u in (np.log, np.log2, np.log10):
        x = 10 * x + 10
    agree(f, x, *operands(u)[1:])


@each_binary
def test_reduce(u):
    agree(lambda x: u.reduce(x), A + B)
    agree(lambda x: u.reduce(x, axis=-2, keepdims=True, dtype=np.float64), A + B, second=False)
    agree(lambda x: u.reduce(x, initial=1.25), A + B, second=False)
    agree(lambda x: u.reduce(x, initial=1.25, where=MASK), A + B)
    agree(lambda x: u.reduce(x[:1]), A + B, second=False)

    def into_out(x):
        t = x[1] * 2
        u.reduce(x, 0, None, t)
        return t

    agree(into_out, A + B, second=False)


@each_binary
def test_reduce_is_a_fold_along_any_axis(u):
    # In a loop, not by NumPy: where the processor's vectors overlap, np.power.reduce and
    # np.arctan2.reduce along the last axis are not what NumPy says they are.
    def fold(x):
        y = x[:, 0]
        for i in range(1, x.shape[1]):
            y = u(y, x[:, i])
        return y

    x = A + B
    y, pullback = cp.vjp(lambda x: u.reduce(x, axis=1), x)
    expected, expected_pullback = cp.vjp(fold, x)
    np.testing.assert_allclose(y, expected, rtol=1e-14)
    np.testing.assert_allclose(pullback(np.ones(3))[0], expected_pullback(np.ones(3))[0])


@pytest.mark.parametrize("u", REORDERABLE, ids=lambda u: u.__name__)
def test_reduce_over_several_axes(u):
    agree(lambda x: u.reduce(x, axis=(0, 1)), A)
    agree(lambda x: u.reduce(x, axis=None, keepdims=True), A, second=False)
    agree(lambda x: u.reduce(x.reshape(2, 3, 2), axis=(2, 0)), A, second=False)
    agree(lambda x: u.reduce(x, axis=()), A, second=False)


@each_binary
def test_accumulate(u):
    agree(lambda x: u.accumulate(x), A + B)
    agree(lambda x: u.accumulate(x, axis=-1, dtype=np.float64)[:, :2], A + B, second=False)


@each_binary
def test_reduceat(u):
    agree(lambda x: u.reduceat(x, [0, 2, 1, 1]), A + B)
    agree(lambda x: u.reduceat(x, [1, 0, 2], axis=1), A[:, :2].repeat(2, 1) + B, second=False)


@each_binary
def test_outer(u):
    agree(lambda x, y: u.outer(x[0], y), A, B)
    agree(lambda x: u.outer(x, [1.5, 2.0], dtype=np.float64), A, second=False)

    def into_out(x, y):
        t = np.stack([x, y, x])
        u.outer(x[0, :3], y, out=t, where=MASK)
        return t

    agree(into_out, A, B, second=False)


def test_a_mask_that_is_computed():
    def f(x):
        y = np.log(x, where=x > 0, out=np.zeros_like(x))
        return np.divide(y, x - 1, where=np.not_equal(x, 1), out=np.ones_like(x))

    x = np.array([-2.0, 0.0, 1.0, 3.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what nobody asked for is not computed
        g = cp.grad(lambda x: np.sum(f(x)))(x)
        second = cp.grad(lambda x: cp.grad(lambda x: np.sum(f(x)))(x)[3])(x)
    np.testing.assert_allclose(g, [0, 0, 0, (2 / 3 - np.log(3)) / 4])
    np.testing.assert_array_equal(second[:3], 0)
    module = {}
    exec(cp.source(f, x), module)
    np.testing.assert_array_equal(module["forward"](x)[0], f(x))


def test_divide_by_integers_of_which_some_are_zero():
    n = np.array([0, 1, 2, 0])
    f = lambda x: np.divide(x, n, where=n != 0, out=np.zeros_like(x))  # noqa: E731
    np.testing.assert_array_equal(cp.grad(lambda x: np.sum(f(x)))(A[0]), [0, 1, 0.5, 0])


def test_only_some_outputs_are_given():
    def f(x):
        whole = np.zeros_like(x)
        fraction, same = np.modf(3 * x, out=(None, whole))
        assert same is whole
        return fraction, whole

    agree(f, A)


def test_an_output_that_is_larger_than_the_result():
    def f(x):
        t = x * 2
        np.exp(x[0], out=t)
        return t

    agree(f, A)


def test_plain_operands_and_a_recorded_output():
    def f(x):
        t = x * 2
        np.add(np.arange(4.0), 1, out=t, where=MASK)
        np.multiply.reduce(np.ones((2, 4)) * 3, out=t[0])
        np.hypot.reduce([[3.0, 3.0], [4.0, 4.0]], out=t[1, :2])
        return t

    found, pullback = cp.vjp(f, A)
    np.testing.assert_array_equal(found, f(A))
    expected = np.where(MASK, 0.0, 2.0)
    expected[0] = expected[1, :2] = 0
    np.testing.assert_array_equal(pullback(np.ones((3, 4)))[0], expected)


def test_a_recorded_initial_value():
    for u in (np.add, np.subtract, np.maximum, np.hypot, np.fmax):
        agree(lambda x, i, u=u: u.reduce(x, initial=i[0, 0]), A, B)


GENERAL = {
    "matmul axes": lambda x, y: np.matmul(x, y, axes=[(1, 0), (0, 1), (1, 0)]),
    "matmul axes of vectors": lambda x, y: np.matmul(x, y[0], axes=[(0, 1), (0,), (0,)]),
    "matmul dtype": lambda x, y: np.matmul(x, y.T, dtype=np.float64, casting="same_kind"),
    "vecdot axes": lambda x, y: np.vecdot(x, y[:, 0], axes=[(0,), (0,), ()]),
    "vecdot axis": lambda x, y: np.vecdot(x, y, axis=0, keepdims=True),
    "vecdot keepdims": lambda x, y: np.vecdot(x, y, keepdims=True),
}
if hasattr(np, "matvec"):  # since NumPy 2.2
    GENERAL["vecmat"] = lambda x, y: np.vecmat(x[:, 0], y)
    GENERAL["matvec axes"] = lambda x, y: np.matvec(x, y[:, 0], axes=[(1, 0), 0, 0])
    GENERAL["matvec"] = lambda x, y: np.matvec(x, y[0])


@pytest.mark.parametrize("f", GENERAL.values(), ids=GENERAL)
def test_ufuncs_of_vectors_and_matrices(f):
    agree(f, A, B)


PLAIN = np.zeros((3, 4))  # made elsewhere, so that it cannot become recorded


@pytest.mark.parametrize(
    ("f", "error", "text"),
    [
        (
            lambda x: np.log(x, where=x > 0),
            cp.errors.MissingRuleError,
            r"memory happens to be. Write .*np.log\(x, where=x > 0, out=np.zeros_like\(x\)",
        ),
        (
            lambda x: np.log(x, where=MASK, out=PLAIN),
            cp.errors.LostGradientError,
            r"remembers no gradient. Write instead: out=np.zeros_like\(x\)",
        ),
        (
            lambda x: np.log(x, where=[1, 0, 1, 1], out=np.zeros_like(x)),
            cp.errors.DTypeError,
            r"a mask of int64. .* where=mask.astype\(bool\)",
        ),
        (
            lambda x: np.exp(x, signature="d->d"),
            cp.errors.MissingRuleError,
            r"signature='d->d'\) has no derivative here. .* dtype=",
        ),
        (
            lambda x: np.exp(x, out=x[0] * 1),
            cp.errors.ShapeError,
            r"gives shape \(3, 4\), out has shape \(4,\)",
        ),
        (
            lambda x: np.add.reduce(x, out=x * 1),
            cp.errors.ShapeError,
            r"gives shape \(4,\), out has shape \(3, 4\)",
        ),
        (
            lambda x: np.exp(x[0, 0], out=x[0, 1]),
            cp.errors.DTypeError,
            r"got a number where it needs an array",
        ),
        (
            lambda x: np.floor(x, out=np.zeros_like(x, dtype=int)),
            cp.errors.DTypeError,
            r"np.floor\(…, out=…\) gives float64, out is of int64. .*'same_kind' does not allow",
        ),
        (
            lambda x: np.add(x, 1, dtype=int, casting="unsafe"),
            cp.errors.LostGradientError,
            "array of int64",
        ),
        (
            lambda x: np.frompyfunc(abs, 1, 1).at(x * 1, [0]),
            cp.errors.MissingRuleError,
            r"np.abs \(vectorized\) has no derivative here",
        ),
        (lambda x: np.subtract.reduce(x, axis=(0, 1)), ValueError, "not reorderable"),
        (lambda x: np.subtract.reduce(x[:0]), ValueError, "no identity"),
        (lambda x: np.divide.reduce(x, where=MASK), ValueError, "has to specify 'initial'"),
        (lambda x: np.power.accumulate(x, axis=2), ValueError, "out of bounds"),
        (lambda x: np.hypot.reduceat(x, [0, 3]), IndexError, "out-of-bounds"),
        (lambda x: np.exp.reduce(x), ValueError, "only supported for binary functions"),
        (lambda x: np.modf.at(x * 1, [0]), ValueError, "single output"),
        (lambda x: np.add(x, np.float32(1), casting="no"), TypeError, "casting rule 'no'"),
    ],
)
def test_what_is_refused_says_why(f, error, text):
    with pytest.raises(error, match=text):
        cp.vjp(f, A)


def test_reduceat_needs_indices_that_are_known():
    with pytest.raises(cp.errors.MissingRuleError, match=r"np.add.reduceat at indices computed"):
        cp.trace(lambda x: np.add.reduceat(x, np.argmin(x, axis=0)), A)
