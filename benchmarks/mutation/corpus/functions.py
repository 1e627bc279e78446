"""Functions beside their derivatives, and functions that return a loss and its gradients."""

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    s = sigmoid(z)
    return s * (1 - s)


def tanh(x):
    return np.tanh(x)


def tanh_derivative(x):
    return 1 - np.tanh(x) ** 2


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def elu_derivative(x, alpha=1.0):
    return np.where(x > 0, 1.0, alpha * np.exp(x))


def softsign(x):
    return x / (1 + np.abs(x))


def softsign_derivative(x):
    return 1 / (1 + np.abs(x)) ** 2


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def mish_grad(x):
    sp = np.log1p(np.exp(x))
    t = np.tanh(sp)
    return t + x * (1 - t**2) * sigmoid(x)


def softmax_loss(x, y):
    """Mean cross-entropy of scores x (N, C) for labels y (N,)."""
    shifted = x - x.max(axis=1, keepdims=True)
    log_z = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    log_probs = shifted - log_z
    N = x.shape[0]
    loss = -log_probs[np.arange(N), y].sum() / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def svm_loss(W, X, y, reg):
    """Linear SVM with L2 regularisation: its loss and the gradient on W."""
    num_train = X.shape[0]
    scores = X.dot(W)
    correct = scores[np.arange(num_train), y].reshape(-1, 1)
    margins = np.maximum(0, scores - correct + 1)
    margins[np.arange(num_train), y] = 0
    loss = margins.sum() / num_train + reg * np.sum(W * W)
    binary = (margins > 0).astype(float)
    binary[np.arange(num_train), y] = -binary.sum(axis=1)
    dW = X.T.dot(binary) / num_train + 2 * reg * W
    return loss, dW


def logistic_loss(w, b, X, y):
    """Logistic regression for labels 0 and 1."""
    p = sigmoid(X @ w + b)
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    err = (p - y) / len(y)
    grad_w = X.T @ err
    grad_b = err.sum()
    return loss, grad_w, grad_b


def ridge_loss(w, X, y, lam):
    r = X @ w - y
    loss = 0.5 * np.mean(r**2) + 0.5 * lam * w @ w
    grad = X.T @ r / len(y) + lam * w
    return loss, grad


class TwoLayerNet:
    """affine - relu - affine - softmax, with L2 regularisation of the weights."""

    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.5, reg=0.05):
        self.params = {}
        self.params["W1"] = weight_init_std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = weight_init_std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)
        self.reg = reg

    def predict(self, x):
        a1 = x @ self.params["W1"] + self.params["b1"]
        z1 = np.maximum(a1, 0)
        a2 = z1 @ self.params["W2"] + self.params["b2"]
        e = np.exp(a2 - a2.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        y = self.predict(x)
        data = -np.mean(np.log(y[np.arange(len(t)), t]))
        decay = np.sum(self.params["W1"] ** 2) + np.sum(self.params["W2"] ** 2)
        return data + 0.5 * self.reg * decay

    def gradient(self, x, t):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2 = self.params["W2"]
        grads = {}
        batch = x.shape[0]
        a1 = x @ W1 + b1
        z1 = np.maximum(a1, 0)
        y = self.predict(x)
        dy = y.copy()
        dy[np.arange(batch), t] -= 1
        dy /= batch
        grads["W2"] = z1.T @ dy + self.reg * W2
        grads["b2"] = dy.sum(axis=0)
        dz1 = dy @ W2.T
        da1 = dz1 * (a1 > 0)
        grads["W1"] = x.T @ da1 + self.reg * W1
        grads["b1"] = da1.sum(axis=0)
        return grads
