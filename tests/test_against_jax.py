"""NumPy's functions that `jax.numpy` has too: the same values and gradients.

Where JAX is installed: ``PYTHONPATH=src python -m pytest tests/test_against_jax.py``.
"""

import numpy as np
import pytest

import clearprop as cp

jax = pytest.importorskip("jax", reason="jax is not installed")
jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 3, 4))
EQUAL = np.array([2.0, 1.0, 2.0, 0.5, 1.0])

CASES = {
    "polyadd polysub": lambda np, x, y: np.polyadd(x[0, :2], y[0]) * np.polysub(y[1], x[1]),
    "polymul": lambda np, x, y: np.polymul(x[0], y[0]),
    "polydiv": lambda np, x, y: np.polydiv(np.ravel(x), y[0])[0],  # JAX keeps zeros in the rest
    "polyder polyint": lambda np, x, y: np.polyder(x[0], 2)[0] * np.polyint(y[0], 2),
    "poly": lambda np, x, y: np.poly(x[0]),
    "polyval": lambda np, x, y: np.polyval(x[0], y),
    "vander": lambda np, x, y: np.vander(x[0], 3) * np.vander(y[0], 3, increasing=True),
    "polyfit": lambda np, x, y: np.polyfit(np.ravel(x), np.ravel(y), 2),
    "polyfit with weights": lambda np, x, y: np.polyfit(x[0], y[0], 1, w=np.abs(y[1]) + 1),
    "unwrap": lambda np, x, y: np.unwrap(9 * x + y) + np.unwrap(4 * x, period=3.0, axis=0),
    "geomspace": lambda np, x, y: np.geomspace(np.exp(x), np.exp(y), 4),
    "i0": lambda np, x, y: np.i0(3 * x) * np.i0(y),
    "histogram": lambda np, x, y: np.histogram(x, 4, range=(-2, 2), weights=y)[0],
    "histogram density": lambda np, x, y: np.histogram(
        x, 4, range=(-2, 2), weights=np.exp(y), density=True
    )[0],
    "histogram2d": lambda np, x, y: np.histogram2d(
        np.ravel(x), np.ravel(y), 3, range=[(-2, 2), (-2, 2)], weights=np.ravel(x)
    )[0],
    "ix_": lambda np, x, y: np.ix_(x[0], y[0])[0] * y[0],
    "interp": lambda np, x, y: np.interp(x, np.sort(y[0]), y[1], left=y[2, 0]),
    "convolve correlate": lambda np, x, y: (
        np.convolve(x[0], y[0, :3], "same") * np.correlate(y[0], x[0, :3], "same")
    ),
    "copysign hypot logaddexp2": lambda np, x, y: (
        np.copysign(x, y) + np.hypot(x, y) * np.logaddexp2(x, y)
    ),
    "remainder fmod float_power cbrt": lambda np, x, y: (
        np.remainder(x, y) + np.fmod(x, y) * np.float_power(np.exp(x), y) + np.cbrt(np.exp(y))
    ),
    "modf divmod": lambda np, x, y: np.modf(x)[0] * np.divmod(y, np.exp(x))[1],
    "ldexp": lambda np, x, y: np.ldexp(x, np.array([1, -2, 0, 3])) * y,
    "trapezoid gradient": lambda np, x, y: np.trapezoid(x, y) * np.gradient(x, axis=0)[:, 0],
    **{
        f"pad {mode}": lambda np, x, y, mode=mode: np.pad(x, ((1, 2), (3, 0)), mode) * y[0, 0]
        for mode in ("edge", "wrap", "linear_ramp", "maximum", "mean", "median", "minimum")
    },
    **{
        f"pad {mode} {kind}": lambda np, x, y, mode=mode, kind=kind: (
            np.pad(x, ((1, 2), (3, 0)), mode, reflect_type=kind) * y[0, 0]
        )
        for mode in ("reflect", "symmetric")
        for kind in ("odd", "even")
    },
}


@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_value_and_gradients(f):
    y, pullback = cp.vjp(lambda x, y: f(np, x, y), X, Y)
    expected, pull = jax.vjp(lambda x, y: f(jax.numpy, x, y), X, Y)
    np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-12)
    dy = RNG.uniform(0.5, 1.5, np.shape(y))
    for found, wanted in zip(pullback(dy), pull(jax.numpy.asarray(dy)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-10)


def test_of_equal_elements_the_first_has_the_gradient():
    found = cp.grad(lambda x: np.sum(np.unique(x) ** 2))(EQUAL)
    wanted = jax.grad(lambda x: jax.numpy.sum(jax.numpy.unique(x, size=3) ** 2))(EQUAL)
    np.testing.assert_allclose(np.sort(found), np.sort(wanted))
    np.testing.assert_array_equal(found, [4, 2, 0, 1, 0])
