"""Level arrows: a line that bends for no reason makes a reader look for one."""

from __future__ import annotations

from clearprop.draw.blocks import Blocks
from clearprop.draw.grid import CONSTANT, MAIN, SIDE, Grid, Link
from clearprop.draw.room import Room

_ROUNDS = 4


def make_level(grid: Grid, room: Room) -> None:
    """Make arrows level over their whole length, and boxes level with their arrows."""
    chains = [chain for chain in grid.chains if chain]
    lines = [_line(grid, chain) for chain in chains]
    borders = [line for pair in grid.frames.borders for line in pair] if grid.frames else []
    Blocks(lines + borders, room).settle()
    on_line = {item for line in lines + borders for item in line}
    of_first = {chain[0]: (chain, line) for chain, line in zip(chains, lines, strict=True)}
    for _ in range(_ROUNDS):
        for rank in grid.ranks:  # from the left, so that a level line can go on behind a box
            for item in rank:
                if item in of_first:
                    _move_line(*of_first[item], grid, room)
                elif item not in on_line:
                    _move_box(item, grid, room)


def _line(grid: Grid, chain: list[int]) -> list[int]:
    """Add to the bends of an arrow the boxes at its ends that have no other arrow."""
    source, target = grid.left[chain[0]][0].item, grid.right[chain[-1]][0].item
    starts = not grid.left[source] and len(grid.right[source]) == 1
    ends = not grid.right[target] and len(grid.left[target]) == 1
    return [source] * starts + chain + [target] * ends


def _move_line(chain: list[int], line: list[int], grid: Grid, room: Room) -> None:
    """Move a line to the height of its source or target, or as near as possible."""
    low, high = room.limits(line)
    if low > high:  # it crosses another one, and cannot be level
        return
    y = room.y
    source, target = grid.left[chain[0]][0], grid.right[chain[-1]][0]
    wishes = [y[target.item] + target.there]
    otherwise = wishes[0]
    if grid.left[source.item]:  # an argument rather follows its arrow
        otherwise = sum(y[item] for item in chain) / len(chain)
        if [link.item for link in _strongest(grid.right[source.item])] == chain[:1]:
            wishes.insert(0, y[source.item] + source.there)
    wish = next((w for w in wishes if low <= w <= high), otherwise)
    room.move(line, min(max(wish, low), high))


def _move_box(item: int, grid: Grid, room: Room) -> None:
    """Move a box between the arrows that arrive (or leave, where none arrives)."""
    links = _strongest(grid.left[item] or grid.right[item])
    low, high = room.limits([item])
    if links and low <= high:
        mean = sum(room.y[link.item] + link.there - link.here for link in links) / len(links)
        room.move([item], min(max(mean, low), high))


def _strongest(links: list[Link]) -> list[Link]:
    """Choose the links that matter most."""
    for least in (MAIN, SIDE, CONSTANT):
        found = [link for link in links if link.weight >= least]
        if found:
            return found
    return []
