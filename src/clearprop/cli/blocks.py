"""Pictures in the letters of a terminal: each letter is two pixels, one above the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.style import Style
from rich.text import Text

_WIDEST = 56  # columns; a wider picture is made smaller


def blocks(image: npt.NDArray[np.uint8], *, colours: bool) -> list[Text]:
    """Draw an image of bytes, (1, H, W) or (3, H, W), in half-block letters.

    Parameters
    ----------
    image : ndarray of uint8
    colours : bool
        Whether each half of a letter has a colour of its own; otherwise it is there or not.

    Returns
    -------
    list of Text
        A line for two rows of pixels.

    Examples
    --------
    >>> image = np.array([[[0, 255, 255], [0, 0, 255], [255, 0, 0]]], np.uint8)
    >>> [line.plain for line in blocks(image, colours=False)]
    [' ▀█', '▀  ']
    """
    pixels = _smaller(image).transpose(1, 2, 0)
    if len(pixels) % 2:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[:1])])
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        line = Text()
        for above, below in zip(upper, lower, strict=True):
            if colours:
                line.append("▀", Style(color=_colour(above), bgcolor=_colour(below)))
            else:
                line.append(" ▀▄█"[(above.mean() > 127) + 2 * (below.mean() > 127)])
        lines.append(line)
    return lines


def _smaller(image: npt.NDArray[np.uint8]) -> Any:
    """Give the means of squares, where there are too many pixels."""
    factor = -(-image.shape[2] // _WIDEST)
    if factor == 1:
        return image
    channels, height, width = image.shape
    short = [-height % factor, -width % factor]
    padded = np.pad(image, [(0, 0), *((0, more) for more in short)], mode="edge")
    squares = padded.reshape(
        channels, (height + short[0]) // factor, factor, (width + short[1]) // factor, factor
    )
    return squares.mean(axis=(2, 4)).astype(np.uint8)


def _colour(pixel: Any) -> Color:
    red, green, blue = (int(level) for level in (pixel if len(pixel) == 3 else [pixel[0]] * 3))
    return Color.from_rgb(red, green, blue)
