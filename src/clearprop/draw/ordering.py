"""The order of the items in each rank, from the top: with few crossings."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Container, Iterable

from clearprop.draw.framing import Frames, together
from clearprop.draw.grid import Grid, Link

_SWEEPS = 12
_LARGE = 20_000  # with more items than this, a few sweeps must do
_PORT = 1e-4  # two arrows at one item differ by much less than two items


def order(grid: Grid) -> None:
    """Put the items of each rank in an order with few crossings, by barycentres, in place.

    Sweeps go right and left in turn; each item moves to the mean position of its neighbours in
    the rank before. The best order that was seen is kept.
    """
    position = [0] * len(grid.rank)
    for rank in grid.ranks:
        _number(rank, position)
    best, fewest = [list(rank) for rank in grid.ranks], crossings(grid, position)
    for sweep in range(_SWEEPS if len(position) < _LARGE else 3):
        if fewest == 0:
            break
        rightwards = sweep % 2 == 0
        links = grid.left if rightwards else grid.right
        ranks = grid.ranks if rightwards else grid.ranks[::-1]
        for rank in ranks:
            _sort(rank, links, position, grid.frames)
        _swap_neighbours(grid, position)
        found = crossings(grid, position)
        if found < fewest:
            best, fewest = [list(rank) for rank in grid.ranks], found
    grid.ranks = best


def arrows_crossed(grid: Grid) -> int:
    """Count the crossings of arrows, without those of arrows and borders."""
    position = [0] * len(grid.rank)
    for rank in grid.ranks:
        _number(rank, position)
    return crossings(grid, position, grid.frames.ends if grid.frames else {})


def crossings(grid: Grid, position: list[int], without: Container[int] = ()) -> int:
    """Count the crossings of all arrows."""
    total = 0
    for rank in grid.ranks:
        pieces = sorted(
            (position[item] + _PORT * here, position[other] + _PORT * there)
            for item in rank
            if item not in without
            for other, here, there, _ in grid.right[item]
        )
        seen: list[float] = []
        for _, end in pieces:
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


def _number(rank: list[int], position: list[int]) -> None:
    for i, item in enumerate(rank):
        position[item] = i


def _sort(
    rank: list[int], links: list[list[Link]], position: list[int], frames: Frames | None
) -> None:
    """Sort the items that have neighbours; the others keep their places."""
    if frames:
        key = {
            item: sum(_ends(links[item], position)) / len(links[item])
            if links[item]
            else float(position[item])
            for item in rank
        }
        rank[:] = together(frames, rank, key)
        _number(rank, position)
        return
    slots = [i for i, item in enumerate(rank) if links[item]]
    moved = sorted(
        (rank[i] for i in slots),
        key=lambda item: sum(_ends(links[item], position)) / len(links[item]),
    )
    for slot, item in zip(slots, moved, strict=True):
        rank[slot] = item
    _number(rank, position)


def _ends(links: Iterable[Link], position: list[int]) -> list[float]:
    return [position[item] + _PORT * (there - here) for item, here, there, _ in links]


def _swap_neighbours(grid: Grid, position: list[int]) -> None:
    """Swap two neighbours wherever that makes the crossings fewer."""
    frames = grid.frames
    borders = frames.ends if frames else {}
    for rank in grid.ranks:
        for _ in range(3):
            before = list(rank)
            for i in range(len(rank) - 1):
                a, b = rank[i], rank[i + 1]
                if frames and (frames.of[a] != frames.of[b] or a in borders or b in borders):
                    continue
                gain = 0
                for links in (grid.left, grid.right):
                    of_a, of_b = _ends(links[a], position), _ends(links[b], position)
                    gain += _inversions(of_a, of_b) - _inversions(of_b, of_a)
                if gain > 0:
                    rank[i], rank[i + 1] = b, a
            if rank == before:
                break
            _number(rank, position)


def _inversions(upper: list[float], lower: list[float]) -> int:
    """Count the pairs that cross if the first item stands above the second."""
    ends = sorted(lower)
    return sum(bisect_left(ends, end) for end in upper)
