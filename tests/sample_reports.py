"""Reports of the checker written by hand: every verdict, every awkward array, hostile texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clearprop.check.handwritten.model import (
    CONVENTION,
    CORRECT,
    FAULT,
    NOT_JUDGED,
    Evidence,
    FileReport,
    Finding,
    Judgement,
    Place,
)

LAYERS = """\
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W)
        self.dW = np.dot(self.x.T, dout) / 2
        self.db = np.sum(dout, axis=1)
        return dx


class Softmax:
    # 反向传播 逐元素相乘 这里忘记了雅可比矩阵的非对角线元素
    def backward(self, dout):
        return dout * self.y * (1 - self.y)
"""

HOSTILE = "<script>alert(1)</script>\x1b[31m]]>\x00&\"'[bold]\u202e"


def evidence(
    gradient: str, expected: Any, found: Any, values: dict[str, Any] | None = None, probe: str = ""
) -> Evidence:
    expected = np.asarray(expected)
    wrong = None
    if found is not None:
        found = np.asarray(found)
        if found.shape == expected.shape:
            with np.errstate(all="ignore"):
                wrong = ~np.isclose(expected, found, rtol=1e-7, atol=1e-12)
    return Evidence(gradient, expected, found, wrong, values or {}, probe)


def fault(
    cause: str, gradient: str, sentence: str, remedy: str, place: Place, shown: Evidence | None
) -> Finding:
    return Finding(FAULT, cause, sentence, gradient, remedy, place, shown)


def judged(name: str, place: Place, *findings: Finding, **more: Any) -> Judgement:
    ranks = [FAULT, NOT_JUDGED, CONVENTION]
    verdict = next((v for v in ranks if any(f.verdict == v for f in findings)), CORRECT)
    return Judgement(name, "layer", place, verdict, findings, **more)


def affine(file: str) -> Judgement:
    """Three faults in one layer: a factor, an axis, a transpose that is missing."""
    x = np.array([[1.0, 2.0, -1.0], [0.5, -0.25, 3.0]])
    dout = np.array([[1.0, -2.0], [0.5, 4.0]])
    values = {"x": x, "dout": dout}
    dW = x.T @ dout
    return judged(
        "Affine",
        Place(file, 12, "def backward(self, dout):"),
        fault(
            "factor",
            "dW",
            "dW is half of what it should be: line 14 divides by 2.",
            "self.dW = np.dot(self.x.T, dout)",
            Place(file, 14, "self.dW = np.dot(self.x.T, dout) / 2"),
            evidence("dW", dW, dW / 2, values),
        ),
        fault(
            "batch-sum",
            "db",
            "db is summed over axis 1; b is added to every row, so it is summed over the rows.",
            "self.db = np.sum(dout, axis=0)",
            Place(file, 15, "self.db = np.sum(dout, axis=1)"),
            evidence("db", dout.sum(axis=0), dout.sum(axis=1), values),
        ),
        fault(
            "raises",
            "dx",
            "backward raises ValueError: shapes (2,2) and (3,2) not aligned.",
            "dx = np.dot(dout, self.W.T)",
            Place(file, 13, "dx = np.dot(dout, self.W)"),
            evidence("dx", dout @ np.ones((2, 3)), None, values, "one call of backward"),
        ),
        gradients=("dx", "dW", "db"),
        probes=("one batch of 2 rows", "a batch of one row"),
        shapes={"x": (2, 3)},
        seconds=0.12,
    )


def softmax(file: str) -> Judgement:
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(size=(2, 4)))
    y /= y.sum(axis=1, keepdims=True)
    dout = rng.normal(size=(2, 4))
    right = y * (dout - (dout * y).sum(axis=1, keepdims=True))
    return judged(
        "Softmax (反向传播)",
        Place(file, 21, "def backward(self, dout):"),
        fault(
            "jacobian",
            "dx",
            "Only the diagonal of the Jacobian is used; each output of a softmax depends on all "
            "scores of its row, so the term −y·Σ(dout·y) is missing.",
            "return self.y * (dout - np.sum(dout * self.y, axis=1, keepdims=True))",
            Place(file, 22, "return dout * self.y * (1 - self.y)"),
            evidence("dx", right, dout * y * (1 - y), {"dout": dout}),
        ),
        gradients=("dx",),
    )


def quiet(file: str) -> tuple[Judgement, ...]:
    """What needs a line or two: conventions, correct, not judged."""
    at = Place(file, 4, "class Affine:")
    kink = Finding(
        CONVENTION,
        "kink",
        "At x = 0 the derivative of ReLU is taken as 1; here it is 0. Both are subgradients.",
        "dx",
        place=at,
    )
    return (
        judged("Relu", at, kink, gradients=("dx",)),
        judged("Sigmoid", at, gradients=("dx",), shapes={"x": (4, 3)}),
        Judgement("MulLayer", "layer", at, CORRECT, gradients=("dx", "dy")),
        Judgement(
            "Dropout",
            "layer",
            at,
            NOT_JUDGED,
            reason="its forward draws random numbers and keeps no mask",
        ),
    )


def awkward(file: str) -> tuple[Judgement, ...]:
    """Arrays that are hard to show."""
    rng = np.random.default_rng(1)
    at = Place(file, 14, "self.dW = np.dot(self.x.T, dout) / 2")
    conv = rng.normal(size=(4, 3, 3, 3)) * 1e-7
    flipped = conv.copy()
    flipped[2, 1] = flipped[2, 1, ::-1, ::-1]
    big = rng.normal(size=(200, 300))
    spoiled = big.copy()
    spoiled[120:123, 250:252] *= -1
    huge = np.array([1e12, -3.5e15, 2.0])
    nan = np.array([[1.0, 2.0], [3.0, 4.0]])
    close = np.array([1.0, 2.0, 3.0])
    cases: list[tuple[str, str, str, Any, Any]] = [
        ("Convolution", "window", "dW", conv, flipped),
        ("Big", "sign", "dW", big, spoiled),
        ("Huge", "factor", "db", huge, huge * 2),
        ("Scalar", "factor", "dx", 3.0, 6.0),
        ("NotANumber", "not-finite", "dx", nan, np.array([[1.0, np.nan], [np.inf, -np.inf]])),
        ("Nothing", "none", "dgamma", nan, None),
        ("WrongShape", "shape", "dW", np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2)),
        ("Close", "epsilon", "dx", close, close * (1 + 3e-7)),
        ("Long", "operator", "dx", np.arange(40.0), np.arange(40.0) ** 2),
        ("Empty", "shape", "dx", np.zeros((0, 3)), np.zeros((0, 3))),
        ("Whole", "dtype", "dx", np.array([0.5, 1.5]), np.array([0, 1])),
        ("Complex", "dtype", "dx", np.array([0.5, 1.5]), np.array([0.5 + 1j, 1.5])),
        ("Bare", "unknown", "", 1.0, None),
    ]
    result = []
    for name, cause, gradient, expected, found in cases:
        shown = None if name == "Bare" else evidence(gradient, expected, found)
        sentence = f"{gradient or 'it'} is not what it should be; the cause is not known."
        remedy = "" if cause == "unknown" else f"self.{gradient} = …"
        result.append(judged(name, at, fault(cause, gradient, sentence, remedy, at, shown)))
    return tuple(result)


def hostile(file: str) -> tuple[Judgement, ...]:
    long = "x = " + " + ".join(f"self.params['W{i}'] * {i}" for i in range(60))
    at = Place(file, 3, HOSTILE)
    shown = Evidence(HOSTILE, np.ones(2), np.zeros(2), None, {HOSTILE: HOSTILE}, HOSTILE)
    finding = Finding(FAULT, "unknown", HOSTILE, HOSTILE, HOSTILE, at, shown)
    nested = {"x": 1.0, "t": [1, 2], "note": "a\nb", "none": None}
    lines = Place(file, 3, long)
    return (
        Judgement(HOSTILE, HOSTILE, at, FAULT, (finding,), (HOSTILE,), reason=HOSTILE),
        Judgement("a" * 150, "pair", at, NOT_JUDGED, reason="长句子" * 60),
        judged(
            "network['layers'][0].affine_backward",
            lines,
            fault(
                "wrong-value",
                "dW",
                long,
                long,
                lines,
                evidence("dW", [1.0], [2.0], nested, "twice"),
            ),
        ),
    )


def write_layers(folder: Path) -> str:
    path = folder / "layers.py"
    path.write_text(LAYERS, encoding="utf-8")
    return str(path)


def small_report(file: str = "layers.py") -> FileReport:
    """A report as it usually is."""
    return FileReport(
        file,
        (affine(file), softmax(file), *quiet(file)),
        {"load_mnist": Place(file, 1, "import numpy as np")},
        ("softmax is not defined in the file; the prelude's was taken.",),
    )


def large_report(file: str = "layers.py") -> FileReport:
    """All there is, and 40 judgements."""
    judgements = (*small_report(file).judgements, *awkward(file), *hostile(file))
    more = tuple(
        Judgement(f"Layer{i}", "layer", Place(file, i + 1), CORRECT, gradients=("dx",))
        for i in range(40 - len(judgements))
    )
    return FileReport(file, (*judgements, *more), {HOSTILE: Place(file, 1)}, (HOSTILE,))
