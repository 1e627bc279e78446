"""Frames around groups: in each rank their items stand together, between two borders.

A border is a line of items that want to be level, as the bends of an arrow do. So what is inside a
frame stays inside, and what is not stays out, by the same means that keep boxes from each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from clearprop.draw.model import Arrow, Model

TITLE = 16.0  # the height of a title, above the border
_INSIDE = 1.0  # between the border and the room of what is inside
TOP, BOTTOM = (0.0, TITLE, _INSIDE), (0.0, _INSIDE, 2.0)  # extents of borders


@dataclass
class Frames:
    """The frames of a grid.

    Attributes
    ----------
    parent : list of int
        The frame around each frame; -1 for none.
    span : list of (int, int)
        The first and the last rank of each frame.
    of : list of int
        The innermost frame of each item of the grid; -1 for none.
    borders : list of (list of int, list of int)
        The items of the upper and of the lower border, from left to right.
    """

    parent: list[int]
    span: list[tuple[int, int]]
    of: list[int]
    borders: list[tuple[list[int], list[int]]]
    #: −1 for the items of an upper border, 1 for those of a lower one
    ends: dict[int, int] = field(default_factory=dict)
    _paths: dict[int, list[int]] = field(default_factory=dict)

    def add_border(self, upper: list[int], lower: list[int]) -> None:
        """Give the next frame its borders."""
        self.borders.append((upper, lower))
        self.ends.update(dict.fromkeys(upper, -1))
        self.ends.update(dict.fromkeys(lower, 1))

    def path(self, frame: int) -> list[int]:
        """List a frame and those around it, the outermost first."""
        if frame not in self._paths:
            found = []
            around = frame
            while around >= 0:
                found.append(around)
                around = self.parent[around]
            self._paths[frame] = found[::-1]
        return self._paths[frame]


def make_frames(model: Model, rank: list[int]) -> Frames:
    """Say which frames there are, from the ranks of the boxes."""
    parent = [frame.parent for frame in model.frames]
    frames = Frames(parent, [(1 << 30, -1)] * len(parent), [box.frame for box in model.boxes], [])
    for box, r in zip(model.boxes, rank, strict=True):
        for frame in frames.path(box.frame):
            first, last = frames.span[frame]
            frames.span[frame] = (min(first, r), max(last, r))
    return frames


def frame_of_bend(frames: Frames, model: Model, rank: list[int], arrow: Arrow, at: int) -> int:
    """Say in which frame an arrow passes a rank: it leaves a frame at its right side."""
    starts = frames.path(model.boxes[arrow.source].frame)
    ends = frames.path(model.boxes[arrow.target].frame)
    for frame in reversed(starts):
        first, last = frames.span[frame]
        if first <= at <= last and (frame in ends or rank[arrow.target] > last):
            return frame
    for frame in reversed(ends):
        first, last = frames.span[frame]
        if first <= at <= last and (frame in starts or rank[arrow.source] < first):
            return frame
    return -1


def together(frames: Frames, rank: Sequence[int], key: dict[int, float]) -> list[int]:
    """Sort the items of a rank by their keys, but those of a frame together, in its borders."""
    of, ends = frames.of, frames.ends
    mean = means(frames, rank, key)
    #: what the places of all items of a frame begin with
    begin: dict[int, tuple[tuple[int, float, int], ...]] = {-1: ()}
    for frame in mean:  # the outer ones first
        begin[frame] = (*begin[frames.parent[frame]], (0, mean[frame], -1 - frame))
    places = {item: (*begin[of[item]], (ends.get(item, 0), key[item], item)) for item in rank}
    return sorted(rank, key=places.__getitem__)


def means(frames: Frames, rank: Sequence[int], key: dict[int, float]) -> dict[int, float]:
    """Give the mean key of the items of each frame that a rank has items of, outer ones first."""
    sums: dict[int, float] = {}
    counts: dict[int, int] = {}
    for item in rank:
        for frame in frames.path(frames.of[item]):
            sums[frame] = sums.get(frame, 0.0) + key[item]
            counts[frame] = counts.get(frame, 0) + 1
    return {frame: total / counts[frame] for frame, total in sums.items()}


def tighten(
    frames: Frames, ranks: list[list[int]], distances: list[list[float]], y: list[float]
) -> None:
    """Move the borders inwards, as near to what is inside as the distances allow."""
    at: dict[int, tuple[int, int]] = {}  # rank and place in it of each border
    for r, rank in enumerate(ranks):
        for i, item in enumerate(rank):
            at[item] = (r, i)
    for upper, lower in reversed(frames.borders):  # inner frames stand after those around them
        for line, other, step in ((upper, lower, 1), (lower, upper, -1)):
            limits = []
            for item, opposite in zip(line, other, strict=True):
                r, i = at[item]
                next_to = ranks[r][i + step]
                if next_to != opposite:
                    limits.append(y[next_to] - (distances[r][i + step] - distances[r][i]))
            if limits:
                for item in line:
                    y[item] = min(limits) if step > 0 else max(limits)
