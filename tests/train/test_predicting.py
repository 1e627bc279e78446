"""Predictors: samples go in as they are stored, probabilities of the loss come out."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import data, nn
from clearprop.train import Predictor

UNTOUCHED = data.Standardized((0.0, 0.0), (1.0, 1.0), "float64")
SCORES = np.array([[0.0, 5.0], [2.0, -1.0]])
P = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([], nn.SoftmaxWithLoss()),
        ([], None),
        ([nn.LogSoftmax()], nn.NLL()),
        ([nn.Softmax()], nn.CrossEntropy()),  # a second softmax would make 0.99 a 0.73
    ],
)
def test_probabilities_are_those_of_the_loss(layers: list[nn.Layer], loss: nn.Loss | None) -> None:
    net = nn.Sequential(nn.Affine(np.eye(2), np.zeros(2)), *layers, loss=loss)
    found = Predictor(net, (2,), UNTOUCHED, ("a", "b"))(SCORES)
    assert found.labels == ["b", "a"]
    np.testing.assert_allclose(found.probabilities, P, rtol=1e-12)
