"""How high each item stands: as level with its neighbours as the order in its rank allows."""

from __future__ import annotations

from clearprop.draw.framing import tighten
from clearprop.draw.grid import Grid, Link
from clearprop.draw.levels import make_level
from clearprop.draw.room import Room

_SPACE = 12.0  # between two items of a rank
_PASSES = 6


def heights(grid: Grid) -> list[float]:
    """Give the height of every item (downwards, as in SVG).

    Each rank in turn takes the heights nearest to those of its neighbours, in the sense of least
    squares, that keep its order and its distances: an isotonic regression. Then arrows are made
    level.
    """
    y = [0.0] * len(grid.rank)
    distances = [_distances(grid, rank) for rank in grid.ranks]
    for rank, needed in zip(grid.ranks, distances, strict=True):
        for item, distance in zip(rank, needed, strict=True):
            y[item] = distance - needed[-1] / 2
    numbers = range(len(grid.ranks))
    for _ in range(_PASSES):
        for r in numbers:
            _settle(grid.ranks[r], distances[r], grid.left, y)
        for r in reversed(numbers):
            _settle(grid.ranks[r], distances[r], grid.right, y)
    make_level(grid, Room(grid, distances, y))
    if grid.frames:
        tighten(grid.frames, grid.ranks, distances, y)
    return y


def _distances(grid: Grid, rank: list[int]) -> list[float]:
    """Say how far below the first item of a rank each one must be at least."""
    found = [0.0] * len(rank)
    for i in range(1, len(rank)):
        below, above = grid.extent[rank[i - 1]][2], grid.extent[rank[i]][1]
        found[i] = found[i - 1] + below + _SPACE + above
    return found


def _settle(
    rank: list[int], distances: list[float], links: list[list[Link]], y: list[float]
) -> None:
    blocks: list[tuple[float, float, int]] = []  # (height of the first item, weight, items)
    for item, distance in zip(rank, distances, strict=True):
        wish, weight = _wish(item, links[item], y)
        block = (wish - distance, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            height, other, count = blocks.pop()
            total = other + block[1]
            mean = (height * other + block[0] * block[1]) / total
            block = (mean, total, count + block[2])
        blocks.append(block)
    i = 0
    for height, _, count in blocks:
        for item, distance in zip(rank[i : i + count], distances[i : i + count], strict=True):
            y[item] = height + distance
        i += count


def _wish(item: int, links: list[Link], y: list[float]) -> tuple[float, float]:
    """Say where an item wants to be, and how much; without neighbours, where it is."""
    if not links:
        return y[item], 1e-5
    weight = sum(link.weight for link in links)
    return sum((y[o] + there - here) * w for o, here, there, w in links) / weight, weight
