"""How a batch is cut: into shards that depend on the batch alone, so that all sums do."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from clearprop.errors import OptionError


class Shard(NamedTuple):
    """Some samples of a batch: those from ``start`` to before ``stop``."""

    start: int
    stop: int


def shards_of(batch: int, count: int) -> list[Shard]:
    """Cut a batch into so many shards, whose sizes differ by one sample at most.

    Examples
    --------
    >>> [tuple(shard) for shard in shards_of(10, 4)]
    [(0, 3), (3, 6), (6, 8), (8, 10)]
    """
    size, longer = divmod(batch, count)
    starts = [k * size + min(k, longer) for k in range(count + 1)]
    return [Shard(*ends) for ends in pairwise(starts)]


def check_shards(shards: int, batch: int, processes: int) -> None:
    """Refuse numbers that do not go together.

    The sum over shards is a tree of pairs, and each process has to have a whole branch of it: so
    shards and processes are powers of two.

    Raises
    ------
    OptionError
    """
    if shards < 1 or shards & (shards - 1):
        raise OptionError(
            f"train: shards is {shards}.",
            why="shards are added in pairs, and pairs of pairs: they are a power of two.",
            write="train.mpi(shards=8)",
        )
    if shards > batch:
        fits = 1 << (batch.bit_length() - 1)
        raise OptionError(
            f"train: a batch of {batch} samples is cut into {shards} shards.",
            why="each shard has at least one sample.",
            write=f"train.mpi(shards={fits}), --shards {fits}, for at most {fits} processes; or a "
            "larger batch",
        )
    if processes & (processes - 1):
        near = 1 << (processes.bit_length() - 1)
        raise OptionError(
            f"train: there are {processes} processes, and {shards} shards in a batch.",
            why="each process adds a whole branch of the tree of shards, so that the number of "
            "processes does not change a bit: 1, 2, 4, 8, …",
            write=f"mpiexec -n {near}, or -n {2 * near}; or train.mpi(fast_sum=True), --fast-sum",
        )
    if processes > shards:
        raise OptionError(
            f"train: there are {processes} processes, and {shards} shards in a batch.",
            why="each process has at least one shard.",
            write=f"train.mpi(shards={processes}), --shards {processes}",
        )
