"""Layers that move numbers about: flatten, join, pad, gate."""

import numpy as np


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dout):
        return dout.reshape(self.shape)


class Concat:
    """[a, b] side by side."""

    def forward(self, a, b):
        self.split = a.shape[1]
        return np.concatenate((a, b), axis=1)

    def backward(self, dout):
        da = dout[:, : self.split]
        db = dout[:, self.split :]
        return da, db


class Gate:
    """sigmoid(g) * x"""

    def forward(self, x, g):
        self.x = x
        self.s = 1 / (1 + np.exp(-g))
        return x * self.s

    def backward(self, dout):
        dx = dout * self.s
        ds = dout * self.x
        dg = ds * self.s * (1 - self.s)
        return dx, dg


class PRelu:
    """Leaky relu with a learned slope for every feature."""

    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        self.x = x
        return np.maximum(x, 0) + self.slope * np.minimum(x, 0)

    def backward(self, dout):
        negative = self.x < 0
        self.dslope = np.sum(dout * self.x * negative, axis=0)
        return dout * np.where(negative, self.slope, 1.0)


class ZeroPad:
    def __init__(self, p=2):
        self.p = p

    def forward(self, x):
        p = self.p
        n, c, h, w = x.shape
        out = np.zeros((n, c, h + 2 * p, w + 2 * p))
        out[:, :, p : p + h, p : p + w] = x
        return out

    def backward(self, dout):
        p = self.p
        return dout[:, :, p:-p, p:-p].copy()


class MaskedMean:
    """Mean over the first lengths[n] steps of (N, T, D)."""

    def forward(self, x, lengths):
        self.mask = np.arange(x.shape[1])[None, :] < lengths[:, None]
        self.lengths = lengths
        return (x * self.mask[:, :, None]).sum(axis=1) / lengths[:, None]

    def backward(self, dout):
        per_step = dout / self.lengths[:, None]
        dx = per_step[:, None, :] * self.mask[:, :, None]
        return dx


class RunningBatchNorm:
    """Batch normalisation that keeps running statistics for the time after training."""

    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.running_mean = None
        self.running_var = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean = np.zeros(x.shape[1])
            self.running_var = np.zeros(x.shape[1])
        if train_flg:
            mu = x.mean(axis=0)
            self.xc = x - mu
            var = np.mean(self.xc**2, axis=0)
            self.std = np.sqrt(var + 1e-6)
            self.xn = self.xc / self.std
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            self.xc = x - self.running_mean
            self.xn = self.xc / np.sqrt(self.running_var + 1e-6)
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        m = dout.shape[0]
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (dout * self.xn).sum(axis=0)
        g = self.gamma * dout
        dvar = -0.5 * np.sum(g * self.xc, axis=0) / self.std**3
        dx = g / self.std + 2 * self.xc * dvar / m
        dx -= np.mean(dx, axis=0)
        return dx
