"""Settings that are names, and what may be named. No NumPy: a shell completes them."""

from __future__ import annotations

from typing import NamedTuple


class NamedModel(NamedTuple):
    """A model, and what a reader needs to know to choose it.

    Attributes
    ----------
    summary : str
        What it is, in a few words.
    hidden : int or None
        Its hidden units by default; None without a hidden layer.
    kind : str
        Its class in `clearprop.nn`, or the line of its layers.
    """

    summary: str
    hidden: int | None
    kind: str


MODELS = {
    "two-layer": NamedModel("a hidden layer with ReLU", 50, "TwoLayerNet"),
    "linear": NamedModel("softmax regression", None, "affine {outputs}"),
    "simple-conv": NamedModel("a convolution and two affine layers", 100, "SimpleConvNet"),
    "deep-conv": NamedModel("six convolutions and two affine layers", 50, "DeepConvNet"),
}

#: Update rules by name: the class in `optim`, and its learning rate by default.
RULES = {
    "sgd": ("SGD", 0.1),
    "momentum": ("Momentum", 0.01),
    "nesterov": ("Nesterov", 0.01),
    "adagrad": ("AdaGrad", 0.01),
    "rmsprop": ("RMSprop", 0.001),
    "adam": ("Adam", 0.001),
    "adamw": ("AdamW", 0.001),
}
#: The learning rate over a run: the class in `optim`, of its largest value and the updates.
SCHEDULES = {"constant": None, "cosine": "Cosine", "step": "StepDecay", "one-cycle": "OneCycle"}
DTYPES = ("float32", "float64")
#: Settings that have names, and which.
NAMED = {
    "model": tuple(MODELS),
    "optimizer": tuple(RULES),
    "schedule": tuple(SCHEDULES),
    "dtype": DTYPES,
}
