"""What a network predicts for many samples, in machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.train.updates import check_network, floats, readable

_ROWS = 500  # samples of one step, which fit into a cache


class CompiledPrediction:
    """``network.predict(x)``, with the parameters and buffers that the network has at each call.

    Parameters
    ----------
    network : Sequential

    Raises
    ------
    CannotCompileError
        If the network predicts in a way of its own.
    """

    def __init__(self, network: Any) -> None:
        from clearprop.compile import compile

        check_network(network, ("predict", "accuracy"))
        self.network = network
        self._scan = compile(_step(network)).scan

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
            parts.append(self.network.predict(x[whole:]))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _step(network: Any) -> Callable[..., Any]:
    count = len(network.parameters)

    def step(carry: Any, x: Any, *arrays: Any) -> Any:
        y = network.compute(floats(x, arrays[:count]), *arrays, train=False)
        return carry, y[0] if network.buffers else y

    return step
