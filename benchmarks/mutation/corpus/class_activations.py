"""Activation functions as layers: forward(x) keeps what backward(dout) needs."""

import numpy as np


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, 0.0)

    def backward(self, dout):
        dx = dout.copy()
        dx[~self.mask] = 0
        return dx


class LeakyRelu:
    """x for positive x, slope * x otherwise."""

    def __init__(self, slope=0.1):
        self.slope = slope
        self.x = None

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dout):
        grad = np.ones_like(self.x)
        grad[self.x <= 0] = self.slope
        return grad * dout


class Elu:
    def __init__(self, alpha=1.3):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        self.out = np.where(x > 0, x, self.alpha * (np.exp(np.minimum(x, 0)) - 1))
        return self.out

    def backward(self, dout):
        slope = np.where(self.x > 0, 1.0, self.out + self.alpha)
        return dout * slope


class Sigmoid:
    def forward(self, x):
        out = 1 / (1 + np.exp(-x))
        self.out = out
        return out

    def backward(self, dout):
        dx = dout * (1.0 - self.out) * self.out
        return dx


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y**2)


class Gelu:
    """The tanh form: x/2 (1 + tanh(c (x + a x^3)))."""

    c = np.sqrt(2 / np.pi)
    a = 0.044715

    def forward(self, x):
        self.x = x
        self.t = np.tanh(self.c * (x + self.a * x**3))
        return 0.5 * x * (1 + self.t)

    def backward(self, dout):
        x, t = self.x, self.t
        dinner = self.c * (1 + 3 * self.a * x**2)
        dt = (1 - t**2) * dinner
        dx = 0.5 * (1 + t) + 0.5 * x * dt
        return dout * dx


class Softplus:
    def __init__(self, beta=1.5):
        self.beta = beta

    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(self.beta * x)) / self.beta

    def backward(self, dout):
        return dout / (1 + np.exp(-self.beta * self.x))


class Sine:
    """sin(w x), w fixed."""

    def __init__(self, w=2.0):
        self.w = w

    def forward(self, x):
        self.x = x
        return np.sin(self.w * x)

    def backward(self, dout):
        dx = self.w * np.cos(self.w * self.x) * dout
        return dx


class Swish:
    """x * sigmoid(beta x), with beta learned."""

    def __init__(self, beta):
        self.beta = beta
        self.dbeta = None

    def forward(self, x):
        self.x = x
        self.s = 1.0 / (1.0 + np.exp(-self.beta * x))
        return x * self.s

    def backward(self, dout):
        ds = dout * self.x
        dz = ds * self.s * (1 - self.s)
        self.dbeta = np.sum(dz * self.x)
        dx = dout * self.s + dz * self.beta
        return dx
