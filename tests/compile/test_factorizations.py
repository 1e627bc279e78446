"""Small matrices in machine code, against NumPy's calls of LAPACK."""

import numpy as np
import pytest
from loops import executed

import clearprop as cp
from clearprop.compile.factorizations import LARGEST

DRAW = np.random.default_rng(5)


def regular(*shape):
    """Matrices far from singular, whose rows must change places."""
    return (DRAW.normal(size=shape) + 2 * shape[-1] * np.eye(shape[-1]))[..., ::-1, :]


def positive(*shape):
    made = DRAW.normal(size=shape)
    return made @ np.swapaxes(made, -1, -2) + np.eye(shape[-1])


def everything(a, p, b, columns):
    sign, size = np.linalg.slogdet(a)
    return {
        "vector": np.linalg.solve(a, b),
        "columns": np.linalg.solve(a, columns),
        "transposed": np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(p, -1, -2)),
        "inv": np.linalg.inv(a),
        "det": np.linalg.det(a / a.shape[-1]),
        "sign": sign,
        "size": size,
        "cholesky": np.linalg.cholesky(p),
    }


def parts(n, stack=(), dtype="f8"):
    drawn = DRAW.normal(size=n), DRAW.normal(size=(*stack, n, n + 1))
    return [x.astype(dtype) for x in (regular(*stack, n, n), positive(*stack, n, n), *drawn)]


def is_called(compiled):
    return "NumPy call" in compiled.plan


def agrees(found, expected, n):
    for name, value in expected.items():
        bound = 20 * n * np.finfo(value.dtype).eps * np.abs(value).max()
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape), name
        np.testing.assert_allclose(found[name], value, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize(
    ("n", "stack", "dtype"),
    [(1, (), "f8"), (LARGEST, (3,), "f8"), (5, (1, 2), "f4")],
)
def test_small_matrices_are_what_lapack_gives(n, stack, dtype):
    given = parts(n, stack, dtype)
    f = cp.compile(everything)
    agrees(f(*given), everything(*given), n)
    assert not is_called(f)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("stack", [(), (3,), (2, 1, 40)])
@pytest.mark.parametrize("n", range(1, LARGEST + 1))
def test_every_size_is_what_lapack_gives(n, stack, dtype):
    test_small_matrices_are_what_lapack_gives(n, stack, dtype)


def test_larger_matrices_are_numpy_calls():
    f = cp.compile(np.linalg.inv)
    x = regular(LARGEST + 1, LARGEST + 1)
    np.testing.assert_allclose(f(x), np.linalg.inv(x))
    assert is_called(f)
    g = cp.compile(lambda x: np.linalg.slogdet(x)[1])
    np.testing.assert_allclose(g(x), np.linalg.slogdet(x)[1])
    assert is_called(g)


def test_what_is_given_may_lie_anywhere_and_be_of_any_dtype():
    def f(a, b, whole):
        return {
            "stack of one": np.linalg.solve(np.broadcast_to(a[0], a.shape), b[:, :, None]),
            "one for many": np.linalg.solve(a[0], b[:, :, None] * 2),
            "cut out": np.linalg.inv(a[::-1, 1:, :-1]),
            "whole": np.linalg.inv(whole),
            "mixed": np.linalg.solve(a.astype(np.float32), b[0]),
            "a number": np.linalg.solve(a[1], np.full((3, 2), 0.5)),
            "rows that data chooses": np.linalg.inv(a[whole[0, :2] * 0 + 1]),
        }

    given = regular(4, 3, 3), DRAW.normal(size=(4, 3)), np.array([[1, 2, 0], [0, 1, 3], [2, 0, 1]])
    compiled = cp.compile(f)
    agrees(compiled(*given), f(*given), 3)
    assert not is_called(compiled)


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: np.linalg.solve(x, np.ones(2)), "Singular matrix"),
        (np.linalg.inv, "Singular matrix"),
        (np.linalg.cholesky, "Matrix is not positive definite"),
    ],
)
def test_what_has_no_result_is_numpys_error(f, what):
    compiled = cp.compile(f)
    good, bad = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[4.0, 6.0], [6.0, 9.0]])
    np.testing.assert_allclose(compiled(good), f(good))
    for x in (bad, -0.0 * bad):
        with pytest.raises(np.linalg.LinAlgError, match=what):
            f(x)
        with pytest.raises(np.linalg.LinAlgError, match=what):
            compiled(x)
    np.testing.assert_allclose(compiled(good), f(good))
    stack = np.stack([good, bad, good])
    scanned = cp.compile(lambda c, x: (c, np.sum(f(x))))
    scanned.scan(0.0, np.stack([good, good]))
    with pytest.raises(np.linalg.LinAlgError, match=what):
        scanned.scan(0.0, stack)


def test_pivots_are_rounded_as_in_lapack_without_fused_products():
    row, factors = DRAW.integers(1, 10, (400, 1, 2)), DRAW.integers(1, 10, (400, 2, 1))
    x = (factors * row).astype(float)
    first = np.argmax(x[:, :, 0], axis=1)
    (p, q), (r, s) = (x[range(400), at].T for at in (first, 1 - first))
    is_singular = s - r * (1 / p) * q == 0
    assert 300 < np.sum(is_singular) < 400  # rounding leaves a rest in some
    sign, size = cp.compile(lambda x: tuple(np.linalg.slogdet(x)))(x)
    np.testing.assert_array_equal(sign == 0, is_singular)
    np.testing.assert_array_equal(size == -np.inf, is_singular)
    assert not np.any(cp.compile(np.linalg.det)(x)[is_singular])


def test_nan_and_extremes_come_through():
    f = cp.compile(
        lambda x: (np.linalg.solve(x, x @ np.ones(2)), np.linalg.inv(x), np.linalg.det(x)),
    )
    good = np.array([[1.0, 2.0], [4.0, 3.0]])
    for scale in (1.0, 2.0**-1060, 1e-300, 1e300):  # the reciprocal of the second overflows
        np.testing.assert_allclose(f(good * scale)[0], 1)
    cholesky = cp.compile(np.linalg.cholesky)
    cholesky(np.eye(2))
    for row in range(2):
        x = good.copy()
        x[row, 0] = np.nan
        solved, inverse, size = f(x)
        assert np.isnan(solved).all()
        assert np.isnan(inverse).any()
        assert np.isnan(size)
        assert np.isnan(cholesky(x)[1]).all()


def test_gradients_are_those_that_are_interpreted():
    def cost(a, p, b, columns):
        found = everything(a, p, b, columns)
        return sum(np.sum(np.sin(value)) for value in found.values())

    given = parts(4, (3,))
    gradient = cp.grad(cost, (0, 1, 2, 3))
    for mine, theirs in zip(cp.compile(gradient)(*given), gradient(*given), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-11)


def test_the_text_computes_the_same():
    for stack in ((), (2, 40)):
        given = parts(3, stack)
        f = cp.compile(everything)
        for mine, theirs in zip(f(*given).values(), executed(f, *given), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-11)
        assert "= np.linalg.solve(" in f.source
        assert "as_strided" not in f.source


def test_bits_do_not_depend_on_threads():
    given = parts(6, (700,))
    f = cp.compile(cp.value_and_grad(lambda *x: sum(map(np.sum, everything(*x).values()))))
    found = []
    try:
        for count in (1, 2):
            cp.set_threads(count)
            found.append(f(*given))
    finally:
        cp.set_threads(None)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_loop_of_steps_that_solve_is_machine_code():
    def step(carry, z):
        x, P = carry
        S = P[:2, :2] + np.eye(2)
        e = z - x[:2]
        cost = e @ np.linalg.solve(S, e) + np.linalg.slogdet(S)[1]
        K = np.linalg.solve(S, P[:2]).T
        return (x + K @ e, P - K @ P[:2] + 0.1 * np.eye(4)), cost

    carry, zs, expected = (np.zeros(4), np.eye(4) + 0.1), DRAW.normal(size=(20, 2)), []
    f = cp.compile(step)
    found, costs = f.scan(carry, zs)
    assert f._last.steps.fit
    for z in zs:
        carry, cost = step(carry, z)
        expected.append(cost)
    np.testing.assert_allclose(costs, expected, rtol=1e-11)
    for mine, theirs in zip(found, carry, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11)


def test_of_a_complex_matrix_the_logarithm_is_real():
    a = np.array([[1.0 + 1j, 0.5], [0.3j, 2.0]])
    for found, expected in zip(cp.compile(np.linalg.slogdet)(a), np.linalg.slogdet(a), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12)
