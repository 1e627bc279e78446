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

from clearprop.look import shades


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
    """Give weights as a data URI: orange above 0, blue below, nearly white at 0.

    Parameters
    ----------
    values : ndarray, shape (side * side,)
    largest : float
        What has the full colour.
    """
    side = side_of(values.size)
    return _data_uri(shades(values.reshape(side, side).astype(float) / (largest or 1.0)))


def _data_uri(image: npt.NDArray[np.uint8]) -> str:
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, image, format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
