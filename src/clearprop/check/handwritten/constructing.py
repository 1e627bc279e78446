"""What is given that is no number and no array: shapes, functions, layers, lists of arrays."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from clearprop.check.handwritten.specs import Spec, array, several, value
from clearprop.check.handwritten.standins import (
    LAYER,
    LAYERS,
    OPTIMISER,
    Bent,
    Descent,
    bent,
    two_layers,
)
from clearprop.check.handwritten.texts import Texts

SHAPE = re.compile(r"^(in|input|x|data|output|out|image|img)?_?(shape|dims?)$", re.I)
_SIZES_OF_LAYERS = re.compile(
    r"^((layers?|network|net)_?)?(sizes|dims|dimensions|structure|architecture|topology)$"
    r"|^layers$|^(n_)?(neurons|units|nodes)_per_layer$|^layer_(shape|nodes|units|neurons)$",
    re.I,
)
_TUPLE = re.compile(r"^(kernel|filter|pool|window)_?(size|shape|dims?)$", re.I)
_FUNCTION = re.compile(r"^(act|activation|nonlin\w*|func|fn|f)(_?(func|function|fn))?$", re.I)
#: What a constructor needs after all though its default is None.
OPTIONAL = re.compile(
    rf"{SHAPE.pattern}|^(n_?in\w*|in_?(dim|features|channels)|input_?(size|dim))$|{LAYERS.pattern}",
    re.I,
)
_DERIVATIVE = re.compile(
    r"^\w*(prime|deriv|derivative)(_?(fn|func|function))?$|^d_?(act|activation|func|fn|f)$|^(activation|act)_(grad|d)$",
    re.I,
)


def _tanh(x: Any) -> Any:
    return np.tanh(x)


def _slope_of_tanh(x: Any) -> Any:
    return 1 - np.tanh(x) ** 2


def objects_named(name: str, shape: tuple[str | int, ...], texts: Texts) -> list[Spec]:
    """Say what a constructor may be given that is no number and no array."""
    if _DERIVATIVE.match(name):
        return [value(_slope_of_tanh)]
    if _FUNCTION.match(name):
        named = [value(text) for text in texts.strings if re.match(r"^[a-z_]+$", text, re.I)]
        known = [value("relu"), value("sigmoid"), value(_tanh), value(None)]
        return [*named, *known, Spec("made", value=bent), value(Bent)]
    sizes = [Spec("shape", ("D", "H", "M"))] if _SIZES_OF_LAYERS.match(name) else []
    if LAYERS.match(name):
        return [Spec("made", value=two_layers), Spec("made", value=bent), *sizes]
    if sizes:
        return sizes
    if LAYER.match(name):
        return [Spec("made", value=bent)]
    if OPTIMISER.match(name):
        return [value(Descent()), value(None)]
    if SHAPE.match(name):
        return [Spec("shape", shape[1:]), Spec("shape", shape)]
    return [Spec("shape", ("K", "L")), Spec("shape", ("K", "K"))] if _TUPLE.match(name) else []


def lists_of(name: str, first: Spec, texts: Texts) -> tuple[list[Spec], bool]:
    """Give lists of data, where the code takes several of them at once; and whether it says so."""
    n = re.escape(name)
    if first.kind != "array" or re.search(
        rf"\b{n}\.(shape|ndim|dot|size|reshape|T)\b", texts.forward
    ):
        return [], False
    says = re.search(
        rf"\b{n}\[0\]\.(copy|shape)|(concatenate|[hvd]stack)\(\(?{n}\b"
        rf"|isinstance\({n}, \(?(list|tuple|(np|numpy)\.ndarray)"
        rf"|in {n}\[1:\]|\w, \w+ = {n}\b",
        texts.forward,
    )
    if not says and not re.search(rf"len\({n}\)|\bin (enumerate\(|zip\()?{n}\b", texts.forward):
        return [], False
    wider = array(*first.shape[:-1], "M")
    pairs = [several(first, first, first), several(first, wider), several(first, first)]
    return pairs, bool(says)
