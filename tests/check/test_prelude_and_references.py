"""The names a text assumes, against their definitions; named forwards, and what proposes them."""

import numpy as np
import pytest
from check.writing import load_text

import clearprop as cp
from clearprop.check.handwritten import prelude
from clearprop.check.handwritten.references import REFERENCES, reference, reference_for
from clearprop.errors import OptionError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
LABELS = np.array([0, 2, 1, 2])
ONE_HOT = np.eye(3)[LABELS]


@pytest.fixture
def space(tmp_path):
    """The prelude as a module of a user has it."""
    return load_text(tmp_path, f"def f(): return {', '.join(sorted(prelude.NAMES))}").namespace


def windows(x, size, stride, pad):
    """Give every window of images, read off one by one."""
    padded = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    count = (padded.shape[2] - size) // stride + 1
    return [
        padded[n, :, i * stride : i * stride + size, j * stride : j * stride + size].ravel()
        for n in range(len(x))
        for i in range(count)
        for j in range(count)
    ]


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1), (3, 2)])
def test_im2col_and_its_transpose(space, stride, pad):
    x = RNG.normal(size=(2, 3, 7, 7))
    col = space["im2col"](x, 3, 3, stride, pad)
    np.testing.assert_array_equal(col, windows(x, 3, stride, pad))
    weights = RNG.normal(size=col.shape)
    back = space["col2im"](weights, x.shape, 3, 3, stride, pad)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.sum(back * x), np.sum(weights * col))


def test_the_cross_entropy_takes_both_forms_of_labels(space):
    y = space["softmax"](X)
    np.testing.assert_allclose(y.sum(1), 1)
    expected = -np.mean(np.log(y[np.arange(4), LABELS]))
    for t in (LABELS, ONE_HOT):
        np.testing.assert_allclose(space["cross_entropy_error"](y, t), expected)
    np.testing.assert_allclose(space["cross_entropy_error"](y[0], ONE_HOT[0]), -np.log(y[0, 0]))
    np.testing.assert_array_equal(space["one_hot"](LABELS), ONE_HOT)


def test_the_prelude_can_be_differentiated(space):
    x = RNG.normal(size=(2, 2, 5, 5))
    functions = [
        lambda v: space["im2col"](v, 3, 3, 2, 1),
        lambda v: space["col2im"](v, (2, 2, 4, 4), 2, 2, 2, 0),
        lambda v: space["cross_entropy_error"](space["softmax"](v), LABELS),
        lambda v: space["cross_entropy_error"](space["softmax"](v), ONE_HOT),
        lambda v: space["mean_squared_error"](space["sigmoid"](v), space["tanh"](v)),
        space["relu"],
    ]
    arguments = [x, RNG.normal(size=(8, 8)), X, X, X, X]
    for function, argument in zip(functions, arguments, strict=True):
        assert cp.check(function, argument).ok


def test_only_what_is_asked_for_is_given():
    names = {}
    assert list(prelude.provide({"softmax", "Affine", "train"}, names)) == ["softmax"]
    assert set(names) >= {"softmax", "np"}
    assert "Affine" not in names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Dense Layer"], "affine"),
        (["Layer_Dense"], "affine"),
        (["FC"], "affine"),
        (["ReLu"], "relu"),
        (["Activation_ReLU"], "relu"),
        (["LeakyReLU"], "leaky relu"),
        (["GELU"], ""),
        (["ActivationSoftMax"], "softmax"),
        (["LogSoftmax"], "log softmax"),
        (["LossCrossEntropy"], "cross-entropy"),
        (["Categorical Cross-Entropy loss"], "cross-entropy"),
        (["Binary Cross-Entropy loss"], "binary cross-entropy"),
        (["ActivationLoss"], "softmax with cross-entropy"),
        (["SoftmaxWithLoss"], "softmax with cross-entropy"),
        (["Activation_Softmax_Loss_CategoricalCrossentropy"], "softmax with cross-entropy"),
        (["SigmoidWithLoss"], "sigmoid with binary cross-entropy"),
        (["MSE"], "mean squared error"),
        (["Loss_MeanSquaredError"], "mean squared error"),
        (["mulLayer"], "multiply"),
        (["AddLayer"], "add"),
        (["padding"], ""),
        (["Tanh"], "tanh"),
        (["Layer", "Implementation", "五、Sigmoid"], "sigmoid"),
        (["Network"], ""),
    ],
)
def test_what_a_name_proposes(names, expected):
    assert reference_for(*names) == expected


def test_a_reference_by_its_name():
    assert reference("softmax").name == reference("Soft-Max").name == "softmax"
    with pytest.raises(OptionError, match=r"There is no reference 'nonsense'.*one of: .*affine"):
        reference("nonsense")


def arguments_of(found):
    """Give arguments that a reference accepts; probabilities where it wants them."""
    x = np.exp(X) / np.exp(X).sum(1, keepdims=True) if found.positive else X
    given = {"x": x, "W": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2), "t": ONE_HOT}
    given["y"] = RNG.normal(size=(4, 3))
    return {name: given[name] for name in found.arguments}


@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference_is_differentiated_as_its_numbers_say(name):
    found = REFERENCES[name]
    given = arguments_of(found)
    assert cp.check(lambda *moved: found.forward(*moved), *given.values()).ok
    assert set(found.attributes.values()) <= {*found.arguments, *found.values}
    assert found.given in {"dy", *found.arguments, *found.values}
    for function in found.values.values():
        assert np.all(np.isfinite(function(*given.values())))
    for other in found.alternatives:
        assert other in REFERENCES


@pytest.mark.parametrize("name", [n for n, found in REFERENCES.items() if found.labels])
def test_labels_are_rows_with_a_single_one(name):
    found = REFERENCES[name]
    x = arguments_of(found)["x"]
    np.testing.assert_allclose(found.forward(x, LABELS), found.forward(x, ONE_HOT))


def test_the_losses_by_hand():
    p = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    logs = -np.log(p[np.arange(4), LABELS]).mean()
    np.testing.assert_allclose(reference("cross-entropy").forward(p, LABELS), logs)
    np.testing.assert_allclose(reference("softmax with cross-entropy").forward(X, LABELS), logs)
    s = 1 / (1 + np.exp(-X))
    binary = -(ONE_HOT * np.log(s) + (1 - ONE_HOT) * np.log(1 - s)).sum() / 4
    np.testing.assert_allclose(reference("binary cross-entropy").forward(s, ONE_HOT), binary)
    combined = reference("sigmoid with binary cross-entropy")
    np.testing.assert_allclose(combined.forward(X, ONE_HOT), binary)
    margins = [max(0, X[i, j] - X[i, LABELS[i]] + 1) for i in range(4) for j in range(3)]
    np.testing.assert_allclose(reference("hinge").forward(X, LABELS), (sum(margins) - 4) / 4)
