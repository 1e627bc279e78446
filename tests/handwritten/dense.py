"""Affine layers, and layers of no parameters."""

import numpy as np

from handwritten.making import layer, normal

layer(
    "affine",
    (normal(4, 2), normal(2)),
    (normal(3, 4),),
    """
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        out = np.dot(x, self.W) + self.b
        return out

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx
""",
)
layer(
    "dense",
    (normal(4, 2), normal(1, 2)),
    (normal(3, 4),),
    """
class Dense:
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases
        self.weight_regularizer_l2 = 0.1

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dweights += 2 * self.weight_regularizer_l2 * self.weights
        self.dinputs = dvalues @ self.weights.T
""",
)
layer(
    "sgd",
    (normal(4, 2),),
    (normal(3, 4),),
    """
class Linear:
    def __init__(self, W):
        self.W = W
        self.lr = 0.1

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        dW = self.x.T @ dout
        dx = dout @ self.W.T
        self.W -= self.lr * dW
        return dx
""",
)
layer(
    "mul",
    (),
    (normal(3, 4), normal(3, 4)),
    """
class MulLayer:
    def forward(self, x, y):
        self.x = x
        self.y = y
        return x * y

    def backward(self, dout):
        dx = dout * self.y
        dy = dout * self.x
        return dx, dy
""",
)
layer(
    "flatten",
    (),
    (normal(2, 3, 4),),
    """
class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(x.shape[0], -1)

    def backward(self, dout):
        return dout.reshape(self.shape)
""",
)
layer(
    "network",
    (),
    (normal(3, 4), normal(3, 2)),
    """
class TwoLayerNet:
    def __init__(self):
        self.params = {'W1': np.ones((4, 3)), 'b1': np.ones(3)}
        self.params |= {'W2': np.ones((3, 2)), 'b2': np.ones(2)}

    def loss(self, x, t):
        self.x, self.t = x, t
        self.h = np.tanh(x @ self.params['W1'] + self.params['b1'])
        self.y = self.h @ self.params['W2'] + self.params['b2']
        return np.sum((self.y - t) ** 2) / len(x)

    def gradient(self):
        grads = {}
        dy = 2 * (self.y - self.t) / len(self.x)
        grads['W2'] = self.h.T @ dy
        grads['b2'] = dy.sum(axis=0)
        dh = dy @ self.params['W2'].T
        dz = dh * (1 - self.h ** 2)
        grads['W1'] = self.x.T @ dz
        grads['b1'] = dz.sum(axis=0)
        return grads
""",
)
layer(
    "embedding",
    (normal(5, 3),),
    (np.array([[0, 2], [2, 4]]),),
    """
class Embedding:
    def __init__(self, W):
        self.W = W
        self.dW = None

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)
        return None
""",
)
layer(
    "einsum",
    None,
    (normal(3, 4), normal(4, 5)),
    """
def linear_forward(x, w):
    return np.einsum('ij,jk->ik', x, w), (x, w)

def linear_backward(dout, cache):
    x, w = cache
    dx = np.einsum('ik,jk->ij', dout, w)
    dw = np.einsum('ij,ik->jk', x, dout)
    return dx, dw
""",
)
