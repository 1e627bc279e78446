"""Correct layers that look wrong at first sight."""

import numpy as np


class TiedAutoencoder:
    """x W W^T: the weight is used twice, so its gradient has two terms."""

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W @ self.W.T

    def backward(self, dout):
        self.dW = self.x.T @ (dout @ self.W) + dout.T @ (self.x @ self.W)
        return dout @ self.W @ self.W.T


class RecomputingMlp:
    """Nothing but the input is kept: backward computes the hidden layer again."""

    def __init__(self, W1, W2):
        self.W1, self.W2 = W1, W2

    def hidden(self, x):
        return np.tanh(x @ self.W1)

    def forward(self, x):
        self.x = x
        return self.hidden(x) @ self.W2

    def backward(self, dout):
        h = self.hidden(self.x)
        self.dW2 = h.T @ dout
        dh = (dout @ self.W2.T) * (1 - h * h)
        self.dW1 = self.x.T @ dh
        return dh @ self.W1.T


class FusedSigmoidLoss:
    """The two derivatives cancel: what is left has no logarithm and no sigmoid'."""

    def forward(self, x, t):
        self.delta = 1 / (1 + np.exp(-x)) - t
        return np.sum(np.logaddexp(0, x) - t * x)

    def backward(self, dout=1.0):
        return dout * self.delta


class FloatAffine:
    """Works in float32 inside, adds up in float64."""

    def __init__(self, W):
        self.W = W.astype(np.float32)

    def forward(self, x):
        self.x = x.astype(np.float32)
        return self.x @ self.W

    def backward(self, dout):
        dout = dout.astype(np.float32)
        self.dW = np.einsum("nd,nm->dm", self.x, dout, dtype=np.float64)
        return dout @ self.W.T


class MaxOverTime:
    """The largest of T; equal maxima share their gradient."""

    def forward(self, x):
        self.best = x.max(axis=1, keepdims=True)
        self.ties = x == self.best
        return self.best[:, 0]

    def backward(self, dout):
        share = self.ties / self.ties.sum(axis=1, keepdims=True)
        return share * dout[:, None]


class NoisyScale:
    """Multiplies with noise that is drawn anew in every forward."""

    def __init__(self, scale):
        self.scale = scale
        self.rng = np.random.default_rng(7)

    def forward(self, x):
        self.noise = 1 + 0.1 * self.rng.standard_normal(x.shape)
        self.x = x
        return x * self.noise * self.scale

    def backward(self, dout):
        g = dout * self.noise
        self.dscale = np.sum(g * self.x, axis=0)
        return g * self.scale


class InPlaceRelu:
    """Writes in place, but into arrays of its own."""

    def forward(self, x):
        out = np.array(x, dtype=float)
        self.off = out <= 0
        out[self.off] = 0
        return out

    def backward(self, dout):
        dout = np.array(dout)
        dout[self.off] = 0
        return dout


class ColumnAffine:
    """Samples are columns: W (M, D), x (D, N), b (M, 1)."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, X):
        self.X = X
        return self.W @ X + self.b

    def backward(self, dZ):
        self.dW = dZ @ self.X.T
        self.db = dZ.sum(axis=1, keepdims=True)
        return self.W.T @ dZ


class HalfSquaredError:
    """1/2 |y - t|^2: the two cancels, so there is none in backward."""

    def forward(self, y, t):
        self.e = t - y
        return 0.5 * np.vdot(self.e, self.e)

    def backward(self, dout=1.0):
        return -self.e * dout


class CountingRelu:
    """Odd names: `mask` is where the value is dropped; a counter goes up with every call."""

    def __init__(self):
        self.calls = 0

    def forward(self, x):
        mask = x < 0
        self.calls += 1
        self.keep = 1 - mask
        return x * self.keep

    def backward(self, dout):
        return dout * self.keep


class ChunkedAffine:
    """Adds up the gradient of W a few rows at a time."""

    def __init__(self, W, chunk=2):
        self.W = W
        self.chunk = chunk

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        for start in range(0, len(dout), self.chunk):
            rows = slice(start, start + self.chunk)
            self.dW += self.x[rows].T @ dout[rows]
        return dout @ self.W.T


class SteppingDense:
    """Takes its step of gradient descent inside backward, after the input's gradient is taken."""

    def __init__(self, weights, bias):
        self.weights = weights
        self.bias = bias

    def forward(self, x):
        self.input = x
        return x @ self.weights + self.bias

    def backward(self, output_gradient, learning_rate=0.1):
        weights_gradient = self.input.T @ output_gradient
        input_gradient = output_gradient @ self.weights.T
        self.weights = self.weights - learning_rate * weights_gradient
        self.bias = self.bias - learning_rate * output_gradient.sum(axis=0)
        return input_gradient


class CumulativeSum:
    """The gradient of a running sum runs backwards."""

    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, dout):
        return np.cumsum(dout[:, ::-1], axis=1)[:, ::-1]


class ClippedLinear:
    """min(max(w x, -1), 1): no gradient where it is clipped."""

    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x = x
        self.z = x * self.w
        return np.clip(self.z, -1, 1)

    def backward(self, dout):
        inside = np.abs(self.z) < 1
        dz = inside * dout
        self.dw = np.einsum("nd,nd->d", dz, self.x)
        return dz * self.w


class SquareSum:
    """The same array comes in through both doors."""

    def forward(self, x):
        self.x = x
        return np.sum(x * x, axis=1)

    def backward(self, dout):
        left = dout[:, None] * self.x
        right = dout[:, None] * self.x
        return left + right


class Bias:
    """Nothing to keep for the input; the gradient passes."""

    def __init__(self, b):
        self.b = b

    def forward(self, x):
        return x + self.b

    def backward(self, dout):
        self.db = dout.reshape(-1, dout.shape[-1]).sum(axis=0)
        return dout


def swap_forward(x, y):
    return y * 2, x * 3, None


def swap_backward(dfirst, dsecond, cache):
    # out came in the other order, so the gradients do as well
    dy = 2 * dfirst
    dx = 3 * dsecond
    return dx, dy
