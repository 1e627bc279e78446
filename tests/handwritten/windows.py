"""Normalisation, convolution, pooling."""

from handwritten.making import layer, normal

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
    mean = np.sum(dxhat, axis=1, keepdims=True)
    dx = inv / D * (D * dxhat - mean - xhat * np.sum(dxhat * xhat, axis=1, keepdims=True))
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
