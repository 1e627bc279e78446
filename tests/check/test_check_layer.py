"""`cp.check_layer`: objects of the running program, with inputs that are given or proposed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import clearprop as cp
from clearprop.check import Judgement
from clearprop.errors import OptionError

rng = np.random.default_rng(0)


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Forgets(Affine):
    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout
        return dout @ self.W.T


class Alone:
    def forward(self, x):
        return x


class Scores:
    """Two forms in one: with ``t`` a loss, without it nothing to differentiate."""

    def forward(self, x, t):
        self.x, self.t = x, t
        return np.sum((x - t) ** 2)

    def backward(self, dout=1):
        return 2 * dout * (self.x - self.t)


def affine_forward(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def cube(x):
    return x**3


def cube_prime(x):
    return 3 * x**2


def wrong_prime(x):
    return 4 * x**2


def cosine(x):
    return np.cos(x)


def first_line(function):
    return function.__code__.co_firstlineno


def fault(judgement, cause):
    assert judgement.verdict == "fault"
    assert not judgement.ok
    assert [finding.cause for finding in judgement.findings] == [cause]
    return judgement.findings[0]


def test_a_class():
    judgement = cp.check_layer(Affine)
    assert (judgement.name, judgement.verdict, judgement.ok) == ("Affine", "correct", True)
    assert set(judgement.gradients) == {"dx", "dW", "db"}
    assert judgement.shapes == {"x": (4, 3), "W": (3, 5), "b": (5,)}


def test_a_class_with_a_fault():
    finding = fault(cp.check_layer(Forgets), "batch-sum")
    assert finding.gradient == "db"
    assert finding.place.file == __file__
    assert finding.place.line == first_line(Forgets.backward) + 2
    assert finding.place.text.strip() == "self.db = dout"
    assert finding.remedy == "self.db = np.sum(dout, axis=0)"


def test_an_object_is_checked_as_it_is():
    layer = Affine(rng.normal(size=(3, 2)), np.zeros(2))
    W = layer.W.copy()
    judgement = cp.check_layer(layer, rng.normal(size=(4, 3)))
    assert judgement.verdict == "correct"
    assert set(judgement.gradients) == {"dx", "dW", "db"}
    np.testing.assert_array_equal(layer.W, W)
    fault(cp.check_layer(Forgets(layer.W, layer.b), rng.normal(size=(4, 3))), "batch-sum")


def test_an_object_finds_its_own_inputs():
    assert cp.check_layer(Affine(rng.normal(size=(3, 2)), np.zeros(2))).verdict == "correct"


def test_a_pair():
    judgement = cp.check_layer((affine_forward, affine_backward))
    assert (judgement.name, judgement.style) == ("affine_backward", "pair")
    assert judgement.verdict == "correct"
    assert judgement.gradients == ("dx", "dw", "db")


@pytest.mark.parametrize("function", [affine_forward, affine_backward])
def test_one_function_of_a_pair(function):
    assert cp.check_layer(function).verdict == "correct"


def test_a_function_beside_its_derivative():
    for what in (cube, cube_prime, (cube, cube_prime)):
        judgement = cp.check_layer(what)
        assert (judgement.style, judgement.verdict) == ("derivative", "correct")
    finding = fault(cp.check_layer((cube, wrong_prime)), "factor")
    assert finding.place.line == first_line(wrong_prime) + 1
    assert finding.remedy == "return 3 * x ** 2"


def test_given_inputs():
    x, W = rng.normal(size=(6, 3)), rng.normal(size=(3, 4))
    assert cp.check_layer(Affine, x).shapes["x"] == (6, 3)
    assert cp.check_layer(Affine, shapes={"x": (2, 7)}).shapes["x"] == (2, 7)
    judgement = cp.check_layer(Affine, x, values={"W": W})
    assert judgement.shapes["W"] == (3, 4)
    assert judgement.verdict == "correct"
    assert cp.check_layer((affine_forward, affine_backward), x, W, np.zeros(4)).shapes == {
        "x": (6, 3),
        "w": (3, 4),
        "b": (4,),
    }
    assert cp.check_layer(Scores, x, x + 1).verdict == "correct"


def test_given_inputs_are_not_written_to():
    class Spoils:
        def forward(self, x):
            self.mask = x <= 0
            return np.maximum(x, 0)

        def backward(self, dout):
            dout[self.mask] = 0
            return dout

    x = rng.normal(size=(4, 3))
    before = x.copy()
    finding = fault(cp.check_layer(Spoils, x), "overwritten")
    assert finding.gradient == "dout"
    np.testing.assert_array_equal(x, before)


def test_lists_are_arrays():
    judgement = cp.check_layer(Affine, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert judgement.shapes["x"] == (2, 3)


def test_code_without_a_source_has_a_verdict_and_a_symptom():
    """Typed at a prompt: there is no line to show, and none to write instead."""
    space = {"__name__": "__main__"}
    text = "def cube(x): return x**3\ndef cube_prime(x): return -3 * x**2\n"
    exec(compile(text, "<stdin>", "exec"), space)
    judgement = cp.check_layer((space["cube"], space["cube_prime"]))
    finding = fault(judgement, "sign")
    assert not finding.remedy
    assert "│" not in str(judgement)


def test_another_seed_gives_the_same_verdict():
    for seed in (1, 2):
        assert cp.check_layer(Affine, seed=seed).verdict == "correct"
        fault(cp.check_layer(Forgets, seed=seed), "batch-sum")


def test_the_generator_of_the_program_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    cp.check_layer(Affine)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_what_is_printed_and_its_json():
    judgement = cp.check_layer(Forgets)
    assert isinstance(judgement, Judgement)
    text = str(judgement)
    for part in ("✗ Forgets  fault", "self.db = np.sum(dout, axis=0)", "1 backward pass: 1 fault."):
        assert part in text
    assert text.lstrip("\n") == text
    (written,) = json.loads(judgement.to_json())["files"][0]["judgements"]
    assert written["findings"][0]["cause"] == "batch-sum"
    assert written["place"]["line"] == judgement.place.line


@pytest.mark.parametrize("what", [3, Alone, cosine, np.ones(3)])
def test_what_has_no_backward(what):
    with pytest.raises(OptionError, match="has no backward pass"):
        cp.check_layer(what)


@pytest.mark.parametrize("option", ["values", "shapes"])
def test_what_the_layer_does_not_take(option):
    with pytest.raises(OptionError, match=f"got {option} of 'nope', which Affine does not take"):
        cp.check_layer(Affine, **{option: {"nope": (3,)}})
    with pytest.raises(OptionError, match=r"It takes x\."):  # an object is made already
        cp.check_layer(Affine(np.ones((3, 2)), np.zeros(2)), **{option: {"W": (3, 2)}})


def test_a_reference_says_what_is_taken():
    with pytest.raises(OptionError, match="does not take"):
        cp.check_layer(Backward, reference="tanh", values={"nope": 1})
    assert cp.check_layer(Backward, reference="tanh", shapes={"x": (2, 5)}).shapes == {"x": (2, 5)}


class Backward:
    def backward(self, dout):
        return dout * (1 - self.y**2)


def test_a_misspelt_option():
    with pytest.raises(TypeError, match="unexpected keyword argument 'shape'"):
        cp.check_layer(Affine, shape={"x": (2, 3)})
