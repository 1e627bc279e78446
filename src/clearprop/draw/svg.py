"""The picture as one SVG that stands alone: no script, no font, no file beside it."""

from __future__ import annotations

from clearprop.draw.ink import Ink, escape
from clearprop.draw.layout import Layout, Place, Route
from clearprop.draw.legend import legend
from clearprop.draw.metrics import (
    ABOVE,
    LINE,
    LOCAL,
    RADIUS,
    RETURN,
    SMALL,
    STACK,
    contents,
    half_height,
    outline_width,
    shown_height,
    text_below,
    text_width,
)
from clearprop.draw.model import Arrow, Box, Frame
from clearprop.draw.theme import CLASS, style
from clearprop.draw.words import in_words

_MARGIN = 16.0
_PART = {"name": "named", "": "above", "derivative": "below"}  # where it would be on an arrow


def draw(layout: Layout) -> str:
    """Write a layout as SVG."""
    ink = Ink()
    for frame, outline in zip(layout.model.frames, layout.frames, strict=True):
        if outline is not None:
            _frame(ink, frame, outline)
    for i, (arrow, route) in enumerate(zip(layout.model.arrows, layout.routes, strict=True)):
        _arrow(ink, i, arrow, route)
    for i, (box, place) in enumerate(zip(layout.model.boxes, layout.boxes, strict=True)):
        _box(ink, i, box, place)
    below = layout.height + (2 * LINE if layout.model.boxes else 0)
    width, height = legend(ink, layout.model, below)
    width = max(width, layout.width) + 2 * _MARGIN
    height += below + 2 * _MARGIN
    w, h = f"{width:.0f}", f"{height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{CLASS}" role="img" width="{w}" '
        f'height="{h}" viewBox="0 0 {w} {h}">'
        f"<title>Graph of {escape(layout.model.name)}</title>"
        f"<desc>{escape(in_words(layout.model))}</desc>"
        f"<style>{style()}</style>"
        f'<rect class="paper" width="{w}" height="{h}"/>'
        f'<g transform="translate({_MARGIN:.0f} {_MARGIN:.0f})">{ink}</g></svg>\n'
    )


def _frame(ink: Ink, frame: Frame, place: Place) -> None:
    with ink.group(frame.title, frame=frame.group):
        middle = (place.top + place.bottom) / 2
        ink.rectangle("frame", place.x, middle, place.width, place.bottom - place.top, 6)
        title = frame.title
        while len(title) > 1 and text_width(title, SMALL) > place.width - 4:
            title = title.removesuffix("…")[:-1] + "…"
        ink.text(title, place.left + 3, place.top - 4, "start small title")


def _arrow(ink: Ink, number: int, arrow: Arrow, route: Route) -> None:
    label = route.label
    with ink.group(_hint(arrow), arrow=number):
        ink.path("line", route.pieces)
        _, x, y = route.pieces[-1]
        ink.head("head", x, y, 1)
        if arrow.value is None or label is None:
            return
        bottom = label.y - ABOVE
        with ink.group(look="above"):
            ink.shown(arrow.value, label.x, bottom - LINE * len(arrow.value.rows))
        if arrow.name:
            baseline = label.top + LINE - 4
            ink.text(arrow.name, label.x, baseline, "name")
        derivative = arrow.derivative
        if derivative is None or derivative.shown is None:
            return
        with ink.group(look="below"):
            if derivative.state == "computed":
                back = label.y + RETURN
                ink.path("back", [(label.left + 8, label.right - 1, back)])
                ink.head("backhead", label.left + 1, back, -1)
            look = "muted small" if derivative.state == "no derivative" else "derivative"
            ink.shown(derivative.shown, label.x, label.y + text_below(derivative), look)


def _hint(arrow: Arrow) -> str:
    if arrow.value is None:
        return ""
    name = f"{arrow.name} = " if arrow.name else ""
    back = f"; derivative: {arrow.derivative.line}" if arrow.derivative is not None else ""
    return f"{name}{arrow.value.line}{back}"


def _box(ink: Ink, number: int, box: Box, place: Place) -> None:
    half = half_height(box)
    width = outline_width(box)
    step, refers = box.number or None, " ".join(map(str, box.refers)) or None
    with ink.group(box.hint, box=number, step=step, refers=refers, group=box.group):
        match box.kind:
            case "junction":
                ink.dot(place.x, place.y)
            case "operation":
                ink.rectangle("box operation", place.x, place.y, width, 2 * half, RADIUS)
                ink.text(box.text, place.x, place.y + 4.5)
                ink.text(f"({box.number})", place.x, place.y - half - 5, "small muted")
                below = place.y + half + 12
                if box.caption:
                    ink.text(box.caption, place.x, below, "small muted")
                    below += SMALL + 5
                for line in box.local:
                    ink.text(line, place.x, below, "small derivative")
                    below += LOCAL
            case "group":
                behind = (place.x + STACK, place.y + STACK)
                ink.rectangle("box operation", *behind, width, 2 * half, 6)
                ink.rectangle("box operation", place.x, place.y, width, 2 * half, 6)
                ink.text(box.text, place.x, place.y + 4.5, "name")
                ink.text(box.caption, place.x, place.y + half + STACK + 12, "small muted")
            case "argument" | "output":
                _contents(ink, box, place, width, half)
            case _:
                look = "constant" if box.kind == "constant" else "tag"
                ink.rectangle(look, place.x, place.y, width, 2 * half, 3)
                ink.text(box.text, place.x, place.y + 4, "small")


def _contents(ink: Ink, box: Box, place: Place, width: float, half: float) -> None:
    ink.rectangle(f"box {box.kind}", place.x, place.y, width, 2 * half, 4)
    if box.kind == "output":
        ink.rectangle("double", place.x, place.y, width - 6, 2 * half - 6, 2)
    top = place.y - half + 6
    for shown, look in contents(box):
        with ink.group(look=_PART[look]):
            ink.shown(shown, place.x, top, look)
        top += shown_height(shown)
