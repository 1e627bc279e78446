"""Fully connected layers and their relatives."""

from __future__ import annotations

import numpy as np

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Draw, Entry

FILE = "class_linear"


def dropped(v, kept: float):
    """The mask that the layer draws from NumPy's global generator."""
    if not v.train_flg:
        return v.x
    np.random.seed(v.seed)  # noqa: NPY002
    mask = np.random.rand(*v.x.shape) < kept  # noqa: NPY002
    return v.x * torch.tensor(mask / kept)


def residual(d, r: Draw):
    return {
        "x": r(d.N, d.D),
        "W1": r(d.D, d.H),
        "b1": r(d.H),
        "W2": r(d.H, d.D),
        "b2": r(d.D),
    }


ENTRIES = (
    Entry(
        "Affine",
        FILE,
        "layer",
        lambda d, r: {
            "x": r(d.N, 2, d.T, d.S) if d.case == 0 else r(d.N, 2 * d.T * d.S),
            "W": r(2 * d.T * d.S, d.M),
            "b": r(d.M),
        },
        ("x",),
        {"r": "x", "o.dW": "W", "o.db": "b"},
        lambda v: F.linear(v.x.flatten(1), v.W.T, v.b),
        lambda cls, v: cls(v.W, v.b),
    ),
    Entry(
        "DenseTanh",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.D), "weight": r(d.M, d.D), "bias": r(d.M)},
        ("x",),
        {"r": "x", "o.grads['weight']": "weight", "o.grads['bias']": "bias"},
        lambda v: torch.tanh(F.linear(v.x, v.weight, v.bias)),
        lambda cls, v: cls(v.weight, v.bias),
    ),
    Entry(
        "Bilinear",
        FILE,
        "layer",
        lambda d, r: {"x1": r(d.N, d.D), "x2": r(d.N, d.H), "W": r(d.K, d.D, d.H), "b": r(d.K)},
        ("x1", "x2"),
        {"r[0]": "x1", "r[1]": "x2", "o.dW": "W", "o.db": "b"},
        lambda v: F.bilinear(v.x1, v.x2, v.W, v.b),
        lambda cls, v: cls(v.W, v.b),
    ),
    Entry(
        "Embedding",
        FILE,
        "layer",
        lambda d, r: {"idx": r.indices(d.M, d.N, d.T), "W": r(d.M, d.D)},
        ("idx",),
        {"o.dW": "W"},
        lambda v: F.embedding(v.idx, v.W),
        lambda cls, v: cls(v.W),
    ),
    Entry(
        "CosineSimilarity",
        FILE,
        "layer",
        lambda d, r: {"a": r(d.N, d.D), "b": r(d.N, d.D)},
        ("a", "b"),
        {"r[0]": "a", "r[1]": "b"},
        lambda v: (v.a * v.b).sum(1) / ((v.a.norm(dim=1) + 1e-8) * (v.b.norm(dim=1) + 1e-8)),
    ),
    Entry(
        "Normalize",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.D)},
        ("x",),
        {"r": "x"},
        lambda v: F.normalize(v.x, dim=1),
    ),
    Entry(
        "ResidualBlock",
        FILE,
        "layer",
        residual,
        ("x",),
        {"r": "x", **{f"o.grads['{p}']": p for p in ("W1", "b1", "W2", "b2")}},
        lambda v: v.x + F.linear(F.relu(F.linear(v.x, v.W1.T, v.b1)), v.W2.T, v.b2),
        lambda cls, v: cls(v.W1, v.b1, v.W2, v.b2),
    ),
    Entry(
        "Dropout",
        FILE,
        "layer",
        lambda d, r: {
            "x": r(d.N, d.D),
            "train_flg": d.case != 1,
            "seed": int(r.rng.integers(1000)),
        },
        ("x", "train_flg"),
        {"r": "x"},
        lambda v: dropped(v, 0.6),
    ),
)
