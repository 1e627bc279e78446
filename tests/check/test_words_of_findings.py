"""What a finding says: names as their reader writes them, and the line that is meant."""

from __future__ import annotations

from pathlib import Path

from check.writing import write

from clearprop.check.handwritten.judging import check_file
from clearprop.check.handwritten.model import CORRECT, Judgement


def judged(folder: Path, text: str, name: str) -> Judgement:
    (judgement,) = check_file(
        write(folder, "layers.py", "import numpy as np\n" + text), [name]
    ).judgements
    return judgement


RELU = """
class Relu:
    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0, x)

    def backward(self, dout):
        dout = dout.copy()
        dout[~self.mask] = 0
        return dout
"""


def test_an_upstream_gradient_that_is_returned_is_that_of_the_input(tmp_path: Path) -> None:
    finding = judged(tmp_path, RELU, "Relu").findings[0]
    assert finding.gradient == "dx"
    assert finding.sentence.startswith("dx ")
    assert finding.evidence is not None
    assert finding.evidence.gradient == "dx"
    right = judged(tmp_path, RELU.replace("~self.mask", "self.mask"), "Relu")
    assert right.gradients == ("dx",)


LOSS = """
class Loss:
    def __init__(self, W):
        self.W = W

    def forward(self, x, t):
        self.x = x
        self.d = x @ self.W - t
        return 0.5 * np.sum(self.d**2)

    def backward(self, dout=1):
        self.dW = self.x.T @ self.d * dout
        return self.d @ self.W.T * dout
"""


def test_inputs_stand_as_forward_takes_them(tmp_path: Path) -> None:
    assert list(judged(tmp_path, LOSS, "Loss").shapes) == ["x", "t", "W"]
    wrong = judged(tmp_path, LOSS.replace("self.W.T * dout", "self.W.T"), "Loss")
    evidence = wrong.findings[0].evidence
    assert evidence is not None
    assert list(evidence.values) == sorted(evidence.values, key=["x", "t", "W"].index)


GATE = """
def gate_forward(x, g):
    s = 1 / (1 + np.exp(-g))
    return x * s, (x, s)


def gate_backward(dout, cache):
    x, s = cache
    dx = dout * s
    dg = dout * x * s * (1 - s)
    return dx, dg
"""


def test_a_gate_is_as_large_as_its_gradient(tmp_path: Path) -> None:
    assert judged(tmp_path, GATE, "gate_backward").verdict == CORRECT
    wrong = judged(tmp_path, GATE.replace("x * s * (1 - s)", "x * s"), "gate_backward")
    (finding,) = wrong.findings
    assert (finding.cause, finding.gradient) == ("local-factor", "dg")
    assert finding.remedy == "dg = dout * x * s * (1 - s)"
    assert wrong.shapes["g"] == wrong.shapes["x"]


SCALE = """
def scale_forward(x, gamma, beta):
    return x * gamma + beta, (x, gamma)


def scale_backward(dout, cache):
    x, gamma = cache
    dx = dout * gamma
    dgamma = np.sum(dout * x, axis=0)
    dbeta = np.sum(dout, axis=0)
    return dx, dgamma, dbeta
"""


def test_beside_a_parameter_a_scale_stays_a_scale(tmp_path: Path) -> None:
    text = SCALE.replace("np.sum(dout * x, axis=0)", "dout * x")
    finding = judged(tmp_path, text, "scale_backward").findings[0]
    assert (finding.cause, finding.gradient) == ("batch-sum", "dgamma")


LEAST_SQUARES = """
def least_squares(w, X, y):
    r = y - X @ w
    loss = 0.5 * np.sum(r**2) / len(y)
    grad = -X.T @ r / len(y)
    return loss, grad
"""


def test_of_value_and_gradient_the_gradient_is_at_fault(tmp_path: Path) -> None:
    assert judged(tmp_path, LEAST_SQUARES, "least_squares").verdict == CORRECT
    wrong = judged(tmp_path, LEAST_SQUARES.replace("-X.T", "X.T"), "least_squares")
    (finding,) = wrong.findings
    assert finding.place is not None
    assert (finding.cause, finding.place.text) == ("sign", "grad = X.T @ r / len(y)")


STEP = """
class Step:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout, lr):
        dx = dout @ self.W.T
        self.W = self.W - lr * self.x.T @ dout
        self.b = self.b - lr
        return dx
"""


def test_an_update_without_upstream_is_blamed_itself(tmp_path: Path) -> None:
    finding = judged(tmp_path, STEP, "Step").findings[0]
    assert finding.place is not None
    assert (finding.cause, finding.place.text) == ("upstream-ignored", "self.b = self.b - lr")
