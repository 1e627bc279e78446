"""Where a formula or a sentence of the documents goes wrong: its value, and the right one.

Each test finds the formula in the document, computes what it says, and asks clearprop.
"""

import numpy as np
import pytest
from documents.document import need_documents

import clearprop as cp
from clearprop import nn

need_documents()
close = np.testing.assert_allclose
Z = np.array([[2.0, 1.0, 0.1]])  # scores
S = np.exp(Z) / np.exp(Z).sum()  # their softmax, ŷ
ONE_HOT, SOFT = np.array([[0.0, 1, 0]]), np.array([[0.6, 0.3, 0.1]])


def softmax_with_loss(y):
    layer = nn.SoftmaxWithLoss()
    layer.forward(Z, y)
    return layer.backward()


def test_000_calls_what_it_multiplied_by_e_the_local_derivative(documents):
    document = documents["000"]
    where = document.at(r"\frac{\partial y}{\partial x} = Ey^2e^{-x} = Ey(1 - y)")
    x, E = 1.0, 1.3

    def sigmoid(x):
        y = 1 / (1 + np.exp(-x))
        return y

    y, dy_dx = cp.value_and_grad(sigmoid)(x)
    dL_dx = cp.trace(sigmoid, x).backward(E)["x"]
    assert E * y * (1 - y) == pytest.approx(dL_dx), where  # with E it is ∂L/∂x
    assert E * y * (1 - y) != pytest.approx(dy_dx), where
    assert dy_dx == pytest.approx(y * (1 - y))


def test_000_has_one_w_for_a_batch_and_not_n(documents):
    document = documents["000"]
    where = document.at("$N$ $X$ and $N$ $W$")
    assert document.at("w.shape =").endswith("w.shape = a * b"), where  # as its own table says
    N, layer = 5, nn.Affine(np.ones((2, 3)), np.zeros(3))
    assert layer.forward(np.ones((N, 2))).shape == (N, 3)
    layer.backward(np.ones((N, 3)))
    assert layer.dW.shape == layer.W.shape == (2, 3), where


def test_002_multiplies_the_third_input_by_y_instead_of_its_weight(documents):
    document = documents["002"]
    where = document.at("mul(x_3, y_3)")
    assert "mul(x_1, w_1), mul(x_2, w_2)" in where

    def neuron(x3, w3):
        return np.maximum(0, x3 * w3 + 1.0)

    assert cp.trace(neuron, 2.0, 0.5).backward()["x3"] == 0.5, where  # w_3


def test_002_writes_x_where_the_derivative_is_for_the_weight(documents):
    document, heading = documents["002"], "### Calculate the impact of weight"
    wrong = r"\frac{\partial output}{\partial x_1} = \\"
    where = document.at(wrong, heading)
    assert document.line(wrong) < document.line(heading) < document.line(wrong, heading), where
    d = cp.trace(lambda x1, w1: np.maximum(0, x1 * w1), 2.0, 0.5).backward(1.3)
    assert d["w1"] == pytest.approx(1.3 * 2.0)  # dvalues × drelu × x_1 is this one
    assert d["x1"] == pytest.approx(1.3 * 0.5), where


def test_002_sums_over_j_and_has_j_left(documents):
    where = documents["002"].at(r"L_{i,j} = -\sum_{j}^{n}")
    loss = nn.CrossEntropy()
    L = [loss.forward(S[[0, 0]], y) for y in ([0, 1], [1, 1])]
    assert all(np.shape(value) == () for value in L), where  # L_i: one number a sample
    assert L[0] == pytest.approx(-np.log(S[0, :2]).mean())


def test_002_differentiates_the_logarithm_of_every_class_by_one_of_them(documents):
    document = documents["002"]
    where = (
        document.at(r"-(\frac{y_{i,1}}{\hat{y_{i,j}}} + \\"),
        document.at(r"- \sum_{j}^{n} \frac{y_{i,j}}{\hat{y_{i,j}}} = \\"),
    )
    loss = nn.CrossEntropy()
    loss.forward(S, ONE_HOT)
    right = loss.backward()
    steps = -(ONE_HOT.sum() / S)  # the sum over all y with one and the same ŷ
    assert not np.allclose(steps, right), where
    close(right, -ONE_HOT / S)  # its last line


def test_002_the_table_is_rows_of_the_identity_and_no_combination_of_it(documents):
    where = documents["002"].at("a linear combination of a 3x3 identity matrix")
    table = cp.data.one_hot([0, 1, 2, 1, 0, 2], 3)
    assert table.shape == (6, 3), where  # c · identity would be (3, 3)
    assert {tuple(row) for row in table} == {tuple(row) for row in np.eye(3)}, where


@pytest.mark.parametrize("number", ["002", "003"])
def test_the_derivative_of_the_loss_by_a_score_lacks_its_sum_over_j(documents, number):
    text = {
        "002": r"\frac{\partial L_{i,j}}{\partial \hat{y_{i,j}}} \times \frac{\partial S_{i,j}}",
        "003": r"\frac{\partial loss}{\partial S_{i,j}}\frac{\partial S_{i,j}}{\partial z_{i,k}}",
    }[number]
    where = documents[number].at(text)
    dS = -SOFT / S
    jacobian = np.diagflat(S) - np.outer(S, S)
    right = softmax_with_loss(SOFT)
    for j in range(3):
        assert not np.allclose(dS[0, j] * jacobian[j], right), where
    close(sum(dS[0, j] * jacobian[j] for j in range(3)), right[0])


def test_002_both_parts_of_the_sum_count_and_not_one_of_them(documents):
    document = documents["002"]
    where = document.at('the left part before the "$-$" sign is valid')
    left = -SOFT / S * S * (1 - S)  # j = k
    right = np.array([[sum(-SOFT[0, j] * -S[0, k] for j in range(3) if j != k) for k in range(3)]])
    ours = softmax_with_loss(SOFT)
    assert not np.allclose(left, ours), where
    assert not np.allclose(right, ours), where
    close(left + right, ours)
    close(ours, S - SOFT)


def test_002_has_an_equals_sign_too_many(documents):
    document = documents["002"]
    text = r"\times \hat{y_{i,k}} \times (1 - \hat{y_{i,k}}) = \\"
    where = document.at(text)
    following = document.lines[document.line(text)]
    assert following.startswith(r"-\sum_{j \neq  k}^{n}"), where
    k = 1
    first = -SOFT[0, k] * (1 - S[0, k])
    second = -sum(SOFT[0, j] * -S[0, k] for j in range(3) if j != k)
    assert first != pytest.approx(second), where
    assert first + second == pytest.approx(softmax_with_loss(SOFT)[0, k])


def test_003_leaves_the_derivative_of_relu_at_0_open_and_lets_it_through(documents):
    document = documents["003"]
    where = document.at(r"0,x < 0\end{cases}"), document.at("self.dinput[self.input < 0] = 0")
    assert r"0,x \le 0" in document.at(r"y=\begin{cases}"), where  # the function itself has x ≤ 0
    theirs, ours = type("Theirs", (), {})(), nn.ReLU()
    theirs.input = np.array([-1.0, 0, 2])
    document.define("def backward", after="### 二、ReLu")(theirs, np.full(3, 5.0))
    assert theirs.dinput.tolist() == [0, 5, 5], where
    ours.forward(theirs.input)
    assert ours.backward(np.full(3, 5.0)).tolist() == [0, 0, 5]  # as in 000, 001, 002 and 004


def test_003_puts_the_gradient_that_arrives_into_the_jacobian_of_relu(documents):
    where = documents["003"].at("对角线上的值为dvalue或0")
    x, dvalue = np.array([-1.0, 0.5, 2]), np.array([3.0, 4, 5])
    layer = nn.ReLU()
    layer.forward(x)
    jacobian = np.array([layer.backward(row) for row in np.eye(3)])
    close(jacobian, np.diag([0, 1, 1]), err_msg=where)  # 1 or 0 on its diagonal
    close(dvalue @ jacobian, layer.backward(dvalue))


def test_004_leaves_f_out_of_the_composition(documents):
    where = documents["004"].at("produces a function h such that h(x) = g.")

    def h(x, y):
        g = x + y
        f = g**2
        return f

    traced = cp.trace(h, 1.0, 2.0)
    assert (traced["g"], traced.output) == (3, 9), where  # h = f(g), not g


def test_004_says_to_go_along_the_gradient_and_goes_against_it(documents):
    document = documents["004"]
    where = document.at("toward the direction of the gradient")
    assert "-= learning_rate * grad[key]" in document.at("network.params[key]")

    def loss(W):
        return np.mean((W * 3.0 - 1.0) ** 2)

    W = np.array([1.0, 2.0])
    value, dW = cp.value_and_grad(loss)(W)
    assert loss(W + 0.01 * dW) > value, where
    assert loss(W - 0.01 * dW) < value
