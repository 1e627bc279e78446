"""`numpy.polynomial`, which is Python text: recorded as the user's own."""

import os
import subprocess
import sys

import numpy as np
import pytest
from agreeing import agree
from numpy.polynomial import (
    Chebyshev,
    Legendre,
    Polynomial,
    chebyshev,
    hermite,
    hermite_e,
    laguerre,
    legendre,
    polynomial,
)

import clearprop as cp

X = np.random.default_rng(0).uniform(-0.9, 0.9, size=(3, 4))
C = np.random.default_rng(1).normal(size=4)
KINDS = {
    "poly": polynomial,
    "cheb": chebyshev,
    "leg": legendre,
    "herm": hermite,
    "herme": hermite_e,
    "lag": laguerre,
}
CASES = {
    "val": lambda f, x, c: f("val")(x, c) * f("val")(x, [c[0], 1.0, c[1]]),
    "val of columns": lambda f, x, c: f("val")(c[:3], x) + f("val")(c, x[0] * x, tensor=False)[0],
    "val of a plain polynomial": lambda f, x, c: f("val")(x, [1.0, 2.0, 3.0]) * c,
    "val2d grid2d": lambda f, x, c: f("val2d")(c, x[0], x) + f("grid2d")(c, x[0], x).sum(),
    "add sub mul": lambda f, x, c: f("sub")(f("mul")(c, x[0]), f("add")(c, x[1, :2])),
    "div": lambda f, x, c: f("div")(c, x[0, :3]),
    "pow": lambda f, x, c: f("pow")(c, 3) * x[0, 0],
    "der int": lambda f, x, c: f("der")(c, 2).sum() * f("int")(x[0], 2, k=[c[0], 1.0]),
    "vander": lambda f, x, c: f("vander")(x, 3) * c,
    "fromroots": lambda f, x, c: f("fromroots")(c) * x[0, 0],
    "line": lambda f, x, c: f("line")(x[0, 0], c[0]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize(
    "kind", ["cheb", *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS if k != "cheb")]
)
def test_functions(kind, case):
    agree(lambda x, c: case(lambda of: getattr(KINDS[kind], kind + of), x, c), X, C, second=False)


@pytest.mark.parametrize("kind", [Polynomial, Chebyshev, Legendre])
def test_classes(kind):
    agree(lambda x, c: kind(c)(x) * kind([1.0, 2.0])(x), X, C)
    agree(lambda x, c: ((kind(c) * kind(x[0]) + 1 - kind(c)) ** 2).deriv().coef, X, C)
    agree(lambda x, c: kind(c, domain=[0, 3]).integ(1)(x) + (kind(c) // kind(x[0, :2]))(0.5), X, C)
    agree(lambda x, c: kind(c).convert(kind=Polynomial).coef * x[0, 0], X, C, second=False)
    agree(lambda x, c: (x[0, 0] + x[0, 1] * kind(c)).coef, X, C, second=False)


def test_what_is_computed_outside_is_plain_again():
    assert cp.grad(lambda c: polynomial.polyval(2.0, c))(C).tolist() == [1, 2, 4, 8]
    assert type(polynomial.polyval(2.0, [1.0, 2.0])) is np.float64
    assert polynomial.np is np


def test_the_first_use_may_be_inside_a_function():
    text = (
        "import numpy as np, clearprop as cp\n"
        "x = np.array([0.0, 1.0, 2.0])\n"
        "def f(y): return np.polynomial.Polynomial.fit(x, y, 1)(1.0)\n"
        "print(cp.grad(f)(x))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", text]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert run.stdout.strip() == "[0.33333333 0.33333333 0.33333333]", run.stderr
