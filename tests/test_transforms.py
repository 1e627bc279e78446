"""Derivatives of functions: nesting, trees of arguments, and what comes back."""

import math
import threading

import numpy as np
import pytest

import clearprop as cp


def test_gradient_of_ordinary_numpy():
    def f(x, W, b):
        return np.mean(np.tanh(x @ W + b) ** 2)

    rng = np.random.default_rng(0)
    assert cp.check(f, rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)).ok


def test_python_numbers_are_real_numbers():
    assert cp.grad(lambda x: x * x)(3) == 6.0


def test_argnums_one_and_several():
    def f(x, y):
        return x * y

    assert cp.grad(f, 1)(2.0, 5.0) == 2.0
    assert cp.grad(f, (0, 1))(2.0, 5.0) == (5.0, 2.0)
    assert cp.grad(f, -1)(2.0, 5.0) == 2.0


def test_nested_arguments_come_back_nested():
    params = {"W": np.ones((2, 2)), "layers": [np.ones(2), (np.float32(3.0),)]}

    def f(p):
        return np.sum(p["W"] @ p["layers"][0]) * p["layers"][1][0]

    g = cp.grad(f)(params)
    assert g.keys() == params.keys()
    np.testing.assert_array_equal(g["layers"][0], [6.0, 6.0])
    assert isinstance(g["layers"][1], tuple)
    assert g["layers"][1][0].dtype == np.float32


def test_keyword_arguments_are_passed_on():
    assert cp.grad(lambda x, *, n: x**n)(2.0, n=3) == 12.0


def test_unused_argument_has_gradient_zero():
    g = cp.grad(lambda x, y: np.sum(x), 1)(np.ones(3), np.ones((2, 2)))
    np.testing.assert_array_equal(g, np.zeros((2, 2)))


def test_constant_function_has_gradient_zero():
    assert cp.grad(lambda x: 3.0)(2.0) == 0.0


def test_derivatives_of_derivatives():
    f = np.sin
    for expected in (np.cos(0.7), -np.sin(0.7), -np.cos(0.7), np.sin(0.7)):
        f = cp.grad(f)
        assert f(0.7) == pytest.approx(expected, rel=1e-14)


def test_no_perturbation_confusion():
    # d/dx [x · d/dy (x + y)] = 1, not 2 (Siskind and Pearlmutter 2005)
    assert cp.grad(lambda x: x * cp.grad(lambda y: x + y)(1.0))(1.0) == 1.0


def test_inner_derivative_sees_the_outer_argument():
    g = cp.grad(lambda x: cp.grad(lambda y: x * y * y)(3.0))(2.0)
    assert g == 6.0


def test_inner_derivative_at_a_function_of_the_outer_argument():
    g = cp.grad(lambda x: cp.grad(lambda y: y**3)(x * x))(2.0)  # d/dx 3x⁴
    assert g == pytest.approx(96.0)


def test_imperative_leaf_inside_a_function():
    w = cp.tensor(2.0)
    y = cp.grad(lambda x: w * x * x)(3.0)
    y.backward()
    assert w.grad == 6.0


def test_vjp_can_be_called_again_and_keeps_dy():
    dy = np.array([1.0, 2.0])
    y, pullback = cp.vjp(lambda x: np.exp(x), np.array([0.0, 1.0]))
    first, second = pullback(dy)[0], pullback(dy)[0]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, y * [1.0, 2.0])
    np.testing.assert_array_equal(dy, [1.0, 2.0])


def test_a_pullback_inside_a_derivative_gives_plain_values():
    _, pullback = cp.vjp(np.sin, 0.7)
    g = cp.grad(lambda dy: pullback(dy)[0] ** 2)(3.0)  # its own record is none of the caller's
    assert type(g) is np.float64
    assert g == pytest.approx(6 * np.cos(0.7) ** 2)


def test_vjp_of_several_results():
    (a, b), pullback = cp.vjp(lambda x: (x * 2, {"s": np.sum(x)}), np.ones(3))
    (dx,) = pullback((np.ones(3), {"s": 10.0}))
    np.testing.assert_array_equal(dx, [12.0, 12.0, 12.0])
    assert b["s"] == 3.0
    assert isinstance(a, np.ndarray)


def test_gradients_are_the_callers_own():
    def f(x, y):
        return np.sum(x + y)

    x = np.ones(3)
    gx, gy = cp.grad(f, (0, 1))(x, x)
    gx[0] = 7.0
    assert gy[0] == 1.0
    assert x[0] == 1.0


def test_float32_and_float16_stay():
    for dtype in (np.float16, np.float32):
        x = np.ones((2, 3), dtype)
        y, g = cp.value_and_grad(lambda x: np.mean(1 - x * x / 2 + np.maximum(x, 0)))(x)
        assert y.dtype == g.dtype == dtype


def test_long_chain_does_not_recurse():
    def f(x):
        for _ in range(50_000):
            x = x * 1.0
        return x

    assert cp.grad(f)(2.0) == 1.0


def test_an_exception_in_the_function_leaves_nothing_behind():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        cp.grad(broken)(1.0)
    assert cp.grad(lambda x: x * x)(3.0) == 6.0


def test_threads_do_not_see_each_other():
    results = [None] * 8

    def work(k):
        results[k] = [float(cp.grad(lambda x: x**k)(2.0)) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, found in enumerate(results):
        assert found == [k * 2.0 ** (k - 1)] * 50


def test_branches_and_loops_on_values():
    def f(x):
        y = 0.0
        while x > 1:
            y = y + x * x
            x = x / 2
        return y

    assert cp.check(f, 7.3).ok


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.add.reduce(x, axis=0)[1] * x[0, 0],
        lambda x: np.sum(np.add.outer(x[0], x[1]) ** 2),
        lambda x: np.sum(np.dot(x, x.T) * np.outer(x[0, :2], x[1, :2])),
        lambda x: np.sum(np.vstack([x, x[0]]) * np.hstack([x, x])[:1, 1:4]),
        lambda x: np.sum(np.stack([x, 2 * x], axis=-1) ** 2),
        lambda x: np.var(x) + np.std(x, axis=0)[0],
        lambda x: np.sum(np.clip(x, -0.5, 0.5) * x),
        lambda x: np.sum(np.squeeze(np.expand_dims(x, (0, 2))) ** 2),
        lambda x: np.sum(np.moveaxis(x, 0, 1).ravel() * x.flatten()),
        lambda x: np.sum(np.take(x, [0, 0, 1], axis=0) ** 2),
        lambda x: np.sum(np.array([1.0, 2.0, 3.0]) * x) / np.float64(2.0),
        lambda x: np.sum([1.0, 2.0, 3.0] * x),
        lambda x: np.sum(x.astype(np.float64).reshape(3, 2).T @ np.ones(3)),
        lambda x: sum(row[0] * row[1] for row in x),
        lambda x: np.max(x) * np.min(x, axis=1)[0] + x.max() * len(x),
        lambda x: x.mean() * abs(x[0, 0]) + (-x).sum() + np.sum(x % 0.7) + np.sum(2.0**x),
    ],
)
def test_plain_numpy_functions_and_methods(f):
    x = np.random.default_rng(3).normal(size=(2, 3))
    report = cp.check(f, x)
    assert report.ok, report


def test_gradients_of_the_imperative_face_are_distinct():
    a, b = cp.tensor([1.0, 2.0]), cp.tensor([3.0, 4.0])
    np.sum((a + b) * 2).backward()
    a.grad *= 0
    np.testing.assert_array_equal(b.grad, [2.0, 2.0])


def test_dy_is_matched_by_key():
    _, pullback = cp.vjp(lambda x: {"a": x * 2, "b": x * 3}, np.ones(2))
    (dx,) = pullback({"b": np.zeros(2), "a": np.ones(2)})
    np.testing.assert_array_equal(dx, [2.0, 2.0])


def test_a_result_with_a_constant_part():
    _, pullback = cp.vjp(lambda x: (x * 2, 3.0), np.ones(2))
    np.testing.assert_array_equal(pullback((np.ones(2), 1.0))[0], [2.0, 2.0])


def test_an_unused_output_of_an_operation():
    from clearprop.rules.normalization import normalize

    x = np.random.default_rng(0).normal(size=(5, 3))
    for i in range(3):
        assert cp.check(lambda x, i=i: np.sum(normalize(x, axis=(0,), eps=1e-5)[i] ** 2), x).ok


def test_mixed_second_derivative_of_a_power():
    mixed = cp.grad(lambda p: cp.grad(lambda x, p: x**p)(2.0, p))
    assert mixed(0.0) == pytest.approx(0.5)
    assert cp.grad(lambda x: x**0.0)(0.0) == 0.0
    assert cp.grad(lambda x, p: x**p)(0.0, np.float64(0.0)) == 0.0


def test_the_bounds_of_clip_have_a_derivative():
    x = np.array([1.0, 2.0, 3.0])
    g = cp.grad(lambda x, a, b: np.sum(np.clip(x, a, b) ** 2), (1, 2))(x, 1.5, 2.5)
    assert g == (3.0, 5.0)


def test_attributes_are_kept_as_they_were():
    widths, axes = np.array([2, 0]), [1, 0]

    def f(x):
        y = np.pad(x, widths) * np.arange(4.0)
        z = np.transpose(x.reshape(1, 2), axes)
        widths[:] = 0
        axes.reverse()
        return np.sum(y) + np.sum(z)

    np.testing.assert_array_equal(cp.grad(f)(np.ones(2)), [3.0, 4.0])


def test_many_operands_after_few():
    for count in (3, 44, 300):
        x = np.ones(count)
        np.testing.assert_array_equal(cp.grad(lambda x: np.sum(np.stack(list(x)) * 2))(x), 2 * x)


def test_finite_where_mathematics_is_finite():
    from clearprop.rules.loss import softmax_cross_entropy

    assert softmax_cross_entropy(np.array([0, 1, -np.inf]), np.array([1.0, 0, 0])) < 2
    assert cp.grad(lambda x: np.logaddexp(x, 0.0))(np.inf) == 1.0
    assert cp.grad(np.mean)(np.ones(70_000, np.float16))[0] > 0


def test_round_divmod_and_comparison_with_none():
    def f(x):
        whole, rest = divmod(x, 0.7)
        return rest * round(x, 1) + whole * (x == None)  # noqa: E711

    assert cp.grad(f)(1.23) == pytest.approx(1.2)


def test_python_numbers_beside_float32_arrays():
    x = np.ones(3, np.float32)
    y, (dx, dlr) = cp.value_and_grad(lambda x, lr: np.sum(x * lr), (0, 1))(x, 0.1)
    assert {y.dtype, dx.dtype, dlr.dtype} == {np.dtype(np.float32)}
    assert cp.trace(lambda x, lr: x * lr, x, 0.1).output.dtype == np.float32
    assert cp.compile(lambda x, lr: x * lr)(x, 0.1).dtype == np.float32


def test_a_body_and_a_rule_of_python_numbers():
    @cp.primitive
    def sine(x):
        return math.sin(x)

    @sine.vjp("x")
    def _(dy, x):
        return float(dy) * math.cos(x)

    assert cp.grad(sine)(0.5) == pytest.approx(math.cos(0.5))


def test_order_k_is_not_taken_for_order_c():
    x = np.arange(4.0).reshape(2, 2)
    with pytest.raises(cp.errors.MissingRuleError, match="order='K'"):
        cp.grad(lambda x: np.sum(np.ravel(x.T, order="K") * np.arange(4.0)))(x)


def test_numpy_signature_order_is_kept():
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(
        cp.grad(lambda x: np.sum(np.sum(x, 0) ** 2))(x), 2 * np.tile(x.sum(0), (2, 1))
    )
    np.testing.assert_array_equal(cp.grad(lambda x: np.sum(x, None))(x), np.ones((2, 3)))
    assert cp.trace(lambda x: np.sum(a=x, axis=1), x).output.shape == (2,)


def test_a_gradient_that_no_outer_argument_is_in_is_plain():
    def outer(x):
        gradients = cp.grad(lambda c, x: c * x, (0, 1))(2.0, x)
        seen.extend(map(type, gradients))
        return gradients[0] * gradients[1]

    seen = []
    assert cp.grad(outer)(3.0) == 2.0
    assert seen == [cp.Tensor, np.float64]


@pytest.mark.parametrize("c", [2, 2.0, 1 + 2j])
@pytest.mark.parametrize("f", [np.multiply, lambda c, x: x / c], ids=["product", "quotient"])
def test_derivatives_by_constants_of_a_program(c, f):
    x = np.array([0.5, 1.2])
    both = cp.grad(lambda c, x: np.sum(np.real(f(c, x))), (0, 1))
    for found, expected in zip(cp.compile(both)(c, x), both(c, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
