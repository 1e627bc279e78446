"""Polynomials, fits, sets, histograms and borders: NumPy's values, and true derivatives."""

import numpy as np
import pytest
from agreeing import agree, outcome_of, parts

import clearprop as cp

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 3, 4))
A, B = RNG.normal(size=(2, 12))
ANGLES = np.cumsum(RNG.uniform(-6, 6, size=(3, 8)), 1)
ZERO = np.zeros(2)

POLYNOMIALS = {
    "polyadd": lambda x, y: np.polyadd(x[0, :3], y[0]) + np.polyadd(x[1], [y[0, 0], 1.0]),
    "polysub": lambda x, y: np.polysub(x[0], [1.0, 2, 3, 4, 5])[1:] * np.polysub(y[0], x[0, 1:]),
    "polymul": lambda x, y: np.polymul(x[0], np.append(ZERO, y[0])),
    "polydiv": lambda x, y: np.polydiv(np.ravel(x), y[0]),
    "polydiv of less": lambda x, y: np.polydiv(x[0, :2], y[0]),
    "polydiv without a rest": lambda x, y: np.polydiv(np.polymul(x[0], y[0]), y[0])[0],
    "polyder": lambda x, y: np.polyder(x[0], 2) * np.polyder(y[0])[:2] * np.polyder(y[0], 0)[:2],
    "polyint": lambda x, y: np.polyint(x[0], 2, y[0, :2]) * np.polyint(y[0], 2, [x[0, 0], 1.0]),
    "polyint by one": lambda x, y: np.polyint(x[0], 3, y[0, 0])[:5] * np.polyint(y[0]),
    "poly": lambda x, y: np.poly(x[0]) * np.poly(y[0]),
    "vander": lambda x, y: np.vander(x[0]) * np.vander(y[0], 4, increasing=True),
    "polyval of the object": lambda x, y: np.poly1d(x[0])(y) * np.poly1d([1.0, 2.0])(x),
    "objects": lambda x, y: (np.poly1d(x[0]) * np.poly1d(y[0]) + 1).deriv().coeffs,
    "an object among arrays": lambda x, y: np.polyadd(np.poly1d([1.0, 2.0]), x[0]).coeffs * y[0],
    "polyfit": lambda x, y: np.polyfit(np.ravel(x), np.ravel(y), 3),
    "polyfit with weights": lambda x, y: np.polyfit(x[0], y[0], 1, w=np.abs(y[1]) + 1),
    "polyfit of several": lambda x, y: np.polyfit(x[0], y.T, 2, w=[1.0, 2.0, 1.0, 0.5]),
    "polyfit and its covariance": lambda x, y: np.polyfit(np.ravel(x), np.ravel(y), 2, cov=True),
    "polyfit, covariance unscaled": lambda x, y: np.polyfit(x[0], y.T, 1, cov="unscaled"),
}
SETS = {
    "unique": lambda x, y: np.unique(np.concatenate([x, y, x]), return_counts=True)[0],
    "unique rows": lambda x, y: np.unique(np.stack([x, y, x]), axis=0),
    "unique columns": lambda x, y: np.unique(np.hstack([x, y, x]), axis=1, return_inverse=True),
    "unique_all": lambda x, y: tuple(np.unique_all(np.append(x, x * y[0, 0]))),
    "unique_values": lambda x, y: np.unique_values(np.append(x, x)),
    "unique_inverse": lambda x, y: np.unique_inverse(np.append(x, y)),
    "union1d": lambda x, y: np.union1d(np.append(x, y), y),
    "intersect1d": lambda x, y: np.intersect1d(np.append(x, y), x, return_indices=True),
    "intersect1d, known": lambda x, y: np.intersect1d(np.append(x, y), x, assume_unique=True),
    "setdiff1d": lambda x, y: np.setdiff1d(np.append(x, y), y),
    "setxor1d": lambda x, y: np.setxor1d(np.append(x, y), y[0]),
    "trim_zeros": lambda x, y: np.trim_zeros(np.concatenate([ZERO, x[0], ZERO, y[0], ZERO])),
    "trim_zeros in front": lambda x, y: np.trim_zeros(np.concatenate([ZERO, x[0], ZERO]), "f"),
    "trim_zeros behind": lambda x, y: np.trim_zeros(np.concatenate([ZERO, y[0], ZERO]), trim="b"),
    "ix_": lambda x, y: np.ix_(x[0], y[0])[0] * y[0],
    "unwrap": lambda x, y: np.unwrap(9 * x + y, axis=0, period=3.0, discont=2.0),
    "geomspace": lambda x, y: np.geomspace(np.exp(x), np.exp(y), 5),
    "geomspace 2": lambda x, y: np.geomspace(-np.exp(x), -3.0, 4, endpoint=False, axis=-1),
    "geomspace 3": lambda x, y: (
        np.geomspace(np.exp(x[0]), 2, 1) * np.geomspace(1, np.exp(y[0]), 3, dtype=np.float64)
    ),
    "i0 kaiser": lambda x, y: np.i0(4 * x) * np.i0(y),
}
HISTOGRAMS = {
    "histogram": lambda x, y: np.histogram(x, 4, weights=y),
    "density": lambda x, y: np.histogram(x, 4, weights=np.exp(y), density=True),
    "given edges": lambda x, y: np.histogram(x, np.sort(y[0]), weights=x)[0],
    "range": lambda x, y: np.histogram(x, 5, range=(-1, 1), density=True)[0] * y[0, 0],
    "one number": lambda x, y: np.histogram(x[0, :1], 3, weights=y[0, :1]),
    "histogram2d": lambda x, y: np.histogram2d(np.ravel(x), np.ravel(y), 3, weights=np.ravel(x)),
    "histogram2d 2": lambda x, y: np.histogram2d(
        np.ravel(x), np.ravel(y), [[-1.0, 0.0, 2.0], 3], density=True, weights=np.exp(np.ravel(x))
    ),
    "histogramdd": lambda x, y: np.histogramdd(
        np.stack([np.ravel(x), np.ravel(y)], 1), 3, range=[(-1, 1), None]
    )[1][1],
    "edges": lambda x, y: np.histogram_bin_edges(x, 4) * y[0, 0],
}
BORDERS = {
    **{
        f"{mode} {length}": lambda x, y, mode=mode, length=length: np.pad(
            x, ((1, 2), (3, 0)), mode, stat_length=length
        )
        for mode in ("maximum", "minimum", "mean", "median")
        for length in (None, ((1, 2), (2, 3)))
    },
    **{
        f"{mode} {kind}": lambda x, y, mode=mode, kind=kind: (
            np.pad(x, ((1, 2), (3, 0)), mode, reflect_type=kind)
            + np.pad(x[0], (9, 14), mode, reflect_type=kind)[:7]
        )
        for mode in ("reflect", "symmetric")
        for kind in ("odd", "even")
    },
    "linear_ramp": lambda x, y: np.pad(x, ((1, 2), (3, 0)), "linear_ramp"),
    "linear_ramp 2": lambda x, y: np.pad(x, 1, "linear_ramp", end_values=((1, 2), (3, y[0, 0]))),
    "constant": lambda x, y: np.pad(x, ((1, 2), (3, 1)), constant_values=y[0, 0]),
    "constant 2": lambda x, y: np.pad(x, 1, constant_values=((y[0, 0], 1.0), (y[0, 1], y[0, 2]))),
    "constant 3": lambda x, y: np.pad(x, 1, constant_values=(y[0, 0], 1.0)),
    "edge wrap": lambda x, y: np.pad(x, (2, 0), "edge") * np.pad(y, (0, 2), "wrap"),
}
CASES = POLYNOMIALS | SETS | HISTOGRAMS | BORDERS


@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_value_and_derivatives(f):
    agree(f, X, Y, second=f in POLYNOMIALS.values())


PROGRAMS = [
    *(POLYNOMIALS[name] for name in ("polymul", "polydiv", "poly", "polyfit")),
    *(HISTOGRAMS[name] for name in ("histogram", "density", "histogram2d")),
    *(SETS[name] for name in ("intersect1d", "trim_zeros", "unwrap", "geomspace", "i0 kaiser")),
    *(BORDERS[name] for name in ("mean None", "reflect odd", "linear_ramp")),
    lambda x, y: x.T[np.unravel_index(np.argsort(y[0])[:2], (3, 4), "F")[0]],
    lambda x, y: x[np.ravel_multi_index((np.argsort(y[0])[:2] % 3, [0, 0]), (3, 1))],
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_written_as_a_program(f):
    def total(x, y):
        return sum(np.sum(np.sin(part)) for part in parts(f(x, y)))

    module = {}
    exec(cp.source(total, X, Y), module)
    value, saved = module["forward"](X, Y)
    assert value == cp.trace(total, X, Y).output
    for found, expected in zip(
        module["backward"](saved, 1.0), cp.grad(total, (0, 1))(X, Y), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_unwrap_keeps_the_direction_of_half_a_turn():
    x = np.array([0.0, np.pi, 0.0, -np.pi])
    np.testing.assert_array_equal(cp.vjp(np.unwrap, x)[0], np.unwrap(x))
    agree(np.unwrap, ANGLES, second=False)


def test_of_equal_elements_the_first_has_the_gradient():
    x = np.array([2.0, 1.0, 2.0, 1.0, 3.0])
    for f in (np.unique, np.unique_values, lambda x: np.union1d(x, x)):
        np.testing.assert_array_equal(cp.grad(lambda x, f=f: np.sum(f(x)))(x), [1, 1, 0, 0, 1])


def test_a_function_that_unites_values_is_no_program():
    x = np.array([2.0, 1.0, 2.0])
    with pytest.raises(cp.errors.StagingError, match="places_of_unique"):
        cp.compile(lambda x: np.unique(x))(x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.polyder(x[0], -1),
        lambda x: np.polyint(x[0], 3, [1.0, 2.0]),
        lambda x: np.poly(x[None]),
        lambda x: np.vander(x),
        lambda x: np.polyfit(x, x, 1),
        lambda x: np.polyfit(x[0], x[1], -1),
        lambda x: np.polyfit(x[0], x[1, :2], 1),
        lambda x: np.polyfit(x[0], x[1], 1, w=x),
        lambda x: np.polyfit(x[0], x[1], 3, cov=True),
        lambda x: np.histogram(x, 0),
        lambda x: np.histogram(x, [1.0, 0.0]),
        lambda x: np.histogram(x, 2, range=(1, 0)),
        lambda x: np.histogram(x * np.inf, 2),
        lambda x: np.histogram(x, 2, weights=x[0]),
        lambda x: np.histogram2d(x[0], x[1, :2]),
        lambda x: np.histogramdd(x, [2, 2]),
        lambda x: np.ix_(x),
        lambda x: np.geomspace(x[0, 0] * 0, 1.0),
        lambda x: np.pad(x, 1, "never"),
        lambda x: np.pad(x, 1, "edge", constant_values=1.0),
        lambda x: np.pad(x[:0], 1, "mean"),
        lambda x: np.pad(x, -1, "edge"),
        lambda x: np.pad(x, 1, "maximum", stat_length=0),
        lambda x: np.ravel_multi_index((np.argmax(x, 0), np.array([9])), (3, 4)),
    ],
)
def test_what_numpy_refuses_is_refused_as_numpy_does(f):
    expected = outcome_of(f, X)
    assert isinstance(expected, Exception)
    with pytest.raises(type(expected)):
        cp.vjp(f, X)


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (lambda x: np.polyfit(x[0], x[1], 1, full=True), r"np.sum\(\(y - np.polyval\(c, x\)\)"),
        (lambda x: np.histogram(x, "auto"), r"bins=len\(np.histogram_bin_edges\(x.value, 'auto'\)"),
    ],
)
def test_what_is_refused_says_what_to_write(f, text):
    with pytest.raises(cp.errors.MissingRuleError, match=text):
        cp.vjp(f, X)


def test_zeros_are_trimmed_in_front_and_behind_alone():
    with pytest.raises(ValueError, match="unexpected character"):  # NumPy 2.0 looks no further
        cp.vjp(lambda x: np.trim_zeros(x[0], "middle"), X)


def test_a_steep_fit_loses_no_more_digits_than_its_condition():
    x = np.linspace(0.0, 1.0, 30)
    rows = cp.jacobian(lambda y: np.polyfit(x, y, 9))(np.sin(5 * x))
    # The polynomial through values of one is this one again: rows @ columns is the unit matrix.
    np.testing.assert_allclose(rows @ np.vander(x, 10), np.eye(10), atol=1e-8)


@pytest.mark.parametrize("cov", [False, True, "unscaled"])
def test_complex_values_are_fitted(cov):
    x = np.linspace(0.0, 1.0, 8)

    def f(y):
        found = np.polyfit(x, y, 2, cov=cov)
        return sum(np.sum(np.abs(part) ** 2) for part in (found if cov else [found]))

    y = np.exp(3j * x) + 0.1 * np.cos(9 * x)
    assert cp.trace(f, y).output == pytest.approx(f(y))
    assert cp.check(f, y).ok


def test_a_poor_fit_is_warned_of_as_numpy_does():
    with pytest.warns(np.exceptions.RankWarning):
        cp.trace(lambda y: np.polyfit(np.ones(5), y, 1), np.arange(5.0))


@pytest.mark.parametrize(
    "p", [[1.0, -3.0, 2.0], [0, 0, 2.0, 1, 0, -3, 0, 0], [2.0, 1.0], [1.0, 0, 4.0], [1.0, 2, 3, 4]]
)
def test_roots_move_as_numpys_do(p):
    p = np.array(p)
    order = np.arange(1, len(np.roots(p)) + 1)

    def f(p):
        return np.sum(np.abs(np.roots(p)) ** 2 * order)

    moving = np.diag(1e-6 * (p != 0))
    slopes = [(f(p + e) - f(p - e)) / 2e-6 for e in moving]
    np.testing.assert_allclose(cp.grad(f)(p)[p != 0], np.array(slopes)[p != 0], rtol=1e-6)


def test_roots_of_what_has_none():
    for p in ([3.0], [0.0], [0.0, 2.0]):
        assert cp.vjp(np.roots, np.array(p))[0].shape == np.roots(p).shape == (0,)


def test_the_polynomial_of_pairs_of_zeros_is_real():
    turning = np.array([[0.3, -1.2, 0.2], [1.1, 0.4, -0.5], [0.1, 0.6, 2.0]])
    agree(np.poly, turning)
    pair = np.array([0.5 + 1j, 2.0, 0.5 - 1j])
    assert cp.vjp(np.poly, pair)[0].dtype == np.poly(pair).dtype == float


def test_interpolation_goes_into_a_program():
    at, x, y = np.array([0.5, 1.7, 3.2, -1.0]), np.array([0.0, 1.0, 2.0, 4.0]), [1.0, 3.0, 2.0, 5.0]

    def moved(at):
        return np.sum(np.interp(at, x, y) ** 2)

    module = {}
    exec(cp.source(moved, at), module)
    value, gradient = module["gradients"](at)
    assert value == moved(at)
    np.testing.assert_array_equal(gradient, cp.grad(moved)(at))
    np.testing.assert_allclose(cp.compile(cp.grad(moved))(at), gradient, rtol=1e-12)


def test_a_fit_of_high_degree_has_as_exact_a_derivative():
    x, degree = np.linspace(0, 1, 30), 12
    found = cp.grad(lambda y: np.polyval(np.polyfit(x, y, degree), 0.5))(np.sin(6 * x))
    powers = np.vander(x, degree + 1)
    of_points = np.linalg.lstsq(powers, np.eye(30), rcond=None)[0]  # each column a point's part
    np.testing.assert_allclose(found, np.vander([0.5], degree + 1)[0] @ of_points, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Polyfit may be poorly conditioned")
def test_a_fit_that_its_points_do_not_determine():
    x, y = np.array([1.0, 1.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0, 5.0])
    report = cp.check(lambda y: np.sum(np.polyfit(x, y, 3) ** 2), y)
    assert report.ok, str(report)
