"""The updates of a network by several processes, each with some shards of the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.errors import OptionError
from clearprop.nn.sequential import Sequential
from clearprop.train.parallel.layers import Sharded, check_layers
from clearprop.train.parallel.processes import Processes
from clearprop.train.parallel.shards import Shard
from clearprop.train.parallel.sums import TOTAL, branch
from clearprop.train.sources import FromArrays, Source
from clearprop.train.targets import Targets
from clearprop.train.updates import (
    CannotCompileError,
    Compiled,
    Derivative,
    Prepare,
    Rule,
    check_network,
    prepared,
)
from clearprop.transforms import value_and_grad


class Together(Compiled):
    """Updates that all processes make, each from its shards of every batch.

    Parameters
    ----------
    network : Sequential
    source : Source
    rule : Rule
    prepare : callable, optional
    targets : Targets, optional
    processes : Processes
    interpret : bool
        Compute in NumPy.

    Raises
    ------
    OptionError
        The shards do not fit the batch, the data are a stream, or a layer cannot be taken apart.
    CannotCompileError
        As in `Compiled`.
    """

    def __init__(
        self,
        network: Sequential,
        source: Source,
        rule: Rule,
        prepare: Prepare | None,
        targets: Targets,
        processes: Processes,
        *,
        interpret: bool,
    ) -> None:
        if not isinstance(source, FromArrays):
            raise OptionError(
                "train: the batches come from a stream.",
                why="each process takes its own rows of them, from arrays or memory maps.",
                write="fit(net, ((x, t), None), parallel=train.mpi())",
            )
        check_network(network)
        check_layers(network)
        self.processes, self._interpret = processes, interpret
        shards = processes.mine(source.drawn.size)
        derivative = derivative_of(shards, source.drawn.size, processes)
        super().__init__(network, Part(source, shards), rule, prepare, targets, derivative)

    @property
    def last(self) -> tuple[Any, Any]:
        """The last batch, all of it: what is wrong with it is wrong for all."""
        source: Any = self.source
        x, t = source.batch(source.whole[len(self._part) - 1], *source.constants)
        return prepared(x, self.prepare), self.targets(t)

    def make(self, count: int) -> Sequence[float]:
        """Make updates, as many on all processes; see `Updates`."""
        self.most = self.processes.agree(max(1, min(count, self.most)))
        return super().make(self.most)

    def _looped(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return _one_by_one(step) if self._interpret else super()._looped(step)


def updates_of(
    model: Any,
    parts: tuple[Source, Rule, Prepare | None, Targets],
    processes: Processes,
    interpret: bool,
) -> tuple[Together, str]:
    """Give what makes the updates and, where it is not what was asked for, the reason.

    Raises
    ------
    OptionError
        As in `Together`; or the model computes in a way of its own, of which nobody knows the
        gradient of a shard.
    ClearpropError
        What is wrong with the network, the samples or the labels.
    """
    reason = ""
    if not interpret:
        made = None
        try:
            made = Together(model, *parts, processes, interpret=False)
        except CannotCompileError as error:
            reason = f"train: this run is computed in NumPy, not in machine code. {error.reason}"
        reason = next(filter(None, processes.collect(reason)), "")  # what one cannot, none does
        if made is not None and not reason:
            return made, ""
    try:
        return Together(model, *parts, processes, interpret=True), reason
    except CannotCompileError as error:
        if error.__cause__ is not None:
            raise error.__cause__ from None
        raise OptionError(
            f"train: several processes cannot train this: {error}",
            why="each computes the gradients of some samples, and has to know how.",
            write="a Sequential of clearprop.nn; or no parallel=",
        ) from None


class Part(FromArrays):
    """The rows of every batch that are of some shards.

    Parameters
    ----------
    source : FromArrays
        Of whole batches; it is gone on with.
    shards : sequence of Shard
        Those of this process, one after the other.
    """

    def __init__(self, source: FromArrays, shards: Sequence[Shard]) -> None:
        x, t = source.constants
        super().__init__(x, t, source.drawn, source.rows)
        self._rows = slice(shards[0].start, shards[-1].stop)

    def take(self, count: int) -> Any:
        """Draw whole batches, and give the rows; see `Source`."""
        self.whole = super().take(count)
        return self.whole[:, self._rows]


def _one_by_one(step: Callable[..., Any]) -> Callable[..., Any]:
    def scan(carry: Any, part: Any, *constants: Any) -> Any:
        values = []
        for rows in part:
            carry, value = step(carry, rows, *constants)
            values.append(value)
        return carry, np.array(values)

    return scan


def derivative_of(shards: Sequence[Shard], batch: int, processes: Processes) -> Derivative:
    """Give what computes loss and gradients of a whole batch from some shards of it, and others.

    Parameters
    ----------
    shards : sequence of Shard
        Those of this process.
    batch : int
        Samples in the batch, of all.
    processes : Processes
    """
    sharded = Sharded(shards, batch, processes)
    first = shards[0].start
    cuts = [slice(shard.start - first, shard.stop - first) for shard in shards]

    def derivative(network: Any, x: Any, t: Any, parameters: Any, buffers: Any) -> Any:
        last, count = network.last_layer, len(parameters)
        xs, ts = ([array[cut] for cut in cuts] for array in (x, t))

        def loss(*arrays: Any) -> Any:
            of_shards = [list(arrays[p::count]) for p in range(count)]
            ys, seen = sharded.run(network, xs, of_shards, buffers)
            targets = [last.targets(t, y) for t, y in zip(ts, ys, strict=True)]
            weights = [last.count(target) for target in targets]
            pairs = list(zip(ys, targets, strict=True))
            if type(weights[0]) is float:  # the number of samples, and not what the labels say
                parts = [
                    last.compute(y, t=target) * (weight / batch)
                    for (y, target), weight in zip(pairs, weights, strict=True)
                ]
            else:
                whole = TOTAL(*weights, by=processes)
                parts = [last.compute(y, t=t, of=whole.astype(y.dtype)) for y, t in pairs]
            return sum(parts[1:], parts[0]), (parts, seen)

        every = value_and_grad(loss, range(count * len(cuts)), has_aux=True)
        (_, (parts, seen)), gradients = every(*(tuple(parameters) * len(cuts)))
        # in the program, where the sums of this process's shards are one loop over all of them
        sums = [branch([np.reshape(part, -1) for part in parts])]
        sums += [branch([np.reshape(g, -1) for g in gradients[p::count]]) for p in range(count)]
        total = TOTAL(np.concatenate(sums), by=processes)
        found, at = [], 1
        for parameter in parameters:
            piece = np.reshape(total[at : at + parameter.size], parameter.shape)
            found.append(piece if piece.dtype == parameter.dtype else piece.astype(parameter.dtype))
            at += parameter.size
        return total[0], seen, tuple(found)

    return derivative
