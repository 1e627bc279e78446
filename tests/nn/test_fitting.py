"""Layers that do not fit are refused when the network is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import OptionError, ShapeError


def affine(*sizes: int) -> nn.Affine:
    return nn.Affine.initial(*sizes, seed=0)


@pytest.mark.parametrize(
    "between", [[], [nn.ReLU()], [nn.BatchNorm.initial(32), nn.Tanh(), nn.Dropout(0.1)]]
)
def test_an_affine_that_does_not_take_what_it_gets(between: list[Any]) -> None:
    with pytest.raises(ShapeError) as caught:
        nn.Sequential(affine(6, 32), *between, affine(16, 2))
    assert "gives 32 numbers, and the second takes 16" in str(caught.value)
    assert caught.value.write == "nn.Affine.initial(32, 2, seed=0)"
    assert "test_fitting.py" in str(caught.value.where)


def test_nothing_is_refused_that_may_fit() -> None:
    class Halves(nn.ReLU):
        def compute(self, x: Any) -> Any:
            return x[:, :16]

    net = nn.Sequential(affine(6, 32), Halves(), affine(16, 2), nn.Softmax(), nn.Flatten())
    assert net.predict(np.ones((3, 6))).shape == (3, 2)
    nn.Sequential(affine(6, 32), nn.Softmax(), loss=nn.CrossEntropy())
    nn.Sequential(affine(6, 32), nn.Softmax())
    nn.Sequential(affine(6, 32), nn.Flatten(), affine(16, 2))  # by batches of images, perhaps


@pytest.mark.parametrize(
    ("layer", "loss", "write"),
    [
        (nn.Softmax(), nn.SoftmaxWithLoss(), "loss=nn.CrossEntropy()"),
        (nn.Sigmoid(), nn.SigmoidWithLoss(), "loss=nn.BinaryCrossEntropy()"),
    ],
)
def test_what_a_loss_does_is_not_done_before(layer: nn.Layer, loss: Any, write: str) -> None:
    with pytest.raises(OptionError, match="stands before") as caught:
        nn.Sequential(affine(6, 2), layer, loss=loss)
    assert write in str(caught.value.write)
