"""Layers that cannot stand one behind the other: refused when a network is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clearprop.errors import OptionError, ShapeError
from clearprop.nn.activations import (
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from clearprop.nn.affine import Affine
from clearprop.nn.batch_norm import BatchNorm
from clearprop.nn.dropout import Dropout
from clearprop.nn.layer_norm import LayerNorm
from clearprop.nn.losses import SigmoidWithLoss, SoftmaxWithLoss
from clearprop.places import current_line

#: Layers of these very classes give the shape that they take; what a subclass does is not known.
_SAME_SHAPE = {GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh}
_SAME_SHAPE |= {BatchNorm, Dropout, LayerNorm}


def check_sizes(layers: Sequence[Any], kind: str) -> None:
    """Refuse an `Affine` behind another of which it does not take the outputs.

    Raises
    ------
    ShapeError
    """
    before: Any = None
    for layer in layers:
        if type(layer) is Affine:
            if before is not None and before.W.shape[1] != layer.W.shape[0]:
                given: int = before.W.shape[1]
                taken, outputs = layer.W.shape
                raise ShapeError(
                    f"{kind}: {before!r} is followed by {layer!r}.",
                    where=current_line(1),
                    why=f"The first gives {given} numbers, and the second takes {taken}.",
                    write=f"nn.Affine.initial({given}, {outputs}, seed=0)",
                )
            before = layer
        elif type(layer) not in _SAME_SHAPE:
            before = None


def check_loss(layers: Sequence[Any], loss: Any) -> None:
    """Refuse a loss that applies what the last layer has applied before it.

    Raises
    ------
    OptionError
    """
    last = layers[-1]
    twice = (type(last), type(loss)) in {(Softmax, SoftmaxWithLoss), (Sigmoid, SigmoidWithLoss)}
    if twice:
        of_probabilities = "CrossEntropy" if type(last) is Softmax else "BinaryCrossEntropy"
        raise OptionError(
            f"Sequential: {last!r} stands before {type(loss).__name__}.",
            where=current_line(1),
            why=f"That loss takes scores, and has a {type(last).__name__.lower()} of its own.",
            write=f"the layers without nn.{type(last).__name__}(); or "
            f"loss=nn.{of_probabilities}(), of probabilities",
        )
