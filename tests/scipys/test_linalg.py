"""Triangular systems, factors and functions of matrices: SciPy's values, and derivatives."""

import numpy as np
import pytest
from agreeing import agree
from scipy import linalg

import clearprop as cp
from clearprop.errors import MissingMethodError, OptionError
from clearprop.rules.linalg import POSITIVE, REGULAR, STACK

B = np.array([[1.2, -0.7], [0.3, 0.9], [0.5, 0.1]])


def is_scipys(ours, theirs, *args):
    np.testing.assert_allclose(ours(*args), theirs(*args), rtol=1e-12, atol=1e-14)
    agree(ours, *args, second=False)  # that of each primitive is checked elsewhere


@pytest.mark.parametrize("trans", [0, "T"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular_systems(trans, lower, unit):
    options = {"trans": trans, "lower": lower, "unit_diagonal": unit}
    for b in (B, B[:, 0]):
        is_scipys(
            lambda A, b: cp.scipy.linalg.solve_triangular(A, b, **options),
            lambda A, b: linalg.solve_triangular(A, b, **options),
            REGULAR,
            b,
        )


@pytest.mark.parametrize("lower", [False, True])
def test_cholesky_reads_one_triangle(lower):
    one = np.tril(POSITIVE) if lower else np.triu(POSITIVE)
    is_scipys(
        lambda A: cp.scipy.linalg.cholesky(A, lower), lambda A: linalg.cholesky(A, lower), one
    )

    def solved(module):
        return lambda A, b: module.cho_solve(module.cho_factor(A, lower), b)

    for b in (B, B[:, 0]):
        is_scipys(solved(cp.scipy.linalg), solved(linalg), one, b)


@pytest.mark.parametrize("assume_a", [None, "gen", "sym", "pos", "upper triangular"])
@pytest.mark.parametrize("transposed", [False, True])
def test_solve(assume_a, transposed):
    A = REGULAR if assume_a in (None, "gen") else POSITIVE
    A = np.triu(A) if assume_a == "upper triangular" else A
    options = {"assume_a": assume_a, "transposed": transposed}
    if assume_a is None:
        options.pop("assume_a")
    is_scipys(
        lambda A, b: cp.scipy.linalg.solve(A, b, **options),
        lambda A, b: linalg.solve(A, b, **options),
        A,
        B,
    )


def test_functions_of_a_matrix():
    for name in ("expm", "inv", "det"):
        is_scipys(getattr(cp.scipy.linalg, name), getattr(linalg, name), REGULAR)
    agree(cp.scipy.linalg.expm, STACK, second=False)
    nilpotent = np.diag([1.0, 2.0], 1)  # no eigenvectors, but a derivative
    agree(cp.scipy.linalg.expm, nilpotent, second=False)


def test_the_derivative_of_expm_is_frechets():
    E = np.arange(9.0).reshape(3, 3) / 5
    _, found = cp.jvp(cp.scipy.linalg.expm, (REGULAR,), (E,))
    np.testing.assert_allclose(found, linalg.expm_frechet(REGULAR, E)[1], rtol=1e-12)


def test_matrices_that_are_put_together():
    x, y = B[:, 0], B[:, 1]
    for args in ((x,), (x, y), (x, y[:2])):
        is_scipys(cp.scipy.linalg.toeplitz, linalg.toeplitz, *args)
    is_scipys(cp.scipy.linalg.block_diag, linalg.block_diag, B, REGULAR, x)
    assert cp.scipy.linalg.block_diag().shape == linalg.block_diag().shape


def test_compiled_and_written_they_are_the_same():
    def f(A, b):
        return np.sum(cp.scipy.linalg.cho_solve(cp.scipy.linalg.cho_factor(A @ A.T), b) ** 2)

    gradients = cp.grad(f, (0, 1))(REGULAR, B)
    text = cp.source(f, REGULAR, B)
    assert text.startswith('"""f and its backward pass, written by clearprop. It imports scipy')
    assert "\nimport scipy.linalg\n" in text
    module = {}
    exec(text, module)
    for a, b in zip(gradients, module["gradients"](REGULAR, B)[1], strict=True):
        np.testing.assert_array_equal(a, b)
    pytest.importorskip("llvmlite", reason="llvmlite is not installed: the extra 'train' has it")
    for a, b in zip(gradients, cp.compile(cp.grad(f, (0, 1)))(REGULAR, B), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_what_is_not_there_says_so():
    with pytest.raises(MissingMethodError, match="derivative of this function of a matrix"):
        _ = cp.scipy.linalg.logm
    with pytest.raises(OptionError, match="tridiagonal"):
        cp.scipy.linalg.solve(REGULAR, B, assume_a="tridiagonal")
    with pytest.raises(OptionError, match="trans=0"):
        cp.scipy.linalg.solve_triangular(REGULAR, B, trans=3)
    with pytest.raises(np.linalg.LinAlgError):
        cp.scipy.linalg.cho_factor(-POSITIVE)


C = np.array([[2.0, 0.4 - 0.3j, 0.1j], [0.4 + 0.3j, 3.0, 0.2 - 0.5j], [-0.1j, 0.2 + 0.5j, 2.5]])


@pytest.mark.parametrize(
    "compute",
    [
        lambda m, A: m.cholesky(A),
        lambda m, A: m.cho_solve(m.cho_factor(A), B),
        lambda m, A: m.cho_solve(m.cho_factor(A, True), A[0]),
        lambda m, A: m.solve_triangular(A, B, trans="C"),
        lambda m, A: m.solve_triangular(A, B, trans=1, lower=True),
        lambda m, A: m.solve(A, B, assume_a="her"),
        lambda m, A: m.solve(A, B, assume_a="sym", lower=True),
        lambda m, A: m.solve(A, B, assume_a="pos"),
        lambda m, A: m.inv(A),
        lambda m, A: m.expm(A),
        lambda m, A: m.toeplitz(A[1]),
        lambda m, A: m.toeplitz(A[1], A[2]),
    ],
)
def test_complex_matrices_keep_their_imaginary_parts(compute):
    expected = compute(linalg, C)
    for matrix, rtol in ((C, 1e-12), (C.astype(np.complex64), 1e-5)):
        y = compute(cp.scipy.linalg, matrix)
        np.testing.assert_allclose(y, expected, rtol=rtol, atol=rtol)
    report = cp.check(lambda A: np.sum(np.abs(compute(cp.scipy.linalg, A) - 0.3) ** 2), C)
    assert report.ok, str(report)


@pytest.mark.parametrize("assume_a", ["sym", "her"])
def test_the_symmetric_solution_stays_float32(assume_a):
    found = cp.scipy.linalg.solve(POSITIVE.astype("f4"), B.astype("f4"), assume_a=assume_a)
    assert found.dtype == np.float32
