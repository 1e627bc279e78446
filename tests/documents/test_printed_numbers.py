"""Every number printed in the five documents, and every influence on the way, from clearprop.

These tests need no documents at hand; the last one compares with them where they are.
"""

import contextlib
import io
import re

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn


def apples(apple, apple_num, tax):
    apple_price = apple * apple_num  # (1)
    price = apple_price * tax  # (2)
    return price


def apples_and_oranges(apple, apple_num, orange, orange_num, tax):
    apple_price = apple * apple_num  # (1)
    orange_price = orange * orange_num  # (2)
    all_price = apple_price + orange_price  # (3)
    price = all_price * tax  # (4)
    return price


def squared_sum(x, y):
    t = x + y
    z = t**2
    return z


SHOPS = [
    pytest.param(
        apples,
        {"apple": 100, "apple_num": 2, "tax": 1.1},
        {"apple_price": 200, "price": 220.00000000000003},
        {
            "price": 1,
            "apple_price": 1.1,
            "apple": 2.2,
            "apple_num": 110.00000000000001,
            "tax": 200,
        },
        id="apples",
    ),
    pytest.param(
        apples_and_oranges,
        {"apple": 100, "apple_num": 2, "orange": 150, "orange_num": 3, "tax": 1.1},
        {"apple_price": 200, "orange_price": 450, "all_price": 650, "price": 715.0000000000001},
        {
            "price": 1,
            "all_price": 1.1,
            "apple_price": 1.1,
            "orange_price": 1.1,
            "apple": 2.2,
            "apple_num": 110.00000000000001,
            "orange": 3.3000000000000003,
            "orange_num": 165.0,
            "tax": 650,
        },
        id="apples and oranges",
    ),
]


@pytest.mark.parametrize(("shop", "arguments", "values", "influences"), SHOPS)
def test_the_graph_gives_every_price_and_every_influence(shop, arguments, values, influences):
    g = cp.trace(shop, *arguments.values())
    assert {name: g[name] for name in values} == values
    d = g.backward()
    assert {name: d[name] for name in influences} == influences


@pytest.mark.parametrize(("shop", "arguments", "values", "influences"), SHOPS)
def test_grad_and_tensors_give_the_influences_of_the_arguments(shop, arguments, values, influences):
    expected = [influences[name] for name in arguments]
    value, gradients = cp.value_and_grad(shop, range(len(arguments)))(*arguments.values())
    assert value == values["price"]
    assert list(gradients) == expected

    leaves = [cp.tensor(value) for value in arguments.values()]
    shop(*leaves).backward()
    assert [leaf.grad for leaf in leaves] == expected


def test_layers_give_the_influences_of_two_apples():
    mul_apple_layer, mul_tax_layer = nn.Mul(), nn.Mul()
    apple_price = mul_apple_layer.forward(100, 2)  # (1)
    price = mul_tax_layer.forward(apple_price, 1.1)  # (2)
    dapple_price, dtax = mul_tax_layer.backward(1)  # (2)
    dapple, dapple_num = mul_apple_layer.backward(dapple_price)  # (1)
    assert (apple_price, price) == (200, 220.00000000000003)
    assert (dapple_price, dapple, dapple_num, dtax) == (1.1, 2.2, 110.00000000000001, 200)


def test_layers_give_the_influences_of_apples_and_oranges():
    mul_apple, mul_orange, add, mul_tax = nn.Mul(), nn.Mul(), nn.Add(), nn.Mul()
    apple_price = mul_apple.forward(100, 2)  # (1)
    orange_price = mul_orange.forward(150, 3)  # (2)
    all_price = add.forward(apple_price, orange_price)  # (3)
    price = mul_tax.forward(all_price, 1.1)  # (4)
    dall_price, dtax = mul_tax.backward(1)  # (4)
    dapple_price, dorange_price = add.backward(dall_price)  # (3)
    dorange, dorange_num = mul_orange.backward(dorange_price)  # (2)
    dapple, dapple_num = mul_apple.backward(dapple_price)  # (1)
    assert (apple_price, orange_price, all_price, price) == (200, 450, 650, 715.0000000000001)
    assert (dall_price, dapple_price, dorange_price) == (1.1, 1.1, 1.1)
    assert (dapple_num, dapple) == (110.00000000000001, 2.2)
    assert (dorange, dorange_num, dtax) == (3.3000000000000003, 165, 650)


def test_the_comments_of_document_001_are_these_numbers_rounded():
    d = cp.trace(apples, 100, 2, 1.1).backward()
    assert [f"{d[name]:.4g}" for name in ("apple", "apple_num", "tax")] == ["2.2", "110", "200"]
    g = cp.trace(apples_and_oranges, 100, 2, 150, 3, 1.1)
    names = ("apple_num", "apple", "orange", "orange_num", "tax")
    assert f"{g.output:.4g}" == "715"
    assert [f"{g.backward()[n]:.4g}" for n in names] == ["110", "2.2", "3.3", "165", "650"]


def test_the_chain_from_the_price_of_an_apple_is_1_then_1_1_then_2_2():
    d = cp.trace(apples, 100, 2, 1.1).backward()
    assert [d[name] for name in ("price", "apple_price", "apple")] == [1, 1.1, 2.2]


def test_one_more_unit_for_an_apple_costs_2_2_more():
    more = apples(101, 2, 1.1) - apples(100, 2, 1.1)
    assert more == pytest.approx(2.2)
    assert cp.grad(apples)(100, 2, 1.1) == 2.2


@pytest.mark.parametrize(
    ("node", "layer", "value", "influences"),
    [
        pytest.param(lambda x, y: x + y, nn.Add(), 15, (1.3, 1.3), id="10 + 5"),
        pytest.param(lambda x, y: x * y, nn.Mul(), 50, (6.5, 13), id="10 * 5"),
    ],
)
def test_a_node_passes_on_the_1_3_that_reaches_it(node, layer, value, influences):
    g = cp.trace(node, 10, 5)
    d = g.backward(1.3)
    assert (g.output, d["x"], d["y"]) == (value, *influences)
    assert (layer.forward(10, 5), *layer.backward(1.3)) == (value, *influences)


@pytest.mark.parametrize("E", [1.0, 1.3])
def test_a_square_passes_on_2x_times_what_reaches_it(E):
    def square(x):
        y = x**2
        return y

    assert cp.trace(square, 3.0).backward(E)["x"] == pytest.approx(E * 6, rel=1e-15)


@pytest.mark.parametrize(("x", "y"), [(1.0, 2.0), (-3.0, 0.5), (2.0, -2.0)])
def test_the_derivative_of_a_squared_sum_is_twice_the_sum(x, y):
    d = cp.trace(squared_sum, x, y).backward()
    assert d["z"] == 1
    assert d["t"] == d["x"] == d["y"] == 2 * (x + y)


# ---- the sigmoid ----------------------------------------------------------------------------

ONES = np.array([1, 1, 1])


def chain_of_four():
    mul, exp, add, reciprocal = nn.Mul(), nn.Exp(), nn.Add(), nn.Reciprocal()

    def forward(x):
        return reciprocal.forward(add.forward(exp.forward(mul.forward(x, -1)), 1))

    def backward(dy):
        """What reaches the nodes ``/``, ``+``, ``exp`` and ``×``, and what leaves the last."""
        passed = [dy, reciprocal.backward(dy)]
        passed.append(add.backward(passed[-1])[0])
        passed.append(exp.backward(passed[-1]))
        passed.append(mul.backward(passed[-1])[0])
        return passed

    return forward, backward


def test_the_four_layer_sigmoid_prints_what_document_000_prints():
    forward, backward = chain_of_four()
    assert str(forward(ONES)) == "[0.73105858 0.73105858 0.73105858]"
    assert str(backward(ONES)[-1]) == "[0.19661193 0.19661193 0.19661193]"


def test_the_fused_sigmoid_prints_the_same():
    layer = nn.Sigmoid()
    assert str(layer.forward(ONES)) == "[0.73105858 0.73105858 0.73105858]"
    assert str(layer.backward(ONES)) == "[0.19661193 0.19661193 0.19661193]"


def test_both_sigmoids_are_equal():
    x, dy = np.linspace(-30, 30, 121), np.linspace(1, 2, 121)
    (forward, backward), fused = chain_of_four(), nn.Sigmoid()
    np.testing.assert_allclose(forward(x), fused.forward(x), rtol=1e-14)
    # beyond x = 20 the 1 - y of the documents' y (1 - y) has few digits left
    np.testing.assert_allclose(backward(dy)[-1], fused.backward(dy), rtol=1e-14, atol=5e-16)


def test_each_step_of_the_sigmoid_passes_on_what_document_001_says():
    x, E = np.array([-2.0, 0.5, 3.0]), np.array([1.0, 1.3, -0.7])
    forward, backward = chain_of_four()
    y = forward(x)
    at_reciprocal, at_add, at_exp, at_mul, dx = backward(E)
    np.testing.assert_array_equal(at_reciprocal, E)
    np.testing.assert_allclose(at_add, -E * y**2, rtol=1e-15)
    np.testing.assert_array_equal(at_exp, at_add)
    np.testing.assert_allclose(at_mul, -E * y**2 * np.exp(-x), rtol=1e-14)
    np.testing.assert_array_equal(dx, -at_mul)
    np.testing.assert_allclose(dx, E * y * (1 - y), rtol=1e-13)


# ---- ReLU, Affine, and one neuron with both ---------------------------------------------------


def test_relu_lets_through_what_is_above_0():
    layer, x = nn.ReLU(), np.array([[1.0, -0.5], [-2.0, 3.0], [0.0, -0.0]])
    np.testing.assert_array_equal(layer.forward(x), [[1, 0], [0, 3], [0, 0]])
    np.testing.assert_array_equal(
        layer.backward(np.full((3, 2), 1.3)), [[1.3, 0], [0, 1.3], [0, 0]]
    )


def test_the_shapes_of_an_affine_layer_are_those_of_document_000():
    n, a, b = 4, 2, 3
    layer = nn.Affine(np.ones((a, b)), np.ones(b))
    x, dy = np.arange(8.0).reshape(n, a), np.arange(12.0).reshape(n, b)
    assert layer.forward(x).shape == (n, b)
    dx = layer.backward(dy)
    assert (dx.shape, layer.dW.shape, layer.db.shape) == ((n, a), (a, b), (b,))
    np.testing.assert_array_equal(dx, dy @ layer.W.T)
    np.testing.assert_array_equal(layer.dW, x.T @ dy)
    np.testing.assert_array_equal(layer.db, dy.sum(axis=0))


def test_a_single_sample_has_the_shapes_of_document_001():
    X, W, B = np.array([1.0, 2.0]), np.ones((2, 3)), np.zeros(3)
    layer = nn.Affine(W, B)
    assert layer.forward(X).shape == (3,)
    assert layer.backward(np.ones(3)).shape == X.shape
    assert (layer.dW.shape, layer.db.shape) == (W.shape, B.shape)


def test_one_neuron_has_the_influences_of_document_002():
    def neuron(x1, x2, x3, w1, w2, w3, bias):
        total = x1 * w1 + x2 * w2 + x3 * w3 + bias
        return np.maximum(0, total)

    arguments = (1.0, -2.0, 3.0, 0.5, 0.25, 2.0, 0.125)
    d = cp.trace(neuron, *arguments).backward(1.3)
    assert [d[n] for n in ("x1", "w1", "bias")] == pytest.approx([1.3 * 0.5, 1.3 * 1.0, 1.3])
    assert cp.trace(neuron, *arguments[:-1], -10.0).backward(1.3)["x1"] == 0  # drelu = 0


def test_the_chain_of_four_functions_multiplies_as_in_document_002():
    def nested(x):
        f4 = x * 3
        f3 = np.exp(f4)
        f2 = f3 + 1
        f1 = np.log(f2)
        return f1

    g = cp.trace(nested, 0.5)
    d = g.backward()
    assert d["x"] == pytest.approx(1 / g["f2"] * 1 * np.exp(g["f4"]) * 3, rel=1e-15)


# ---- softmax and losses -----------------------------------------------------------------------

SCORES = np.array([[2.0, 1.0, 0.1], [0.3, -1.2, 4.0]])
PROBABLE = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)


def test_class_numbers_become_the_table_of_document_002():
    table = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    np.testing.assert_array_equal(cp.data.one_hot([0, 1, 2, 1, 0, 2], 3), table)
    np.testing.assert_array_equal(np.eye(3)[[0, 1, 2, 1, 0, 2]], table)


@pytest.mark.parametrize("j", range(3))
@pytest.mark.parametrize("i", range(2))
def test_each_row_of_the_softmax_jacobian_is_s_j_times_delta_less_s_k(i, j):
    layer, S = nn.Softmax(), PROBABLE[i]
    layer.forward(SCORES[i])
    row = layer.backward(np.eye(3)[j])
    np.testing.assert_allclose(row, S[j] * (np.eye(3)[j] - S), rtol=1e-14)
    for k in range(3):  # the two cases, j = k and j ≠ k
        expected = S[j] * (1 - S[k]) if j == k else S[j] * (0 - S[k])
        assert row[k] == pytest.approx(expected, rel=1e-14)


def test_the_loss_of_probabilities_has_the_derivative_minus_y_over_y_hat():
    layer, y = nn.CrossEntropy(), np.array([[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]])
    layer.forward(PROBABLE, y)
    np.testing.assert_allclose(layer.backward(), -y / PROBABLE / 2, rtol=1e-15)


@pytest.mark.parametrize("y", [[[1, 0, 0], [0, 0, 1]], [[0.6, 0.4, 0], [0, 0.25, 0.75]]])
def test_softmax_with_loss_has_the_derivative_y_hat_minus_y(y):
    y = np.array(y, float)
    fused, softmax, loss = nn.SoftmaxWithLoss(), nn.Softmax(), nn.CrossEntropy()
    in_two = loss.forward(softmax.forward(SCORES), y)
    assert fused.forward(SCORES, y) == pytest.approx(in_two, rel=1e-14)
    expected = (PROBABLE - y) / len(y)
    np.testing.assert_allclose(fused.backward(), expected, rtol=1e-13)
    np.testing.assert_allclose(softmax.backward(loss.backward()), expected, rtol=1e-13)


def test_sigmoid_and_binary_loss_have_the_derivatives_of_document_003():
    z, y, dvalue = SCORES, np.array([[1.0, 0, 1], [0, 0, 1]]), np.full((2, 3), 1.3)
    sigmoid, loss = nn.Sigmoid(), nn.BinaryCrossEntropy()
    p = sigmoid.forward(z)
    np.testing.assert_allclose(sigmoid.backward(dvalue), dvalue * p * (1 - p), rtol=1e-14)
    loss.forward(p, y)
    expected = (-y / p + (1 - y) / (1 - p)) / 2
    np.testing.assert_allclose(loss.backward(), expected, rtol=1e-14)


# ---- against the documents --------------------------------------------------------------------


def test_document_000_prints_what_stands_below_its_cells(documents):
    """So what is compared with above is what the document's own code prints."""
    document = documents["000"]
    names, printed, shown = {}, [], []
    for start, line in enumerate(document.lines):
        if not re.match(r"In \[\d+\]:", line):
            continue
        below = document.lines[start + 1 :]
        end = next(i for i, text in enumerate(below) if re.match(r"##|However|In \[", text))
        results = [i for i in range(end) if re.match(r"(an|when|buying|influence) |\[", below[i])]
        code = "\n".join(below[: min(results, default=end)])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            names = document.run(code, **names)
        printed += out.getvalue().splitlines()
        shown += [below[i] for i in results]
    assert len(shown) == 17
    assert printed == shown
