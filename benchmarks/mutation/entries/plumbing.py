"""Layers that move numbers about, and networks put together from layers."""

from __future__ import annotations

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Draw, Entry

PLUMBING, NETWORKS = "class_plumbing", "networks"


def _layer(name, values, inputs, gives, truth, *params, **more):
    found = {"r": gives[0]} if len(gives) == 1 else {f"r[{i}]": g for i, g in enumerate(gives)}
    return Entry(
        name,
        more.pop("file", PLUMBING),
        "layer",
        values,
        inputs,
        {**found, **more.pop("also", {f"o.d{p}": p for p in params})},
        truth,
        lambda cls, v: cls(*(getattr(v, p) for p in params)),
    )


def masked_mean(v):
    return torch.stack([x[:n].mean(0) for x, n in zip(v.x, v.lengths.tolist(), strict=True)])


def weights(d, r: Draw):
    return {"W1": r(d.D, d.H), "b1": r(d.H), "W2": r(d.H, d.C), "b2": r(d.C)}


def built(cls, v):
    net = cls(*v.W1.shape, v.b2.size)
    for name in ("W1", "b1", "W2", "b2"):
        # the layers share these arrays
        net.params[name][...] = getattr(v, name)
    return net


def two_layers(v, activation):
    return F.linear(activation(F.linear(v.x, v.W1.T, v.b1)), v.W2.T, v.b2)


ENTRIES = (
    _layer(
        "Flatten",
        lambda d, r: {"x": r(d.N, 2, d.T, d.S)},
        ("x",),
        ("x",),
        lambda v: torch.flatten(v.x, 1),
    ),
    _layer(
        "Concat",
        lambda d, r: {"a": r(d.N, d.D), "b": r(d.N, d.M)},
        ("a", "b"),
        ("a", "b"),
        lambda v: torch.hstack([v.a, v.b]),
    ),
    _layer(
        "Gate",
        lambda d, r: {"x": r(d.N, d.D), "g": r(d.N, d.D)},
        ("x", "g"),
        ("x", "g"),
        lambda v: torch.sigmoid(v.g) * v.x,
    ),
    _layer(
        "PRelu",
        lambda d, r: {"x": r(d.N, d.D), "slope": r.around_one(d.D)},
        ("x",),
        ("x",),
        lambda v: F.prelu(v.x, v.slope),
        "slope",
    ),
    _layer(
        "ZeroPad",
        lambda d, r: {"x": r(d.N, 2, d.S, d.S + 1)},
        ("x",),
        ("x",),
        lambda v: F.pad(v.x, (2, 2, 2, 2)),
    ),
    _layer(
        "MaskedMean",
        lambda d, r: {"x": r(d.N, d.T, d.D), "lengths": 1 + r.labels(d.N, d.T)},
        ("x", "lengths"),
        ("x",),
        masked_mean,
    ),
    _layer(
        "RunningBatchNorm",
        lambda d, r: {"x": r(d.N, d.D), "gamma": r.around_one(d.D), "beta": r(d.D)},
        ("x",),
        ("x",),
        lambda v: F.batch_norm(v.x, None, None, v.gamma, v.beta, training=True, eps=1e-6),
        "gamma",
        "beta",
    ),
    _layer(
        "Linear",
        lambda d, r: {"x": r(d.N, d.D), "W": r(d.D, d.M), "b": r(d.M)},
        ("x",),
        ("x",),
        lambda v: F.linear(v.x, v.W.T, v.b),
        "W",
        "b",
        file=NETWORKS,
    ),
    _layer(
        "Rectifier",
        lambda d, r: {"x": r(d.N, d.D)},
        ("x",),
        ("x",),
        lambda v: F.relu(v.x),
        file=NETWORKS,
    ),
    _layer(
        "CrossEntropy",
        lambda d, r: {"x": r(d.N, d.C), "t": r.labels(d.N, d.C)},
        ("x", "t"),
        ("x",),
        lambda v: F.cross_entropy(v.x, v.t),
        file=NETWORKS,
    ),
    Entry(
        "LayeredNet",
        NETWORKS,
        "network",
        lambda d, r: {"x": r(d.N, d.D), "t": r.labels(d.N, d.C), **weights(d, r)},
        ("x", "t"),
        {f"r['{p}']": p for p in ("W1", "b1", "W2", "b2")},
        lambda v: F.cross_entropy(two_layers(v, F.relu), v.t),
        built,
        upstream=False,
    ),
    _layer(
        "Mlp",
        lambda d, r: {"x": r(d.N, d.D), **weights(d, r)},
        ("x",),
        ("x",),
        lambda v: two_layers(v, torch.tanh),
        "W1",
        "b1",
        "W2",
        "b2",
        file=NETWORKS,
        also={f"o.grads['{p}']": p for p in ("W1", "b1", "W2", "b2")},
    ),
)
