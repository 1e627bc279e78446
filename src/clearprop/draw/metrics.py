"""How much room texts and boxes take, in pixels.

The reader's font is not known here, so widths are those of the widest usual one.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache

from clearprop.draw.model import Arrow, Box, Derivative
from clearprop.draw.numbers import Shown, plain

TEXT = 13.0  # font sizes
SMALL = 11.0
LINE = 18.0  # from one line of text to the next: Noto Sans needs all of it
RADIUS = 18.0  # of an operation; taller ones are pills with ends of this radius
PORT = 15.0  # between two arrows that arrive at one operation
_PORT_ROOM = 5.0  # below the last of them: half the head of an arrow, and a little
CELL = 9.0  # between the columns of a matrix
BRACKET = 7.0  # the bracket of a matrix, with the room beside it
ABOVE = 5.0  # between a line and the text above it
BELOW = 12.0  # between a line and the text below it: the arrow back lies between
RETURN = 7.0  # between a line and the arrow back
LOCAL = 15.0  # a local derivative under an operation
STACK = 4.0  # a group looks like several boxes behind each other


@lru_cache(maxsize=10_000)
def text_width(text: str, size: float = TEXT, bold: bool = False) -> float:
    """Estimate the width of a text, rather too wide than too narrow."""
    return sum(map(_character, text)) * size * (1.09 if bold else 1.0)


@lru_cache(maxsize=1000)
def _character(c: str) -> float:
    if c in "ijl.,:;'|!()[]{}ft/ ":
        return 0.46
    if c in "mwMW@%…":
        return 1.02
    if c in "&#<>~+=±×÷":
        return 0.86
    if unicodedata.combining(c):
        return 0.0
    if unicodedata.east_asian_width(c) in "WF":
        return 1.1
    return 0.79 if c.isupper() or ord(c) > 0x2190 else 0.66


def columns(shown: Shown, size: float = TEXT) -> list[float]:
    """Give the widths of the columns of a matrix."""
    return [
        max(text_width(cell, size) for cell in column) for column in zip(*shown.rows, strict=True)
    ]


def shown_width(shown: Shown) -> float:
    """Give the width of a value."""
    widths = columns(shown)
    return sum(widths) + CELL * (len(widths) - 1) + (2 * BRACKET if shown.matrix else 0)


def shown_height(shown: Shown) -> float:
    """Give the height of a value."""
    return LINE * len(shown.rows)


def ports(box: Box) -> list[float]:
    """Say how far below the middle of a box each arrow arrives, in the order of the operands.

    What is computed arrives around the middle, so that the chain of operations stays straight.
    """
    main = [i for i, rank in enumerate(box.inputs) if rank == max(box.inputs)]
    middle = (main[0] + main[-1]) / 2 if main else 0
    return [(i - middle) * PORT for i in range(len(box.inputs))]


def exits(box: Box) -> list[float]:
    """Say how far below the middle of a box each of its outputs leaves."""
    return [(i - (box.outputs - 1) / 2) * PORT for i in range(box.outputs)]


def half_height(box: Box) -> float:
    """Give half the height of the outline of a box."""
    match box.kind:
        case "operation" | "group":
            return max([RADIUS, *(abs(y) + _PORT_ROOM for y in [*ports(box), *exits(box)])])
        case "junction":
            return 4.0
        case "constant" | "unused" | "reference":
            return 11.0
        case _:
            return 6 + sum(shown_height(shown) for shown, _ in contents(box)) / 2


def outline_width(box: Box) -> float:
    """Give the width of the outline of a box."""
    match box.kind:
        case "operation":
            return max(2 * RADIUS, text_width(box.text) + 16)
        case "group":
            return text_width(box.text, bold=True) + 24
        case "junction":
            return 8.0
        case "constant" | "unused" | "reference":
            return text_width(box.text, SMALL) + 12
        case _:
            widths = [shown_width(shown) for shown, _ in contents(box)]
            return max(text_width(box.text, bold=True), *widths) + 20


def contents(box: Box) -> list[tuple[Shown, str]]:
    """List what stands in an argument or an output, from the top, and how each looks."""
    parts = [(plain(box.text), "name")]
    if box.value is not None:
        parts.append((box.value, ""))
    total = box.derivative
    if total is not None and total.shown is not None:
        if total.state != "computed":
            parts.append((total.shown, "derivative"))
        elif total.shown.matrix:
            parts += [(plain("sum"), "derivative"), (total.shown, "derivative")]
        else:
            parts.append((plain(f"sum {total.line}"), "derivative"))
    return parts


def box_extent(box: Box) -> tuple[float, float, float]:
    """Give width, room above the middle, and room below it, with number and caption."""
    width, half = outline_width(box), half_height(box)
    above = below = half
    if box.number:
        above += SMALL + 5
        width = max(width, text_width(f"({box.number})", SMALL))
    if box.kind == "group":
        below += STACK
        width += 2 * STACK
    if box.caption:
        below += SMALL + 5
        width = max(width, text_width(box.caption, SMALL))
    for line in box.local:
        below += LOCAL
        width = max(width, text_width(line, SMALL))
    return width, above, below


def edge(box: Box, y: float) -> float:
    """Say how far left of the middle the outline of a box is, ``y`` above or below the middle."""
    half = outline_width(box) / 2
    if box.kind != "operation":
        return half
    end = max(abs(y) - (half_height(box) - RADIUS), 0.0)
    return half - RADIUS + math.sqrt(RADIUS**2 - end**2)


def text_below(derivative: Derivative) -> float:
    """Say how far below the line a derivative is written."""
    return BELOW if derivative.state == "computed" else 2.0


def label_extent(arrow: Arrow) -> tuple[float, float, float]:
    """Give width, room above the line and room below it; all 0 for an arrow without a label."""
    if arrow.value is None:
        return 0.0, 0.0, 0.0
    widths = [30.0, shown_width(arrow.value)]
    above = ABOVE + shown_height(arrow.value)
    if arrow.name:
        above += LINE
        widths.append(text_width(arrow.name, bold=True))
    below = 6.0
    if arrow.derivative is not None and arrow.derivative.shown is not None:
        below = text_below(arrow.derivative) + shown_height(arrow.derivative.shown)
        widths.append(shown_width(arrow.derivative.shown))
    return max(widths) + 8, above, below
