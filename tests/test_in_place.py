"""Assignment and views, as NumPy means them: every write is a new version."""

import copy
import pickle

import numpy as np
import pytest

import clearprop as cp

X = np.random.default_rng(0).normal(size=(3, 4))


def in_place_functions():
    def assign_element(x):
        y = np.exp(x)
        y[0, 1] = x[1, 1] * 3
        return y

    def assign_mask(x):
        y = x.copy()
        y[x <= 0] = 0
        return y * x

    def scale_mask(x):
        y = x * 1.0
        y[y > 0] *= 2 + x[0, 0]
        return y

    def add_to_row(x):
        y = x * x
        y[1] += x[0]
        y[:, 2] -= 1.5 * x[:, 0]
        return y

    def augmented(x):
        y = np.sin(x)
        z = y  # the same array
        y += x
        y *= 2
        y /= 3 + x * x
        return z * y

    def numbers_are_replaced(x):
        total = x[0, 0]
        start = total
        total += x[1, 1]
        return x * total * start

    def write_through_view(x):
        y = x * 1.0
        row = y[1]
        row[:2] = x[0, :2] ** 2
        row += 1.0
        return y * y

    def write_to_base_shows_in_view(x):
        y = x * 1.0
        view = y.T[1:]
        y[0] = x[2] * 5
        return view * view

    def view_of_view(x):
        y = x * 1.0
        flat = y.reshape(-1)
        part = flat[2:9][::2]
        part *= x[0]
        return y + flat[0]

    def fancy_duplicates_last_wins(x):
        y = x * 1.0
        y[[0, 0, 2]] = x * 2
        return y * x

    def out_argument(x):
        y = x * 1.0
        np.multiply(y, x, out=y)
        np.sum(x, axis=0, out=y[0])
        return y

    def zeros_like_filled(x):
        y = np.zeros_like(x)
        for i in range(3):
            y[i] = x[i] * i + y[i - 1]
        return y

    def overwritten_input(x):
        before = x * x
        x[0] = 0
        return before + x

    def view_of_a_constant(x):
        y = np.zeros_like(x)
        view = y[1:]
        view[...] = x[1:]
        return y * y

    def row_of_a_constant(x):
        y = np.zeros_like(x)
        row = y[0]
        row += x[2]
        np.multiply(x[0], x[1], out=y[1])
        y.T[:2] *= x.T[2:]
        return y

    def stale_view_is_returned(x):
        y = x * 1.0
        view = y[0, ...]
        y[0] = y[0] * 3
        return view

    def index_computed_from_the_values(x):
        y = x * 1.0
        row = y[np.argmax(x[:, 0])]
        row[0] = x[0, 0] * 5
        return y[: np.argmax(x[0]) + 1]

    def tuples_in_an_index(x):
        y = x * 1.0
        y[(0, 0, 1), (1, 1, 2)] = x[0, :3]
        return np.take(y[(0, 0), (1, 1)], (0, 1, 1)) * y[:, (0, 0)][0, 1]

    def flatten_copies_and_copy_packs(x):
        y = x * 1.0
        flat = y.flatten()
        flat[0] = 100.0
        packed = y.T.copy()
        line = packed.reshape(-1)
        line[0] = x[1, 1]
        return np.sum(y * y) + packed * packed

    def view_stays_a_view_after_a_write(x):
        b = x * 1.0
        v = b[:, :2]
        v[0, 0] = x[2, 2]
        r = v.reshape(-1)  # a copy, since v is not contiguous
        r[1] = 100.0
        return b * b

    def leading_axes_of_one(x):
        y = x * 1.0
        y[0] = x[1:2]
        return y

    def broadcast_view(x):
        y = x * 1.0
        b = np.broadcast_to(y, (2, 3, 4))
        y[0] = x[1] * 2
        return b * b

    return [f for f in locals().values() if callable(f)]


FUNCTIONS = in_place_functions()
each = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)


@each
def test_value_is_numpys(f):
    np.testing.assert_array_equal(cp.trace(f, X.copy()).output, f(X.copy()))


@each
def test_derivative_is_right(f):
    # f writes into what it is given, so each call gets a copy
    assert cp.check(lambda x: f(x * 1.0), X).ok
    before = X.copy()
    cp.grad(lambda x: np.sum(f(x)))(X)
    np.testing.assert_array_equal(X, before)


@each
def test_second_derivative_is_right(f):
    gradient = cp.grad(lambda x: np.sum(np.sin(f(x * 1.0))))
    assert cp.check(gradient, X).ok


def test_what_was_recorded_before_a_write_stays_right():
    def f(x):
        y = x * 1.0
        a = np.sum(y * y)
        y[0] = 100.0
        return a

    np.testing.assert_allclose(cp.grad(f)(X), 2 * X)


def test_a_plain_buffer_that_is_filled_again_and_again():
    def f(x):
        buffer, total = np.zeros(4), 0.0
        for i in range(3):
            buffer[:] = i
            total = total + np.sum(x[i] * buffer)
        return total

    np.testing.assert_array_equal(cp.grad(f)(X), np.repeat([[0.0], [1.0], [2.0]], 4, axis=1))
    np.testing.assert_array_equal(
        cp.trace(f, X).backward()["x"], np.repeat([[0.0], [1.0], [2.0]], 4, axis=1)
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__iadd__(1),
        lambda x: x.__setitem__(0, x[1] * 2),
        lambda x: x[1:].__imul__(2),
        lambda x: np.exp(x, out=x),
    ],
)
def test_an_argument_written_to_keeps_its_gradient(write):
    def f(x):
        write(x)
        return np.sum(x * x)

    expected = cp.grad(lambda x: f(x * 1.0))(X)
    assert np.any(expected)
    np.testing.assert_array_equal(cp.grad(f)(X), expected)
    np.testing.assert_array_equal(cp.vjp(f, X)[1](1.0)[0], expected)
    np.testing.assert_array_equal(cp.trace(f, X).backward()["x"], expected)
    module = {}
    exec(cp.source(f, X), module)
    np.testing.assert_array_equal(module["gradients"](X)[1], expected)
    np.testing.assert_allclose(cp.compile(cp.grad(f))(X), expected)


def test_a_stale_view_in_a_nested_derivative():
    def f(x):
        y = x * 1.0
        view = y[:2]
        y[0] *= 3
        return np.sum(cp.grad(lambda z: np.sum(z**3))(view))

    assert cp.check(f, X).ok


def test_long_chains_of_views():
    def f(c):
        s = 0.0
        while len(c):
            s = s * 0.9 + c[0]
            c = c[1:]
        return s

    g = cp.grad(f)(np.ones(3000))
    np.testing.assert_allclose(g[-3:], [0.81, 0.9, 1.0])


def test_a_copy_is_recorded_and_a_pickle_refused():
    expected = 2 * X
    for copied in (copy.copy, copy.deepcopy):
        f = lambda x, copied=copied: np.sum(copied(x) ** 2)  # noqa: E731
        np.testing.assert_array_equal(cp.grad(f)(X), expected)
    with pytest.raises(cp.errors.LostGradientError, match="Pickling of a recorded value"):
        cp.grad(lambda x: np.sum(pickle.loads(pickle.dumps(x))))(X)
    assert pickle.loads(pickle.dumps(cp.Tensor(X))).value.sum() == X.sum()


def test_broadcast_views_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        cp.grad(lambda x: np.broadcast_to(x, (2, 3, 4)).__setitem__(0, 1.0))(X)


def test_writing_to_arguments_and_results_after_the_call():
    x = X.copy()
    y, pullback = cp.vjp(lambda x: np.exp(x) * x, x)
    expected = pullback(np.ones((3, 4)))[0]
    x[:] = 0
    y[:] = 0
    np.testing.assert_array_equal(pullback(np.ones((3, 4)))[0], expected)


def test_writing_to_what_a_graph_gave():
    g = cp.trace(lambda x: np.sum(np.exp(x)), X)
    expected = g.backward()["x"]
    g["x"][:] = 0
    g.backward()["x"][:] = 0
    np.testing.assert_array_equal(g.backward()["x"], expected)


def test_in_place_cannot_change_the_shape():
    with pytest.raises(cp.errors.ShapeError, match=r"shape \(3, 4\) to an array of shape \(4,\)"):
        cp.grad(lambda x: _grow(x[0] * 1.0, x))(X)


def _grow(row, x):
    row += x
    return np.sum(row)


def test_a_float_does_not_fit_into_integers():
    def f(x):
        y = np.zeros_like(x, dtype=int)
        y[0, 0] = x[0, 0]
        return np.sum(y)

    with pytest.raises(cp.errors.LostGradientError, match="array of int64"):
        cp.grad(f)(X)


def filled(x):
    B = np.zeros_like(x)
    for i in range(x.size):
        B[i] = np.sin(x[i])
    return np.sum(B)


def test_filling_one_by_one_copies_no_array(monkeypatch):
    """Linear, forward and backward: neither the written nor the read array is made anew."""
    from clearprop.rules.indexing import setitem, unindex

    calls = []
    for primitive in (setitem, unindex):
        body = primitive.implementation
        monkeypatch.setattr(
            primitive,
            "implementation",
            lambda *a, body=body, **k: calls.append(body) or body(*a, **k),
        )
    x = np.linspace(0.0, 1.0, 500)
    np.testing.assert_allclose(cp.grad(filled)(x), np.cos(x))
    assert len(calls) <= 4  # the first write of each kind may copy


def test_a_write_in_place_leaves_what_others_hold():
    def f(x):
        B = np.zeros_like(x)
        B[0] = x[0]
        plain, square = B.value, B * B
        view = B[:2]
        B[0] = x[1]
        assert plain[0] == 2.0
        assert view[0] == 3.0
        kept = B.copy()
        B[0] = 7.0 * x[2]
        return np.sum(square) + kept[0] * view[0] + B[0]

    np.testing.assert_array_equal(cp.grad(f)(np.array([2.0, 3.0, 5.0])), [4.0, 35.0, 28.0])


def test_the_cotangent_of_a_result_is_not_overwritten():
    def f(x):
        B = x * 1.0
        B[0] = 0.0
        return B

    _, pullback = cp.vjp(f, np.ones(3))
    dy = np.ones(3)
    for _ in range(2):
        np.testing.assert_array_equal(pullback(dy)[0], [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(dy, 1.0)


@pytest.mark.parametrize("view", [lambda y: y[:2], lambda y: y[::-1], lambda y: y[1:]])
@pytest.mark.parametrize("keep", [lambda y: y**2, lambda y: y * y, np.sin, lambda y: y**3])
def test_what_was_kept_between_two_writes_through_a_view(view, keep):
    def f(x):
        y = x * 1.0
        v = view(y)
        v += 1.0
        kept = keep(y)
        v[0] = 5.0
        return np.sum(kept) + np.sum(y)

    x = np.array([1.0, 2.0, 3.0])
    assert cp.check(f, x).ok


def test_ravel_copies_where_numpy_does():
    def f(A):
        c = A[:, 0].ravel()
        c -= c.mean()
        d = A.T.ravel()
        d[0] = 7.0
        e = np.ascontiguousarray(A.T)
        e[0] = 0.0
        g = A.flat[1:]
        g *= 2.0
        A.ravel()[3] *= 3.0
        np.putmask(A, A > 0, np.array([]))
        return np.sum(A**2)

    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert cp.value_and_grad(f)(A)[0] == f(A.copy())
