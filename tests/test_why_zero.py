"""``d.why_zero(name)`` finds where a gradient stopped, and says why in a person's words."""

import re

import numpy as np
import pytest

import clearprop as cp
from clearprop.check.primitives import examples
from clearprop.errors import UnknownNameError
from clearprop.primitive import PRIMITIVES
from clearprop.rules.exponential import sigmoid
from clearprop.rules.extremes import relu
from clearprop.rules.reduction import softmax

X = np.array([1.0, 2.0, -3.0])


def asked(f, *args, key="x", dy=None):
    return cp.trace(f, *args).backward(dy).why_zero(key)


def only_path(f, *args, key="x"):
    found = asked(f, *args, key=key)
    assert len(found.paths) == 1, str(found)
    return found.paths[0]


def test_a_dead_layer_with_its_way_line_and_count():
    def net(x, W1, W2):
        h = relu(x @ W1)
        y = relu(h @ W2)
        return np.sum(y)

    found = asked(net, np.ones((4, 3)), np.ones((3, 5)), -np.ones((5, 2)), key="W1")
    assert found.is_zero
    assert (found.zeros, found.size) == (15, 15)
    lines = str(found).splitlines()
    assert lines[0] == "The derivative with respect to W1 is 0 in all 15 elements:"
    expected = r"  W1 → matmul → h → matmul → relu: all 8 inputs are negative "
    assert re.fullmatch(expected + r"\[test_why_zero\.py:\d+: y = relu\(h @ W2\)\]", lines[1])
    (path,) = found.paths
    assert path.names == ("W1", "matmul", "h", "matmul", "relu")
    assert path.nodes[-1].operation == "relu"
    assert path.elements == 8
    assert path.line.text == "y = relu(h @ W2)"
    assert repr(found) == str(found)
    assert "all 8 inputs" in repr(path)


def test_single_elements():
    found = asked(lambda x: np.sum(relu(x)), X)
    assert not found.is_zero
    first = "The derivative with respect to x is 0 in 1 of 3 elements, x[2]:"
    assert str(found).startswith(first)
    assert found.paths[0].reason == "1 of 3 inputs is negative"


def test_what_is_not_zero_is_said_to_be_so():
    found = asked(lambda x: np.sum(x * x), X)
    assert not found.paths
    assert str(found) == (
        "The derivative with respect to x is not zero: its elements go from -6 to 4."
    )
    assert (
        str(asked(lambda x: x * 2, 1.0)) == "The derivative with respect to x is not zero: it is 2."
    )


@pytest.mark.parametrize(
    ("f", "x", "operation", "reason"),
    [
        (lambda x: np.sum(np.maximum(x, 5.0)), X, "maximum", "all 3 inputs are smaller than 5"),
        (lambda x: np.sum(np.minimum(x, X - 9)), X, "minimum", "are larger than the other operand"),
        (lambda x: np.sum(x * np.zeros(3)), X, "multiply", "all 3 inputs are multiplied by 0"),
        (lambda x: np.sum(np.where(X < 9, 1.0, x)), X, "where", "took the other branch (its first"),
        (lambda x: np.sum(np.where(X < 9, x * 0, x)), X, "multiply", "multiplied by 0"),
        (lambda x: np.sum(np.clip(x, 5, 6)), X, "clip", "all 3 inputs are outside the bounds"),
        (lambda x: np.sum(np.sign(x)) * 1.0 + 0 * x[0], X, "sign", "a step function"),
        (lambda x: np.sum(np.tanh(x)), X * 100, "tanh", "saturated: tanh(-300) is ±1 to the last"),
        (
            lambda x: np.sum(sigmoid(x)),
            np.array([-800.0]),
            "sigmoid",
            "saturated: sigmoid(-800) is",
        ),
        (lambda x: np.sum(np.exp(x)), np.array([-800.0]), "exp", "exp underflows to 0"),
        (lambda x: np.sum(x**2), np.zeros(1), "power", "the input is 0, where the power is flat"),
        (lambda x: np.sum(x**0), X, "power", "all 3 inputs have the exponent 0"),
        (lambda x: np.sum(np.abs(x)), np.zeros(2), "absolute", "are 0, where absolute has"),
        (lambda x: np.sum(x @ np.zeros((3, 2))), X, "matmul", "multiplied by zeros only"),
        (lambda x: np.sum(np.zeros(3) / x), X, "divide", "the divisor of 0"),
        (lambda x: np.sum(x[:0]) + 1, X, "getitem", "not among those that the index takes"),
        (lambda x: np.sum(x * 1e-200) * 1e-200, X, "multiply", "underflow"),
        (lambda x: np.sum(x[:, None] @ np.array([[1.0, -1.0]])), X, "matmul", "cancel"),
    ],
)
def test_what_stops_a_gradient(f, x, operation, reason):
    found = asked(f, x)
    assert found.is_zero
    paths = [path for path in found.paths if path.names[-1] == operation]
    assert paths, str(found)
    assert reason in paths[0].reason


def test_a_comparison_a_position_and_a_condition():
    def f(x, w):
        largest = np.argmax(x)
        mask = (x > 0) * 1.0
        return w * np.sum(mask) + np.take(np.ones(3), largest) + np.sum(np.where(x, w, w))

    found = asked(f, X, 2.0)
    reasons = [path.reason for path in found.paths]
    assert "argmax gives positions, and a position has no derivative" in reasons
    assert "a comparison has no derivative: its result is true or false" in reasons
    assert any(reason.startswith("the condition of where has no derivative") for reason in reasons)
    assert all(path.line is not None for path in found.paths)


def test_only_the_largest_counts():
    path = only_path(lambda x: np.max(x), X)
    assert path.reason == "2 of 3 inputs are not the largest"


def test_what_is_overwritten():
    def f(x):
        y = x * 2
        y[0] = 5.0
        return np.sum(y)

    path = only_path(f, X)
    assert path.names == ("x", "y", "setitem")
    assert path.reason == "1 of 3 inputs was overwritten by this line before being used"
    assert path.line.text == "y[0] = 5.0"
    assert only_path(f, X, key=("y", 0)).names == ("y", "setitem")


def test_what_is_not_used():
    def f(x, unused):
        z = np.exp(x)
        q = z * 2  # noqa: F841 (it is what the test is about)
        return np.sum(unused.value) * np.sum(x[1:])

    path = only_path(f, X, 1.0, key="z")
    assert path.names == ("z", "q")
    assert path.reason == "q is not used by the output"
    assert path.line.text.startswith("q = z * 2")
    path = only_path(f, X, 1.0, key="unused")
    assert ".value is not recorded" in path.reason
    assert path.line is None


def test_contributions_that_cancel():
    def f(x):
        up = x * 3
        down = 3 * x
        return np.sum(up) - np.sum(down)

    path = only_path(f, X)
    assert path.nodes[-1].label == "x"
    assert re.fullmatch(
        r"its 2 contributions cancel: \+3 by multiply \(up\) in line \d+ "
        r"and -3 by multiply \(down\) in line \d+ \(here for element \[0\]\)",
        path.reason,
    )


def test_one_number_whose_elements_cancel():
    def f(x, offset):
        shifted = x + offset
        return np.sum((shifted - np.mean(shifted)) ** 2)

    reasons = [p.reason for p in asked(f, np.array([3.0, 1.0, 5.0]), 10.0, key="offset").paths]
    assert reasons == ["the contributions of the elements of its result, (3,), cancel"]


def test_a_sum_that_softmax_keeps_at_one():
    found = asked(lambda x: np.sum(softmax(x)), np.zeros((1, 4)))
    assert found.paths[0].names == ("x", "softmax")
    assert "cancel" in found.paths[0].reason


@pytest.mark.parametrize("primitive", list(PRIMITIVES.values()), ids=lambda p: p.name)
def test_every_primitive_can_be_asked(primitive):
    for operands, attributes in examples(primitive, np.random.default_rng(0)):
        asked_of = [i for i in range(len(operands)) if not primitive.is_refused(i)]

        def f(*args, operands=operands, attributes=attributes, asked_of=asked_of):
            given = dict(enumerate(operands)) | dict(zip(asked_of, args, strict=True))
            y = primitive(*given.values(), **attributes)
            parts = y if isinstance(y, tuple) else (y,)
            return np.real(sum(np.sum(part) for part in parts) * 0.0 + args[0].sum())

        first, *others = (operands[i] for i in asked_of)
        floats = [np.asarray(first), *others]
        if floats[0].dtype not in (np.float64, np.complex128):
            continue
        with np.errstate(invalid="ignore"):  # the exponent of a negative number
            d = cp.trace(f, *floats).backward()
        for name in d.keys():  # noqa: SIM118 (it is no dict)
            found = d.why_zero(name)
            assert str(found)
            assert bool(found.paths) == bool(found.zeros), str(found)


def test_each_of_several_ways_is_named():
    def f(x):
        a = np.clip(x, 5, 6)
        b = relu(x - 10)
        return np.sum(a * b)

    found = asked(f, X)
    assert [path.names[-1] for path in found.paths] == ["clip", "relu"]


def test_several_outputs():
    def f(x):
        part, whole = np.modf(x)  # noqa: RUF059 (likewise)
        return np.sum(whole) + 0 * np.sum(x)

    found = asked(f, X)
    assert [path.names for path in found.paths] == [
        ("x", "modf"),
        ("x", "modf"),
        ("x", "sum", "multiply"),
    ]
    assert "does not depend on this input" in found.paths[0].reason
    assert "part is not used by the output" in found.paths[1].reason


def test_the_dy_that_was_given():
    found = asked(lambda x: x * 2, X, dy=np.array([1.0, 0.0, 0.0]))
    assert found.zeros == 2
    assert found.paths[0].reason == "the dy that backward() was given is 0 there"


def test_whole_numbers():
    found = asked(lambda x, i: np.sum(x[i]), X, np.array([0, 2]), key="i")
    assert found.paths[0].reason == "int64 has no derivative"


def test_a_long_way_is_shortened_and_does_not_recurse():
    def f(x):
        t = x
        for _ in range(3000):
            t = np.sin(t)
        return np.sum(t * 0.0)

    path = only_path(f, X)
    assert len(path.nodes) == 3002
    assert "… 2996 more …" in str(path)


def test_many_ways_are_cut_in_the_text_only():
    found = asked(lambda x: sum(np.sum(relu(x - 5 - i)) for i in range(20)), X)
    assert len(found.paths) == 20
    assert str(found).endswith("… and 8 more, in .paths")


def test_an_unknown_name():
    with pytest.raises(UnknownNameError):
        asked(lambda x: np.sum(x), X, key="nobody")


def test_the_gradients_stay_as_they_were():
    g = cp.trace(lambda x: np.sum(relu(x) * x), X)
    d = g.backward()
    before = d["x"].copy()
    d.why_zero("x")
    np.testing.assert_array_equal(d["x"], before)
