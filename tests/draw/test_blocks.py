from __future__ import annotations

from itertools import accumulate

from clearprop.draw.blocks import Blocks
from clearprop.draw.grid import Grid
from clearprop.draw.room import Room


def room_of(ranks, y):
    grid = Grid(boxes=0)
    for item in range(len(y)):
        grid.add(next(r for r, rank in enumerate(ranks) if item in rank), (0.0, 5.0, 5.0))
    grid.ranks = ranks
    return Room(grid, [[0.0, *accumulate([10.0] * (len(rank) - 1))] for rank in ranks], y)


def test_a_line_is_level_and_what_stands_below_makes_way():
    y = [0.0, 6.0, 15.0, 8.0]
    Blocks([[0, 1, 2]], room_of([[0], [1], [2, 3]], y)).settle()
    assert y == [7.0, 7.0, 7.0, 17.0]


def test_of_two_lines_that_cross_between_their_ends_the_longer_is_level():
    long, short = [0, 1, 2, 3], [4, 5]
    ranks = [[0], [1, 4], [5, 2], [3]]
    y = [0.0, 0.0, 10.0, 10.0, 10.0, 0.0]
    Blocks([long, short], room_of(ranks, y)).settle()
    assert len({y[item] for item in long}) == 1
    assert y[4] >= y[1] + 10
    assert y[2] >= y[5] + 10


def test_three_lines_in_a_circle():
    ranks = [[0, 2], [3, 4], [5, 1]]
    y = [0.0, 0.0, 10.0, 0.0, 10.0, 0.0]
    Blocks([[0, 1], [2, 3], [4, 5]], room_of(ranks, y)).settle()
    assert all(y[b] >= y[a] + 10 for a, b in ranks)
