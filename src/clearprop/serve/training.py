"""The training of the room: a network, one update at a time, and what is noted of each."""

from __future__ import annotations

import itertools
import math
from array import array
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop import nn
from clearprop.data import MNIST
from clearprop.nn import initial
from clearprop.optim import sgd
from clearprop.train.faults import calmer
from clearprop.train.models import CLASSES, PIXELS

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
#: Initial weights by name: 0.01, Xavier, He.
INITIALS = ("0.01", "xavier", "he")
SPEEDS = {
    "slow": 4.0,
    "medium": 40.0,
    "fast": 0.0,
}  #: updates a second; 0 is as many as there can be

_LIMITS: dict[str, tuple[type, float, float]] = {
    "lr": (float, 1e-6, 100.0),
    "batch": (int, 1, 1000),
    "hidden": (int, 1, 200),
    "layers": (int, 1, 4),
}
_CHOICES: dict[str, Any] = {
    "activation": tuple(ACTIVATIONS), "initial": INITIALS, "speed": tuple(SPEEDS),
}  # fmt: skip
NEW_NETWORK = ("hidden", "layers", "initial")  #: what makes a new one when it is changed


@dataclass(frozen=True)
class Settings:
    """What can be changed in the room, while it trains.

    Examples
    --------
    >>> Settings().changed({"lr": 0.5, "hidden": 20}).hidden
    20
    >>> Settings().changed({"lr": "much"})
    Traceback (most recent call last):
    ValueError: lr is a number from 1e-06 to 100.
    """

    lr: float = 0.1
    batch: int = 100
    hidden: int = 50
    layers: int = 1
    initial: str = "0.01"
    activation: str = "relu"
    speed: str = "medium"

    def changed(self, new: dict[str, Any]) -> Settings:
        """Take new settings, all or some.

        Raises
        ------
        ValueError
            One is unknown, or out of its limits.
        """
        taken: dict[str, Any] = {}
        for name, value in new.items():
            if name in _CHOICES:
                if value not in _CHOICES[name]:
                    raise ValueError(f"{name} is one of {', '.join(_CHOICES[name])}.")
                taken[name] = value
            elif name in _LIMITS:
                taken[name] = _number(name, value)
            else:
                raise ValueError("There is no such setting.")
        return replace(self, **taken)


def _number(name: str, value: Any) -> float | int:
    kind, least, most = _LIMITS[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most or (kind is int and value != int(value)):
        what = "a number" if kind is float else "a whole number"
        raise ValueError(f"{name} is {what} from {least:g} to {most:g}.")
    return float(value) if kind is float else int(value)


@dataclass
class History:
    """What was noted of every update, and of the looks at accuracy.

    Attributes
    ----------
    loss : array
        The loss of each batch.
    strength : list of array
        By layer, the root mean square of the gradient of its weights.
    at, train, test : array
        The iterations of the looks, and the accuracies there.
    """

    layers: int
    loss: array[float] = field(default_factory=lambda: array("d"))
    strength: list[array[float]] = field(default_factory=list)
    at: array[int] = field(default_factory=lambda: array("l"))
    train: array[float] = field(default_factory=lambda: array("d"))
    test: array[float] = field(default_factory=lambda: array("d"))

    def __post_init__(self) -> None:
        self.strength = [array("d") for _ in range(self.layers)]


class Training:
    """A network that learns, one update at a time.

    Parameters
    ----------
    data : MNIST
        Of uint8, flat.
    settings : Settings
    seed : int
        The same seed and settings give the same run.
    """

    def __init__(self, data: MNIST, settings: Settings, seed: int = 0) -> None:
        self.data = data
        self.settings = settings
        self.rng = np.random.default_rng(seed)
        self.affines = _affines(settings, np.random.default_rng(seed))
        self.network = self._joined()
        self.history = History(settings.layers + 1)
        self.iteration = 0
        self.problem = ""

    def change(self, settings: Settings) -> None:
        """Go on with other settings; weights are kept, under another activation too."""
        before, self.settings = self.settings, settings
        if before.activation != settings.activation:
            self.network = self._joined()

    def _joined(self) -> nn.Sequential:
        activation = ACTIVATIONS[self.settings.activation]
        layers: list[Any] = []
        for affine in self.affines:
            layers += [affine, activation()]
        return nn.Sequential(*layers[:-1], loss=nn.SoftmaxWithLoss())

    def step(self) -> None:
        """Make one update; `problem` says why there is none."""
        x, t = self.data.train
        drawn = self.rng.integers(len(x), size=self.settings.batch)
        with np.errstate(all="ignore"):  # what is not finite is said below
            loss, gradients = self.network.loss_and_gradient(_pixels(x[drawn]), t[drawn])
            if math.isfinite(loss):
                params = sgd(dict(self.network.params), gradients, self.settings.lr)
                self.network.params = params
        if not math.isfinite(loss):
            better = calmer(self.settings.lr)
            self.problem = (
                f"The loss is {float(loss)}: the updates have grown too large. Press Reset, with a "
                f"smaller learning rate such as {better:g}."
            )
            return
        self.iteration += 1
        self.history.loss.append(float(loss))
        for number, noted in enumerate(self.history.strength, 1):
            noted.append(float(np.sqrt(np.mean(np.square(gradients[f"W{number}"])))))

    def scores(self, x: Any) -> Any:
        """Compute the scores of images."""
        return self.network.predict(_pixels(x))

    def outputs(self, x: Any) -> dict[str, Any]:
        """Compute what each layer says about images."""
        return self.network.outputs(_pixels(x))


def _affines(settings: Settings, rng: np.random.Generator) -> list[nn.Affine]:
    sizes = [PIXELS, *[settings.hidden] * settings.layers, CLASSES]
    made = []
    for n, m in itertools.pairwise(sizes):
        shape: Any = {"shape": (n, m), "seed": rng, "dtype": np.float32}
        if settings.initial == "he":
            weights = initial.he(**shape)
        elif settings.initial == "xavier":
            weights = initial.xavier(**shape)
        else:
            weights = initial.gaussian(std=0.01, **shape)
        made.append(nn.Affine(weights, np.zeros(m, np.float32)))
    return made


def _pixels(x: Any) -> Any:
    return np.divide(x, np.float32(255), dtype=np.float32)
