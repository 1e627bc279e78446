"""Convolution and pooling for arrays (N, C, H, W)."""

import numpy as np


def im2col(x, fh, fw, stride, pad):
    n, c, h, w = x.shape
    oh = (h + 2 * pad - fh) // stride + 1
    ow = (w + 2 * pad - fw) // stride + 1
    img = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    col = np.zeros((n, c, fh, fw, oh, ow), dtype=x.dtype)
    for i in range(fh):
        for j in range(fw):
            col[:, :, i, j] = img[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, -1)


def col2im(col, x_shape, fh, fw, stride, pad):
    n, c, h, w = x_shape
    oh = (h + 2 * pad - fh) // stride + 1
    ow = (w + 2 * pad - fw) // stride + 1
    col = col.reshape(n, oh, ow, c, fh, fw).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros((n, c, h + 2 * pad, w + 2 * pad), dtype=col.dtype)
    for i in range(fh):
        for j in range(fw):
            img[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] += col[:, :, i, j]
    return img[:, :, pad : pad + h, pad : pad + w]


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x = None
        self.col = None
        self.col_W = None
        self.dW = None
        self.db = None

    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, C, H, W = x.shape
        out_h = 1 + (H + 2 * self.pad - FH) // self.stride
        out_w = 1 + (W + 2 * self.pad - FW) // self.stride
        col = im2col(x, FH, FW, self.stride, self.pad)
        col_W = self.W.reshape(FN, -1).T
        out = col @ col_W + self.b
        out = out.reshape(N, out_h, out_w, -1).transpose(0, 3, 1, 2)
        self.x = x
        self.col = col
        self.col_W = col_W
        return out

    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout)
        self.dW = self.dW.transpose(1, 0).reshape(FN, C, FH, FW)
        dcol = np.dot(dout, self.col_W.T)
        dx = col2im(dcol, self.x.shape, FH, FW, self.stride, self.pad)
        return dx


class ConvLoops:
    """Valid convolution with plain loops over the output."""

    def __init__(self, filters, bias, stride=1):
        self.filters = filters
        self.bias = bias
        self.stride = stride

    def forward(self, x):
        self.x = x
        n, _, h, w = x.shape
        k, _, fh, fw = self.filters.shape
        s = self.stride
        oh, ow = (h - fh) // s + 1, (w - fw) // s + 1
        out = np.zeros((n, k, oh, ow))
        for i in range(oh):
            for j in range(ow):
                patch = x[:, :, i * s : i * s + fh, j * s : j * s + fw]
                out[:, :, i, j] = np.tensordot(patch, self.filters, axes=([1, 2, 3], [1, 2, 3]))
        return out + self.bias[None, :, None, None]

    def backward(self, dout):
        _, _, fh, fw = self.filters.shape
        s = self.stride
        dx = np.zeros_like(self.x)
        self.dfilters = np.zeros_like(self.filters)
        self.dbias = dout.sum(axis=(0, 2, 3))
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                rows = slice(i * s, i * s + fh)
                cols = slice(j * s, j * s + fw)
                g = dout[:, :, i, j]
                self.dfilters += np.einsum("nk,nchw->kchw", g, self.x[:, :, rows, cols])
                dx[:, :, rows, cols] += np.einsum("nk,kchw->nchw", g, self.filters)
        return dx


class Conv1d:
    """(N, T, C_in) -> (N, T - K + 1, C_out), kernel (K, C_in, C_out)"""

    def __init__(self, kernel, bias):
        self.kernel = kernel
        self.bias = bias

    def forward(self, x):
        self.x = x
        K = self.kernel.shape[0]
        T_out = x.shape[1] - K + 1
        y = np.zeros((x.shape[0], T_out, self.kernel.shape[2])) + self.bias
        for k in range(K):
            y += x[:, k : k + T_out] @ self.kernel[k]
        return y

    def backward(self, dy):
        K = self.kernel.shape[0]
        T_out = dy.shape[1]
        dx = np.zeros(self.x.shape)
        self.dkernel = np.zeros(self.kernel.shape)
        for k in range(K):
            self.dkernel[k] = np.tensordot(self.x[:, k : k + T_out], dy, axes=([0, 1], [0, 1]))
            dx[:, k : k + T_out] += dy @ self.kernel[k].T
        self.dbias = dy.sum((0, 1))
        return dx


class DepthwiseConv:
    """One 2-D filter for each channel, stride 1, padded."""

    def __init__(self, w, pad=1):
        self.w = w  # (C, FH, FW)
        self.pad = pad

    def forward(self, x):
        p = self.pad
        self.padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        self.x_shape = x.shape
        _, FH, FW = self.w.shape
        OH = self.padded.shape[2] - FH + 1
        OW = self.padded.shape[3] - FW + 1
        out = 0.0
        for u in range(FH):
            for v in range(FW):
                weight = self.w[:, u, v][:, None, None]
                out = out + self.padded[:, :, u : u + OH, v : v + OW] * weight
        return out

    def backward(self, dout):
        _, FH, FW = self.w.shape
        OH, OW = dout.shape[2:]
        self.dw = np.empty_like(self.w)
        dpadded = np.zeros_like(self.padded)
        for u in range(FH):
            for v in range(FW):
                window = self.padded[:, :, u : u + OH, v : v + OW]
                self.dw[:, u, v] = (window * dout).sum(axis=(0, 2, 3))
                dpadded[:, :, u : u + OH, v : v + OW] += dout * self.w[:, u, v][:, None, None]
        p = self.pad
        H, W = self.x_shape[2:]
        return dpadded[:, :, p : p + H, p : p + W]


class MaxPool:
    """Max pooling through im2col; the position of each maximum is kept."""

    def __init__(self, pool_h=2, pool_w=2, stride=2):
        self.pool_h, self.pool_w, self.stride = pool_h, pool_w, stride
        self.x = None
        self.arg_max = None

    def forward(self, x):
        n, c, h, w = x.shape
        oh = (h - self.pool_h) // self.stride + 1
        ow = (w - self.pool_w) // self.stride + 1
        col = im2col(x, self.pool_h, self.pool_w, self.stride, 0)
        col = col.reshape(-1, self.pool_h * self.pool_w)
        self.arg_max = np.argmax(col, axis=1)
        self.x = x
        out = np.max(col, axis=1)
        return out.reshape(n, oh, ow, c).transpose(0, 3, 1, 2)

    def backward(self, dout):
        dout = dout.transpose(0, 2, 3, 1)
        size = self.pool_h * self.pool_w
        dmax = np.zeros((dout.size, size))
        dmax[np.arange(self.arg_max.size), self.arg_max] = dout.flatten()
        dcol = dmax.reshape(dout.shape[0] * dout.shape[1] * dout.shape[2], -1)
        return col2im(dcol, self.x.shape, self.pool_h, self.pool_w, self.stride, 0)


class AvgPool:
    def __init__(self, size=2, stride=2):
        self.size = size
        self.stride = stride

    def forward(self, x):
        self.shape = x.shape
        k, s = self.size, self.stride
        oh = (x.shape[2] - k) // s + 1
        ow = (x.shape[3] - k) // s + 1
        out = np.zeros((x.shape[0], x.shape[1], oh, ow))
        for i in range(oh):
            for j in range(ow):
                out[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].mean(axis=(2, 3))
        return out

    def backward(self, dout):
        k, s = self.size, self.stride
        dx = np.zeros(self.shape)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                share = dout[:, :, i, j] / (k * k)
                dx[:, :, i * s : i * s + k, j * s : j * s + k] += share[:, :, None, None]
        return dx


class GlobalAvgPool:
    def forward(self, x):
        self.in_shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dout):
        N, C, H, W = self.in_shape
        dx = np.broadcast_to(dout[:, :, None, None] / (H * W), self.in_shape)
        return dx.copy()
