"""Attention and recurrent layers."""

from __future__ import annotations

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Draw, Entry


def qkv(d, r: Draw):
    return {"q": r(d.N, d.T, d.D), "k": r(d.N, d.S, d.D), "v": r(d.N, d.S, d.M)}


def heads(v):
    n, t, width = v.x.shape
    q, k, u = (v.x @ v.W_qkv).reshape(n, t, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
    together = F.scaled_dot_product_attention(q, k, u)
    return together.transpose(1, 2).reshape(n, t, width) @ v.W_out


def causal(v):
    return F.scaled_dot_product_attention(v.x @ v.Wq, v.x @ v.Wk, v.x @ v.Wv, is_causal=True)


def step(d, r: Draw):
    return {
        "x": r(d.N, d.D),
        "h": r(d.N, d.H),
        "Wx": r(d.D, d.H),
        "Wh": r(d.H, d.H),
        "b": r(d.H),
    }


def rnn_step(v):
    zero = torch.zeros_like(v.b)
    return torch.rnn_tanh_cell(v.x, v.h, v.Wx.T, v.Wh.T, v.b, zero)


def lstm(d, r: Draw):
    return {
        "x": r(d.N, d.D),
        "h": r(d.N, d.H),
        "c": r(d.N, d.H),
        "Wx": r(d.D, 4 * d.H),
        "Wh": r(d.H, 4 * d.H),
        "b": r(4 * d.H),
    }


def lstm_step(v, order: str):
    """torch.lstm_cell wants its gates in the order i, f, g, o."""

    def sorted_columns(w):
        gates = dict(zip(order, w.chunk(4, dim=-1), strict=True))
        return torch.cat([gates[g] for g in "ifgo"], dim=-1)

    b = sorted_columns(v.b)
    wx, wh = sorted_columns(v.Wx).T, sorted_columns(v.Wh).T
    return torch.lstm_cell(v.x, (v.h, v.c), wx, wh, b, torch.zeros_like(b))


def gru(d, r: Draw):
    return {
        "x": r(d.N, d.D),
        "h": r(d.N, d.H),
        **{f"W{g}": r(d.D, d.H) for g in "zrn"},
        **{f"U{g}": r(d.H, d.H) for g in "zrn"},
    }


def gru_step(v):
    update = torch.sigmoid(torch.cat([v.x, v.h], 1) @ torch.cat([v.Wz, v.Uz]))
    reset = torch.sigmoid(torch.cat([v.x, v.h], 1) @ torch.cat([v.Wr, v.Ur]))
    new = torch.tanh(torch.cat([v.x, reset * v.h], 1) @ torch.cat([v.Wn, v.Un]))
    return torch.lerp(v.h, new, update)


def over_time(v, h):
    states = []
    for x in v.x.unbind(1):
        h = torch.tanh(torch.addmm(v.b, x, v.Wx) + h @ v.Wh)
        states.append(h)
    return torch.stack(states, 1)


ENTRIES = (
    Entry(
        "DotProductAttention",
        "class_attention",
        "layer",
        qkv,
        ("q", "k", "v"),
        {"r[0]": "q", "r[1]": "k", "r[2]": "v"},
        lambda v: F.scaled_dot_product_attention(v.q, v.k, v.v),
    ),
    Entry(
        "SelfAttention",
        "class_attention",
        "layer",
        lambda d, r: {
            "x": r(d.T, d.D),
            "Wq": r(d.D, d.H),
            "Wk": r(d.D, d.H),
            "Wv": r(d.D, d.M),
        },
        ("x",),
        {"r": "x", "o.dWq": "Wq", "o.dWk": "Wk", "o.dWv": "Wv"},
        causal,
        lambda cls, v: cls(v.Wq, v.Wk, v.Wv),
    ),
    Entry(
        "MultiHeadAttention",
        "class_attention",
        "layer",
        lambda d, r: {"x": r(d.N, d.T, d.D), "W_qkv": r(d.D, 3 * d.D), "W_out": r(d.D, d.D)},
        ("x",),
        {"r": "x", "o.dW_qkv": "W_qkv", "o.dW_out": "W_out"},
        heads,
        lambda cls, v: cls(v.W_qkv, v.W_out),
    ),
    Entry(
        "RNN",
        "class_recurrent",
        "layer",
        step,
        ("x", "h"),
        {"r[0]": "x", "r[1]": "h", "o.grads[0]": "Wx", "o.grads[1]": "Wh", "o.grads[2]": "b"},
        rnn_step,
        lambda cls, v: cls(v.Wx, v.Wh, v.b),
    ),
    Entry(
        "LSTMCell",
        "class_recurrent",
        "layer",
        lstm,
        ("x", "h", "c"),
        {"r[0]": "x", "r[1]": "h", "r[2]": "c", "o.dWx": "Wx", "o.dWh": "Wh", "o.db": "b"},
        lambda v: lstm_step(v, "fgio"),
        lambda cls, v: cls(v.Wx, v.Wh, v.b),
    ),
    Entry(
        "GRUCell",
        "class_recurrent",
        "layer",
        gru,
        ("x", "h"),
        {"r[0]": "x", "r[1]": "h", **{f"o.d{w}{g}": f"{w}{g}" for w in "WU" for g in "zrn"}},
        gru_step,
        lambda cls, v: cls(v.Wz, v.Wr, v.Wn, v.Uz, v.Ur, v.Un),
    ),
    Entry(
        "TimeRNN",
        "class_recurrent",
        "layer",
        lambda d, r: {
            "x": r(d.N, d.T, d.D),
            "Wx": r(d.D, d.H),
            "Wh": r(d.H, d.H),
            "b": r(d.H),
        },
        ("x",),
        {"r": "x", "o.dWx": "Wx", "o.dWh": "Wh", "o.db": "b"},
        lambda v: over_time(v, torch.zeros(v.x.shape[0], v.Wh.shape[0], dtype=v.x.dtype)),
        lambda cls, v: cls(v.Wx, v.Wh, v.b),
    ),
)
