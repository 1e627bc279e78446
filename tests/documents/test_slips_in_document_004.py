"""Where the code of document 004 goes wrong: what it gives, and what is right."""

from types import SimpleNamespace

import numpy as np
import pytest
from documents.document import need_documents
from documents.windows import col2im, im2col

import clearprop as cp
from clearprop import nn
from clearprop.check import numerical_gradient
from clearprop.errors import ShapeError

need_documents()
close = np.testing.assert_allclose


@pytest.fixture
def document(documents):
    return documents["004"]


def softmax_with_loss(document):
    parts = ("def softmax", "def cross_entropy_error", "class SoftmaxWithLoss")
    return document.define(*parts)()


# ---- what does not run ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "layer"),
    [
        ("sigmoid", lambda d: d.define("class Sigmoid")()),
        ("im2col", lambda d: d.define("class Convolution")(np.ones((1, 1, 2, 2)), np.zeros(1))),
        ("im2col", lambda d: d.define("class Pooling")(2, 2)),
    ],
)
def test_004_calls_functions_that_it_does_not_have(document, missing, layer):
    where = document.at(f"{missing}(x")
    with pytest.raises(NameError, match=f"'{missing}' is not defined"):
        layer(document).forward(np.ones((1, 1, 4, 4)))
    assert not any(line.startswith(f"def {missing}") for line in document.lines), where
    assert nn.Sigmoid().forward(0.0) == 0.5
    assert nn.MaxPool2d(2).forward(np.ones((1, 1, 4, 4))).shape == (1, 1, 2, 2)


def test_004_affine_takes_no_single_sample(document):
    where = document.at("x = x.reshape(x.shape[0], -1)")
    W, b = np.ones((3, 2)), np.zeros(2)
    with pytest.raises(ValueError, match=r"shapes \(3,1\) and \(3,2\) not aligned"):
        document.define("class Affine")(W, b).forward(np.ones(3))
    assert nn.Affine(W, b).forward(np.ones(3)).tolist() == [3, 3], where


def test_004_pooling_leaves_the_padding_out_of_its_size(document):
    where = document.at("out_h = int(1 + (H - self.pool_h) / self.stride)")
    theirs = document.define("class Pooling", im2col=im2col, col2im=col2im)
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    with pytest.raises(ValueError, match="cannot reshape array of size 9 into shape"):
        theirs(2, 2, stride=2, pad=1).forward(x)
    ours = nn.MaxPool2d(2, stride=2, padding=1).forward(x)
    assert ours[0, 0].tolist() == [[0, 2, 3], [8, 10, 11], [12, 14, 15]], where


def test_004_convolution_counts_a_window_that_does_not_fit(document):
    """Because int() rounds towards 0, where // rounds down."""
    text = "out_h = 1 + int((H + 2*self.pad - FH) / self.stride)"
    where, line = document.at(text), document.lines[document.line(text) - 1].strip()
    sizes = {"H": 2, "FH": 3, "self": SimpleNamespace(stride=2, pad=0)}
    assert document.run(line, **sizes)["out_h"] == 1, where
    assert (2 - 3) // 2 + 1 == 0
    with pytest.raises(ShapeError, match="Not one position of it fits"):
        nn.Conv2d(np.ones((1, 1, 3, 3)), np.zeros(1), stride=2).forward(np.ones((1, 1, 2, 2)))


def test_004_pooling_widens_a_gradient_of_float32(document):
    where = document.at("dmax = np.zeros((dout.size, pool_size))")
    theirs = document.define("class Pooling", im2col=im2col, col2im=col2im)(2, 2)
    ours, x, dy = nn.MaxPool2d(2), np.ones((1, 1, 4, 4), "f4"), np.ones((1, 1, 2, 2), "f4")
    for layer, dtype in (theirs, np.float64), (ours, np.float32):
        assert layer.forward(x).dtype == np.float32
        assert layer.backward(dy).dtype == dtype, where


# ---- the loss ---------------------------------------------------------------------------------


def test_004_adds_1e_7_to_the_probability_of_the_loss_but_not_of_its_gradient(document):
    where = document.at("+ 1e-7"), document.at("dx = (self.y - self.t) / batch_size")
    theirs, ours = softmax_with_loss(document), nn.SoftmaxWithLoss()
    x, t = np.array([[0.0, 50.0]]), np.array([[1.0, 0.0]])
    assert theirs.forward(x, t) == pytest.approx(-np.log(1e-7)), where  # 16.1
    slope = numerical_gradient(lambda x: theirs.forward(x, t), x)
    close(slope, [[0, 0]], atol=1e-12)
    close(theirs.backward(), [[-1, 1]], err_msg=str(where))  # not the slope of its loss

    assert ours.forward(x, t) == pytest.approx(50)
    close(ours.backward(), [[-1, 1]])
    close(numerical_gradient(lambda x: ours.forward(x, t), x), [[-1, 1]])


def test_004_takes_a_soft_label_in_the_gradient_and_only_its_largest_part_in_the_loss(document):
    where = document.at("t = t.argmax(axis=1)"), document.at("dx = (self.y - self.t) / batch_size")
    theirs, ours = softmax_with_loss(document), nn.SoftmaxWithLoss()
    x, t = np.array([[1.0, 2.0, 3.0]]), np.array([[0.6, 0.4, 0.0]])
    y = np.exp(x) / np.exp(x).sum()
    assert theirs.forward(x, t) == pytest.approx(-np.log(y[0, 0]), rel=1e-5), where
    assert ours.forward(x, t) == pytest.approx(-np.sum(t * np.log(y)))
    close(theirs.backward(), y - t)
    close(ours.backward(), y - t)
    close(numerical_gradient(lambda x: ours.forward(x, t), x), y - t, rtol=1e-8)
    assert not np.allclose(numerical_gradient(lambda x: theirs.forward(x, t), x), y - t), where


def test_004_numerical_gradient_rounds_the_step_away_in_whole_numbers(document):
    where = document.at("x[idx] = tmp_val + h")
    theirs, x = document.define("def numerical_gradient"), np.array([3, 4])
    assert theirs(lambda x: np.sum(x * x), x).tolist() == [25_000, 35_000], where
    close(numerical_gradient(lambda x: np.sum(x * x), x), [6, 8], rtol=1e-8)


# ---- layers that behave otherwise in training -------------------------------------------------


def test_004_dropout_goes_back_through_the_mask_of_another_call(document):
    where = document.at("return dout * self.mask")
    theirs, ours = document.define("class Dropout")(0.5), nn.Dropout(0.5, inverted=False)
    x = np.ones(4)
    assert theirs.forward(x, train_flg=False).tolist() == [0.5] * 4
    with pytest.raises(TypeError, match="NoneType"):
        theirs.backward(x)
    theirs.forward(x)
    theirs.mask = np.array([True, False, True, True])  # of a forward in training
    theirs.forward(x, train_flg=False)
    assert theirs.backward(x).tolist() == [1, 0, 1, 1], where
    ours.forward(x)
    ours.forward(x, train=False)
    assert ours.backward(x).tolist() == [0.5] * 4


def test_004_batch_normalization_goes_back_through_the_statistics_of_another_call(document):
    where = document.at("dxc = dxn / self.std")
    theirs = document.define("class BatchNormalization")(np.ones(2), np.zeros(2))
    ours = nn.BatchNorm(np.ones(2), np.zeros(2), running_var=np.zeros(2))
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    close(theirs.forward(x), ours.forward(x))
    in_training = ours.backward(dy)
    close(theirs.backward(dy), in_training)

    close(theirs.forward(x, train_flg=False), ours.forward(x, train=False))
    close(theirs.backward(dy), in_training, err_msg=where)  # unchanged
    close(ours.backward(dy), dy / np.sqrt(ours.running_var + 1e-6))
    assert not np.allclose(in_training, ours.backward(dy)), where


def test_004_batch_normalization_that_has_seen_nothing_multiplies_by_1000(document):
    where = document.at("self.running_var = np.zeros(D)")
    theirs = document.define("class BatchNormalization")(np.ones(2), np.zeros(2))
    ours, x = nn.BatchNorm(np.ones(2), np.zeros(2)), np.array([[1.0, -2.0]])
    close(theirs.forward(x, train_flg=False), 1000 * x, err_msg=where)
    close(ours.forward(x, train=False), x, rtol=1e-6)


def test_004_batch_normalization_fails_where_only_a_running_mean_is_given(document):
    where = document.at("if self.running_mean is None")
    make = document.define("class BatchNormalization")
    with pytest.raises(TypeError, match="NoneType"):
        make(np.ones(2), np.zeros(2), running_mean=np.zeros(2)).forward(np.ones((3, 2)))
    ours = nn.BatchNorm(np.ones(2), np.zeros(2), running_mean=np.zeros(2))
    assert ours.forward(np.ones((3, 2))).tolist() == np.zeros((3, 2)).tolist(), where


# ---- the loop ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch_size", "found", "right"), [(100, 17, 17), (128, 6, 22)])
def test_004_skips_epochs_where_the_batches_do_not_divide_the_data(
    document, batch_size, found, right
):
    where = document.at("iter_per_epoch = max("), document.at("if i % iter_per_epoch == 0")
    text = document.lines[document.line("iter_per_epoch = max(") - 1]
    names = document.run(text, train_size=60_000, batch_size=batch_size)
    assert isinstance(names["iter_per_epoch"], float), where
    evaluated = [i for i in range(10_000) if i % names["iter_per_epoch"] == 0]
    begun = {i * batch_size // 60_000 for i in range(10_000)}
    assert (len(evaluated), len(begun)) == (found, right), where


def test_004_does_not_evaluate_the_network_that_it_ends_with(document):
    where = document.at("iters_num = 10000"), document.at("if i % iter_per_epoch == 0")
    rows = [line.split() for line in document.lines if line.startswith("    0.")]
    assert len(rows) == 17, where
    assert rows[-1] == ["0.9771833333333333", "0.9687"]
    assert range(0, 10_000, 600)[-1] == 9_600, where  # 399 updates follow

    rng = np.random.default_rng(0)
    x, t = rng.random((120, 4)), rng.integers(3, size=120)
    net = nn.TwoLayerNet(4, 5, 3)
    metrics = cp.train.fit(net, ((x, t), (x, t)), batch=100, iterations=10)
    assert metrics.rows[-1].iteration == 10
    assert metrics.rows[-1].train_accuracy == net.accuracy(x, t)
