"""Inside ``cp.debug_nans()`` the first NaN or infinity stops; the error tells where it arose."""

import re
import threading
import warnings

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.check.primitives import examples
from clearprop.errors import NonFiniteError
from clearprop.graph import Leaf
from clearprop.primitive import PRIMITIVES


def told(f, *args, derivative=cp.grad, **options):
    with pytest.raises(NonFiniteError) as caught, cp.debug_nans(**options):
        derivative(f)(*args)
    return str(caught.value)


X = np.array([1.0, 2.0, 3.0, -0.2])


def test_the_operation_the_element_the_line_and_what_to_write():
    def f(x):
        y = np.log(x)
        return np.sum(y)

    text = told(f, X)
    assert "log made nan of x[3] = -0.2 (1 of 4 elements)." in text
    assert re.search(r"Where: test_debug_nans\.py:\d+: y = np\.log\(x\)\.", text)
    assert "Forward pass" in text
    assert "Inputs: x (4,) float64." in text
    assert "Write instead: np.log(np.where(x > 0, x, 1.0))" in text


@pytest.mark.parametrize(
    ("f", "x", "texts"),
    [
        (lambda x: np.sum(np.log(x)), [0.0], ["log made -inf of x[0] = 0"]),
        (lambda x: np.sum(np.log1p(x)), [-2.0], ["log1p made nan of x[0] = -2"]),
        (lambda x: np.sum(np.sqrt(x - 1)), [1.5, 0.5], ["sqrt made nan of (x - 1)[1] = -0.5"]),
        (lambda x: np.sum(1 / x), [0.0], ["divide made inf of 1 and x[0] = 0", "divides by 0"]),
        (lambda x: np.sum(x / x), [0.0], ["divide made nan of", "np.where(x != 0, x, 1.0)"]),
        (lambda x: np.sum(np.exp(x)), [800.0], ["exp made inf of x[0] = 800", "beyond 709.8"]),
        (lambda x: np.sum(np.arccos(x)), [1.5], ["arccos made nan", "np.clip(x, -1.0, 1.0)"]),
        (lambda x: np.sum(x**0.5), [-1.0], ["power made nan of x[0] = -1 and 0.5"]),
        (lambda x: np.sum(x**-1.0), [0.0], ["power made inf", "0 has no negative power"]),
        (lambda x: np.sum(x * np.inf), [0.0], ["multiply made nan", "0 * inf is undefined"]),
        (lambda x: np.sum(x * 1e200), [1e200], ["multiply made inf", "too large"]),
        (lambda x: np.sum(x), [1e308, 1e308], ["sum made inf of x (largest magnitude 1e+308)"]),
        (lambda x: x @ x, [1e200], ["matmul made inf of x"]),
        (lambda x: np.sum(np.sinh(x)), [800.0], ["sinh made inf of x[0] = 800"]),
    ],
)
def test_forward(f, x, texts):
    text = told(f, np.array(x))
    assert "Forward pass" in text
    for part in texts:
        assert part in text


@pytest.mark.parametrize(
    ("f", "x", "texts"),
    [
        (lambda x: np.sum(np.sqrt(x)), [1.0, 0.0], ["is inf at x[1] = 0", "np.sqrt(x + 1e-12)"]),
        (lambda x: np.sum(np.arccos(x)), [1.0], ["is -inf at x[0] = 1", "-1 / sqrt(1 - x**2)"]),
        (lambda x: np.sum(np.arcsin(x)), [-1.0], ["derivative of arcsin", "x[0] = -1"]),
        (lambda x: np.sum(x**0.5), [0.0], ["derivative of power with respect to x is inf"]),
        (lambda x: np.sum(np.cbrt(x)), [0.0], ["derivative of cbrt", "dy = 1 arrived there"]),
        (lambda x: np.sqrt(np.sum(x * x)), [0.0, 0.0], ["with respect to np.sum(x * x)"]),
    ],
)
def test_backward(f, x, texts):
    text = told(f, np.array(x))
    assert re.search(r"Backward pass of this line:.*test_debug", text) or "Where: test_" in text
    for part in texts:
        assert part in text


def test_the_branch_that_where_does_not_take():
    def f(z):
        return np.sum(np.where(z > 0, np.log(z), 0.0))

    z = np.array([1.0, 0.0])
    assert "np.where does not help here" in told(f, z)
    with np.errstate(divide="ignore"):
        text = told(f, z, infinities=False)
    assert "derivative of log with respect to z is nan at z[1] = 0" in text
    assert "dy = 0 arrived there. np.where does not help here" in text


def test_the_first_operation_is_named_and_not_a_later_one():
    def f(x):
        a = np.sqrt(x)
        b = np.log(a)
        return np.sum(np.tanh(b * 0))

    assert told(f, np.array([-1.0])).startswith("sqrt made nan")


def test_an_argument_that_is_not_finite_is_named():
    x = np.array([1.0, np.nan])
    text = told(lambda x: np.sum(x + 1), x)
    assert "x is not finite already, before add: x[1] = nan" in text
    assert "It is an argument" in text
    assert "infinities=False" not in text
    assert "infinities=False" in told(lambda x: np.sum(x + 1), np.array([np.inf]))


def test_plain_data_that_are_not_finite_are_named():
    data = np.array([1.0, np.nan])
    assert "data is not finite already" in told(lambda x: np.sum(x * data), np.ones(2))


def test_an_infinity_that_the_code_means_passes():
    def f(scores):
        masked = np.where(scores > 0, scores, -np.inf)
        return np.sum(np.exp(masked - np.max(masked)))

    with cp.debug_nans():
        found = cp.grad(f)(np.array([1.0, -1.0, 2.0]))
    np.testing.assert_allclose(found, [np.exp(-1), 0, -np.exp(-1)])


def test_infinities_can_be_let_pass():
    def f(x):
        return np.sum(1 / (1 + np.exp(x)))

    x = np.array([800.0])
    assert told(f, x).startswith("exp made inf")
    with cp.debug_nans(infinities=False), np.errstate(all="ignore"):
        cp.value_and_grad(lambda x: np.sum(np.exp(x)))(x)


def test_every_kind_of_derivative():
    def f(x):
        return np.sum(np.sqrt(x))

    zero, negative = np.array([0.0]), np.array([-1.0])
    assert "sqrt made nan" in told(f, negative, derivative=cp.value_and_grad)
    assert "sqrt made nan" in told(f, negative, derivative=lambda f: lambda x: cp.vjp(f, x))
    assert "sqrt made nan" in told(f, negative, derivative=lambda f: lambda x: cp.trace(f, x))
    backward = "derivative of sqrt"
    assert backward in told(f, zero, derivative=cp.value_and_grad)
    assert backward in told(f, zero, derivative=lambda f: lambda x: cp.vjp(f, x)[1](1.0))
    assert backward in told(f, zero, derivative=lambda f: lambda x: cp.trace(f, x).backward())
    assert backward in told(f, zero, derivative=lambda f: lambda x: f(cp.tensor(x)).backward())


def test_the_second_derivative():
    def f(x):
        return np.sum(x**1.5)  # finite at 0, and its first derivative too

    assert cp.grad(f)(np.zeros(1)) == 0
    text = told(lambda x: np.sum(cp.grad(f)(x)), np.zeros(1))
    assert "is inf" in text


def test_a_layer_that_stands_alone():
    layer = nn.Reciprocal()
    with pytest.raises(NonFiniteError, match="made inf"), cp.debug_nans():
        layer.forward(np.array([1.0, 0.0]))


def test_what_was_recorded_before_the_block_is_looked_at_on_the_way_back():
    _, pullback = cp.vjp(lambda x: np.sqrt(x), np.zeros(2))
    with pytest.raises(NonFiniteError, match="derivative of sqrt"), cp.debug_nans():
        pullback(np.ones(2))


def test_a_given_cotangent_and_a_sum_that_overflows():
    _, pullback = cp.vjp(np.tanh, np.zeros(2))
    with pytest.raises(NonFiniteError, match="gradient that arrives at"), cp.debug_nans():
        pullback(np.array([1.0, np.nan]))
    big = np.float32(3e38)
    text = told(lambda x: big * x + big * x, np.float32(0.25))
    assert "The gradient of x is not finite, though each path to it gives a finite one" in text


def test_nested_arguments_have_their_names():
    text = told(lambda p: np.sum(np.log(p["W"])), {"W": np.array([[1.0, 0.0]])})
    assert "p['W'][0, 1] = 0" in text


def test_broadcast_operands_keep_their_own_index():
    text = told(lambda x, d: np.sum(x / d), np.ones((3, 2)), np.array([1.0, 0.0]))
    assert "x[0, 1] = 1 and d[1] = 0" in text


def test_an_exponent_that_was_broadcast():
    with np.errstate(invalid="ignore"):
        text = told(lambda p: np.sum(X**p), np.float64(2.0))
    assert "derivative of power with respect to p is nan at X[3] = -0.2 and p = 2" in text
    assert "x**n log(x)" in text


def test_a_derivative_is_called_infinite_only_where_it_is():
    text = told(lambda x: np.sqrt(x) * 1e200 * 1e108, np.array(1e-20), derivative=_vjp)
    assert "what arrived, times the derivative, is too large" in text


def _vjp(f):
    return lambda x: cp.vjp(f, x)[1](np.ones(()))


def test_inside_a_layer_the_line_is_that_of_the_call():
    net = nn.Sequential(nn.Affine(np.full((1, 1), 1e200), np.zeros(1)), loss=nn.SoftmaxWithLoss())
    with pytest.raises(NonFiniteError) as caught, cp.debug_nans():
        net.gradient(np.full((1, 1), 1e200), np.array([0]))
    assert re.search(
        r"matmul made inf.*Where: test_debug_nans\.py:\d+: net\.gradient", str(caught.value)
    )


def test_nothing_is_found_where_all_is_finite():
    def f(W, x):
        return np.mean(np.tanh(x @ W) ** 2) + np.linalg.norm(W)

    rng = np.random.default_rng(0)
    W, x = rng.normal(size=(3, 2)), rng.normal(size=(4, 3))
    plain = cp.grad(f)(W, x)
    with cp.debug_nans():
        np.testing.assert_array_equal(cp.grad(f)(W, x), plain)


@pytest.mark.parametrize(
    "primitive", [p for p in PRIMITIVES.values() if p.rules], ids=lambda p: p.name
)
def test_no_primitive_is_accused_on_its_own_domain(primitive):
    for operands, attributes in examples(primitive, np.random.default_rng(0)):
        real = [
            np.asarray(operand).dtype.kind == "f" and not primitive.is_refused(position)
            for position, operand in enumerate(operands)
        ]

        def f(*given, operands=operands, attributes=attributes, real=real):
            rest = iter(given)
            chosen = [next(rest) if r else o for r, o in zip(real, operands, strict=True)]
            return primitive(*chosen, **attributes)

        with cp.debug_nans():
            args = [np.asarray(o) for r, o in zip(real, operands, strict=True) if r]
            y, pullback = cp.vjp(f, *args)
            pullback(tuple(map(np.ones_like, y)) if isinstance(y, tuple) else np.ones_like(y))


def test_it_ends_with_the_block_also_after_an_error():
    def f(x):
        return np.sum(np.sqrt(x))

    for _ in range(2):
        assert "sqrt" in told(f, np.array([-1.0]))
        with np.errstate(invalid="ignore"):
            assert np.isnan(cp.value_and_grad(f)(np.array([-1.0]))[0])
    assert type(cp.tensor(1.0).node) is Leaf
    assert cp.tensor(1.0).node.tape is None


def test_a_value_that_left_the_block_is_not_looked_at():
    with cp.debug_nans():
        x = cp.tensor(np.array([-1.0]))
    with np.errstate(invalid="ignore"):
        y = np.sqrt(x)
        y.backward(np.ones(1))
    assert np.isnan(x.grad).all()


def test_blocks_nest():
    f = cp.grad(lambda x: np.sum(np.exp(x)))
    x = np.array([800.0])
    with cp.debug_nans(), np.errstate(over="ignore"):
        with cp.debug_nans(infinities=False):
            assert np.isinf(f(x)).all()
        with pytest.raises(NonFiniteError):
            f(x)


def test_it_decorates():
    @cp.debug_nans()
    def step(x):
        return cp.grad(lambda x: np.sum(np.log(x)))(x)

    for _ in range(2):
        assert step(np.ones(1)) == 1
        with pytest.raises(NonFiniteError):
            step(np.zeros(1))
    with np.errstate(divide="ignore"):
        assert np.isinf(cp.grad(lambda x: np.sum(np.log(x)))(np.zeros(1))).all()


def test_another_thread_is_not_looked_at():
    found = []

    def work():
        with np.errstate(divide="ignore"):
            found.append(cp.grad(lambda x: np.sum(np.log(x)))(np.zeros(1)))

    with cp.debug_nans():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert np.isinf(found[0]).all()


def test_numpys_warnings_give_way_to_the_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "log made" in told(lambda x: np.sum(np.log(x)), np.array([-1.0]))


def test_backward_inside_a_differentiated_function_stays_refused():
    def f(x):
        y = x * x
        y.backward()
        return y

    with cp.debug_nans(), pytest.raises(cp.errors.LostGradientError, match="being differentiated"):
        cp.grad(f)(2.0)
