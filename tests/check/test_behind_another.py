"""A layer behind another: what it is given may be a transpose, which lies otherwise in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.writing import write

from clearprop.check.handwritten.judging import check_file
from clearprop.check.handwritten.model import Judgement
from clearprop.check.handwritten.varying import TRANSPOSED

POOL = """
import numpy as np
class Pool:
    def forward(self, x):
        self.x = x
        n, d = x.shape
        self.arg = x.argmax(axis=1) + np.arange(n) * d
        return x.max(axis=1)
    def backward(self, dout):
        dx = np.zeros(self.x.shape)
        dx.reshape(-1)[self.arg] = dout
        return dx
"""
RELU = """
import numpy as np
class Relu:
    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0, x)
    def backward(self, dout):
        dx = dout.copy()
        dx.ravel()[self.mask.ravel()] = 0
        return dx
"""
FLATTEN = """
import numpy as np
class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return 3 * x.reshape(x.shape[0], -1)
    def backward(self, dout):
        return 3 * dout.reshape(self.shape)
"""
AFFINE = """
import numpy as np
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b
    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)
"""
DROPS = """
import numpy as np
class Drops:
    def forward(self, x):
        self.mask = np.zeros_like(x)
        for entry in np.nditer(self.mask, op_flags=["writeonly"]):
            entry[...] = np.random.rand() > 0.4
        return x * self.mask
    def backward(self, dout):
        return dout * self.mask
"""
RIGHT = {"pool": POOL, "relu": RELU, "flatten": FLATTEN, "affine": AFFINE}
WRONG = {
    "zeros like a transpose": (POOL, "np.zeros(self.x.shape)", "np.zeros_like(self.x)"),
    "a copy in the same order": (RELU, "dout.copy()", 'dout.copy(order="K")'),
    "strides taken for granted": (FLATTEN, "dout.reshape", 'dout.ravel(order="K").reshape'),
}


def judged(folder: Path, text: str) -> Judgement:
    (judgement,) = check_file(write(folder, "layers.py", text)).judgements
    return judgement


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_for_any_layout(tmp_path: Path, name: str) -> None:
    judgement = judged(tmp_path, RIGHT[name])
    assert judgement.ok, judgement
    assert [probe for probe in judgement.probes if TRANSPOSED in probe]


def test_a_mask_drawn_in_the_order_of_memory(tmp_path: Path) -> None:
    """Other numbers are dropped from a transpose: its gradient is not that of the array."""
    judgement = judged(tmp_path, DROPS)
    assert judgement.ok, judgement
    assert not [probe for probe in judgement.probes if TRANSPOSED in probe]


@pytest.mark.parametrize("name", WRONG)
def test_what_is_right_for_arrays_in_one_piece_only(tmp_path: Path, name: str) -> None:
    right, before, after = WRONG[name]
    assert before in right
    judgement = judged(tmp_path, right.replace(before, after))
    assert judgement.verdict == "fault"
    assert [finding.cause for finding in judgement.findings] == ["layout"]
    assert f"With {TRANSPOSED}: " in judgement.findings[0].sentence


#: What may go wrong with the gradient that the layer in front gets.
NO_GRADIENT = {
    "None": ("return np.dot(dout, self.W.T)", "return None", "none"),
    "zeros": ("return np.dot(dout, self.W.T)", "return np.zeros_like(self.x)", "none"),
    "flat": ("return np.dot(dout, self.W.T)", "return np.dot(dout, self.W.T).ravel()", "shape"),
    "of the wrong layer": ("self.W.T)", "self.W.T) @ np.ones((3, 3))", ""),
}


@pytest.mark.parametrize("name", NO_GRADIENT)
def test_the_layer_in_front_learns_nothing(tmp_path: Path, name: str) -> None:
    before, after, cause = NO_GRADIENT[name]
    judgement = judged(tmp_path, AFFINE.replace(before, after))
    assert judgement.verdict == "fault"
    assert judgement.findings[0].cause == cause or not cause
