"""Correct layers that look wrong."""

from __future__ import annotations

import numpy as np

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Draw, Entry


def _layer(name, values, truth, gives=None, params="", **more):
    names = params.split()
    return Entry(
        name,
        "lookalikes",
        "layer",
        values,
        more.pop("inputs", ("x",)),
        {"r": "x", **{f"o.d{p}": p for p in names}} if gives is None else gives,
        truth,
        lambda cls, v: cls(*(getattr(v, p) for p in names)),
        **more,
    )


def rows(d, r: Draw):
    return {"x": r(d.N, d.D)}


def noisy(v):
    # an object draws on; forward's number says how often it has drawn before
    rng = np.random.default_rng(7)
    for shape in v.drawn:
        noise = rng.standard_normal(shape)
    return v.x * v.scale * torch.tensor(1 + 0.1 * noise)


def step(o, dout, v, out):
    before = o.weights.copy(), o.bias.copy()  # a step may be made in place
    r = o.backward(dout)
    o.dweights = (before[0] - o.weights) / 0.1
    o.dbias = (before[1] - o.bias) / 0.1
    return r


def tied(d, r: Draw):
    x = r.rng.integers(-2, 3, size=(d.N, d.T + 2, d.D)).astype(float)
    return {"x": x}


ENTRIES = (
    _layer(
        "TiedAutoencoder",
        lambda d, r: {"x": r(d.N, d.D), "W": r(d.D, d.H)},
        lambda v: F.linear(F.linear(v.x, v.W.T), v.W),
        params="W",
    ),
    _layer(
        "RecomputingMlp",
        lambda d, r: {"x": r(d.N, d.D), "W1": r(d.D, d.H), "W2": r(d.H, d.M)},
        lambda v: torch.tanh(v.x @ v.W1) @ v.W2,
        params="W1 W2",
    ),
    _layer(
        "FusedSigmoidLoss",
        lambda d, r: {"x": r(d.N, d.D), "t": r.bits(d.N, d.D)},
        lambda v: F.binary_cross_entropy_with_logits(v.x, v.t, reduction="sum"),
        inputs=("x", "t"),
    ),
    _layer(
        "FloatAffine",
        lambda d, r: {"x": r(d.N, d.D), "W": r(d.D, d.M)},
        lambda v: v.x @ v.W,
        params="W",
        tolerance=1e-4,
    ),
    _layer("MaxOverTime", tied, lambda v: v.x.amax(dim=1)),
    _layer(
        "NoisyScale",
        lambda d, r: {"x": r(d.N, d.D), "scale": r(d.D)},
        noisy,
        params="scale",
    ),
    _layer("InPlaceRelu", rows, lambda v: F.relu(v.x)),
    _layer(
        "ColumnAffine",
        lambda d, r: {"x": r(d.D, d.N), "W": r(d.M, d.D), "b": r(d.M, 1)},
        lambda v: v.W @ v.x + v.b,
        params="W b",
    ),
    _layer(
        "HalfSquaredError",
        lambda d, r: {"y": r(d.N, d.D), "t": r(d.N, d.D)},
        lambda v: 0.5 * F.mse_loss(v.y, v.t, reduction="sum"),
        gives={"r": "y"},
        inputs=("y", "t"),
    ),
    _layer("CountingRelu", rows, lambda v: F.relu(v.x)),
    _layer(
        "ChunkedAffine",
        lambda d, r: {"x": r(d.N, d.D), "W": r(d.D, d.M)},
        lambda v: v.x @ v.W,
        params="W",
    ),
    _layer(
        "SteppingDense",
        lambda d, r: {"x": r(d.N, d.D), "weights": r(d.D, d.M), "bias": r(d.M)},
        lambda v: F.linear(v.x, v.weights.T, v.bias),
        params="weights bias",
        call=step,
        updates=True,
        tolerance=1e-5,
    ),
    _layer("CumulativeSum", rows, lambda v: v.x.cumsum(1)),
    _layer(
        "ClippedLinear",
        lambda d, r: {"x": r(d.N, d.D), "w": r(d.D)},
        lambda v: F.hardtanh(v.x * v.w),
        params="w",
    ),
    _layer("SquareSum", rows, lambda v: v.x.square().sum(1)),
    _layer(
        "Bias",
        lambda d, r: {"x": r(d.N, d.T, d.D) if d.case == 0 else r(d.N, d.D), "b": r(d.D)},
        lambda v: v.x + v.b,
        params="b",
    ),
    Entry(
        "swap_backward",
        "lookalikes",
        "pair",
        lambda d, r: {"x": r(d.N, d.D), "y": r(d.N, d.M)},
        ("x", "y"),
        {"r[0]": "x", "r[1]": "y"},
        lambda v: (2 * v.y, 3 * v.x),
        forward="swap_forward",
    ),
)
