"""Distributions: SciPy's values everywhere, and derivatives that are right."""

import warnings

import numpy as np
import pytest
from scipy import stats

import clearprop as cp
from clearprop.errors import ArgumentsError, MissingMethodError, OptionError, ShapeError

SHAPES = {
    "t": (3.3,),
    "lognorm": (0.7,),
    "vonmises": (1.7,),
    "beta": (2.0, 1.5),
    "gamma": (2.3,),
    "invgamma": (2.2,),
    "chi2": (3.0,),
    "pareto": (2.5,),
    "weibull_min": (1.7,),
    "poisson": (1.7,),
    "binom": (4.0, 0.3),
    "bernoulli": (0.3,),
    "nbinom": (2.5, 0.4),
    "geom": (0.3,),
}
OF_NUMBERS = [n for n in cp.scipy.stats.__all__ if n not in ("multivariate_normal", "dirichlet")]
#: Parameters with respect to which SciPy has no derivative of the cumulative probability.
WITHOUT = {
    "t": {"df"},
    "beta": {"a", "b"},
    "gamma": {"a"},
    "invgamma": {"a"},
    "chi2": {"df"},
    "nbinom": {"n"},
}
ANYWHERE = np.array([-3.0, -1.0, -0.0, 0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 4.0, 30.0, np.nan])


def methods(name):
    density = "pmf" if is_discrete(name) else "pdf"
    cumulative = [] if name == "vonmises" else ["cdf", "logcdf", "sf", "logsf"]
    return [f"log{density}", density, *cumulative]


def is_discrete(name):
    return isinstance(getattr(stats, name), stats.rv_discrete)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_values_are_scipys_in_the_support_and_out_of_it(name):
    ours, theirs, shapes = getattr(cp.scipy.stats, name), getattr(stats, name), SHAPES.get(name, ())
    moved = (1,) if is_discrete(name) else (0.5, 2.0)
    for method in methods(name):
        for parameters in (shapes, (*shapes, *moved)):
            for x in (ANYWHERE[:-1] if name == "vonmises" else ANYWHERE, 0.7):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected = getattr(theirs, method)(x, *parameters)
                found = getattr(ours, method)(x, *parameters)
                assert np.shape(found) == np.shape(expected)
                np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_at_infinity_there_is_no_density(name):
    log = getattr(getattr(cp.scipy.stats, name), methods(name)[0])
    assert log(np.inf, *SHAPES.get(name, ())) == -np.inf


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_parameters_of_no_distribution_give_nan(name):
    log = getattr(getattr(cp.scipy.stats, name), methods(name)[0])
    shapes = SHAPES.get(name, ())
    if shapes:
        assert np.isnan(log(1.0, *(-s for s in shapes)))
    if not is_discrete(name):
        assert np.isnan(log(1.0, *shapes, scale=-1.0))


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_derivatives_for_the_argument_and_all_parameters(name):
    ours, shapes = getattr(cp.scipy.stats, name), SHAPES.get(name, ())
    discrete = is_discrete(name)
    x = {"geom": [2.0, 1.0], "pareto": [2.3, 2.6], "bernoulli": [1.0, 0.0]}.get(name, [1.0, 2.0])
    x = np.array(x if discrete or name == "pareto" else [0.3, 0.6])
    given = {"x": x, **dict(zip(ours.shapes, shapes, strict=True))}
    given |= {} if discrete else {"loc": 0.05, "scale": 1.3}
    for method in methods(name)[::2]:
        fixed = {"x", "n"} if discrete else set()
        fixed |= WITHOUT.get(name, set()) if not method.endswith(("pdf", "pmf")) else set()
        active = [key for key in given if key not in fixed]

        def f(*values, method=method, active=active):
            every = {**given, **dict(zip(active, values, strict=True))}
            return np.sum(np.sin(getattr(ours, method)(*every.values())))

        if active and not (discrete and method == "logcdf"):
            report = cp.check(f, *(np.asarray(given[key]) for key in active))
            assert report.ok, f"{method}: {report}"


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_out_of_the_support_the_derivative_is_zero(name):
    log = getattr(getattr(cp.scipy.stats, name), methods(name)[0])
    shapes = SHAPES.get(name, ())
    x = 0.5 if is_discrete(name) else -5.0
    if np.isinf(log(x, *shapes)):
        arguments = (x, *shapes)
        gradients = cp.grad(log, tuple(range(len(arguments))))(*arguments)
        np.testing.assert_array_equal(gradients, np.zeros(len(arguments)))


def test_a_distribution_can_have_its_parameters():
    x = np.array([0.3, 1.2])
    found = cp.grad(lambda s: np.sum(cp.scipy.stats.norm(0.5, scale=s).logpdf(x)))(2.0)
    expected = cp.grad(lambda s: np.sum(cp.scipy.stats.norm.logpdf(x, 0.5, s)))(2.0)
    assert found == expected


def test_a_student_of_infinite_freedom_is_normal():
    np.testing.assert_allclose(
        cp.scipy.stats.t.logpdf([0.3, 1.0], [np.inf, 2.0]),
        stats.t.logpdf([0.3, 1.0], [np.inf, 2.0]),
        rtol=1e-13,
    )


COVARIANCE = np.array([[2.0, 0.5, 0.1], [0.5, 1.5, 0.3], [0.1, 0.3, 1.2]])
MEAN = np.array([0.1, 0.2, 0.3])
VECTORS = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.5]])


@pytest.mark.parametrize(
    "arguments",
    [
        (VECTORS, MEAN, COVARIANCE),
        (VECTORS[0], MEAN, COVARIANCE),
        (VECTORS[None], None, COVARIANCE),
        (VECTORS, MEAN, np.diagonal(COVARIANCE)),
        (VECTORS, MEAN, 2.0),
        (MEAN,),
        (MEAN, 0.5, 2.0),
        (0.3,),
    ],
)
def test_multivariate_normal_is_scipys(arguments):
    logpdf = cp.scipy.stats.multivariate_normal.logpdf
    expected = stats.multivariate_normal.logpdf(*arguments)
    found = logpdf(*arguments)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    if len(arguments) == 3 and arguments[1] is not None:
        arrays = [np.array(a) for a in arguments]
        report = cp.check(lambda *a: np.sum(np.sin(logpdf(*a))), *arrays)
        assert report.ok, str(report)


def test_dirichlet_is_scipys():
    alpha = np.array([1.0, 2.0, 3.0])
    shares = np.array([[0.2, 0.1], [0.3, 0.3], [0.5, 0.6]])
    logpdf = cp.scipy.stats.dirichlet.logpdf
    for x in (shares, shares[:, 0], shares[:2], shares[:2, 0]):
        np.testing.assert_allclose(logpdf(x, alpha), stats.dirichlet.logpdf(x, alpha), rtol=1e-13)
        report = cp.check(lambda x, a: np.sum(np.sin(logpdf(x, a))), x, alpha)
        assert report.ok, str(report)


def test_the_gradient_of_a_likelihood_is_that_of_its_program():
    x = np.array([0.3, 1.2, 2.0])

    def loss(mu, sigma):
        return -np.sum(cp.scipy.stats.norm.logpdf(x, mu, sigma))

    module = {}
    exec(cp.source(loss, 0.5, 1.5), module)
    _, (dmu, dsigma) = module["gradients"](0.5, 1.5)
    assert (dmu, dsigma) == cp.grad(loss, (0, 1))(0.5, 1.5)


def test_a_likelihood_is_compiled():
    pytest.importorskip("llvmlite", reason="llvmlite is not installed: the extra 'train' has it")
    ours = cp.scipy.stats

    def loss(x, mu, rate, cov):
        heavy = np.sum(ours.t.logpdf(x, 3.0, mu, rate))
        counts = np.sum(ours.poisson.logpmf(np.array([0.0, 2.0]), rate))
        mixed = cp.scipy.special.logsumexp(ours.norm.logpdf(x, mu, rate))
        return heavy + counts + mixed + ours.multivariate_normal.logpdf(x, MEAN, cov)

    gradients = cp.grad(loss, (0, 1, 2, 3))
    args = (VECTORS[0], np.array(0.5), np.array(1.5), COVARIANCE)
    for a, b in zip(cp.compile(gradients)(*args), gradients(*args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


def test_what_is_not_there_says_so():
    norm, normal = cp.scipy.stats.norm, cp.scipy.stats.multivariate_normal
    with pytest.raises(ArgumentsError, match=r"norm.…\(x, loc, scale\)"):
        norm.logpdf(0.0, deviation=1.0)
    with pytest.raises(ArgumentsError, match="a is missing"):
        cp.scipy.stats.gamma.logpdf(0.0)
    with pytest.raises(MissingMethodError, match="has no cdf"):
        cp.scipy.stats.vonmises.cdf(0.0, 1.0)
    with pytest.raises(MissingMethodError, match="has no skewnorm"):
        _ = cp.scipy.stats.skewnorm
    with pytest.raises(OptionError, match="rank"):
        normal.logpdf(MEAN, MEAN, COVARIANCE, allow_singular=True)
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        normal.logpdf(MEAN, MEAN, COVARIANCE[:2, :2])


def test_the_even_distribution_of_angles():
    angles = np.array([-2.0, 0.3, 1.0])
    expected = stats.vonmises.logpdf(angles, 0.0)
    np.testing.assert_allclose(cp.scipy.stats.vonmises.logpdf(angles, 0.0), expected)
    slope = cp.grad(lambda kappa: np.sum(cp.scipy.stats.vonmises.logpdf(angles, kappa)))(0.0)
    np.testing.assert_allclose(slope, np.sum(np.cos(angles)))


@pytest.mark.parametrize("method", ["cdf", "sf"])
def test_far_below_a_largest_value_nothing_moves(method):
    f = getattr(cp.scipy.stats.gumbel_r, method)
    assert cp.grad(f)(-1e5) == 0
    assert cp.grad(f)(np.float32(-1e5)) == 0


def test_shares_that_no_dirichlet_distribution_has():
    x, alpha = np.array([0.2, 0.3, 0.5]), np.array([1.0, -2.0, 3.0])
    assert np.isnan(cp.scipy.stats.dirichlet.logpdf(x, alpha))
