"""Networks written in a line: ``conv 30 5x5, relu, pool 2, affine 100, relu, affine 10``."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import ClearpropError, OptionError
from clearprop.nn.activations import (
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from clearprop.nn.affine import Affine, Flatten
from clearprop.nn.attention import MultiHeadAttention
from clearprop.nn.augmentation import Noise, RandomCrop, RandomFlip, RandomShift
from clearprop.nn.batch_norm import BatchNorm
from clearprop.nn.convolution import Conv1d, Conv2d
from clearprop.nn.dropout import Dropout
from clearprop.nn.embedding import Embedding
from clearprop.nn.initial import Seed
from clearprop.nn.layer import Layer
from clearprop.nn.layer_norm import LayerNorm
from clearprop.nn.pooling import AvgPool2d, GlobalAvgPool, MaxPool2d
from clearprop.nn.recurrent import LSTM
from clearprop.nn.residual import Residual
from clearprop.nn.sequential import Sequential


@dataclass
class _Place:
    """Where a layer is to stand."""

    shape: tuple[int, ...]  # of a sample that comes in
    rng: np.random.Generator
    std: float | None
    dtype: npt.DTypeLike

    def key(self) -> int:
        """Draw a seed for a layer that draws numbers."""
        return int(self.rng.integers(1 << 63))

    @property
    def weights(self) -> dict[str, Any]:
        """What the layers with weights take."""
        return {"seed": self.rng, "std": self.std, "dtype": self.dtype}


def _count(value: Any, kind: str) -> int:
    if type(value) is not int or value < 1:
        raise OptionError(f"{value!r} is no number of outputs.", write=_usage(kind))
    return value


def _conv(
    place: _Place, filters: Any, size: Any, *, stride: Any = 1, pad: Any = 0, dilation: Any = 1
) -> Layer:
    if pad == "same":
        pairs = [v if isinstance(v, tuple) else (v, v) for v in (size, dilation)]
        pad = tuple(d * (k - 1) // 2 for k, d in zip(*pairs, strict=True))
    options = {"stride": stride, "padding": pad, "dilation": dilation}
    return Conv2d.initial(place.shape[0], _count(filters, "conv"), size, **place.weights, **options)


def _pool(place: _Place, size: Any, *, stride: Any = None, pad: Any = 0) -> Layer:
    return MaxPool2d(size, stride, pad)


def _avgpool(place: _Place, size: Any, *, stride: Any = None, pad: Any = 0) -> Layer:
    return AvgPool2d(size, stride, pad)


def _conv1d(
    place: _Place, filters: Any, size: Any, *, stride: Any = 1, pad: Any = 0, dilation: Any = 1
) -> Layer:
    pad = dilation * (size - 1) // 2 if pad == "same" else pad
    options = {"stride": stride, "padding": pad, "dilation": dilation}
    filters = _count(filters, "conv1d")
    return Conv1d.initial(place.shape[0], filters, size, **place.weights, **options)


def _affine(place: _Place, units: Any, *, each: bool = False) -> Layer:
    inputs = place.shape[-1] if each else prod(place.shape)
    return Affine.initial(inputs, _count(units, "affine"), last_axis=each, **place.weights)


def _batchnorm(place: _Place) -> Layer:
    return BatchNorm.initial(place.shape[0], dtype=place.dtype)


def _layernorm(place: _Place) -> Layer:
    return LayerNorm.initial(place.shape[-1], dtype=place.dtype)


def _embedding(place: _Place, rows: Any, features: Any) -> Layer:
    counts = [_count(number, "embedding") for number in (rows, features)]
    return Embedding.initial(*counts, seed=place.rng, std=place.std or 1.0, dtype=place.dtype)


def _lstm(place: _Place, state: Any, *, last: bool = False) -> Layer:
    size = _count(state, "lstm")
    return LSTM.initial(place.shape[-1], size, seed=place.rng, last=last, dtype=place.dtype)


def _attention(place: _Place, heads: Any, *, causal: bool = False) -> Layer:
    return MultiHeadAttention.initial(
        place.shape[-1], heads=heads, seed=place.rng, causal=causal, dtype=place.dtype
    )


def _dropout(place: _Place, ratio: Any) -> Layer:
    return Dropout(ratio, seed=place.key())


_KINDS: dict[str, Callable[..., Layer]] = {
    "affine": _affine,
    "conv": _conv,
    "conv1d": _conv1d,
    "pool": _pool,
    "avgpool": _avgpool,
    "globalpool": lambda place: GlobalAvgPool(),
    "flatten": lambda place: Flatten(),
    "relu": lambda place: ReLU(),
    "leakyrelu": lambda place: LeakyReLU(),
    "gelu": lambda place: GELU(),
    "silu": lambda place: SiLU(),
    "sigmoid": lambda place: Sigmoid(),
    "softplus": lambda place: Softplus(),
    "logsoftmax": lambda place: LogSoftmax(),
    "tanh": lambda place: Tanh(),
    "batchnorm": _batchnorm,
    "layernorm": _layernorm,
    "dropout": _dropout,
    "embedding": _embedding,
    "lstm": _lstm,
    "attention": _attention,
    "noise": lambda place, std: Noise(std, seed=place.key()),
    "shift": lambda place, pixels: RandomShift(pixels, seed=place.key()),
    "flip": lambda place: RandomFlip(seed=place.key()),
    "crop": lambda place, size, *, pad=0: RandomCrop(size, pad, seed=place.key()),
}
#: What other libraries call them.
_ELSEWHERE = {
    **dict.fromkeys(("dense", "linear", "fc", "fullyconnected"), "affine"),
    **dict.fromkeys(("conv2d", "convolution"), "conv"),
    **dict.fromkeys(("maxpool", "maxpool2d", "maxpooling2d", "maxpooling"), "pool"),
    **dict.fromkeys(("avgpool2d", "averagepool", "averagepooling2d"), "avgpool"),
    **dict.fromkeys(("batchnorm1d", "batchnorm2d", "batchnormalization", "bn"), "batchnorm"),
    "swish": "silu",
    "layernormalization": "layernorm",
}
_NUMBER = re.compile(r"^\d+(x\d+)*$|^\d*\.\d+$")


def layers_of(
    spec: str,
    input_shape: Sequence[int],
    *,
    seed: Seed = 0,
    std: float | None = None,
    dtype: npt.DTypeLike = np.float64,
) -> list[Layer]:
    """Make the layers that a line names, each for the shape that the one before it gives.

    Parameters
    ----------
    spec : str
        Layers, in the order of the forward pass, with commas between them:

        ============================================================ ===========================
        ``affine UNITS [each]``                                      `Affine`; ``each``: along the
                                                                     last axis
        ``conv FILTERS SIZE [stride S] [pad P|same] [dilation D]``   `Conv2d`; a size is 5 or 5x3
        ``conv1d FILTERS SIZE …``                                    `Conv1d`
        ``pool SIZE [stride S] [pad P]``, ``avgpool …``              `MaxPool2d`, `AvgPool2d`
        ``globalpool``, ``flatten``                                  `GlobalAvgPool`, `Flatten`
        ``relu``, ``leakyrelu``, ``gelu``, ``silu``, ``sigmoid``,    `ReLU`, `LeakyReLU`, …
        ``softplus``, ``tanh``, ``logsoftmax``
        ``batchnorm``, ``layernorm``, ``dropout RATIO``              `BatchNorm`, `LayerNorm`,
                                                                     `Dropout`
        ``embedding ROWS FEATURES``                                  `Embedding`
        ``lstm STATE [last]``, ``attention HEADS [causal]``          `LSTM`, `MultiHeadAttention`
        ``noise STD``, ``shift PIXELS``, ``flip``,                   `Noise`, `RandomShift`,
        ``crop SIZE [pad P]``                                        `RandomFlip`, `RandomCrop`
        ``residual(…, …)``                                           `Residual` of such layers
        ============================================================ ===========================
    input_shape : sequence of int
        Of one sample: ``(784,)``, or ``(1, 28, 28)`` for an image of one channel.
    seed : int or numpy.random.Generator, default 0
        Of the weights, and of the masks of dropout.
    std : float, optional
        The standard deviation of the initial weights; by default that of `initial.he`.
    dtype : dtype, default float64

    Returns
    -------
    list of Layer
        For `Sequential`.

    Raises
    ------
    OptionError
        A layer is unknown, or does not fit what comes before it; the message names it.

    Examples
    --------
    >>> from clearprop import nn
    >>> line = "conv 6 3x3 pad same, relu, pool 2, affine 10"
    >>> nn.Sequential(*nn.layers_of(line, (1, 8, 8)), loss=nn.SoftmaxWithLoss())
    Sequential(
      Conv2d1: Conv2d(1 → 6, kernel 3×3, padding 1×1, float64)
      ReLU1: ReLU()
      MaxPool2d1: MaxPool2d(2×2, stride 2×2)
      Affine1: Affine(96 → 10, float64)
      loss: SoftmaxWithLoss()
    ) with 1,030 parameters
    """
    return _layers(spec, _Place(tuple(input_shape), np.random.default_rng(seed), std, dtype))


def _layers(spec: str, place: _Place) -> list[Layer]:
    layers: list[Layer] = []
    for item in _items(spec):
        try:
            layer = _layer(item, place)
            dtype = np.int64 if layer.whole_inputs else place.dtype
            y = Sequential(layer).predict(np.zeros((2, *place.shape), dtype))
        except ClearpropError as error:
            raise _refused(item, place.shape, error) from error
        place.shape = y.shape[1:]
        layers.append(layer)
    return layers


def _items(spec: str) -> list[str]:
    """Take a line apart at its commas, but for those between parentheses."""
    items, depth = [""], 0
    for letter in spec:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            items.append("")
        else:
            items[-1] += letter
    return [item.strip() for item in items]


def _layer(item: str, place: _Place) -> Layer:
    if found := re.fullmatch(r"residual\s*\((.*)\)", item, re.I | re.S):
        return Residual(*_layers(found[1], replace(place)))
    kind, *words = item.split() or [""]
    make = _KINDS.get(kind.lower())
    if make is None:
        near = _meant(kind.lower(), words)
        raise OptionError(
            f"{kind!r} is no layer." if kind else "a layer is missing between two commas.",
            why=f"The layers are {', '.join(_KINDS)}, residual(…).",
            write=" ".join([near, *words]),
        )
    taken = dict(list(inspect.signature(make).parameters.items())[1:])
    needed = [name for name, p in taken.items() if p.default is p.empty]
    numbers, options = words[: len(needed)], iter(words[len(needed) :])
    given: dict[str, Any] = {}
    for name in options:
        known = name in taken and name not in needed and name not in given
        flag = known and taken[name].default is False
        given[name] = True if flag else next(options, "") if known else None
    values = [*numbers, *(v for v in given.values() if v is not True and v != "same")]
    if len(numbers) < len(needed) or not all(v and _NUMBER.match(v) for v in values):
        raise OptionError(f"{item!r} is not complete, or too much.", write=_usage(kind))
    return make(place, *map(_value, numbers), **{k: _value(v) for k, v in given.items()})


def _meant(kind: str, words: Sequence[str]) -> str:
    """Name the layer that is meant: by its name elsewhere, by one that is near, or a usual one."""
    known = [*_KINDS, *_ELSEWHERE]
    near = difflib.get_close_matches(kind, known, 1) if kind else []
    if near:
        return _ELSEWHERE.get(near[0], near[0])
    return "affine" if words else "relu"


def _value(word: Any) -> Any:
    if word is True or word == "same":
        return word
    if "x" in word:
        return tuple(map(int, word.split("x")))
    return float(word) if "." in word else int(word)


def _usage(kind: str) -> str:
    parameters = inspect.signature(_KINDS[kind.lower()]).parameters
    words = [
        name.upper()
        if p.default is p.empty
        else f"[{name}]"
        if p.default is False
        else f"[{name} {name[0].upper()}]"
        for name, p in list(parameters.items())[1:]
    ]
    return " ".join([kind.lower(), *words])


def _refused(item: str, shape: tuple[int, ...], error: ClearpropError) -> OptionError:
    kind = (item.split() or [""])[0]
    return OptionError(
        f"the layer {item!r} cannot be made: {error.what}",
        why=f"{error.why or ''} It gets samples of shape {shape}.".strip(),
        write=_usage(kind) if kind.lower() in _KINDS else error.write,
    )
