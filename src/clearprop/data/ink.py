"""From a picture of a digit to the ink alone: how much of it there is in each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

_WORK = 1024  # pixels of the longer side in which ink is looked for
_CONTRAST = 24  # of 255, from which on something is no noise of the paper
_FAINT, _FULL = 0.12, 0.88  # of the way from paper to ink: less is paper, more is ink
_IN_BOX = 0.35  # from here on it is part of what is cut out


def cut_out(picture: Any) -> Floats | None:
    """Amount of ink, from 0 to 1, in the smallest rectangle that holds all of it.

    Ink is what is unlike the paper, whether it is darker, lighter or of another colour. The paper
    is seen at the border of the picture, and may be lighter on one side than on the other.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of mode RGB.

    Returns
    -------
    ndarray of float32, shape (h, w), or None
        None where the picture is blank.
    """
    factor = -(-max(picture.size) // _WORK)
    small = picture.reduce(factor) if factor > 1 else picture
    amount = _amount(np.asarray(small, np.float32))
    if amount is None:
        return None
    top, bottom, left, right = box = _box(amount)
    if factor > 1:  # a small digit on a large sheet is looked at again, from near
        margin = 2 + max(bottom - top, right - left) // 4
        near = picture.crop(_grown(box, margin, factor, picture.size))
        if max(near.size) <= max(picture.size) * 3 // 4:
            return cut_out(near)
    return amount[top:bottom, left:right]


def _amount(rgb: Floats) -> Floats | None:
    """How far each pixel is on the way from the colour of the paper to that of the ink."""
    unlike = rgb - _paper(rgb)
    distance = np.abs(unlike).max(axis=-1)
    ink = unlike[distance >= 0.6 * distance.max()].mean(axis=0)
    if np.abs(ink).max() < _CONTRAST:
        return None
    way = unlike @ ink / (ink @ ink)
    amount: Floats = np.clip((way - _FAINT) / (_FULL - _FAINT), 0, 1).astype(np.float32)
    return amount


def _paper(rgb: Floats) -> Floats:
    """The colour of the paper at each pixel: a plane through the border, ink left out."""
    height, width = rgb.shape[:2]
    thick = max(1, min(height, width) // 20)
    border = np.ones((height, width), bool)
    border[thick : height - thick, thick : width - thick] = False
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width))
    places = np.stack(np.broadcast_arrays(np.float32(1), x[None, :], y[:, None]), axis=-1)
    seen, where = rgb[border], places[border]
    paper = np.zeros((3, 3), np.float32)
    paper[0] = np.median(seen, axis=0)
    for near in (48, 16):  # of 255: first what differs by light, then what differs by noise
        like = np.abs(seen - where @ paper).max(axis=-1) <= near
        if like.sum() < max(8, len(seen) // 4):  # too little to tell light from ink
            break
        paper = np.linalg.lstsq(where[like], seen[like], rcond=None)[0]
    return places @ paper


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
