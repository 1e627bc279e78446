"""What is written down of a network while it trains: its gradients, and its dead units."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import MissingExtraError
from clearprop.nn import ReLU, Sequential
from clearprop.train.metrics import Metrics
from clearprop.train.prediction import scan_of
from clearprop.train.updates import (
    CannotCompileError,
    Prepare,
    check_network,
    prepared,
    readable,
    taken,
)

_MOMENTS = 200  # at which gradients are looked at: as many as a chart can show
_SAMPLES = 2_000  # that a unit must be 0 for to be called dead
_ROWS = 500  # of them in one step of machine code: they fit into a cache


@dataclass
class Diary:
    r"""Gradient norms per layer and dead units, over a run.

    Give it to `fit` as its ``watch``, or call it from there.

    Parameters
    ----------
    network : Sequential
        What is trained.
    x : ndarray
        Training samples; the first 2,000 of them are what a unit is tried on.
    iterations : int
        How many the run is to have: the gradients are looked at about 200 times.
    prepare : callable, optional
        What is done to samples before the network gets them, as in `fit`.
    compiled : bool, default False
        Whether to look for dead units in machine code.

    Attributes
    ----------
    moments : list of int
        The iterations at which the gradients were looked at.
    norms : dict of str to list of float
        For each layer with parameters, at each moment,
        :math:`\sqrt{\sum_\theta \lVert \partial L/\partial\theta \rVert^2}` over its parameters,
        in units of loss per unit of parameter.
    dead : dict of str to list of float
        For each ReLU, at each row of the metrics, the fraction of its units that are 0 for every
        sample: no gradient passes them, so they cannot come back by themselves. A unit is a column
        of the output, or a channel.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn, train
    >>> x, t = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> net = nn.TwoLayerNet(2, 8, 2, weight_init_std=1.0)
    >>> diary = train.Diary(net, x, iterations=50)
    >>> metrics = train.fit(net, ((x, t), (x, t)), batch=4, iterations=50, watch=diary)
    >>> sorted(diary.norms), len(diary.moments), len(diary.dead["ReLU1"]) == len(metrics.rows)
    (['Affine1', 'Affine2'], 50, True)
    """

    network: Sequential
    x: npt.NDArray[Any]
    iterations: int
    prepare: Prepare | None = None
    compiled: bool = False
    moments: list[int] = field(default_factory=list, init=False)
    norms: dict[str, list[float]] = field(default_factory=dict, init=False)
    dead: dict[str, list[float]] = field(default_factory=dict, init=False)
    _scan: Callable[..., Any] | None = field(default=None, init=False, repr=False, compare=False)

    def __call__(self, metrics: Metrics) -> None:
        """Write down what is new."""
        if metrics.iterations and self.next_look(metrics.iterations - 1) == metrics.iterations:
            self._gradients(metrics.iterations)
        if len(metrics.rows) > max(map(len, self.dead.values()), default=0):
            self._units()

    def next_look(self, done: int) -> int:
        """Give the first iteration after so many at which the gradients are looked at."""
        every = max(1, self.iterations // _MOMENTS)
        return (done // every + 1) * every if done else 1

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give what a checkpoint keeps: arrays, and facts of what JSON has."""
        arrays = {"moments": np.array(self.moments, np.int64)}
        arrays |= {f"norms/{name}": np.array(values) for name, values in self.norms.items()}
        arrays |= {f"dead/{name}": np.array(values) for name, values in self.dead.items()}
        return arrays, {}

    def restore(self, arrays: Mapping[str, Any], facts: Any) -> None:
        """Go on from what a checkpoint kept."""
        self.moments = arrays["moments"].tolist()
        for kind, noted in (("norms", self.norms), ("dead", self.dead)):
            for layer in self.network.layers:  # in this order they are shown
                if f"{kind}/{layer}" in arrays:
                    noted[layer] = arrays[f"{kind}/{layer}"].tolist()

    def _gradients(self, iteration: int) -> None:
        places = self.network.places(self.network.parameters)
        if any(getattr(owner, f"d{key}", None) is None for owner, key in places):
            return  # a run that goes on, and has not made an update yet
        if self.moments and self.moments[-1] == iteration:
            return
        self.moments.append(iteration)
        for name, layer in self.network.layers.items():
            if layer.parameters:
                places = layer.places(layer.parameters)
                parts = [np.linalg.norm(getattr(owner, f"d{key}")) for owner, key in places]
                self.norms.setdefault(name, []).append(math.hypot(*map(float, parts)))

    def _units(self) -> None:
        x = self.x[:_SAMPLES]
        names = [name for name, layer in self.network.layers.items() if isinstance(layer, ReLU)]
        if names:
            whole = len(x) // _ROWS * _ROWS if self.compiled else 0
            alive = self._in_machine_code(x[:whole]) if whole else None
            parts = [] if alive is None else [alive]
            rest = x[whole:] if parts else x
            if len(rest):  # what makes no whole step, too: a unit may live for one sample
                found = self.network.outputs(prepared(rest, self.prepare))
                parts.append([~dead_units(found[name]) for name in names])
            for name, each in zip(names, zip(*parts, strict=True), strict=True):
                self.dead.setdefault(name, []).append(float(np.mean(~np.any(each, axis=0))))

    def _in_machine_code(self, x: npt.NDArray[Any]) -> list[npt.NDArray[np.bool]] | None:
        """Say which units are not dead, of whole steps; None where it cannot be compiled."""
        network = self.network
        try:
            if self._scan is None:
                check_network(network, ("outputs",))
                step = _step(network, self.prepare)
                self._scan = scan_of(step, "looks for dead units in machine code")
            rows = readable("x", x).reshape(-1, _ROWS, *x.shape[1:])
        except (CannotCompileError, MissingExtraError):
            return None
        _, alive = self._scan((), rows, *network.arrays((*network.parameters, *network.buffers)))
        return [np.any(part, axis=0) for part in alive]


def _step(network: Sequential, prepare: Prepare | None) -> Callable[..., Any]:
    """Make the function of a loop that says which units of each ReLU are not dead."""
    count = len(network.parameters)

    def step(carry: Any, x: Any, *arrays: Any) -> Any:
        x = taken(network, prepared(x, prepare), arrays[:count])
        outputs = network.each_output(x, arrays)
        relus = [y for name, y in outputs if isinstance(network.layers[name], ReLU)]
        return carry, tuple(~dead_units(y) for y in relus)

    return step


def dead_units(y: npt.NDArray[Any]) -> npt.NDArray[np.bool]:
    """Say which units of a ReLU are 0 for every sample, so that no gradient passes them.

    Parameters
    ----------
    y : ndarray, shape (samples, units) or (samples, channels, height, width)
        What the layer gives.

    Returns
    -------
    ndarray of bool, shape (units,) or (channels,)

    Examples
    --------
    >>> dead_units(np.array([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [True, False]
    """
    others = tuple(axis for axis in range(y.ndim) if axis != 1)
    dead: npt.NDArray[np.bool] = ~np.any(y > 0, axis=others)
    return dead
