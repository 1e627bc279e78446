"""Arrays as small images in a page: digits as they are, weights in two colours.

A pixel for each element: the page enlarges them.
"""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.look import LIGHT


def side_of(size: int) -> int:
    """Give the side of a square image of so many pixels; 0 where there is none.

    Examples
    --------
    >>> side_of(784), side_of(785)
    (28, 0)
    """
    side = math.isqrt(size)
    return side if side * side == size else 0


def digit(pixels: npt.NDArray[Any]) -> str:
    """Give a square image as a data URI: ink dark on white, as it was written.

    Parameters
    ----------
    pixels : ndarray, shape (side * side,)
        From 0, paper, to 1, ink.
    """
    side = side_of(pixels.size)
    shade = 255 - np.round(255 * np.clip(pixels.reshape(side, side), 0, 1)).astype(np.uint8)
    return _data_uri(np.repeat(shade[..., None], 3, axis=2))


def weights(values: npt.NDArray[Any], largest: float) -> str:
    """Give weights as a data URI: orange above 0, blue below, white at 0.

    Parameters
    ----------
    values : ndarray, shape (side * side,)
    largest : float
        What has the full colour.
    """
    side = side_of(values.size)
    part = values.reshape(side, side, 1).astype(float) / (largest or 1.0)
    up, down = (np.array(_rgb(LIGHT[name]), float) for name in ("backward", "forward"))
    white = np.full(3, 255.0)
    strength = np.clip(np.abs(part), 0, 1) ** 0.8  # small weights differ visibly from 0
    image = white + strength * (np.where(part > 0, up, down) - white)
    return _data_uri(np.round(image).astype(np.uint8))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _data_uri(image: npt.NDArray[np.uint8]) -> str:
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, image, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
