"""Softmax in its forms, and losses as last layers."""

import numpy as np


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


class Softmax:
    def forward(self, x):
        self.out = softmax(x)
        return self.out

    def backward(self, dout):
        dx = self.out * dout
        sumdx = np.sum(dx, axis=1, keepdims=True)
        dx -= self.out * sumdx
        return dx


class SoftmaxJacobian:
    """With the Jacobian of every row written out."""

    def forward(self, z):
        self.p = softmax(z)
        return self.p

    def backward(self, dp):
        dz = np.empty_like(dp)
        for n in range(len(dp)):
            row = self.p[n]
            jacobian = np.diag(row) - np.outer(row, row)
            dz[n] = jacobian @ dp[n]
        return dz


class LogSoftmax:
    def forward(self, x):
        shifted = x - x.max(axis=1, keepdims=True)
        self.logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return self.logp

    def backward(self, dout):
        return dout - np.exp(self.logp) * dout.sum(axis=1, keepdims=True)


class SoftmaxWithLoss:
    """Mean cross-entropy of softmax(x); t holds class numbers or one-hot rows."""

    def __init__(self):
        self.loss = None
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        if self.t.size == self.y.size:
            self.t = self.t.argmax(axis=1)
        n = self.y.shape[0]
        self.loss = -np.sum(np.log(self.y[np.arange(n), self.t] + 1e-300)) / n
        return self.loss

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = self.y.copy()
        dx[np.arange(batch_size), self.t] -= 1
        dx *= dout
        dx = dx / batch_size
        return dx


class SoftCrossEntropy:
    """-mean_n sum_k t log softmax(x): the targets are distributions."""

    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        return -np.sum(t * np.log(self.y)) / len(x)

    def backward(self, dout=1.0):
        mass = self.t.sum(axis=1, keepdims=True)
        return dout * (self.y * mass - self.t) / self.t.shape[0]


class SigmoidWithLoss:
    """Binary cross-entropy of logits, mean over everything."""

    def forward(self, x, t):
        self.t = t
        self.y = 1 / (1 + np.exp(-x))
        loss = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
        return loss.mean()

    def backward(self, dout=1.0):
        dx = (self.y - self.t) * dout
        return dx / self.t.size


class MSELoss:
    def forward(self, y, t):
        self.diff = y - t
        return np.mean(self.diff**2)

    def backward(self, dout=1.0):
        dy = 2.0 * self.diff / self.diff.size
        return dout * dy


class HuberLoss:
    """Quadratic within delta, linear outside; sum over outputs, mean over the batch."""

    def __init__(self, delta=0.7):
        self.delta = delta

    def forward(self, pred, target):
        self.r = pred - target
        small = np.abs(self.r) <= self.delta
        quad = 0.5 * self.r**2
        lin = self.delta * (np.abs(self.r) - 0.5 * self.delta)
        return np.where(small, quad, lin).sum() / pred.shape[0]

    def backward(self, dout=1.0):
        small = np.abs(self.r) <= self.delta
        d = np.where(small, self.r, self.delta * np.sign(self.r))
        return dout * d / self.r.shape[0]


class HingeLoss:
    """Multiclass SVM: mean_n sum_{j != y} max(0, s_j - s_y + 1)."""

    def forward(self, scores, y):
        n = scores.shape[0]
        correct = scores[np.arange(n), y]
        self.margins = np.maximum(0, scores - correct[:, None] + 1.0)
        self.margins[np.arange(n), y] = 0
        self.y = y
        return self.margins.sum() / n

    def backward(self, dout=1.0):
        n = self.margins.shape[0]
        active = (self.margins > 0).astype(float)
        count = active.sum(axis=1)
        active[np.arange(n), self.y] -= count
        return dout * active / n


class KLDivLoss:
    """KL(target || softmax(x)), mean over the batch."""

    def forward(self, x, target):
        m = x.max(axis=1, keepdims=True)
        self.logq = x - m - np.log(np.exp(x - m).sum(axis=1, keepdims=True))
        self.target = target
        return np.sum(target * (np.log(target) - self.logq)) / x.shape[0]

    def backward(self, dout=1.0):
        dlogq = -self.target * dout / self.target.shape[0]
        q = np.exp(self.logq)
        return dlogq - q * dlogq.sum(axis=1, keepdims=True)
