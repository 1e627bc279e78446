"""How far items can move, up and down, while the others stay."""

from __future__ import annotations

import math

from clearprop.draw.grid import CONSTANT, Grid

#: The next item in a rank, and how far away from it an item must stay.
Neighbour = tuple[int, float] | None


class Room:
    """The free heights around each item; only constants make way.

    Parameters
    ----------
    grid : Grid
    distances : list of list of float
        For each rank how far below its first item each one must be at least.
    y : list of float
        The heights of the items, which are changed in place.
    """

    def __init__(self, grid: Grid, distances: list[list[float]], y: list[float]) -> None:
        self.y = y
        self.above: list[Neighbour] = [None] * len(y)
        self.below: list[Neighbour] = [None] * len(y)
        for rank, needed in zip(grid.ranks, distances, strict=True):
            for i in range(1, len(rank)):
                distance = needed[i] - needed[i - 1]
                self.above[rank[i]] = (rank[i - 1], distance)
                self.below[rank[i - 1]] = (rank[i], distance)
        self._is_constant = [
            not grid.left[item] and all(link.weight == CONSTANT for link in grid.right[item])
            for item in range(len(y))
        ]

    def limits(self, items: list[int]) -> tuple[float, float]:
        """Give the least and the greatest height that items can have together."""
        low = max(-self._reach(item, self.above, -1) for item in items)
        return low, min(self._reach(item, self.below, 1) for item in items)

    def _reach(self, item: int, neighbours: list[Neighbour], sign: int) -> float:
        far = 0.0
        beyond = neighbours[item]
        while beyond is not None:
            far += beyond[1]
            if not self._is_constant[beyond[0]]:
                return sign * self.y[beyond[0]] - far
            beyond = neighbours[beyond[0]]
        return math.inf

    def move(self, items: list[int], height: float) -> None:
        """Move items within their limits to one height, and constants out of their way."""
        for item in items:
            self.y[item] = height
            self._push(item, self.above, -1)
            self._push(item, self.below, 1)

    def _push(self, item: int, neighbours: list[Neighbour], sign: int) -> None:
        nearest = sign * self.y[item]
        beyond = neighbours[item]
        while beyond is not None and self._is_constant[beyond[0]]:
            nearest += beyond[1]
            self.y[beyond[0]] = sign * max(sign * self.y[beyond[0]], nearest)
            beyond = neighbours[beyond[0]]
