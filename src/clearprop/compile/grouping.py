"""The parts of a plan: stages, groups, phases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clearprop.compile.affine import Var
from clearprop.compile.nests import Work
from clearprop.compile.scalars import Array
from clearprop.graph import Node


@dataclass
class Stage:
    """Works that follow each other, for one block of rows after the other.

    Attributes
    ----------
    works : list
    block_rows : int
    local : list of Array
        What lies in memory for one block only.
    """

    works: list[Work]
    block_rows: int = 0
    local: list[Array] = field(default_factory=list)


@dataclass
class Group:
    """Works on the same rows, which are cut into shards.

    Attributes
    ----------
    rows : int
        0 where the group is not cut.
    works : list
    shard : Var
        The number of the shard, for totals that are kept for each.
    shard_rows : int
    stages : list of Stage
        All of the works.
    local : list of Array
        What lies in memory for one shard only.
    parts : dict of Array to number
        What holds a total for each shard, and what it starts from.
    """

    rows: int
    works: list[Work] = field(default_factory=list)
    shard: Var = field(default_factory=lambda: Var(1))
    shard_rows: int = 0
    stages: list[Stage] = field(default_factory=list)
    local: list[Array] = field(default_factory=list)
    parts: dict[Array, Any] = field(default_factory=dict)

    @property
    def shards(self) -> int:
        """The number of shards."""
        return -(-self.rows // self.shard_rows) if self.rows else 1

    def outputs(self) -> list[Array]:
        """What is written."""
        return [array for work in self.works for array in work.outputs]


@dataclass
class Call:
    """A node that remains a NumPy call."""

    node: Node


Phase = list[Group | Call]
