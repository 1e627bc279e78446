"""What layers take as input and as parameters, and what they refuse, in which words."""

import numpy as np
import pytest

from clearprop import nn
from clearprop.errors import DTypeError, ShapeError
from clearprop.nn import initial


def affine(dtype=float):
    return nn.Affine(np.ones((3, 2), dtype), np.zeros(2, dtype))


@pytest.mark.parametrize("x", [[[1, 2, 3]], np.array([[1, 2, 3]], np.uint8), [[1.0, 2.0, 3.0]]])
def test_whole_numbers_and_lists_count_as_real_numbers(x):
    layer = affine()
    np.testing.assert_array_equal(layer.forward(x), [[6.0, 6.0]])
    np.testing.assert_array_equal(layer.backward([[1, 1]]), [[2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(layer.dW, [[1, 1], [2, 2], [3, 3]])


def test_whole_numbers_take_the_dtype_of_the_parameters():
    assert affine(np.float32).forward(np.array([1, 2, 3])).dtype == np.float32
    assert nn.ReLU().forward(np.array([1, 2, 3])).dtype == np.float64


def test_python_numbers_take_the_dtype_of_the_other_input():
    layer = nn.Mul()
    assert layer.forward(np.ones(3, np.float32), 2.5).dtype == np.float32
    assert {np.result_type(d) for d in layer.backward(np.ones(3))} == {np.dtype(np.float32)}


def test_numbers_give_numbers():
    layer = nn.Mul()
    assert layer.forward(3, 4) == 12
    assert layer.backward(1) == (4, 3)


def test_a_parameter_is_the_very_array():
    W = np.ones((3, 2))
    layer = nn.Affine(W, np.zeros(2))
    W -= 1
    assert not layer.forward(np.ones(3)).any()


def test_the_gradients_of_two_inputs_are_two_arrays():
    layer, dy = nn.Add(), np.ones(3)
    layer.forward(np.ones(3), np.ones(3))
    dx, dother = layer.backward(dy)
    dx += 1
    np.testing.assert_array_equal(dother, 1)
    np.testing.assert_array_equal(dy, 1)


@pytest.mark.parametrize(
    "layer", [nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax(), nn.LogSoftmax()]
)
def test_activations_are_finite_at_ten_thousand(layer):
    y = layer.forward(np.array([1e4, -1e4, 0.0]))
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(np.ones(3))).all()


def test_sigmoid_at_ten_thousand_is_right():
    np.testing.assert_array_equal(nn.Sigmoid().forward([1e4, -1e4, 0.0]), [1, 0, 0.5])


def test_an_empty_batch_goes_through_where_no_mean_is_taken():
    layer = affine()
    assert layer.forward(np.zeros((0, 3))).shape == (0, 2)
    assert layer.backward(np.zeros((0, 2))).shape == (0, 3)
    assert not layer.dW.any()


@pytest.mark.parametrize(
    ("act", "error", "what", "write"),
    [
        (
            lambda: affine().forward(np.ones((5, 4))),
            ShapeError,
            "Affine: x has shape (5, 4), W has shape (3, 2).",
            "W of shape (4, 2)",
        ),
        (
            lambda: affine().forward(np.ones((3, 5))),
            ShapeError,
            "Affine: x has shape (3, 5), W has shape (3, 2).",
            "x.T, with one row for each sample.",
        ),
        (
            lambda: affine().forward(np.ones((3, 1))),
            ShapeError,
            "Affine: x has shape (3, 1), W has shape (3, 2).",
            "x.reshape(3)",
        ),
        (
            lambda: affine().forward(1.0),
            ShapeError,
            "Affine: x has shape (), W has shape (3, 2).",
            "W of shape (1, 2)",
        ),
        (
            lambda: nn.Affine(np.ones(3), np.zeros(3)),
            ShapeError,
            "Affine: W has shape (3,).",
            "W.reshape(D, n)",
        ),
        (
            lambda: nn.Affine(np.ones((3, 2)), np.zeros((2, 1))),
            ShapeError,
            "Affine: b has shape (2, 1); it needs (2,) or (1, 2).",
            "b.reshape(2)",
        ),
        (
            lambda: nn.Affine(np.ones((3, 2), int), np.zeros(2)),
            DTypeError,
            "Affine: W is an array of int64.",
            "W.astype(float)",
        ),
        (
            lambda: nn.ReLU().forward("cat"),
            DTypeError,
            "ReLU: the input is a str (<U3); a layer needs real numbers.",
            "np.asarray(x, dtype=float)",
        ),
        (
            lambda: nn.ReLU().forward(np.ones(2, complex)),
            DTypeError,
            "ReLU: the input is an array of complex128; a layer needs real numbers.",
            "x.real",
        ),
        (
            lambda: nn.ReLU().forward([[1.0], [1.0, 2.0]]),
            ShapeError,
            "ReLU: a list whose rows have different lengths is no array.",
            "rows of equal length, such as np.zeros((2, 3))",
        ),
        (
            lambda: nn.ReLU().forward(np.ma.masked_array([1.0, 2.0], [True, False])),
            DTypeError,
            "ReLU: the input is a masked array.",
            "np.where(x.mask, 0.0, x.data)",
        ),
        (
            lambda: nn.Softmax().forward(np.zeros((3, 0))),
            ShapeError,
            "Softmax: x has shape (3, 0).",
            "x.reshape(N, C)",
        ),
        (
            lambda: nn.Flatten().forward(1.0),
            ShapeError,
            "Flatten: x has shape ().",
            "x.reshape(1, 1)",
        ),
        (
            lambda: initial.he((3,), seed=0),
            ShapeError,
            "Weights of shape (3,) are those of no layer here.",
            "initial.gaussian(shape, std=0.01, seed=0)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_corrected(act, error, what, write):
    with pytest.raises(error) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(what)
    assert "Where: test_inputs.py:" in text
    assert "Why: " in text
    assert text.endswith(f"Write instead: {write}")


def test_a_complex_dy_is_refused():
    layer = nn.ReLU()
    layer.forward(np.ones(2))
    with pytest.raises(DTypeError, match=r"ReLU\.backward: dy is an array of complex128\."):
        layer.backward(np.ones(2) * 1j)


@pytest.mark.parametrize(("make", "std"), [(initial.he, 0.1), (initial.xavier, np.sqrt(2 / 300))])
def test_initial_weights_have_the_spread_of_their_papers(make, std):
    W = make((200, 100), seed=0)
    assert abs(W.std() / std - 1) < 0.02
    assert abs(W.mean()) < 0.002
    np.testing.assert_array_equal(W, make((200, 100), seed=0))


def test_initial_kernels_count_their_inputs():
    assert abs(initial.he((50, 8, 5, 5), seed=0).std() - 0.1) < 0.002
    assert nn.Conv2d.initial(4, 6, 3, seed=0, groups=2).W.shape == (6, 2, 3, 3)
    assert abs(nn.Affine.initial(200, 100, seed=0, std=0.5).W.std() - 0.5) < 0.01


def test_a_layer_of_ones_own_needs_its_forward_alone(slope):
    class Swish(nn.Layer):
        parameters = ("k",)

        def __init__(self, k):
            self.k = k

        def compute(self, x, k):
            return x / (1 + np.exp(-k * x))

    layer, x = Swish(np.array(1.5)), np.array([-1.0, 0.5, 2.0])
    layer.forward(x)
    dx = layer.backward(np.ones(3))
    np.testing.assert_allclose(dx, slope(lambda v: np.sum(Swish(1.5).compute(v, 1.5)), x), 1e-9)
    dk = slope(lambda k: np.sum(layer.compute(x, k)), 1.5)
    np.testing.assert_allclose(layer.dk, dk, rtol=1e-9)
    assert repr(layer) == "Swish()"


def test_sizes_given_in_the_place_of_arrays():
    with pytest.raises(
        DTypeError, match=r"Affine: W is an int\. .*nn\.Affine\.initial\(2, 3, seed=0\)"
    ):
        nn.Affine(2, 3)


def test_names_from_elsewhere():
    with pytest.raises(AttributeError, match=r"no attribute 'Dense'\. Here it is nn\.Affine\."):
        nn.Dense  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'Nothing'\.$"):
        nn.Nothing  # noqa: B018


def test_rescaling_makes_no_outputs_of_its_own():
    for layer in (nn.Rescaling([1.0, 2.0]), nn.Rescaling(1.0, [0.0, 1.0])):
        with pytest.raises(ShapeError, match=r"Rescaling: x has shape \(3, 1\), .* shape \(2,\)"):
            layer.forward(np.ones((3, 1)))
