"""The models that can be trained by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from clearprop.nn import Sequential
    from clearprop.train.settings import Settings

PIXELS, CLASSES = 784, 10
_STD = 0.01  # of the initial weights, as in the document


class NamedModel(NamedTuple):
    """A model, and what a reader needs to know to choose it.

    Attributes
    ----------
    summary : str
        What it is, in a few words.
    hidden : int or None
        Its hidden units by default; None without a hidden layer.
    build : callable
        Makes it, from the settings and the generator of its initial weights.
    """

    summary: str
    hidden: int | None
    build: Callable[[Settings, np.random.Generator], Sequential]


def _two_layer(settings: Settings, rng: np.random.Generator) -> Sequential:
    from clearprop import nn

    inputs, hidden, outputs = layer_sizes(settings)
    return nn.TwoLayerNet(inputs, hidden, outputs, _STD, seed=rng, dtype=settings.dtype)


def _linear(settings: Settings, rng: np.random.Generator) -> Sequential:
    from clearprop import nn

    affine = nn.Affine.initial(PIXELS, CLASSES, seed=rng, std=_STD, dtype=settings.dtype)
    return nn.Sequential(affine, loss=nn.SoftmaxWithLoss())


MODELS = {
    "two-layer": NamedModel("a hidden layer with ReLU", 50, _two_layer),
    "linear": NamedModel("softmax regression", None, _linear),
}


def build_model(settings: Settings, rng: np.random.Generator) -> Sequential:
    """Make the model that the settings name, with its initial weights.

    Parameters
    ----------
    settings : Settings
        Which model, how large, and in which dtype.
    rng : numpy.random.Generator
        Of the initial weights.

    Returns
    -------
    Sequential

    Examples
    --------
    >>> from clearprop.train import Settings
    >>> build_model(Settings(model="linear"), np.random.default_rng(0))
    Sequential(
      Affine1: Affine(784 → 10, float32)
      loss: SoftmaxWithLoss()
    ) with 7,850 parameters
    """
    return MODELS[settings.model].build(settings, rng)


def layer_sizes(settings: Settings) -> list[int]:
    """Numbers of units from the pixels to the classes.

    Examples
    --------
    >>> from clearprop.train import Settings
    >>> layer_sizes(Settings())
    [784, 50, 10]
    """
    return [PIXELS, *([settings.hidden] if settings.hidden else []), CLASSES]
