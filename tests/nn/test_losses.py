"""Losses: every form of labels, probabilities 0 and 1, scores of any size, texts of refusals."""

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors, nn
from clearprop.errors import LabelError, OptionError, ShapeError

X = np.array([[2.0, 1.0, 0.5], [0.1, 0.2, 3.0]])
BIG = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]])


@pytest.fixture(params=[nn.SoftmaxWithLoss, nn.CrossEntropy])
def loss(request):
    return request.param()


@pytest.fixture(params=[nn.SigmoidWithLoss, nn.BinaryCrossEntropy])
def binary(request):
    return request.param()


@pytest.mark.parametrize(
    "t", [[0, 2], [0.0, 2.0], [[1, 0, 0], [0, 0, 1]], np.eye(3)[[0, 2]], np.uint8([0, 2])]
)
def test_class_numbers_and_one_hot_rows_mean_the_same(loss, t):
    wanted = loss.forward(X, np.array([0, 2])), loss.backward()
    assert loss.forward(X, t) == wanted[0]
    np.testing.assert_array_equal(loss.backward(), wanted[1])


def test_rows_of_probabilities_are_labels_too(loss):
    half = loss.forward(X, [[0.5, 0, 0.5], [0, 0, 1]])
    each = [loss.forward(X, [[1, 0, 0], [0, 0, 1]]), loss.forward(X, [[0, 0, 1], [0, 0, 1]])]
    np.testing.assert_allclose(half, np.mean(each), rtol=1e-14)


def test_a_single_sample_is_a_batch_of_one(loss):
    single, dsingle = loss.forward(X[0], 1), loss.backward()
    batch, dbatch = loss.forward(X[:1], [1]), loss.backward()
    np.testing.assert_allclose(single, batch, rtol=1e-15)
    np.testing.assert_allclose(dsingle, dbatch[0], rtol=1e-15)


def test_labels_that_change_after_forward_change_nothing(loss):
    t = np.eye(3)[[0, 2]]
    loss.forward(X, t)
    wanted = loss.backward()
    t[:] = np.nan
    np.testing.assert_array_equal(loss.backward(), wanted)


def test_scores_of_ten_thousand_are_exact():
    loss = nn.SoftmaxWithLoss()
    assert loss.forward(BIG, [1, 2]) == (2e4 + 0) / 2
    np.testing.assert_array_equal(loss.backward(), [[0.5, -0.5, 0], [0, 0, 0]])
    np.testing.assert_array_equal(loss.y, [[1, 0, 0], [0, 0, 1]])


def test_single_precision_scores_of_ten_thousand_are_exact():
    loss = nn.SoftmaxWithLoss()
    assert loss.forward(BIG.astype(np.float32), [1, 2]) == np.float32(1e4)
    np.testing.assert_array_equal(loss.backward(), np.float32([[0.5, -0.5, 0], [0, 0, 0]]))


def test_sigmoid_scores_of_ten_thousand_are_exact():
    loss = nn.SigmoidWithLoss()
    assert loss.forward([1e4, -1e4, 1e4, -1e4], [1, 0, 0, 1]) == 5e3
    np.testing.assert_array_equal(loss.backward(), [0, 0, 0.25, -0.25])
    np.testing.assert_array_equal(loss.y, [1, 0, 1, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_at_probabilities_0_and_1(dtype):
    loss = nn.CrossEntropy(eps=1e-7)
    p = np.array([[1.0, 0.0], [1.0, 0.0]], dtype)
    np.testing.assert_allclose(loss.forward(p, [0, 1]), (1 - np.log(1e-7)) / 2, rtol=1e-6)
    np.testing.assert_allclose(loss.backward(), [[-0.5, 0], [0, -0.5e7]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_at_probabilities_0_and_1(dtype):
    loss = nn.BinaryCrossEntropy(eps=1e-7)
    p = np.array([0.0, 1.0, 0.0, 1.0], dtype)
    np.testing.assert_allclose(loss.forward(p, [0, 1, 1, 0]), (1 - np.log(1e-7)) / 2, rtol=1e-6)
    np.testing.assert_allclose(loss.backward() * 4, [1, -1, -1e7, 1e7], rtol=1e-6)


def test_below_eps_the_gradient_is_that_of_the_value(slope):
    loss = nn.CrossEntropy(eps=0.1)
    p = np.array([[0.05, 0.95], [0.5, 0.5]])
    loss.forward(p, [0, 1])
    numerical = slope(lambda x: loss.forward(x, [0, 1]), p)
    loss.forward(p, [0, 1])
    np.testing.assert_allclose(loss.backward(), numerical, rtol=1e-9, atol=1e-12)


def test_binary_labels_of_one_output_may_be_flat(binary):
    p = np.array([[0.2], [0.7]])
    assert binary.forward(p, [0, 1]) == binary.forward(p, [[0], [1]])
    assert binary.backward().shape == (2, 1)


def test_inside_a_trace_the_labels_stay_an_argument():
    loss = nn.SoftmaxWithLoss()
    g = cp.trace(lambda x, t: loss.forward(x, t), X, np.array([0, 2]))
    assert "equal" in [node.operation for node in g]
    assert float(g.output) == float(loss.forward(X, [0, 2]))


def test_the_gradient_with_respect_to_soft_labels_is_there(slope):
    loss, t = nn.SoftmaxWithLoss(), np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
    scores = np.exp(X)
    wanted = -np.log(scores / scores.sum(axis=1, keepdims=True)) / 2
    np.testing.assert_allclose(cp.grad(lambda t: loss.forward(X, t))(t), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("t", "text"),
    [
        ([0, 3], "t[1] is 3. Why: it is out of range: the 3 classes count from 0 to 2."),
        ([0, -1], "t[1] is -1. Why: it is negative"),
        ([0, 1.5], "t[1] is 1.5. Why: a class number is a whole number from 0 to 2"),
        ([0, np.nan], "t[1] is nan. Why: a label that is missing has no class."),
        ([0, 1, 2], "t has shape (3,), the scores have shape (2, 3)."),
        ([[1, 0, 0], [1, 1, 0]], "the sum of the row t[1] is 2"),
    ],
)
def test_wrong_class_labels_are_named(loss, t, text):
    with pytest.raises(LabelError) as caught:
        loss.forward(X, t)
    assert str(caught.value).startswith(f"{type(loss).__name__}: {text}")
    assert "Write instead: " in str(caught.value)


@pytest.mark.parametrize(
    ("t", "text"),
    [
        ([0, 2], "t[1] is 2. Where: "),
        ([0, -0.1], "t[1] is -0.1. Where: "),
        ([0, np.nan], "t[1] is nan. Where: "),
        ([[0], [1]], "t has shape (2, 1), x has shape (2,). Where: "),
        (["no", "yes"], "t has shape (2,) and dtype <U3. Where: "),
    ],
)
def test_wrong_binary_labels_are_named(binary, t, text):
    with pytest.raises(LabelError) as caught:
        binary.forward(np.array([0.5, 0.5]), t)
    assert str(caught.value).startswith(f"{type(binary).__name__}: {text}")
    assert "Write instead: " in str(caught.value)


def test_an_empty_batch_has_no_mean(loss):
    with pytest.raises(ShapeError) as caught:
        loss.forward(np.zeros((0, 3)), [])
    text = str(caught.value)
    assert text.startswith(f"{type(loss).__name__}: the scores have shape (0, 3). Where: ")
    assert "there is no mean over none. Write instead: scores.reshape(N, C)" in text


def test_an_empty_binary_batch_has_no_mean(binary):
    with pytest.raises(ShapeError, match=r"x has shape \(0,\).*there is no mean over none"):
        binary.forward(np.zeros(0), [])


def test_eps_out_of_range_is_named():
    with pytest.raises(errors.OptionError, match=r"CrossEntropy: eps is 0\. Where: "):
        nn.CrossEntropy(eps=0)


@pytest.mark.parametrize("loss", [nn.SoftmaxWithLoss(), nn.NLL(), nn.KL(), nn.CrossEntropy()])
def test_the_probabilities_of_classes_are_those_of_the_loss(loss):
    p = np.array([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]])
    predicted = p if isinstance(loss, nn.CrossEntropy) else np.log(p)
    np.testing.assert_allclose(loss.probabilities(predicted), p, rtol=1e-14)


def test_the_probabilities_of_outputs_of_0_and_1():
    p = np.array([[0.2, 0.7]])
    np.testing.assert_array_equal(nn.BinaryCrossEntropy().probabilities(p), p)
    found = nn.SigmoidWithLoss().probabilities(np.log(p / (1 - p)))
    np.testing.assert_allclose(found, p, rtol=1e-14)


def test_numbers_have_no_probabilities():
    with pytest.raises(OptionError, match=r"probabilities: the loss is MSE, which is of numbers"):
        nn.MSE().probabilities(np.ones((2, 1)))
