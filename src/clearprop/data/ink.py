"""From a picture of a digit to the ink alone: how much of it there is in each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.extras import require

Floats = npt.NDArray[np.floating[Any]]

_WORK = 1024  # pixels of the longer side in which ink is looked for
_CONTRAST = 24  # of 255, from which on something is no noise of the paper
_FAINT, _FULL = 0.12, 0.88  # of the way from paper to ink: less is paper, more is ink
_IN_BOX = 0.35  # from here on it is part of what is cut out
_LINE = 10  # of 255, from which on a line of a copybook is one
_SHEET = 0.6  # of what is cut out is full, where it is a sheet of paper and no digit
_TABLE = 0.97  # of an edge of a sheet is full, where it is all paper
_LEAST_SHEET = 48  # pixels of the shorter side; what is smaller is a thick digit
_GRAIN = 300  # of the longer side is this part the grain of a picture: finer than a stroke


def cut_out(picture: Any, *, in_sheet: bool = False) -> Floats | None:
    """Amount of ink, from 0 to 1, in the smallest rectangle that holds all of it.

    Ink is what is unlike the paper, whether it is darker, lighter or of another colour. The paper
    is seen at the border of the picture, and may be lighter on one side than on the other, or in
    the middle. Lines across the whole picture, as of a copybook, are paper; and so is a sheet that
    lies on a table, where there is ink in it.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of mode RGB.
    in_sheet : bool
        Whether it is what is inside a sheet on a table.

    Returns
    -------
    ndarray of float32, shape (h, w), or None
        None where the picture is blank.
    """
    filters = require("PIL.ImageFilter", "train", "reads pictures", "read_image")
    factor = -(-max(picture.size) // _WORK)
    small = picture.reduce(factor) if factor > 1 else picture
    blurred = small.filter(filters.GaussianBlur(max(small.size) / _GRAIN))
    amount = _amount(np.asarray(blurred, np.float32))
    if amount is None:
        return None
    top, bottom, left, right = box = _box(amount)
    if not in_sheet and (sheet := _sheet(amount, box)) is not None:
        inside = cut_out(picture.crop(_grown(sheet, 0, factor, picture.size)), in_sheet=True)
        if inside is not None:
            return inside
    if factor > 1:  # a small digit on a large sheet is looked at again, from near
        margin = 2 + max(bottom - top, right - left) // 4
        near = picture.crop(_grown(box, margin, factor, picture.size))
        if max(near.size) <= max(picture.size) * 3 // 4:
            return cut_out(near, in_sheet=in_sheet)
    return amount[top:bottom, left:right]


def _amount(rgb: Floats) -> Floats | None:
    """How far each pixel is on the way from the colour of the paper to that of the ink."""
    unlike = _without_lines(rgb - _paper(rgb))
    distance = np.abs(unlike).max(axis=-1)
    ink = unlike[distance >= 0.6 * distance.max()].mean(axis=0)
    if np.abs(ink).max() < _CONTRAST:
        return None
    way = unlike @ ink / (ink @ ink)
    amount: Floats = np.clip((way - _FAINT) / (_FULL - _FAINT), 0, 1).astype(np.float32)
    return amount


def _paper(rgb: Floats) -> Floats:
    """The colour of the paper at each pixel: a quadratic through the border, ink left out."""
    height, width = rgb.shape[:2]
    thick = max(1, min(height, width) // 20)
    border = np.ones((height, width), bool)
    border[thick : height - thick, thick : width - thick] = False
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width))
    x, y = x[None, :], y[:, None]
    terms = np.broadcast_arrays(np.float32(1), x, y, x * x, x * y, y * y)
    places = np.stack(terms, axis=-1)
    seen, where = rgb[border], places[border]
    paper = np.zeros((6, 3), np.float32)
    paper[0] = np.median(seen, axis=0)
    # of 255: first what differs by light, then what differs by noise; first a plane
    for near, count in ((48, 3), (48, 6), (16, 6)):
        like = np.abs(seen - where @ paper).max(axis=-1) <= near
        if like.sum() < max(8 if count == 3 else 32, len(seen) // 4):  # too little to tell
            break
        paper[:count] = np.linalg.lstsq(where[like][:, :count], seen[like], rcond=None)[0]
    return places @ paper


def _without_lines(unlike: Floats) -> Floats:
    """Make lines that go across the whole picture paper, as those of a copybook."""
    rows, columns = _lines(unlike), _lines(unlike.transpose(1, 0, 2))
    for line in (rows[:, None], columns[None, :]):
        near = np.abs(line).max(axis=-1, keepdims=True) / 2
        like = np.abs(unlike - line).max(axis=-1, keepdims=True) <= near
        unlike = np.where(like, np.float32(0), unlike)  # where there is no line, nothing changes
    on_row, on_column = np.asarray(rows.any(axis=1)), np.asarray(columns.any(axis=1))
    cross = on_row[:, None, None] & on_column[None, :, None]
    return np.where(cross, np.float32(0), unlike)


def _lines(across: Floats) -> Floats:
    """Give what a line across has at each row, 0 where there is none: shape (rows, 3)."""
    edge = max(1, across.shape[1] // 12)
    if across.shape[1] < 3 * edge:
        return np.zeros_like(across[:, 0])
    parts = [*np.array_split(across, 5, axis=1), across[:, :edge], across[:, -edge:]]
    levels = np.stack([np.median(part, axis=1) for part in parts])
    sizes = np.abs(levels).max(axis=-1)
    weakest = sizes.argmin(axis=0)  # there is as much everywhere
    line = levels[weakest, np.arange(len(across))]
    found: Floats = np.where(sizes.min(axis=0)[:, None] >= _LINE, line, np.float32(0))
    return found


def _sheet(amount: Floats, box: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """Give what is inside a sheet that lies on a table, where that is what stands out."""
    top, bottom, left, right = box
    height, width = amount.shape
    full = amount[top:bottom, left:right] > 0.5
    least_height, least_width = (max(_LEAST_SHEET, 0.4 * side) for side in (height, width))
    is_large = bottom - top >= least_height and right - left >= least_width
    if not is_large or full.mean() < _SHEET:
        return None
    while min(bottom - top, right - left) > 8:
        edges = [
            amount[top, left:right],
            amount[bottom - 1, left:right],
            amount[top:bottom, left],
            amount[top:bottom, right - 1],
        ]
        whole = [float((edge > 0.5).mean()) for edge in edges]
        worst = int(np.argmin(whole))
        if whole[worst] >= _TABLE:
            break
        top, left = top + (worst == 0), left + (worst == 2)
        bottom, right = bottom - (worst == 1), right - (worst == 3)
    is_worth = bottom - top >= 0.4 * full.shape[0] and right - left >= 0.4 * full.shape[1]
    edge = max(2, min(bottom - top, right - left) // 40)  # of the sheet, where it is unsharp
    return (top + edge, bottom - edge, left + edge, right - edge) if is_worth else None


def _box(amount: Floats) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the ink; a pixel without a neighbour is a speck."""
    ink = amount > _IN_BOX
    around = np.pad(ink.astype(np.int8), 1)
    neighbours = sum(
        around[y : y + ink.shape[0], x : x + ink.shape[1]] for y in range(3) for x in range(3)
    )
    joined = ink & (neighbours > 1)
    ink = joined if joined.any() else ink
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _grown(
    box: tuple[int, int, int, int], margin: int, factor: int, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box with a margin around it, in the pixels of the whole."""
    top, bottom, left, right = box
    return (
        max(0, (left - margin) * factor),
        max(0, (top - margin) * factor),
        min(size[0], (right + margin) * factor),
        min(size[1], (bottom + margin) * factor),
    )
