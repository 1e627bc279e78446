"""Where the documents choose otherwise than clearprop, or than each other, and nobody is wrong."""

import numpy as np
import pytest
from documents.document import need_documents
from documents.windows import col2im, im2col

from clearprop import nn

need_documents()
close = np.testing.assert_allclose
rng = np.random.default_rng(0)


def test_002_takes_probabilities_where_a_gradient_arrives_elsewhere(documents):
    """The dvalues of ActivationLoss.backward are the outputs of softmax, not a gradient."""
    names = {"ActivationSoftMax": dict, "CrossEntropyLoss": dict}  # made, and not used
    both = documents["002"].define("class ActivationLoss", **names)
    theirs, ours, scores = both(), nn.SoftmaxWithLoss(), rng.normal(size=(4, 3))
    target = np.array([2, 0, 1, 1])
    ours.forward(scores, target)
    theirs.backward(ours.y, target)
    close(ours.backward(), theirs.dinputs)


def test_002_multiplies_the_jacobian_from_the_other_side_which_is_the_same_as_it_is_symmetric(
    documents,
):
    theirs, ours = documents["002"].define("class ActivationSoftMax")(), nn.Softmax()
    scores, dy = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    theirs.output = ours.forward(scores)
    theirs.backward(dy)
    close(ours.backward(dy), theirs.dinputs)


def test_003_has_a_bias_of_one_row_and_a_gradient_of_that_shape(documents):
    theirs = type("Theirs", (), {})()
    theirs.input, theirs.weight, dy = np.ones((3, 2)), np.ones((2, 2)), rng.normal(size=(3, 2))
    documents["003"].define("def backward", after="### 一、Dense Layer")(theirs, dy)
    assert theirs.dbias.shape == (1, 2)
    for shape in (1, 2), (2,):
        ours = nn.Affine(np.ones((2, 2)), np.zeros(shape))
        ours.forward(theirs.input)
        close(ours.backward(dy), theirs.dinput)
        close(ours.dW, theirs.dweight)
        close(ours.db, theirs.dbias.reshape(shape))


@pytest.mark.parametrize("p", [0.0, 1e-8, 0.3, 1.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_003_keeps_binary_probabilities_1e_7_away_from_0_and_1(documents, p, y):
    """Its slope goes on constant there, and so does ours, with a loss that fits to it."""
    theirs, ours = type("Theirs", (), {})(), nn.BinaryCrossEntropy()
    p, y = np.array([p]), np.array([y])
    documents["003"].define("def backward", after="### 六、Binary")(theirs, p, y)
    ours.forward(p, y)
    close(ours.backward(), theirs.dinput, rtol=2e-7)


def test_004_dropout_scales_in_inference_and_not_in_training(documents):
    theirs, x = documents["004"].define("class Dropout")(0.25), np.ones((50, 40))
    np.random.seed(0)  # noqa: NPY002  the document draws from it
    same, other = nn.Dropout(0.25, inverted=False), nn.Dropout(0.25)
    assert set(np.unique(theirs.forward(x))) == set(np.unique(same.forward(x))) == {0, 1}
    assert set(np.unique(other.forward(x))) == {0, 1 / 0.75}
    close(theirs.forward(x, train_flg=False), same.forward(x, train=False))
    close(other.forward(x, train=False), x)


def test_004_batch_normalization_has_an_epsilon_of_1e_6_written_10e_7(documents):
    document = documents["004"]
    assert "10e-7" in document.at("std = np.sqrt(var +")
    assert nn.BatchNorm.initial(1).eps == 1e-6


def test_004_batch_normalization_takes_each_pixel_for_itself(documents):
    """Its source, section 3.2, takes the pixels of a channel together; so does ours, by default."""
    document = documents["004"]
    theirs = document.define("class BatchNormalization")(np.ones(12), np.zeros(12))
    same = nn.BatchNorm(np.ones(12), np.zeros(12), per_activation=True)
    x, dy = rng.normal(size=(5, 3, 2, 2)), rng.normal(size=(5, 3, 2, 2))
    close(theirs.forward(x), same.forward(x))
    close(theirs.backward(dy), same.backward(dy), atol=1e-14)
    close((theirs.dgamma, theirs.dbeta), (same.dgamma, same.dbeta))
    channels = nn.BatchNorm(np.ones(3), np.zeros(3)).forward(x)
    close(channels.mean(axis=(0, 2, 3)), 0, atol=1e-15)
    with pytest.raises(ValueError, match="broadcast"):
        document.define("class BatchNormalization")(np.ones(3), np.zeros(3)).forward(x)


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1)])
def test_004_convolution_is_ours(documents, stride, pad):
    W, b, x = rng.normal(size=(4, 3, 2, 2)), rng.normal(size=4), rng.normal(size=(2, 3, 5, 5))
    make = documents["004"].define("class Convolution", im2col=im2col, col2im=col2im)
    theirs, ours = make(W, b, stride, pad), nn.Conv2d(W, b, stride, pad)
    y = theirs.forward(x)
    close(ours.forward(x), y, atol=1e-14)
    dy = rng.normal(size=y.shape)
    close(ours.backward(dy), theirs.backward(dy), atol=1e-13)
    close(ours.dW, theirs.dW, atol=1e-13)
    close(ours.db, theirs.db)


def test_004_pooling_without_padding_is_ours(documents):
    make = documents["004"].define("class Pooling", im2col=im2col, col2im=col2im)
    theirs, ours = make(2, 2), nn.MaxPool2d(2)
    x = rng.integers(0, 3, size=(2, 3, 6, 6)).astype(float)  # with ties: the first one wins
    close(ours.forward(x), theirs.forward(x))
    dy = rng.normal(size=(2, 3, 3, 3))
    close(ours.backward(dy), theirs.backward(dy))
