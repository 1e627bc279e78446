"""What a constructor may be given that is no number: a layer, an activation, an optimiser.

They are as plain as can be, so that what the user wrote around them is judged and not they.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from clearprop.check.handwritten.naming import (
    BACKWARD_METHODS,
    DERIVATIVE_METHODS,
    FORWARD_METHODS,
)

#: How far one step of an optimiser goes along a gradient.
STEP = 0.125

LAYERS = re.compile(r"^(sub_?|inner_?|hidden_?)?(layers?_?(list)?|modules|blocks|stages)$", re.I)
LAYER = re.compile(r"^(sub_?|inner_?|base_?|wrapped_?)?(layer|module|block|cell)$", re.I)
OPTIMISER = re.compile(r"^(optimi[sz]er|opt|solver|updater)(_?(fn|class|obj))?$", re.I)


class Bent:
    """A leaky ReLU, as a function and as a layer; its slope may be asked for at x or at y."""

    trainable = False
    name = "bent"

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.grads: dict[str, Any] = {}
        self.slope: Any = 1.0

    def __call__(self, x: Any, *_: Any, **__: Any) -> Any:
        """Give the values, and keep the slopes."""
        self.slope = slope_of(x)
        return x * self.slope

    def pull(self, dy: Any, *_: Any, **__: Any) -> Any:
        """Give the gradient of the last input."""
        return dy * self.slope

    def derivative(self, x: Any, *_: Any, **__: Any) -> Any:
        """Give the slopes."""
        return slope_of(x)


def slope_of(x: Any) -> Any:
    """Give 1.5 where x is positive, else 0.5."""
    return np.where(x > 0, 1.5, 0.5)


class Descent:
    """An optimiser that goes one step along the gradient; the change says what the gradient is."""

    def update(self, w: Any, grad: Any, *_: Any, **__: Any) -> Any:
        """Give the parameter after the step."""
        return w - STEP * np.asarray(grad)


for _name in FORWARD_METHODS:
    if not _name.startswith("__") and _name not in ("loss", "calculate", "compute"):
        setattr(Bent, _name, Bent.__call__)
for _name in BACKWARD_METHODS:
    setattr(Bent, _name, Bent.pull)
for _name in DERIVATIVE_METHODS:
    if _name not in ("loss_prime", "df", "d"):
        setattr(Bent, _name, Bent.derivative)


def bent() -> Bent:
    """Make an activation, or a layer without parameters."""
    return Bent()


def two_layers() -> list[Bent]:
    """Make the layers of a network."""
    return [Bent(), Bent()]
