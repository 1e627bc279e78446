"""Normalisation layers."""

from __future__ import annotations

from benchmarks.mutation.entries.lazily import F
from benchmarks.mutation.entry import Draw, Entry

FILE = "class_norm"
SCALED = {"o.dgamma": "gamma", "o.dbeta": "beta"}


def rows(d, r: Draw):
    return {"x": r(d.N, d.D), "gamma": r.around_one(d.D), "beta": r(d.D)}


def rows_or_sequences(d, r: Draw):
    return {**rows(d, r), "x": r(d.N, d.T, d.D) if d.case != 1 else r(d.N, d.D)}


def images(d, r: Draw):
    return {"x": r(d.N, d.C, d.T, d.K), "gamma": r.around_one(d.C), "beta": r(d.C)}


def batch_norm(v):
    return F.batch_norm(v.x, None, None, v.gamma, v.beta, training=True, eps=1e-5)


ENTRIES = (
    Entry(
        "BatchNorm",
        FILE,
        "layer",
        rows,
        ("x",),
        {"r": "x", **SCALED},
        batch_norm,
        lambda cls, v: cls(v.gamma, v.beta),
    ),
    Entry(
        "BatchNormFast",
        FILE,
        "layer",
        rows,
        ("x",),
        {"r": "x", **SCALED},
        batch_norm,
        lambda cls, v: cls(v.gamma, v.beta),
    ),
    Entry(
        "LayerNorm",
        FILE,
        "layer",
        rows_or_sequences,
        ("x",),
        {"r": "x", **SCALED},
        lambda v: F.layer_norm(v.x, v.gamma.shape, v.gamma, v.beta, eps=1e-6),
        lambda cls, v: cls(v.gamma, v.beta),
    ),
    Entry(
        "RMSNorm",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.D), "weight": r.around_one(d.D)},
        ("x",),
        {"r": "x", "o.dweight": "weight"},
        lambda v: F.rms_norm(v.x, v.weight.shape, v.weight, eps=1e-6),
        lambda cls, v: cls(v.weight),
    ),
    Entry(
        "GroupNorm",
        FILE,
        "layer",
        images,
        ("x",),
        {"r": "x", **SCALED},
        lambda v: F.group_norm(v.x, 2, v.gamma, v.beta, eps=1e-5),
        lambda cls, v: cls(v.gamma, v.beta),
    ),
    Entry(
        "InstanceNorm",
        FILE,
        "layer",
        images,
        ("x",),
        {"r": "x", **SCALED},
        lambda v: F.instance_norm(v.x, weight=v.gamma, bias=v.beta, eps=1e-5),
        lambda cls, v: cls(v.gamma, v.beta),
    ),
)
