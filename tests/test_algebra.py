"""The chains of the documents, from the code: factors, product, simplified, and proved."""

import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import clearprop as cp
from clearprop.errors import MissingExtraError, MissingRuleError, OptionError, UnknownNameError
from clearprop.rules.loss import softmax_cross_entropy
from clearprop.rules.reduction import softmax

sympy = pytest.importorskip("sympy", reason="the extra algebra is not installed")

X, T = np.array([0.3, 2.9, 4.0]), np.array([0.2, 0.5, 0.3])


def squared(x, y):
    t = x + y
    z = t**2
    return z


def sigmoid(x):
    y = 1 / (1 + np.exp(-x))
    return y


def spelled_out(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def loss(x, t):
    y = spelled_out(x)
    L = -np.sum(t * np.log(y))
    return L


def loss_with_softmax(x, t):
    y = softmax(x)
    L = -np.sum(t * np.log(y))
    return L


def fused(x, t):
    L = softmax_cross_entropy(x, t)
    return L


def proved(chain):
    assert chain.exact
    assert chain.error < 1e-12
    return chain


# ---- the documents' chains -----------------------------------------------------------------------


def test_the_square_of_a_sum():
    chain = proved(cp.algebra(cp.trace(squared, 3.0, 2.0), "x"))
    assert str(chain) == "∂z/∂x = ∂z/∂t · ∂t/∂x = 2t · 1 = 2(x + y)"
    assert chain.latex.endswith(r"2 t \cdot 1 = 2 \left(x + y\right)")


def test_the_sigmoid():
    for x in 0.3, np.array([[0.3, -1.0], [2.0, 0.0]]):
        chain = proved(cp.algebra(cp.trace(sigmoid, x), "x"))
        assert str(chain) == "∂y/∂x = (−y²) · 1 · e⁻ˣ · (−1) = y² e⁻ˣ = y(1 − y)"


@pytest.mark.parametrize("f", [loss, loss_with_softmax])
@pytest.mark.parametrize("path", [("L", "y", "x"), ("x",)])
def test_softmax_and_cross_entropy(f, path):
    chain = proved(cp.algebra(cp.trace(f, X, T), *path))
    line, *notes = str(chain).splitlines()
    assert line == "∂L/∂x = ∂L/∂y · ∂y/∂x = Σₖ (−tₖ/yₖ) (diag(y) − y yᵀ)ₖᵢ = yᵢ − tᵢ"
    assert notes == [
        "  written out for y: (3,), x: (3,), and proved for it",
        "  used: Σ t = 1, as in the arguments",
    ]


def test_fused_and_unfused_are_one():
    one = proved(cp.algebra(cp.trace(loss, X, T), "x"))
    other = proved(cp.algebra(cp.trace(fused, X, T), "x"))
    x = sympy.symbols("x_1:4", real=True)
    t = sympy.symbols("t_1:4", real=True)
    total = sum(map(sympy.exp, x))
    ys = {sympy.Symbol(f"y_{k}", real=True): sympy.exp(x[k - 1]) / total for k in (1, 2, 3)}
    for a, b in zip(one.result, other.result, strict=True):
        difference = (a.subs(ys) - b).subs(t[2], 1 - t[0] - t[1])
        assert sympy.simplify(difference) == 0


def test_without_probabilities_the_sum_stays():
    chain = proved(cp.algebra(cp.trace(loss_with_softmax, X, 2 * T), "x"))
    assert "used" not in str(chain)
    assert not str(chain).splitlines()[0].endswith("= yᵢ − tᵢ")


# ---- more paths ----------------------------------------------------------------------------------


def test_values_between_and_where_paths_meet():
    def f(a, b):
        c = a * b
        d = c + a
        return d * d

    graph = cp.trace(f, 2.0, 3.0)
    assert str(proved(cp.algebra(graph, "d", "c"))) == "∂d/∂c = 1"
    assert str(proved(cp.algebra(graph, "d", "a"))) == "∂d/∂a = b + 1"  # both ways count
    one_way = str(proved(cp.algebra(graph, "d", "c", "a"))).splitlines()
    assert one_way == ["∂d/∂c · ∂c/∂a = 1 · b = b", "  a part of ∂d/∂a: other ways lead there, too"]


def test_what_the_result_says_shorter():
    assert str(proved(cp.algebra(cp.trace(lambda x: np.tanh(x), 0.3), "x"))) == "∂y/∂x = 1 − y²"
    assert str(proved(cp.algebra(cp.trace(lambda x: np.exp(x), 0.3), "x"))) == "∂y/∂x = y"
    text = str(proved(cp.algebra(cp.trace(lambda x: np.maximum(x, 0) * 3, 0.3), "x")))
    assert text == "∂y/∂x = 3 · 1 = 3"


def test_matrices_are_written_out():
    def f(x, W):
        y = x @ W
        return np.sum(y * y)

    chain = proved(cp.algebra(cp.trace(f, np.ones(2), np.arange(4.0).reshape(2, 2)), "W"))
    assert chain.text.endswith("= [2x₁ y₁, 2x₁ y₂; 2x₂ y₁, 2x₂ y₂]")


def test_a_wrong_rule_is_seen_in_the_numbers():
    @cp.primitive(latex="x^3")
    def cube(x):
        return x * x * x

    @cube.vjp("x")
    def _(dy, x):
        return dy * 2 * x * x

    chain = cp.algebra(cp.trace(lambda x: cube(x), 2.0), "x")
    assert chain.exact  # the algebra knows the text of forward
    assert chain.error > 0.1  # and the sweep the rule


# ---- refusals ------------------------------------------------------------------------------------


def test_refusals():
    graph = cp.trace(squared, 3.0, 2.0)
    with pytest.raises(UnknownNameError):
        cp.algebra(graph, "q")
    with pytest.raises(OptionError, match="No way leads from x to y"):
        cp.algebra(graph, "x", "y")
    with pytest.raises(OptionError, match="by what is it derived"):
        cp.algebra(graph)
    large = cp.trace(loss, np.arange(20.0), np.full(20, 0.05))
    with pytest.raises(OptionError, match="at most 16"):
        cp.algebra(large, "x")
    with pytest.raises(MissingRuleError, match="cannot be written as a formula"):
        cp.algebra(cp.trace(lambda A: np.sum(np.linalg.inv(A)), np.eye(2)), "A")


def test_without_sympy_it_says_what_to_install(monkeypatch):
    graph = cp.trace(squared, 3.0, 2.0)
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'clearprop\[algebra\]'"):
        cp.algebra(graph, "x")


# ---- MathML --------------------------------------------------------------------------------------


def test_a_chain_is_mathml():
    chain = cp.algebra(cp.trace(loss, X, T), "x")
    tree = ET.fromstring(chain.mathml)
    assert tree.tag.endswith("math")
    assert "merror" not in chain.mathml
    assert chain._repr_latex_().startswith("$\\displaystyle \\frac{\\partial L}")
