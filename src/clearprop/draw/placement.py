"""How high each item stands: as level with its neighbours as the order in its rank allows."""

from __future__ import annotations

from itertools import islice

from clearprop.draw.framing import tighten
from clearprop.draw.grid import Grid, Link
from clearprop.draw.levels import make_level
from clearprop.draw.room import Room

_SPACE = 12.0  # between two items of a rank
_PASSES = 6
_IDLE = 1e-5  # the weight of an item without neighbours

#: An item, how far it stands below the first of its rank at least, its weight, and its links.
_Pulled = tuple[int, float, float, list[Link]]


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
    rightwards = _pulled(grid, distances, grid.left)
    leftwards = _pulled(grid, distances, grid.right)[::-1]
    for _ in range(_PASSES):
        before = list(y)
        for pulled in (*rightwards, *leftwards):
            _settle(pulled, y)
        if y == before:
            break
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


def _pulled(
    grid: Grid, distances: list[list[float]], links: list[list[Link]]
) -> list[list[_Pulled]]:
    """List what pulls at the items of each rank."""
    return [
        [
            (item, distance, sum(link.weight for link in links[item]) or _IDLE, links[item])
            for item, distance in zip(rank, needed, strict=True)
        ]
        for rank, needed in zip(grid.ranks, distances, strict=True)
    ]


def _settle(rank: list[_Pulled], y: list[float]) -> None:
    """Move each item where it wants to be: to its neighbours; without any, where it is."""
    blocks: list[tuple[float, float, int]] = []  # (height of the first item, weight, items)
    for item, distance, weight, links in rank:
        if len(links) == 1:
            other, here, there, _ = links[0]
            height = y[other] + there - here - distance
        elif links:
            height = sum([(y[o] + there - here) * w for o, here, there, w in links]) / weight
            height -= distance
        else:
            height = y[item] - distance
        block = (height, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            height, other_weight, count = blocks.pop()
            total = other_weight + block[1]
            mean = (height * other_weight + block[0] * block[1]) / total
            block = (mean, total, count + block[2])
        blocks.append(block)
    places = iter(rank)
    for height, _, count in blocks:
        for item, distance, _, _ in islice(places, count):
            y[item] = height + distance
