"""Normalisation layers."""

import numpy as np


class BatchNorm:
    """Batch normalisation, its backward one step of the graph at a time."""

    def __init__(self, gamma, beta, eps=1e-5):
        self.gamma = gamma
        self.beta = beta
        self.eps = eps
        self.dgamma = None
        self.dbeta = None

    def forward(self, x):
        mu = x.mean(axis=0)
        self.xc = x - mu
        self.var = np.mean(self.xc**2, axis=0)
        self.std = np.sqrt(self.var + self.eps)
        self.xn = self.xc / self.std
        self.batch_size = x.shape[0]
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        dx = dxc - dmu / self.batch_size
        return dx


class BatchNormFast:
    """The same in closed form."""

    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta

    def forward(self, x):
        self.inv_std = 1.0 / np.sqrt(x.var(axis=0) + 1e-5)
        self.x_hat = (x - x.mean(axis=0)) * self.inv_std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dout):
        N = dout.shape[0]
        self.dbeta = dout.sum(0)
        self.dgamma = (dout * self.x_hat).sum(0)
        return self.gamma * self.inv_std / N * (N * dout - self.dbeta - self.x_hat * self.dgamma)


class LayerNorm:
    def __init__(self, gamma, beta, eps=1e-6):
        self.gamma, self.beta, self.eps = gamma, beta, eps

    def forward(self, x):
        mean = x.mean(axis=-1, keepdims=True)
        var = x.var(axis=-1, keepdims=True)
        self.rstd = (var + self.eps) ** -0.5
        self.xhat = (x - mean) * self.rstd
        return self.xhat * self.gamma + self.beta

    def backward(self, dout):
        lead = tuple(range(dout.ndim - 1))
        self.dgamma = (dout * self.xhat).sum(axis=lead)
        self.dbeta = dout.sum(axis=lead)
        g = dout * self.gamma
        m1 = g.mean(axis=-1, keepdims=True)
        m2 = (g * self.xhat).mean(axis=-1, keepdims=True)
        return self.rstd * (g - m1 - self.xhat * m2)


class RMSNorm:
    def __init__(self, weight, eps=1e-6):
        self.weight = weight
        self.eps = eps
        self.dweight = None

    def forward(self, x):
        self.x = x
        self.rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + self.eps)
        return x / self.rms * self.weight

    def backward(self, dout):
        D = self.x.shape[-1]
        self.dweight = np.sum(dout * self.x / self.rms, axis=0)
        dy = dout * self.weight
        inner = np.sum(dy * self.x, axis=-1, keepdims=True)
        dx = dy / self.rms - self.x * inner / (D * self.rms**3)
        return dx


class GroupNorm:
    """Groups of channels of (N, C, H, W) normalised together."""

    def __init__(self, gamma, beta, groups=2, eps=1e-5):
        self.gamma = gamma
        self.beta = beta
        self.G = groups
        self.eps = eps

    def forward(self, x):
        N, C, H, W = x.shape
        xg = x.reshape(N, self.G, -1)
        mu = xg.mean(axis=2, keepdims=True)
        self.inv = 1 / np.sqrt(xg.var(axis=2, keepdims=True) + self.eps)
        self.xhat = ((xg - mu) * self.inv).reshape(N, C, H, W)
        return self.xhat * self.gamma[None, :, None, None] + self.beta[None, :, None, None]

    def backward(self, dout):
        N, C, H, W = dout.shape
        self.dbeta = dout.sum(axis=(0, 2, 3))
        self.dgamma = (dout * self.xhat).sum(axis=(0, 2, 3))
        dxhat = (dout * self.gamma[None, :, None, None]).reshape(N, self.G, -1)
        xhat = self.xhat.reshape(N, self.G, -1)
        M = xhat.shape[2]
        s1 = dxhat.sum(axis=2, keepdims=True)
        s2 = (dxhat * xhat).sum(axis=2, keepdims=True)
        dxg = self.inv * (dxhat - s1 / M - xhat * s2 / M)
        return dxg.reshape(N, C, H, W)


class InstanceNorm:
    def __init__(self, gamma, beta):
        self.gamma = gamma.reshape(1, -1, 1, 1)
        self.beta = beta.reshape(1, -1, 1, 1)

    def forward(self, x):
        self.centered = x - x.mean(axis=(2, 3), keepdims=True)
        self.std = np.sqrt((self.centered**2).mean(axis=(2, 3), keepdims=True) + 1e-5)
        return self.gamma * self.centered / self.std + self.beta

    def backward(self, dout):
        area = dout.shape[2] * dout.shape[3]
        normed = self.centered / self.std
        self.dgamma = np.einsum("nchw,nchw->c", dout, normed)
        self.dbeta = np.einsum("nchw->c", dout)
        dnormed = dout * self.gamma
        dstd = -(dnormed * self.centered).sum(axis=(2, 3), keepdims=True) / self.std**2
        dcentered = dnormed / self.std + dstd * self.centered / (area * self.std)
        return dcentered - dcentered.mean(axis=(2, 3), keepdims=True)
