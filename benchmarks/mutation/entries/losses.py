"""Softmax and losses as layers."""

from __future__ import annotations

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Draw, Entry

FILE = "class_losses"


def scores(d, r: Draw):
    return {"x": r(d.N, d.C)}


def labelled(d, r: Draw):
    draw = r.one_hot if d.case == 1 else r.labels
    return {"x": r(d.N, d.C), "t": draw(d.N, d.C)}


def regression(d, r: Draw):
    return {"y": r(d.N, d.M), "t": r(d.N, d.M)}


def with_distributions(d, r: Draw):
    return {"x": r(d.N, d.C), "t": r.probabilities(d.N, d.C)}


def unnormalised(d, r: Draw):
    return {"x": r(d.N, d.C), "t": r.around_one(d.N, d.C)}


ENTRIES = (
    Entry("Softmax", FILE, "layer", scores, ("x",), {"r": "x"}, lambda v: F.softmax(v.x, 1)),
    Entry(
        "SoftmaxJacobian", FILE, "layer", scores, ("x",), {"r": "x"}, lambda v: F.softmax(v.x, 1)
    ),
    Entry("LogSoftmax", FILE, "layer", scores, ("x",), {"r": "x"}, lambda v: F.log_softmax(v.x, 1)),
    Entry(
        "SoftmaxWithLoss",
        FILE,
        "layer",
        labelled,
        ("x", "t"),
        {"r": "x"},
        lambda v: F.cross_entropy(v.x, v.t if v.t.ndim == 1 else v.t.argmax(1)),
    ),
    Entry(
        "SoftCrossEntropy",
        FILE,
        "layer",
        unnormalised,
        ("x", "t"),
        {"r": "x"},
        lambda v: -(v.t * F.log_softmax(v.x, 1)).sum() / v.x.shape[0],
    ),
    Entry(
        "SigmoidWithLoss",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.M), "t": r.bits(d.N, d.M)},
        ("x", "t"),
        {"r": "x"},
        lambda v: F.binary_cross_entropy_with_logits(v.x, v.t),
    ),
    Entry(
        "MSELoss", FILE, "layer", regression, ("y", "t"), {"r": "y"}, lambda v: F.mse_loss(v.y, v.t)
    ),
    Entry(
        "HuberLoss",
        FILE,
        "layer",
        regression,
        ("y", "t"),
        {"r": "y"},
        lambda v: F.huber_loss(v.y, v.t, delta=0.7, reduction="sum") / v.y.shape[0],
    ),
    Entry(
        "HingeLoss",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.C), "t": r.labels(d.N, d.C)},
        ("x", "t"),
        {"r": "x"},
        lambda v: F.multi_margin_loss(v.x, v.t) * v.x.shape[1],
    ),
    Entry(
        "KLDivLoss",
        FILE,
        "layer",
        with_distributions,
        ("x", "t"),
        {"r": "x"},
        lambda v: F.kl_div(torch.log_softmax(v.x, 1), v.t, reduction="batchmean"),
    ),
)
