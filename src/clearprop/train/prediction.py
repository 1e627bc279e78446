"""What a network predicts for many samples, in machine code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import MissingExtraError
from clearprop.extras import require
from clearprop.train.updates import (
    CannotCompileError,
    Prepare,
    check_network,
    prepared,
    readable,
    taken,
)

_ROWS = 500  # samples of one step, which fit into a cache


def prediction(
    network: Any, prepare: Prepare | None, *, compiled: bool
) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    """Give what predicts samples as they are stored: in machine code, where that can be."""
    if compiled:
        with suppress(CannotCompileError, MissingExtraError):
            return CompiledPrediction(network, prepare)
    return lambda x: network.predict(prepared(x, prepare))


class CompiledPrediction:
    """``network.predict(x)``, with the parameters and buffers that the network has at each call.

    Parameters
    ----------
    network : Sequential
    prepare : callable, optional
        What is done to samples before the network gets them.

    Raises
    ------
    CannotCompileError
        If the network predicts in a way of its own.
    """

    def __init__(self, network: Any, prepare: Prepare | None = None) -> None:
        check_network(network, ("predict", "accuracy"))
        self.network, self.prepare = network, prepare
        self._scan = scan_of(_step(network, prepare), "predicts in machine code")

    def accuracy(self, x: Any, t: Any) -> float:
        """Compute the fraction of predictions that are right, as ``network.accuracy`` does."""
        return float(np.mean(self.network.last_layer.hits(self(x), t)))

    def __call__(self, x: Any) -> Any:
        """Predict; what is left over behind steps of many samples is predicted in NumPy."""
        steps = len(x) // _ROWS
        whole = steps * _ROWS
        parts = []
        if steps:
            rows = readable("x", x[:whole]).reshape(steps, _ROWS, *x.shape[1:])
            arrays = self.network.arrays((*self.network.parameters, *self.network.buffers))
            _, y = self._scan((), rows, *arrays)
            parts.append(y.reshape(whole, *y.shape[2:]))
        if whole < len(x):
            parts.append(self.network.predict(prepared(x[whole:], self.prepare)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def scan_of(step: Callable[..., Any], purpose: str) -> Callable[..., Any]:
    """Give the loop of a step in machine code.

    Raises
    ------
    MissingExtraError
        If llvmlite is not installed.
    """
    from clearprop.compile import compile

    require("llvmlite.binding", "train", purpose)
    scan: Callable[..., Any] = compile(step).scan
    return scan


def _step(network: Any, prepare: Prepare | None) -> Callable[..., Any]:
    count = len(network.parameters)

    def step(carry: Any, x: Any, *arrays: Any) -> Any:
        x = taken(network, prepared(x, prepare), arrays[:count])
        y = network.compute(x, *arrays, train=False)
        return carry, y[0] if network.buffers else y

    return step
