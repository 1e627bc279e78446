"""Where the code of documents 000 to 003 goes wrong: what it gives, and what is right.

Each test runs the code as the document has it, and a message names the document and the line.
"""

from abc import ABC, abstractmethod
from types import SimpleNamespace

import numpy as np
import pytest
from documents.document import need_documents

import clearprop as cp
from clearprop import nn

need_documents()
close = np.testing.assert_allclose
S = np.array([[0.2, 0.3, 0.5]])


# ---- document 000 -----------------------------------------------------------------------------


def test_000_affine_multiplies_by_the_gradient_of_the_weights_instead_of_the_weights(documents):
    document = documents["000"]
    where = document.at("dx = np.dot(dl, self.dw.T)")
    W, x, dy = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 1]]), np.array([[1.0, 0]])
    theirs, ours = document.define("class affine")(W, np.zeros(2)), nn.Affine(W, np.zeros(2))
    theirs.forward(x)
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'T'"):
        theirs.backward(dy)

    theirs.dw = np.zeros((2, 2))  # as if there had been a first time
    theirs.backward(dy)
    ours.forward(x)
    close(theirs.backward(dy), dy @ theirs.dw.T, err_msg=where)
    assert theirs.backward(dy).tolist() == [[1, 1]], where
    assert ours.backward(dy).tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("number", "name"), [("000", "class ReLU"), ("001", "class Relu"), ("004", "class Relu")]
)
def test_relu_writes_into_the_gradient_of_its_caller(documents, number, name):
    where = documents[number].at("dout[self.mask] = 0", name)
    for layer, left in [(documents[number].define(name)(), [0, 5]), (nn.ReLU(), [5, 5])]:
        dy = np.array([5.0, 5])
        layer.forward(np.array([-1.0, 1]))
        assert layer.backward(dy).tolist() == [0, 5]
        assert dy.tolist() == left, where


def test_000_add_gives_one_array_twice_so_that_a_relu_behind_it_spoils_the_other_branch(documents):
    document = documents["000"]
    where = document.at("dy = dout", "class addLayer"), document.at("dout[self.mask] = 0")

    def influences(add, left, right):
        """Of a and b in relu(a) + relu(b)."""
        add.forward(left.forward(np.array([-1.0, 1])), right.forward(np.array([1.0, 1])))
        da, db = add.backward(np.ones(2))
        return left.backward(da).tolist(), right.backward(db).tolist()

    add, relu = document.define("class addLayer"), document.define("class ReLU")
    assert influences(add(), relu(), relu()) == ([0, 1], [0, 1]), where
    assert influences(nn.Add(), nn.ReLU(), nn.ReLU()) == ([0, 1], [1, 1])


@pytest.mark.parametrize("number", ["000", "001", "004"])
def test_a_number_that_meets_an_array_gets_a_gradient_of_another_shape(documents, number):
    name = "class mulLayer" if number == "000" else "class MulLayer"
    where = documents[number].at("dy = dout * self.x", name)
    theirs, ours, x = documents[number].define(name)(), nn.Mul(), np.array([1.0, 2, 3])
    for layer in theirs, ours:
        layer.forward(x, -1.0)
    assert theirs.backward(np.ones(3))[1].tolist() == [1, 2, 3], where
    assert ours.backward(np.ones(3))[1] == 6  # the derivative of a number is a number


@pytest.mark.parametrize(
    ("number", "name"), [("000", "class ReLU"), ("001", "class Relu"), ("004", "class Relu")]
)
def test_relu_takes_no_single_number(documents, number, name):
    where = documents[number].at("out[self.mask] = 0", name)
    with pytest.raises(TypeError, match="does not support item assignment"):
        documents[number].define(name)().forward(np.float64(-2))
    assert nn.ReLU().forward(np.float64(-2)) == 0, where


def test_000_tests_its_fused_sigmoid_with_the_other_class(documents):
    document = documents["000"]
    where = document.at("test = ", after="class sigmoid:")
    assert where.endswith("test = sigmoidLayer()"), where
    theirs, ours, ones = document.define("class sigmoid:")(), nn.Sigmoid(), np.array([1, 1, 1])
    close(theirs.forward(ones), ours.forward(ones), rtol=1e-15)  # the class is right, though
    close(theirs.backward(ones), ours.backward(ones), rtol=1e-15)


def test_000_the_sigmoid_of_four_layers_is_nan_far_below_0(documents):
    document = documents["000"]
    where = document.at("dx = dout * (-(1 / (self.x * self.x)))")
    parts = ("class mulLayer", "class addLayer", "class expLayer", "class oneDivLayer")
    theirs, ours = document.define(*parts, "class sigmoidLayer")(), nn.Sigmoid()
    x = np.array([-400.0, -1000])
    with np.errstate(all="ignore"):
        theirs.forward(x)
        found = theirs.backward(np.ones(2))
    assert found[0] == 0, where
    assert np.isnan(found[1]), where
    ours.forward(x)
    close(ours.backward(np.ones(2)), [np.exp(-400), 0], rtol=1e-13)


# ---- document 001 -----------------------------------------------------------------------------


def test_001_the_formula_for_dw_has_no_outer_product_for_its_single_sample(documents):
    document = documents["001"]
    where = (
        document.at(r"\frac{\partial L}{\partial W}=X^T"),
        document.at("self.x.T", "class Affine"),
    )
    affine, x = document.define("class Affine"), np.array([1.0, 2])
    theirs, ours = affine(np.ones((2, 3)), np.zeros(3)), nn.Affine(np.ones((2, 3)), np.zeros(3))
    dy = np.array([1.0, 2, 3])
    theirs.forward(x)
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\) not aligned"):
        theirs.backward(dy)
    ours.forward(x)
    ours.backward(dy)
    assert ours.dW.tolist() == [[1, 2, 3], [2, 4, 6]]
    assert ours.db.tolist() == [1, 2, 3]

    square = affine(np.ones((3, 3)), np.zeros(3))  # here it goes unnoticed
    square.forward(dy)
    square.backward(dy)
    assert (square.dW, square.db) == (14, 6), where


@pytest.mark.parametrize("number", ["001", "004"])
def test_softmax_with_loss_divides_a_single_sample_by_the_number_of_classes(documents, number):
    document = documents[number]
    where = document.at("batch_size = self.t.shape[0]")
    names = {
        "softmax": documents["004"].define("def softmax"),
        "cross_entropy_error": documents["004"].define("def cross_entropy_error"),
    }
    theirs, ours = document.define("class SoftmaxWithLoss", **names)(), nn.SoftmaxWithLoss()
    x, t = np.zeros(3), np.array([1, 0, 0])
    for layer in theirs, ours:
        assert layer.forward(x, t) == pytest.approx(np.log(3), rel=1e-6)
    close(theirs.backward(), np.array([-2, 1, 1]) / 9, err_msg=str(where))
    close(ours.backward(), np.array([-2, 1, 1]) / 3)


@pytest.mark.parametrize("number", ["001", "004"])
def test_softmax_with_loss_ignores_the_gradient_that_arrives(documents, number):
    document = documents[number]
    where = document.at("def backward(self, dout=1)")
    theirs, ours = document.define("class SoftmaxWithLoss")(), nn.SoftmaxWithLoss()
    theirs.t, theirs.y = np.array([[1.0, 0]]), np.array([[0.5, 0.5]])
    ours.forward(np.zeros((1, 2)), theirs.t)
    assert theirs.backward(2.0).tolist() == theirs.backward(1.0).tolist() == [[-0.5, 0.5]], where
    assert ours.backward(2.0).tolist() == [[-1, 1]]


def test_001_uses_two_functions_that_it_does_not_have(documents):
    layer = documents["001"].define("class SoftmaxWithLoss")()
    with pytest.raises(NameError, match="'softmax'"):
        layer.forward(np.zeros((1, 3)), np.array([[1, 0, 0]]))
    assert nn.SoftmaxWithLoss().forward(np.zeros((1, 3)), [[1, 0, 0]]) == pytest.approx(np.log(3))


# ---- document 002 -----------------------------------------------------------------------------


def losses(document):
    names = {"ABC": ABC, "abstractmethod": abstractmethod}
    return document.define("class Loss(ABC)", "class LossCrossEntropy(Loss)", **names)


def test_002_names_a_class_that_does_not_exist(documents):
    document = documents["002"]
    where = document.at("CrossEntropyLoss()"), document.at("class LossCrossEntropy")
    both = document.define("class ActivationSoftMax", "class ActivationLoss")
    with pytest.raises(NameError, match="'CrossEntropyLoss' is not defined") as error:
        both()
    assert "LossCrossEntropy" not in str(error.value), where


def test_002_has_no_forward_passes(documents):
    document = documents["002"]
    softmax = document.define("class ActivationSoftMax")
    both = document.define("class ActivationLoss", ActivationSoftMax=softmax, CrossEntropyLoss=dict)
    scores, target = np.zeros((1, 3)), np.array([0])
    assert softmax().forward(scores) is None, document.at("pass", "class ActivationSoftMax")
    assert losses(document)().forward(scores, target) is None, document.at("pass", "(Loss):")
    assert both().forward(scores, target) is None, document.at("pass", "class ActivationLoss")
    with pytest.raises(AttributeError, match="'output'"):
        softmax().backward(np.ones((1, 3)))
    close(nn.Softmax().forward(scores), [[1 / 3, 1 / 3, 1 / 3]])
    assert nn.SoftmaxWithLoss().forward(scores, target) == pytest.approx(np.log(3))


@pytest.mark.parametrize("number", ["002", "003"])
def test_a_class_of_probability_0_gets_nan(documents, number):
    document = documents[number]
    p, t, theirs, ours = np.array([[0.0, 1]]), np.array([1]), SimpleNamespace(), nn.CrossEntropy()
    text, after, name = {
        "002": ("(-target / dvalues)", "class LossCrossEntropy", "dinputs"),
        "003": ("- label / y_pred", "### 三、Categorical", "dinput"),
    }[number]
    where = document.at(text)
    with np.errstate(invalid="ignore"):
        document.define("def backward", after=after)(theirs, p, t)
    found = getattr(theirs, name)
    assert np.isnan(found[0, 0]), where
    ours.forward(p, t)
    assert ours.backward().tolist() == [[0, -1]]


def test_002_takes_no_list_though_its_example_is_one(documents):
    document = documents["002"]
    target = document.run(document.source("target = [0"))["target"]
    with pytest.raises(AttributeError, match="'list' object has no attribute 'ndim'"):
        losses(document)().backward(np.full((6, 3), 1 / 3), target)
    ours = nn.CrossEntropy()
    ours.forward(np.full((6, 3), 1 / 3), target)
    close(ours.backward(), -cp.data.one_hot(target, 3) * 3 / 6)


@pytest.mark.parametrize("number", ["002", "003"])
def test_softmax_cuts_off_decimals_where_dvalues_are_whole_numbers(documents, number):
    document = documents[number]
    where = document.at("np.empty_like(dvalue")
    theirs, ours, dy = SimpleNamespace(output=S), nn.Softmax(), np.array([[0, 0, 1]])
    after = {"002": "class ActivationSoftMax", "003": "### 四、Softmax"}[number]
    document.define("def backward", after=after)(theirs, dy)
    found = theirs.dinputs if number == "002" else theirs.dinput
    assert found.tolist() == [[0, 0, 0]], where
    ours.forward(np.log(S))
    close(ours.backward(dy), [[-0.1, -0.15, 0.25]])


def test_002_softmax_is_right_for_floats(documents):
    theirs, ours, dy = SimpleNamespace(output=S), nn.Softmax(), np.array([[0.3, -2.0, 1.0]])
    documents["002"].define("def backward", after="class ActivationSoftMax")(theirs, dy)
    ours.forward(np.log(S))
    close(ours.backward(dy), theirs.dinputs)


def test_002_softmax_and_loss_takes_only_the_most_probable_label(documents):
    document = documents["002"]
    where = (
        document.at("target = np.argmax(target, axis=1)"),
        document.at("-y_{i,k} + \\sum_{j}^{n}"),
    )
    both = document.define("class ActivationLoss", ActivationSoftMax=dict, CrossEntropyLoss=dict)
    theirs, ours, y = both(), nn.SoftmaxWithLoss(), np.array([[0.6, 0.4, 0]])
    theirs.backward(S, y)
    close(theirs.dinputs, S - [[1, 0, 0]], err_msg=str(where))
    ours.forward(np.log(S), y)
    close(ours.backward(), S - y)  # its own formula


# ---- document 003 -----------------------------------------------------------------------------


def test_003_softmax_multiplies_two_vectors_into_a_number(documents):
    document = documents["003"]
    where = document.at("np.diagflat(single_output)-np.dot(single_output.T,single_output)")
    theirs, ours, dy = SimpleNamespace(output=S), nn.Softmax(), np.array([[0.0, 0, 1]])
    document.define("def backward", after="### 四、Softmax")(theirs, dy)
    close(theirs.dinput, S * dy - np.sum(S * S) * np.sum(dy), err_msg=where)
    close(theirs.dinput, [[-0.38, -0.38, 0.12]], err_msg=where)
    ours.forward(np.log(S))
    close(ours.backward(dy), [[-0.1, -0.15, 0.25]])
    close(dy @ (np.diagflat(S) - np.outer(S, S)), [[-0.1, -0.15, 0.25]])


def test_003_the_product_in_a_comment_is_no_gradient_of_the_bias(documents):
    document = documents["003"]
    where, text = document.at("# self.dbias ="), document.lines[document.line("# self.dbias =") - 1]
    dvalue, x = np.array([[1.0, 2], [3, 4], [5, 6]]), np.ones((3, 2))
    theirs = SimpleNamespace(bias=np.zeros(2), input=x, weight=np.ones((2, 2)))
    document.run(text.partition("#")[2].strip(), self=theirs, dvalue=dvalue)
    assert theirs.dbias.tolist() == [[3, 3], [7, 7], [11, 11]], where

    document.define("def backward", after="### 一、Dense Layer")(theirs, dvalue)
    ours = nn.Affine(np.ones((2, 2)), np.zeros(2))
    ours.forward(x)
    ours.backward(dvalue)
    assert theirs.dbias.tolist() == [[9, 12]]  # the line below the comment is right
    assert ours.db.tolist() == [9, 12]
    close(np.ones((1, 3)) @ dvalue, [[9, 12]])  # the product that was meant


def test_003_binary_loss_makes_a_square_of_labels_n_and_predictions_n_by_1(documents):
    document = documents["003"]
    where = document.at("self.dinput = - y_true / y_pred +")
    theirs, ours = SimpleNamespace(), nn.BinaryCrossEntropy()
    p, y = np.array([[0.5], [0.25], [0.25]]), np.array([1, 0, 1])
    document.define("def backward", after="### 六、Binary")(theirs, p, y)
    assert theirs.dinput.shape == (3, 3), where
    ours.forward(p, y)
    close(ours.backward(), np.array([[-2], [4 / 3], [-4]]) / 3)
