"""The forward pass of a network over the shards of a batch, layer by layer.

Every layer computes a sample from that sample, so each shard goes through alone, but for batch
normalisation: there the shards tell each other what they have summed. The parameters come once for
each shard, so that their gradients are there shard by shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from clearprop.errors import OptionError
from clearprop.nn.batch_norm import BatchNorm
from clearprop.nn.chain import Chain
from clearprop.nn.drawing import Drawing
from clearprop.nn.layer import Layer
from clearprop.nn.residual import Residual
from clearprop.nn.sequential import Sequential
from clearprop.train.parallel.shards import Shard
from clearprop.train.parallel.sums import SHARED, TOTAL, Summing

Values = list[Any]  # of each shard of this process


@dataclass(frozen=True)
class Sharded:
    """The forward pass in training of a network, over some shards of a batch.

    Parameters
    ----------
    shards : sequence of Shard
        Those of this process.
    batch : int
        Samples in the batch, of all processes.
    by : Summing
    """

    shards: Sequence[Shard]
    batch: int
    by: Summing

    def run(
        self, chain: Chain, xs: Values, parameters: Sequence[Values], buffers: Sequence[Any]
    ) -> tuple[Values, tuple[Any, ...]]:
        """Compute what the shards give, and what the layers with buffers have seen."""
        seen: list[Any] = []
        p = b = 0
        for layer in chain.layers.values():
            mine = parameters[p : p + len(layer.parameters)]
            kept = buffers[b : b + len(layer.buffers)]
            p, b = p + len(mine), b + len(kept)
            xs, found = self.layer(layer, xs, mine, kept)
            seen += [found] if layer.buffers else []
        return xs, tuple(seen)

    def layer(
        self, layer: Layer, xs: Values, parameters: Sequence[Values], buffers: Sequence[Any]
    ) -> tuple[Values, Any]:
        """Compute a layer."""
        if isinstance(layer, Chain):
            ys, seen = self.run(layer, xs, parameters, buffers)
            if isinstance(layer, Residual):
                ys = [x + y for x, y in zip(xs, ys, strict=True)]
            return ys, seen
        if isinstance(layer, BatchNorm):
            gammas, betas = parameters
            return self.batch_norm(layer, xs, gammas, betas)
        each = [[values[k] for values in parameters] for k in range(len(xs))]
        if isinstance(layer, Drawing):
            starts = [shard.start for shard in self.shards]
            found = [
                layer.compute(x, *buffers, train=True, first=start)
                for x, start in zip(xs, starts, strict=True)
            ]
            return [y for y, _ in found], found[0][1]
        return [layer.compute(x, *own) for x, own in zip(xs, each, strict=True)], ()

    def batch_norm(
        self, layer: BatchNorm, xs: Values, gammas: Values, betas: Values
    ) -> tuple[Values, Any]:
        """Normalise with mean and variance of the whole batch."""
        shapes = [x.shape for x in xs]
        if layer.per_activation:
            xs = [np.reshape(x, (x.shape[0], prod(x.shape[1:]))) for x in xs]
        over, along = ((0, 2, 3), (-1, 1, 1)) if xs[0].ndim == 4 else ((0,), (-1,))
        size = self.batch * prod(xs[0].shape[2:])

        def mean(parts: Values) -> Values:
            total = TOTAL(*(np.sum(part, axis=over) for part in parts), by=self.by)
            rows: Any = SHARED(total / size, count=len(parts), by=self.by)
            return list(rows)

        means = mean(xs)
        centred = [x - np.reshape(means[k], along) for k, x in enumerate(xs)]
        variances = mean([c * c for c in centred])
        ys = []
        for k, c in enumerate(centred):
            std = np.sqrt(np.reshape(variances[k], along) + layer.eps)
            y = np.reshape(gammas[k], along) * (c / std) + np.reshape(betas[k], along)
            ys.append(np.reshape(y, shapes[k]))
        return ys, (means[0], variances[0])


def check_layers(network: Sequential) -> None:
    """Refuse layers that the shards of a batch cannot be sent through one by one.

    Raises
    ------
    OptionError
    """
    for layer in network.every_layer():
        own = getattr(type(layer), "compute", None)
        is_known = isinstance(layer, Chain | Drawing) or own is BatchNorm.compute
        plain = type(layer) in (Sequential, Residual) or not isinstance(layer, Chain)
        if (layer.buffers and not is_known) or not plain:
            kind = type(layer).__name__
            raise OptionError(
                f"train: {kind} computes in a way of its own.",
                why="what its buffers are of a whole batch, nobody knows who has a part of it.",
                write=f"a network without {kind}, or no parallel=",
            )
