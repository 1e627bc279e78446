"""The elements of an SVG: texts, lines, arrow heads, groups."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clearprop.draw.metrics import BRACKET, CELL, LINE, columns, shown_height, shown_width
from clearprop.draw.numbers import Shown

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = 8.0


def printable(text: str) -> str:
    """Replace what no text file may hold."""
    return _FORBIDDEN.sub("�", text)


def escape(text: str) -> str:
    """Write a text so that XML takes it for text, whatever is in it."""
    text = printable(text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Ink:
    """What has been drawn so far."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def __str__(self) -> str:
        return "".join(self._parts)

    @contextmanager
    def group(self, hint: str = "", look: str = "", **data: int | str | None) -> Iterator[None]:
        """Draw elements that belong together; a pointer on them shows the hint.

        What they stand for is said in attributes, such as ``data-step``.
        """
        given = f' class="{look}"' if look else ""
        said = "".join(f' data-{k}="{v}"' for k, v in data.items() if v is not None)
        self._parts.append(f"<g{given}{said}>")
        if hint:
            self._parts.append(f"<title>{escape(hint)}</title>")
        yield
        self._parts.append("</g>\n")

    def text(self, text: str, x: float, baseline: float, look: str = "") -> None:
        """Write a text around ``x``, or ending or starting there."""
        given = f' class="{look}"' if look else ""
        self._parts.append(f'<text x="{_n(x)}" y="{_n(baseline)}"{given}>{escape(text)}</text>')

    def shown(self, shown: Shown, x: float, top: float, look: str = "") -> None:
        """Write a value around ``x``, below ``top``."""
        if not shown.matrix:
            for i, row in enumerate(shown.rows):
                self.text(row[0], x, top + LINE * (i + 1) - 4, look)
            return
        width, height = shown_width(shown), shown_height(shown)
        left, right = x - width / 2, x + width / 2
        end = left + BRACKET
        for j, column in enumerate(columns(shown)):
            end += column + (CELL if j else 0)
            for i, row in enumerate(shown.rows):
                self.text(row[j], end, top + LINE * (i + 1) - 4, f"end {look}".strip())
        for side, inwards in ((left + 1, 4), (right - 1, -4)):
            self._parts.append(
                f'<path class="bracket" d="M{_n(side + inwards)} {_n(top + 1)}h{-inwards}'
                f'v{_n(height - 2)}h{inwards}"/>'
            )

    def path(self, look: str, pieces: list[tuple[float, float, float]]) -> None:
        """Draw level pieces, each joined to the next by a curve."""
        d = ""
        for i, (start, end, y) in enumerate(pieces):
            if i == 0:
                d = f"M{_n(start)} {_n(y)}"
            else:
                _, before, height = pieces[i - 1]
                if abs(height - y) < 0.05:
                    d += f"H{_n(start)}"
                else:
                    middle = _n((before + start) / 2)
                    d += f"C{middle} {_n(height)} {middle} {_n(y)} {_n(start)} {_n(y)}"
            # the last piece ends inside the arrow head
            d += f"H{_n(end - (_HEAD - 2) if i == len(pieces) - 1 > 0 else end)}"
        self._parts.append(f'<path class="{look}" d="{d}"/>')

    def head(self, look: str, x: float, y: float, direction: int) -> None:
        """Draw the head of an arrow that ends at ``x``: 1 to the right, -1 to the left."""
        back = -_HEAD * direction
        self._parts.append(f'<path class="{look}" d="M{_n(x)} {_n(y)}l{_n(back)} -3.8v7.6z"/>')

    def rectangle(
        self, look: str, x: float, y: float, width: float, height: float, radius: float
    ) -> None:
        """Draw a rectangle around its middle."""
        self._parts.append(
            f'<rect class="{look}" x="{_n(x - width / 2)}" y="{_n(y - height / 2)}" '
            f'width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}"/>'
        )

    def dot(self, x: float, y: float) -> None:
        """Draw the dot at which paths part."""
        self._parts.append(f'<circle class="dot" cx="{_n(x)}" cy="{_n(y)}" r="4"/>')


def _n(x: float) -> str:
    text = f"{x:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
