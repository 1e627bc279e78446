"""Fully connected layers and their relatives."""

import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b

        self.x = None
        self.original_x_shape = None
        self.dW = None
        self.db = None

    def forward(self, x):
        # images come as (N, C, H, W)
        self.original_x_shape = x.shape
        x = x.reshape(x.shape[0], -1)
        self.x = x
        out = np.dot(self.x, self.W) + self.b
        return out

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)

        dx = dx.reshape(*self.original_x_shape)
        return dx


class DenseTanh:
    """A dense layer with its activation built in, weights stored as (out, in)."""

    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias
        self.grads = {}

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.weight.T + self.bias)
        return self.h

    def backward(self, dh):
        da = dh * (1 - self.h * self.h)
        self.grads["weight"] = da.T @ self.x
        self.grads["bias"] = da.sum(axis=0)
        return da @ self.weight


class Bilinear:
    """out[n, k] = x1[n] W[k] x2[n] + b[k]"""

    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x1, x2):
        self.x1 = x1
        self.x2 = x2
        return np.einsum("ni,kij,nj->nk", x1, self.W, x2) + self.b

    def backward(self, dout):
        self.dW = np.einsum("nk,ni,nj->kij", dout, self.x1, self.x2)
        self.db = dout.sum(0)
        dx1 = np.einsum("nk,kij,nj->ni", dout, self.W, self.x2)
        dx2 = np.einsum("nk,kij,ni->nj", dout, self.W, self.x1)
        return dx1, dx2


class Embedding:
    def __init__(self, W):
        self.W = W
        self.dW = None
        self.idx = None

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)
        return None


class CosineSimilarity:
    def __init__(self, eps=1e-8):
        self.eps = eps

    def forward(self, a, b):
        self.a, self.b = a, b
        self.na = np.sqrt((a * a).sum(axis=1, keepdims=True)) + self.eps
        self.nb = np.sqrt((b * b).sum(axis=1, keepdims=True)) + self.eps
        self.cos = (a * b).sum(axis=1, keepdims=True) / (self.na * self.nb)
        return self.cos[:, 0]

    def backward(self, dout):
        dcos = dout[:, None]
        ra = self.na - self.eps
        rb = self.nb - self.eps
        da = dcos * (self.b / (self.na * self.nb) - self.cos * self.a / (ra * self.na))
        db = dcos * (self.a / (self.na * self.nb) - self.cos * self.b / (rb * self.nb))
        return da, db


class Normalize:
    """Rows of length one."""

    def forward(self, x):
        self.norm = np.linalg.norm(x, axis=1, keepdims=True)
        self.u = x / self.norm
        return self.u

    def backward(self, dout):
        radial = np.sum(dout * self.u, axis=1, keepdims=True)
        return (dout - radial * self.u) / self.norm


class ResidualBlock:
    """x + relu(x W1 + b1) W2 + b2"""

    def __init__(self, W1, b1, W2, b2):
        self.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        self.grads = {}

    def forward(self, x):
        p = self.params
        self.x = x
        self.hidden = x @ p["W1"] + p["b1"]
        self.act = np.maximum(0, self.hidden)
        return x + self.act @ p["W2"] + p["b2"]

    def backward(self, dout):
        self.grads["b2"] = dout.sum(axis=0)
        self.grads["W2"] = self.act.T @ dout
        dact = dout @ self.params["W2"].T
        dhidden = dact * (self.hidden > 0)
        self.grads["b1"] = dhidden.sum(axis=0)
        self.grads["W1"] = self.x.T @ dhidden
        dx = dhidden @ self.params["W1"].T
        dx += dout  # the shortcut
        return dx


class Dropout:
    """Inverted dropout: scaled while training, nothing to do in testing."""

    def __init__(self, dropout_ratio=0.4):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if train_flg:
            keep = 1.0 - self.dropout_ratio
            self.mask = (np.random.rand(*x.shape) < keep) / keep
            return x * self.mask
        self.mask = None
        return x

    def backward(self, dout):
        if self.mask is None:
            return dout
        return dout * self.mask
