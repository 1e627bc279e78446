"""Activations, losses, dropout."""

import numpy as np

from handwritten.making import layer, normal, rng

layer(
    "sigmoid",
    (),
    (normal(3, 4),),
    """
class Sigmoid:
    def forward(self, x):
        self.x = x
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        dx = dout * (1.0 - self.out) * self.out
        return dx
""",
)
layer(
    "tanh",
    (),
    (normal(3, 4),),
    """
class Tanh:
    def forward(self, x):
        self.x = x
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y ** 2)
""",
)
layer(
    "relu",
    (),
    (normal(3, 4),),
    """
class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx
""",
)
layer(
    "relu nnfs",
    (),
    (normal(3, 4),),
    """
class ActivationReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0
""",
)
layer(
    "leaky",
    (),
    (normal(3, 4),),
    """
class LeakyReLU:
    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        return dout * np.where(self.x > 0, 1, self.alpha)
""",
)
layer(
    "softmax",
    (),
    (normal(3, 4),),
    """
class Softmax:
    def forward(self, x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.output = e / np.sum(e, axis=1, keepdims=True)
        return self.output

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for idx, (output, dvalue) in enumerate(zip(self.output, dvalues)):
            output = output.reshape(-1, 1)
            jacob = np.diagflat(output) - np.dot(output, output.T)
            self.dinputs[idx] = np.dot(jacob, dvalue)
        return self.dinputs
""",
)
layer(
    "softmax short",
    (),
    (normal(3, 4),),
    """
class Softmax:
    def forward(self, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.y = e / np.sum(e, axis=-1, keepdims=True)
        return self.y

    def backward(self, dout):
        dx = self.y * (dout - np.sum(dout * self.y, axis=-1, keepdims=True))
        return dx
""",
)
layer(
    "softmax with loss",
    (),
    (normal(3, 4), np.array([1, 0, 3])),
    """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = e / np.sum(e, axis=1, keepdims=True)
        return -np.sum(np.log(self.y[np.arange(len(t)), t] + 1e-7)) / len(t)

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = self.y.copy()
        dx[np.arange(batch_size), self.t] -= 1
        dx = dx / batch_size
        return dx * dout
""",
)
layer(
    "bce",
    (),
    (rng.uniform(0.1, 0.9, (3, 4)), rng.integers(0, 2, (3, 4))),
    """
class BinaryCrossEntropy:
    def forward(self, y_pred, y_true):
        self.y_pred, self.y_true = y_pred, y_true
        return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred))

    def backward(self, dout=1):
        n = self.y_true.size
        dinput = -self.y_true / self.y_pred + (1 - self.y_true) / (1 - self.y_pred)
        dinput = dinput / n
        return dinput * dout
""",
)
layer(
    "mse",
    (),
    (normal(3, 4), normal(3, 4)),
    """
class MeanSquaredError:
    def forward(self, y, t):
        self.y, self.t = y, t
        return np.mean((y - t) ** 2)

    def backward(self):
        return 2 * (self.y - self.t) / self.y.size
""",
)
layer(
    "dropout",
    (0.3,),
    (normal(3, 4),),
    """
class Dropout:
    def __init__(self, rate):
        self.rate = rate

    def forward(self, x):
        self.mask = np.random.rand(*x.shape) > self.rate
        return x * self.mask / (1 - self.rate)

    def backward(self, dout):
        return dout * self.mask / (1 - self.rate)
""",
)
layer(
    "power",
    (2.5,),
    (rng.uniform(1, 2, (3, 4)),),
    """
class Power:
    def __init__(self, n):
        self.n = n

    def forward(self, x):
        self.x = x
        return x ** self.n

    def backward(self, dout):
        return dout * self.n * self.x ** (self.n - 1)
""",
)
