"""Where everything stands in the picture, in pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from clearprop.draw.grid import Grid, make_grid
from clearprop.draw.layering import assign_columns
from clearprop.draw.metrics import edge, exits, ports
from clearprop.draw.model import Model
from clearprop.draw.ordering import arrows_crossed, order
from clearprop.draw.placement import heights

_GAP, _STEEP = 20.0, 70.0  # between two ranks: at least, and at most, where lines are steep
_PAD, _NESTED = 7.0, 4.0  # between a frame and what is in it, beside; more around another frame
_COST, _FEW = 1.1, 2  # so many times the crossings, and so many more, are given for frames
_HEAD = 9.0  # the last piece of an arrow is level, and carries its head


@dataclass(frozen=True)
class Place:
    """A rectangle with its anchor: the middle of a box, or the line that a label belongs to."""

    x: float
    y: float
    width: float
    above: float
    below: float

    @property
    def left(self) -> float:
        """Its left side."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Its right side."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """Its upper side."""
        return self.y - self.above

    @property
    def bottom(self) -> float:
        """Its lower side."""
        return self.y + self.below


@dataclass(frozen=True)
class Route:
    """The way of an arrow: level pieces, with a curve from the end of each to the next.

    Attributes
    ----------
    pieces : list of (x from, x to, y)
    label : Place or None
        Where its value and its derivative stand.
    """

    pieces: list[tuple[float, float, float]]
    label: Place | None


@dataclass(frozen=True)
class Layout:
    """A model with its places."""

    model: Model
    boxes: list[Place]
    routes: list[Route]
    width: float
    height: float
    #: the frames of the model; None for one that would have to go around what is not in it
    frames: list[Place | None] = field(default_factory=list)


def make_layout(model: Model) -> Layout:
    """Place the boxes of a model from left to right, and lead its arrows around them."""
    model, column = assign_columns(model)
    grid = _ordered(model, column)
    y = heights(grid)
    top = min((y[i] - grid.extent[i][1] for i in range(len(y))), default=0.0)
    y = [v - top for v in y]
    bottom = max((y[i] + grid.extent[i][2] for i in range(len(y))), default=0.0)
    sides = _sides(grid, y)
    boxes = [_place(model, grid, sides, y, i) for i in range(len(model.boxes))]
    routes = []
    for arrow, chain in zip(model.arrows, grid.chains, strict=True):
        source, target = model.boxes[arrow.source], model.boxes[arrow.target]
        a, b = boxes[arrow.source], boxes[arrow.target]
        from_y, to_y = exits(source)[arrow.output], ports(target)[arrow.operand]
        start = a.x + edge(source, from_y)
        end = b.x - edge(target, to_y)
        pieces = [(start, sides[grid.rank[arrow.source]][1], a.y + from_y)]
        pieces += [(*sides[grid.rank[item]], y[item]) for item in chain]
        pieces.append((sides[grid.rank[arrow.target]][0] - _HEAD, end, b.y + to_y))
        label = None
        if arrow.value is not None:
            left, right = sides[grid.rank[chain[0]]]
            label = Place((left + right) / 2, y[chain[0]], *grid.extent[chain[0]])
        routes.append(Route(pieces, label))
    width = sides[-1][1] if sides else 0.0
    if grid.frames is None:
        return Layout(model, boxes, routes, width, bottom, [None] * len(model.frames))
    around = _frames(model, grid, y, boxes, routes)
    beside = -min((place.left for place in around if place), default=0.0)
    if beside > 0:  # a frame that goes around the first column
        boxes = [replace(place, x=place.x + beside) for place in boxes]
        routes = [_moved(route, beside) for route in routes]
        around = [place and replace(place, x=place.x + beside) for place in around]
        width += beside
    width = max(width, *(place.right for place in around if place), 0.0)
    return Layout(model, boxes, routes, width, bottom, around)


def _ordered(model: Model, column: list[int]) -> Grid:
    """Put the items in order, with frames unless they cost too many crossings."""
    grid = make_grid(model, column)
    order(grid)
    crossed = arrows_crossed(grid) if grid.frames else 0
    if crossed <= _FEW:
        return grid
    without = make_grid(model, column, framed=False)
    order(without)
    return grid if crossed <= _COST * arrows_crossed(without) + _FEW else without


def _moved(route: Route, by: float) -> Route:
    pieces = [(start + by, end + by, y) for start, end, y in route.pieces]
    return Route(pieces, route.label and replace(route.label, x=route.label.x + by))


def _frames(
    model: Model, grid: Grid, y: list[float], boxes: list[Place], routes: list[Route]
) -> list[Place | None]:
    """Place the frames, but for those that something else would stand in."""
    frames = grid.frames
    assert frames is not None
    places = dict(enumerate(boxes))
    places.update(
        (chain[0], route.label)
        for chain, route in zip(grid.chains, routes, strict=True)
        if route.label is not None
    )
    paths = [frames.path(frame) for frame in frames.of]
    found: list[Place | None] = [None] * len(model.frames)
    deep = [0] * len(model.frames)  # how many frames lie in each other inside
    for frame in reversed(range(len(model.frames))):
        parent = frames.parent[frame]
        if parent >= 0:
            deep[parent] = max(deep[parent], deep[frame] + 1)
        inside = [place for item, place in places.items() if frame in paths[item]]
        pad = _PAD + _NESTED * min(deep[frame], 3)
        left = min(place.left for place in inside) - pad
        right = max(place.right for place in inside) + pad
        upper, lower = frames.borders[frame]
        top, bottom = min(y[item] for item in upper), max(y[item] for item in lower)
        x = (left + right) / 2
        place = Place(x, top, right - left, 0.0, bottom - top)
        outside = [p for item, p in places.items() if frame not in paths[item]]
        outside += [p for i, p in enumerate(found) if p and not _is_in(model, i, frame)]
        if not any(_meet(place, other) for other in outside):
            found[frame] = place
    return found


def _is_in(model: Model, frame: int, other: int) -> bool:
    while frame >= 0 and frame != other:
        frame = model.frames[frame].parent
    return frame == other


def _meet(a: Place, b: Place) -> bool:
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


def _sides(grid: Grid, y: list[float]) -> list[tuple[float, float]]:
    """Give the left and the right side of each rank; steep lines get more room before it."""
    sides: list[tuple[float, float]] = []
    x = 0.0
    for rank in grid.ranks:
        width = max(grid.extent[item][0] for item in rank)
        steps = [
            abs(y[item] + here - y[other] - there)
            for item in rank
            for other, here, there, _ in grid.left[item]
        ]
        if sides:
            x += min(_GAP + 0.22 * max(steps, default=0.0), _STEEP) + _HEAD
        sides.append((x, x + width))
        x += width
    return sides


def _place(
    model: Model, grid: Grid, sides: list[tuple[float, float]], y: list[float], i: int
) -> Place:
    """Place a box in its rank: where arrows only leave it, at the right side, and so on."""
    left, right = sides[grid.rank[i]]
    width = grid.extent[i][0]
    x = (left + right) / 2
    if not grid.left[i]:
        x = right - width / 2
    elif not grid.right[i]:
        x = left + width / 2
    return Place(x, y[i], *grid.extent[i])
