"""Styles of layers and courses: what is right is not called wrong, and a mistake in it is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.writing import last

from clearprop.check.handwritten.model import CONVENTION, CORRECT, FAULT

# Each: the text, the verdict of its last backward, what to exchange for a mistake ("" for none).
STYLES = {
    "the sigmoid's backward without a forward": (
        """
        def sigmoid_backward(dA, cache):
            s = 1 / (1 + np.exp(-cache))
            return dA * s * (1 - s)
        """,
        CORRECT,
        ("(1 - s)", "(1 + s)"),
    ),
    "a derivative that takes the output": (
        """
        def sigmoid_derivative(y):
            return y * (1 - y)
        """,
        CONVENTION,
        ("(1 - y)", "(2 - y)"),
    ),
    "a Jacobian": (
        """
        def softmax_grad(s):
            return np.diag(s) - np.outer(s, s)
        """,
        CONVENTION,
        ("-", "+"),
    ),
    "a loss's derivative without the loss": (
        """
        def mse_prime(wanted, y_pred):
            return 2 * (y_pred - y_true) / y_true.size
        """.replace("wanted", "y_true"),
        CORRECT,
        ("2 *", "3 *"),
    ),
    "the target comes first": (
        """
        class Half:
            def forward(self, y_true, y):
                self.off = y - y_true
                return np.sum(self.off ** 2) / 2
            def backward(self, dout):
                dy = self.off * dout
                return dy
        """,
        CORRECT,
        ("self.off * dout", "-self.off * dout"),
    ),
    "gradients with a line below in front": (
        """
        class Scale:
            def __init__(self, d):
                self.W = np.ones((1, 3))
            def forward(self, x):
                self._x = x
                return x * self.W
            def backward(self, grad):
                self.__dW = np.sum(grad * self._x, axis=0, keepdims=True)
                return grad * self.W
        """,
        CORRECT,
        ("grad * self._x", "grad + self._x"),
    ),
    "W.data and W.grad": (
        """
        class Slot:
            def __init__(self, data):
                self.data, self.grad = data, None
        class Linear:
            def __init__(self, n_in, n_out):
                self.W = Slot(np.random.randn(n_in, n_out))
            def forward(self, x):
                self.x = x
                return x @ self.W.data
            def backward(self, dout):
                self.W.grad = self.x.T @ dout
                return dout @ self.W.data.T
        """,
        CORRECT,
        ("self.x.T @ dout", "2 * self.x.T @ dout"),
    ),
    "nothing returned, another name": (
        """
        class Cube:
            def forward(self, inputs):
                self.inputs = inputs
                self.output = inputs ** 3
            def backward(self, derivatives):
                self.derivatives = 3 * self.inputs ** 2 * derivatives
        """,
        CORRECT,
        ("3 * self", "2 * self"),
    ),
    "dx and a dictionary": (
        """
        class Shift:
            def __init__(self, n):
                self.params = {"b": np.zeros(3)}
            def forward(self, x):
                return x + self.params["b"]
            def backward(self, dout):
                return dout, {"b": dout.sum(axis=0)}
        """,
        CORRECT,
        ("return dout,", "return -dout,"),
    ),
    "a rate that is not used": (
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.weights = np.random.randn(n_in, n_out)
            def forward(self, x):
                self.x = x
                return x @ self.weights
            def backward(self, grad, learning_rate=None):
                self.weights_gradient = self.x.T @ grad
                return grad @ self.weights.T
        """,
        CORRECT,
        ("self.x.T @ grad", "-self.x.T @ grad"),
    ),
    "forward keeps a running mean": (
        """
        class Centre:
            def __init__(self, d):
                self.b = np.zeros((1, 3))
                self.running_mean = np.zeros((1, 3))
            def forward(self, x):
                mean = x.mean(axis=0, keepdims=True)
                self.running_mean = 0.9 * self.running_mean + 0.1 * mean
                return x - mean + self.b
            def backward(self, grad, learning_rate):
                self.b -= learning_rate * grad.sum(axis=0, keepdims=True)
                return grad - grad.mean(axis=0, keepdims=True)
        """,
        CORRECT,
        ("return grad - grad", "return grad + grad"),
    ),
    "one sample at a time": (
        """
        class Dense:
            def __init__(self, n_in, n_out):
                self.weights = np.random.randn(n_out, n_in)
                self.bias = np.random.randn(n_out, 1)
            def forward(self, column):
                self.column = column
                return self.weights @ column + self.bias
            def backward(self, grad, learning_rate):
                back = self.weights.T @ grad
                self.weights -= learning_rate * grad @ self.column.T
                self.bias -= learning_rate * grad
                return back
        """,
        CONVENTION,
        ("return back", "return -back"),
    ),
    "a function and its slope are given": (
        """
        class Activation:
            def __init__(self, activation, activation_prime):
                self.f, self.slope = activation, activation_prime
            def forward(self, x):
                self.x = x
                return self.f(x)
            def backward(self, grad):
                return grad * self.slope(self.x)
        """,
        CORRECT,
        ("grad * ", "2 * grad * "),
    ),
    "training is off unless asked for": (
        """
        class Twice:
            def __init__(self):
                self.cache = None
            def forward(self, x, training=False):
                if training:
                    self.cache = (x, 2)
                return 2 * x ** 2
            def backward(self, dout):
                x, factor = self.cache
                return 2 * factor * x * dout
        """,
        CORRECT,
        ("2 * factor", "factor"),
    ),
    "only the first output has a gradient": (
        """
        def cell_forward(x, h_prev, Wx, Wh):
            h = np.tanh(x @ Wx + h_prev @ Wh)
            p = 1 / (1 + np.exp(-h))
            cache = (x, h_prev, Wx, Wh, h)
            return h, p, cache
        def cell_backward(dh, cache):
            x, h_prev, Wx, Wh, h = cache
            da = dh * (1 - h ** 2)
            return da @ Wx.T, da @ Wh.T, x.T @ da, h_prev.T @ da
        """,
        CORRECT,
        ("h ** 2", "h"),
    ),
    "a dictionary of parameters, samples in columns": (
        """
        def step_forward(xt, a_prev, parameters):
            Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
            a_next = np.tanh(np.dot(Wax, xt) + np.dot(Waa, a_prev) + ba)
            return a_next, (a_next, a_prev, xt, parameters)
        def step_backward(da_next, cache):
            a_next, a_prev, xt, parameters = cache
            dz = da_next * (1 - a_next ** 2)
            return {"dxt": np.dot(parameters["Wax"].T, dz), "dWax": np.dot(dz, xt.T),
                    "da_prev": np.dot(parameters["Waa"].T, dz), "dWaa": np.dot(dz, a_prev.T),
                    "dba": np.sum(dz, axis=1, keepdims=True)}
        """,
        CORRECT,
        ("np.dot(dz, xt.T)", "2 * np.dot(dz, xt.T)"),
    ),
    "1/m is left to the parameters": (
        """
        def linear_forward(A, W, b):
            return np.dot(W, A) + b, (A, W, b)
        def linear_backward(dZ, cache):
            A, W, b = cache
            m = A.shape[1]
            dW = np.dot(dZ, A.T) / m
            db = np.sum(dZ, axis=1, keepdims=True) / m
            return np.dot(W.T, dZ), dW, db
        """,
        CONVENTION,
        ("db = np.sum(dZ, axis=1, keepdims=True) / m", "db = np.sum(dZ, axis=1, keepdims=True)"),
    ),
    "a network of functions and its cost": (
        """
        def forward_propagation(X, parameters):
            A1 = np.tanh(np.dot(parameters["W1"], X) + parameters["b1"])
            A2 = 1 / (1 + np.exp(-np.dot(parameters["W2"], A1) - parameters["b2"]))
            assert A2.shape == (1, X.shape[1])
            return A2, {"A1": A1, "A2": A2}
        def compute_cost(A2, Y):
            return -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
        def backward_propagation(parameters, cache, X, Y):
            m, A1 = X.shape[1], cache["A1"]
            dZ2 = cache["A2"] - Y
            dZ1 = np.dot(parameters["W2"].T, dZ2) * (1 - A1 ** 2)
            return {"dW1": np.dot(dZ1, X.T) / m, "db1": np.sum(dZ1, axis=1, keepdims=True) / m,
                    "dW2": np.dot(dZ2, A1.T) / m, "db2": np.sum(dZ2, axis=1, keepdims=True) / m}
        """,
        CORRECT,
        ("A1 ** 2", "A1"),
    ),
    "forward takes nothing": (
        """
        class Net:
            def __init__(self, x, y):
                self.x, self.y = x, y
                self.w = np.random.randn(x.shape[1], 1)
            def feedforward(self):
                self.out = self.x @ self.w
                return self.out
            def backprop(self):
                self.w += self.x.T @ (self.y - self.out)
        """,
        CONVENTION,
        None,
    ),
}


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_not_called_wrong(name: str, tmp_path: Path) -> None:
    text, verdict, _ = STYLES[name]
    judged = last(text, tmp_path)
    assert (judged.verdict, judged.reason) == (verdict, judged.reason), judged.findings


@pytest.mark.parametrize("name", [name for name, style in STYLES.items() if style[2]])
def test_a_mistake_in_a_style_is_seen(name: str, tmp_path: Path) -> None:
    text, _, (right, wrong) = STYLES[name]
    assert right in text
    assert last(text.replace(right, wrong), tmp_path).verdict == FAULT


def test_a_package_is_found_from_within(tmp_path: Path) -> None:
    inner = tmp_path / "small" / "layers"
    inner.mkdir(parents=True)
    (tmp_path / "small" / "__init__.py").write_text("FACTOR = 3.0\n")
    (inner / "__init__.py").write_text("")
    (tmp_path / "small" / "base.py").write_text("class Base:\n    scale = 2.0\n")
    text = """
    from small.base import Base
    from .. import FACTOR
    class Stretch(Base):
        def forward(self, x):
            return x * self.scale * FACTOR
        def backward(self, dout):
            return dout * 6.0
    """
    assert last(text, inner, "stretch.py").verdict == CORRECT


def test_a_derivative_that_is_a_method_of_an_object_is_diagnosed(tmp_path: Path) -> None:
    text = """
    class Square:
        def __call__(self, x):
            self.x = x
            return x ** 2
        def gradient(self, x):
            return 3 * x
    """
    assert last(text, tmp_path).verdict == FAULT
