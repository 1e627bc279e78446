"""Boxes, labels and bends in ranks: what is put in order and given a height.

Boxes stand in the even ranks, the labels of arrows in the odd ones between them, and constants
too, just before their use. An arrow that passes a rank without a box or label there has a bend:
room that is kept free for its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from clearprop.draw.framing import (
    BOTTOM,
    TOP,
    Frames,
    frame_of_bend,
    make_frames,
    means,
    together,
)
from clearprop.draw.metrics import box_extent, exits, label_extent, ports
from clearprop.draw.model import Model

# How much a line wants to go straight: between bends; from operation to operation; from an
# argument, or to an output; from a constant.
_STRAIGHT, MAIN, SIDE, CONSTANT = 8.0, 1.0, 1e-3, 1e-4
_BEND = 5.0  # the room that is kept free above and below a passing line


class Link(NamedTuple):
    """A piece of an arrow between two neighbouring ranks, seen from one of its ends."""

    item: int  # at the other end
    here: float  # how far below the middle of this item it ends
    there: float  # how far below the middle of the other item it ends
    weight: float


@dataclass
class Grid:
    """Items in ranks; the first items are the boxes, in their order.

    Attributes
    ----------
    boxes : int
        How many of the items are boxes.
    rank : list of int
        Of each item.
    extent : list of (width, above, below)
        Of each item.
    left, right : list of list of Link
        The pieces of arrows at each item.
    ranks : list of list of int
        The items of each rank, from the top.
    chains : list of list of int
        For each arrow its label and bends, from source to target.
    frames : Frames or None
        None where there is no frame.
    """

    boxes: int
    rank: list[int] = field(default_factory=list)
    extent: list[tuple[float, float, float]] = field(default_factory=list)
    left: list[list[Link]] = field(default_factory=list)
    right: list[list[Link]] = field(default_factory=list)
    ranks: list[list[int]] = field(default_factory=list)
    chains: list[list[int]] = field(default_factory=list)
    frames: Frames | None = None

    def add(self, rank: int, extent: tuple[float, float, float]) -> int:
        """Add an item; give its number."""
        self.rank.append(rank)
        self.extent.append(extent)
        self.left.append([])
        self.right.append([])
        return len(self.rank) - 1

    def link(self, a: int, b: int, from_y: float, to_y: float, weight: float) -> None:
        """Connect an item with one in the next rank."""
        self.right[a].append(Link(b, from_y, to_y, weight))
        self.left[b].append(Link(a, to_y, from_y, weight))


def make_grid(model: Model, column: list[int], framed: bool = True) -> Grid:
    """Make the items of a model, and put each into its rank in a first order."""
    grid = Grid(len(model.boxes))
    for box, x in zip(model.boxes, column, strict=True):
        grid.add(2 * x + (box.kind == "constant"), box_extent(box))
    frames = grid.frames = make_frames(model, grid.rank) if model.frames and framed else None
    for arrow in model.arrows:
        source, target = model.boxes[arrow.source], model.boxes[arrow.target]
        first, last = grid.rank[arrow.source] + 1, grid.rank[arrow.target]
        chain = [grid.add(rank, (0.0, _BEND, _BEND)) for rank in range(first, last)]
        if frames:
            of = [frame_of_bend(frames, model, grid.rank, arrow, r) for r in range(first, last)]
            frames.of += of
        if arrow.value is not None:
            grid.extent[chain[0]] = label_extent(arrow)
        ends = [arrow.source, *chain, arrow.target]
        starts = [exits(source)[arrow.output], *[0.0] * len(chain)]
        arrives = [*[0.0] * len(chain), ports(target)[arrow.operand]]
        for i, (a, b) in enumerate(pairwise(ends)):
            if not chain:
                weight = CONSTANT
            elif i == 0:
                weight = SIDE if target.kind in ("output", "unused", "reference") else MAIN
            elif i == len(chain):
                weight = SIDE if source.kind in ("argument", "reference") else MAIN
            else:
                weight = _STRAIGHT
            grid.link(a, b, starts[i], arrives[i], weight)
        grid.chains.append(chain)
    _first_order(model, grid)
    if frames:
        _add_borders(grid, frames)
    return grid


def _add_borders(grid: Grid, frames: Frames) -> None:
    for frame, (first, last) in enumerate(frames.span):
        lines = []
        for extent in (TOP, BOTTOM):
            line = [grid.add(rank, extent) for rank in range(first, last + 1)]
            frames.of += [frame] * len(line)
            for a, b in pairwise(line):
                grid.link(a, b, 0.0, 0.0, _STRAIGHT)
            lines.append(line)
        frames.add_border(*lines)
    for r, rank in enumerate(grid.ranks):
        key = {item: float(i) for i, item in enumerate(rank)}
        mean = means(frames, rank, key)
        for frame, (first, last) in enumerate(frames.span):
            if first <= r <= last:
                for line in frames.borders[frame]:
                    key[line[r - first]] = mean.get(frame, len(rank) / 2)
        grid.ranks[r] = together(frames, list(key), key)


def _first_order(model: Model, grid: Grid) -> None:
    """Fill the ranks from the results backwards, operand by operand: a tree has no crossings."""
    arriving: list[list[int]] = [[] for _ in model.boxes]
    leaving = [0] * len(model.boxes)
    for number, arrow in enumerate(model.arrows):
        arriving[arrow.target].append(number)
        leaving[arrow.source] += 1
    grid.ranks = [[] for _ in range(max(grid.rank, default=-1) + 1)]
    placed = [False] * len(model.boxes)

    def place(item: int) -> None:
        grid.ranks[grid.rank[item]].append(item)

    for start, n in enumerate(leaving):
        if n:
            continue
        place(start)
        stack = arriving[start][::-1]
        while stack:
            number = stack.pop()
            for item in reversed(grid.chains[number]):
                place(item)
            source = model.arrows[number].source
            if not placed[source]:
                placed[source] = True
                place(source)
                stack += arriving[source][::-1]
