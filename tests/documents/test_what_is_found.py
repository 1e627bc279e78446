"""Every layer of the five documents is found, with its line; and nothing else is."""

import pytest
from documents.document import folder

from clearprop.check.handwritten.finding import find
from clearprop.check.handwritten.loading import load
from clearprop.check.handwritten.reading import read

FOUND = {
    "000": {
        "mulLayer": ("layer", 16),
        "addLayer": ("layer", 70),
        "ReLU": ("layer", 159),
        "expLayer": ("layer", 189),
        "oneDivLayer": ("layer", 204),
        "sigmoidLayer": ("layer", 219),
        "sigmoid": ("layer", 262),
        "affine": ("layer", 323),
    },
    "001": {
        "MulLayer": ("layer", 89),
        "AddLayer": ("layer", 133),
        "Relu": ("layer", 204),
        "Sigmoid": ("layer", 273),
        "Affine": ("layer", 329),
        "SoftmaxWithLoss": ("layer", 360),
    },
    "002": {
        "ActivationReLU": ("layer", 108),
        "LossCrossEntropy": ("layer", 155),
        "ActivationSoftMax": ("layer", 260),
        "ActivationLoss": ("layer", 377),
    },
    "003": {
        "Dense Layer": ("layer", 68),
        "ReLu": ("layer", 124),
        "Categorical Cross-Entropy loss": ("layer", 146),
        "Softmax": ("layer", 197),
        "Sigmoid": ("layer", 241),
        "Binary Cross-Entropy loss": ("layer", 260),
    },
    "004": {
        "AddLayer": ("layer", 47),
        "MulLayer": ("layer", 74),
        "Relu": ("layer", 128),
        "Sigmoid": ("layer", 146),
        "Affine": ("layer", 161),
        "SoftmaxWithLoss": ("layer", 189),
        "Dropout": ("layer", 214),
        "BatchNormalization": ("layer", 233),
        "Convolution": ("layer", 316),
        "Pooling": ("layer", 362),
        "TwoLayerNet": ("network", 432),
    },
}

#: Those without a forward, and what they are judged by.
WITHOUT_FORWARD = {
    "000": {},
    "001": {},
    "002": {
        "LossCrossEntropy": "cross-entropy",
        "ActivationSoftMax": "softmax",
        "ActivationLoss": "softmax with cross-entropy",
    },
    "003": {
        "ReLu": "relu",
        "Categorical Cross-Entropy loss": "cross-entropy",
        "Softmax": "softmax",
        "Sigmoid": "sigmoid",
        "Binary Cross-Entropy loss": "binary cross-entropy",
    },
    "004": {},
}

BYSTANDERS = {
    "000": {},
    "001": {},
    "002": {"Loss": 149},
    "003": {},
    "004": {"softmax": 108, "cross_entropy_error": 111, "numerical_gradient": 409},
}

FROM_THE_PRELUDE = {
    "000": "",
    "001": "np, softmax, cross_entropy_error were taken from the prelude",
    "002": "ABC, abstractmethod, np were taken from the prelude",
    "003": "np was taken from the prelude",
    "004": "sigmoid, im2col, col2im were taken from the prelude",
}


@pytest.fixture(params=FOUND)
def number(request):
    return request.param


@pytest.fixture
def read_document(documents, number):
    (path,) = folder().glob(f"{number}*.txt")
    blocks = read(path)
    return blocks, load(blocks)


def test_what_has_a_backward(read_document, number):
    found, _ = find(*read_document)
    assert {each.name: (each.style, each.place.line) for each in found} == FOUND[number]
    assert not [each.problem for each in found if each.problem]


def test_what_is_judged_by_a_reference(read_document, number):
    found, _ = find(*read_document)
    without = {each.name: each.reference for each in found if each.forward is None}
    assert without == WITHOUT_FORWARD[number]


def test_what_has_none(read_document, number):
    _, bystanders = find(*read_document)
    assert {name: place.line for name, place in bystanders.items()} == BYSTANDERS[number]


def test_what_is_said_of_the_file(read_document, number, documents):
    blocks, loaded = read_document
    assert not [block.problem for block in blocks if block.problem]
    assert not loaded.failures
    prelude = "".join(note for note in loaded.notes if "prelude" in note)
    assert prelude == FROM_THE_PRELUDE[number]
    undefined = [note for note in loaded.notes if "defined nowhere" in note]
    line = documents["002"].line("CrossEntropyLoss()")
    expected = f"CrossEntropyLoss, used in line {line}, is defined nowhere"
    assert [note.partition(";")[0] for note in undefined] == [expected] * (number == "002")


def test_no_training_runs(read_document, number):
    """Document 004 trains for 10000 iterations; its network is there, its data is not."""
    _, loaded = read_document
    if number == "004":
        assert "load_mnist" in repr(loaded.namespace["x_train"])
        assert loaded.namespace["network"].params["W1"].shape == (784, 50)
        assert loaded.namespace["train_loss_list"] == []
