"""A sheet of predictions as PNG: each picture as it is, as the network sees it, what it is."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.cli.predictions import percent
from clearprop.extras import require
from clearprop.legible import legible_name

if TYPE_CHECKING:
    from clearprop.cli.predict_images import Image
    from clearprop.train import Predicted

_SIDE = 168  # pixels of a picture
_GAP = 20
_BARS = 220  # pixels of names, bars and numbers together
_CELL = (2 * _SIDE + _BARS + 4 * _GAP, _SIDE + 78)
_HEAD = 64
_LIKELIEST = 5
_MOST = 300  # pictures of one sheet
_PAPER, _INK, _PALE, _LINE = "#ffffff", "#1c1c1e", "#6b6b70", "#d9d9de"
_SURE, _UNSURE, _OTHER = "#3d5a80", "#b8620a", "#b9c2cf"  # bars; green would say "right"


def write_sheet(path: Path, images: Sequence[Image], found: Predicted, run: str) -> None:
    """Draw a sheet, and write it as PNG.

    Parameters
    ----------
    path : path
    images : sequence of Image
        At most 300 are drawn, and where there are more the sheet says so.
    found : Predicted
        What is predicted of them.
    run : str
        Its path, for the head.

    Raises
    ------
    OptionError
        It cannot be written.
    """
    from clearprop.cli.files import write_whole_bytes

    sheet = _drawn(images[:_MOST], found, run, len(images))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    write_whole_bytes(path, stream.getvalue())


def _drawn(images: Sequence[Image], found: Predicted, run: str, count: int) -> Any:
    pillow = require("PIL.Image", "train", "draws the sheet", "predict --look")
    pencils = require("PIL.ImageDraw", "train", "draws the sheet", "predict --look")
    columns = 1 if len(images) <= 3 else 2 if len(images) <= 24 else 4
    rows = math.ceil(len(images) / columns)
    sheet = pillow.new("RGB", (columns * _CELL[0], _HEAD + rows * _CELL[1]), _PAPER)
    draw = pencils.Draw(sheet)
    pens = _Pens(draw)
    shown = "1 picture" if count == 1 else f"{count:,} pictures"
    less = "" if len(images) == count else f", the first {len(images)} of them"
    pens.text((_GAP, 18), f"{shown}{less}, predicted by {run}", 18, _INK, sheet.width - 2 * _GAP)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        corner = (column * _CELL[0] + _GAP, _HEAD + row * _CELL[1])
        _draw_cell(sheet, draw, pens, corner, image, found.likeliest(number, _LIKELIEST))
    return sheet


def _draw_cell(
    sheet: Any,
    draw: Any,
    pens: _Pens,
    corner: tuple[int, int],
    image: Image,
    likeliest: Sequence[tuple[str, float]],
) -> None:
    pillow = require("PIL.Image", "train", "draws the sheet", "predict --look")
    left, top = corner
    draw.line((left, top, left + _CELL[0] - 2 * _GAP, top), _LINE)
    pens.text((left, top + 8), image.path, 14, _INK, _CELL[0] - 2 * _GAP, from_end=True)
    below = top + 54
    seen_left, bars_left = left + _SIDE + _GAP, left + 2 * (_SIDE + _GAP)
    width, height = image.size
    pens.text((left, top + 32), f"as it is, {width:,} × {height:,}", 12, _PALE, _SIDE)
    pens.text((seen_left, top + 32), "as the network sees it", 12, _PALE, _SIDE)
    is_small = max(image.size) * 3 < _SIDE  # its pixels are to be seen
    smooth, hard = pillow.Resampling.LANCZOS, pillow.Resampling.NEAREST
    _place(sheet, draw, image.picture, (left, below), hard if is_small else smooth)
    pixels = np.ascontiguousarray(image.seen.transpose(1, 2, 0))
    seen = pillow.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    _place(sheet, draw, seen, (seen_left, below), hard)
    if not likeliest:
        return
    (label, p), *_ = likeliest
    pens.text((bars_left, below - 6), label, 34, _SURE if p >= 0.5 else _UNSURE, _BARS)
    for place, (name, probability) in enumerate(likeliest):
        y = below + 48 + place * 24
        pens.text((bars_left, y), name, 14, _INK if place == 0 else _PALE, 60)
        length = round(probability * (_BARS - 138))
        colour = _OTHER if place else _SURE if p >= 0.5 else _UNSURE
        draw.rectangle((bars_left + 66, y + 3, bars_left + 66 + length, y + 14), colour)
        pens.text((bars_left + 66 + length + 8, y), percent(probability), 13, _PALE, 64)


def _place(sheet: Any, draw: Any, picture: Any, corner: tuple[int, int], how: Any) -> None:
    """Put a picture into its square, as large as it fits, in whole multiples where it is small."""
    scale = _SIDE / max(picture.size)
    if how == 0 and scale > 1:
        scale = math.floor(scale)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    left, top = corner[0] + (_SIDE - width) // 2, corner[1] + (_SIDE - height) // 2
    sheet.paste(picture.convert("RGB").resize((width, height), how), (left, top))
    draw.rectangle((left - 1, top - 1, left + width, top + height), outline=_LINE)


class _Pens:
    """Text in a font of many letters, that of Matplotlib; what is too long is shortened."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw
        self._fonts = require("PIL.ImageFont", "train", "draws the sheet", "predict --look")
        self._known: dict[int, Any] = {}

    def text(
        self,
        corner: tuple[int, int],
        text: str,
        size: int,
        colour: str,
        room: int,
        *,
        from_end: bool = False,
    ) -> None:
        """Write a line; of a path the end counts most."""
        font, text = self._font(size), legible_name(text)
        short = text
        while len(text) > 1 and self._draw.textlength(short, font) > room:
            text = text[1:] if from_end else text[:-1]
            short = f"…{text}" if from_end else f"{text}…"
        self._draw.text(corner, short, colour, font)

    def _font(self, size: int) -> Any:
        if size not in self._known:
            self._known[size] = self._made(size)
        return self._known[size]

    def _made(self, size: int) -> Any:
        try:
            import matplotlib

            return self._fonts.truetype(
                Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size
            )
        except (ImportError, OSError):  # Pillow's own has fewer letters
            return self._fonts.load_default(size)
