"""What a network predicts for many samples, in machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.train.updates import Prepare, check_network, prepared, readable, taken

_ROWS = 500  # samples of one step, which fit into a cache


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
        from clearprop.compile import compile

        check_network(network, ("predict", "accuracy"))
        self.network, self.prepare = network, prepare
        self._scan = compile(_step(network, prepare)).scan

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


def _step(network: Any, prepare: Prepare | None) -> Callable[..., Any]:
    count = len(network.parameters)

    def step(carry: Any, x: Any, *arrays: Any) -> Any:
        x = taken(network, prepared(x, prepare), arrays[:count])
        y = network.compute(x, *arrays, train=False)
        return carry, y[0] if network.buffers else y

    return step
