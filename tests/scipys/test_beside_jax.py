"""Values and gradients beside JAX's, where it has the function; float64, to 1e-9."""

import numpy as np
import pytest
from scipy import special

import clearprop as cp

jax = pytest.importorskip("jax", reason="jax is not installed")
jax.config.update("jax_enable_x64", True)
jnp, jsp = jax.numpy, pytest.importorskip("jax.scipy")

pytestmark = pytest.mark.slow  # JAX compiles each of them

RNG = np.random.default_rng(0)
X, K = np.array([0.3, 0.6, 0.9]), np.array([0.0, 1.0, 3.0])
LOC, SCALE = np.float64(0.05), np.float64(1.3)
A, B = RNG.normal(size=(3, 3)) + 3 * np.eye(3), RNG.normal(size=(3, 2))
S = np.array([[2.0, 0.5, 0.1], [0.5, 1.5, 0.3], [0.1, 0.3, 1.2]])
V = np.array([[0.3, 1.2], [2.0, -0.4]])


def numbers(*values):
    return tuple(map(np.float64, values))


def of_both(path, *args, **options):
    """Give a function of cp.scipy and the one of the same name of JAX, with these arguments."""

    def found(module):
        for name in path.split("."):
            module = getattr(module, name)
        return lambda *values: module(*values, **options)

    return found(cp.scipy), found(jsp), args


def of_counts(name, k, *shapes):
    ours, theirs = (getattr(m.stats, name).logpmf for m in (cp.scipy, jsp))
    return lambda *s: ours(k, *s), lambda *s: theirs(k, *s), numbers(*shapes)


CASES = {
    name: of_both(f"stats.{name}.logpdf", X + (2 if name == "pareto" else 0), *s, LOC, SCALE)
    for name, s in {
        **dict.fromkeys(("norm", "cauchy", "laplace", "logistic", "uniform", "expon"), ()),
        "t": numbers(3.3),
        "beta": numbers(2, 1.5),
        "gamma": numbers(2.3),
        "chi2": numbers(3),
        "pareto": numbers(2.5),
    }.items()
}
CASES |= {
    "vonmises": of_both("stats.vonmises.logpdf", X, *numbers(1.7)),
    "poisson": of_counts("poisson", K, 1.7),
    "geom": of_counts("geom", K + 1, 0.3),
    "nbinom": of_counts("nbinom", K, 2.5, 0.4),
    "bernoulli": of_counts("bernoulli", K[:2], 0.3),
    "multivariate_normal": of_both(
        "stats.multivariate_normal.logpdf", RNG.normal(size=(2, 3)), X, S
    ),
    "dirichlet": of_both("stats.dirichlet.logpdf", np.array([0.2, 0.3, 0.5]), X + 1),
    "expm": of_both("linalg.expm", A),
    "solve": of_both("linalg.solve", A, B),
    "inv": of_both("linalg.inv", A),
    "det": of_both("linalg.det", A),
    "toeplitz": of_both("linalg.toeplitz", X, X + 1),
    "block_diag": of_both("linalg.block_diag", A, B),
    "logsumexp": of_both("special.logsumexp", V),
    "logsumexp of rows": of_both("special.logsumexp", V, axis=1),
    "multigammaln": of_both("special.multigammaln", X + 2, d=3),
}
CASES |= {
    f"solve_triangular {options}": of_both("linalg.solve_triangular", A, B, **options)
    for options in (
        {"trans": t, "lower": low, "unit_diagonal": u}
        for t, low, u in ((0, True, False), (1, True, True), (0, False, True), (1, False, False))
    )
}
CASES |= {
    name: of_both(f"special.{name}", X)
    for name in (
        *("erf", "erfc", "erfinv", "expit", "logit", "gammaln", "digamma", "gamma", "entr", "i0"),
        *("i0e", "i1", "i1e", "ndtr", "log_ndtr", "ndtri", "exp1", "expi", "spence"),
    )
}
CASES |= {
    name: of_both(f"special.{name}", X, X[::-1] + 0.2)
    for name in ("betaln", "beta", "xlogy", "xlog1py", "rel_entr", "kl_div")
}
CASES |= {
    "gammainc": (
        lambda x: special.gammainc(2.5, x),
        lambda x: jsp.special.gammainc(2.5, x),
        (X,),
    ),
    "betainc": (
        lambda x: special.betainc(2.5, 1.5, x),
        lambda x: jsp.special.betainc(2.5, 1.5, x),
        (X,),
    ),
    "hyp1f1": (
        lambda x: special.hyp1f1(1.5, 2.5, x),
        lambda x: jsp.special.hyp1f1(1.5, 2.5, x),
        (X,),
    ),
    "polygamma": (
        lambda x: cp.scipy.special.polygamma(2, x),
        lambda x: jsp.special.polygamma(2, x),
        (X,),
    ),
    "zeta": (
        lambda q: cp.scipy.special.zeta(2.5, q),
        lambda q: jsp.special.zeta(2.5, q),
        (X,),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_value_and_its_gradients_are_jaxs(name):
    ours, theirs, args = CASES[name]
    np.testing.assert_allclose(ours(*args), theirs(*args), rtol=1e-9, atol=1e-11)
    every = tuple(range(len(args)))
    found = cp.grad(lambda *a: np.sum(np.sin(ours(*a))), every)(*args)
    expected = jax.grad(lambda *a: jnp.sum(jnp.sin(theirs(*a))), every)(*args)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
