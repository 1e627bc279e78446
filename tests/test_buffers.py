"""Plain arrays made by the differentiated code, and filled with recorded values."""

import pickle
import sys
import textwrap
import threading
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.ndimage
from numpy import array as make_array
from numpy import zeros

import clearprop as cp
from clearprop import errors
from clearprop.buffers import Buffer

X = np.array([0.5, -1.5, 2.0, 3.0])


def by_corner(x):
    B = np.zeros((3, 3))
    B[:2, :2] = x.reshape(2, 2)
    B[2, 2] = 1.0
    return np.sum(B**3) + B[2, 2] * B[0, 1]


def helper(x):
    C = np.ones(4)
    C[1:3] = x[:2]
    return C


def by_helper(x):
    return np.sum(helper(x) * helper(x * 2))


def by_closure(x):
    def inner(k):
        D = np.empty(2)
        D[0], D[1] = x[k], 2.0
        return D

    return sum(np.prod(inner(k)) for k in range(3))


class Model:
    def run(self, x):
        E = np.full((2, 2), 3.0)
        E[0] = x[:2]
        return E

    def __call__(self, x):
        return np.sum(self.run(x) @ self.run(x))


def by_imported_name(x):
    F = zeros(5)
    F[::2] += x[:3]
    F *= x[0]
    return np.sum(F**2)


def by_views_made_before(x):
    dy = np.zeros(4)
    position, velocity = dy[:2], dy[2:]
    position[:] = x[2:]
    velocity[0] = -x[0]
    velocity[1] = x[0] * x[1]
    return np.sum(dy * np.arange(4)) + position[1] ** 2


def by_strided_views(x):
    G = np.zeros((2, 3), order="F")
    rows = list(G)
    turned = G.T[::-1]
    turned[0] = x[:2]
    rows[1][:2] = x[2:]
    G.reshape(-1)[2] *= 2
    return np.sum(G * np.arange(6.0).reshape(2, 3)) + rows[0] @ rows[1] + turned[0, 1] ** 2


def by_array_of_recorded(x):
    a, b = x[0], x[1]
    H = np.array([[a, b], [1.0, a * b]])
    K = make_array([H[1, 1], 2.0])
    K[1] = np.asarray(x)[2]
    return np.sum(H @ K) + np.array(x)[3] + np.sum(np.asarray([x, x * 2], dtype=float))


def by_what_came_from_a_buffer(x):
    L = 2 * np.zeros(3)
    L[0] = x[0]
    M = np.linspace(0, 1, 3).copy()
    M[1] = x[1]
    N = np.eye(3)[1:]
    N[0] = x[:3]
    P = np.copy(np.arange(3.0))
    P[2] = x[3]
    return np.sum(N @ L) + L @ M + P.sum() + M.max()


def by_functions_that_write(x):
    Q, R, S, T, U = (np.zeros(4) for _ in range(5))
    np.add(x, 1.0, out=Q)
    np.copyto(R, x, where=x > 0)
    np.put(S, [0, 3], x[:2])
    np.add.at(T, [0, 0, 1], x[:3])
    V = np.zeros((2, 2))
    np.fill_diagonal(V, x[0])
    U.fill(x[1])
    W = np.zeros(())
    np.sum(x, out=W)
    return np.sum(Q * R) + np.sum(S * T) + np.sum(V @ V) + np.sum(U * U) + W


def by_methods_of_a_recorded_buffer(x):
    B = np.zeros((2, 2))
    B[:] = x.reshape(2, 2)
    B.T[0] *= 3
    total = B.sum() + B.T.ravel()[1] * B.max(axis=0)[0] + B.mean() * B.shape[0] * len(B)
    total += sum(row @ row for row in B) + np.linalg.det(B) + (B @ B)[0, 1] + np.trace(B)
    total += np.concatenate([B, B.copy()])[3, 1] + (B > 0).sum() * B[0, 0] + B.dot(B)[1, 0]
    B.sort(axis=0)
    B -= 1
    assert isinstance(B, np.ndarray)
    return total + B[0, 0] ** 2 + B.clip(0, 1).sum() + abs(-B).sum()


def by_scalars(x):
    y = np.full(3, x[0])
    z = np.arange(x[0], 5.2, x[2])
    assert np.isscalar(x[0])
    assert not np.isscalar(x)
    return np.sum(y) + z[-1] + np.array(x[1])


def by_enumeration(x):
    B = np.zeros_like(x)
    for index, value in np.ndenumerate(x):
        B[index] = value * index[0]
    return np.sum(B * B) * (1.0 in x or 2.0 in x)


ALL = [
    by_enumeration,
    by_corner,
    by_helper,
    by_closure,
    Model(),
    Model().run,
    by_imported_name,
    by_views_made_before,
    by_strided_views,
    by_array_of_recorded,
    by_what_came_from_a_buffer,
    by_functions_that_write,
    by_methods_of_a_recorded_buffer,
    by_scalars,
]


@pytest.mark.parametrize("f", ALL, ids=lambda f: getattr(f, "__name__", "Model"))
def test_filled_buffers_have_their_derivatives(f):
    report = cp.check(f, X)
    assert report.ok, report
    assert np.zeros is sys.modules["numpy"].zeros
    assert zeros is np.zeros


SCALAR = [f for f in ALL if getattr(f, "__name__", "") != "run"]


@pytest.mark.parametrize("f", SCALAR, ids=lambda f: getattr(f, "__name__", "Model"))
def test_value_and_second_derivative(f):
    value, _ = cp.value_and_grad(f)(X)
    assert value == pytest.approx(f(X))
    report = cp.check(lambda x: np.sum(cp.grad(f)(x) * np.arange(1.0, 5.0)), X)
    assert report.ok, report


@pytest.mark.parametrize("f", [by_corner, by_helper, by_imported_name, by_views_made_before])
def test_the_other_readers_see_the_writes(f):
    graph = cp.trace(f, X)
    np.testing.assert_allclose(graph.backward()["x"], cp.grad(f)(X))
    module = {}
    exec(cp.source(f, X), module)
    np.testing.assert_allclose(module["gradients"](X)[1], cp.grad(f)(X))
    np.testing.assert_allclose(cp.compile(f)(X), f(X))


def test_a_written_buffer_has_its_name():
    d = cp.trace(by_corner, X).backward()
    assert d["B"].shape == (3, 3)


def test_a_module_imported_meanwhile_and_code_made_by_exec(tmp_path, monkeypatch):
    text = """
        import numpy as np
        from numpy import zeros as z

        def last(x):
            B, C = np.zeros(2), z(2)
            B[1] = C[0] = x
            return B + C
        """
    (tmp_path / "a_users_module.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)

    def f(x):
        from a_users_module import last

        return np.sum(last(x) ** 2)

    try:
        f(1.0)
        assert cp.grad(f)(3.0) == 12.0
    finally:
        del sys.modules["a_users_module"]
    cell = {}
    exec(textwrap.dedent(text), cell)
    np.testing.assert_array_equal(cp.vjp(cell["last"], 3.0)[1](np.ones(2))[0], 2.0)


def test_names_are_set_back_after_an_error():
    def f(x):
        B = np.zeros(3)
        B[0] = x
        raise RuntimeError("stop")

    before = np
    with pytest.raises(RuntimeError, match="stop"):
        cp.grad(f)(1.0)
    assert np is before is sys.modules["numpy"]
    assert type(np.zeros(2)) is np.ndarray


def test_a_name_that_the_function_binds_stays_bound():
    def f(x):
        global zeros  # noqa: PLW0603
        kept = zeros
        zeros = np.ones
        try:
            B = zeros(2)
        finally:
            zeros = kept
        B[0] = x
        return np.sum(B)

    assert cp.value_and_grad(f)(2.0) == (3.0, 1.0)
    assert zeros is np.zeros


def test_other_threads_get_plain_arrays_meanwhile():
    inside, done, kinds = threading.Event(), threading.Event(), []

    def f(x):
        inside.set()
        assert done.wait(20)
        B = np.zeros(2)
        B[0] = x
        return np.sum(B)

    def other():
        assert inside.wait(20)
        kinds.append(type(np.zeros(2)))
        kinds.append(isinstance(3.0, np.ndarray))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    assert cp.grad(f)(1.0) == 1.0
    thread.join()
    assert kinds == [np.ndarray, False]


def test_threads_fill_buffers_at_once():
    results = [None] * 8

    def work(i):
        results[i] = [cp.grad(by_corner)(X * i) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, found in enumerate(results):
        for gradient in found:
            np.testing.assert_allclose(gradient, cp.grad(by_corner)(X * i))


def test_what_was_never_written_to_stays_a_plain_array():
    seen = []

    def f(x):
        weights, mask, index = np.ones(3), np.array([True, False, True]), np.arange(3)
        seen.append(weights)
        assert weights.tobytes()
        assert {index[1]: "found"}[1] == "found"
        return np.sum(x[:3][mask] * weights[index][mask]) * float(weights[0])

    np.testing.assert_array_equal(cp.grad(f)(X), [1.0, 0.0, 1.0, 0.0])
    assert type(seen[0]) is Buffer
    assert type(pickle.loads(pickle.dumps(seen[0]))) is np.ndarray


outside = np.ones(2)


@pytest.mark.parametrize(
    "read",
    [
        lambda B: np.ones((2, 2)).dot(B),
        lambda B: np.ones(2)[B],
        lambda B: float(np.ndarray.copy(B)[0]),
        lambda B: outside.__setitem__(slice(None), B),
        lambda B: outside.dot(B),
        lambda B: np.random.default_rng(0).random(out=B),
        lambda B: np.lib.stride_tricks.as_strided(B, (2,)) + 1.0,
        lambda B: scipy.ndimage.gaussian_filter(B, 1.0),
        lambda B: sys.modules["numpy"].asarray(B, dtype=float),
    ],
)
def test_c_code_cannot_read_or_write_what_is_recorded(read):
    """A dtype that nothing computes with stands in the memory, so that it raises."""

    def f(x):
        B = np.zeros(2)
        B[0] = x
        read(B)
        return np.sum(B)

    with pytest.raises((TypeError, ValueError, IndexError)):
        cp.grad(f)(2.0)


def test_a_plain_alias_made_before_finds_nan():
    seen = []

    def f(x):
        B = np.zeros(2)
        plain = sys.modules["numpy"].asarray(B)
        B[0] = x
        seen.append(plain.copy())
        return np.sum(B)

    assert cp.grad(f)(2.0) == 1.0
    assert np.isnan(seen[0]).all()


def test_a_result_that_is_a_buffer():
    def f(x):
        B = np.zeros(2)
        B[0] = x
        return {"B": B, "plain": np.ones(2)}

    y, pullback = cp.vjp(f, 2.0)
    np.testing.assert_array_equal(y["B"], [2.0, 0.0])
    assert {type(part) for part in y.values()} == {np.ndarray}
    assert pullback({"B": np.array([3.0, 5.0]), "plain": np.ones(2)}) == (3.0,)


def test_integers_take_no_recorded_value():
    def f(x):
        B = np.zeros(2, dtype=int)
        B[0] = x
        return np.sum(B)

    with pytest.raises(errors.LostGradientError, match="array of int64"):
        cp.grad(f)(2.0)


def test_float32_buffers_stay_float32():
    def f(x):
        B = np.zeros(3, np.float32)
        B[1:] = x
        return np.sum(B * B)

    y, g = cp.value_and_grad(f)(np.ones(2, np.float32))
    assert y.dtype == g.dtype == np.float32


def test_a_buffer_from_elsewhere_is_refused_with_the_line():
    kept = np.zeros(2)

    def f(x):
        kept[0] = x
        return np.sum(kept)

    with pytest.raises(errors.LostGradientError, match=r"kept\[0\] = x.*np\.zeros") as caught:
        cp.grad(f)(2.0)
    assert "inside the function" in str(caught.value)


def test_a_class_of_the_user_with_a_buffer_inside():
    @dataclass
    class State:
        values: object

    def f(x):
        state = State(np.zeros(3))
        for i in range(3):
            state.values[i] = x**i
        return np.sum(state.values)

    assert cp.grad(f)(2.0) == 5.0


def test_installed_packages_are_guarded_by_name(tmp_path, monkeypatch):
    from clearprop import guarding, places

    package = tmp_path / "installed_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    text = (
        "import numpy as np\ndef g(x):\n    B = np.zeros(2)\n    B[0] = x\n    return B[0] * B[0]\n"
    )
    (package / "inner.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    names = guarding._Names()
    monkeypatch.setattr(guarding, "_names", names)
    for module in (guarding, places):
        monkeypatch.setattr(module, "installed_folders", lambda: (str(tmp_path),))
    from installed_package.inner import g

    try:
        with pytest.raises(errors.LostGradientError, match=r'cp\.guard\("installed_package"\)'):
            cp.grad(lambda x: g(x) * 2)(3.0)
        assert cp.grad(g)(3.0) == 6.0  # the function itself lies there
        names._more.clear()
        names._scopes.clear()
        cp.guard("installed_package")
        assert cp.grad(lambda x: g(x) * 2)(3.0) == 12.0
    finally:
        for name in [n for n in sys.modules if n.startswith("installed_package")]:
            del sys.modules[name]


def test_guard_takes_names_of_packages():
    with pytest.raises(errors.ClearpropError, match=r'cp\.guard\("filterpy"\)'):
        cp.guard("numpy")


def test_buffers_are_plain_arrays_again_when_the_function_has_returned():
    kept, state = [], {}

    def f(x):
        B = np.zeros((2, 2))
        row = B[1]
        B[0, 0] = x
        row[:] = x * x
        kept.extend([B, row])
        history = state.setdefault("history", np.zeros(3))
        history[1:] = history[:-1]
        history[0] = x
        return np.sum(B) + history[1]

    assert cp.value_and_grad(f)(2.0) == (10.0, 9.0)
    np.testing.assert_array_equal(np.asarray(kept[0]), [[2.0, 0.0], [4.0, 4.0]])
    kept[0][1, 0] = 7.0
    np.testing.assert_array_equal(np.asarray(kept[1]), [7.0, 4.0])
    assert cp.value_and_grad(f)(3.0) == (23.0, 13.0)  # 2.0 of the call before
    assert type(f(4.0)) is np.float64
    np.testing.assert_array_equal(np.asarray(state["history"]), [4.0, 3.0, 2.0])


def test_buffers_are_plain_arrays_again_after_an_error():
    kept = []

    def f(x):
        B = np.zeros(2)
        B[0] = x
        kept.append(B)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        cp.grad(f)(2.0)
    np.testing.assert_array_equal(np.ones((2, 2)).dot(kept[0]), [2.0, 2.0])


def test_an_array_as_asarray_gives_it_is_the_same():
    def f(x):
        B = np.zeros(3)
        A, C = np.asarray(B), np.lib.stride_tricks.sliding_window_view(B, 2)
        B[0] = x
        A[1] = 7.0 * x
        D = np.zeros(3).flat
        D[1] = x
        return B[0] * B[1] + np.sum(C) + D[1] ** 2

    assert cp.check(f, 2.0).ok
    assert cp.value_and_grad(f)(2.0)[0] == f(2.0)


def test_integers_of_a_program_are_not_stale():
    weights = np.array([10.0, 20.0, 30.0])

    def f(x):
        k = np.zeros(3, int)
        k[:] = np.argsort(-x)
        return np.sum(weights[k] * x)

    x = np.array([1.0, 2.0, 3.0])
    for make in (cp.compile, lambda f: lambda x: cp.trace(f, x).output):
        with pytest.raises((IndexError, TypeError)):
            assert make(f)(x) == f(x)


def test_an_array_of_no_axes_stays_one():
    def f(x):
        t = np.array(0.0)
        u = t
        for v in x:
            t += v * v
        B = np.zeros(())
        B += x[0]
        B[()] = 2 * B
        return u * 1.0 + B

    x = np.array([1.0, 2.0])
    assert cp.value_and_grad(f)(x)[0] == f(x)
    np.testing.assert_array_equal(cp.grad(f)(x), [4.0, 4.0])


def test_a_view_made_before_lies_in_memory_as_numpys():
    def f(x):
        M = np.zeros((3, 4))
        block = M[:, :2]
        M[0, 0], M[1, 1] = x[0], x[1]
        v = block.reshape(-1)  # a copy, since the block is no single piece
        v /= np.linalg.norm(v)
        w = M[::-1].T.ravel()
        w *= 3.0
        return np.sum(M**2) + v[0] + np.sum(w)

    assert cp.check(f, X[:2]).ok
    assert cp.value_and_grad(f)(X[:2])[0] == pytest.approx(f(X[:2]))


def test_a_stale_view_of_a_buffer_as_an_inner_argument():
    def f(x):
        B = np.zeros((2, 3))
        row = B[1]
        B[1] = x[:3] ** 2
        B[1, 0] *= 2.0
        inner = cp.grad(lambda z: np.sum(z**3))(row)
        return np.sum(inner * x[:3])

    assert cp.check(f, X).ok


def test_a_view_of_no_axes_is_a_view():
    def f(x):
        B = np.zeros(3)
        v, w = B[0, ...], B[2:].reshape(())
        B[1] = x[1]
        before = v * 1
        B[0] = x[0] ** 2
        w += x[2]
        v *= 3
        return np.sum(before) + v * x[1] + B[2] * B[0]

    assert cp.check(f, X).ok
    assert cp.value_and_grad(f)(X)[0] == f(X)


def test_the_elements_in_a_line_are_set():
    def f(x):
        B = np.zeros((2, 4))
        B[0] = x
        B.flat = x * 2
        return np.sum(B * B)

    assert cp.check(f, X).ok


@pytest.mark.parametrize("name", ["asarray", "asanyarray", "ascontiguousarray"])
def test_views_of_an_array_that_was_converted_show_its_writes(name):
    def f(x):
        B = np.zeros((2, 4))
        same = getattr(np, name)(B)
        part, row = same[:, :2], B[1]
        part[0, 0] = x[0]  # the first recorded value arrives through a view of a view
        B[1] = x * x
        return np.sum(same) + np.sum(part**2) + np.sum(row)

    assert cp.check(f, X).ok
    assert cp.value_and_grad(f)(X)[0] == f(X)


def test_broadcast_arrays_gives_views_that_show_writes():
    def f(x):
        B = np.eye(4)
        same = np.broadcast_arrays(B, 1.0)[0]
        B += x[0]  # the name is bound to what is recorded; the views go on
        same[0, 0] *= x[1]
        return np.sum(same**2) + np.sum(B)

    assert cp.value_and_grad(f)(X)[0] == f(X)
    assert cp.check(f, X).ok


READ_ONLY = {
    "diagonal": lambda A: A.diagonal(),
    "broadcast_to": lambda A: np.broadcast_to(A, (2, 4, 4)),
    "sliding windows": lambda A: np.lib.stride_tricks.sliding_window_view(A, 2, axis=0),
}


@pytest.mark.parametrize("view", READ_ONLY.values(), ids=READ_ONLY)
def test_a_read_only_view_is_kept_as_it_was(view):
    def f(x):
        A = np.ones((4, 4))
        before = view(A) * x[0]
        A[...] = 7.0 * x[1]
        after = np.full((4, 4), 2.0)
        kept = view(after) * x[2]
        after[...] = 9.0
        return np.sum(before) + np.sum(view(A) * x[3]) + np.sum(kept)

    assert cp.check(f, X).ok


@pytest.mark.parametrize("name", ["empty", "empty_like"])
def test_a_program_is_made_of_an_empty_array_that_is_filled(name):
    def f(x):
        np.full((4, 4), x.size + np.random.default_rng().normal())  # memory that is used again
        B = np.empty((4, 4)) if name == "empty" else np.empty_like(np.eye(4))
        for i in range(4):
            for j in range(4):
                B[i, j] = x[i] if i == j else 0.5 * x[j]
        return np.sum(B**2)

    module = {}
    exec(cp.source(f, X), module)
    np.testing.assert_allclose(module["gradients"](X)[1], cp.grad(f)(X))
    assert cp.check(f, X).ok


def test_asfortranarray_lies_as_numpys():
    def f(x):
        B = np.zeros((2, 4))
        B[0] = x
        lying = np.asfortranarray(B)
        flat = lying.reshape(-1)  # a copy, in NumPy too
        flat[0] = 7.0 * x[1]
        lying.T.reshape(-1)[1] = x[2]  # a view
        return np.sum(lying**2) + flat[0] + np.sum(B)

    assert cp.value_and_grad(f)(X)[0] == pytest.approx(f(X))
    assert cp.check(f, X).ok
