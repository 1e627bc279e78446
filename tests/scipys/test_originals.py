"""SciPy's own Python functions: the error names the line to write instead."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse
import scipy.special
import scipy.stats

import clearprop as cp
from clearprop.errors import ClearpropError, LostGradientError

X = np.array([1.0, 2.0, 3.0])
A = np.array([[2.0, 0.5], [0.5, 3.0]])

INSTEAD = {
    "cp.scipy.special.logsumexp(x)": (lambda x: scipy.special.logsumexp(x), X),
    "cp.scipy.special.softmax(x, axis=0)": (lambda x: scipy.special.softmax(x, axis=0), X),
    "cp.scipy.special.polygamma(1, x)": (lambda x: scipy.special.polygamma(1, x), X),
    "cp.scipy.special.zeta(2.0, x)": (lambda x: scipy.special.zeta(2.0, x), X),
    "cp.scipy.linalg.cho_factor(a)": (lambda a: scipy.linalg.cho_factor(a), A),
    "cp.scipy.linalg.expm(2 * a)": (lambda a: scipy.linalg.expm(2 * a), A),
    "cp.scipy.linalg.solve_triangular(a, A, lower=True)": (
        lambda a: scipy.linalg.solve_triangular(a, A, lower=True),
        A,
    ),
    "cp.scipy.stats.norm.logpdf(x, 1.0)": (lambda x: scipy.stats.norm.logpdf(x, 1.0), X),
    "cp.scipy.stats.poisson.logpmf(2, x)": (lambda x: scipy.stats.poisson.logpmf(2, x), X),
    "cp.scipy.stats.multivariate_normal.logpdf(x)": (
        lambda x: scipy.stats.multivariate_normal.logpdf(x),
        X,
    ),
    "cp.scipy.stats.norm(x[0], 1.0).logpdf(X)": (
        lambda x: scipy.stats.norm(x[0], 1.0).logpdf(X),
        X,
    ),
    "np.interp(…, X, x)": (lambda x: scipy.interpolate.interp1d(X, x)(1.5), X),
    "np.fft.rfft(x, n=4)": (lambda x: abs(scipy.fft.rfft(x, n=4)), X),
    "A.toarray() @ x, where A is the sparse matrix": (
        lambda x: scipy.sparse.csr_matrix(A) @ x[:2],
        X,
    ),
    "np.linalg.eigh(a)": (lambda a: scipy.linalg.eigh(a), A),
    "np.convolve(x, X)": (lambda x: scipy.signal.convolve(x, X), X),
}


@pytest.mark.parametrize("line", INSTEAD)
def test_the_line_to_write_is_printed(line):
    f, x = INSTEAD[line]
    with pytest.raises(ClearpropError) as error:
        cp.grad(lambda x: np.sum(f(x)))(x)
    assert error.value.write == line
    assert "test_originals.py" in error.value.where


WITHOUT = {
    "scipy.linalg.logm": lambda x: scipy.linalg.logm(x[:2] * A),
    "scipy.signal.lfilter": lambda x: scipy.signal.lfilter([1.0], [1.0, 0.5], x),
    "scipy.interpolate.CubicSpline": lambda x: scipy.interpolate.CubicSpline(X, x)(1.5),
    "scipy.integrate.quad": lambda x: scipy.integrate.quad(lambda t: t * x[0], 0, 1),
    "scipy.optimize.fsolve": lambda x: scipy.optimize.fsolve(lambda t: t - x[0], 1.0),
    "scipy.ndimage.gaussian_filter": lambda x: scipy.ndimage.gaussian_filter(x, 1.0),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_is_not_here_is_named(name):
    with pytest.raises(ClearpropError, match=name.replace(".", r"\.")) as error:
        cp.grad(lambda x: np.sum(WITHOUT[name](x)))(X)
    assert error.value.write.startswith("@cp.primitive")
    assert "test_originals.py" in error.value.where


def test_a_frozen_distribution_is_named_too():
    with pytest.raises(LostGradientError) as error:
        cp.grad(lambda s: scipy.stats.norm(0.0, s).pdf(1.0))(2.0)
    assert error.value.write == "cp.scipy.stats.norm(0.0, s).pdf(1.0)"


def test_an_array_that_became_recorded_is_named_too():
    def filled(f):
        def g(x):
            y = np.zeros((2, 2))
            y[0, 1] = x
            return np.sum(f(y))

        return g

    for f, line in (
        (lambda y: scipy.special.logsumexp(y), "cp.scipy.special.logsumexp(y)"),
        (lambda y: scipy.linalg.expm(y), "cp.scipy.linalg.expm(y)"),
        (lambda y: scipy.stats.norm.logpdf(y), "cp.scipy.stats.norm.logpdf(y)"),
    ):
        with pytest.raises(LostGradientError) as error:
            cp.grad(filled(f))(2.0)
        assert error.value.write == line
    assert cp.grad(filled(scipy.special.gammaln))(2.0) == scipy.special.digamma(2.0)


def test_errors_of_scipys_that_have_another_reason_stay():
    with pytest.raises(np.linalg.LinAlgError):
        cp.grad(lambda x: x * scipy.linalg.cholesky(-A)[0, 0])(2.0)
    with pytest.raises(ValueError, match="broadcast"):
        cp.grad(lambda x: np.sum(x * scipy.special.betaln(X, X[:2])))(2.0)


def test_a_variable_without_a_value_is_no_recorded_one():
    def f(x):
        scipy.optimize.fsolve(lambda t: t if np.size(t) else later, np.array("text"))
        later = x
        return later

    with pytest.raises((TypeError, ValueError)) as error:
        cp.grad(f)(2.0)
    assert not isinstance(error.value, ClearpropError)


def test_plain_arrays_go_through_scipy_as_ever():
    gradient = cp.grad(lambda x: x * scipy.stats.norm.pdf(0.0) * scipy.linalg.expm(A)[0, 0])(2.0)
    assert gradient == scipy.stats.norm.pdf(0.0) * scipy.linalg.expm(A)[0, 0]


def test_scipy_is_imported_by_nobody_but_who_needs_it():
    code = (
        "import sys, numpy as np, clearprop as cp\n"
        "assert 'scipy' not in sys.modules\n"
        "cp.grad(lambda x: np.sum(np.tanh(x)))(np.ones(3))\n"
        "cp.scipy.stats.laplace\n"
        "assert 'scipy' not in sys.modules\n"
        "cp.scipy.stats.norm.cdf(0.0)\n"
        "assert 'scipy.special' in sys.modules and 'scipy.stats' not in sys.modules\n"
    )
    _run(code)


LATER = """
import sys, numpy as np, clearprop as cp, clearprop.nn

assert "clearprop.rules.special" not in sys.modules

@cp.primitive("scipy.special.gammainc")
def gammainc(a, x):
    return special.gammainc(a, x)

@gammainc.vjp("x")
def _(dy):
    return 7 * dy

from scipy import special

assert abs(cp.grad(special.gammaln)(1.0) + np.euler_gamma) < 1e-15
assert cp.grad(lambda x: special.gammainc(2.0, x))(1.0) == 7
"""


def test_rules_come_with_scipy_and_leave_the_users():
    _run(LATER)


def _run(code):
    here = {**os.environ, "PYTHONPATH": str(Path(cp.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env=here)


def test_an_error_that_compiled_code_lost_is_not_its_own_cause():
    def as_compiled_code_does(x):
        try:
            return float(x[0])
        except LostGradientError as error:
            raise SystemError("returned a result with an exception set") from error

    with pytest.raises(LostGradientError, match="plain") as caught:
        cp.grad(as_compiled_code_does)(X)
    assert isinstance(caught.value.__cause__, SystemError)
    assert caught.value.__cause__.__cause__ is None
