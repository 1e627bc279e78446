"""Ufuncs, reductions, sorting and calculus: NumPy's values, true derivatives, and what ties do."""

import numpy as np
import pytest

import clearprop as cp
from clearprop.errors import MissingRuleError

NEWEST = np.lib.NumpyVersion(np.__version__) >= "2.5.0.dev0"
FIX = np.trunc if NEWEST else np.fix  # deprecated since

X = np.random.default_rng(5).normal(size=(3, 4))
POSITIVE = np.random.default_rng(6).uniform(0.5, 2.0, (3, 4))
MASK = X > -0.3
HOLES = np.where(X > 0.8, np.nan, X)
W = np.arange(1.0, 5.0)


def agree(f, *args, second=True):
    """The value is NumPy's, and the derivatives are what numerical differences say."""
    for found, expected in zip(_parts(cp.vjp(f, *args)[0]), _parts(f(*args)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
        assert np.shape(found) == np.shape(expected)

    def total(*xs):
        return sum(np.sum(np.sin(part)) for part in _parts(f(*xs)))

    assert (first := cp.check(total, *args)).ok, first
    if second:
        report = cp.check(
            lambda *xs: sum(np.sum(g**2) for g in _parts(_gradients(total, xs))), *args
        )
        assert report.ok, report


def _parts(y):
    return y if isinstance(y, tuple) else (y,)


def _gradients(f, xs):
    return cp.grad(f, tuple(range(len(xs))))(*xs)


REDUCTIONS = {
    "amax, amin": lambda x: np.amax(x, 0) * np.amin(x),
    "sum where": lambda x: np.sum(x, 1, where=MASK, initial=2.0),
    "sum dtype": lambda x: np.sum(x, dtype=np.float64, keepdims=True),
    "mean where": lambda x: np.mean(x, axis=0, where=MASK),
    "mean dtype": lambda x: np.mean(x, -1, np.float64),
    "prod": lambda x: np.prod(x, axis=(0, 1)),
    "prod of an axis in the middle": lambda x: np.prod(x.reshape(2, 3, 2), (2, 0), keepdims=True),
    "prod where": lambda x: np.prod(x, 0, where=MASK, initial=0.5),
    "max where": lambda x: np.max(x, 0, initial=0.1, where=MASK),
    "min initial": lambda x: np.min(x, 1, keepdims=True, initial=-0.5),
    "max of nothing": lambda x: np.max(x[:0], 0, initial=3.0) + x[0],
    "var": lambda x: np.var(x, 0, ddof=1, where=np.ones((1, 4), bool)),
    "var with its mean": lambda x: np.var(x, 0, mean=np.mean(x, 0, keepdims=True)),
    "std": lambda x: x.std(1, None, None, 1, True),
    "ptp": lambda x: np.ptp(x, axis=1, keepdims=True),
    "average": lambda x: np.average(x),
    "average weights": lambda x: np.average(x, axis=1, weights=W),
    "average returned": lambda x: np.average(x, weights=x**2, returned=True),
    "average two axes": lambda x: np.average(x, axis=(1, 0), weights=np.outer(W, W[:3])),
    "cumprod": lambda x: np.cumprod(x, axis=1) * x.cumprod(0),
    "cumprod flat": lambda x: np.cumprod(x),
    "add.reduce": lambda x: np.add.reduce(x, axis=1, keepdims=True),
    "multiply.reduce": lambda x: np.multiply.reduce(x),
    "multiply.accumulate": lambda x: np.multiply.accumulate(x, axis=1),
    "maximum.accumulate": lambda x: np.maximum.accumulate(x, axis=1),
    "minimum.accumulate": lambda x: np.minimum.accumulate(x),
    "sort": lambda x: np.sort(x) * np.sort(x, 0) * np.sort(x, axis=None).reshape(3, 4),
    "partition": lambda x: np.partition(x, 1)[:, 1] + np.sum(np.partition(x, 2, axis=None)[:3]),
    "median": lambda x: np.median(x, axis=0) * np.median(x) + np.median(x[:2], axis=(0, 1)),
    "quantile": lambda x: np.quantile(x, [0.1, 0.77], axis=1),
    "quantile of two axes": lambda x: np.quantile(x, [[0.2], [1.0]], (0, 1), keepdims=True),
    "percentile": lambda x: np.percentile(x, 30.0, 0) + np.percentile(x, 71),
}


@pytest.mark.parametrize("f", REDUCTIONS.values(), ids=REDUCTIONS)
def test_reductions(f):
    agree(f, X)


NAN_VARIANTS = {
    "nansum": lambda x: np.nansum(x, axis=0),
    "nanprod": lambda x: np.nanprod(x, axis=1),
    "nanmean": lambda x: np.nanmean(x, axis=0, keepdims=True),
    "nanvar": lambda x: np.nanvar(x, axis=1, ddof=1),
    "nanstd": lambda x: np.nanstd(x),
    "nanmax": lambda x: np.nanmax(x, axis=0) * np.nanmin(x, axis=0),
    "fmax.reduce": lambda x: np.fmax.reduce(x, axis=1) * np.fmin.reduce(x, axis=1),
    "nancumsum": lambda x: np.nancumsum(x, axis=1) + np.nancumprod(x, axis=1),
    "nanmedian": lambda x: np.nanmedian(x, axis=1),
    "nanquantile": lambda x: np.nanquantile(x, [0.3, 0.6], axis=0),
    "nanpercentile": lambda x: np.nanpercentile(x, 40.0),
    "fmax": lambda x: np.fmax(x, 0.3) + np.fmin(0.1, x),
    "nan_to_num": lambda x: np.nan_to_num(x, nan=0.25) ** 2,
}


@pytest.mark.parametrize("f", NAN_VARIANTS.values(), ids=NAN_VARIANTS)
def test_nan_variants(f):
    """A NaN counts for nothing, in the value and in the derivative."""
    present = ~np.isnan(HOLES)
    assert not present.all()

    def of_the_present(x):
        return f(np.where(present, x, np.nan))

    np.testing.assert_allclose(cp.vjp(f, HOLES)[0], f(HOLES), rtol=1e-12)
    agree(of_the_present, X, second=False)
    g = cp.grad(lambda x: np.sum(f(x)))(HOLES)
    np.testing.assert_array_equal(g[~present], 0.0)


CALCULUS = {
    "diff": lambda x: np.diff(x, 2, axis=0),
    "diff with ends": lambda x: np.diff(x, prepend=0.0, append=x[:, :2]),
    "ediff1d": lambda x: np.ediff1d(x, to_begin=x[0], to_end=9.0),
    "gradient": lambda x: np.gradient(x),
    "gradient of a spacing": lambda x: np.gradient(x, 0.5, axis=1),
    "gradient at coordinates": lambda x: np.gradient(x, W**1.5, axis=-1, edge_order=2),
    "gradient, both": lambda x: np.gradient(x, 2.0, [0.0, 1.0, 3.0, 3.5], edge_order=2),
    "trapezoid": lambda x: np.trapezoid(x, dx=0.1, axis=0),
    "trapezoid at points": lambda x: np.trapezoid(x, W**2),
    "trapezoid at moving points": lambda x: np.trapezoid(W[:3], x[:, 0]) + np.trapezoid(x, x**2),
    "polyval": lambda x: np.polyval(x[0], x[1]) + np.polyval([1.0, 2.0, 3.0], x[2]),
    "interp": lambda x: np.interp(x, [-1.0, 0.1, 0.9], [2.0, 5.0, -1.0]),
    "interp of points": lambda x: np.interp([-9.0, 1.7, 3.3, 9.0], W, x[0], left=7.0),
    "sinc": lambda x: np.sinc(x),
    "modf": lambda x: np.modf(x * 3),
    "divmod": lambda x: np.divmod(x, 0.7),
    "float_power": lambda x: np.float_power(x, 3) + np.float_power(2, x),
    "real": lambda x: np.real(x) * x.real * np.conj(x) * x.conj() + np.imag(x) + x.imag,
    "degrees": lambda x: np.radians(x) + np.degrees(x) * np.deg2rad(x) * np.rad2deg(x),
    "fix": lambda x: x * FIX(3 * x) + x * np.trunc(x) * np.signbit(x),
}


@pytest.mark.parametrize("f", CALCULUS.values(), ids=CALCULUS)
def test_calculus(f):
    agree(f, X)


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="NumPy has it from 2.1 on")
def test_cumulative_sum_and_prod():
    agree(lambda x: np.cumulative_sum(x, axis=0) * np.cumulative_prod(x, axis=0), X)
    agree(lambda x: np.cumulative_sum(x, axis=1, include_initial=True), X)
    agree(lambda x: np.cumulative_prod(x[0], include_initial=True), X)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("lengths", [(6, 3), (3, 6), (5, 2), (2, 5), (4, 4)])
def test_convolve_and_correlate(mode, lengths):
    a, v = (np.random.default_rng(n).normal(size=n) for n in lengths)
    agree(lambda a, v: np.convolve(a, v, mode), a, v, second=False)
    agree(lambda a, v: np.correlate(a, v, mode), a, v, second=False)


@pytest.mark.parametrize("method", ["lower", "higher", "nearest", "midpoint", "hazen", "weibull"])
def test_methods_of_quantile(method):
    for q in (0.0, 0.1, 0.5, 0.62, 1.0):
        agree(lambda x, q=q: np.quantile(x, q, axis=1, method=method), X, second=False)


def test_a_quantile_moves_with_its_share():
    assert cp.check(lambda q: np.sum(np.quantile(X, q, axis=0) ** 2), np.array([0.2, 0.9])).ok


def test_float32_stays():
    x = X.astype(np.float32)
    for f in (*REDUCTIONS.values(), *NAN_VARIANTS.values(), *CALCULUS.values()):
        y, pullback = cp.vjp(f, x)
        expected = f(x)
        for part, wanted in zip(_parts(y), _parts(expected), strict=True):
            assert part.dtype == wanted.dtype
        dy = tuple(np.ones_like(part) for part in y) if isinstance(y, tuple) else np.ones_like(y)
        assert pullback(dy)[0].dtype == np.float32


def test_prod_and_cumprod_with_zeros():
    """Not y / x: with one zero its own derivative is left, with two none is."""
    product = cp.grad(np.prod)
    np.testing.assert_array_equal(product(np.array([2.0, 0.0, 3.0])), [0.0, 6.0, 0.0])
    np.testing.assert_array_equal(product(np.array([0.0, 0.0, 3.0])), [0.0, 0.0, 0.0])
    second = cp.grad(lambda x: product(x)[0])(np.array([0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(second, [0.0, 3.0, 0.0])
    third = cp.grad(lambda x: cp.grad(lambda x: product(x)[0])(x)[1])(np.zeros(3))
    np.testing.assert_array_equal(third, [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(
        cp.grad(lambda x: np.sum(np.cumprod(x)))(np.array([2.0, 0.0, 3.0])), [1.0, 8.0, 0.0]
    )
    np.testing.assert_array_equal(product(np.zeros((0, 2))), np.zeros((0, 2)))


def test_ties():
    x = np.array([1.0, 2.0, 2.0, 0.0])
    # Equal elements keep their order when sorted, and so do their gradients.
    np.testing.assert_array_equal(cp.grad(lambda x: np.sort(x) @ W)(x), [2.0, 3.0, 4.0, 1.0])
    # Of a running maximum, the first of equal elements has it all.
    g = cp.grad(lambda x: np.sum(np.maximum.accumulate(x)))(x)
    np.testing.assert_array_equal(g, [1.0, 3.0, 0.0, 0.0])
    np.testing.assert_array_equal(cp.grad(np.amax)(x), [0.0, 0.5, 0.5, 0.0])
    np.testing.assert_array_equal(cp.grad(np.fmax, (0, 1))(2.0, 2.0), [0.5, 0.5])
    np.testing.assert_array_equal(cp.grad(np.fmax, (0, 1))(np.nan, 2.0), [0.0, 1.0])
    np.testing.assert_array_equal(cp.grad(np.fmin, (0, 1))(2.0, np.nan), [1.0, 0.0])


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
def test_logaddexp_of_infinities(f):
    inf = np.inf
    assert cp.grad(f, (0, 1))(-inf, -inf) == (0.5, 0.5)
    assert cp.grad(f, (0, 1))(inf, inf) == (0.5, 0.5)
    assert cp.grad(f, (0, 1))(-inf, 3.0) == (0.0, 1.0)
    assert cp.grad(f, (0, 1))(inf, -inf) == (1.0, 0.0)
    assert cp.grad(cp.grad(f))(-inf, -inf) == 0.0
    assert cp.grad(cp.grad(f))(0.0, 0.0) > 0.1  # two equal numbers are no kink
    assert cp.compile(f)(-inf, -inf) == -inf


@pytest.mark.parametrize(
    ("f", "of_two"), [(np.max, np.maximum), (np.min, np.minimum), (np.ptp, None)]
)
def test_the_gradient_goes_to_the_nan(f, of_two):
    nan = np.nan
    found = cp.grad(f)(np.array([1.0, nan, 3.0, nan]))
    np.testing.assert_array_equal(
        found, [0.0, 0.0, 0.0, 0.0] if of_two is None else [0, 0.5, 0, 0.5]
    )
    if of_two is not None:
        assert cp.grad(of_two, (0, 1))(nan, 1.0) == (1.0, 0.0)
        assert cp.grad(of_two, (0, 1))(1.0, nan) == (0.0, 1.0)
        assert cp.grad(of_two, (0, 1))(nan, nan) == (1.0, 0.0)


def test_roots_at_zero():
    with np.errstate(divide="ignore"):
        for f in (np.sqrt, np.cbrt, np.log, lambda x: x**0.5):
            assert cp.grad(f)(0.0) == np.inf
    for f in (np.std, np.nanstd, lambda x: np.std(x, ddof=1)):
        np.testing.assert_array_equal(cp.grad(f)(np.ones(3)), 0.0)
    for order in (None, 1, 2, 3, 1.5, np.inf):
        g = cp.grad(lambda x, order=order: np.linalg.norm(x, order))(np.zeros(3))
        np.testing.assert_array_equal(g, 0.0)
    for order in ("fro", "nuc", 2, 1):
        g = cp.grad(lambda x, order=order: np.linalg.norm(x, order))(np.zeros((2, 2)))
        np.testing.assert_array_equal(g, 0.0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(cp.grad(np.arctan2, (0, 1))(0.0, 0.0)).all()


def test_a_row_with_one_number_or_the_last_quantile():
    x = np.array([[np.nan, 2.0, np.nan], [1.0, 3.0, np.nan]])
    np.testing.assert_array_equal(cp.vjp(lambda x: np.nanmedian(x, axis=1), x)[0], [2.0, 2.0])
    g = cp.grad(lambda x: np.sum(np.nanquantile(x, 1.0, axis=1)))(x)
    np.testing.assert_array_equal(g, [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])


def test_degenerate_points():
    assert cp.grad(np.hypot, (0, 1))(0.0, 0.0) == (0.0, 0.0)
    assert cp.grad(lambda x: np.copysign(x, -0.0))(3.0) == -1.0
    assert cp.grad(np.heaviside, (0, 1))(0.0, 0.3) == (0.0, 1.0)
    assert cp.grad(cp.grad(np.sinc))(0.0) == pytest.approx(-(np.pi**2) / 3)
    assert cp.grad(cp.grad(cp.grad(np.sinc)))(1e-9) == pytest.approx(np.pi**4 / 5 * 1e-9)
    assert cp.grad(np.sinc)(1e-5) == pytest.approx(-(np.pi**2) / 3 * 1e-5, rel=1e-9)
    np.testing.assert_array_equal(
        cp.grad(lambda x: np.sum(np.nan_to_num(x)))(np.array([np.nan, np.inf, -np.inf, 2.0])),
        [0.0, 0.0, 0.0, 1.0],
    )
    x = np.array([1.0, np.nan, 3.0, np.nan])
    for f in (np.median, np.maximum.accumulate, np.sort, lambda x: np.quantile(x, 0.2)):
        np.testing.assert_array_equal(cp.vjp(f, x)[0], f(x))
    empty = np.zeros((0, 3))
    for f in (np.sum, np.nansum, np.prod, np.cumprod, np.sort, np.diff, np.maximum.accumulate):
        np.testing.assert_array_equal(cp.vjp(f, empty)[0], f(empty))


def test_interp_at_and_beyond_the_ends():
    x = np.array([-1.0, 0.0, 2.0, 3.0, np.nan])
    y, pullback = cp.vjp(lambda x, fp: np.interp(x, [0.0, 2.0], fp), x, np.array([1.0, 5.0]))
    np.testing.assert_array_equal(y, [1.0, 1.0, 5.0, 5.0, np.nan])
    dx, dfp = pullback(np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_array_equal(dx, [0.0, 2.0, 2.0, 0.0, 0.0])
    np.testing.assert_array_equal(dfp, [2.0, 2.0])
    assert cp.grad(lambda x: np.interp(x, [1.0], [4.0]))(1.0) == 0.0


def test_positions_have_no_derivative_and_numpys_values():
    def f(x):
        found = (
            np.nanargmax(x, 1), np.nanargmin(x), np.searchsorted([-1.0, 0.0, 1.0], x, "right"),
            np.digitize(x, [-1.0, 0.0, 1.0]), np.isin(x, x[0]), np.lexsort((x[0], x[1])),
            np.argpartition(x, 1, axis=0), np.argsort(x, 0), x.argsort(),
            x.argmax(0, keepdims=True), np.around(x, 1),
            np.logical_xor(x > 0, x > 1), np.array_equal(x, x), np.isreal(x), np.isposinf(x),
        )  # fmt: skip
        return tuple(np.asarray(getattr(part, "value", part)) for part in found)

    for found, expected in zip(f(cp.tensor(X)), f(X), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_sort_and_partition_in_place():
    def f(x):
        row = x[0] * 1
        row.sort()
        rest = x[1] * 1
        rest.partition(2)
        return np.sum(row * W) + rest[2] ** 2

    agree(f, X)


def test_methods_take_numpys_arguments():
    def f(x):
        parts = (
            x.sum(0, np.float64, keepdims=True), x.sum(1, initial=1.0), x.mean(1, where=MASK),
            x.prod(axis=0), x.max(1, None, True), x.min(initial=0.0), x.var(0, None, None, 1),
            x.cumsum(1), x.cumprod(), x.clip(-0.5, 0.5), x.clip(max=0.2), x.round(1),
            x.max(where=MASK, initial=-9.0),
        )  # fmt: skip
        return tuple(parts)

    agree(f, X, second=False)


def test_out_makes_a_new_version():
    def f(x):
        total = np.zeros_like(x[0])
        x.sum(0, out=total)
        return np.sum(total**2)

    agree(f, X)


def test_a_method_of_quantile_without_a_derivative():
    with pytest.raises(MissingRuleError) as caught:
        cp.grad(lambda x: np.quantile(x, 0.5, method="nearest_of_all"))(X)
    text = str(caught.value)
    assert "A quantile with method='nearest_of_all' has no derivative here." in text
    assert "method= one of ['linear', 'lower'," in text


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.max(x, where=MASK),
        lambda x: np.quantile(x, 1.5),
        lambda x: np.average(x, axis=0, weights=W),
        lambda x: np.convolve(x[0], W, "half"),
        lambda x: np.diff(x, -1),
        lambda x: np.gradient(x, 1.0, 2.0, 3.0),
        lambda x: np.gradient(x, edge_order=3),
        lambda x: np.gradient(x[:1]),
        lambda x: np.gradient(x, W, axis=0),
    ],
)
def test_what_numpy_refuses_is_refused_alike(f):
    with pytest.raises((ValueError, TypeError)) as theirs:
        f(X)
    with pytest.raises(theirs.type):
        cp.vjp(f, X)
