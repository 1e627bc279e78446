"""Complex numbers in compiled programs: their parts, and Fourier transforms, as machine code."""

import numpy as np
import pytest
from loops import executed

import clearprop as cp

RNG = np.random.default_rng(3)
# No product overflows: whether that is infinite or NaN depends on the processor, in NumPy.
EDGES = np.array([0.0, -0.0, 1.5, -2.0, 1e15, -1e-15, np.inf, -np.inf, np.nan])
EVERY_EDGE = np.empty((len(EDGES), len(EDGES)), complex)
EVERY_EDGE.real, EVERY_EDGE.imag = EDGES[:, np.newaxis], EDGES
Z = RNG.normal(size=(4, 6)) + 1j * RNG.normal(size=(4, 6))
W = RNG.normal(size=(6,)) + 1j * RNG.normal(size=(6,))
X = RNG.normal(size=(4, 6))


def numpy_calls(h):
    """Name them, but for what only takes a tuple apart."""
    lines = [line.strip() for line in str(h.plan).splitlines()]
    names = [line.split()[2] for line in lines if line.startswith("NumPy call")]
    return [name for name in names if name not in ("output", "loop")]


def agree(f, *xs, calls=0, rtol=2e-15):
    """The machine code and its text give what NumPy gives, in so many NumPy calls."""
    h = cp.compile(f)
    with np.errstate(all="ignore"):
        expected, found = (y if isinstance(y, tuple) else (y,) for y in (f(*xs), h(*xs)))
        by_text = executed(h, *xs)
    assert len(numpy_calls(h)) == calls, h.plan
    for a, b, c in zip(expected, found, by_text, strict=True):
        assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype)
        size = np.abs(a)[np.isfinite(a)].max(initial=0)
        for part in (np.real, np.imag):
            for y in (b, c):
                np.testing.assert_allclose(part(y), part(a), rtol=rtol, atol=rtol * size)


def of_two(z, w):
    return (z + w, z - w, z * w, z / w, z == w, z != w, np.where(np.isnan(z), w, z))


def of_one(z):
    tests = (np.isnan(z), np.isinf(z), np.isfinite(z))
    mixed = (z * 2, 2.5 - z, z / 3.0, z + z.real, z * z.imag)
    parts = (z.real, z.imag, 1j * z.real)
    return (-z, np.square(z), z**2, np.conj(z), np.abs(z), np.exp(z), *tests, *mixed, *parts)


@pytest.mark.parametrize("dtype", ["c16", "c8"])
def test_elementwise_operations_are_numpys_at_every_edge(dtype):
    every = np.empty((len(EDGES), len(EDGES)), dtype)
    every.real, every.imag = EDGES[:, np.newaxis], EDGES
    z = every.reshape(-1, 1)
    rtol = 2e-15 if dtype == "c16" else 1e-6
    agree(of_two, z, np.ascontiguousarray(z[::3].T), rtol=rtol)
    agree(of_one, np.concatenate([z[:, 0], 3 * Z.reshape(-1).astype(dtype)]), rtol=rtol)


def filled(z, w):
    y = np.zeros((4, 6), complex)
    y[1:, ::2] = z[1:, ::2]
    y[0] = w
    y.imag *= 2
    return y


def arranged(z, w):
    return (
        z.T[::-1],
        z.reshape(3, 8) * 1j,
        np.flip(z, 1)[1:, None, ::2],
        np.concatenate([z, z * w, z.real]),
        np.pad(z * w, ((1, 0), (0, 2)), constant_values=1 - 2j),
        (z * w)[[2, 0, 0], [1, 5, 1]],
        filled(z, w),
        z.real.astype(complex) * w,
        z[:0] * w,
        w[2] * 2j,
    )


def summed(z, w):
    return (
        np.sum(z, 0),
        np.mean(z),
        np.cumsum(z * w, axis=1),
        z @ w,
        z.real @ (w[:, None] * 2j),
        z * (np.arange(6) - 2j) + np.exp(2j) - 1,
    )


def test_what_moves_or_adds_numbers_has_loops():
    agree(arranged, Z, W)
    agree(summed, Z, W, rtol=1e-14)
    agree(lambda z: (z * 3).astype("c8"), Z, rtol=1e-6)


def test_other_functions_are_numpy_calls_between_the_loops():
    agree(lambda z: np.log(z * 2) * np.sin(z) + np.max(z), Z, calls=3, rtol=1e-14)
    agree(lambda z: np.linalg.eig(z[:, :4] * 1j).eigenvalues * 2, Z, calls=1, rtol=1e-13)
    large = np.tile(Z, (20, 20))
    agree(lambda z: z @ (z.T * 2), large, calls=1, rtol=1e-13)


def test_numbers_are_arguments_and_results():
    agree(lambda z, x: z * x + 1j, 2 - 1j, 3.0)
    agree(lambda z: (z, z * z), np.complex64(1 + 2j), rtol=1e-6)


def test_a_step_hands_on_complex_numbers():
    def step(z, w):
        return z * w, np.abs(z)

    ws = Z[0] / np.abs(Z[0])
    last, sizes = cp.compile(step).scan(W, ws)
    np.testing.assert_allclose(last, W * np.prod(ws), rtol=1e-14)
    np.testing.assert_allclose(sizes, np.tile(np.abs(W), (6, 1)), rtol=1e-14)


def test_results_are_the_callers_own():
    h = cp.compile(lambda z: (z * 2, np.conj(z * 2)))
    first = h(Z)
    kept = [y.copy() for y in first]
    h(Z + 1)
    for y, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(y, before)


def test_a_loop_of_many_steps_has_no_numpy_call():
    def spin(z, w):
        for _ in range(200):
            z = z * w + 1j
        return np.sum(np.abs(z) ** 2)

    h = cp.compile(cp.grad(spin))
    w = W / np.abs(W)
    np.testing.assert_allclose(h(Z, w), cp.grad(spin)(Z, w), rtol=1e-11)
    assert "loop of" in str(h.plan)
    assert not numpy_calls(h)


@pytest.mark.parametrize(
    ("n", "norm"), [(2, None), (3, "ortho"), (4, "forward"), (11, None), (60, "ortho"), (64, None)]
)
def test_transforms_of_small_factors_have_loops(n, norm):
    z = RNG.normal(size=(5, n, 3)) + 1j * RNG.normal(size=(5, n, 3))
    m = n // 2 + 1

    def f(z):
        return (
            np.fft.fft(z, axis=1, norm=norm),
            np.fft.ifft(z.transpose(0, 2, 1), norm=norm),
            np.fft.rfft(z.real, axis=1, norm=norm),
            np.fft.irfft(z[:, :m], n=n, axis=1, norm=norm),
            np.fft.hfft(z[0].T, 12, norm=norm),
        )

    agree(f, z, rtol=4e-15)


def test_transforms_of_several_axes_and_lengths():
    def f(z):
        return (
            np.fft.fftn(z),
            np.fft.ifft2(z * 1j, s=(5, 8)),
            np.fft.rfft2(z.imag),
            np.fft.irfft2(z, s=(4, 9)),
            np.fft.fftshift(np.fft.fft(z[0])),
            np.fft.fft(z.T[:, :1], axis=1),
        )

    agree(f, Z, calls=1)  # a transform of one number is NumPy's
    agree(lambda z: np.fft.fft2(z), Z.astype("c8"), rtol=1e-6)
    agree(lambda x: np.real(np.fft.ifft2(np.fft.fft2(x) * np.abs(x))), X)


def test_transforms_of_long_lines_and_large_factors_are_numpys():
    z = RNG.normal(size=(2, 8192)) + 0j
    agree(np.fft.fft, z, calls=1)
    agree(lambda z: np.fft.ifft(z[:, :17]) * 2, z, calls=1)
    agree(lambda z: np.fft.rfft(z[0, :1000].real), z, calls=1)


def test_what_is_not_finite_stays_in_its_line():
    z = np.tile(Z, (4, 2))
    z[5, 3], z[9, 1] = np.nan, np.inf
    h = cp.compile(lambda z: np.fft.fft(z, axis=1))
    with np.errstate(all="ignore"):
        found = h(z)
    assert not np.isfinite(found[[5, 9]]).any()
    assert np.isfinite(np.delete(found, [5, 9], axis=0)).all()


def test_a_gradient_through_transforms_is_machine_code():
    def cost(x, width):
        i = np.fft.fftfreq(12)
        filtered = np.exp(-width * i**2)
        spectrum = np.fft.fft(x) * filtered * np.exp(2j * width)
        return np.sum(np.abs(np.fft.ifft(spectrum) - x) ** 2)

    x = RNG.normal(size=(7, 12))
    slope = cp.value_and_grad(cost, (0, 1))
    h = cp.compile(slope)
    for a, b in zip(cp.ravel(h(x, 0.7))[0], cp.ravel(slope(x, 0.7))[0], strict=True):
        assert abs(a - b) <= 1e-12 * max(1, abs(b))
    assert not numpy_calls(h)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_no_bit(threads):
    def f(z):
        return np.fft.ifft(np.exp(np.fft.fft(z) / 100) * z)

    z = RNG.normal(size=(200, 64)) + 1j * RNG.normal(size=(200, 64))
    h, before = cp.compile(f), cp.get_threads()
    expected = h(z)
    try:
        cp.set_threads(threads)
        np.testing.assert_array_equal(h(z), expected)
    finally:
        cp.set_threads(before)
