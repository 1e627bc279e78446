"""Backward passes as people write them, right, each with mistakes that are planted in it.

A mistake is a line of the right text and what stands there instead; the remedy is the right line.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """What is planted, and what the checker has to say of it."""

    name: str  # of the candidate
    right: str
    wrong: str
    cause: str
    gradient: str
    remedy: str | None = None  # the right line, where None


@dataclass(frozen=True)
class Example:
    """A file without mistakes, and what is in it."""

    style: str
    text: str
    verdicts: dict[str, str]
    mistakes: tuple[Mistake, ...] = ()

    def with_mistake(self, mistake: Mistake) -> str:
        text = self.source
        assert text.count(mistake.right) == 1, mistake.right
        return text.replace(mistake.right, mistake.wrong)

    @property
    def source(self) -> str:
        return textwrap.dedent(self.text).lstrip("\n")


LAYERS = Example(
    "forward(x), backward(dout), parameters in the constructor",
    """
    import numpy as np

    class Affine:
        def __init__(self, W, b):
            self.W, self.b = W, b

        def forward(self, x):
            self.x = x
            return np.dot(x, self.W) + self.b

        def backward(self, dout):
            dx = np.dot(dout, self.W.T)
            self.dW = np.dot(self.x.T, dout)
            self.db = np.sum(dout, axis=0)
            return dx

    class Relu:
        def forward(self, x):
            self.mask = x <= 0
            out = x.copy()
            out[self.mask] = 0
            return out

        def backward(self, dout):
            dx = dout.copy()
            dx[self.mask] = 0
            return dx

    class Tanh:
        def forward(self, x):
            self.out = np.tanh(x)
            return self.out

        def backward(self, dout):
            return dout * (1 - self.out**2)

    class Mul:
        def forward(self, x, y):
            self.x, self.y = x, y
            return x * y

        def backward(self, dout):
            return dout * self.y, dout * self.x
    """,
    {"Affine": "correct", "Relu": "correct", "Tanh": "correct", "Mul": "correct"},
    (
        Mistake("Affine", "np.sum(dout, axis=0)", "np.sum(dout, axis=1)", "batch-sum", "db"),
        Mistake("Affine", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", "batch-sum", "db"),
        Mistake("Affine", "np.dot(self.x.T, dout)", "-np.dot(self.x.T, dout)", "sign", "dW"),
        Mistake(
            "Affine",
            "np.dot(self.x.T, dout)",
            "np.dot(self.x.T, dout) / self.x.shape[0]",
            "batch-factor",
            "dW",
        ),
        Mistake("Relu", "dx = dout.copy()", "dx = dout", "overwritten", "dout"),
        Mistake("Relu", "dx[self.mask] = 0", "dx[~self.mask] = 0", "mask", "dx"),
        Mistake("Tanh", "1 - self.out**2", "1 - self.out", "local-factor", "dx"),
        Mistake("Tanh", "dout * (1 - self.out**2)", "1 - self.out**2", "upstream-ignored", "dx"),
        Mistake(
            "Mul",
            "dout * self.y, dout * self.x",
            "dout * self.x, dout * self.y",
            "exchanged",
            "dx, dy",
        ),
    ),
)

INPUTS = Example(
    "self.output, self.dinputs, self.dweights, self.dbiases",
    """
    import numpy as np

    class LayerDense:
        def __init__(self, n_inputs, n_neurons):
            self.weights = 0.1 * np.random.randn(n_inputs, n_neurons)
            self.biases = np.zeros((1, n_neurons))

        def forward(self, inputs):
            self.inputs = inputs
            self.output = np.dot(inputs, self.weights) + self.biases

        def backward(self, dvalues):
            self.dweights = np.dot(self.inputs.T, dvalues)
            self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
            self.dinputs = np.dot(dvalues, self.weights.T)

    class ActivationSigmoid:
        def forward(self, inputs):
            self.output = 1 / (1 + np.exp(-inputs))

        def backward(self, dvalues):
            self.dinputs = dvalues * (1 - self.output) * self.output
    """,
    {"LayerDense": "correct", "ActivationSigmoid": "correct"},
    (
        Mistake(
            "LayerDense",
            "np.sum(dvalues, axis=0, keepdims=True)",
            "np.sum(dvalues, axis=1, keepdims=True)",
            "batch-sum",
            "dbiases",
        ),
        Mistake(
            "LayerDense",
            "self.dweights = np.dot(self.inputs.T, dvalues)",
            "self.dweights = np.dot(dvalues.T, self.inputs)",
            "transposed",
            "dweights",
        ),
        Mistake(
            "ActivationSigmoid",
            "dvalues * (1 - self.output) * self.output",
            "dvalues * (1 - self.output)",
            "local-factor",
            "dinputs",
        ),
    ),
)

SINGULAR = Example(
    "self.dinput, self.dweight, self.dbias",
    """
    import numpy as np

    class Dense:
        def __init__(self, n_in, n_out):
            self.weight = np.random.randn(n_in, n_out)
            self.bias = np.zeros((1, n_out))

        def forward(self, input):
            self.input = input
            self.output = input @ self.weight + self.bias

        def backward(self, dvalue):
            self.dweight = self.input.T @ dvalue
            self.dbias = dvalue.sum(axis=0, keepdims=True)
            self.dinput = dvalue @ self.weight.T
    """,
    {"Dense": "correct"},
    (
        Mistake(
            "Dense",
            "self.dweight = self.input.T @ dvalue",
            "self.dweight = 2 * self.input.T @ dvalue",
            "factor",
            "dweight",
        ),
    ),
)

LOSSES = Example(
    "a loss: forward(predict, target), backward(dvalues, target)",
    """
    import numpy as np

    class MeanSquaredError:
        def forward(self, y_pred, y_true):
            return np.mean((y_true - y_pred) ** 2, axis=-1)

        def backward(self, dvalues, y_true):
            samples, outputs = len(dvalues), len(dvalues[0])
            self.dinputs = -2 * (y_true - dvalues) / outputs
            self.dinputs = self.dinputs / samples

    class SoftmaxWithLoss:
        def forward(self, x, t):
            self.t = t
            e = np.exp(x - x.max(axis=1, keepdims=True))
            self.y = e / e.sum(axis=1, keepdims=True)
            return -np.sum(t * np.log(self.y)) / x.shape[0]

        def backward(self, dout=1):
            return dout * (self.y - self.t) / self.t.shape[0]
    """,
    {"MeanSquaredError": "convention", "SoftmaxWithLoss": "correct"},
    (
        Mistake(
            "SoftmaxWithLoss",
            "dout * (self.y - self.t) / self.t.shape[0]",
            "dout * (self.y - self.t)",
            "batch-factor",
            "dx",
        ),
    ),
)

PAIRS = Example(
    "a pair of functions and a cache",
    """
    import numpy as np

    def affine_forward(x, w, b):
        out = x.reshape(x.shape[0], -1).dot(w) + b
        return out, (x, w, b)

    def affine_backward(dout, cache):
        x, w, b = cache
        dx = dout.dot(w.T).reshape(x.shape)
        dw = x.reshape(x.shape[0], -1).T.dot(dout)
        db = dout.sum(axis=0)
        return dx, dw, db

    def rnn_step_forward(x, prev_h, Wx, Wh, b):
        next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
        return next_h, (x, prev_h, Wx, Wh, next_h)

    def rnn_step_backward(dnext_h, cache):
        x, prev_h, Wx, Wh, next_h = cache
        da = dnext_h * (1 - next_h**2)
        return da @ Wx.T, da @ Wh.T, x.T @ da, prev_h.T @ da, da.sum(axis=0)
    """,
    {"affine_backward": "correct", "rnn_step_backward": "correct"},
    (
        Mistake("affine_backward", "db = dout.sum(axis=0)", "db = dout.sum()", "batch-sum", "db"),
        Mistake("affine_backward", "dx = dout.dot(w.T)", "dx = 2 * dout.dot(w.T)", "factor", "dx"),
        Mistake("affine_backward", "return dx, dw, db", "return dx, db, dw", "exchanged", "db, dw"),
        Mistake(
            "rnn_step_backward",
            "da = dnext_h * (1 - next_h**2)",
            "da = dnext_h * next_h * (1 - next_h)",
            "local-factor",
            "dx, dprev_h, dWx, dWh, db",
        ),
    ),
)

DERIVATIVES = Example(
    "a function beside its derivative",
    """
    import numpy as np

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def sigmoid_prime(z):
        return sigmoid(z) * (1 - sigmoid(z))

    def leaky(x):
        return np.where(x > 0, x, 0.1 * x)

    def leaky_grad(x):
        return np.where(x > 0, 1, 0.1)

    def elu(x, deriv=False):
        if deriv:
            return np.where(x > 0, 1, np.exp(x))
        return np.where(x > 0, x, np.exp(x) - 1)
    """,
    {"sigmoid_prime": "correct", "leaky_grad": "convention", "elu": "correct"},
    (
        Mistake(
            "sigmoid_prime",
            "return sigmoid(z) * (1 - sigmoid(z))",
            "return sigmoid(z) * (1 + sigmoid(z))",
            "sign",
            "dz",
        ),
        Mistake(
            "leaky_grad",
            "np.where(x > 0, 1, 0.1)",
            "np.where(x > 0, 1, 0.2)",
            "wrong-value",
            "dx",
        ),
    ),
)

NETWORKS = Example(
    "a network with loss and gradient",
    """
    import numpy as np

    def softmax(a):
        e = np.exp(a - a.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    class TwoLayerNet:
        def __init__(self, input_size, hidden_size, output_size):
            self.params = {
                "W1": 0.1 * np.random.randn(input_size, hidden_size),
                "b1": np.zeros(hidden_size),
                "W2": 0.1 * np.random.randn(hidden_size, output_size),
                "b2": np.zeros(output_size),
            }

        def predict(self, x):
            p = self.params
            self.h = np.tanh(x @ p["W1"] + p["b1"])
            return softmax(self.h @ p["W2"] + p["b2"])

        def loss(self, x, t):
            return -np.sum(t * np.log(self.predict(x))) / len(x)

        def gradient(self, x, t):
            dz = (self.predict(x) - t) / len(x)
            grads = {"W2": self.h.T @ dz, "b2": dz.sum(axis=0)}
            da = dz @ self.params["W2"].T * (1 - self.h**2)
            grads["W1"] = x.T @ da
            grads["b1"] = da.sum(axis=0)
            return grads
    """,
    {"TwoLayerNet": "correct"},
    (
        Mistake(
            "TwoLayerNet",
            'grads["b1"] = da.sum(axis=0)',
            'grads["b1"] = dz.sum(axis=0)',
            "wrong-value",
            "grads['b1']",
        ),
        Mistake(
            "TwoLayerNet",
            "dz = (self.predict(x) - t) / len(x)",
            "dz = self.predict(x) - t",
            "batch-factor",
            "grads['W2'], grads['b2'], grads['W1'], grads['b1']",
            "dz = (self.predict(x) - t) / x.shape[0]",
        ),
    ),
)

RETURNED = Example(
    "a function that returns loss and gradient",
    """
    import numpy as np

    def least_squares(w, X, y):
        r = X @ w - y
        loss = 0.5 * np.sum(r**2) / len(y)
        grad = X.T @ r / len(y)
        return loss, grad
    """,
    {"least_squares": "correct"},
    (Mistake("least_squares", "grad = X.T @ r", "grad = 2 * X.T @ r", "factor", "grad"),),
)

WITHOUT_FORWARD = Example(
    "a backward alone, by its name",
    """
    import numpy as np

    class Softmax:
        def backward(self, dvalues):
            self.dinputs = np.empty_like(dvalues)
            for i, (y, d) in enumerate(zip(self.output, dvalues)):
                self.dinputs[i] = (np.diag(y) - np.outer(y, y)) @ d
    """,
    {"Softmax": "correct"},
    (
        Mistake(
            "Softmax",
            "np.diag(y) - np.outer(y, y)",
            "np.diag(y) - np.dot(y, y)",
            "jacobian",
            "dinputs",
        ),
    ),
)

WINDOWS = Example(
    "windows with a stride and padding",
    """
    import numpy as np

    class Conv:
        def __init__(self, W, b, stride=1, pad=0):
            self.W, self.b, self.stride, self.pad = W, b, stride, pad

        def forward(self, x):
            F, C, k, l = self.W.shape
            s, p = self.stride, self.pad
            self.shape = x.shape
            self.xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
            H = (self.xp.shape[2] - k) // s + 1
            V = (self.xp.shape[3] - l) // s + 1
            out = np.zeros((len(x), F, H, V))
            for i in range(H):
                for j in range(V):
                    patch = self.xp[:, :, i * s : i * s + k, j * s : j * s + l]
                    out[:, :, i, j] = np.tensordot(patch, self.W, ([1, 2, 3], [1, 2, 3])) + self.b
            return out

        def backward(self, dout):
            F, C, k, l = self.W.shape
            s, p = self.stride, self.pad
            dxp = np.zeros_like(self.xp)
            self.dW = np.zeros_like(self.W)
            self.db = dout.sum(axis=(0, 2, 3))
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    patch = self.xp[:, :, i * s : i * s + k, j * s : j * s + l]
                    d = dout[:, :, i, j]
                    self.dW += np.tensordot(d, patch, (0, 0))
                    dpatch = np.tensordot(d, self.W, (1, 0))
                    dxp[:, :, i * s : i * s + k, j * s : j * s + l] += dpatch
            return dxp[:, :, p : p + self.shape[2], p : p + self.shape[3]]
    """,
    {"Conv": "correct"},
    (
        Mistake(
            "Conv",
            "self.db = dout.sum(axis=(0, 2, 3))",
            "self.db = dout.sum(axis=0)",
            "batch-sum",
            "db",
        ),
        Mistake(
            "Conv",
            "self.dW += np.tensordot(d, patch, (0, 0))",
            "self.dW = np.tensordot(d, patch, (0, 0))",
            "not-accumulated",
            "dW",
        ),
    ),
)

EXAMPLES = (
    LAYERS,
    INPUTS,
    SINGULAR,
    LOSSES,
    PAIRS,
    DERIVATIVES,
    NETWORKS,
    RETURNED,
    WITHOUT_FORWARD,
    WINDOWS,
)
