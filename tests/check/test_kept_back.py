"""Gradients that are kept back or lost in a shape, numbers that are arrays, lost terms."""

from pathlib import Path

import pytest
from check.writing import judged, line_with

from clearprop.check.handwritten import model

GATE = """
    import numpy as np

    class Gate:
        def forward(self, x, g):
            self.x, self.s = x, 1 / (1 + np.exp(-g))
            return x * self.s

        def backward(self, dout):
            dx = dout * self.s
            dg = dout * self.x * self.s * (1 - self.s)
            return dx, dg
"""
LOSS = """
    import numpy as np

    class SquaredError:
        def forward(self, y, t):
            self.e = y - t
            return 0.5 * np.sum(self.e ** 2)

        def backward(self, dout=1.0):
            dout = dout * self.e
            return dout
"""
NETWORK = """
    import numpy as np

    class Linear:
        def __init__(self, W):
            self.W = W

        def forward(self, x):
            self.x = x
            return x @ self.W

        def backward(self, dout):
            self.dW = self.x.T @ dout
            return dout @ self.W.T

    class Network:
        def __init__(self):
            self.params = {"W1": np.random.randn(5, 4), "W2": np.random.randn(4, 3)}
            self.one = Linear(self.params["W1"])
            self.two = Linear(self.params["W2"])

        def loss(self, x, t):
            self.e = self.two.forward(self.one.forward(x)) - t
            return 0.5 * np.sum(self.e ** 2)

        def gradient(self, x, t):
            self.loss(x, t)
            self.one.backward(self.two.backward(self.e))
            grads = {}
            grads["W1"] = self.one.dW
            grads["W2"] = self.two.dW
            return grads
"""
ROWS = """
    import numpy as np

    class Scale:
        def __init__(self, n):
            self.gamma = np.ones((1, n))
            self.beta = np.zeros((1, n))

        def forward(self, x):
            self.x = x
            return self.gamma * x + self.beta

        def backward(self, dout):
            self.dgamma = np.sum(dout * self.x, axis=0, keepdims=True)
            self.dbeta = np.sum(dout, axis=0, keepdims=True)
            return dout * self.gamma
"""
TANH = """
    import numpy as np

    def tanh(x):
        return np.tanh(x)

    def tanh_derivative(x):
        return 1 - np.tanh(x) ** 2
"""
MASKED = """
    import numpy as np

    class Masked:
        def forward(self, x):
            self.mask = x > 0
            return x * self.mask

        def backward(self, dout):
            dx = dout * self.mask
            return dx
"""
#: name, code, what is right, what is wrong in its place, the causes, and its line where it is lost
WRONG = [
    ("Gate", GATE, "return dx, dg", "return dx", "none", "return dx"),
    ("SquaredError", LOSS, "dout = dout * self.e", "dout *= self.e", "overwritten", "dout *="),
    ("Network", NETWORK, "return grads", "pass", "none", "pass"),
    ("Scale", ROWS, "sum(dout, axis=0, keepdims=True)", "sum(dout, axis=0)", "shape", "self.dbeta"),
    ("tanh_derivative", TANH, "return 1 - ", "return -", "missing-term", "return -"),
    ("Masked", MASKED, "dx = dout * self.mask", "dx = self.mask", "upstream-ignored", "dx = "),
]


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, text, *_ in WRONG], ids=[w[0] for w in WRONG]
)
def test_the_right_code_passes(tmp_path: Path, name: str, text: str) -> None:
    assert judged(tmp_path, text, name).ok


@pytest.mark.parametrize(
    ("name", "text", "right", "wrong", "cause", "at"), WRONG, ids=[w[0] for w in WRONG]
)
def test_the_fault_is_named(
    tmp_path: Path, name: str, text: str, right: str, wrong: str, cause: str, at: str
) -> None:
    changed = text.replace(right, wrong)
    assert changed != text
    judgement = judged(tmp_path, changed, name)
    assert judgement.verdict == model.FAULT
    finding = judgement.findings[0]
    assert finding.cause == cause
    assert finding.place is not None
    assert finding.place.line == line_with(changed.lstrip("\n"), at)


def test_an_axis_lost_everywhere_is_a_convention(tmp_path: Path) -> None:
    text = ROWS.replace(", keepdims=True", "")
    judgement = judged(tmp_path, text, "Scale")
    assert judgement.verdict == model.CONVENTION
    assert {f.cause for f in judgement.findings} >= {"kept-dimension"}
