"""Generated backward passes are about as short as those that the documents write by hand."""

import ast

import numpy as np
import pytest
from documents.document import need_documents

import clearprop as cp
from clearprop.rules.convolution import window_argmax
from clearprop.rules.exponential import sigmoid
from clearprop.rules.loss import softmax_cross_entropy
from clearprop.rules.reduction import softmax

need_documents()

RNG = np.random.default_rng(0)
ROWS, LABELS = RNG.normal(size=(4, 3)), np.array([0, 2, 1, 0])
ONE_HOT = np.eye(3, dtype=int)[LABELS]
IMAGES = RNG.normal(size=(2, 3, 6, 6))


def affine(x, W, b):
    return x @ W + b


def batch_norm(x, gamma, beta):
    mu = np.mean(x, axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    std = np.sqrt(var + 1e-6)
    xn = xc / std
    return gamma * xn + beta


def convolution(x, W, b):
    FN, _, FH, FW = W.shape
    N = len(x)
    col = np.lib.stride_tricks.sliding_window_view(x, (FH, FW), axis=(2, 3))
    OH, OW = col.shape[2:4]
    col = col.transpose(0, 2, 3, 1, 4, 5).reshape(N * OH * OW, -1)
    out = col @ W.reshape(FN, -1).T + b
    return out.reshape(N, OH, OW, FN).transpose(0, 3, 1, 2)


def pooling(x):
    N, C, H, W = x.shape
    winners = window_argmax(x, size=(2, 2), stride=(2, 2), padding=(0, 0)).reshape(N, C, -1)
    y = np.take_along_axis(x.reshape(N, C, H * W), winners, axis=2)
    return y.reshape(N, C, H // 2, W // 2)


def categorical(y, t):
    return -np.mean(np.log(y[np.arange(len(t)), t]))


def two_layers(x, W1, b1, W2, b2, t):
    h = np.maximum(x @ W1 + b1, 0)
    scores = h @ W2 + b2
    return np.mean(softmax_cross_entropy(scores, t))


def two_layers_unfused(x, W1, b1, W2, b2, t):
    h = np.maximum(x @ W1 + b1, 0)
    y = softmax(h @ W2 + b2)
    return -np.mean(np.log(y[np.arange(len(t)), t]))


NET = (ROWS, RNG.normal(size=(3, 5)), np.zeros(5), RNG.normal(size=(5, 3)), np.zeros(3))
AFFINE = (ROWS, RNG.normal(size=(3, 5)), np.zeros(5))
MASK = ROWS > 0

#: What is compared: ours, its arguments, and (document, class) of every backward it is worth.
LAYERS = {
    "multiply": (lambda x, y: x * y, (2.0, 3.0), [("001", "MulLayer")]),
    "add": (lambda x, y: x + y, (2.0, 3.0), [("001", "AddLayer")]),
    "exp": (lambda x: np.exp(x), (ROWS,), [("000", "class expLayer")]),
    "reciprocal": (lambda x: 1 / x, (ROWS,), [("000", "class oneDivLayer")]),
    "relu": (lambda x: np.maximum(x, 0), (ROWS,), [("001", "class Relu")]),
    "sigmoid": (lambda x: sigmoid(x), (ROWS,), [("001", "class Sigmoid")]),
    "sigmoid, spelled out": (
        lambda x: 1 / (1 + np.exp(-x)),
        (ROWS,),
        [("001", "class Sigmoid")],
    ),
    "affine": (affine, AFFINE, [("001", "class Affine")]),
    "softmax with loss": (
        lambda x, t: np.mean(softmax_cross_entropy(x, t)),
        (ROWS, ONE_HOT),
        [("001", "class SoftmaxWithLoss")],
    ),
    "softmax": (lambda x: softmax(x), (ROWS,), [("002", "ActivationSoftMax")]),
    "cross-entropy": (categorical, (softmax(ROWS), LABELS), [("002", "LossCrossEntropy")]),
    "dropout": (lambda x: x * MASK, (ROWS,), [("004", "class Dropout")]),
    "batch norm": (batch_norm, (ROWS, np.ones(3), np.zeros(3)), [("004", "BatchNormalization")]),
    "convolution": (
        convolution,
        (IMAGES, RNG.normal(size=(4, 3, 3, 3)), np.zeros(4)),
        [("004", "class Convolution")],
    ),
    "pooling": (pooling, (IMAGES,), [("004", "class Pooling")]),
    "two layers": (
        two_layers,
        (*NET, ONE_HOT),
        [("004", name) for name in ("class Affine", "class Relu", "class Affine")]
        + [("004", "class SoftmaxWithLoss")],
    ),
    "two layers, unfused": (
        two_layers_unfused,
        (*NET, LABELS),
        [("004", name) for name in ("class Affine", "class Relu", "class Affine")]
        + [("002", "ActivationSoftMax"), ("002", "LossCrossEntropy")],
    ),
}


def statements(function):
    """Count all statements, those in loops and branches included; a docstring is none."""
    found = [node for node in ast.walk(function) if isinstance(node, ast.stmt)][1:]
    return len([s for s in found if not (isinstance(s, ast.Expr) and is_text(s.value))])


def is_text(value):
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def generated(f, args):
    """Count those of backward, but for the line that takes apart what was saved."""
    tree = ast.parse(cp.source(f, *args))
    (backward,) = [n for n in tree.body if getattr(n, "name", "") == "backward"]
    unpacks = ast.unparse(backward.body[1]).endswith("= saved")
    return statements(backward) - unpacks


def hand_written(documents, number, name):
    return sum(
        statements(ast.parse(documents[number].source(f"def {method}(", after=name)).body[0])
        for method in ["backward", *(["__backward"] if "BatchNorm" in name else [])]
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_at_most_half_as_long_again(documents, layer):
    f, args, worth = LAYERS[layer]
    ours = generated(f, args)
    theirs = sum(hand_written(documents, *each) for each in worth)
    print(f"{layer}: {ours} statements, by hand {theirs}")
    assert ours <= 1.5 * theirs
