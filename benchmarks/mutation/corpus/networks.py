"""Networks put together from layers."""

from collections import OrderedDict

import numpy as np


class Linear:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Rectifier:
    def forward(self, x):
        self.positive = x > 0
        return x * self.positive

    def backward(self, dout):
        return dout * self.positive


class CrossEntropy:
    """Softmax with cross-entropy, mean over the batch."""

    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        self.t = np.eye(x.shape[1])[t]
        return -np.sum(self.t * np.log(self.y)) / len(x)

    def backward(self, dout=1.0):
        return dout * (self.y - self.t) / len(self.t)


class LayeredNet:
    """Layers in an OrderedDict; gradient goes through them from the last to the first."""

    def __init__(self, input_size=5, hidden_size=4, output_size=3):
        self.params = {
            "W1": 0.3 * np.random.randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": 0.3 * np.random.randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }
        self.layers = OrderedDict()
        self.layers["Linear1"] = Linear(self.params["W1"], self.params["b1"])
        self.layers["Relu1"] = Rectifier()
        self.layers["Linear2"] = Linear(self.params["W2"], self.params["b2"])
        self.last = CrossEntropy()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last.backward(1)
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads = {}
        grads["W1"] = self.layers["Linear1"].dW
        grads["b1"] = self.layers["Linear1"].db
        grads["W2"] = self.layers["Linear2"].dW
        grads["b2"] = self.layers["Linear2"].db
        return grads


class Mlp:
    """tanh network whose forward keeps everything; backward(dout) leaves grads."""

    def __init__(self, W1, b1, W2, b2):
        self.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

    def forward(self, x):
        p = self.params
        z1 = x @ p["W1"] + p["b1"]
        h1 = np.tanh(z1)
        z2 = h1 @ p["W2"] + p["b2"]
        self.saved = x, h1
        return z2

    def backward(self, dz2):
        x, h1 = self.saved
        p = self.params
        dh1 = dz2 @ p["W2"].T
        dz1 = dh1 * (1 - h1**2)
        self.grads = {
            "W1": x.T @ dz1,
            "b1": dz1.sum(0),
            "W2": h1.T @ dz2,
            "b2": dz2.sum(0),
        }
        return dz1 @ p["W1"].T
