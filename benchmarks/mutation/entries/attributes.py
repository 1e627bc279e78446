"""Layers and losses that leave their results in attributes."""

from __future__ import annotations

import numpy as np

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Draw, Entry

LAYERS, LOSSES = "values_layers", "values_losses"
DINPUTS = {"o.dinputs": "inputs"}


def rows(d, r: Draw):
    return {"inputs": r(d.N, d.D)}


def sized(cls, v, *names: str):
    """Build the layer from its sizes and give it these parameters."""
    sizes = v.inputs.shape[1:] + (getattr(v, names[0]).shape[1:] if names[0] == "weights" else ())
    layer = cls(*sizes)
    for name in names:
        assert getattr(layer, name).shape == getattr(v, name).shape
        setattr(layer, name, getattr(v, name))
    return layer


def dropped(v):
    np.random.seed(v.seed)  # noqa: NPY002
    kept = np.random.binomial(1, 0.7, size=v.inputs.shape)  # noqa: NPY002
    return v.inputs * torch.tensor(kept) / 0.7


def _loss(name, values, truth, **more):
    def call(o, dout, v, out):
        return o.backward(v.y_pred, v.y_true)

    inputs = ("y_pred", "y_true")
    gives = {"o.dinputs": "y_pred"}
    more = {"call": call, "upstream": False, **more}
    return Entry(name, LOSSES, "values", values, inputs, gives, truth, **more)


def labelled(d, r: Draw):
    draw = r.one_hot if d.case == 1 else r.labels
    return {"y_pred": r.probabilities(d.N, d.C), "y_true": draw(d.N, d.C)}


def numbers(v):
    return v.y_true if v.y_true.ndim == 1 else v.y_true.argmax(1)


ENTRIES = (
    Entry(
        "DenseLayer",
        LAYERS,
        "values",
        lambda d, r: {"inputs": r(d.N, d.D), "weights": r(d.D, d.M), "biases": r(1, d.M)},
        ("inputs",),
        {**DINPUTS, "o.dweights": "weights", "o.dbiases": "biases"},
        lambda v: torch.addmm(v.biases, v.inputs, v.weights),
        lambda cls, v: sized(cls, v, "weights", "biases"),
        out="o.output",
    ),
    Entry(
        "ReluActivation",
        LAYERS,
        "values",
        rows,
        ("inputs",),
        DINPUTS,
        lambda v: F.relu(v.inputs),
        out="o.output",
    ),
    Entry(
        "SigmoidActivation",
        LAYERS,
        "values",
        rows,
        ("inputs",),
        DINPUTS,
        lambda v: torch.sigmoid(v.inputs),
        out="o.output",
    ),
    Entry(
        "SoftmaxActivation",
        LAYERS,
        "values",
        rows,
        ("inputs",),
        DINPUTS,
        lambda v: F.softmax(v.inputs, 1),
        out="o.output",
    ),
    Entry(
        "DropoutLayer",
        LAYERS,
        "values",
        lambda d, r: {"inputs": r(d.N, d.D), "seed": int(r.rng.integers(1000))},
        ("inputs",),
        DINPUTS,
        dropped,
        out="o.output",
    ),
    Entry(
        "BatchNormLayer",
        LAYERS,
        "values",
        lambda d, r: {"inputs": r(d.N, d.D), "gamma": r.around_one(1, d.D), "beta": r(1, d.D)},
        ("inputs",),
        {**DINPUTS, "o.dgamma": "gamma", "o.dbeta": "beta"},
        lambda v: F.batch_norm(v.inputs, None, None, v.gamma[0], v.beta[0], training=True),
        lambda cls, v: sized(cls, v, "gamma", "beta"),
        out="o.output",
    ),
    _loss(
        "MeanSquaredError",
        lambda d, r: {"y_pred": r(d.N, d.M), "y_true": r(d.N, d.M)},
        lambda v: F.mse_loss(v.y_pred, v.y_true),
    ),
    _loss(
        "MeanAbsoluteError",
        lambda d, r: {"y_pred": r(d.N, d.M), "y_true": r(d.N, d.M)},
        lambda v: F.l1_loss(v.y_pred, v.y_true),
    ),
    _loss(
        "BinaryCrossentropy",
        lambda d, r: {"y_pred": r.rng.uniform(0.1, 0.9, (d.N, d.M)), "y_true": r.bits(d.N, d.M)},
        lambda v: F.binary_cross_entropy(v.y_pred, v.y_true),
    ),
    _loss(
        "CategoricalCrossentropy", labelled, lambda v: F.nll_loss(torch.log(v.y_pred), numbers(v))
    ),
    _loss(
        "SoftmaxCategoricalCrossentropy",
        lambda d, r: {**labelled(d, r), "y_pred": r(d.N, d.C)},
        lambda v: F.cross_entropy(v.y_pred, numbers(v)),
        call=lambda o, dout, v, out: o.backward(o.output, v.y_true),
    ),
)
