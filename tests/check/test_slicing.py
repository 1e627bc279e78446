"""Which lines explain that a gradient is wrong, and which values nothing is made of."""

import importlib

import pytest
from check.writing import parsed

from clearprop.check.handwritten.edits.slicing import blamed, dead_names, slices_of

SOURCE = """def backward(self, dout):
    dz = dout * self.mask
    dx = np.zeros_like(self.x)
    for i in range(len(dz)):
        dx[i] += dz[i] @ self.W.T
        self.dW[i] = np.outer(self.x[i], dz[i])
    count = dz.sum()
    return dx
"""


def test_lines_of_one_gradient_alone_explain_it_best():
    found = blamed(parsed(SOURCE), ["dx"], ["dW"])
    assert {line for line, blame in found.items() if blame == 0} == {3, 5, 8}
    assert found[2] == found[4] == 1
    assert 6 not in found
    assert 7 not in found


def test_lines_of_all_wrong_gradients_come_before_those_of_some():
    found = blamed(parsed(SOURCE), ["dx", "dW"], [])
    assert found[2] == 0
    assert found[5] == found[6] == 2


def test_an_error_is_explained_by_what_its_line_reads():
    assert slices_of(parsed(SOURCE)).around(5) >= {2, 3, 4}


def test_a_value_that_only_changes_itself_is_dead():
    assert dead_names(parsed(SOURCE)) == {"count"}
    source = "def f(x):\n    m = x > 0\n    m[0] = m.sum()\n    return x\n"
    assert dead_names(parsed(source)) == {"m"}


KEPT = """import numpy as np

def mse_loss(w, X, y):
    r = X @ w - y
    loss = np.mean(r**2)
    grad = 2 * X.T @ r / len(y)
    return {}
"""


@pytest.mark.parametrize("given", ["loss", "loss, None"])
def test_a_gradient_that_is_given_to_nobody_is_a_fault(tmp_path, given):
    judging = importlib.import_module("clearprop.check.handwritten.judging")
    path = tmp_path / "loss.py"
    path.write_text(KEPT.format(given))
    (judgement,) = judging.check_file(path).judgements
    assert judgement.verdict == "fault"
    assert (judgement.findings[0].cause, judgement.findings[0].place.line) == ("none", 7)


def test_a_gradient_that_is_given_is_none(tmp_path):
    judging = importlib.import_module("clearprop.check.handwritten.judging")
    path = tmp_path / "loss.py"
    path.write_text(KEPT.format("loss, grad"))
    (judgement,) = judging.check_file(path).judgements
    assert judgement.verdict == "correct"


LOOPS = """import numpy as np

class Rows:
    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        dx = np.zeros_like(self.x)
        for i in range(len(dout)):
            for j in range(dout.shape[1]):
                self.dW[:, j] += self.x[i] * dout[i, j]
                dx[i] += dout[i, j] * self.W[:, j]
        return dx
"""


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("        return dx", "                return dx", 18),
        ("        return dx", "            return dx", 18),
        ("                dx[i] +=", "            dx[i] +=", 17),
        ("        dx = np.zeros_like(self.x)\n", "        dx = self.x\n", 13),
    ],
)
def test_a_line_in_the_wrong_block_or_a_borrowed_array_is_named(tmp_path, right, wrong, line):
    judging = importlib.import_module("clearprop.check.handwritten.judging")
    path = tmp_path / "rows.py"
    assert right in LOOPS
    path.write_text(LOOPS.replace(right, wrong))
    (judgement,) = judging.check_file(path).judgements
    assert judgement.verdict == "fault"
    assert judgement.findings[0].place.line == line
    assert judgement.findings[0].cause in ("not-accumulated", "overwritten")
