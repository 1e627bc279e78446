"""SciPy's special functions: recorded or refused, and its Python functions under their names."""

import numpy as np
import pytest
from agreeing import agree
from scipy import special

import clearprop as cp
from clearprop.errors import DTypeError, MissingMethodError, MissingRuleError
from clearprop.primitive import PRIMITIVES, primitive_for

UFUNCS = {n: f for n, f in vars(special).items() if isinstance(f, np.ufunc)}


@pytest.mark.parametrize("name", UFUNCS)
def test_every_ufunc_is_recorded_or_says_why_not(name):
    ufunc = UFUNCS[name]
    if primitive_for(ufunc) is not None:
        return
    operands = [cp.tensor(0.5)] + [0.5] * (ufunc.nin - 1)
    with pytest.raises(MissingRuleError, match=rf"scipy\.special\.{name} has no derivative") as e:
        ufunc(*operands)
    assert e.value.why
    assert e.value.write


def test_one_function_under_two_names_is_one_primitive():
    assert primitive_for(special.psi) is primitive_for(special.digamma)
    assert primitive_for(special.round) is PRIMITIVES["rint"]


ON_THE_EDGE = {
    "xlogy": [(0.0, 0.0), (0.0, np.nan), (2.0, 3.0)],
    "xlog1py": [(0.0, -1.0), (0.0, np.nan)],
    "entr": [(0.0,), (-1.0,), (np.nan,)],
    "rel_entr": [(0.0, 0.0), (1.0, 0.0), (-1.0, 2.0), (np.nan, 1.0)],
    "kl_div": [(0.0, 2.0), (1.0, 0.0), (-1.0, 2.0), (np.nan, 1.0)],
    "huber": [(-1.0, 0.5), (0.0, 2.0)],
    "pseudo_huber": [(-1.0, 0.5), (0.0, 2.0), (1.0, 0.0)],
    "boxcox": [(2.0, 0.0)],
    "boxcox1p": [(2.0, 0.0)],
    "inv_boxcox": [(2.0, 0.0)],
    "inv_boxcox1p": [(2.0, 0.0)],
    "exprel": [(0.0,)],
    "logit": [(0.5,), (1e-9,)],
    "log_expit": [(-800.0,), (800.0,)],
}


@pytest.mark.parametrize("name", ON_THE_EDGE)
def test_texts_are_scipys_on_the_edge_too(name):
    for operands in ON_THE_EDGE[name]:
        given = tuple(map(np.float64, operands))
        found, expected = PRIMITIVES[name].function(*given), UFUNCS[name](*given)
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_derivatives_where_a_closed_form_would_cancel():
    for x in (0.0, 1e-9, 1e-4):
        assert cp.grad(special.exprel)(x) == pytest.approx(0.5 + x / 3, rel=1e-8)
        squared = np.log(2.0) ** 2 / 2
        assert cp.grad(special.boxcox, 1)(2.0, x) == pytest.approx(squared, rel=1e-4)
        assert cp.grad(special.inv_boxcox, 1)(2.0, x) == pytest.approx(-2 * np.exp(2), rel=1e-3)
    assert cp.grad(special.ellipk)(0.0) == pytest.approx(np.pi / 8)
    assert cp.grad(special.j1)(0.0) == 0.5
    assert cp.grad(special.spence)(1.0) == -1.0


@pytest.mark.parametrize(
    ("f", "why"),
    [
        (lambda v: special.jv(v, 1.5), "order"),
        (lambda a: special.gammainc(a, 1.5), "parameter"),
        (lambda x: cp.scipy.special.zeta(x, 1.5), "parameter"),
    ],
)
def test_an_operand_without_a_derivative_says_why(f, why):
    with pytest.raises(MissingRuleError, match=why) as error:
        cp.grad(f)(2.0)
    assert error.value.write.startswith("cp.stop_gradient")
    assert cp.grad(lambda a: f(cp.stop_gradient(a)) + a)(2.0) == 1.0


def test_generated_source_imports_scipy_where_it_needs_it():
    def loss(x):
        return np.sum(special.gammaln(x) + special.xlogy(x, x))

    x = np.array([0.5, 2.0])
    text = cp.source(loss, x)
    assert text.startswith('"""loss and its backward pass, written by clearprop. It imports scipy')
    assert "\nimport numpy as np\nimport scipy.special\n" in text
    module = {}
    exec(text, module)
    np.testing.assert_allclose(module["gradients"](x)[1], cp.grad(loss)(x), rtol=1e-14)
    assert "scipy" not in cp.source(lambda x: np.sum(special.xlogy(x, x)), x)


def test_compiled_it_is_a_call_between_loops():
    pytest.importorskip("llvmlite", reason="llvmlite is not installed: the extra 'train' has it")
    x = np.linspace(0.5, 3.0, 50)
    fast = cp.compile(cp.grad(lambda x: np.sum(np.exp(-x) * special.gammaln(x))))
    expected = np.exp(-x) * (special.digamma(x) - special.gammaln(x))
    np.testing.assert_allclose(fast(x), expected, rtol=1e-12)
    assert "scipy.special.gammaln(" in fast.source
    assert "import scipy.special\n" in fast.source


# ---- SciPy's Python functions -----------------------------------------------------------------

X = np.array([[0.3, 1.2, -2.0], [2.0, -0.4, 0.1]])
POSITIVE = np.abs(X) + 0.2


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp(axis, keepdims):
    options = {"axis": axis, "keepdims": keepdims}
    ours, theirs = cp.scipy.special.logsumexp, special.logsumexp
    np.testing.assert_allclose(ours(X, **options), theirs(X, **options), rtol=1e-13)
    agree(lambda x: ours(x, **options), X, second=axis is None)
    for b in (POSITIVE, X + 2.5):
        np.testing.assert_allclose(ours(X, b=b, **options), theirs(X, b=b, **options), rtol=1e-12)
        agree(lambda x, b: ours(x, b=b, **options), X, b, second=False)


def test_logsumexp_of_anything():
    for a in ([-np.inf, -np.inf], [np.inf, 1.0], [1000.0, 1000.0], [1.0, np.nan], 3.0, [1, 2]):
        np.testing.assert_allclose(cp.scipy.special.logsumexp(a), special.logsumexp(a), rtol=1e-14)
    for b in ([1.0, -2.0], [0.0, 0.0], [2.0, -2.0], [0.0, -1.0]):
        found = cp.scipy.special.logsumexp([0.5, 0.5], b=b, return_sign=True)
        np.testing.assert_allclose(found, special.logsumexp([0.5, 0.5], b=b, return_sign=True))
    assert np.isnan(cp.scipy.special.logsumexp([0.5, 0.5], b=[1.0, -2.0]))
    x = np.array([1e4, -np.inf])
    np.testing.assert_array_equal(cp.grad(cp.scipy.special.logsumexp)(x), [1.0, 0.0])
    of_a_list = cp.grad(lambda x: cp.scipy.special.logsumexp([x, 1.0]))(1.0)
    assert of_a_list == pytest.approx(0.5)


def test_the_other_functions():
    ours = cp.scipy.special
    for name in ("softmax", "log_softmax"):
        for axis in (None, 0, 1):
            f, g = getattr(ours, name), getattr(special, name)
            np.testing.assert_allclose(f(X, axis=axis), g(X, axis=axis), rtol=1e-13)
            agree(lambda x, f=f, axis=axis: f(x, axis=axis), X, second=False)
    for n in (0, 1, 3, np.array([0, 1, 2])):
        np.testing.assert_allclose(
            ours.polygamma(n, POSITIVE), special.polygamma(n, POSITIVE), rtol=1e-13
        )
        report = cp.check(lambda x, n=n: np.sum(np.sin(ours.polygamma(n, x))), POSITIVE)
        assert report.ok, str(report)
    np.testing.assert_allclose(
        ours.multigammaln(POSITIVE + 1, 3), special.multigammaln(POSITIVE + 1, 3), rtol=1e-13
    )
    np.testing.assert_allclose(ours.comb([5, 3], [2, 4]), special.comb([5, 3], [2, 4]), rtol=1e-14)
    np.testing.assert_allclose(ours.zeta(POSITIVE + 1), special.zeta(POSITIVE + 1), rtol=1e-14)
    np.testing.assert_allclose(ours.softplus(X), np.logaddexp(0, X), rtol=1e-14)
    with pytest.raises(ValueError, match="not met"):
        ours.multigammaln(0.5, 3)


def test_scipys_ufuncs_are_there_too():
    assert cp.scipy.special.gammaln is special.gammaln
    with pytest.raises(MissingMethodError, match="has no factorial"):
        _ = cp.scipy.special.factorial


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax", "softplus"])
def test_complex_numbers_are_refused(name):
    z = np.array([0.5 + 1j, 1.0])
    for call in (
        getattr(cp.scipy.special, name),
        lambda z: cp.vjp(getattr(cp.scipy.special, name), z),
    ):
        with pytest.raises(DTypeError, match=r"complex128; this .* Write instead: np\.real\(z\)"):
            call(z)
