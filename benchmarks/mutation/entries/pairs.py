"""Pairs of functions with a cache."""

from __future__ import annotations

import numpy as np

from benchmarks.mutation.entries.images import stepped
from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entries.sequences import lstm, lstm_step, over_time, rnn_step, step
from benchmarks.mutation.entry import Draw, Entry


def _pair(name, file, values, inputs, gives, truth, **more):
    inputs, gives = inputs.split(), gives.split()
    where = {f"r[{i}]": g for i, g in enumerate(gives)} if len(gives) > 1 else {"r": gives[0]}
    return Entry(
        f"{name}_backward",
        f"pairs_{file}",
        "pair",
        values,
        tuple(inputs),
        where,
        truth,
        forward=f"{name}_forward",
        **more,
    )


def affine(d, r: Draw):
    x = r(d.N, 2, d.T) if d.case == 0 else r(d.N, 2 * d.T)
    return {"x": x, "w": r(2 * d.T, d.M), "b": r(d.M)}


def normed(d, r: Draw):
    return {
        "x": r(d.N, d.D),
        "gamma": r.around_one(d.D),
        "beta": r(d.D),
        "param": {"eps": 1e-4, "mode": "train"},
    }


def dropped(v):
    if v.param["mode"] == "test":
        return v.x
    np.random.seed(v.param["seed"])  # noqa: NPY002
    kept = torch.tensor(np.random.rand(*v.x.shape) < 0.7)  # noqa: NPY002
    return torch.where(kept, v.x / 0.7, 0.0)


def convolution(d, r: Draw):
    stride, pad = stepped(d)
    return {
        "x": r(d.N, 2, d.S, d.S - 1),
        "w": r(5, 2, 3, 4),
        "b": r(5),
        "param": {"stride": stride, "pad": pad},
    }


def pooling(d, r: Draw):
    size, stride = {0: (2, 2), 1: (3, 1), 2: (2, 3)}[d.case]
    param = {"pool_height": size, "pool_width": 2, "stride": stride}
    return {"x": r(d.N, 2, d.S, d.S + 1), "param": param}


def max_pool(v):
    p = v.param
    return F.max_pool2d(v.x, (p["pool_height"], p["pool_width"]), p["stride"])


def images(d, r: Draw):
    return {
        "x": r(d.N, d.C, d.T, d.K),
        "gamma": r.around_one(d.C),
        "beta": r(d.C),
        "param": {"eps": 1e-4},
    }


def batch_norm(v):
    return F.batch_norm(v.x, None, None, v.gamma, v.beta, training=True, eps=1e-4)


def sequence(d, r: Draw):
    return {**step(d, r), "x": r(d.N, d.T, d.D)}


ENTRIES = (
    _pair(
        "affine", "layers", affine, "x w b", "x w b", lambda v: F.linear(v.x.flatten(1), v.w.T, v.b)
    ),
    _pair(
        "relu", "layers", lambda d, r: {"x": r(d.N, d.D)}, "x", "x", lambda v: v.x.clamp_min(0.0)
    ),
    _pair(
        "affine_relu",
        "layers",
        affine,
        "x w b",
        "x w b",
        lambda v: F.relu(F.linear(v.x.flatten(1), v.w.T, v.b)),
    ),
    _pair("batchnorm", "layers", normed, "x gamma beta param", "x gamma beta", batch_norm),
    _pair(
        "layernorm",
        "layers",
        normed,
        "x gamma beta param",
        "x gamma beta",
        lambda v: F.layer_norm(v.x, v.gamma.shape, v.gamma, v.beta, eps=1e-4),
    ),
    _pair(
        "dropout",
        "layers",
        lambda d, r: {
            "x": r(d.N, d.D),
            "param": {"p": 0.7, "mode": "test" if d.case == 1 else "train", "seed": d.N},
        },
        "x param",
        "x",
        dropped,
    ),
    _pair(
        "conv",
        "conv",
        convolution,
        "x w b param",
        "x w b",
        lambda v: F.conv2d(v.x, v.w, v.b, stride=v.param["stride"], padding=v.param["pad"]),
    ),
    _pair("max_pool", "conv", pooling, "x param", "x", max_pool),
    _pair("spatial_batchnorm", "conv", images, "x gamma beta param", "x gamma beta", batch_norm),
    _pair(
        "upsample",
        "conv",
        lambda d, r: {"x": r(d.N, 2, d.T, d.K), "param": {"factor": 3 if d.case == 0 else 2}},
        "x param",
        "x",
        lambda v: F.interpolate(v.x, scale_factor=v.param["factor"], mode="nearest"),
    ),
    _pair("rnn_step", "recurrent", step, "x h Wx Wh b", "x h Wx Wh b", rnn_step),
    _pair("rnn", "recurrent", sequence, "x h Wx Wh b", "x h Wx Wh b", lambda v: over_time(v, v.h)),
    _pair(
        "lstm_step",
        "recurrent",
        lstm,
        "x h c Wx Wh b",
        "x h c Wx Wh b",
        lambda v: lstm_step(v, "ifog"),
    ),
    _pair(
        "word_embedding",
        "recurrent",
        lambda d, r: {"x": r.indices(d.M, d.N, d.T), "W": r(d.M, d.D)},
        "x W",
        "W",
        lambda v: F.embedding(v.x, v.W),
    ),
    _pair(
        "temporal_affine",
        "recurrent",
        lambda d, r: {"x": r(d.N, d.T, d.D), "w": r(d.D, d.M), "b": r(d.M)},
        "x w b",
        "x w b",
        lambda v: F.linear(v.x, v.w.T, v.b),
    ),
    _pair(
        "attention",
        "recurrent",
        lambda d, r: {"q": r(d.T, d.D), "k": r(d.S, d.D), "v": r(d.S, d.M)},
        "q k v",
        "q k v",
        lambda v: F.scaled_dot_product_attention(v.q, v.k, v.v),
    ),
)
