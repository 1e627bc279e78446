"""Losses that nobody wrote down: what ``output - target`` is the gradient of."""

from __future__ import annotations

from typing import Any

import numpy as np


def _squares(y: Any, t: Any) -> Any:
    return 0.5 * np.sum((y - t) ** 2)


def _binary(y: Any, t: Any) -> Any:
    return -np.sum(t * np.log(y) + (1 - t) * np.log(1 - y))


def _classes(y: Any, t: Any) -> Any:
    return -np.sum(t * np.log(y))


#: By what a report calls them, the likeliest first.
LOSSES = {
    "the squared error": _squares,
    "the binary cross-entropy": _binary,
    "the cross-entropy": _classes,
}


def implied(name: str, output: Any, target: Any) -> Any:
    """Give a loss of some output that is compared with a target.

    Raises
    ------
    ValueError
        If they have not the same shape, or the loss is none for them.
    """
    target = np.asarray(target)
    if np.shape(output) != np.shape(target) and np.size(output) > 1:
        raise ValueError(f"the output has shape {np.shape(output)}, the target {target.shape}")
    if np.shape(output) != np.shape(target):
        target = target.reshape(np.shape(output))
    plain = np.asarray(getattr(output, "value", output))
    if name != "the squared error" and not (np.all(plain > 0) and np.all(plain < 1)):
        raise ValueError("the output is no probability")
    if name == "the cross-entropy":
        sums = [np.sum(plain, axis=axis) for axis in range(plain.ndim)]
        if not any(np.size(s) < plain.size and np.allclose(s, 1) for s in sums):
            raise ValueError("the output does not sum to 1")
    return LOSSES[name](output, target)
