"""The order of the items in each rank, from the top: with few crossings."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Container
from itertools import pairwise

from clearprop.draw.framing import together
from clearprop.draw.grid import Grid

_SWEEPS = 12
_LARGE = 20_000  # with more items than this, a few sweeps must do
_PORT = 1e-4  # two arrows at one item differ by much less than two items

Rank = tuple[int, ...]


def order(grid: Grid) -> None:
    """Put the items of each rank in an order with few crossings, by barycentres, in place.

    Sweeps go right and left in turn; each item moves to the mean position of its neighbours in
    the rank before. The best order that was seen is kept.
    """
    sweeps = _Sweeps(grid)
    best, fewest = list(sweeps.ranks), sweeps.crossings()
    for sweep in range(_SWEEPS if len(grid.rank) < _LARGE else 3):
        if fewest == 0:
            break
        sweeps.sort(rightwards=sweep % 2 == 0)
        sweeps.swap_neighbours()
        found = sweeps.crossings()
        if found < fewest:
            best, fewest = list(sweeps.ranks), found
    grid.ranks = [list(rank) for rank in best]


def arrows_crossed(grid: Grid) -> int:
    """Count the crossings of arrows, without those of arrows and borders."""
    return _Sweeps(grid).crossings(grid.frames.ends if grid.frames else {})


class _Sweeps:
    """The present order, and what has been found of ranks: after some sweeps most stay.

    Attributes
    ----------
    ranks : list of tuple of int
        The items of each rank, from the top.
    """

    def __init__(self, grid: Grid) -> None:
        self.frames = grid.frames
        self.ranks = [tuple(rank) for rank in grid.ranks]
        self._position = [0] * len(grid.rank)
        for rank in self.ranks:
            self._number(rank)
        #: for each item where its arrows end in the next rank: at which item, and how far from it
        self._left, self._right = (
            [[(item, _PORT * (there - here)) for item, here, there, _ in links] for links in side]
            for side in (grid.left, grid.right)
        )
        self._pieces = [
            [(other, _PORT * here, _PORT * there) for other, here, there, _ in links]
            for links in grid.right
        ]
        self._sorted: dict[tuple[int, Rank, Rank], Rank] = {}
        self._swapped: dict[tuple[Rank, Rank, Rank], Rank] = {}
        self._crossings: dict[tuple[Rank, Rank], int] = {}

    def _number(self, rank: Rank) -> None:
        for i, item in enumerate(rank):
            self._position[item] = i

    def _put(self, r: int, rank: Rank) -> None:
        if rank != self.ranks[r]:
            self.ranks[r] = rank
            self._number(rank)

    # ---- crossings ------------------------------------------------------------------------------

    def crossings(self, without: Container[int] = ()) -> int:
        """Count the crossings of all arrows."""
        total = 0
        known = self._crossings
        for pair in pairwise(self.ranks):
            if pair not in known:
                known[pair] = self._crossings_after(pair[0], without)
            total += known[pair]
        return total

    def _crossings_after(self, rank: Rank, without: Container[int]) -> int:
        position, pieces = self._position, self._pieces
        ends = sorted(
            (position[item] + here, position[other] + there)
            for item in rank
            if item not in without
            for other, here, there in pieces[item]
        )
        total = 0
        seen: list[float] = []
        for _, end in ends:
            if seen and end < seen[-1]:
                total += len(seen) - bisect_right(seen, end)
                insort(seen, end)
            else:
                seen.append(end)
        return total

    # ---- sorting --------------------------------------------------------------------------------

    def sort(self, rightwards: bool) -> None:
        """Sort each rank by the one before it; items without neighbours there keep their places."""
        step = -1 if rightwards else 1
        numbers = range(len(self.ranks))
        for r in numbers if rightwards else reversed(numbers):
            before = self.ranks[r + step] if 0 <= r + step < len(self.ranks) else ()
            key = (step, self.ranks[r], before)
            if key not in self._sorted:
                self._sorted[key] = self._sorted_rank(self.ranks[r], step)
            self._put(r, self._sorted[key])

    def _sorted_rank(self, rank: Rank, step: int) -> Rank:
        position, links = self._position, self._left if step < 0 else self._right
        mean = {
            item: sum([position[other] + d for other, d in links[item]]) / len(links[item])
            for item in rank
            if links[item]
        }
        if self.frames:
            key = {item: mean[item] if item in mean else float(position[item]) for item in rank}
            return tuple(together(self.frames, rank, key))
        moved = iter(sorted(mean, key=mean.__getitem__))
        return tuple(next(moved) if item in mean else item for item in rank)

    # ---- swapping -------------------------------------------------------------------------------

    def swap_neighbours(self) -> None:
        """Swap two neighbours wherever that makes the crossings fewer."""
        for r, rank in enumerate(self.ranks):
            left = self.ranks[r - 1] if r else ()
            right = self.ranks[r + 1] if r + 1 < len(self.ranks) else ()
            key = (left, rank, right)
            if key not in self._swapped:
                self._swapped[key] = self._swapped_rank(rank)
            self._put(r, self._swapped[key])

    def _swapped_rank(self, items: Rank) -> Rank:
        position, frames = self._position, self.frames
        borders = frames.ends if frames else {}
        ends = {
            item: [
                sorted([position[other] + d for other, d in links[item]])
                for links in (self._left, self._right)
            ]
            for item in items
        }
        rank = list(items)
        for _ in range(3):
            is_done = True
            for i in range(len(rank) - 1):
                a, b = rank[i], rank[i + 1]
                if frames and (frames.of[a] != frames.of[b] or a in borders or b in borders):
                    continue
                if _gain(ends[a], ends[b]) > 0:
                    rank[i], rank[i + 1] = b, a
                    is_done = False
            if is_done:
                break
        return tuple(rank)


def _gain(upper: list[list[float]], lower: list[list[float]]) -> int:
    """Say how many crossings fewer there are, on both sides, after swapping two items."""
    return sum(
        _inversions(a, b) - _inversions(b, a) for a, b in zip(upper, lower, strict=True) if a and b
    )


def _inversions(upper: list[float], lower: list[float]) -> int:
    """Count the pairs that cross if the first item stands above the second."""
    return sum([bisect_left(lower, end) for end in upper])
