"""Cholesky's factors of several blocks, and the systems that the record knows to have one."""

import numpy as np
import pytest

import clearprop as cp
from clearprop.rules.triangular import WHOLE

N = 2 * WHOLE + 6
DRAW = np.random.default_rng(11)


def drawn(*shape, is_complex=False):
    x = DRAW.normal(size=shape)
    return x + 1j * DRAW.normal(size=shape) if is_complex else x


def positive(n, *stack, is_complex=False):
    made = drawn(*stack, n, n, is_complex=is_complex)
    return made @ made.mT.conj() / n + np.eye(n)


def close(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("stack", [(), (2,)])
def test_the_gradient_of_several_blocks_is_that_of_one(stack, is_complex):
    a = positive(N, *stack, is_complex=is_complex)
    dy = drawn(*stack, N, N, is_complex=is_complex)
    # The formula with inverses: S. F. Walter (2012), (3.69); of the triangle that NumPy reads.
    factor = np.linalg.cholesky(a)
    inverse = np.linalg.inv(factor)
    inner = np.tril(factor.mT.conj() @ dy.conj())
    inner = inner - np.eye(N) * inner / 2
    whole = inverse.mT.conj() @ (inner + inner.mT.conj()) @ inverse
    close(cp.vjp(np.linalg.cholesky, a)[1](dy)[0], (np.tril(whole) - np.eye(N) * whole / 2).conj())


def by_inverse(matrix, b):
    return np.linalg.inv(matrix) @ b


def written(factor):
    turned = factor.T
    factor[0, N - 1] = 0.5
    return turned


#: A matrix made of a positive definite one; whether it is a triangle by its record.
MADE = {
    "factor": (np.linalg.cholesky, True),
    "transposed": (lambda a: np.linalg.cholesky(a).T, True),
    "adjoint": (lambda a: np.conjugate(np.linalg.cholesky(a)).mT, True),
    "upper": (lambda a: np.linalg.cholesky(a, upper=True), True),
    "turned twice": (lambda a: np.linalg.cholesky(a).T.T, True),
    "added to": (lambda a: np.linalg.cholesky(a) + 0.1, False),
    "written to": (lambda a: written(np.linalg.cholesky(a)), False),
    "reversed": (lambda a: np.linalg.cholesky(a)[::-1], False),
    "small": (lambda a: np.linalg.cholesky(a[:WHOLE, :WHOLE]), False),
}


@pytest.mark.parametrize("columns", [(), (2,)])
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("name", MADE)
def test_a_system_is_solved_by_the_form_that_the_record_shows(name, is_complex, columns):
    made, is_triangle = MADE[name]
    a = positive(N, is_complex=is_complex)
    b = drawn(len(made(a)), *columns, is_complex=is_complex)

    def f(a, b):
        return np.linalg.solve(made(a), b)

    operations = {node.operation for node in cp.trace(f, a, b)}
    assert ("solve_lower" in operations) == is_triangle
    assert ("solve" in operations) != is_triangle
    y, pullback = cp.vjp(f, a, b)
    close(y, f(a, b))
    dy = drawn(*y.shape, is_complex=is_complex)
    expected = cp.vjp(lambda a, b: by_inverse(made(a), b), a, b)[1](dy)
    for ours, theirs in zip(pullback(dy), expected, strict=True):
        close(ours, theirs)


def test_stacks_whole_numbers_and_what_does_not_fit_are_solved_as_numpy_solves_them():
    a = positive(N, 2)
    for b in (drawn(2, N, 3), drawn(N), drawn(N, 3), np.arange(N)):
        y = cp.vjp(lambda a, b=b: np.linalg.solve(np.linalg.cholesky(a), b), a)[0]
        close(y, np.linalg.solve(np.linalg.cholesky(a), b))
    with pytest.raises(ValueError, match="mismatch"):  # as NumPy has it
        cp.vjp(lambda a: np.linalg.solve(np.linalg.cholesky(a), np.ones(N - 1)), a[0])


def test_a_likelihood_of_several_blocks_is_compiled_and_written_out():
    def cost(scale, x, b):
        matrix = np.exp(-(((x - x.T) / scale) ** 2))
        matrix[np.diag_indices(N)] += 1
        factor = np.linalg.cholesky(matrix)
        z = np.linalg.solve(factor.T, np.linalg.solve(factor, b))
        return b @ z + np.sum(np.log(np.diag(factor)))

    given = 0.3, np.linspace(0, 1, N)[:, np.newaxis], drawn(N)
    value, slopes = cp.value_and_grad(cost, (0, 1, 2))(*given)
    assert cp.check(cost, *given).ok
    scope: dict = {}
    exec(cp.source(cost, *given), scope)
    compiled = cp.compile(cp.value_and_grad(cost, (0, 1, 2)))
    for again, found in (compiled(*given), scope["gradients"](*given)):
        assert again == pytest.approx(value, rel=1e-12)
        for ours, theirs in zip(found, slopes, strict=True):
            close(np.asarray(ours), np.asarray(theirs))


def test_the_second_derivative_is_the_slope_of_the_first():
    a, dy = positive(N), drawn(N, N)

    def slope(t):
        (g,) = cp.vjp(np.linalg.cholesky, a + t * np.eye(N))[1](dy)
        return np.sum(g * np.cos(g))

    step = 1e-5
    expected = (slope(step) - slope(-step)) / (2 * step)
    assert cp.grad(slope)(0.0) == pytest.approx(expected, rel=1e-6)
