"""One step of recurrent networks, and a plain one over time."""

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


class RNN:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.cache = None

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        t = np.dot(h_prev, Wh) + np.dot(x, Wx) + b
        h_next = np.tanh(t)
        self.cache = (x, h_prev, h_next)
        return h_next

    def backward(self, dh_next):
        Wx, Wh, b = self.params
        x, h_prev, h_next = self.cache
        dt = dh_next * (1 - h_next**2)
        db = np.sum(dt, axis=0)
        dWh = np.dot(h_prev.T, dt)
        dh_prev = np.dot(dt, Wh.T)
        dWx = np.dot(x.T, dt)
        dx = np.dot(dt, Wx.T)
        self.grads[0][...] = dWx
        self.grads[1][...] = dWh
        self.grads[2][...] = db
        return dx, dh_prev


class LSTMCell:
    """Gates in the order f, g, i, o."""

    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b

    def forward(self, x, h_prev, c_prev):
        H = h_prev.shape[1]
        A = x @ self.Wx + h_prev @ self.Wh + self.b
        f = sigmoid(A[:, :H])
        g = np.tanh(A[:, H : 2 * H])
        i = sigmoid(A[:, 2 * H : 3 * H])
        o = sigmoid(A[:, 3 * H :])
        c_next = f * c_prev + g * i
        tc = np.tanh(c_next)
        self.cache = (x, h_prev, c_prev, f, g, i, o, tc)
        return o * tc, c_next

    def backward(self, dh_next, dc_next):
        x, h_prev, c_prev, f, g, i, o, tc = self.cache
        do = dh_next * tc
        dc = dc_next + dh_next * o * (1 - tc**2)
        df = dc * c_prev
        dg = dc * i
        di = dc * g
        dc_prev = dc * f
        df *= f * (1 - f)
        dg *= 1 - g**2
        di *= i * (1 - i)
        do *= o * (1 - o)
        dA = np.hstack((df, dg, di, do))
        self.dWx = x.T @ dA
        self.dWh = h_prev.T @ dA
        self.db = dA.sum(axis=0)
        dx = dA @ self.Wx.T
        dh_prev = dA @ self.Wh.T
        return dx, dh_prev, dc_prev


class GRUCell:
    """h = (1 - z) * h_prev + z * tanh(x Wn + (r * h_prev) Un)"""

    def __init__(self, Wz, Wr, Wn, Uz, Ur, Un):
        self.Wz, self.Wr, self.Wn = Wz, Wr, Wn
        self.Uz, self.Ur, self.Un = Uz, Ur, Un

    def forward(self, x, h_prev):
        self.x, self.h_prev = x, h_prev
        self.z = sigmoid(x @ self.Wz + h_prev @ self.Uz)
        self.r = sigmoid(x @ self.Wr + h_prev @ self.Ur)
        self.n = np.tanh(x @ self.Wn + (self.r * h_prev) @ self.Un)
        return (1 - self.z) * h_prev + self.z * self.n

    def backward(self, dh):
        dz = dh * (self.n - self.h_prev)
        dn = dh * self.z
        dh_prev = dh * (1 - self.z)

        dan = dn * (1 - self.n**2)
        self.dWn = self.x.T @ dan
        self.dUn = (self.r * self.h_prev).T @ dan
        drh = dan @ self.Un.T
        dr = drh * self.h_prev
        dh_prev = dh_prev + drh * self.r

        dar = dr * self.r * (1 - self.r)
        self.dWr = self.x.T @ dar
        self.dUr = self.h_prev.T @ dar
        dh_prev = dh_prev + dar @ self.Ur.T

        daz = dz * self.z * (1 - self.z)
        self.dWz = self.x.T @ daz
        self.dUz = self.h_prev.T @ daz
        dh_prev = dh_prev + daz @ self.Uz.T

        dx = daz @ self.Wz.T + dar @ self.Wr.T + dan @ self.Wn.T
        return dx, dh_prev


class TimeRNN:
    """A tanh RNN over (N, T, D), from a zero state."""

    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b
        self.hs = None

    def forward(self, xs):
        N, T, D = xs.shape
        H = self.Wh.shape[0]
        self.xs = xs
        self.hs = np.zeros((N, T + 1, H))
        for t in range(T):
            self.hs[:, t + 1] = np.tanh(xs[:, t] @ self.Wx + self.hs[:, t] @ self.Wh + self.b)
        return self.hs[:, 1:].copy()

    def backward(self, dhs):
        N, T, H = dhs.shape
        dxs = np.empty_like(self.xs)
        self.dWx = np.zeros_like(self.Wx)
        self.dWh = np.zeros_like(self.Wh)
        self.db = np.zeros_like(self.b)
        dh = np.zeros((N, H))
        for t in reversed(range(T)):
            h = self.hs[:, t + 1]
            da = (dhs[:, t] + dh) * (1 - h * h)
            self.dWx += self.xs[:, t].T @ da
            self.dWh += self.hs[:, t].T @ da
            self.db += da.sum(axis=0)
            dxs[:, t] = da @ self.Wx.T
            dh = da @ self.Wh.T
        return dxs
