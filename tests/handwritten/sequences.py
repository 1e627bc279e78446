"""Attention and recurrent steps."""

from handwritten.making import layer, normal

layer(
    "attention",
    None,
    (normal(2, 3, 3), normal(2, 3, 3), normal(2, 3, 5)),
    """
def attention_forward(Q, K, V):
    d = Q.shape[-1]
    S = Q @ K.transpose(0, 2, 1) / np.sqrt(d)
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    A = E / E.sum(axis=-1, keepdims=True)
    return A @ V, (Q, K, V, A)

def attention_backward(dout, cache):
    Q, K, V, A = cache
    d = Q.shape[-1]
    dV = A.transpose(0, 2, 1) @ dout
    dA = dout @ V.transpose(0, 2, 1)
    dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))
    dS = dS / np.sqrt(d)
    dQ = dS @ K
    dK = dS.transpose(0, 2, 1) @ Q
    return dQ, dK, dV
""",
)
layer(
    "rnn",
    None,
    (normal(3, 4), normal(3, 5), normal(4, 5), normal(5, 5), normal(5)),
    """
def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(np.dot(x, Wx) + np.dot(prev_h, Wh) + b)
    cache = (x, prev_h, Wx, Wh, next_h)
    return next_h, cache

def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - next_h ** 2)
    dx = np.dot(dz, Wx.T)
    dprev_h = np.dot(dz, Wh.T)
    dWx = np.dot(x.T, dz)
    dWh = np.dot(prev_h.T, dz)
    db = np.sum(dz, axis=0)
    return dx, dprev_h, dWx, dWh, db
""",
)
layer(
    "time rnn",
    (normal(4, 4),),
    (normal(2, 3, 4), normal(2, 4)),
    """
class TimeRNN:
    def __init__(self, Wh):
        self.Wh = Wh

    def forward(self, xs, h):
        self.hs = [h]
        for t in range(xs.shape[1]):
            self.hs.append(np.tanh(xs[:, t] + self.hs[-1] @ self.Wh))
        return np.stack(self.hs[1:], 1)

    def backward(self, dhs):
        N, T, H = dhs.shape
        dxs = np.zeros((N, T, H))
        self.dWh = np.zeros_like(self.Wh)
        dh_next = np.zeros((N, H))
        for t in reversed(range(T)):
            dh = dhs[:, t, :] + dh_next
            dz = dh * (1 - self.hs[t + 1] ** 2)
            dxs[:, t, :] = dz
            self.dWh += self.hs[t].T @ dz
            dh_next = dz @ self.Wh.T
        self.dh = dh_next
        return dxs
""",
)
layer(
    "lstm",
    None,
    (normal(3, 8), normal(3, 2)),
    """
def lstm_forward(a, c_prev):
    H = c_prev.shape[1]
    i = 1 / (1 + np.exp(-a[:, :H]))
    f = 1 / (1 + np.exp(-a[:, H:2*H]))
    o = 1 / (1 + np.exp(-a[:, 2*H:3*H]))
    g = np.tanh(a[:, 3*H:])
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return h, (i, f, o, g, c, c_prev)

def lstm_backward(dh, cache):
    i, f, o, g, c, c_prev = cache
    tanh_c = np.tanh(c)
    dc = dh * o * (1 - tanh_c ** 2)
    do = dh * tanh_c * o * (1 - o)
    di = dc * g * i * (1 - i)
    df = dc * c_prev * f * (1 - f)
    dg = dc * i * (1 - g ** 2)
    dc_prev = dc * f
    da = np.hstack((di, df, do, dg))
    return da, dc_prev
""",
)
