"""The models that can be trained by name, or by a line that names their layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.errors import OptionError
from clearprop.train.named import MODELS

if TYPE_CHECKING:
    from clearprop.data import DataSet
    from clearprop.nn import Sequential
    from clearprop.train.settings import Settings

PIXELS, CLASSES = 784, 10
_STD = 0.01  # of the initial weights of the documents' networks


def build_model(
    settings: Settings,
    rng: np.random.Generator,
    shape: Sequence[int] = (PIXELS,),
    outputs: int = CLASSES,
    *,
    regression: bool = False,
) -> Sequential:
    """Make the model that the settings name, with its initial weights.

    Parameters
    ----------
    settings : Settings
        Which model, how large, and in which dtype.
    rng : numpy.random.Generator
        Of the initial weights.
    shape : sequence of int, default (784,)
        Of one sample.
    outputs : int, default 10
        Classes, or numbers that are predicted.
    regression : bool, default False
        Whether numbers are predicted: the loss is then `nn.MSE`, else `nn.SoftmaxWithLoss`.

    Returns
    -------
    Sequential

    Raises
    ------
    OptionError
        The model takes other samples, or gives another number of outputs.

    Examples
    --------
    >>> from clearprop.train import Settings
    >>> build_model(Settings(model="linear"), np.random.default_rng(0))
    Sequential(
      Affine1: Affine(784 → 10, float32)
      loss: SoftmaxWithLoss()
    ) with 7,850 parameters
    >>> line = Settings(model="conv 4 3, relu, pool 2, affine 10")
    >>> list(build_model(line, np.random.default_rng(0), (1, 28, 28)).layers)
    ['Conv2d1', 'ReLU1', 'MaxPool2d1', 'Affine1']
    """
    from clearprop import nn

    known = MODELS.get(settings.model)
    kind = settings.model if known is None else known.kind
    options: dict[str, Any] = {"seed": rng, "dtype": settings.dtype}
    loss = nn.MSE() if regression else nn.SoftmaxWithLoss()
    if kind == "TwoLayerNet" and not regression:
        return nn.TwoLayerNet(int(np.prod(shape)), settings.hidden or 0, outputs, _STD, **options)
    if kind in ("SimpleConvNet", "DeepConvNet"):
        if regression or len(shape) != 3:
            raise OptionError(
                f"train: the model {settings.model} is for classes of images.",
                why=f"a sample has shape {tuple(shape)}"
                + (", and a number is predicted." if regression else "."),
                write=f'--model "affine 100, relu, affine {outputs}"',
            )
        network: Sequential = getattr(nn, kind)(
            shape, hidden=settings.hidden, classes=outputs, **options
        )
        return network
    std = _STD if known is not None else None
    if kind == "TwoLayerNet":
        kind = f"affine {settings.hidden}, relu, affine {outputs}"
    line = kind.format(outputs=outputs)
    network = nn.Sequential(*nn.layers_of(line, shape, std=std, **options), loss=loss)
    found = network.summary(shape).layers[-1].shape
    if found != (outputs,):
        what = "number is" if outputs == 1 else "numbers are"
        raise OptionError(
            f"train: the layers end with outputs of shape {found}.",
            why=f"{outputs} {what} needed: "
            + ("one is predicted." if regression else "a score for each class."),
            write=f'--model "{_ending_with(settings.model, outputs)}"',
        )
    return network


def build_for(settings: Settings, data: DataSet, rng: np.random.Generator) -> Sequential:
    """Make the model that the settings name, for the samples and the targets of a data set."""
    regression = data.classes is None
    outputs = data.train.t.shape[1] if data.classes is None else len(data.classes)
    return build_model(settings, rng, data.shape, outputs, regression=regression)


def _ending_with(line: str, outputs: int) -> str:
    """Give a line of layers as many outputs, in its last layer where that has a number of them.

    Examples
    --------
    >>> _ending_with("affine 8, relu, affine 3", 1), _ending_with("affine 8, relu", 1)
    ('affine 8, relu, affine 1', 'affine 8, relu, affine 1')
    """
    before, comma, last = line.rpartition(",")
    if last.split()[:1] != ["affine"]:
        before, comma = line, ","
    return f"{before}{comma}{' ' if comma else ''}affine {outputs}"


def layer_sizes(network: Any) -> list[int]:
    """Numbers of units from the samples to the outputs, of a network of affine layers alone.

    Examples
    --------
    >>> from clearprop import nn
    >>> layer_sizes(nn.TwoLayerNet(784, 50, 10)), layer_sizes(nn.SimpleConvNet())
    ([784, 50, 10], [])
    """
    layers = [layer for layer in network.layers.values() if layer.parameters]
    if not all(type(layer).__name__ == "Affine" for layer in layers) or not layers:
        return []
    return [layers[0].W.shape[0], *(layer.W.shape[1] for layer in layers)]


def title_of(settings: Settings, network: Any) -> str:
    """Name the model, with its sizes where they say all.

    Examples
    --------
    >>> from clearprop import nn
    >>> from clearprop.train import Settings
    >>> title_of(Settings(), nn.TwoLayerNet(784, 50, 10))
    'two-layer 784-50-10'
    """
    sizes = layer_sizes(network) if settings.model in MODELS else []
    return " ".join([settings.model, *(["-".join(map(str, sizes))] if sizes else [])])
