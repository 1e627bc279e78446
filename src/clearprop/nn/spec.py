"""Networks written in a line: ``conv 30 5x5, relu, pool 2, affine 100, relu, affine 10``."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import ClearpropError, OptionError
from clearprop.nn.activations import ReLU, Sigmoid, Tanh
from clearprop.nn.affine import Affine, Flatten
from clearprop.nn.batch_norm import BatchNorm
from clearprop.nn.convolution import Conv2d
from clearprop.nn.dropout import Dropout
from clearprop.nn.initial import Seed
from clearprop.nn.layer import Layer
from clearprop.nn.pooling import AvgPool2d, MaxPool2d
from clearprop.nn.sequential import Sequential


@dataclass
class _Place:
    """Where a layer is to stand."""

    shape: tuple[int, ...]  # of a sample that comes in
    rng: np.random.Generator
    std: float | None
    dtype: npt.DTypeLike

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


def _affine(place: _Place, units: Any) -> Layer:
    return Affine.initial(prod(place.shape), _count(units, "affine"), **place.weights)


def _batchnorm(place: _Place) -> Layer:
    return BatchNorm.initial(place.shape[0], dtype=place.dtype)


def _dropout(place: _Place, ratio: Any) -> Layer:
    return Dropout(ratio, seed=int(place.rng.integers(1 << 63)))


_KINDS: dict[str, Callable[..., Layer]] = {
    "conv": _conv,
    "pool": _pool,
    "avgpool": _avgpool,
    "affine": _affine,
    "batchnorm": _batchnorm,
    "dropout": _dropout,
    "flatten": lambda place: Flatten(),
    "relu": lambda place: ReLU(),
    "sigmoid": lambda place: Sigmoid(),
    "tanh": lambda place: Tanh(),
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

        ========================================================== ==============================
        ``conv FILTERS SIZE [stride S] [pad P|same] [dilation D]`` `Conv2d`; a size is 5 or 5x3
        ``pool SIZE [stride S] [pad P]``, ``avgpool …``            `MaxPool2d`, `AvgPool2d`
        ``affine UNITS``                                           `Affine`
        ``batchnorm``, ``dropout RATIO``, ``flatten``              `BatchNorm`, `Dropout`, `Flatten`
        ``relu``, ``sigmoid``, ``tanh``                            `ReLU`, `Sigmoid`, `Tanh`
        ========================================================== ==============================
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
    place = _Place(tuple(input_shape), np.random.default_rng(seed), std, dtype)
    layers: list[Layer] = []
    for item in spec.split(","):
        try:
            layer = _layer(item, place)
            y = Sequential(layer).predict(np.zeros((2, *place.shape), dtype))
        except ClearpropError as error:
            raise _refused(item.strip(), place.shape, error) from error
        place.shape = y.shape[1:]
        layers.append(layer)
    return layers


def _layer(item: str, place: _Place) -> Layer:
    kind, *words = item.split() or [""]
    make = _KINDS.get(kind.lower())
    if make is None:
        near = difflib.get_close_matches(kind.lower(), _KINDS, 1, 0) if kind else ["relu"]
        raise OptionError(
            f"{kind!r} is no layer." if kind else "a layer is missing between two commas.",
            why=f"The layers are {', '.join(_KINDS)}.",
            write=" ".join([*near, *words]),
        )
    taken = inspect.signature(make).parameters
    needed = [name for name, p in taken.items() if p.default is p.empty][1:]
    numbers, options = words[: len(needed)], words[len(needed) :]
    pairs = dict(zip(options[::2], options[1::2], strict=False))
    values = [*numbers, *(value for value in pairs.values() if value != "same")]
    if (
        len(numbers) < len(needed)
        or len(options) % 2
        or len(pairs) * 2 != len(options)
        or any(name not in taken or name in needed for name in pairs)
        or not all(_NUMBER.match(value) for value in values)
    ):
        raise OptionError(f"{item.strip()!r} is not complete, or too much.", write=_usage(kind))
    return make(place, *map(_value, numbers), **{k: _value(v) for k, v in pairs.items()})


def _value(word: str) -> Any:
    if word == "same":
        return word
    if "x" in word:
        return tuple(map(int, word.split("x")))
    return float(word) if "." in word else int(word)


def _usage(kind: str) -> str:
    parameters = inspect.signature(_KINDS[kind.lower()]).parameters
    words = [
        name.upper() if p.default is p.empty else f"[{name} {name[0].upper()}]"
        for name, p in list(parameters.items())[1:]
    ]
    return " ".join([kind.lower(), *words])


def _refused(item: str, shape: tuple[int, ...], error: ClearpropError) -> OptionError:
    kind = item.split(" ")[0]
    return OptionError(
        f"the layer {item!r} cannot be made: {error.what}",
        why=f"{error.why or ''} It gets samples of shape {shape}.".strip(),
        write=_usage(kind) if kind.lower() in _KINDS else error.write,
    )
