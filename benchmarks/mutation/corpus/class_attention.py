"""Attention, after the formula softmax(Q K^T / sqrt(d)) V."""

import numpy as np


def _softmax(s):
    s = np.exp(s - s.max(axis=-1, keepdims=True))
    return s / s.sum(axis=-1, keepdims=True)


class DotProductAttention:
    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        self.scale = 1.0 / np.sqrt(q.shape[-1])
        scores = self.scale * (q @ k.transpose(0, 2, 1))
        self.a = _softmax(scores)
        return self.a @ v

    def backward(self, dout):
        dv = self.a.transpose(0, 2, 1) @ dout
        da = dout @ self.v.transpose(0, 2, 1)
        ds = self.a * (da - (da * self.a).sum(axis=-1, keepdims=True))
        dq = self.scale * (ds @ self.k)
        dk = self.scale * (ds.transpose(0, 2, 1) @ self.q)
        return dq, dk, dv


class SelfAttention:
    """A single causal head over (T, D), with its three projections."""

    def __init__(self, Wq, Wk, Wv):
        self.Wq, self.Wk, self.Wv = Wq, Wk, Wv

    def forward(self, x):
        self.x = x
        self.Q = x @ self.Wq
        self.K = x @ self.Wk
        self.V = x @ self.Wv
        S = self.Q @ self.K.T / np.sqrt(self.Q.shape[1])
        future = np.triu(np.ones(S.shape, dtype=bool), k=1)
        self.P = _softmax(np.where(future, -1e9, S))
        return self.P @ self.V

    def backward(self, dout):
        dV = self.P.T @ dout
        dP = dout @ self.V.T
        dS = self.P * (dP - np.sum(self.P * dP, axis=1, keepdims=True))
        dS = dS / np.sqrt(self.Q.shape[1])
        dQ = dS @ self.K
        dK = dS.T @ self.Q
        self.dWq = self.x.T @ dQ
        self.dWk = self.x.T @ dK
        self.dWv = self.x.T @ dV
        return dQ @ self.Wq.T + dK @ self.Wk.T + dV @ self.Wv.T


class MultiHeadAttention:
    """Self-attention with several heads over (N, T, D)."""

    def __init__(self, W_qkv, W_out, num_heads=2):
        self.W_qkv = W_qkv  # (D, 3 D)
        self.W_out = W_out  # (D, D)
        self.num_heads = num_heads

    def _split(self, z):
        N, T, D = z.shape
        return z.reshape(N, T, self.num_heads, D // self.num_heads).transpose(0, 2, 1, 3)

    def _merge(self, z):
        N, H, T, d = z.shape
        return z.transpose(0, 2, 1, 3).reshape(N, T, H * d)

    def forward(self, x):
        self.x = x
        q, k, v = np.split(x @ self.W_qkv, 3, axis=-1)
        self.q, self.k, self.v = self._split(q), self._split(k), self._split(v)
        self.root = np.sqrt(self.q.shape[-1])
        self.attn = _softmax(np.matmul(self.q, np.swapaxes(self.k, -1, -2)) / self.root)
        self.context = self._merge(np.matmul(self.attn, self.v))
        return self.context @ self.W_out

    def backward(self, dout):
        self.dW_out = np.einsum("ntd,nte->de", self.context, dout)
        dcontext = self._split(dout @ self.W_out.T)
        dattn = np.matmul(dcontext, np.swapaxes(self.v, -1, -2))
        dv = np.matmul(np.swapaxes(self.attn, -1, -2), dcontext)
        dscores = self.attn * dattn
        dscores -= self.attn * dscores.sum(axis=-1, keepdims=True)
        dscores /= self.root
        dq = np.matmul(dscores, self.k)
        dk = np.matmul(np.swapaxes(dscores, -1, -2), self.q)
        dqkv = np.concatenate([self._merge(dq), self._merge(dk), self._merge(dv)], axis=-1)
        self.dW_qkv = np.einsum("ntd,nte->de", self.x, dqkv)
        return dqkv @ self.W_qkv.T
