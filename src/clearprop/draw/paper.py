"""The picture as PNG or PDF, by Matplotlib: its own font comes with it, wherever it runs."""

from __future__ import annotations

import io
import re
import warnings
from typing import Any
from xml.etree import ElementTree

from clearprop.draw.theme import style
from clearprop.extras import require

_TAG = "{http://www.w3.org/2000/svg}"
_MARGIN = re.compile(r"translate\((\S+) (\S+)\)")
_STEP = re.compile(r"([MHVCLhvlz])([^MHVCLhvlz]*)")


def rendered(svg: str, form: str, scale: float) -> bytes:
    """Turn one of our own pictures into a file, in its light colours.

    Parameters
    ----------
    svg : str
    form : str
        ``png`` or ``pdf``.
    scale : float
        Dots for each pixel of the picture, in a PNG.

    Raises
    ------
    MissingExtraError
        If Matplotlib is not installed.
    """
    require("matplotlib.figure", "pictures", f"draws {form.upper()}", who=f"to_{form}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D

    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    figure = Figure((width / 72, height / 72), dpi=72)
    FigureCanvasAgg(figure)
    to_page = Affine2D().scale(1 / width, -1 / height).translate(0, 1) + figure.transFigure
    looks = _looks()
    stack: list[tuple[Any, float, float]] = [(root, 0.0, 0.0)]
    while stack:
        element, dx, dy = stack.pop()
        tag = element.tag.removeprefix(_TAG)
        if tag in ("svg", "g"):
            moved = _MARGIN.match(element.get("transform", ""))
            if moved:
                dx, dy = dx + float(moved[1]), dy + float(moved[2])
            stack += [(child, dx, dy) for child in reversed(element)]
        elif tag in ("rect", "path", "circle", "text"):
            _draw(figure, element, tag, Affine2D().translate(dx, dy) + to_page, looks)
    file = io.BytesIO()
    metadata = {"CreationDate": None} if form == "pdf" else {"Software": None}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure.savefig(file, format=form, dpi=72 * scale, metadata=metadata)
    return file.getvalue()


def _looks() -> list[tuple[str, dict[str, str]]]:
    """Read the style sheet: for each class, or element, what it says."""
    found = []
    text = style().partition("@media")[0]
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        said = dict(part.split(":", 1) for part in body.split(";") if part)
        found += [(selector.split()[-1], said) for selector in selectors.split(",")]
    return found


def _draw(
    figure: Any, element: Any, tag: str, to_page: Any, looks: list[tuple[str, dict[str, str]]]
) -> None:
    from matplotlib.patches import PathPatch

    names = {tag, *(f".{name}" for name in (element.get("class") or "").split())}
    said: dict[str, str] = {}
    for selector, look in looks:
        if selector in names:
            said.update(look)
    if tag == "text":
        x, y = to_page.transform((float(element.get("x")), float(element.get("y"))))
        fx, fy = figure.transFigure.inverted().transform((x, y))
        size = said.get("font-size", "13px").removesuffix("px")
        side = {"end": "right", "start": "left"}.get(said.get("text-anchor", ""), "center")
        weight = "bold" if "font-weight" in said else "normal"
        figure.text(
            fx, fy, (element.text or "").replace("\n", " "), fontsize=float(size), ha=side,
            va="baseline", color=said["fill"], weight=weight, family="DejaVu Sans",
            parse_math=False,
        )  # fmt: skip
        return
    dashes = said.get("stroke-dasharray")
    stroke = said.get("stroke", "none")
    width = float(said.get("stroke-width", "1").removesuffix("px"))
    lines: Any = "solid"
    if dashes:
        lines = (0, tuple(float(part) / width for part in dashes.split()))
    figure.add_artist(
        PathPatch(
            _outline(element, tag),
            facecolor=said.get("fill", "none"),
            edgecolor=stroke,
            linewidth=width if stroke != "none" else 0,
            linestyle=lines,
            transform=to_page,
        )
    )


def _outline(element: Any, tag: str) -> Any:
    from matplotlib.patches import BoxStyle
    from matplotlib.path import Path

    if tag == "circle":
        middle = (float(element.get("cx")), float(element.get("cy")))
        return Path.circle(middle, float(element.get("r")))
    if tag == "rect":
        x, y = float(element.get("x", 0)), float(element.get("y", 0))
        w, h = float(element.get("width")), float(element.get("height"))
        radius = min(float(element.get("rx", 0)), w / 2, h / 2)
        return BoxStyle.Round(pad=0, rounding_size=radius)(x, y, w, h, 1)
    points: list[tuple[float, float]] = []
    codes: list[Any] = []
    x = y = 0.0
    for letter, text in _STEP.findall(element.get("d")):
        n = [float(part) for part in text.replace(",", " ").replace("-", " -").split()]
        if letter == "z":
            points.append(points[0])
            codes.append(Path.CLOSEPOLY)
            continue
        if letter == "C":
            points += [(n[0], n[1]), (n[2], n[3]), (n[4], n[5])]
            codes += [Path.CURVE4] * 3
            x, y = n[4], n[5]
            continue
        match letter:
            case "M":
                x, y = n
            case "H":
                x = n[0]
            case "V":
                y = n[0]
            case "h":
                x += n[0]
            case "v":
                y += n[0]
            case "l":
                x, y = x + n[0], y + n[1]
        points.append((x, y))
        codes.append(Path.MOVETO if letter == "M" else Path.LINETO)
    return Path(points, codes)
