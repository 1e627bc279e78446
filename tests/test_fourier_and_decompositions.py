"""numpy.fft and the decompositions of numpy.linalg: values, derivatives, and their edges."""

import numpy as np
import pytest
from agreeing import agree_in_every_mode

import clearprop as cp
from clearprop import errors

RNG = np.random.default_rng(4)
X = RNG.normal(size=(2, 4, 3))
Z = X + 1j * RNG.normal(size=X.shape)
A = RNG.normal(size=(4, 3))
C = A + 1j * RNG.normal(size=A.shape)
SQUARE = RNG.normal(size=(3, 3)) + np.diag([3.0, 0.0, -3.0])
TURNING = SQUARE + np.array([[0, 0, 2], [0, 0, 3], [-3, -2, 6]])

COMPLEX_TRANSFORMS = [np.fft.fft, np.fft.ifft, np.fft.irfft, np.fft.hfft]
REAL_TRANSFORMS = [np.fft.rfft, np.fft.ihfft]
SEVERAL = [np.fft.fftn, np.fft.ifftn, np.fft.irfftn, np.fft.fft2, np.fft.ifft2, np.fft.irfft2]
REAL_SEVERAL = [np.fft.rfftn, np.fft.rfft2]


def same_and_right(f, *xs):
    """Forward is NumPy's, and the numerical derivative agrees forward and backward."""
    expected, found = f(*xs), cp.vjp(f, *xs)[0]
    parts = [(expected, found)] if not isinstance(expected, tuple) else zip(expected, found)  # noqa: B905
    for a, b in parts:
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)
        assert b.dtype == a.dtype
    report = cp.check(f, *xs, samples=20)
    assert report.ok, str(report)


@pytest.mark.parametrize("transform", [*COMPLEX_TRANSFORMS, *REAL_TRANSFORMS])
@pytest.mark.parametrize(
    ("n", "axis", "norm"), [(None, -1, None), (5, 1, "ortho"), (3, 1, "forward"), (2, 0, None)]
)
def test_transforms_of_one_axis(transform, n, axis, norm):
    def f(x):
        return transform(x, n, axis, norm)

    same_and_right(f, X if transform in REAL_TRANSFORMS else Z)
    if transform in (np.fft.fft, np.fft.irfft):
        same_and_right(f, X)


@pytest.mark.parametrize("transform", [*SEVERAL, *REAL_SEVERAL])
@pytest.mark.parametrize(
    ("s", "axes", "norm"),
    [(None, (-2, -1), None), ((3, 4), (0, 1), "ortho"), ((2, -1), (1, 2), None)],
)
def test_transforms_of_several_axes(transform, s, axes, norm):
    def f(x):
        return transform(x, s=s, axes=axes, norm=norm)

    if s is not None and -1 in s and transform in (np.fft.irfftn, np.fft.irfft2):
        s = (2, 4)  # NumPy takes -1 for a length there
    same_and_right(f, X if transform in REAL_SEVERAL else Z)


@pytest.mark.parametrize("shift", [np.fft.fftshift, np.fft.ifftshift])
@pytest.mark.parametrize("axes", [None, 1, (0, 2)])
def test_shifts(shift, axes):
    same_and_right(lambda x: shift(x, axes), Z)


def test_frequencies():
    same_and_right(lambda d: np.fft.fftfreq(5, d), np.float64(0.3))
    same_and_right(lambda d: np.fft.rfftfreq(5, d), np.float64(0.3))


def test_every_mode_of_derivative_of_a_spectrum():
    agree_in_every_mode(lambda x: np.fft.rfft(np.fft.fftshift(x, 1), axis=1), [X])
    agree_in_every_mode(lambda x: np.abs(np.fft.fft2(x)) ** 2, [X])
    agree_in_every_mode(lambda x: np.fft.irfft(np.fft.rfft(x) * np.arange(2), 3), [X])


def test_readers_of_a_spectrum():
    def f(x, h):
        spectrum = np.zeros(5, complex)
        np.fft.rfft(x, out=spectrum)
        return np.sum(np.fft.irfft(spectrum * np.fft.rfft(h, 8), 8) ** 2)

    x, h = RNG.normal(size=8), RNG.normal(size=3)
    assert cp.check(f, x, h).ok
    expected = cp.grad(f, (0, 1))(x, h)
    space = {}
    exec(cp.source(f, x, h), space)
    for found in (cp.compile(cp.grad(f, (0, 1)))(x, h), space["gradients"](x, h)[1]):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)
    assert "fft" in cp.trace(f, x, h).backward().to_svg()
    single = cp.grad(f, (0, 1))(x.astype("f4"), h.astype("f4"))
    assert {g.dtype for g in single} == {np.dtype("f4")}


def test_what_numpy_refuses_is_its_own_error():
    with pytest.raises(ValueError, match="Invalid number of FFT data points"):
        cp.vjp(lambda x: np.fft.fft(x, 0), X)
    with pytest.raises(ValueError, match="Invalid norm value"):
        cp.vjp(lambda x: np.fft.fft(x, norm="other"), X)
    with pytest.raises(TypeError):
        cp.vjp(np.fft.rfft, Z)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda a: tuple(np.linalg.qr(a)), A),
        (lambda a: tuple(np.linalg.qr(a)), C),
        (lambda a: tuple(np.linalg.qr(a)), C.T),
        (lambda a: tuple(np.linalg.qr(a, "complete")), A.T),
        (lambda a: np.linalg.qr(a, mode="r"), C),
        (lambda a: tuple(np.linalg.eig(a)), SQUARE),
        (lambda a: tuple(np.linalg.eig(a)), TURNING),
        (lambda a: tuple(np.linalg.eig(a)), TURNING * (1 + 0.5j)),
        (lambda a: np.linalg.eigvals(a), np.stack([TURNING, TURNING.T])),
        (lambda a: np.linalg.eigvalsh(a), C[:3]),
        (lambda a: np.linalg.eigvalsh(a, "U"), C[:3]),
        (lambda a: np.linalg.pinv(a), A),
        (lambda a: np.linalg.pinv(a), np.stack([C, 2 * C]).swapaxes(1, 2)),
        (lambda a: np.linalg.pinv(a, rtol=None), C),
        (lambda a: np.linalg.pinv(a, hermitian=True), C[:3]),
        (lambda a: np.linalg.cond(a), C),
        (lambda a: np.linalg.cond(a, 1), C[:3]),
        (lambda a: np.linalg.norm(a, "nuc"), C),
        (lambda a: np.linalg.matrix_power(a, -2), C[:3]),
        (lambda a: tuple(np.linalg.slogdet(a)), C[:3]),
        (lambda a: np.linalg.cholesky(a @ np.conj(a.T), upper=True), C[:3]),
        (lambda a: np.linalg.svd(a, compute_uv=False), C),
    ],
)
def test_decompositions(f, x):
    same_and_right(f, x)


def test_decompositions_in_every_mode():
    agree_in_every_mode(lambda a: np.linalg.qr(a), [A])
    agree_in_every_mode(lambda a: np.linalg.eigvals(a), [TURNING])
    agree_in_every_mode(lambda a: np.linalg.pinv(a), [A])


@pytest.mark.parametrize(("a", "b"), [(A, A[:, 0] * 2 + 1), (C, C[:, :2] ** 2), (A.T, A[:3, :2])])
def test_least_squares(a, b):
    same_and_right(lambda a, b: tuple(np.linalg.lstsq(a, b)[i] for i in (0, 1, 3)), a, b)
    expected = np.linalg.lstsq(a, b)
    x, squares, rank, s = np.linalg.lstsq(cp.tensor(a), b)
    assert (squares.shape, int(rank)) == (expected[1].shape, expected[2])
    np.testing.assert_allclose(s.value, expected[3])
    assert x.node is not None


def test_least_squares_compiled():
    def f(a, b):
        return np.sum(np.linalg.lstsq(a, b)[0] ** 2)

    for found, expected in zip(
        cp.compile(cp.grad(f, (0, 1)))(A, A[:, 0]), cp.grad(f, (0, 1))(A, A[:, 0]), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_where_there_is_no_derivative():
    # Equal eigenvalues: 0 between their vectors, so that their mean, which is smooth, is right.
    g = cp.grad(lambda a: np.sum(np.real(np.linalg.eigvals(a))))(np.eye(2))
    np.testing.assert_allclose(g, np.eye(2))
    assert np.isfinite(cp.grad(lambda a: np.sum(np.linalg.eigh(a)[1] ** 3))(np.eye(2))).all()
    # A defective matrix has no basis of eigenvectors; the sum of its eigenvalues is its trace.
    jordan = np.array([[1.0, 1.0], [0.0, 1.0]])
    g = cp.grad(lambda a: np.sum(np.real(np.linalg.eigvals(a))))(jordan)
    np.testing.assert_allclose(g, np.eye(2), atol=1e-12)
    # Rank loss: the pseudoinverse moves as among matrices of the same rank.
    low = np.outer([1.0, 2.0, -1.0], [0.5, 1.0])
    v = np.outer([0.3, 0.1, 0.2], [0.5, 1.0])
    moved = cp.jvp(np.linalg.pinv, (low,), (v,))[1]
    h = 1e-6
    expected = (np.linalg.pinv(low + h * v) - np.linalg.pinv(low - h * v)) / (2 * h)
    np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-8)
    with pytest.raises(np.linalg.LinAlgError):
        cp.grad(lambda a: np.sum(np.linalg.qr(a)[0]))(np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda a: np.linalg.qr(a, "complete")[0], "beyond those of the matrix"),
        (lambda a: np.linalg.qr(a, "raw")[0], "reflectors"),
        (lambda a: np.linalg.svd(a)[0], "full_matrices=False"),
    ],
)
def test_what_is_not_determined_is_refused(f, what):
    with pytest.raises(errors.MissingRuleError, match=what):
        cp.vjp(f, A)


def test_a_program_of_eigenvalues_is_of_complex_numbers():
    def f(a):
        return np.sum(np.abs(np.linalg.eigvals(a)) ** 3)

    with pytest.raises(errors.StagingError, match="astype"):
        cp.compile(cp.grad(f))(TURNING)
    compiled = cp.compile(cp.grad(lambda a: f(a.astype(complex))))
    np.testing.assert_allclose(compiled(TURNING), cp.grad(f)(TURNING), rtol=1e-9)
    np.testing.assert_allclose(compiled(SQUARE), cp.grad(f)(SQUARE), rtol=1e-9)


@pytest.mark.parametrize("transform", [np.fft.irfftn, np.fft.irfft2])
def test_the_last_length_of_a_real_transform_back_may_be_that_of_the_spectrum(transform):
    same_and_right(lambda z: transform(z, s=(3, -1), axes=(0, 1)), Z[0])


@pytest.mark.parametrize("transform", [np.fft.rfftn, np.fft.rfft2])
def test_an_axis_named_twice_keeps_its_length(transform):
    same_and_right(lambda x: transform(x, axes=(1, 1)), X)


@pytest.mark.parametrize("axes", [(1,), (0, 2), (2, 1, 0), (1, 1), (-1, -2)])
@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
@pytest.mark.parametrize("norm", [None, "ortho"])
def test_several_axes_give_numpys_bits_and_leave_what_they_are_given(axes, dtype, norm):
    x = np.random.default_rng(2).normal(size=(3, 4, 5)).astype(dtype)
    for transform in (np.fft.fftn, np.fft.ifftn):
        given = x.copy()
        y, _ = cp.vjp(lambda x, f=transform: f(x, axes=axes, norm=norm), given)
        expected = transform(x, axes=axes, norm=norm)
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(given, x)
