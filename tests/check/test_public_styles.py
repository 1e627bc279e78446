"""What libraries ask for that people write for themselves, and what must not be called wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.writing import last

from clearprop.check.handwritten.model import CORRECT, FAULT, NOT_JUDGED

# Each: the text, and what to exchange in it for a mistake ("" for none). Without it, it is correct.
STYLES = {
    "a list of inputs is added": (
        """
        class Plus:
            def forward(self, xs):
                self.count = len(xs)
                total = xs[0].copy()
                for x in xs[1:]:
                    total = total + x
                return total
            def backward(self, dy):
                return [dy for _ in range(self.count)]
        """,
        ("[dy for", "[2 * dy for"),
    ),
    "a list of inputs is taken apart": (
        """
        class Times:
            def forward(self, inputs):
                left, right = inputs
                self.left, self.right = left, right
                return left * right
            def backward(self, dy):
                return dy * self.right, dy * self.left
        """,
        ("dy * self.right, dy * self.left", "dy * self.left, dy * self.right"),
    ),
    "a list of inputs is joined": (
        """
        class Join:
            def __init__(self, axis=-1):
                self.axis = axis
            def forward(self, inputs):
                self.sizes = [x.shape[self.axis] for x in inputs]
                return np.concatenate(inputs, axis=self.axis)
            def backward(self, dy):
                return np.split(dy, np.cumsum(self.sizes)[:-1], axis=self.axis)
        """,
        ("np.split(dy", "np.split(-dy"),
    ),
    "weights that are built for a shape": (
        """
        class Built:
            def __init__(self, units):
                self.units = units
                self.W = None
            def build(self, input_shape):
                self.W = np.random.randn(input_shape[-1], self.units)
            def forward(self, x):
                self.x = x
                return x @ self.W
            def backward(self, g):
                self.dW = self.x.T @ g
                return g @ self.W.T
        """,
        ("self.x.T @ g", "2 * self.x.T @ g"),
    ),
    "an optimiser inside that updates": (
        """
        import copy
        class Stepping:
            def __init__(self, n_units, input_shape=None):
                self.n_units, self.input_shape = n_units, input_shape
                self.W = None
            def initialize(self, optimizer):
                self.W = np.random.uniform(-1, 1, (self.input_shape[0], self.n_units))
                self.step = copy.copy(optimizer)
            def forward_pass(self, X, training=True):
                self.X = X
                return X.dot(self.W)
            def backward_pass(self, grad):
                W = self.W
                self.W = self.step.update(self.W, self.X.T.dot(grad))
                return grad.dot(W.T)
        """,
        ("grad.dot(W.T)", "grad.dot(self.W.T)"),
    ),
    "a chain of layers": (
        """
        class Chain:
            def __init__(self, *layers):
                self.layers = layers
            def forward(self, x):
                for layer in self.layers:
                    x = layer.forward(x)
                return x
            def backward(self, g):
                for layer in reversed(self.layers):
                    g = layer.backward(g)
                return g
        """,
        ("g = layer.backward(g)", "g = g + layer.backward(g)"),
    ),
    "a shortcut around layers": (
        """
        class Around:
            def __init__(self, layers):
                self.layers = layers
            def forward(self, x):
                y = x
                for layer in self.layers:
                    y = layer.forward(y)
                return x + y
            def backward(self, g):
                inner = g
                for layer in reversed(self.layers):
                    inner = layer.backward(inner)
                return g + inner
        """,
        ("return g + inner", "return inner"),
    ),
    "an activation object": (
        """
        class Activated:
            def __init__(self, n_in, n_out, activation):
                self.W = np.random.randn(n_in, n_out)
                self.activation = activation
            def forward(self, x):
                self.x, self.z = x, x @ self.W
                return self.activation(self.z)
            def backward(self, g):
                g = g * self.activation.derivative(self.z)
                self.dW = self.x.T @ g
                return g @ self.W.T
        """,
        ("g = g * self.activation.derivative(self.z)", "pass"),
    ),
    "a loss of y and y_pred": (
        """
        class Squares:
            def forward(self, y, y_pred):
                self.off = y_pred - y
                return np.mean(self.off ** 2)
            def backward(self):
                grad = 2 * self.off
                return grad / self.off.size
        """,
        ("grad = 2 *", "grad = -2 *"),
    ),
    "running statistics in rows": (
        """
        class Norm:
            def __init__(self, n):
                self.gamma = np.ones((1, n))
                self.seen = np.zeros((1, n))
            def forward(self, x):
                mean = x.mean(axis=0, keepdims=True)
                self.seen = 0.9 * self.seen + 0.1 * mean
                self.x = x - mean
                return self.gamma * self.x
            def backward(self, g):
                self.dgamma = np.sum(g * self.x, axis=0, keepdims=True)
                g = g * self.gamma
                return g - g.mean(axis=0, keepdims=True)
        """,
        ("g - g.mean(axis=0, keepdims=True)", "g"),
    ),
    "three outputs, of which backward begins at two": (
        """
        def cell_forward(x, h_prev, W, Wy):
            h = np.tanh(x @ W + h_prev)
            c = h * h_prev
            y = h @ Wy
            return h, c, y, (x, h_prev, h, W)
        def cell_backward(dh, dc, cache):
            x, h_prev, h, W = cache
            dz = (dh + dc * h_prev) * (1 - h ** 2)
            return {"dx": dz @ W.T, "dh_prev": dz + dc * h, "dW": x.T @ dz}
        """,
        ("dz + dc * h,", "dz,"),
    ),
    "a number of samples that the constructor is told": (
        """
        class Fixed:
            def __init__(self, W, batch_size):
                self.W = W
                self.dx = np.zeros((batch_size, W.shape[0]))
            def forward(self, x):
                self.x = x
                return x @ self.W
            def backward(self, dout):
                self.dx[...] = dout @ self.W.T
                self.dW = self.x.T @ dout
                return self.dx
        """,
        ("= dout @", "= -dout @"),
    ),
    "shapes that the constructor is told": (
        """
        class Shaped:
            def __init__(self, input_shape, output_shape):
                self.input_shape, self.output_shape = input_shape, output_shape
            def forward(self, input):
                return np.reshape(input, self.output_shape)
            def backward(self, grad, learning_rate):
                return np.reshape(grad, self.input_shape)
        """,
        ("np.reshape(grad,", "np.reshape(3 * grad,"),
    ),
    "an index beside the data": (
        """
        class Scored:
            def __init__(self, W):
                self.W = W
            def forward(self, h, idx):
                self.h, self.idx = h, idx
                return np.sum(self.W[idx] * h, axis=1)
            def backward(self, dout):
                dout = dout.reshape(len(dout), 1)
                self.dW = np.zeros_like(self.W)
                np.add.at(self.dW, self.idx, dout * self.h)
                return dout * self.W[self.idx]
        """,
        ("return dout * self.W[self.idx]", "return dout * self.h"),
    ),
    "a setting of the environment": (
        """
        import os
        WIDE = os.getenv("NO_SUCH_SETTING", "yes")
        class Double:
            def forward(self, x):
                return 2 * x if WIDE == "yes" else x
            def backward(self, dy):
                return 2 * dy
        """,
        ("return 2 * dy", "return dy"),
    ),
    "a generator of the module": (
        """
        rng = np.random.default_rng()
        class Drop:
            def __init__(self, p=0.5):
                self.p = p
            def forward(self, x):
                self.mask = rng.random(x.shape) > self.p
                return x * self.mask
            def backward(self, dy):
                return dy * self.mask
        """,
        ("dy * self.mask", "dy * ~self.mask"),
    ),
    "a generator that is seeded by the clock": (
        """
        import time
        class Start:
            def __init__(self, n):
                rng = np.random.default_rng(int(time.time_ns()))
                self.W = rng.normal(size=(n, n))
            def forward(self, x):
                self.x = x
                return x @ self.W
            def backward(self, dy):
                self.dW = self.x.T @ dy
                return dy @ self.W.T
        """,
        ("dy @ self.W.T", "dy @ self.W"),
    ),
    "a network of one size": (
        """
        class Full:
            def __init__(self, n, m):
                self.W = np.random.randn(n, m)
            def forward(self, x):
                self.x = x
                return x @ self.W
            def backward(self, dy):
                self.dW = self.x.T @ dy
                return dy @ self.W.T
        class Net:
            def __init__(self):
                self.layers = [Full(6, 4), Full(4, 2)]
            def forward(self, X):
                return self.layers[1].forward(np.tanh(self.layers[0].forward(X)))
            def backward(self, dy):
                dh = self.layers[1].backward(dy)
                h = np.tanh(self.layers[1].x)
                a = self.layers[1].x
                return self.layers[0].backward(dh * (1 - a ** 2))
        """,
        ("(1 - a ** 2)", "(1 - h ** 2)"),
    ),
    "images with a depth": (
        """
        class Average3D:
            def forward(self, x):
                if x.ndim != 5:
                    raise ValueError("5D")
                self.shape = x.shape
                return x.mean(axis=(2, 3, 4))
            def backward(self, dy):
                n = self.shape[2] * self.shape[3] * self.shape[4]
                return np.zeros(self.shape) + dy[:, :, None, None, None] / n
        """,
        ("* self.shape[4]", ""),
    ),
    "a cache of input and output": (
        """
        def sigmoid_backward(dA, cache):
            A = cache[1]
            return dA * A * (1 - A)
        """,
        ("(1 - A)", "(1 + A)"),
    ),
    "what forward kept stands in a queue until it is emptied": (
        """
        class Queue:
            def __init__(self):
                self.kept = {"x": []}
            def reset(self):
                self.kept = {"x": []}
            def forward(self, x):
                self.kept["x"].append(x)
                return x ** 2
            def backward(self, dy):
                return 2 * self.kept["x"][0] * dy
        """,
        ("2 *", "3 *"),
    ),
    "an order that the docstring says": (
        '''
        def mixed_forward(x, t_mean, t_scale):
            return x * t_mean * t_scale, (x, t_mean, t_scale)
        def mixed_backward(dout, cache):
            """Give the gradients.

            dScale : of the scale
            dx : of the data
            dMean : of the mean
            """
            x, t_mean, t_scale = cache
            dx = dout * t_mean * t_scale
            dMean = dout * x * t_scale
            dScale = dout * x * t_mean
            return dScale, dx, dMean
        ''',
        ("dx = dout * t_mean * t_scale", "dx = dout * t_mean"),
    ),
    "an axis that is called dim": (
        """
        class Soft:
            def __init__(self, dim=-1):
                self.dim = dim
            def forward(self, x):
                e = np.exp(x - x.max(axis=self.dim, keepdims=True))
                self.y = e / e.sum(axis=self.dim, keepdims=True)
                return self.y
            def backward(self, dy):
                s = np.sum(dy * self.y, axis=self.dim, keepdims=True)
                return self.y * (dy - s)
        """,
        ("(dy - s)", "dy"),
    ),
    "samples in columns, and shapes that are asserted": (
        """
        def linear_forward(A, W, b):
            return W.dot(A) + b, (A, W, b)
        def linear_backward(dZ, cache):
            A, W, b = cache
            dW = dZ.dot(A.T)
            db = np.sum(dZ, axis=1, keepdims=True)
            assert db.shape == b.shape
            return W.T.dot(dZ), dW, db
        """,
        ("dW = dZ.dot(A.T)", "dW = -dZ.dot(A.T)"),
    ),
    "x.dot(W) of small weights": (
        """
        class Small:
            def __init__(self, n, m):
                self.W = 1e-10 * np.random.randn(n, m)
            def forward(self, x):
                self.x = x
                return x.dot(self.W)
            def backward(self, dy):
                self.dW = self.x.T.dot(dy)
                return dy.dot(self.W.T)
        """,
        ("dy.dot(self.W.T)", "dy.dot(2 * self.W.T)"),
    ),
}


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_not_called_wrong(name: str, tmp_path: Path) -> None:
    judgement = last(STYLES[name][0], tmp_path)
    assert judgement.ok, str(judgement)


@pytest.mark.parametrize("name", STYLES)
def test_a_mistake_in_a_style_is_seen(name: str, tmp_path: Path) -> None:
    text, (right, wrong) = STYLES[name]
    assert right in text
    assert last(text.replace(right, wrong), tmp_path).verdict == FAULT


def test_a_network_that_returns_nothing_is_not_blamed_for_it(tmp_path: Path) -> None:
    text = STYLES["a chain of layers"][0].rstrip().removesuffix("return g")
    judgement = last(text, tmp_path)
    assert judgement.verdict == NOT_JUDGED
    assert "no gradient" in judgement.reason


def test_the_gradient_of_scores_is_told_from_that_of_probabilities(tmp_path: Path) -> None:
    text = """
    class CrossEntropy:
        def forward(self, y_pred, y_true):
            return -np.mean(np.sum(y_true * np.log(y_pred), axis=1))
        def backward(self, y_pred, y_true):
            return (y_pred - y_true) / len(y_pred)
    """
    judgement = last(text, tmp_path)
    assert judgement.verdict == FAULT
    assert judgement.findings[0].cause == "local-factor"
    assert "scores that a softmax made y_pred of" in judgement.findings[0].sentence
    right = text.replace("(y_pred - y_true)", "-y_true / y_pred")
    assert last(right, tmp_path).verdict == CORRECT


def test_code_that_loops_over_every_number_is_given_few(tmp_path: Path) -> None:
    text = """
    class Slow:
        def forward(self, x):
            N, C, H, W = x.shape
            self.x, out = x, np.zeros(x.shape)
            for n in range(N):
                for c in range(C):
                    for i in range(H):
                        for j in range(W):
                            for _ in range(5):
                                out[n, c, i, j] = float(x[n, c, i, j]) ** 2
            return out
        def backward(self, dy):
            return 2 * self.x * dy
    """
    judgement = last(text, tmp_path)
    assert judgement.verdict == CORRECT
    assert judgement.shapes["x"][0] == 2


def test_a_gradient_that_is_handed_on_unchanged_is_said_to_be(tmp_path: Path) -> None:
    text = """
    class Softmax:
        def forward(self, x):
            e = np.exp(x - x.max(axis=-1, keepdims=True))
            self.y = e / e.sum(axis=-1, keepdims=True)
            return self.y
        def backward(self, dy):
            return dy
    """
    judgement = last(text, tmp_path)
    assert judgement.verdict == FAULT
    assert judgement.findings[0].cause == "jacobian"
    assert "unchanged" in judgement.findings[0].sentence


def test_an_empty_backward_that_takes_nothing_is_nobodys_fault(tmp_path: Path) -> None:
    text = """
    class Base:
        def backward(self, dy):
            pass
    class Start(Base):
        def forward(self, x):
            return x
    """
    assert last(text, tmp_path).verdict == NOT_JUDGED
    own = text.rstrip(" ") + "        def backward(self, dy):\n            pass\n"
    assert last(own, tmp_path).verdict == FAULT
