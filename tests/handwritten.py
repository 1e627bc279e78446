"""Layers as people write them by hand, right; the tests put faults into them."""

import numpy as np

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape)


#: name → source, arguments of its class (None for a pair of functions), arguments of forward
LAYERS = {}


def layer(name, arguments, inputs, source):
    LAYERS[name] = (source.strip() + "\n", arguments, inputs)


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
    "sigmoid",
    (),
    (normal(3, 4),),
    """
class Sigmoid:
    def forward(self, x):
        self.x = x
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        dx = dout * (1.0 - self.out) * self.out
        return dx
""",
)
layer(
    "tanh",
    (),
    (normal(3, 4),),
    """
class Tanh:
    def forward(self, x):
        self.x = x
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y ** 2)
""",
)
layer(
    "relu",
    (),
    (normal(3, 4),),
    """
class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx
""",
)
layer(
    "relu nnfs",
    (),
    (normal(3, 4),),
    """
class ActivationReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0
""",
)
layer(
    "leaky",
    (),
    (normal(3, 4),),
    """
class LeakyReLU:
    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        return dout * np.where(self.x > 0, 1, self.alpha)
""",
)
layer(
    "softmax",
    (),
    (normal(3, 4),),
    """
class Softmax:
    def forward(self, x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.output = e / np.sum(e, axis=1, keepdims=True)
        return self.output

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for idx, (output, dvalue) in enumerate(zip(self.output, dvalues)):
            output = output.reshape(-1, 1)
            jacob = np.diagflat(output) - np.dot(output, output.T)
            self.dinputs[idx] = np.dot(jacob, dvalue)
        return self.dinputs
""",
)
layer(
    "softmax short",
    (),
    (normal(3, 4),),
    """
class Softmax:
    def forward(self, x):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        self.y = e / np.sum(e, axis=-1, keepdims=True)
        return self.y

    def backward(self, dout):
        dx = self.y * (dout - np.sum(dout * self.y, axis=-1, keepdims=True))
        return dx
""",
)
layer(
    "softmax with loss",
    (),
    (normal(3, 4), np.array([1, 0, 3])),
    """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = e / np.sum(e, axis=1, keepdims=True)
        return -np.sum(np.log(self.y[np.arange(len(t)), t] + 1e-7)) / len(t)

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = self.y.copy()
        dx[np.arange(batch_size), self.t] -= 1
        dx = dx / batch_size
        return dx * dout
""",
)
layer(
    "bce",
    (),
    (rng.uniform(0.1, 0.9, (3, 4)), rng.integers(0, 2, (3, 4))),
    """
class BinaryCrossEntropy:
    def forward(self, y_pred, y_true):
        self.y_pred, self.y_true = y_pred, y_true
        return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred))

    def backward(self, dout=1):
        n = self.y_true.size
        dinput = -self.y_true / self.y_pred + (1 - self.y_true) / (1 - self.y_pred)
        dinput = dinput / n
        return dinput * dout
""",
)
layer(
    "mse",
    (),
    (normal(3, 4), normal(3, 4)),
    """
class MeanSquaredError:
    def forward(self, y, t):
        self.y, self.t = y, t
        return np.mean((y - t) ** 2)

    def backward(self):
        return 2 * (self.y - self.t) / self.y.size
""",
)
layer(
    "dropout",
    (0.3,),
    (normal(3, 4),),
    """
class Dropout:
    def __init__(self, rate):
        self.rate = rate

    def forward(self, x):
        self.mask = np.random.rand(*x.shape) > self.rate
        return x * self.mask / (1 - self.rate)

    def backward(self, dout):
        return dout * self.mask / (1 - self.rate)
""",
)
layer(
    "batch norm",
    (normal(4), normal(4)),
    (normal(3, 4),),
    """
class BatchNorm:
    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta
        self.dgamma = None
        self.dbeta = None

    def forward(self, x):
        self.batch_size = x.shape[0]
        self.xc = x - x.mean(axis=0)
        self.std = np.sqrt(np.mean(self.xc ** 2, axis=0) + 1e-7)
        self.xn = self.xc / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        dx = self.__backward(dout)
        return dx

    def __backward(self, dout):
        dbeta = dout.sum(axis=0)
        dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        dx = dxc - dmu / self.batch_size
        self.dgamma = dgamma
        self.dbeta = dbeta
        return dx
""",
)
layer(
    "layer norm",
    None,
    (normal(3, 4), normal(4), normal(4)),
    """
def layernorm_forward(x, gamma, beta):
    mean = np.mean(x, axis=1, keepdims=True)
    var = np.var(x, axis=1, keepdims=True)
    xhat = (x - mean) / np.sqrt(var + 1e-5)
    cache = (xhat, gamma, var)
    return gamma * xhat + beta, cache

def layernorm_backward(dout, cache):
    xhat, gamma, var = cache
    N, D = dout.shape
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = dout * gamma
    inv = 1 / np.sqrt(var + 1e-5)
    dx = inv / D * (D * dxhat - np.sum(dxhat, axis=1, keepdims=True) - xhat * np.sum(dxhat * xhat, axis=1, keepdims=True))
    return dx, dgamma, dbeta
""",
)
layer(
    "conv loops",
    None,
    (normal(2, 2, 4, 4), normal(3, 2, 2, 2), normal(3), 2, 1),
    """
def conv_forward(x, w, b, stride, pad):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    Ho = 1 + (H + 2 * pad - HH) // stride
    Wo = 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    window = xp[n, :, i*stride:i*stride+HH, j*stride:j*stride+WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    cache = (x, w, b, stride, pad)
    return out, cache

def conv_backward(dout, cache):
    x, w, b, stride, pad = cache
    N, F, Ho, Wo = dout.shape
    _, _, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(w)
    db = np.zeros_like(b)
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    window = xp[n, :, i*stride:i*stride+HH, j*stride:j*stride+WW]
                    db[f] += dout[n, f, i, j]
                    dw[f] += window * dout[n, f, i, j]
                    dxp[n, :, i*stride:i*stride+HH, j*stride:j*stride+WW] += w[f] * dout[n, f, i, j]
    dx = dxp[:, :, pad:-pad, pad:-pad]
    return dx, dw, db
""",
)
layer(
    "conv im2col",
    (normal(3, 2, 2, 2), normal(3)),
    (normal(2, 2, 4, 4),),
    """
def im2col(x, FH, FW):
    N, C, H, W = x.shape
    col = [x[:, :, i:i+FH, j:j+FW] for i in range(H - FH + 1) for j in range(W - FW + 1)]
    return np.stack(col, 1).reshape(N * (H - FH + 1) * (W - FW + 1), -1)

def col2im(col, shape, FH, FW):
    N, C, H, W = shape
    x = np.zeros(shape)
    col = col.reshape(N, H - FH + 1, W - FW + 1, C, FH, FW)
    for i in range(H - FH + 1):
        for j in range(W - FW + 1):
            x[:, :, i:i+FH, j:j+FW] += col[:, i, j]
    return x

class Convolution:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW = self.db = None

    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, C, H, W = x.shape
        col = im2col(x, FH, FW)
        col_W = self.W.reshape(FN, -1).T
        out = np.dot(col, col_W) + self.b
        self.x = x
        self.col = col
        self.col_W = col_W
        return out.reshape(N, H - FH + 1, W - FW + 1, -1).transpose(0, 3, 1, 2)

    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout)
        self.dW = self.dW.transpose(1, 0).reshape(FN, C, FH, FW)
        dcol = np.dot(dout, self.col_W.T)
        dx = col2im(dcol, self.x.shape, FH, FW)
        return dx
""",
)
layer(
    "pooling",
    (2, 2),
    (normal(2, 2, 4, 4),),
    """
class MaxPool:
    def __init__(self, size, stride):
        self.size, self.stride = size, stride

    def forward(self, x):
        self.x = x
        N, C, H, W = x.shape
        out = np.zeros((N, C, H // self.stride, W // self.stride))
        for i in range(H // self.stride):
            for j in range(W // self.stride):
                r, c = i * self.stride, j * self.stride
                out[:, :, i, j] = x[:, :, r:r+self.size, c:c+self.size].max(axis=(2, 3))
        return out

    def backward(self, dout):
        N, C, H, W = dout.shape
        dx = np.zeros_like(self.x)
        for i in range(H):
            for j in range(W):
                r = i * self.stride
                c = j * self.stride
                window = self.x[:, :, r:r+self.size, c:c+self.size]
                mask = window == np.max(window, axis=(2, 3), keepdims=True)
                dx[:, :, r:r+self.size, c:c+self.size] += mask * dout[:, :, i:i+1, j:j+1]
        return dx
""",
)
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
    "power",
    (3.0,),
    (rng.uniform(1, 2, (3, 4)),),
    """
class Power:
    def __init__(self, n):
        self.n = n

    def forward(self, x):
        self.x = x
        return x ** self.n

    def backward(self, dout):
        return dout * self.n * self.x ** (self.n - 1)
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
        self.params = {'W1': np.ones((4, 3)), 'b1': np.ones(3), 'W2': np.ones((3, 2)), 'b2': np.ones(2)}

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
